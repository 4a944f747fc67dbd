//! Which practice a call is for, and who calls (RFC 3261 §8.1.1, RFC 5806, RFC 7044, RFC 3325, RFC 3323).
//!
//! The numbers that a call names, most telling first: the one that was dialled last, then those it was
//! forwarded from, the latest forwarding first, then the one that was dialled in the beginning. The
//! first that belongs to a practice wins; else the first that is shared by all.
//!
//! `Diversion` begins with the latest forwarding (RFC 5806 §4.1), `History-Info` with the oldest, told by
//! its indexes (RFC 7044 §10.2); that one's last entry is mostly the Request-URI itself. Where both are
//! there, gateways have mostly written one from the other (RFC 7544), and `Diversion` comes first: each of
//! its entries did forward the call, while `History-Info` also tells of targets that did not. What its
//! entries say besides (`mp`, `rc`, `np`, causes, escaped `Reason` and `Privacy`) decides nothing: a
//! number that belongs to a practice is why we were called, however it got there.

use std::collections::BTreeMap;

use acd::PracticeId;
use sip::{HeaderName, Message, NameAddr, Params, Uri};

use crate::limits::{FORWARDINGS_MAX, IDENTITIES_MAX};
use crate::number::E164;
use crate::numbering::Numbering;
use crate::record::CallerNumber;

/// The number that a call is for, and whose it is: for a shared one, who takes the calls that name nobody.
/// `Err` holds the dialled one, where none is ours.
pub(crate) type Route = Result<(E164, PracticeId), Option<E164>>;

/// Which practice a call is for, by its trunk's `numbering`.
pub(crate) fn practice(
    invite: &Message,
    numbering: &Numbering,
    numbers: &BTreeMap<E164, PracticeId>,
    shared: &BTreeMap<E164, PracticeId>,
) -> Route {
    let dialled = invite.uri().ok().and_then(|uri| number_of(&uri, numbering));
    let to = invite.to().ok().and_then(|address| number_at(&address, numbering));
    let named: Vec<E164> =
        dialled.into_iter().chain(forwardings(invite, numbering)).chain(to).collect();
    let find = |whose: &BTreeMap<E164, PracticeId>| {
        named.iter().find_map(|number| Some((*number, *whose.get(number)?)))
    };
    find(numbers).or_else(|| find(shared)).ok_or(dialled)
}

/// The numbers that the call was forwarded from, the latest first.
fn forwardings(invite: &Message, numbering: &Numbering) -> Vec<E164> {
    let diversions = invite
        .values(HeaderName::Diversion)
        .take(FORWARDINGS_MAX)
        .filter_map(|value| NameAddr::read(value).ok())
        .filter_map(|address| number_at(&address, numbering));
    diversions.chain(history(invite, numbering)).collect()
}

/// Whether an INVITE says that it was forwarded from this number.
pub(crate) fn came_by(invite: &Message, numbering: &Numbering, number: E164) -> bool {
    forwardings(invite, numbering).contains(&number)
}

/// Whether another phone rang for this call before, and nobody answered: the `reason` of `Diversion` (RFC
/// 5806 §4), the `cause` of `History-Info` (RFC 4458 §2, RFC 7544 §5: 408).
pub(crate) fn has_rung(invite: &Message) -> bool {
    let diverted = invite
        .values(HeaderName::Diversion)
        .take(FORWARDINGS_MAX)
        .filter_map(|value| NameAddr::read(value).ok())
        .any(|entry| {
            entry.params.get("reason").is_some_and(|it| is_word(it.as_bytes(), "no-answer"))
        });
    diverted
        || invite
            .values(HeaderName::HistoryInfo)
            .take(FORWARDINGS_MAX)
            .filter_map(|value| NameAddr::read(value).ok())
            .any(|entry| entry.address().is_ok_and(|uri| uri.params.get("cause") == Some("408")))
}

/// `History-Info`, the latest entry first.
fn history(invite: &Message, numbering: &Numbering) -> Vec<E164> {
    let count = invite.values(HeaderName::HistoryInfo).count();
    let mut entries: Vec<(Option<Vec<u32>>, E164)> = invite
        .values(HeaderName::HistoryInfo)
        .skip(count.saturating_sub(FORWARDINGS_MAX))
        .filter_map(|value| NameAddr::read(value).ok())
        .filter_map(|entry| Some((index(&entry.params), number_at(&entry, numbering)?)))
        .collect();
    // Entries that somebody added without an index stand where they belong.
    if entries.iter().all(|(index, _)| index.is_some()) {
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
    entries.into_iter().rev().map(|(_, number)| number).collect()
}

/// `1.2.1`: a tree in the order of time (RFC 7044 §5).
fn index(params: &Params<'_>) -> Option<Vec<u32>> {
    params.get("index")?.split('.').map(|part| part.parse().ok()).collect()
}

/// Who calls: `P-Asserted-Identity`, which a trunk is trusted with (RFC 3325 §5), else `Remote-Party-ID`,
/// which older gateways send in its place, else `From`; withheld where the caller asks for it.
pub(crate) fn caller(invite: &Message, numbering: &Numbering) -> CallerNumber {
    let wishes = Wishes::read(invite);
    if wishes.hides || (is_anonymous(invite) && !wishes.shows) {
        return CallerNumber::Withheld;
    }
    let addresses = |name| {
        invite.values(name).take(IDENTITIES_MAX).filter_map(|value| NameAddr::read(value).ok())
    };
    let asserted = addresses(HeaderName::PAssertedIdentity)
        .chain(addresses(HeaderName::RemotePartyId).filter(is_calling))
        .find_map(|address| number_at(&address, numbering));
    if let Some(number) = asserted {
        return CallerNumber::Known(number);
    }
    let Ok(from) = invite.from() else {
        return CallerNumber::Withheld;
    };
    if let Some(number) = number_at(&from, numbering) {
        return CallerNumber::Known(number);
    }
    match from.user() {
        Some(user) if !is_nobody(&from) => CallerNumber::Other(shown(&user)),
        Some(_) | None => CallerNumber::Withheld,
    }
}

/// What `Privacy` (RFC 3323 §4.2) and the `privacy` of `Remote-Party-ID` ask.
struct Wishes {
    /// Of the number: `id`, `user` and `header`, and `critical`, which makes any wish a condition.
    hides: bool,
    /// `none`: what `From` looks like was not the caller's wish.
    shows: bool,
}

impl Wishes {
    fn read(invite: &Message) -> Self {
        let asks = |wishes: &[&str]| {
            invite
                .headers(HeaderName::Privacy)
                .flat_map(|value| value.split(|&byte| byte == b';' || byte == b','))
                .any(|value| wishes.iter().any(|wish| is_word(value, wish)))
        };
        let old = invite
            .values(HeaderName::RemotePartyId)
            .take(IDENTITIES_MAX)
            .filter_map(|value| NameAddr::read(value).ok())
            .filter(is_calling)
            .filter_map(|address| address.params.get("privacy"))
            .any(|wish| ["full", "uri"].iter().any(|hides| is_word(wish.as_bytes(), hides)));
        Self { hides: old || asks(&["id", "user", "header", "critical"]), shows: asks(&["none"]) }
    }
}

fn is_word(value: &[u8], word: &str) -> bool {
    value.trim_ascii().eq_ignore_ascii_case(word.as_bytes())
}

/// A `Remote-Party-ID` may also be of who is called.
fn is_calling(address: &NameAddr<'_>) -> bool {
    address.params.get("party").is_none_or(|party| party.eq_ignore_ascii_case("calling"))
}

/// A From as RFC 3323 §4.1.1.3 wants it of who hides, or as networks make it.
fn is_anonymous(invite: &Message) -> bool {
    let Ok(from) = invite.from() else { return false };
    let hides = |text: &str| text.eq_ignore_ascii_case("anonymous");
    from.user().is_some_and(|user| hides(&user))
        || from.address().is_ok_and(|uri| uri.host.eq_ignore_ascii_case("anonymous.invalid"))
        || from.display_name().is_some_and(|name| hides(&name))
}

/// An address under `.invalid`, as networks write it of who is not known.
fn is_nobody(address: &NameAddr<'_>) -> bool {
    address.address().is_ok_and(|uri| uri.host.to_ascii_lowercase().ends_with(".invalid"))
}

/// At most 32 printable characters: this reaches a phone's display.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(32).collect()
}

fn number_at(address: &NameAddr<'_>, numbering: &Numbering) -> Option<E164> {
    number_of(&address.address().ok()?, numbering)
}

fn number_of(uri: &Uri<'_>, numbering: &Numbering) -> Option<E164> {
    let user = uri.user_decoded()?;
    // A telephone-subscriber in a SIP URI has its own parameters (RFC 3261 §19.1.6).
    let mut parts = user.split(';');
    let number = parts.next()?;
    let context = parts
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("phone-context"))
        .map(|(_, context)| context)
        .or_else(|| uri.params.get("phone-context"));
    numbering.read_subscriber(number, context).ok()
}

#[cfg(test)]
mod tests;

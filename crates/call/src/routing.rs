//! Which practice a call is for, and who calls (RFC 3261 §8.1.1, RFC 5806, RFC 3325, RFC 3323).

use std::collections::BTreeMap;

use acd::PracticeId;
use sip::{HeaderName, Message, NameAddr, Uri};

use crate::number::E164;
use crate::record::CallerNumber;

/// The dialled number that belongs to a practice: the Request-URI's, else that of a `Diversion`, the
/// most recent first, else the `To`'s. `Err` holds the number that nobody has.
pub(crate) fn practice(
    invite: &Message,
    numbers: &BTreeMap<E164, PracticeId>,
) -> Result<(E164, PracticeId), Option<E164>> {
    let dialled = invite.uri().ok().and_then(|uri| number_of(&uri));
    let diverted = invite
        .values(HeaderName::Diversion)
        .filter_map(|value| NameAddr::read(value).ok())
        .filter_map(|address| number_at(&address));
    let to = invite.to().ok().and_then(|address| number_at(&address));
    dialled
        .into_iter()
        .chain(diverted)
        .chain(to)
        .find_map(|number| numbers.get(&number).map(|&practice| (number, practice)))
        .ok_or(dialled)
}

/// Who calls: `P-Asserted-Identity`, else `From`; withheld where the caller asks for it. The trunk is
/// trusted (RFC 3325 §5).
pub(crate) fn caller(invite: &Message) -> CallerNumber {
    let asks = |wish: &[u8]| {
        invite
            .headers(HeaderName::Privacy)
            .flat_map(|value| value.split(|&byte| byte == b';' || byte == b','))
            .any(|value| value.trim_ascii().eq_ignore_ascii_case(wish))
    };
    if asks(b"id") || asks(b"user") || (is_anonymous(invite) && !asks(b"none")) {
        return CallerNumber::Withheld;
    }
    let asserted = invite
        .values(HeaderName::PAssertedIdentity)
        .filter_map(|value| NameAddr::read(value).ok())
        .find_map(|address| number_at(&address));
    if let Some(number) = asserted {
        return CallerNumber::Known(number);
    }
    let Ok(from) = invite.from() else {
        return CallerNumber::Withheld;
    };
    if let Some(number) = number_at(&from) {
        return CallerNumber::Known(number);
    }
    let Ok(uri) = Uri::read_str(from.uri) else {
        return CallerNumber::Withheld;
    };
    uri.user_decoded().map_or(CallerNumber::Withheld, |user| CallerNumber::Other(shown(&user)))
}

/// A From as RFC 3323 §4.1.1.3 wants it of who hides.
fn is_anonymous(invite: &Message) -> bool {
    let from = invite.from().ok().and_then(|from| Uri::read_str(from.uri).ok());
    from.is_some_and(|uri| {
        uri.host.eq_ignore_ascii_case("anonymous.invalid")
            || uri.user.is_some_and(|user| user.eq_ignore_ascii_case("anonymous"))
    })
}

/// At most 32 printable characters: this reaches a phone's display.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(32).collect()
}

fn number_at(address: &NameAddr<'_>) -> Option<E164> {
    number_of(&Uri::read_str(address.uri).ok()?)
}

fn number_of(uri: &Uri<'_>) -> Option<E164> {
    let user = uri.user_decoded()?;
    // A telephone-subscriber in a SIP URI has its own parameters (RFC 3261 §19.1.6).
    let number = user.split(';').next().unwrap_or_default();
    E164::read(number).or_else(|_| E164::read_bare(number)).ok()
}

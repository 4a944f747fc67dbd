//! A caller who is sent to somebody else than a secretary: to a phone of the practice that registers
//! here, or by a trunk to a number outside.
//!
//! Who answers a number outside may be a voicemail box, which would swallow the caller. So he stays
//! unanswered while it hears that a caller waits, until the key 1 says that there is a human; the
//! scheduler's deadline ends the asking like any ringing, but leaves who picks up at its end the time to hear
//! the question and to press. Numbers where no box can be need no key, and a
//! phone of the practice needs none.
//!
//! A number outside may itself be forwarded to us, so that a caller's own call comes back while that number
//! rings for him. One that says so (it names that number as the one it was forwarded from, RFC 5806 or RFC
//! 7044, and shows what we showed there) is an echo: it is refused, and the forwarding with it. Where a
//! network strips that, an echo looks like a second caller from behind the same switchboard, who must not
//! lose his call. He is let in, and skips as busy what rings for his like already: a loop is cut after one
//! round, and costs at most one more call for each number that it goes over. A phone that registers here
//! sends nothing back: it is rung whoever calls.

use std::net::SocketAddr;
use std::time::Duration;

use acd::{CallerId, LineId, Miss, OfferId, PhoneId, PracticeId, Target};
use sip::{DialogKey, Flow, HeaderName, Identity, Instant, Message, Method};

use super::Engine;
use super::offer::Way;
use crate::action::Notice;
use crate::calls::{Call, Callee, RungLeg, RungLegState, Speech, Stage};
use crate::config::{ForwardedBy, Forwarding, Outbound, TrunkId};
use crate::media::Playing;
use crate::number::E164;
use crate::record::{CallerNumber, OfferOutcome};
use crate::routing;
use crate::timers::Role;

/// An operator who has sent no 1xx by then is not there: time for three of four copies of our INVITE on
/// UDP (RFC 3261 §17.1.1.2). How long it may ring is the plan's.
pub(super) const TRUNK_PATIENCE: Duration = Duration::from_secs(4);
/// What he who picks up has to hear the question without a prompt, and to find the key afterwards.
const QUESTION: Duration = Duration::from_secs(6);
const TIME_TO_PRESS: Duration = Duration::from_secs(6);
/// What says that there is a human.
const ACCEPTS: char = '1';

impl Engine {
    pub(super) fn forward(&mut self, now: Instant, offer: OfferId, target: Target) {
        if !self.state.calls.contains_key(&offer.caller) {
            return;
        }
        let who = Callee::Target(target);
        if self.rings_for_his_like(offer.caller, target) {
            return self.came_to_nothing(now, offer, who, OfferOutcome::Busy);
        }
        let way = match target {
            Target::Phone(phone) => self.way_to_phone(offer.caller, phone),
            Target::Line(line) => self.way_to_line(offer.caller, line),
        };
        let launched = match way {
            Some(way) => self.launch(now, offer, who, way),
            None => Err(OfferOutcome::Unreachable),
        };
        if let Err(outcome) = launched {
            self.came_to_nothing(now, offer, who, outcome);
        }
    }

    fn way_to_phone(&self, caller: CallerId, phone: PhoneId) -> Option<Way> {
        let user = &self.config.phones.get(&phone)?.user;
        let way = self.way_to_user(caller, user);
        if way.is_none() {
            let call = self.state.calls[&caller].reference;
            tracing::info!(%call, phone = phone.0, "a phone to forward to is not registered");
        }
        way
    }

    /// `None`: no operator takes the call, or nobody's number is meant.
    fn way_to_line(&self, caller: CallerId, line: LineId) -> Option<Way> {
        let call = &self.state.calls[&caller];
        let number = E164::of_line(line);
        if number.is_short() {
            tracing::error!(call = %call.reference, "a plan forwards to a short code: not dialled");
            return None;
        }
        let forwarding = self.forwarding_of(call);
        let trunk = forwarding.and_then(|it| it.trunk).unwrap_or(call.trunk);
        let known = self.config.trunks.get(&trunk);
        let Some(outbound) = known.and_then(|trunk| trunk.outbound.as_ref()) else {
            let name = known.map_or("", |trunk| trunk.name.as_str());
            tracing::warn!(call = %call.reference, trunk = name, "a trunk that takes no calls of ours");
            return None;
        };
        let to = outbound.to;
        let Some(flow) = self.flow_to(outbound, call.leg.flow.local) else {
            tracing::warn!(call = %call.reference, %to, "not of the IP version that the caller came by");
            return None;
        };
        let request_uri = uri_at(&number.to_string(), to);
        let by = forwarding.and_then(|it| it.number).unwrap_or(call.dialled);
        let Presented { from, shown, headers } = self.presented(call, outbound, by, &request_uri);
        Some(Way {
            flow,
            to: Identity { display: None, uri: request_uri.clone() },
            request_uri,
            from,
            headers,
            shown,
            patience: TRUNK_PATIENCE,
            asks: !forwarding.is_some_and(|it| it.no_key.contains(&number)),
        })
    }

    /// To where a trunk takes our calls, from an address of ours that can reach it: `near` if that is one.
    /// `None`: none of them can, or our voice cannot.
    pub(super) fn flow_to(&self, outbound: &Outbound, near: SocketAddr) -> Option<Flow> {
        let &Outbound { transport, to: remote, forwarded_by: _ } = outbound;
        let voice = self.state.ports.address();
        if voice.is_some_and(|voice| voice.is_ipv4() != remote.is_ipv4()) {
            return None;
        }
        let ours = self.config.locals.iter().filter(|(it, _)| *it == transport);
        let mut fitting =
            ours.map(|(_, local)| *local).filter(|it| it.is_ipv4() == remote.is_ipv4());
        let is_fitting = match self.config.locals.is_empty() {
            true => near.is_ipv4() == remote.is_ipv4(),
            false => fitting.clone().any(|it| it == near),
        };
        let local = if is_fitting { near } else { fitting.next()? };
        Some(Flow { transport, local, remote, connection: 0 })
    }

    /// Of the practice whose plan he follows.
    fn forwarding_of(&self, call: &Call) -> Option<&Forwarding> {
        self.config.practices.get(&call.acting).map(|practice| &practice.forwarding)
    }

    /// Who calls, as an operator may show it. The caller's own number passes only where the call says who
    /// forwards it; what he hides stays hidden.
    fn presented(&self, call: &Call, outbound: &Outbound, by: E164, target: &str) -> Presented {
        let at_us = |number: E164| format!("sip:{number}@{}", self.config.realm);
        let header = |name: HeaderName, value: String| (name.as_str().to_owned(), value);
        let is_told = match outbound.forwarded_by {
            ForwardedBy::Diversion | ForwardedBy::HistoryInfo => true,
            ForwardedBy::Nothing => false,
        };
        let hides = is_told && call.caller == CallerNumber::Withheld;
        let shown = match call.caller {
            CallerNumber::Known(number) if is_told => number,
            CallerNumber::Known(_) | CallerNumber::Withheld | CallerNumber::Other(_) => by,
        };
        // What is asserted of who hides is the line that forwards him: his own number we do not know.
        let asserted = header(HeaderName::PAssertedIdentity, format!("<{}>", at_us(shown)));
        let mut headers = vec![asserted];
        if hides {
            headers.push(header(HeaderName::Privacy, "id".to_owned()));
        }
        match outbound.forwarded_by {
            ForwardedBy::Diversion => {
                let value = format!("<{}>;reason=unconditional;counter=1", at_us(by));
                headers.push(header(HeaderName::Diversion, value));
            }
            // RFC 7044 §5; the cause of RFC 4458: unconditional.
            ForwardedBy::HistoryInfo => {
                let value = format!("<{}>;index=1, <{target};cause=302>;index=1.1;mp=1", at_us(by));
                headers.push(header(HeaderName::HistoryInfo, value));
            }
            ForwardedBy::Nothing => {}
        }
        let uri = if hides { "sip:anonymous@anonymous.invalid".to_owned() } else { at_us(shown) };
        let display = hides.then(|| "Anonymous".to_owned());
        Presented { from: Identity { display, uri }, shown: (!hides).then_some(shown), headers }
    }

    /// Something answered where a key is wanted: it is confirmed, and hears the question.
    pub(super) fn ask(&mut self, now: Instant, offer: OfferId, speech: Speech, offered: u8) {
        let leg = self.state.rung_legs.get_mut(&offer).expect("the caller found it");
        // RFC 3264 §5.1: what comes to us has our number; some send their own.
        let theirs = speech.telephone_event.filter(|&theirs| theirs != offered);
        let keys = std::iter::once(offered).chain(theirs).collect();
        let (dialog, who) = (leg.dialog, leg.who);
        leg.state = RungLegState::Asked { speech, keys };
        if let Err(misuse) = self.state.endpoint.ack(now, dialog, None) {
            tracing::warn!(%misuse, "an answer could not be confirmed");
        }
        self.order_rung_media(offer);
        let asked_for = self.question_length(offer) + TIME_TO_PRESS;
        self.inform(now, acd::Input::PickedUp { offer, asked_for });
        if let (Callee::Target(target), Some(call)) = (who, self.state.calls.get(&offer.caller)) {
            let call = call.reference;
            self.notice(Notice::TargetAsked { call, target });
        }
    }

    /// Of a question that is beeps there is no end: as long as a short sentence.
    fn question_length(&self, offer: OfferId) -> Duration {
        let call = self.state.calls.get(&offer.caller);
        let prompt = call.and_then(|call| self.forwarding_of(call)).and_then(|it| it.accept);
        let prompt = prompt.and_then(|prompt| self.config.prompts.get(&prompt));
        prompt.map_or(QUESTION, |prompt| prompt.duration)
    }

    /// What he hears who is to press 1.
    pub(super) fn question(&self, call: &Call) -> Playing {
        let prompt = self.forwarding_of(call).and_then(|it| it.accept);
        match prompt.filter(|prompt| self.config.prompts.contains_key(prompt)) {
            Some(prompt) => Playing::Prompt { prompt, repeat: true },
            None => Playing::Confirmed,
        }
    }

    /// A key of somebody who was asked for one, however it came.
    pub(super) fn key_pressed(&mut self, now: Instant, role: Role, key: char) {
        match role {
            Role::Rung(offer) => self.asked_pressed(now, offer, key),
            Role::Caller(caller) => self.caller_pressed(now, caller, key),
            Role::Code(_) | Role::Emergency(_) | Role::Centre(_) => {}
        }
    }

    /// Another than 1 is a slip.
    fn asked_pressed(&mut self, now: Instant, offer: OfferId, key: char) {
        let state = self.state.rung_legs.get(&offer).map(|leg| &leg.state);
        if let Some(RungLegState::Asked { .. }) = state
            && key == ACCEPTS
        {
            self.inform(now, acd::Input::Answered { offer });
        }
    }

    /// The key in an INFO of who is asked for one.
    pub(super) fn key_in(&self, dialog: DialogKey, message: &Message) -> Option<(Role, char)> {
        let role = *self.state.dialogs.get(&dialog)?;
        let is_asked = match role {
            Role::Rung(offer) => {
                let leg = self.state.rung_legs.get(&offer)?;
                matches!(leg.state, RungLegState::Asked { .. })
            }
            Role::Caller(caller) => {
                let stage = self.state.calls.get(&caller)?.stage;
                matches!(stage, Stage::Announced { urgent_key: Some(_), .. })
            }
            Role::Code(_) | Role::Emergency(_) | Role::Centre(_) => false,
        };
        let is_info = message.method() == Method::Info;
        (is_asked && is_info).then(|| Some((role, key_of(message)?)))?
    }

    /// Of our legs to numbers outside, the one that this call is the echo of: for the same practice, from
    /// the number that we show there, while it rings, forwarded from there by its own word.
    pub(super) fn echoed(
        &self,
        trunk: TrunkId,
        practice: PracticeId,
        caller: &CallerNumber,
        invite: &Message,
    ) -> Option<OfferId> {
        let numbering = &self.config.trunks[&trunk].numbers;
        let is_echo = |offer: &OfferId| {
            let leg = &self.state.rung_legs[offer];
            let (Some(line), Some(call)) = (leg.line(), self.state.calls.get(&offer.caller)) else {
                return false;
            };
            (call.practice == practice || call.acting == practice)
                && leg.rings()
                && leg.shows(caller)
                && routing::came_by(invite, numbering, E164::of_line(line))
        };
        self.state.targets.iter().copied().find(is_echo)
    }

    /// This line rings for another who shows the same number: he may be that one's echo.
    fn rings_for_his_like(&self, caller: CallerId, target: Target) -> bool {
        let Some(call) = self.state.calls.get(&caller) else { return false };
        self.state.targets.iter().filter(|offer| offer.caller != caller).any(|offer| {
            let leg = &self.state.rung_legs[offer];
            leg.line().is_some()
                && leg.who == Callee::Target(target)
                && leg.rings()
                && leg.shows(&call.caller)
        })
    }

    /// Its call came back to us: nobody is there.
    pub(super) fn forwarding_loops(&mut self, now: Instant, offer: OfferId) {
        self.call_off(now, offer, None);
        self.close_offer(now, offer, OfferOutcome::Looped);
        self.inform(now, acd::Input::Missed { offer, miss: Miss::Busy });
    }

    pub(super) fn target_legs_up(&self) -> impl Iterator<Item = &RungLeg> {
        self.state.targets.iter().filter_map(|offer| self.state.rung_legs.get(offer))
    }
}

/// A SIP address at a host and port.
pub(super) fn uri_at(user: &str, to: SocketAddr) -> String {
    match to.port() {
        5060 if to.is_ipv4() => format!("sip:{user}@{}", to.ip()),
        5060 => format!("sip:{user}@[{}]", to.ip()),
        _ => format!("sip:{user}@{to}"),
    }
}

/// How a forwarded call says who calls.
struct Presented {
    from: Identity,
    shown: Option<E164>,
    headers: Vec<(String, String)>,
}

/// `application/dtmf-relay` has a line `Signal=1`, `application/dtmf` the key alone; neither was ever
/// standardised.
fn key_of(message: &Message) -> Option<char> {
    let media_type = message.text(HeaderName::ContentType)?;
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let body = std::str::from_utf8(message.body()).ok()?;
    let key = if media_type.eq_ignore_ascii_case("application/dtmf-relay") {
        let mut lines = body.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("signal"))?.1
    } else if media_type.eq_ignore_ascii_case("application/dtmf") {
        body
    } else {
        return None;
    };
    let mut characters = key.trim().chars();
    characters.next().filter(|_| characters.next().is_none())
}

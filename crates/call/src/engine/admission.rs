//! Who may speak, and the way of an INVITE into the queue.

use std::net::IpAddr;
use std::time::Duration;

use acd::{ClassBy, PracticeId, Situation, Urgency};
use sip::sdp::{Audio, Codec, Direction, LocalSession, Offer, SdpError};
use sip::{DialogKey, Flow, HeaderName, Instant, Malformed, Message, Method, RequestKey};

use super::conversation::answer_to;
use super::{Engine, Origin, acd_time};
use crate::action::{Action, Notice};
use crate::calls::{Call, CallerLeg, Stage, caller_id};
use crate::config::TrunkId;
use crate::media::MediaRemote;
use crate::number::E164;
use crate::record::{CallRecord, CallRef, CallerNumber, Disposition, Party};
use crate::routing::{self, Route};
use crate::timers::{Role, Timer};

/// Why a call was refused at the door: what the caller's network is told.
#[derive(Copy, Clone)]
pub(super) struct Refused {
    disposition: Disposition,
    pub(super) status: u16,
    /// ITU-T Q.850, for the networks behind the trunk (RFC 3326).
    pub(super) reason: &'static str,
    /// What we would have taken.
    header: Option<(&'static str, &'static str)>,
}

const UNKNOWN_NUMBER: Refused = Refused {
    disposition: Disposition::UnknownNumber,
    status: 404,
    reason: "Q.850;cause=1;text=\"Unallocated number\"",
    header: None,
};
const NO_CODEC: Refused = Refused {
    disposition: Disposition::NoCodec,
    status: 488,
    reason: "Q.850;cause=88;text=\"Incompatible destination\"",
    header: None,
};
/// His own call, which we forward, has come back to us.
const ECHO: Refused = Refused {
    disposition: Disposition::Looped,
    status: 486,
    reason: "Q.850;cause=17;text=\"User busy\"",
    header: None,
};
/// 503 would make the trunk stop its urgent calls as well (RFC 3261 §21.5.4).
const FULL: Refused = Refused {
    disposition: Disposition::Full,
    status: 486,
    reason: "Q.850;cause=17;text=\"User busy\"",
    header: None,
};
const DRAINING: Refused = Refused {
    disposition: Disposition::Draining,
    status: 503,
    reason: "Q.850;cause=41;text=\"Temporary failure\"",
    header: None,
};

/// The number leads to a practice that the scheduler does not know: our own mistake.
const BROKEN: Refused = Refused {
    disposition: Disposition::Lost,
    status: 500,
    reason: "Q.850;cause=41;text=\"Temporary failure\"",
    header: None,
};

impl Refused {
    /// A body that cannot be used (RFC 3261 §8.2.3); causes as RFC 3398 §8.2.6.1 maps them.
    fn for_body(error: sip::BodyError) -> Self {
        let (disposition, reason) = match error {
            sip::BodyError::MediaType | sip::BodyError::Encoding => (
                Disposition::Unsupported,
                "Q.850;cause=79;text=\"Service or option not implemented\"",
            ),
            sip::BodyError::Multipart => {
                (Disposition::BadRequest, "Q.850;cause=127;text=\"Interworking, unspecified\"")
            }
        };
        Self { disposition, status: error.status(), reason, header: error.header() }
    }

    fn for_sdp(error: &SdpError) -> Self {
        match error {
            SdpError::TooLarge => Self {
                disposition: Disposition::BadRequest,
                status: 413,
                reason: "Q.850;cause=127;text=\"Interworking, unspecified\"",
                header: None,
            },
            SdpError::TooManyMedia | SdpError::Malformed(_) => NO_CODEC,
        }
    }
}

/// The word for an INVITE that the endpoint refused by itself.
const fn disposition_of(status: u16) -> Disposition {
    match status {
        415 | 416 | 420 | 501 | 505 => Disposition::Unsupported,
        482 | 483 => Disposition::Looped,
        503 => Disposition::Full,
        _ => Disposition::BadRequest,
    }
}

/// A call at the door, before anybody decided.
struct Arrival {
    reference: CallRef,
    trunk: TrunkId,
    dialog: DialogKey,
    flow: Flow,
    caller: CallerNumber,
    now: Instant,
}

/// What of the caller's wishes we can meet.
pub(super) struct Talk {
    pub(super) offer: Option<Offer>,
    pub(super) formats: Vec<sip::sdp::Format>,
    pub(super) telephone_event: Option<u8>,
    pub(super) remote: Option<MediaRemote>,
    pub(super) direction: Direction,
}

/// What OPTIONS is told of us beside the methods (RFC 3261 §11.2). We have no extension.
pub(super) const ABILITIES: [(&str, &str); 3] =
    [("Accept", sip::ACCEPT), ("Accept-Encoding", "identity"), ("Supported", "")];

/// The payload type that most phones use for RFC 4733 events; dynamic, so any would do.
pub(super) const TELEPHONE_EVENT: u8 = 101;

impl Engine {
    /// Responses find their transaction or nothing. Requests are heard from trunks and registered
    /// phones; REGISTER from everybody; all else from strangers is silence, counted.
    pub(super) fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {
        let is_register = *message.method_ref() == Method::Register;
        let is_at_the_door =
            message.is_request() && (is_register || self.origin(&flow) == Origin::Stranger);
        // What is known has a right to an answer: a phone may unregister while it talks.
        if !is_at_the_door || self.state.endpoint.knows(&message) {
            self.state.endpoint.handle_message(now, flow, message);
        } else if is_register {
            self.handle_register(now, flow, message);
        } else {
            self.state.ledger.strangers += 1;
        }
    }

    pub(super) fn handle_malformed(&mut self, now: Instant, flow: Flow, malformed: Malformed) {
        if malformed.reason.is_keep_alive() {
            return;
        }
        self.state.ledger.malformed += 1;
        tracing::debug!(remote = %flow.remote, reason = %malformed.reason, "malformed message");
        if self.origin(&flow) != Origin::Stranger {
            self.state.endpoint.handle_malformed(now, flow, malformed);
        }
    }

    /// A request out of any dialog that is no INVITE.
    pub(super) fn handle_request(
        &mut self,
        now: Instant,
        request: RequestKey,
        flow: &Flow,
        message: &Message,
    ) {
        if message.method() == Method::Register {
            return self.answer_register(now, request);
        }
        // OPTIONS: the endpoint lets nothing else through. As an INVITE would be (RFC 3261 §11.2), so
        // that a trunk learns early to send its calls elsewhere.
        let is_refused = self.state.draining && matches!(self.origin(flow), Origin::Trunk(_));
        self.respond(now, request, if is_refused { 503 } else { 200 }, &ABILITIES);
    }

    pub(super) fn respond(
        &mut self,
        now: Instant,
        request: RequestKey,
        status: u16,
        headers: &[(&str, &str)],
    ) {
        if let Err(misuse) = self.state.endpoint.respond(now, request, status, headers, None) {
            tracing::debug!(%misuse, status, "a response came too late");
        }
    }

    /// An INVITE of a trunk that never became a call: it has its record like any other.
    pub(super) fn refused_below(
        &mut self,
        now: Instant,
        flow: &Flow,
        invite: &Message,
        status: u16,
    ) {
        let Origin::Trunk(trunk) = self.origin(flow) else {
            return;
        };
        self.state.ledger.offered += 1;
        let call = self.next_reference();
        let (caller, route) = self.route(trunk, invite);
        let (dialled, practice) = match route {
            Ok((dialled, practice)) => (Some(dialled), Some(practice)),
            Err(dialled) => (dialled, None),
        };
        self.notice(Notice::Arrived { call, trunk, practice, caller: caller.clone() });
        self.record(CallRecord {
            call,
            trunk,
            dialled,
            practice,
            situation: None,
            class: None,
            caller,
            arrived_at: now,
            answered_at: None,
            ended_at: now,
            disposition: disposition_of(status),
            status,
            released_by: Party::Us,
            prompt: None,
            agent: None,
            target: None,
            pressed_at: None,
            offers: Vec::new(),
            forwards: Vec::new(),
        });
    }

    /// An INVITE out of any dialog.
    pub(super) fn admit(&mut self, now: Instant, dialog: DialogKey, flow: Flow, invite: &Message) {
        let trunk = match self.origin(&flow) {
            Origin::Trunk(trunk) => trunk,
            Origin::Phone => return self.phone_dials(now, dialog, flow, invite),
            // The door lets nobody else through.
            Origin::Stranger => {
                self.reject(now, dialog, 403, None);
                return;
            }
        };
        self.state.ledger.offered += 1;
        let (caller, route) = self.route(trunk, invite);
        let arrival =
            Arrival { reference: self.next_reference(), trunk, dialog, flow, caller, now };
        self.notice(Notice::Arrived {
            call: arrival.reference,
            trunk,
            practice: route.ok().map(|(_, practice)| practice),
            caller: arrival.caller.clone(),
        });
        let (dialled, practice) = match route {
            Ok(route) => route,
            Err(dialled) => return self.refuse(arrival, dialled, None, UNKNOWN_NUMBER),
        };
        match self.let_in(&arrival, dialled, practice, invite) {
            Ok(()) => {}
            Err(refused) => self.refuse(arrival, Some(dialled), Some(practice), refused),
        }
    }

    /// Who calls, and for whom.
    fn route(&self, trunk: TrunkId, invite: &Message) -> (CallerNumber, Route) {
        let numbering = &self.config.trunks[&trunk].numbers;
        let (numbers, shared) = (&self.config.numbers, &self.config.shared);
        let route = routing::practice(invite, numbering, numbers, shared);
        (routing::caller(invite, numbering), route)
    }

    fn let_in(
        &mut self,
        arrival: &Arrival,
        dialled: E164,
        practice: PracticeId,
        invite: &Message,
    ) -> Result<(), Refused> {
        if self.state.draining {
            return Err(DRAINING);
        }
        if let Some(offer) = self.echoed(arrival.trunk, practice, &arrival.caller, invite) {
            self.forwarding_loops(arrival.now, offer);
            return Err(ECHO);
        }
        if self.state.calls.len() >= self.config.limits.calls_max || self.is_endpoint_full() {
            return Err(FULL);
        }
        let talk = self.talk(invite)?;
        let Some(address) = self.state.ports.address() else {
            return Err(FULL);
        };
        let port = self.state.ports.admit().ok_or(FULL)?;
        let id = caller_id(arrival.reference);
        let line = arrival.caller.line();
        let leave_by = self.leave_by(arrival, invite);
        let known = self.config.practices.get(&practice);
        let practitioner = known.and_then(|known| Some(known.practitioner(dialled)?.0));
        let label = known.map(|known| known.label_for(dialled)).unwrap_or_default();
        // Ahead of his call: the scheduler has forgotten whose plan is over as soon as it begins.
        let met = self.state.scheduler.situation_for(practice, practitioner, line);
        let entered = self.schedule(
            arrival.now,
            acd::Input::Enter {
                caller: id,
                practice,
                practitioner,
                line,
                urgency: self.config.urgent_numbers.get(&dialled).copied(),
                leave_by: Some(acd_time(leave_by)),
            },
        );
        if let Err(refusal) = entered {
            tracing::info!(call = %arrival.reference, %refusal, "not taken into the queue");
            self.state.ports.leave(port);
            return Err(match refusal {
                acd::Refusal::Full | acd::Refusal::PracticeFull => FULL,
                acd::Refusal::UnknownPractice
                | acd::Refusal::UnknownTeam
                | acd::Refusal::UnknownAgent
                | acd::Refusal::UnknownCaller
                | acd::Refusal::AlreadyHere
                | acd::Refusal::NotServed
                | acd::Refusal::NotWaiting
                | acd::Refusal::OverrideIsOver => BROKEN,
            });
        }
        let situation = met.unwrap_or(Situation::Open);
        let media = self.own(port, Role::Caller(id));
        let session = LocalSession::new(self.random_session_id(), (address, port).into());
        let leg = CallerLeg {
            dialog: arrival.dialog,
            flow: arrival.flow,
            media,
            session,
            offer: talk.offer,
            formats: talk.formats,
            telephone_event: talk.telephone_event,
            frozen: None,
            remote: talk.remote,
            direction: talk.direction,
            is_confirmed: false,
            awaits_answer: false,
        };
        self.state.dialogs.insert(arrival.dialog, Role::Caller(id));
        self.state.calls.insert(
            id,
            Call {
                reference: arrival.reference,
                trunk: arrival.trunk,
                dialled,
                practice,
                acting: practice,
                label,
                situation,
                // A decision says so if another plan takes him over.
                followed: situation,
                caller: arrival.caller.clone(),
                // Else the scheduler says so.
                class: (Urgency::Normal, ClassBy::Nothing),
                arrived_at: arrival.now,
                leave_by,
                leg,
                stage: Stage::Waiting,
                pressed_at: None,
                offers: Vec::new(),
                forwards: Vec::new(),
            },
        );
        self.order_caller_media(id);
        self.ring_again(arrival.now, id);
        Ok(())
    }

    /// The endpoint has room beyond its limits: enough to refuse a call in due form.
    pub(super) fn is_endpoint_full(&self) -> bool {
        let counts = self.state.endpoint.counts();
        let limits = &self.config.limits;
        counts.dialogs > limits.dialogs_max
            || counts.server_transactions > limits.transactions_max
            || counts.client_transactions > limits.transactions_max
    }

    /// The caller's network gives up by then: the trunk's limit, less what has rung before, or his own
    /// `Expires` (RFC 3261 §13.3.1).
    fn leave_by(&self, arrival: &Arrival, invite: &Message) -> Instant {
        let trunk = &self.config.trunks[&arrival.trunk];
        let spent = if routing::has_rung(invite) { trunk.rang_before } else { Duration::ZERO };
        let limit = trunk.max_unanswered.saturating_sub(spent);
        let expires = invite.expires().ok().flatten().filter(|&seconds| seconds > 0);
        let limit =
            expires.map_or(limit, |seconds| limit.min(Duration::from_secs(u64::from(seconds))));
        arrival.now + limit
    }

    /// What he offers that we carry; an INVITE without SDP wants our offer.
    pub(super) fn talk(&self, invite: &Message) -> Result<Talk, Refused> {
        let Some(sdp) = sip::session_description(invite).map_err(Refused::for_body)? else {
            return Ok(Talk {
                offer: None,
                // What every network knows: he is told only one of them, the one she chose.
                formats: self
                    .config
                    .codecs
                    .iter()
                    .filter(|codec| matches!(codec, Codec::Pcma | Codec::Pcmu))
                    .map(|codec| codec.format())
                    .collect(),
                telephone_event: Some(TELEPHONE_EVENT),
                remote: None,
                direction: Direction::SendRecv,
            });
        };
        let offer = Offer::read(sdp).map_err(|error| Refused::for_sdp(&error))?;
        let audio = offer.audio().filter(|audio| self.can_reach(audio)).ok_or(NO_CODEC)?;
        let formats = sip::sdp::common(audio, &self.config.codecs);
        if formats.is_empty() {
            return Err(NO_CODEC);
        }
        let telephone_event = audio.telephone_event;
        let (remote, direction) = (MediaRemote::of(audio), audio.direction);
        Ok(Talk { formats, telephone_event, remote, direction, offer: Some(offer) })
    }

    /// Whether the relay can send to where a description wants its packets.
    pub(super) fn can_reach(&self, audio: &Audio) -> bool {
        let to = audio.rtp.ip();
        let is_one_host = match to {
            IpAddr::V4(to) => !to.is_multicast() && !to.is_broadcast(),
            IpAddr::V6(to) => !to.is_multicast(),
        };
        let ours = self.state.ports.address();
        is_one_host && ours.is_none_or(|ours| ours.is_ipv4() == to.is_ipv4())
    }

    fn refuse(
        &mut self,
        arrival: Arrival,
        dialled: Option<E164>,
        practice: Option<PracticeId>,
        why: Refused,
    ) {
        let reason = (HeaderName::Reason.as_str(), why.reason);
        let headers: Vec<_> = std::iter::once(reason).chain(why.header).collect();
        let (now, dialog, status) = (arrival.now, arrival.dialog, why.status);
        if let Err(misuse) = self.state.endpoint.reject(now, dialog, status, &headers) {
            tracing::debug!(%misuse, status, "a refusal came too late");
        }
        self.record(CallRecord {
            call: arrival.reference,
            trunk: arrival.trunk,
            dialled,
            practice,
            situation: None,
            class: None,
            caller: arrival.caller,
            arrived_at: arrival.now,
            answered_at: None,
            ended_at: arrival.now,
            disposition: why.disposition,
            status: why.status,
            released_by: Party::Us,
            prompt: None,
            agent: None,
            target: None,
            pressed_at: None,
            offers: Vec::new(),
            forwards: Vec::new(),
        });
    }

    pub(super) fn reject(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        status: u16,
        reason: Option<&str>,
    ) {
        let name = HeaderName::Reason.as_str();
        let headers: Vec<(&str, &str)> = reason.map(|reason| (name, reason)).into_iter().collect();
        if let Err(misuse) = self.state.endpoint.reject(now, dialog, status, &headers) {
            tracing::debug!(%misuse, status, "a final response came too late");
        }
    }

    /// The record of a call that has ended, and its place in the ledger.
    pub(super) fn record(&mut self, record: CallRecord) {
        *self.state.ledger.dispositions.entry(record.disposition).or_default() += 1;
        self.notice(Notice::Ended { call: record.call, disposition: record.disposition });
        self.actions.push_back(Action::Record(Box::new(record)));
    }

    /// 180 to a waiting caller, and once more before his network forgets him; 183 while he hears a
    /// text unanswered, with the description that opens his ear.
    pub(super) fn ring_again(&mut self, now: Instant, caller: acd::CallerId) {
        let Some(call) = self.state.calls.get_mut(&caller) else {
            return;
        };
        let dialog = call.leg.dialog;
        let (status, sdp) = match call.stage {
            Stage::Waiting => (180, None),
            Stage::Announced { answered_at: None, .. } => {
                let format = call.leg.frozen.clone();
                (183, format.map(|format| answer_to(&mut call.leg, &format)))
            }
            Stage::Bridged { .. }
            | Stage::Connected { .. }
            | Stage::Returned { .. }
            | Stage::Pressed { .. }
            | Stage::Announced { .. } => return,
        };
        let said = self.state.endpoint.progress(now, dialog, status, &[], sdp.as_deref());
        if let Err(misuse) = said {
            tracing::debug!(%misuse, status, "a provisional answer came too late");
        }
        self.state.timers.set(Timer::RingRefresh(caller), now + self.config.ring_refresh);
    }
}

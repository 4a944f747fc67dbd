//! The scheduler's decisions, and the leg of whom we ring from the INVITE until the caller is there: a
//! secretary's, or a target's that he is forwarded to (`forwarding`).

use std::time::Duration;

use acd::{AgentId, CallerId, Decision, Miss, OfferId, Target, Withdrawal};
use sip::sdp::{Codec, Direction, Format, LocalSession, Offer};
use sip::{DialogKey, Flow, HeaderName, Identity, Instant, Invite, Message};

use super::Engine;
use super::admission::TELEPHONE_EVENT;
use super::announcement::Text;
use crate::action::Notice;
use crate::calls::{Callee, CallerLeg, RungLeg, RungLegState, Speech, Stage};
use crate::media::MediaRemote;
use crate::number::E164;
use crate::record::{CallerNumber, Disposition, ForwardRecord, OfferOutcome, OfferRecord};
use crate::timers::{Role, Timer};

/// RFC 3326: the phone shows no missed call.
const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// Where and how somebody is rung.
pub(super) struct Way {
    pub(super) flow: Flow,
    pub(super) request_uri: String,
    pub(super) from: Identity,
    pub(super) to: Identity,
    pub(super) headers: Vec<(String, String)>,
    /// The number that is shown as the caller's.
    pub(super) shown: Option<E164>,
    /// Whom we have heard nothing of by then is unreachable.
    pub(super) patience: Duration,
    /// Whoever answers is to press 1.
    pub(super) asks: bool,
}

impl Engine {
    pub(super) fn carry_out(&mut self, now: Instant, decision: Decision) {
        match decision {
            Decision::Offer { offer, agent, practice: _, deadline: _ } => {
                self.ring(now, offer, agent);
            }
            Decision::Withdraw { offer, agent: _, why } | Decision::Recall { offer, why } => {
                self.withdraw(now, offer, why);
            }
            Decision::Serve { offer, agent: _ } | Decision::Connect { offer } => {
                self.serve(now, offer);
            }
            Decision::Refuse { offer } => self.refuse_answer(now, offer),
            Decision::Forward { offer, target, deadline: _ } => self.forward(now, offer, target),
            Decision::Plan { caller, practice, situation } => {
                self.take_over(caller, practice, situation);
            }
            Decision::Class { caller, urgency, by } => {
                if let Some(call) = self.state.calls.get_mut(&caller) {
                    call.class = (urgency, by);
                    let call = call.reference;
                    self.notice(Notice::Class { call, urgency, by });
                }
            }
            Decision::Situation { practice, situation } => {
                self.notice(Notice::Situation { practice, situation });
            }
            Decision::OverrideOver { practice } => self.override_is_over(practice),
            Decision::Overflow { caller, step } => {
                if let Some(call) = self.state.calls.get(&caller) {
                    let call = call.reference;
                    self.notice(Notice::Overflowed { call, step });
                }
            }
            Decision::Announce { caller, step: _, prompt, answer, urgent_key } => {
                self.announce(now, caller, Text { prompt, answer, urgent_key });
            }
            Decision::Busy { caller } => self.plan_is_over(now, caller),
            Decision::State { agent, state } => self.notice(Notice::Agent { agent, state }),
        }
    }

    /// Puts the caller to her: at her newest phone, the practice first on its display.
    fn ring(&mut self, now: Instant, offer: OfferId, agent: AgentId) {
        if !self.state.calls.contains_key(&offer.caller) {
            return self.line_is_clear(now, agent, offer);
        }
        if let Some(&other) = self.state.lines.get(&agent) {
            debug_assert!(false, "{agent:?} is offered {offer:?} while {other:?} holds her line");
            self.state.ledger.single_line_violations += 1;
        }
        let user = self.config.agents.get(&agent).map_or("", |agent| agent.user.as_str());
        let launched = match self.way_to_user(offer.caller, user) {
            Some(way) => self.launch(now, offer, Callee::Agent(agent), way),
            None => Err(OfferOutcome::Unreachable),
        };
        if let Err(outcome) = launched {
            self.came_to_nothing(now, offer, Callee::Agent(agent), outcome);
        }
    }

    /// To the newest phone of a user that is not known to be dead. `None`: there is no phone.
    pub(super) fn way_to_user(&self, caller: CallerId, user: &str) -> Option<Way> {
        let dead = &self.state.dead_flows;
        let mut bindings = self.state.registrar.bindings(user);
        let newest = bindings.next()?;
        let living = std::iter::once(newest).chain(bindings).find(|it| !dead.contains(&it.flow));
        let binding = living.unwrap_or(newest);
        Some(Way {
            flow: binding.flow,
            request_uri: binding.contact_uri.clone(),
            from: self.shown_caller(caller),
            to: Identity { display: None, uri: format!("sip:{user}@{}", self.config.realm) },
            headers: self.offer_headers(caller),
            shown: match self.state.calls[&caller].caller {
                CallerNumber::Known(number) => Some(number),
                CallerNumber::Withheld | CallerNumber::Other(_) => None,
            },
            patience: self.config.unreachable_after,
            asks: false,
        })
    }

    /// An INVITE with our own complete offer. The error is what came of it.
    pub(super) fn launch(
        &mut self,
        now: Instant,
        offer: OfferId,
        who: Callee,
        way: Way,
    ) -> Result<(), OfferOutcome> {
        let call = self.state.calls.get(&offer.caller).ok_or(OfferOutcome::Withdrawn)?;
        let reference = call.reference;
        let first = call.leg.media.port;
        let formats = formats_for(&call.leg, way.asks);
        let event = if way.asks { Some(key_type(&call.leg)) } else { call.leg.telephone_event };
        if formats.is_empty() {
            tracing::warn!(call = %reference, "no codec in which somebody could be asked for a key");
            return Err(OfferOutcome::Unreachable);
        }
        let Some(port) = self.state.ports.take_beside(first) else {
            tracing::debug!(call = %reference, "no ports for one phone more");
            return Err(OfferOutcome::Withdrawn);
        };
        let address = self.state.ports.address().expect("an announced pool has an address");
        let media = self.own(port, Role::Rung(offer));
        let mut session = LocalSession::new(self.random_session_id(), (address, port).into());
        let sdp = session.offer(&formats, event, Direction::SendRecv);
        let Way { flow, request_uri, from, to, headers, shown, patience, asks } = way;
        let contact_uri = request_uri.clone();
        let invite = Invite {
            target: sip::Target::Flow(flow),
            request_uri,
            from,
            to,
            contact_user: "monoligne".to_owned(),
            headers,
            sdp: Some(sdp),
            credentials: None,
        };
        let dialog = match self.state.endpoint.invite(now, invite) {
            Ok(dialog) => dialog,
            Err(full) => {
                tracing::debug!(call = %reference, %full, "no room for one leg more");
                self.disown(offer.caller, media);
                return Err(OfferOutcome::Withdrawn);
            }
        };
        let asks = event.filter(|_| asks);
        let leg = RungLeg {
            who,
            dialog,
            flow,
            contact_uri,
            shown,
            offered_at: now,
            ringing_at: None,
            picked_up_at: None,
            heard: false,
            state: RungLegState::Offered { media, session, asks },
        };
        self.state.rung_legs.insert(offer, leg);
        self.state.dialogs.insert(dialog, Role::Rung(offer));
        self.state.timers.set(Timer::Unreachable(offer), now + patience);
        self.order_rung_media(offer);
        match who {
            Callee::Agent(agent) => {
                self.state.lines.insert(agent, offer);
                self.notice(Notice::Offered { call: reference, agent });
            }
            Callee::Target(target) => {
                self.state.targets.insert(offer);
                self.notice(Notice::Forwarding { call: reference, target });
            }
        }
        Ok(())
    }

    /// `Dr Martin · 06 12 34 56 78`, and the number for the phone's own list.
    fn shown_caller(&self, caller: CallerId) -> Identity {
        let call = &self.state.calls[&caller];
        let display = format!("{} · {}", call.label, call.caller.spoken());
        Identity { display: Some(display), uri: self.caller_uri(&call.caller) }
    }

    fn caller_uri(&self, caller: &CallerNumber) -> String {
        match caller {
            CallerNumber::Known(number) => format!("sip:{number}@{}", self.config.realm),
            CallerNumber::Withheld | CallerNumber::Other(_) => {
                "sip:anonymous@anonymous.invalid".to_owned()
            }
        }
    }

    fn offer_headers(&self, caller: CallerId) -> Vec<(String, String)> {
        let call = &self.state.calls[&caller];
        let mut headers = vec![(HeaderName::Subject.as_str().to_owned(), call.label.clone())];
        if let CallerNumber::Known(_) = call.caller {
            headers.push((
                HeaderName::PAssertedIdentity.as_str().to_owned(),
                format!("<{}>", self.caller_uri(&call.caller)),
            ));
        }
        headers
    }

    /// An answer of whatever kind: that phone lives.
    pub(super) fn phone_is_heard(&mut self, now: Instant, dialog: DialogKey) {
        let Some(offer) = self.rung_leg(dialog) else { return };
        self.state.timers.stop(Timer::Unreachable(offer));
        let leg = &self.state.rung_legs[&offer];
        if leg.who.is_registered() {
            let flow = leg.flow;
            self.phone_lives(now, &flow);
        }
    }

    pub(super) fn phone_rings(&mut self, now: Instant, dialog: DialogKey) {
        let Some(offer) = self.rung_leg(dialog) else {
            return;
        };
        let leg = self.state.rung_legs.get_mut(&offer).expect("rung_leg found it");
        if leg.ringing_at.is_none() && matches!(leg.state, RungLegState::Offered { .. }) {
            leg.ringing_at = Some(now);
            let who = leg.who;
            if let Some(call) = self.state.calls.get(&offer.caller) {
                let call = call.reference;
                self.notice(match who {
                    Callee::Agent(agent) => Notice::Ringing { call, agent },
                    Callee::Target(target) => Notice::TargetRings { call, target },
                });
            }
        }
    }

    /// No 1xx in time: the phone is off, the network between is broken. Her line is not clear before
    /// the INVITE's fate is known.
    pub(super) fn phone_is_unreachable(&mut self, now: Instant, offer: OfferId) {
        let Some(leg) = self.state.rung_legs.get(&offer) else {
            return;
        };
        if !matches!(leg.state, RungLegState::Offered { .. }) {
            return;
        }
        let (dialog, who, flow) = (leg.dialog, leg.who, leg.flow);
        self.cancel(now, dialog, None);
        self.close_offer(now, offer, OfferOutcome::Unreachable);
        if who.is_registered() {
            self.doubt_phone(now, flow);
        }
        let miss = Miss::Unreachable;
        self.inform(now, acd::Input::Missed { offer, miss });
        tracing::debug!(?who, "no 1xx");
    }

    /// A phone picked up: a request to the scheduler, once its session description can be used, and
    /// where a key is asked for once that was pressed.
    pub(super) fn phone_answered(&mut self, now: Instant, dialog: DialogKey, message: &Message) {
        let Some(offer) = self.rung_leg(dialog) else {
            return self.let_go(now, dialog);
        };
        self.state.timers.stop(Timer::Unreachable(offer));
        let RungLegState::Offered { asks, .. } = self.state.rung_legs[&offer].state else {
            return self.let_go(now, dialog);
        };
        let call = self.state.calls.get(&offer.caller);
        let formats = call.map(|call| formats_for(&call.leg, asks.is_some()));
        let described = formats.and_then(|formats| self.describe(message, &formats));
        let Some(described) = described else {
            self.let_go(now, dialog);
            self.close_offer(now, offer, OfferOutcome::Dropped);
            return self.inform(now, acd::Input::Missed { offer, miss: Miss::Dropped });
        };
        let leg = self.state.rung_legs.get_mut(&offer).expect("rung_leg found it");
        leg.picked_up_at = Some(now);
        let state = std::mem::replace(&mut leg.state, RungLegState::Closing);
        let RungLegState::Offered { media, session, asks } = state else { return };
        let Described { format, telephone_event, remote, direction } = described;
        let awaits_answer = false;
        let speech =
            Speech { media, session, format, telephone_event, remote, direction, awaits_answer };
        match asks {
            None => {
                leg.state = RungLegState::Answered(speech);
                self.inform(now, acd::Input::Answered { offer });
            }
            Some(offered) => self.ask(now, offer, speech, offered),
        }
    }

    /// A 200 crossed our CANCEL: the scheduler judges it like any answer (and refuses it); the
    /// endpoint has confirmed and ended that leg itself.
    pub(super) fn answer_crossed(&mut self, now: Instant, dialog: DialogKey) {
        if let Some(offer) = self.rung_leg(dialog) {
            self.inform(now, acd::Input::Answered { offer });
        }
    }

    /// The scheduler refused an answer: the caller is no longer there to be had.
    fn refuse_answer(&mut self, now: Instant, offer: OfferId) {
        let Some(leg) = self.state.rung_legs.get(&offer) else {
            return;
        };
        let dialog = leg.dialog;
        match leg.state {
            RungLegState::Answered(_) => self.let_go(now, dialog),
            RungLegState::Asked { .. } => self.hang_up(now, dialog),
            RungLegState::Offered { .. } | RungLegState::Talking { .. } | RungLegState::Closing => {
                return;
            }
        }
        self.close_offer(now, offer, OfferOutcome::Withdrawn);
    }

    fn withdraw(&mut self, now: Instant, offer: OfferId, why: Withdrawal) {
        let Some(leg) = self.state.rung_legs.get(&offer) else {
            return;
        };
        let no_answer = match leg.state {
            RungLegState::Asked { .. } => OfferOutcome::NoKey,
            RungLegState::Offered { .. } | RungLegState::Answered(_) => OfferOutcome::NoAnswer,
            RungLegState::Talking { .. } | RungLegState::Closing => return,
        };
        let (outcome, reason) = match why {
            Withdrawal::Expired => (no_answer, None),
            Withdrawal::Won => (OfferOutcome::Withdrawn, Some(ELSEWHERE)),
            Withdrawal::CallerLeft | Withdrawal::LoggedOut | Withdrawal::Overflowed => {
                (OfferOutcome::Withdrawn, None)
            }
        };
        self.call_off(now, offer, reason);
        self.close_offer(now, offer, outcome);
    }

    /// Lets go of a leg that nobody has the caller on, whatever it has come to.
    pub(super) fn call_off(&mut self, now: Instant, offer: OfferId, reason: Option<&str>) {
        let leg = &self.state.rung_legs[&offer];
        let dialog = leg.dialog;
        match leg.state {
            RungLegState::Offered { .. } => self.cancel(now, dialog, reason),
            RungLegState::Answered(_) => self.let_go(now, dialog),
            RungLegState::Asked { .. } => self.hang_up(now, dialog),
            RungLegState::Talking { .. } | RungLegState::Closing => {}
        }
    }

    /// A final answer that is no 2xx, a time-out, or the end of what we cancelled.
    pub(super) fn phone_rejected(&mut self, now: Instant, dialog: DialogKey, status: u16) {
        let Some(offer) = self.rung_leg(dialog) else {
            self.state.dialogs.remove(&dialog);
            return;
        };
        let leg = &self.state.rung_legs[&offer];
        if leg.rings() {
            let (who, flow) = (leg.who, leg.flow);
            let outcome = who.outcome_of(status);
            self.close_offer(now, offer, outcome);
            if outcome == OfferOutcome::Unreachable && who.is_registered() {
                self.doubt_phone(now, flow);
            }
            if let Callee::Target(target) = who {
                tracing::info!(?target, status, "a forwarded call was not taken");
            }
            self.inform(now, acd::Input::Missed { offer, miss: miss_of(outcome) });
        }
        self.leg_is_gone(now, dialog, offer);
    }

    /// Ends an offer that brought no conversation, or the conversation: it is written down, and its ports
    /// are free. The dialog goes on to its own end.
    pub(super) fn close_offer(&mut self, now: Instant, offer: OfferId, outcome: OfferOutcome) {
        let Some(leg) = self.state.rung_legs.get_mut(&offer) else {
            return;
        };
        let over = Over {
            who: leg.who,
            offered_at: leg.offered_at,
            ringing_at: leg.ringing_at,
            picked_up_at: leg.picked_up_at,
            answered_at: leg.answered_at(),
            ended_at: now,
            outcome,
        };
        let media = leg.media();
        leg.state = RungLegState::Closing;
        self.state.timers.stop(Timer::Unreachable(offer));
        self.stop_asking(Role::Rung(offer));
        if let Some(media) = media {
            self.disown(offer.caller, media);
        }
        self.write_down(offer.caller, over);
    }

    fn write_down(&mut self, caller: CallerId, over: Over) {
        let Some(call) = self.state.calls.get_mut(&caller) else {
            return;
        };
        let reference = call.reference;
        let Over { who, offered_at, ringing_at, picked_up_at, answered_at, ended_at, outcome } =
            over;
        let notice = match who {
            Callee::Agent(agent) => {
                call.offers.push(OfferRecord {
                    agent,
                    offered_at,
                    ringing_at,
                    answered_at,
                    ended_at,
                    outcome,
                });
                Notice::OfferEnded { call: reference, agent, outcome }
            }
            Callee::Target(target) => {
                call.forwards.push(ForwardRecord {
                    target,
                    offered_at,
                    ringing_at,
                    picked_up_at,
                    answered_at,
                    ended_at,
                    outcome,
                });
                Notice::ForwardEnded { call: reference, target, outcome }
            }
        };
        if outcome != OfferOutcome::Served {
            self.notice(notice);
        }
    }

    /// What never got as far as an INVITE. `Withdrawn`: for want of room of ours.
    pub(super) fn came_to_nothing(
        &mut self,
        now: Instant,
        offer: OfferId,
        who: Callee,
        outcome: OfferOutcome,
    ) {
        if outcome == OfferOutcome::Withdrawn {
            self.starves(offer.caller, who);
        }
        let over = Over {
            who,
            offered_at: now,
            ringing_at: None,
            picked_up_at: None,
            answered_at: None,
            ended_at: now,
            outcome,
        };
        self.write_down(offer.caller, over);
        self.inform(now, acd::Input::Missed { offer, miss: miss_of(outcome) });
        if let Callee::Agent(agent) = who {
            self.line_is_clear(now, agent, offer);
        }
    }

    /// We have no ports for one phone more, or no room in a table: our fault and nobody's whom we ring.
    fn starves(&mut self, caller: CallerId, who: Callee) {
        if self.state.starved.is_empty() {
            tracing::warn!(?who, "no room to ring one phone more: callers wait for it");
        }
        match who {
            Callee::Agent(_) => {
                self.state.starved.insert(caller);
            }
            // He goes on with the next step.
            Callee::Target(_) => {}
        }
    }

    /// A caller for whom one phone more can be rung again. The tables have headroom above what counts as
    /// full, so that a launch after this succeeds: nobody is starved and fed in turns.
    pub(super) fn fed(&mut self) -> Option<CallerId> {
        if self.state.starved.is_empty() || self.is_endpoint_full() {
            return None;
        }
        let can_ring = |caller: &&CallerId| {
            let call = self.state.calls.get(caller);
            call.is_none_or(|call| self.state.ports.has_beside(call.leg.media.port))
        };
        let caller = self.state.starved.iter().find(can_ring).copied()?;
        self.state.starved.remove(&caller);
        Some(caller)
    }

    /// That phone has let go of this leg.
    pub(super) fn leg_is_gone(&mut self, now: Instant, dialog: DialogKey, offer: OfferId) {
        self.state.dialogs.remove(&dialog);
        self.state.targets.remove(&offer);
        let Some(leg) = self.state.rung_legs.remove(&offer) else { return };
        if let Callee::Agent(agent) = leg.who {
            if self.state.lines.get(&agent) == Some(&offer) {
                self.state.lines.remove(&agent);
            }
            self.line_is_clear(now, agent, offer);
        }
    }

    fn line_is_clear(&mut self, now: Instant, agent: AgentId, offer: OfferId) {
        self.inform(now, acd::Input::Cleared { agent, offer });
    }

    /// The offer or forwarding of a dialog that is the leg of whom we rang.
    pub(super) fn rung_leg(&self, dialog: DialogKey) -> Option<OfferId> {
        let &Role::Rung(offer) = self.state.dialogs.get(&dialog)? else {
            return None;
        };
        self.state.rung_legs.contains_key(&offer).then_some(offer)
    }

    pub(super) fn cancel(&mut self, now: Instant, dialog: DialogKey, reason: Option<&str>) {
        if let Err(misuse) = self.state.endpoint.cancel(now, dialog, reason) {
            tracing::debug!(%misuse, "a CANCEL came too late");
        }
    }

    /// Confirms a 2xx that nobody wants, and ends its dialog.
    pub(super) fn let_go(&mut self, now: Instant, dialog: DialogKey) {
        if let Err(misuse) = self.state.endpoint.ack(now, dialog, None) {
            tracing::debug!(%misuse, "an ACK was not wanted");
        }
        self.hang_up(now, dialog);
    }

    /// The caller's plan is over, or his network's patience.
    pub(super) fn plan_is_over(&mut self, now: Instant, caller: CallerId) {
        let Some(call) = self.state.calls.get(&caller) else {
            return;
        };
        match call.stage {
            Stage::Waiting => self.end_as_busy(now, caller),
            Stage::Bridged { .. } | Stage::Connected { .. } => {
                self.end_by_us(now, caller, call.stage.talked());
            }
            // Whoever had him vanished, and nobody took him up again.
            Stage::Returned { .. } => self.end_by_us(now, caller, call.stage.returned_in_vain()),
            // All that came of it is the text that he heard.
            Stage::Pressed { .. } => {
                self.end_by_us(now, caller, call.ended_by_plan(Disposition::Announced));
            }
            // The scheduler has forgotten him.
            Stage::Announced { .. } => {}
        }
    }

    /// `None`: the answer cannot be used.
    pub(super) fn describe(&self, message: &Message, offered: &[Format]) -> Option<Described> {
        let answer = Offer::read(sip::session_description(message).ok()??).ok()?;
        let audio = answer.audio().filter(|audio| self.can_reach(audio))?;
        let is_offered = |format: &&Format| offered.iter().any(|it| it.codec == format.codec);
        let format = audio.formats.iter().find(is_offered)?.clone();
        Some(Described {
            format,
            telephone_event: audio.telephone_event,
            remote: MediaRemote::of(audio),
            direction: audio.direction,
        })
    }
}

impl Callee {
    /// One of our own phones, known by where it registered.
    pub(super) fn is_registered(self) -> bool {
        match self {
            Self::Agent(_) | Self::Target(Target::Phone(_)) => true,
            Self::Target(Target::Line(_)) => false,
        }
    }

    /// What a final answer that is no 2xx says. Of a phone whoever is there has declined it, unless it
    /// is busy or gone; an operator's statuses are mostly those of his network.
    fn outcome_of(self, status: u16) -> OfferOutcome {
        match (self.is_registered(), status) {
            (_, 486 | 600) => OfferOutcome::Busy,
            (true, 408 | 430 | 503) => OfferOutcome::Unreachable,
            (true, _) | (false, 603 | 607 | 608) => OfferOutcome::Declined,
            (false, _) => OfferOutcome::Unreachable,
        }
    }
}

/// What is written down of a leg.
struct Over {
    who: Callee,
    offered_at: Instant,
    ringing_at: Option<Instant>,
    picked_up_at: Option<Instant>,
    answered_at: Option<Instant>,
    ended_at: Instant,
    outcome: OfferOutcome,
}

/// What an answer says.
pub(super) struct Described {
    pub(super) format: Format,
    pub(super) telephone_event: Option<u8>,
    pub(super) remote: Option<MediaRemote>,
    pub(super) direction: Direction,
}

/// What of the caller's formats somebody may be offered: all, or once he was promised one only this. Who is
/// asked for a key must hear the question, and texts are kept in G.711.
fn formats_for(caller: &CallerLeg, asks: bool) -> Vec<Format> {
    let all = match &caller.frozen {
        Some(format) => std::slice::from_ref(format),
        None => &caller.formats[..],
    };
    let is_g711 = |format: &&Format| matches!(format.codec, Codec::Pcma | Codec::Pcmu);
    all.iter().filter(|format| !asks || is_g711(format)).cloned().collect()
}

/// Under which payload type keys are asked for: the caller's, or one that none of his formats has.
fn key_type(caller: &CallerLeg) -> u8 {
    let is_taken = |number: &u8| caller.formats.iter().any(|it| it.payload_type == *number);
    let free = std::iter::once(TELEPHONE_EVENT).chain(96..=127).find(|number| !is_taken(number));
    caller.telephone_event.or(free).unwrap_or(TELEPHONE_EVENT)
}

fn miss_of(outcome: OfferOutcome) -> Miss {
    match outcome {
        OfferOutcome::Busy | OfferOutcome::Looped => Miss::Busy,
        OfferOutcome::Unreachable => Miss::Unreachable,
        OfferOutcome::Dropped | OfferOutcome::Vanished => Miss::Dropped,
        OfferOutcome::Served
        | OfferOutcome::Declined
        | OfferOutcome::NoAnswer
        | OfferOutcome::NoKey => Miss::Declined,
        OfferOutcome::Withdrawn => Miss::NoRoom,
    }
}

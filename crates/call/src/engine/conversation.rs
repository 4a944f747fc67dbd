//! The caller's leg, the bridge, and both hang-ups.

use std::time::Duration;

use acd::{CallerId, Miss, OfferId, Target};
use bytes::Bytes;
use sip::sdp::{Direction, Format, Offer};
use sip::{DialogKey, EndedBy, Instant, Message, Method, RequestKey};

use super::Engine;
use super::admission::ABILITIES;
use crate::action::Notice;
use crate::calls::{Callee, CallerLeg, RungLegState, Side, Speech, Stage};
use crate::record::{CallRecord, Disposition, OfferOutcome, Party};
use crate::timers::{Role, Timer};

/// A secretary who hangs up within this, before any packet of hers came, has not served her caller.
const FIRST_SECONDS: Duration = Duration::from_secs(5);

impl Engine {
    /// The scheduler named the winner: that leg is confirmed, then the caller answered, and the relay
    /// joins them.
    pub(super) fn serve(&mut self, now: Instant, offer: OfferId) {
        let Some(leg) = self.state.rung_legs.get_mut(&offer) else {
            return;
        };
        let (speech, is_confirmed) = match std::mem::replace(&mut leg.state, RungLegState::Closing)
        {
            RungLegState::Answered(speech) => (speech, false),
            RungLegState::Asked { speech, keys: _ } => (speech, true),
            state @ (RungLegState::Offered { .. }
            | RungLegState::Talking { .. }
            | RungLegState::Closing) => {
                leg.state = state;
                return;
            }
        };
        let (who, dialog, codec) = (leg.who, leg.dialog, speech.format.codec);
        leg.state = RungLegState::Talking { speech, answered_at: now };
        if !is_confirmed && let Err(misuse) = self.state.endpoint.ack(now, dialog, None) {
            tracing::warn!(%misuse, "an answer could not be confirmed");
        }
        let call = self.state.calls.get_mut(&offer.caller).expect("a served caller has a call");
        let reference = call.reference;
        let answered_at = call.stage.answered_at();
        let mut is_lost = false;
        if answered_at.is_none() {
            let format = call.leg.formats.iter().find(|format| format.codec == codec);
            let format = format.expect("that format was chosen among his").clone();
            let sdp = answer_to(&mut call.leg, &format);
            call.leg.frozen = Some(format);
            call.leg.awaits_answer = call.leg.offer.is_none();
            let dialog = call.leg.dialog;
            if let Err(misuse) = self.state.endpoint.answer(now, dialog, &[], sdp) {
                tracing::error!(call = %reference, %misuse, "the caller could not be answered");
                is_lost = true;
            }
        }
        let answered_at = answered_at.unwrap_or(now);
        let call = self.state.calls.get_mut(&offer.caller).expect("a served caller has a call");
        call.stage = match who {
            Callee::Agent(agent) => Stage::Bridged { offer, agent, answered_at },
            Callee::Target(target) => Stage::Connected { offer, target, answered_at },
        };
        self.state.timers.stop(Timer::RingRefresh(offer.caller));
        if is_lost {
            return self.end_by_us(now, offer.caller, Disposition::Lost);
        }
        for role in [Role::Caller(offer.caller), Role::Rung(offer)] {
            self.ask_held(now, role);
        }
        self.order_media(offer.caller);
        self.notice(match who {
            Callee::Agent(agent) => Notice::Answered { call: reference, agent },
            Callee::Target(target) => Notice::Connected { call: reference, target },
        });
    }

    /// His CANCEL won: he gave up waiting.
    pub(super) fn caller_cancelled(&mut self, now: Instant, dialog: DialogKey) {
        if let Some(caller) = self.caller_of(dialog) {
            self.caller_hung_up(now, caller, Party::Caller);
        } else {
            self.dialler_left(now, dialog);
            self.emergency_leg_is_gone(now, dialog);
        }
    }

    /// The first ACK to a 2xx of ours, on either leg. After an offer of ours it brings the answer (RFC
    /// 3261 §13.2.2.4, §14.2).
    pub(super) fn acked(&mut self, now: Instant, dialog: DialogKey, body: Option<Bytes>) {
        match self.state.dialogs.get(&dialog) {
            Some(&Role::Caller(caller)) => self.caller_acked(now, caller, body),
            Some(&role @ (Role::Rung(_) | Role::Centre(_))) => {
                self.side_acked(now, role, body);
            }
            Some(&Role::Code(code)) => self.code_acked(now, code),
            Some(&Role::Emergency(key)) => self.emergency_acked(now, key, body),
            None => {}
        }
    }

    fn caller_acked(&mut self, now: Instant, caller: CallerId, body: Option<Bytes>) {
        let Some(call) = self.state.calls.get_mut(&caller) else { return };
        let is_first = !std::mem::replace(&mut call.leg.is_confirmed, true);
        let is_described = self.side_acked(now, Role::Caller(caller), body);
        match (is_first, is_described) {
            (true, true) => self.begin_text(now, caller),
            // Without an answer there never was a conversation; later, the old description holds.
            (true, false) => self.caller_failed(now, caller),
            (false, _) => {}
        }
    }

    /// `false`: an offer of ours was out, and this brings no answer to it.
    pub(super) fn side_acked(&mut self, now: Instant, role: Role, body: Option<Bytes>) -> bool {
        let Some(side) = self.side(role) else { return true };
        if !std::mem::replace(side.awaits_answer, false) {
            return true;
        }
        let answer = body.and_then(|body| Offer::read(&body).ok());
        let audio = answer.as_ref().and_then(Offer::audio).filter(|audio| self.can_reach(audio));
        let held = self.holds(role);
        let taken = audio.and_then(|audio| self.side(role)?.take(audio));
        if taken.is_some() {
            self.side_changed(now, role, held);
        }
        taken.is_some()
    }

    /// The side of a leg that is in a conversation, or was.
    fn side(&mut self, role: Role) -> Option<Side<'_>> {
        match role {
            Role::Caller(caller) => self.state.calls.get_mut(&caller)?.leg.side(),
            Role::Rung(offer) => Some(self.speech_mut(offer)?.side()),
            Role::Emergency(key) => self.state.emergencies.get_mut(&key)?.leg.side(),
            Role::Centre(key) => Some(self.state.emergencies.get_mut(&key)?.speech_mut()?.side()),
            Role::Code(_) => None,
        }
    }

    /// A side says something else than before: of its numbering, its address or its direction.
    /// `held`: it had us on hold. Its packets are watched anew then, and tell all; the silence of one
    /// that did not hold has been told once, and is asked about until they come.
    fn side_changed(&mut self, now: Instant, role: Role, held: bool) {
        if held {
            self.stop_asking(role);
        }
        self.ask_held(now, role);
        match role {
            Role::Caller(caller) => self.order_media(caller),
            Role::Rung(offer) => {
                self.order_media(offer.caller);
                // Who is only asked has no caller beside him.
                self.order_asked_media(offer);
            }
            Role::Emergency(key) | Role::Centre(key) => self.order_emergency_media(key),
            Role::Code(_) => {}
        }
    }

    fn speech_mut(&mut self, offer: OfferId) -> Option<&mut Speech> {
        self.state.rung_legs.get_mut(&offer)?.speech_mut()
    }

    /// Both pairs of a call, as it stands: a change of one side's numbering concerns the other.
    fn order_media(&mut self, caller: CallerId) {
        self.order_caller_media(caller);
        if let Some(offer) = self.state.calls.get(&caller).and_then(|it| it.stage.bridged()) {
            self.order_rung_media(offer);
        }
    }

    /// The endpoint has sent BYE there.
    pub(super) fn ack_is_missing(&mut self, now: Instant, dialog: DialogKey) {
        if let Some(offer) = self.rung_leg(dialog) {
            // Of a re-INVITE from there: that phone vanished, and her caller is still to be served.
            return self.callee_is_lost(now, offer);
        }
        match self.state.dialogs.get(&dialog) {
            Some(&Role::Emergency(key)) => return self.dialler_left(now, key),
            Some(&Role::Centre(key)) => return self.centre_left(now, key, dialog),
            Some(Role::Caller(_) | Role::Rung(_) | Role::Code(_)) | None => {}
        }
        let Some(caller) = self.caller_of(dialog) else { return };
        if self.state.calls[&caller].leg.is_confirmed {
            // Of a re-INVITE: they have talked.
            self.caller_hung_up(now, caller, Party::Caller);
        } else {
            self.caller_failed(now, caller);
        }
    }

    fn caller_failed(&mut self, now: Instant, caller: CallerId) {
        let Some(call) = self.state.calls.get(&caller) else {
            return;
        };
        let (dialog, stage) = (call.leg.dialog, call.stage);
        self.hang_up(now, dialog);
        // Who waits again has nobody to release; the queue must still forget him.
        match stage {
            Stage::Bridged { .. } | Stage::Connected { .. } => self.release_callee(now, caller),
            Stage::Waiting | Stage::Returned { .. } | Stage::Pressed { .. } => {
                if !self.leaves(now, caller) {
                    return;
                }
            }
            // The queue has forgotten him.
            Stage::Announced { .. } => {}
        }
        self.finish(now, caller, Disposition::CallerFailed, 200, Party::Caller);
    }

    /// A dialog has ended: by the peer's BYE, or what we ended has come to its end.
    pub(super) fn dialog_ended(&mut self, now: Instant, dialog: DialogKey, by: EndedBy) {
        if let Some(offer) = self.rung_leg(dialog) {
            self.rung_dialog_ended(now, dialog, offer);
        } else if let Some(caller) = self.caller_of(dialog) {
            let party = match by {
                EndedBy::Remote => Party::Caller,
                EndedBy::Local => Party::Us,
            };
            self.caller_hung_up(now, caller, party);
        } else if let Some(key) = self.centre_of(dialog) {
            self.centre_left(now, key, dialog);
        } else {
            self.code_leg_is_gone(now, dialog);
            self.dialler_left(now, dialog);
            self.emergency_leg_is_gone(now, dialog);
        }
        self.state.dialogs.remove(&dialog);
        if let Some(port) = self.state.resting.remove(&dialog) {
            self.state.ports.wake(port);
        }
    }

    fn caller_hung_up(&mut self, now: Instant, caller: CallerId, party: Party) {
        let stage = self.state.calls[&caller].stage;
        match stage {
            // A BYE in an early dialog (RFC 3261 §15): the endpoint has answered the INVITE with 487.
            Stage::Waiting => self.caller_left(now, caller, Disposition::Abandoned, 487),
            Stage::Announced { answered_at, .. } => {
                self.left_the_text(now, caller, if answered_at.is_some() { 200 } else { 487 });
            }
            Stage::Returned { .. } => self.caller_left(now, caller, stage.talked(), 200),
            Stage::Pressed { .. } => self.caller_left(now, caller, Disposition::Abandoned, 200),
            Stage::Bridged { .. } | Stage::Connected { .. } => {
                self.release_callee(now, caller);
                self.finish(now, caller, stage.talked(), 200, party);
            }
        }
    }

    fn rung_dialog_ended(&mut self, now: Instant, dialog: DialogKey, offer: OfferId) {
        let leg = self.state.rung_legs.get(&offer).expect("rung_leg found it");
        match leg.state {
            RungLegState::Closing => {}
            // He heard what it is about, and does not want it; or a voicemail box is full.
            RungLegState::Asked { .. } => {
                self.close_offer(now, offer, OfferOutcome::Declined);
                self.inform(now, acd::Input::Missed { offer, miss: Miss::Declined });
            }
            RungLegState::Offered { .. } | RungLegState::Answered(_) => {
                self.close_offer(now, offer, OfferOutcome::Dropped);
                self.inform(now, acd::Input::Missed { offer, miss: Miss::Dropped });
            }
            // Nobody heard a word of hers: the caller is still to be served.
            RungLegState::Talking { answered_at, .. }
                if matches!(leg.who, Callee::Agent(_))
                    && !leg.heard
                    && now < answered_at + FIRST_SECONDS =>
            {
                self.give_back(now, offer);
            }
            RungLegState::Talking { .. } => self.callee_hung_up(now, offer),
        }
        self.leg_is_gone(now, dialog, offer);
    }

    fn callee_hung_up(&mut self, now: Instant, offer: OfferId) {
        let caller = offer.caller;
        self.close_offer(now, offer, OfferOutcome::Served);
        self.inform(now, acd::Input::Ended { caller });
        let call = &self.state.calls[&caller];
        let (dialog, stage) = (call.leg.dialog, call.stage);
        let party = if stage.target().is_some() { Party::Target } else { Party::Agent };
        self.hang_up(now, dialog);
        self.finish(now, caller, stage.talked(), 200, party);
    }

    /// His secretary is gone before they could talk, or vanished: he waits again at the head, with
    /// ring tone from us. Where he was forwarded to the line died: his plan goes on.
    fn give_back(&mut self, now: Instant, offer: OfferId) {
        let caller = offer.caller;
        self.close_offer(now, offer, OfferOutcome::Vanished);
        let call = self.state.calls.get_mut(&caller).expect("a bridged leg has a call");
        let (from, told) = match call.stage {
            Stage::Connected { target, .. } => {
                (Callee::Target(target), acd::Input::Missed { offer, miss: Miss::Dropped })
            }
            Stage::Bridged { agent, .. } => (Callee::Agent(agent), acd::Input::Returned { caller }),
            Stage::Waiting
            | Stage::Returned { .. }
            | Stage::Announced { .. }
            | Stage::Pressed { .. } => return,
        };
        if let Some(answered_at) = call.stage.answered_at() {
            call.stage = Stage::Returned { from, answered_at };
        }
        let reference = call.reference;
        self.notice(Notice::Returned { call: reference });
        self.order_caller_media(caller);
        self.inform(now, told);
    }

    /// A leg that was silent and did not answer our OPTIONS.
    pub(super) fn leg_is_lost(&mut self, now: Instant, role: Role) {
        self.stop_asking(role);
        match role {
            Role::Caller(caller) => {
                if self.state.calls.contains_key(&caller) {
                    let dialog = self.state.calls[&caller].leg.dialog;
                    self.hang_up(now, dialog);
                    self.caller_hung_up(now, caller, Party::Caller);
                }
            }
            Role::Rung(offer) => self.callee_is_lost(now, offer),
            Role::Emergency(key) | Role::Centre(key) => self.emergency_is_lost(now, key, role),
            // Three seconds are all that it has.
            Role::Code(_) => {}
        }
    }

    fn callee_is_lost(&mut self, now: Instant, offer: OfferId) {
        let Some(leg) = self.state.rung_legs.get(&offer) else {
            return;
        };
        let (who, dialog, flow) = (leg.who, leg.dialog, leg.flow);
        match leg.state {
            RungLegState::Talking { .. } => {}
            RungLegState::Asked { .. } => {
                self.hang_up(now, dialog);
                self.close_offer(now, offer, OfferOutcome::Dropped);
                return self.inform(now, acd::Input::Missed { offer, miss: Miss::Dropped });
            }
            RungLegState::Offered { .. } | RungLegState::Answered(_) | RungLegState::Closing => {
                return;
            }
        }
        self.hang_up(now, dialog);
        match who {
            Callee::Agent(_) => {
                // Ahead of her caller's return, so that he is not offered to the phone that just died.
                self.phone_is_dead(now, flow);
                self.give_back(now, offer);
                self.doubt_phone(now, flow);
            }
            Callee::Target(Target::Phone(_)) => {
                self.give_back(now, offer);
                self.doubt_phone(now, flow);
            }
            Callee::Target(Target::Line(_)) => self.give_back(now, offer),
        }
    }

    /// He is gone before the end of his plan: whoever was being rung is let off.
    fn caller_left(&mut self, now: Instant, caller: CallerId, how: Disposition, status: u16) {
        if self.leaves(now, caller) {
            self.finish(now, caller, how, status, Party::Caller);
        }
    }

    /// The queue forgets him. The withdrawal that follows must find the call, so that its offer is written
    /// down. `false`: his plan came to its end at this very instant, and his call with it.
    pub(super) fn leaves(&mut self, now: Instant, caller: CallerId) -> bool {
        self.inform(now, acd::Input::Leave { caller });
        self.carry_out_all(now);
        self.state.calls.contains_key(&caller)
    }

    /// He has heard enough: of the end of his plan, so the plan's word stays.
    fn left_the_text(&mut self, now: Instant, caller: CallerId, status: u16) {
        let how = self.state.calls[&caller].ended_by_plan(Disposition::Announced);
        self.finish(now, caller, how, status, Party::Caller);
    }

    pub(super) fn end_as_busy(&mut self, now: Instant, caller: CallerId) {
        let call = &self.state.calls[&caller];
        let (dialog, how) = (call.leg.dialog, call.ended_by_plan(Disposition::Busy));
        self.reject(now, dialog, 486, Some("Q.850;cause=17;text=\"User busy\""));
        self.finish(now, caller, how, 486, Party::Us);
    }

    /// Ends an answered call by ourselves.
    pub(super) fn end_by_us(&mut self, now: Instant, caller: CallerId, how: Disposition) {
        let dialog = self.state.calls[&caller].leg.dialog;
        self.hang_up(now, dialog);
        self.release_callee(now, caller);
        self.finish(now, caller, how, 200, Party::Us);
    }

    /// The process ends: nobody is left on a dead line.
    pub(super) fn hang_up_all(&mut self, now: Instant) {
        self.end_codes(now);
        self.end_emergencies(now);
        let callers: Vec<CallerId> = self.state.calls.keys().copied().collect();
        for caller in callers {
            let Some(call) = self.state.calls.get(&caller) else {
                continue;
            };
            let dialog = call.leg.dialog;
            match call.stage {
                Stage::Announced { .. } => {}
                Stage::Waiting
                | Stage::Bridged { .. }
                | Stage::Connected { .. }
                | Stage::Returned { .. }
                | Stage::Pressed { .. } => {
                    self.leaves(now, caller);
                }
            }
            let Some(stage) = self.state.calls.get(&caller).map(|call| call.stage) else {
                continue;
            };
            match stage {
                Stage::Announced { .. } => self.text_is_over(now, caller),
                Stage::Bridged { .. } | Stage::Connected { .. } => {
                    self.end_by_us(now, caller, stage.talked());
                }
                Stage::Returned { .. } | Stage::Pressed { .. } => {
                    self.end_by_us(now, caller, stage.returned_in_vain());
                }
                Stage::Waiting => {
                    let reason = "Q.850;cause=41;text=\"Temporary failure\"";
                    self.reject(now, dialog, 503, Some(reason));
                    self.finish(now, caller, Disposition::Lost, 503, Party::Us);
                }
            }
        }
    }

    pub(super) fn carry_out_all(&mut self, now: Instant) {
        while let Some(decision) = self.decisions.pop_front() {
            self.carry_out(now, decision);
        }
    }

    /// Hangs up on whom a caller talks with who is gone; a secretary's wrap-up begins.
    fn release_callee(&mut self, now: Instant, caller: CallerId) {
        let Some(offer) = self.state.calls[&caller].stage.bridged() else {
            return;
        };
        if let Some(leg) = self.state.rung_legs.get(&offer) {
            let dialog = leg.dialog;
            self.hang_up(now, dialog);
            self.close_offer(now, offer, OfferOutcome::Served);
        }
        self.inform(now, acd::Input::Ended { caller });
    }

    pub(super) fn hang_up(&mut self, now: Instant, dialog: DialogKey) {
        if let Err(misuse) = self.state.endpoint.bye(now, dialog, None) {
            tracing::debug!(%misuse, "a BYE was not wanted");
        }
    }

    /// The call is over: one record, and nothing of it is kept but what her phone still owes.
    pub(super) fn finish(
        &mut self,
        now: Instant,
        caller: CallerId,
        disposition: Disposition,
        status: u16,
        released_by: Party,
    ) {
        self.state.timers.stop(Timer::RingRefresh(caller));
        self.state.timers.stop(Timer::TextEnd(caller));
        self.state.timers.stop(Timer::MustAnswer(caller));
        self.stop_asking(Role::Caller(caller));
        self.state.starved.remove(&caller);
        let call = self.state.calls.remove(&caller).expect("only a live call is finished");
        self.state.dialogs.remove(&call.leg.dialog);
        self.release_media(call.leg.media);
        if call.stage.is_last() {
            self.state.ports.return_single(call.leg.media.port);
        } else {
            self.state.ports.leave(call.leg.media.port);
        }
        self.cannot_press(now, caller);
        // Our BYE has no answer yet, or waits for his ACK: he may go on talking, and the next call of
        // his trunk has the same address.
        if self.state.endpoint.is_open(call.leg.dialog) {
            self.state.ports.rest(call.leg.media.port);
            self.state.resting.insert(call.leg.dialog, call.leg.media.port);
        }
        self.record(CallRecord {
            call: call.reference,
            trunk: call.trunk,
            dialled: Some(call.dialled),
            practice: Some(call.practice),
            situation: Some(call.situation),
            class: Some(call.class),
            caller: call.caller,
            arrived_at: call.arrived_at,
            answered_at: call.stage.answered_at(),
            ended_at: now,
            disposition,
            status,
            released_by,
            prompt: call.stage.prompt(),
            agent: call.stage.agent(),
            target: call.stage.target(),
            pressed_at: call.pressed_at,
            offers: call.offers,
            forwards: call.forwards,
        });
    }

    /// A re-INVITE or UPDATE of one leg: hold, resume, a new address, a session refresh. It is answered
    /// for this leg alone, in the direction that mirrors it (RFC 3264 §8.4, RFC 6337 §3.1). The other
    /// leg's description does not change: what hold means for it is the relay's work, and a phone that
    /// is put on hold twice cannot get lost between two re-INVITEs.
    pub(super) fn reinvited(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        request: RequestKey,
        message: &Message,
    ) {
        let role = self.state.dialogs.get(&dialog).copied();
        let sdp = match sip::session_description(message) {
            Ok(sdp) => sdp,
            Err(error) => {
                tracing::debug!(%error, "no new offer can be found");
                let headers: Vec<_> = error.header().into_iter().collect();
                return self.respond(now, request, error.status(), &headers);
            }
        };
        let offer = match sdp.map(Offer::read).transpose() {
            Ok(offer) => offer,
            Err(error) => {
                tracing::debug!(%error, "a new offer cannot be read");
                return self.respond(now, request, 488, &[]);
            }
        };
        let Some(role) = role else { return self.respond(now, request, 481, &[]) };
        match self.renegotiate(now, role, offer.as_ref(), message.method()) {
            Ok(None) => self.respond(now, request, 200, &[]),
            Ok(Some(sdp)) => {
                let body = Some(("application/sdp", &sdp[..]));
                if let Err(misuse) = self.state.endpoint.respond(now, request, 200, &[], body) {
                    tracing::debug!(%misuse, "the answer to a re-INVITE came too late");
                }
            }
            Err(status @ 500) => self.respond(now, request, status, &[("Retry-After", "2")]),
            Err(status) => self.respond(now, request, status, &[]),
        }
    }

    /// The answer, our own offer, or nothing to a session refresh by UPDATE (RFC 4028 §7.4). `Err` is
    /// the status that refuses it: the conversation goes on as it was (RFC 3261 §14.2).
    fn renegotiate(
        &mut self,
        now: Instant,
        role: Role,
        offer: Option<&Offer>,
        method: Method,
    ) -> Result<Option<Bytes>, u16> {
        if offer.is_none() && method != Method::Invite {
            return Ok(None);
        }
        // Fax, or nothing that we can take part in.
        let audio = offer.map(|offer| offer.audio().ok_or(488_u16)).transpose()?;
        if audio.is_some_and(|audio| !self.can_reach(audio)) {
            return Err(488);
        }
        // The INVITE's own offer has no answer yet (RFC 3311 §5.2).
        let held = self.holds(role);
        let mut side = self.side(role).ok_or(500_u16)?;
        if *side.awaits_answer {
            return Err(491);
        }
        let (Some(offer), Some(audio)) = (offer, audio) else {
            *side.awaits_answer = true;
            let formats = std::slice::from_ref(&*side.format);
            let sdp = side.session.offer(formats, *side.telephone_event, Direction::SendRecv);
            return Ok(Some(sdp));
        };
        side.take(audio).ok_or(488_u16)?;
        let event = *side.telephone_event;
        let sdp = side.session.answer(offer, side.format, event, Direction::SendRecv);
        self.side_changed(now, role, held);
        Ok(Some(sdp))
    }

    /// OPTIONS asks whether the dialog is alive, INFO may bring the key that we asked for; nothing else
    /// is taken, and nothing carried from leg to leg.
    pub(super) fn answer_in_dialog(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        request: RequestKey,
        message: &Message,
    ) {
        if let Some((role, key)) = self.key_in(dialog, message) {
            self.respond(now, request, 200, &[]);
            return self.key_pressed(now, role, key);
        }
        if message.method() == Method::Options {
            self.respond(now, request, 200, &ABILITIES);
        } else {
            self.respond(now, request, 405, &[]);
        }
    }

    fn caller_of(&self, dialog: DialogKey) -> Option<CallerId> {
        match self.state.dialogs.get(&dialog)? {
            Role::Caller(caller) => Some(*caller),
            Role::Rung(_) | Role::Code(_) | Role::Emergency(_) | Role::Centre(_) => None,
        }
    }
}

/// The one answer that a caller gets: the other side's codec in his numbering; our offer if he made none.
pub(super) fn answer_to(leg: &mut CallerLeg, format: &Format) -> Bytes {
    match &leg.offer {
        Some(offer) => leg.session.answer(offer, format, leg.telephone_event, Direction::SendRecv),
        None => {
            let formats = std::slice::from_ref(format);
            leg.session.offer(formats, leg.telephone_event, Direction::SendRecv)
        }
    }
}

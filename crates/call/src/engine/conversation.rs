//! The caller's leg, the bridge, and both hang-ups.

use std::time::Duration;

use acd::{AgentId, CallerId, Miss, OfferId};
use bytes::Bytes;
use sip::sdp::{Codec, Direction, Format, Offer};
use sip::{DialogKey, EndedBy, Instant, Message, Method, RequestKey};

use super::Engine;
use super::admission::ABILITIES;
use crate::action::Notice;
use crate::calls::{AgentLegState, Call, Speech, Stage};
use crate::media::MediaRemote;
use crate::record::{CallRecord, Disposition, OfferOutcome, Party};
use crate::timers::{Role, Timer};

/// A secretary who hangs up within this, before any packet of hers came, has not served her caller.
const FIRST_SECONDS: Duration = Duration::from_secs(5);

impl Engine {
    /// The scheduler named the winner: her leg is confirmed, then the caller answered, and the relay
    /// joins them.
    pub(super) fn serve(&mut self, now: Instant, offer: OfferId, agent: AgentId) {
        let Some(leg) = self.state.agent_legs.get_mut(&offer) else {
            return;
        };
        let state = std::mem::replace(&mut leg.state, AgentLegState::Closing);
        let AgentLegState::Answered(speech) = state else {
            leg.state = state;
            return;
        };
        let (dialog, codec) = (leg.dialog, speech.format.codec);
        leg.state = AgentLegState::Talking { speech, answered_at: now };
        if let Err(misuse) = self.state.endpoint.ack(now, dialog, None) {
            tracing::warn!(%misuse, "her answer could not be confirmed");
        }
        let call = self.state.calls.get_mut(&offer.caller).expect("a served caller has a call");
        let reference = call.reference;
        let answered_at = call.stage.answered_at();
        let mut is_lost = false;
        if answered_at.is_none() {
            let format = call.leg.formats.iter().find(|format| format.codec == codec);
            let format = format.expect("her format was chosen among his").clone();
            let sdp = answer_to(call, &format);
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
        call.stage = Stage::Bridged { offer, agent, answered_at };
        self.state.timers.stop(Timer::RingRefresh(offer.caller));
        if is_lost {
            return self.end_by_us(now, offer.caller, Disposition::Lost);
        }
        self.order_caller_media(offer.caller);
        self.order_agent_media(offer);
        self.notice(Notice::Answered { call: reference, agent });
    }

    /// His CANCEL won: he gave up waiting.
    pub(super) fn caller_cancelled(&mut self, now: Instant, dialog: DialogKey) {
        if let Some(caller) = self.caller_of(dialog) {
            self.caller_left(now, caller, Disposition::Abandoned, 487);
        }
    }

    /// The first ACK to a 2xx of ours, on either leg. After an offer of ours it brings the answer (RFC
    /// 3261 §13.2.2.4, §14.2).
    pub(super) fn acked(&mut self, now: Instant, dialog: DialogKey, body: Option<Bytes>) {
        match self.state.dialogs.get(&dialog) {
            Some(&Role::Caller(caller)) => self.caller_acked(now, caller, body),
            Some(&Role::Agent(offer)) => self.agent_acked(offer, body),
            None => {}
        }
    }

    fn caller_acked(&mut self, now: Instant, caller: CallerId, body: Option<Bytes>) {
        let Some(call) = self.state.calls.get_mut(&caller) else { return };
        let leg = &mut call.leg;
        let is_first = !std::mem::replace(&mut leg.is_confirmed, true);
        if !std::mem::replace(&mut leg.awaits_answer, false) {
            return;
        }
        let codec = leg.frozen.as_ref().map(|format| format.codec);
        match codec.and_then(|codec| self.read_answer(codec, body)) {
            Some(answer) => {
                let leg = &mut self.state.calls.get_mut(&caller).expect("found above").leg;
                leg.remote = answer.remote;
                leg.telephone_event = answer.telephone_event;
                leg.frozen = Some(answer.format);
                self.order_media(caller);
            }
            // Without an answer there never was a conversation; later, the old description holds.
            None if is_first => self.caller_failed(now, caller),
            None => {}
        }
    }

    fn agent_acked(&mut self, offer: OfferId, body: Option<Bytes>) {
        let Some(speech) = self.speech_mut(offer) else { return };
        if !std::mem::replace(&mut speech.awaits_answer, false) {
            return;
        }
        let codec = speech.format.codec;
        let Some(answer) = self.read_answer(codec, body) else { return };
        if let Some(speech) = self.speech_mut(offer) {
            speech.remote = answer.remote;
            speech.telephone_event = answer.telephone_event;
            speech.format = answer.format;
        }
        self.order_media(offer.caller);
    }

    /// An answer to an offer of ours that had this one codec.
    fn read_answer(&self, codec: Codec, body: Option<Bytes>) -> Option<Answer> {
        let answer = Offer::read(&body?).ok()?;
        let audio = answer.audio().filter(|audio| self.can_reach(audio))?;
        let format = audio.formats.iter().find(|format| format.codec == codec)?.clone();
        let telephone_event = audio.telephone_event;
        Some(Answer { format, telephone_event, remote: MediaRemote::of(audio) })
    }

    /// The secretary's side of a conversation that is up.
    fn speech_mut(&mut self, offer: OfferId) -> Option<&mut Speech> {
        match &mut self.state.agent_legs.get_mut(&offer)?.state {
            AgentLegState::Talking { speech, .. } => Some(speech),
            AgentLegState::Offered { .. } | AgentLegState::Answered(_) | AgentLegState::Closing => {
                None
            }
        }
    }

    /// Both pairs of a call, as it stands: a change of one side's numbering concerns the other.
    fn order_media(&mut self, caller: CallerId) {
        self.order_caller_media(caller);
        if let Some(Stage::Bridged { offer, .. }) = self.state.calls.get(&caller).map(|it| it.stage)
        {
            self.order_agent_media(offer);
        }
    }

    /// The endpoint has sent BYE to him.
    pub(super) fn caller_ack_is_missing(&mut self, now: Instant, dialog: DialogKey) {
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
            Stage::Bridged { .. } => self.release_agent(now, caller),
            Stage::Waiting | Stage::Returned { .. } => {
                self.inform(now, acd::Input::Leave { caller });
                self.carry_out_all(now);
            }
        }
        self.finish(now, caller, Disposition::CallerFailed, 200, Party::Caller);
    }

    /// A dialog has ended: by the peer's BYE, or what we ended has come to its end.
    pub(super) fn dialog_ended(&mut self, now: Instant, dialog: DialogKey, by: EndedBy) {
        if let Some((agent, offer)) = self.agent_leg(dialog) {
            self.agent_dialog_ended(now, dialog, agent, offer);
        } else if let Some(caller) = self.caller_of(dialog) {
            let party = match by {
                EndedBy::Remote => Party::Caller,
                EndedBy::Local => Party::Us,
            };
            self.caller_hung_up(now, caller, party);
        }
        self.state.dialogs.remove(&dialog);
    }

    fn caller_hung_up(&mut self, now: Instant, caller: CallerId, party: Party) {
        let stage = self.state.calls[&caller].stage;
        match stage {
            // A BYE in an early dialog (RFC 3261 §15): the endpoint has answered the INVITE with 487.
            Stage::Waiting => self.caller_left(now, caller, Disposition::Abandoned, 487),
            Stage::Returned { .. } => self.caller_left(now, caller, Disposition::Answered, 200),
            Stage::Bridged { .. } => {
                self.release_agent(now, caller);
                self.finish(now, caller, Disposition::Answered, 200, party);
            }
        }
    }

    fn agent_dialog_ended(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        agent: AgentId,
        offer: OfferId,
    ) {
        let leg = self.state.agent_legs.get(&offer).expect("agent_leg found it");
        match leg.state {
            AgentLegState::Closing => {}
            AgentLegState::Offered { .. } | AgentLegState::Answered(_) => {
                self.close_offer(now, offer, OfferOutcome::Dropped);
                self.inform(now, acd::Input::Missed { offer, miss: Miss::Dropped });
            }
            // Nobody heard a word of hers: the caller is still to be served.
            AgentLegState::Talking { answered_at, .. }
                if !leg.heard && now < answered_at + FIRST_SECONDS =>
            {
                self.give_back(now, offer);
            }
            AgentLegState::Talking { .. } => self.agent_hung_up(now, offer),
        }
        self.leg_is_gone(now, dialog, agent, offer);
    }

    fn agent_hung_up(&mut self, now: Instant, offer: OfferId) {
        let caller = offer.caller;
        self.close_offer(now, offer, OfferOutcome::Served);
        self.inform(now, acd::Input::Ended { caller });
        let dialog = self.state.calls[&caller].leg.dialog;
        self.hang_up(now, dialog);
        self.finish(now, caller, Disposition::Answered, 200, Party::Agent);
    }

    /// His secretary is gone before they could talk, or vanished: he waits again at the head, with
    /// ring tone from us.
    fn give_back(&mut self, now: Instant, offer: OfferId) {
        let caller = offer.caller;
        self.close_offer(now, offer, OfferOutcome::Vanished);
        let call = self.state.calls.get_mut(&caller).expect("a bridged leg has a call");
        if let Stage::Bridged { agent, answered_at, .. } = call.stage {
            call.stage = Stage::Returned { agent, answered_at };
        }
        let reference = call.reference;
        self.notice(Notice::Returned { call: reference });
        self.order_caller_media(caller);
        self.inform(now, acd::Input::Returned { caller });
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
            Role::Agent(offer) => self.agent_is_lost(now, offer),
        }
    }

    fn agent_is_lost(&mut self, now: Instant, offer: OfferId) {
        let Some(leg) = self.state.agent_legs.get(&offer) else {
            return;
        };
        if !matches!(leg.state, AgentLegState::Talking { .. }) {
            return;
        }
        let (dialog, agent) = (leg.dialog, leg.agent);
        self.hang_up(now, dialog);
        self.give_back(now, offer);
        let event = acd::AgentEvent::Unreachable;
        self.inform(now, acd::Input::Agent { agent, event });
    }

    /// He is gone before the end of his plan: whoever was being rung is let off.
    fn caller_left(&mut self, now: Instant, caller: CallerId, how: Disposition, status: u16) {
        // The withdrawal that follows must find the call, so that its offer is written down.
        self.inform(now, acd::Input::Leave { caller });
        self.carry_out_all(now);
        self.finish(now, caller, how, status, Party::Caller);
    }

    pub(super) fn end_as_busy(&mut self, now: Instant, caller: CallerId) {
        let dialog = self.state.calls[&caller].leg.dialog;
        self.reject(now, dialog, 486, Some("Q.850;cause=17;text=\"User busy\""));
        self.finish(now, caller, Disposition::Busy, 486, Party::Us);
    }

    /// Ends an answered call by ourselves.
    pub(super) fn end_by_us(&mut self, now: Instant, caller: CallerId, how: Disposition) {
        let dialog = self.state.calls[&caller].leg.dialog;
        self.hang_up(now, dialog);
        self.release_agent(now, caller);
        self.finish(now, caller, how, 200, Party::Us);
    }

    /// The process ends: nobody is left on a dead line.
    pub(super) fn hang_up_all(&mut self, now: Instant) {
        let callers: Vec<CallerId> = self.state.calls.keys().copied().collect();
        for caller in callers {
            let Some(call) = self.state.calls.get(&caller) else {
                continue;
            };
            let (dialog, stage) = (call.leg.dialog, call.stage);
            self.inform(now, acd::Input::Leave { caller });
            self.carry_out_all(now);
            match stage {
                Stage::Bridged { .. } => self.end_by_us(now, caller, Disposition::Answered),
                Stage::Returned { .. } => self.end_by_us(now, caller, Disposition::Lost),
                Stage::Waiting => {
                    let reason = "Q.850;cause=41;text=\"Temporary failure\"";
                    self.reject(now, dialog, 503, Some(reason));
                    self.finish(now, caller, Disposition::Lost, 503, Party::Us);
                }
            }
        }
    }

    fn carry_out_all(&mut self, now: Instant) {
        while let Some(decision) = self.decisions.pop_front() {
            self.carry_out(now, decision);
        }
    }

    /// Hangs up on the secretary of a call whose caller is gone; her wrap-up begins.
    fn release_agent(&mut self, now: Instant, caller: CallerId) {
        let Stage::Bridged { offer, .. } = self.state.calls[&caller].stage else {
            return;
        };
        if let Some(leg) = self.state.agent_legs.get(&offer) {
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
    fn finish(
        &mut self,
        now: Instant,
        caller: CallerId,
        disposition: Disposition,
        status: u16,
        released_by: Party,
    ) {
        self.state.timers.stop(Timer::RingRefresh(caller));
        self.stop_asking(Role::Caller(caller));
        let call = self.state.calls.remove(&caller).expect("only a live call is finished");
        self.state.dialogs.remove(&call.leg.dialog);
        self.release_media(call.leg.media);
        self.state.ports.leave(call.leg.media.port);
        self.record(CallRecord {
            call: call.reference,
            trunk: call.trunk,
            dialled: Some(call.dialled),
            practice: Some(call.practice),
            caller: call.caller,
            arrived_at: call.arrived_at,
            answered_at: call.stage.answered_at(),
            ended_at: now,
            disposition,
            status,
            released_by,
            agent: call.stage.agent(),
            offers: call.offers,
        });
    }

    /// A re-INVITE or UPDATE of one leg: hold, resume, a new address, a session refresh. It is
    /// answered for this leg alone; the other leg's description does not change.
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
        let answer = match role {
            Some(Role::Caller(caller)) => self.renegotiate_caller(caller, offer.as_ref(), message),
            Some(Role::Agent(id)) => self.renegotiate_agent(id, offer.as_ref(), message),
            None => return self.respond(now, request, 481, &[]),
        };
        match answer {
            Some(Described::Same) => self.respond(now, request, 200, &[]),
            Some(Described::Sdp(sdp)) => {
                let body = Some(("application/sdp", &sdp[..]));
                if let Err(misuse) = self.state.endpoint.respond(now, request, 200, &[], body) {
                    tracing::debug!(%misuse, "the answer to a re-INVITE came too late");
                }
            }
            None => self.respond(now, request, 488, &[]),
        }
    }

    fn renegotiate_caller(
        &mut self,
        caller: CallerId,
        offer: Option<&Offer>,
        message: &Message,
    ) -> Option<Described> {
        if offer.is_none() && message.method() != Method::Invite {
            return Some(Described::Same);
        }
        let reachable = offer.and_then(Offer::audio).is_none_or(|audio| self.can_reach(audio));
        let leg = &mut self.state.calls.get_mut(&caller)?.leg;
        let format = leg.frozen.clone().filter(|_| reachable)?;
        let Some(offer) = offer else {
            leg.awaits_answer = true;
            let formats = std::slice::from_ref(&format);
            let sdp = leg.session.offer(formats, leg.telephone_event, Direction::SendRecv);
            return Some(Described::Sdp(sdp));
        };
        let audio = offer.audio()?;
        let chosen = audio.formats.iter().find(|it| it.codec == format.codec)?.clone();
        let telephone_event = audio.telephone_event;
        leg.remote = MediaRemote::of(audio);
        let sdp = leg.session.answer(offer, &chosen, telephone_event, Direction::SendRecv);
        leg.telephone_event = telephone_event;
        leg.frozen = Some(chosen);
        self.order_media(caller);
        Some(Described::Sdp(sdp))
    }

    fn renegotiate_agent(
        &mut self,
        id: OfferId,
        offer: Option<&Offer>,
        message: &Message,
    ) -> Option<Described> {
        if offer.is_none() && message.method() != Method::Invite {
            return Some(Described::Same);
        }
        let reachable = offer.and_then(Offer::audio).is_none_or(|audio| self.can_reach(audio));
        let speech = self.speech_mut(id).filter(|_| reachable)?;
        let Some(offer) = offer else {
            speech.awaits_answer = true;
            let formats = std::slice::from_ref(&speech.format);
            let telephone_event = speech.telephone_event;
            let sdp = speech.session.offer(formats, telephone_event, Direction::SendRecv);
            return Some(Described::Sdp(sdp));
        };
        let audio = offer.audio()?;
        let codec = speech.format.codec;
        let chosen = audio.formats.iter().find(|it| it.codec == codec)?.clone();
        speech.remote = MediaRemote::of(audio);
        speech.telephone_event = audio.telephone_event;
        let telephone_event = audio.telephone_event;
        let sdp = speech.session.answer(offer, &chosen, telephone_event, Direction::SendRecv);
        speech.format = chosen;
        self.order_media(id.caller);
        Some(Described::Sdp(sdp))
    }

    /// OPTIONS asks whether the dialog is alive; nothing else is carried from leg to leg.
    pub(super) fn answer_in_dialog(
        &mut self,
        now: Instant,
        request: RequestKey,
        message: &Message,
    ) {
        if message.method() == Method::Options {
            self.respond(now, request, 200, &ABILITIES);
        } else {
            self.respond(now, request, 405, &[]);
        }
    }

    fn caller_of(&self, dialog: DialogKey) -> Option<CallerId> {
        match self.state.dialogs.get(&dialog)? {
            Role::Caller(caller) => Some(*caller),
            Role::Agent(_) => None,
        }
    }
}

/// What a re-INVITE is answered with.
enum Described {
    /// A session refresh by UPDATE without SDP (RFC 4028 §7.4).
    Same,
    Sdp(Bytes),
}

/// What an answer to our offer says.
struct Answer {
    format: Format,
    telephone_event: Option<u8>,
    remote: Option<MediaRemote>,
}

/// The one answer that the caller gets: her codec in his numbering; our offer if he made none.
fn answer_to(call: &mut Call, format: &Format) -> Bytes {
    let leg = &mut call.leg;
    match &leg.offer {
        Some(offer) => leg.session.answer(offer, format, leg.telephone_event, Direction::SendRecv),
        None => {
            let formats = std::slice::from_ref(format);
            leg.session.offer(formats, leg.telephone_event, Direction::SendRecv)
        }
    }
}

//! Their INVITE (RFC 3261 §13.3): progress, the answer sent again until its ACK, refusal.

use bytes::Bytes;

use super::servers::ServerUser;
use super::session::{AckAwaited, Bye, Confirmed, Exchange, Invited, Phase, Session};
use super::uac::SDP;
use super::{DialogKey, Endpoint, Event, Misuse, RequestKey};
use crate::dialog::Dialog;
use crate::timer::{T1, T1_64, T2, TimerReason};
use crate::transaction::{ServerId, TimerOwner};
use crate::{Flow, Instant, Message};

impl Endpoint {
    pub(super) fn handle_invite(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        invite: Message,
    ) {
        // It goes on to a secretary's phone: the hop is ours to count (RFC 7332 §3).
        if invite.max_forwards() == Ok(Some(0)) {
            return self.refuse_outside(now, flow, invite, 483, &[]);
        }
        // A copy, though there would be room by now: its first answer holds.
        if let Some(status) = self.refusals.status_of(now, &invite) {
            return self.refuse(flow, &invite, status, &[]);
        }
        if self.sessions.is_full() || self.servers.is_full() {
            self.refuse_full(flow, &invite);
            return self.tell_refusal(now, flow, invite, 503);
        }
        let tag = self.io.random.tag();
        let user = invite.uri().ok().and_then(|uri| uri.user).unwrap_or_default().to_string();
        let made = Dialog::of_invite(&invite, &tag.to_string(), user.clone(), flow);
        let Some((dialog, call_id)) = made.zip(invite.call_id().ok().map(str::to_string)) else {
            return self.refuse_outside(now, flow, invite, 400, &[]);
        };
        let server = ServerUser::Nobody;
        let transaction = self.accept_invite(now, flow, id, invite.clone(), server, tag);
        let key = self.sessions.insert_with(|_| Session {
            tag,
            call_id,
            contact_user: user,
            credentials: None,
            pending: Vec::new(),
            phase: Phase::Invited(Invited { transaction, dialog }),
        });
        if let Some(server) = self.servers.get_mut(transaction) {
            server.user = ServerUser::Invite(key);
        }
        self.tags.insert(tag, key);
        self.io.emit(Event::Invited { dialog: key, flow, invite });
    }

    /// Sends a 1xx above 100, with our To-tag and Contact.
    pub fn progress(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        status: u16,
        headers: &[(&str, &str)],
        sdp: Option<&[u8]>,
    ) -> Result<(), Misuse> {
        let transaction = self.unanswered(dialog)?;
        if !(101..200).contains(&status) {
            return Err(Misuse::WrongStatus(status));
        }
        self.send_response(now, transaction, status, headers, sdp.map(|sdp| (SDP, sdp)));
        Ok(())
    }

    /// Sends the 200, again until its ACK comes ([`Event::Acked`]) or 64·T1 went by
    /// ([`Event::AckMissing`]).
    pub fn answer(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        headers: &[(&str, &str)],
        sdp: Bytes,
    ) -> Result<(), Misuse> {
        let transaction = self.unanswered(dialog)?;
        let answer = self.send_response(now, transaction, 200, headers, Some((SDP, &sdp)));
        self.await_ack(now, dialog, transaction, answer);
        Ok(())
    }

    /// Refuses with a status of 300 or more. Terminal: no event follows.
    pub fn reject(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        status: u16,
        headers: &[(&str, &str)],
    ) -> Result<(), Misuse> {
        let transaction = self.unanswered(dialog)?;
        if !(300..700).contains(&status) {
            return Err(Misuse::WrongStatus(status));
        }
        self.send_response(now, transaction, status, headers, None);
        self.close(now, dialog);
        Ok(())
    }

    /// A 2xx to an INVITE was sent: it wants an ACK.
    pub(super) fn await_ack(
        &mut self,
        now: Instant,
        key: DialogKey,
        transaction: RequestKey,
        answer: Option<Bytes>,
    ) {
        let Some(answer) = answer else { return };
        let Some(server) = self.servers.get(transaction) else { return };
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(request) = &server.request else { return };
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        let exchange = Exchange::AckAwaited(AckAwaited {
            answer,
            flow: server.flow,
            cseq,
            interval: T1,
            bye: Bye::No,
        });
        match &mut session.phase {
            Phase::Invited(invited) => {
                let dialog = invited.dialog.clone();
                session.phase = Phase::Confirmed(Box::new(Confirmed { dialog, exchange }));
            }
            Phase::Confirmed(confirmed) => {
                confirmed.dialog.refresh_target(request);
                confirmed.exchange = exchange;
            }
            Phase::Resolving(_) | Phase::Inviting(_) | Phase::Closing(_) => return,
        }
        let owner = TimerOwner::Dialog(key);
        self.io.timers.set(owner, TimerReason::Answer, now + T1);
        self.io.timers.set(owner, TimerReason::AckWait, now + T1_64);
        self.drop_request(transaction);
    }

    /// The ACK to a 2xx: a transaction of its own, found by its dialog.
    pub(super) fn handle_success_ack(&mut self, now: Instant, message: &Message) {
        let found = self.find_session(message);
        let confirmed = found
            .and_then(|key| self.sessions.get_mut(key))
            .and_then(|session| session.confirmed_mut());
        let (Some(dialog), Some(confirmed)) = (found, confirmed) else {
            self.io.totals.stray_acks += 1;
            return;
        };
        let Exchange::AckAwaited(awaited) = &confirmed.exchange else {
            // Our 2xx and their ACK crossed: they acknowledge each copy.
            self.io.totals.absorbed += 1;
            return;
        };
        if message.cseq().map(|cseq| cseq.number) != Ok(awaited.cseq) {
            self.io.totals.absorbed += 1;
            return;
        }
        let bye = awaited.bye.clone();
        confirmed.exchange = Exchange::Idle;
        self.io.timers.clear(TimerOwner::Dialog(dialog));
        let sdp = crate::session_description(message).ok().flatten();
        let body = sdp.map(|sdp| message.bytes().slice_ref(sdp));
        self.io.emit(Event::Acked { dialog, body });
        if let Bye::Wanted(reason) = bye {
            self.send_bye(now, dialog, reason.as_deref());
        }
    }

    pub(super) fn handle_dialog_timeout(
        &mut self,
        now: Instant,
        key: DialogKey,
        reason: TimerReason,
    ) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(confirmed) = session.confirmed_mut() else { return };
        let Exchange::AckAwaited(awaited) = &mut confirmed.exchange else { return };
        let owner = TimerOwner::Dialog(key);
        if reason == TimerReason::Answer {
            awaited.interval = (awaited.interval * 2).min(T2);
            let mut context = self.io.context(now, owner);
            context.send_again(awaited.flow, &awaited.answer);
            context.set(TimerReason::Answer, awaited.interval);
            return;
        }
        let bye = match &awaited.bye {
            Bye::Wanted(reason) => reason.clone(),
            Bye::No => None,
        };
        confirmed.exchange = Exchange::Idle;
        self.io.totals.acks_missing += 1;
        self.io.emit(Event::AckMissing { dialog: key });
        self.send_bye(now, key, bye.as_deref());
    }

    fn unanswered(&mut self, dialog: DialogKey) -> Result<RequestKey, Misuse> {
        let session = self.sessions.get(dialog).ok_or(Misuse::Gone)?;
        match &session.phase {
            Phase::Invited(invited) => Ok(invited.transaction),
            Phase::Resolving(_) | Phase::Inviting(_) | Phase::Confirmed(_) | Phase::Closing(_) => {
                Err(Misuse::WrongState)
            }
        }
    }
}

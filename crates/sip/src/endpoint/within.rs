//! Requests in a dialog, both ways: BYE, re-INVITE, UPDATE, INFO, … (RFC 3261 §12.2, §14, §15).

use bytes::Bytes;

use super::clients::{Credits, User};
use super::io::Tag;
use super::outgoing::Purpose;
use super::servers::{ServerUser, required};
use super::session::{Bye, Cancel, Exchange, Phase};
use super::uac::{SDP, reason_of};
use super::{ClientKey, DialogKey, EndedBy, Endpoint, Event, Full, Misuse, RequestKey, Timeout};
use crate::transaction::{ServerId, TimerOwner, TransactionKey};
use crate::{Flow, Instant, Message, Method};

impl Endpoint {
    /// Ends a confirmed dialog; [`Event::Ended`] follows. While our 2xx has no ACK the BYE waits
    /// for it (§15). A 2xx that the owner did not `ack` is acknowledged first. Nothing happens if
    /// a BYE is on its way already. `reason` is a Reason header's value (RFC 3326).
    pub fn bye(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        reason: Option<&str>,
    ) -> Result<(), Misuse> {
        let session = self.sessions.get_mut(dialog).ok_or(Misuse::Gone)?;
        match &mut session.phase {
            Phase::Resolving(_) | Phase::Inviting(_) | Phase::Invited(_) => {
                return Err(Misuse::WrongState);
            }
            Phase::Closing(_) => {}
            Phase::Confirmed(confirmed) => match &mut confirmed.exchange {
                Exchange::AckAwaited(awaited) => {
                    awaited.bye = Bye::Wanted(reason.map(str::to_string));
                }
                Exchange::Idle
                | Exchange::AckDue { .. }
                | Exchange::Ours(_)
                | Exchange::Theirs(_) => self.send_bye(now, dialog, reason),
            },
        }
        Ok(())
    }

    pub(super) fn send_bye(&mut self, now: Instant, key: DialogKey, reason: Option<&str>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Phase::Confirmed(confirmed) = &mut session.phase else { return };
        let mut dialog = confirmed.dialog.clone();
        let exchange = std::mem::replace(&mut confirmed.exchange, Exchange::Idle);
        let mut bye = dialog.next(Method::Bye, self.io.random.branch(), &self.io.user_agent);
        bye.headers.extend(reason.map(|reason| ("Reason".to_string(), reason.to_string())));
        let credits = Credits::new(session.credentials.clone());
        if let Exchange::AckDue { transaction, cseq } = exchange {
            let branch = self.io.random.branch();
            let ack = dialog.ack(cseq, branch, &self.io.user_agent);
            self.launch_ack(now, transaction, dialog.remote_tag(), ack);
        }
        self.end_pending(now, key, &exchange);
        self.io.timers.clear(TimerOwner::Dialog(key));
        if let Some(session) = self.sessions.get_mut(key) {
            session.phase = Phase::Closing(Box::new(dialog));
        }
        self.send_request(now, Purpose::Bye(key), bye, credits);
    }

    /// Sends a re-INVITE; [`Event::Reanswered`] follows.
    pub fn reinvite(&mut self, now: Instant, dialog: DialogKey, sdp: Bytes) -> Result<(), Misuse> {
        if self.clients.is_full() {
            return Err(Full::ClientTransactions(self.clients.len()).into());
        }
        let session = self.sessions.get_mut(dialog).ok_or(Misuse::Gone)?;
        let credits = Credits::new(session.credentials.clone());
        let confirmed = session.confirmed_mut().ok_or(Misuse::WrongState)?;
        if !matches!(confirmed.exchange, Exchange::Idle) {
            return Err(Misuse::Pending);
        }
        let branch = self.io.random.branch();
        let mut draft = confirmed.dialog.next(Method::Invite, branch, &self.io.user_agent);
        draft.body = Some((SDP.to_string(), sdp));
        let transaction = self.launch(now, draft, User::Reinvite(dialog), credits);
        if let Some(confirmed) = self.sessions.get_mut(dialog).and_then(|s| s.confirmed_mut()) {
            confirmed.exchange = Exchange::Ours(transaction);
        }
        Ok(())
    }

    pub(super) fn handle_reinvite_response(
        &mut self,
        now: Instant,
        key: TransactionKey,
        dialog: DialogKey,
        message: Message,
    ) {
        let status = message.status().unwrap_or_default();
        if status < 200 {
            return;
        }
        let confirmed = self.sessions.get_mut(dialog).and_then(|session| session.confirmed_mut());
        let Some(confirmed) = confirmed.filter(|confirmed| {
            matches!(confirmed.exchange, Exchange::Ours(transaction) if transaction == key)
        }) else {
            if status < 300 {
                self.drop_fork(now, key, &message);
            }
            return;
        };
        if status >= 300 {
            let cseq = confirmed.dialog.take_cseq();
            if let Some(next) = self.answer_challenge(now, key, &message, cseq) {
                self.set_exchange(dialog, Exchange::Ours(next));
                return;
            }
            self.set_exchange(dialog, Exchange::Idle);
            return self.io.emit(Event::Reanswered { dialog, result: Err(status) });
        }
        confirmed.exchange = Exchange::Idle;
        confirmed.dialog.refresh_target(&message);
        let cseq = message.cseq().map_or(0, |cseq| cseq.number);
        let ack = confirmed.dialog.ack(cseq, self.io.random.branch(), &self.io.user_agent);
        let tag = confirmed.dialog.remote_tag().to_string();
        self.launch_ack(now, key, &tag, ack);
        self.io.emit(Event::Reanswered { dialog, result: Ok(message) });
    }

    pub(super) fn handle_reinvite_failure(&mut self, dialog: DialogKey, failure: Timeout) {
        let confirmed = self.sessions.get_mut(dialog).and_then(|session| session.confirmed_mut());
        if confirmed.is_some() {
            self.set_exchange(dialog, Exchange::Idle);
            self.io.emit(Event::Reanswered { dialog, result: Err(failure.status()) });
        }
    }

    fn set_exchange(&mut self, dialog: DialogKey, exchange: Exchange) {
        if let Some(confirmed) = self.sessions.get_mut(dialog).and_then(|s| s.confirmed_mut()) {
            confirmed.exchange = exchange;
        }
    }

    /// Sends another request in a confirmed dialog (INFO, OPTIONS, UPDATE, …);
    /// [`Event::Response`] follows.
    pub fn request_within(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        method: Method,
        headers: &[(&str, &str)],
        body: Option<(&str, &[u8])>,
    ) -> Result<ClientKey, Misuse> {
        if matches!(method, Method::Invite | Method::Ack | Method::Cancel | Method::Bye) {
            return Err(Misuse::WrongState);
        }
        if self.clients.is_full() {
            return Err(Full::ClientTransactions(self.clients.len()).into());
        }
        let session = self.sessions.get_mut(dialog).ok_or(Misuse::Gone)?;
        let credits = Credits::new(session.credentials.clone());
        let confirmed = session.confirmed_mut().ok_or(Misuse::WrongState)?;
        let branch = self.io.random.branch();
        let mut draft = confirmed.dialog.next(method, branch, &self.io.user_agent);
        draft.headers =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        draft.body = body.map(|(media, body)| (media.to_string(), Bytes::copy_from_slice(body)));
        Ok(self.send_request(now, Purpose::Within(dialog), draft, credits))
    }

    /// The session that a request of theirs belongs to, by Call-ID and both tags.
    pub(super) fn find_session(&self, message: &Message) -> Option<DialogKey> {
        let tag = Tag::read(message.to_tag()?)?;
        let key = *self.tags.get(&tag)?;
        let session = self.sessions.get(key)?;
        let remote_tag = message.from_tag().unwrap_or_default();
        let is_ours = session.call_id == message.call_id().ok()?;
        (is_ours && session.has_remote_tag(remote_tag)).then_some(key)
    }

    /// A request with a To-tag that no transaction knows.
    pub(super) fn handle_within(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        message: Message,
    ) {
        let Some(key) = self.find_session(&message) else {
            return self.refuse_unknown(flow, &message);
        };
        if let Some(unsupported) = required(&message) {
            return self.refuse(flow, &message, 420, &[("Unsupported", &unsupported)]);
        }
        // A BYE frees more than it takes.
        if self.servers.is_full() && *message.method_ref() != Method::Bye {
            return self.refuse_full(flow, &message);
        }
        let (Some(session), Ok(cseq)) = (self.sessions.get_mut(key), message.cseq()) else {
            return;
        };
        let remote_tag = message.from_tag().unwrap_or_default();
        match session.take_remote_cseq(remote_tag, cseq.number, flow) {
            None => return self.refuse_unknown(flow, &message),
            Some(false) => return self.refuse(flow, &message, 500, &[("Retry-After", "1")]),
            Some(true) => {}
        }
        match message.method_ref() {
            Method::Bye => self.handle_bye(now, flow, id, key, message),
            Method::Invite => self.handle_reinvite(now, flow, id, key, message),
            Method::Update
            | Method::Info
            | Method::Options
            | Method::Prack
            | Method::Refer
            | Method::Message
            | Method::Notify
            | Method::Subscribe
            | Method::Publish => self.handle_in_dialog(now, flow, id, key, message),
            Method::Register | Method::Ack | Method::Cancel => {
                self.refuse_within(now, flow, id, message, 405);
            }
            Method::Other(_) => self.refuse_within(now, flow, id, message, 501),
        }
    }

    fn handle_bye(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        dialog: DialogKey,
        bye: Message,
    ) {
        let reason = reason_of(&bye);
        let remote_tag = bye.from_tag().unwrap_or_default().to_string();
        let request = self.accept_request(now, flow, id, bye, ServerUser::Nobody);
        self.send_response(now, request, 200, &[], None);
        self.drop_request(request);
        let Some(session) = self.sessions.get_mut(dialog) else { return };
        match &mut session.phase {
            Phase::Resolving(_) | Phase::Confirmed(_) | Phase::Closing(_) => {}
            // The caller may end its early dialog so; the INVITE still wants its answer (§15.1.2).
            Phase::Invited(invited) => {
                let invite = invited.transaction;
                self.send_response(now, invite, 487, &[], None);
            }
            // One fork hung up before it answered, which §15 forbids: the others may go on.
            Phase::Inviting(inviting) => {
                inviting.early.retain(|early| early.tag != remote_tag);
                if !inviting.early.is_empty() {
                    return;
                }
                let invite = inviting.transaction;
                if matches!(inviting.cancel, Cancel::No) {
                    self.launch_cancel(now, invite, None);
                }
            }
        }
        self.close(now, dialog);
        self.io.emit(Event::Ended { dialog, by: EndedBy::Remote, reason });
    }

    fn handle_reinvite(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        dialog: DialogKey,
        message: Message,
    ) {
        let Some(session) = self.sessions.get_mut(dialog) else { return };
        let tag = session.tag;
        let Some(confirmed) = session.confirmed_mut() else {
            // The first INVITE has no answer yet (§14.2), or our BYE is on its way.
            return self.refuse_within(now, flow, id, message, 500);
        };
        match confirmed.exchange {
            Exchange::Idle => {}
            Exchange::Theirs(_) => return self.refuse_within(now, flow, id, message, 500),
            Exchange::Ours(_) | Exchange::AckDue { .. } | Exchange::AckAwaited(_) => {
                return self.refuse_within(now, flow, id, message, 491);
            }
        }
        let user = ServerUser::Within(dialog);
        let request = self.accept_invite(now, flow, id, message.clone(), user, tag);
        self.set_exchange(dialog, Exchange::Theirs(request));
        self.io.emit(Event::Reinvited { dialog, request, message });
    }

    /// Refuses a request whose CSeq is taken: by a transaction, since a copy would be out of order.
    fn refuse_within(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        message: Message,
        status: u16,
    ) {
        let user = ServerUser::Nobody;
        let request = if *message.method_ref() == Method::Invite {
            let tag = self.io.random.tag();
            self.accept_invite(now, flow, id, message, user, tag)
        } else {
            self.accept_request(now, flow, id, message, user)
        };
        let may_retry = matches!(status, 500 | 503);
        let headers: &[_] = if may_retry { &[("Retry-After", "1")] } else { &[] };
        self.send_response(now, request, status, headers, None);
    }

    fn handle_in_dialog(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        dialog: DialogKey,
        message: Message,
    ) {
        let requests_max = self.limits.requests_per_dialog_max;
        let Some(session) = self.sessions.get_mut(dialog) else { return };
        if matches!(session.phase, Phase::Closing(_)) {
            return self.refuse_within(now, flow, id, message, 481);
        }
        if session.pending.len() >= requests_max {
            self.io.totals.refused_full += 1;
            return self.refuse_within(now, flow, id, message, 503);
        }
        let user = ServerUser::Within(dialog);
        let request = self.accept_request(now, flow, id, message.clone(), user);
        if let Some(session) = self.sessions.get_mut(dialog) {
            session.pending.push(request);
        }
        self.io.emit(if *message.method_ref() == Method::Update {
            Event::Reinvited { dialog, request, message }
        } else {
            Event::InDialog { dialog, request, message }
        });
    }

    /// A request of theirs, other than INVITE, has its final response, or its time is over.
    pub(super) fn forget_request(&mut self, dialog: DialogKey, request: RequestKey, status: u16) {
        let Some(session) = self.sessions.get_mut(dialog) else { return };
        session.pending.retain(|pending| *pending != request);
        if (200..300).contains(&status)
            && let Some(server) = self.servers.get(request)
            && let Some(request) = &server.request
            && *request.method_ref() == Method::Update
            && let Some(confirmed) = session.confirmed_mut()
        {
            confirmed.dialog.refresh_target(request);
        }
    }

    /// What they asked in a dialog that ends gets 487 (§15.1.2); our re-INVITE may get nothing.
    fn end_pending(&mut self, now: Instant, dialog: DialogKey, exchange: &Exchange) {
        let Some(session) = self.sessions.get_mut(dialog) else { return };
        let mut pending = std::mem::take(&mut session.pending);
        match exchange {
            Exchange::Theirs(request) => pending.push(*request),
            Exchange::Ours(transaction) => self.give_up(now, *transaction),
            Exchange::Idle | Exchange::AckDue { .. } | Exchange::AckAwaited(_) => {}
        }
        for request in pending {
            if self.is_pending(request) {
                self.send_response(now, request, 487, &[], None);
            }
        }
    }

    /// Takes the session out of the tables. Its transactions finish alone.
    pub(super) fn close(&mut self, now: Instant, dialog: DialogKey) {
        let Some(session) = self.sessions.get_mut(dialog) else { return };
        let exchange = match session.confirmed_mut() {
            Some(confirmed) => std::mem::replace(&mut confirmed.exchange, Exchange::Idle),
            None => Exchange::Idle,
        };
        self.end_pending(now, dialog, &exchange);
        self.io.timers.clear(TimerOwner::Dialog(dialog));
        if let Some(session) = self.sessions.remove(dialog) {
            self.tags.remove(&session.tag);
        }
    }
}

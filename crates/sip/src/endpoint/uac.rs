//! Our INVITE (RFC 3261 §13.2), its CANCEL (§9.1), forks and crossings.

use std::collections::VecDeque;

use bytes::Bytes;

use super::clients::{ClientMachine, ClientTransaction, Credits, User};
use super::session::{Cancel, Confirmed, Early, Exchange, Inviting, Phase, Session};
use super::{DialogKey, Endpoint, Event, Full, Identity, Invite, Misuse, ResolveId, Timeout};
use crate::dialog::{Dialog, with_tag};
use crate::transaction::{Draft, TransactionKey};
use crate::{Flow, HeaderName, Instant, Message, Method, Target};

/// Where a message is sent before its flow is known: written over by `resolved`.
pub(super) const NOWHERE: Flow = Flow {
    transport: crate::Transport::Udp,
    local: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0),
    remote: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0),
    connection: 0,
};

impl Endpoint {
    /// Sends an INVITE.
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<DialogKey, Full> {
        if self.sessions.is_full() {
            return Err(Full::Dialogs(self.sessions.len()));
        }
        if self.clients.is_full() {
            return Err(Full::ClientTransactions(self.clients.len()));
        }
        let tag = self.io.random.tag();
        let call_id = self.io.random.call_id();
        let draft = Draft {
            method: Method::Invite,
            request_uri: invite.request_uri,
            from: name_addr(&invite.from, &tag.to_string()),
            to: name_addr(&invite.to, ""),
            call_id: call_id.clone(),
            cseq: 1,
            routes: Vec::new(),
            contact_user: Some(invite.contact_user),
            authorization: Vec::new(),
            user_agent: self.io.user_agent.clone(),
            headers: invite.headers,
            body: invite.sdp.map(|sdp| (SDP.to_string(), sdp)),
            branch: self.io.random.branch(),
            flow: NOWHERE,
            is_moved: false,
        };
        let dialog = self.sessions.insert_with(|_| Session {
            tag,
            call_id,
            contact_user: draft.contact_user.clone().unwrap_or_default(),
            credentials: invite.credentials,
            pending: Vec::new(),
            phase: Phase::Resolving(Box::new(draft)),
        });
        self.tags.insert(tag, dialog);
        match invite.target {
            Target::Flow(flow) => self.invite_on(now, dialog, VecDeque::from([flow])),
            target @ Target::Host { .. } => {
                self.io.emit(Event::Resolve { id: ResolveId::Dialog(dialog), target });
            }
        }
        Ok(dialog)
    }

    /// The target's addresses are known, the best first; none: it is unreachable.
    pub(super) fn invite_on(&mut self, now: Instant, dialog: DialogKey, mut flows: VecDeque<Flow>) {
        let Some(session) = self.sessions.get(dialog) else { return };
        let Phase::Resolving(draft) = &session.phase else { return };
        let Some(flow) = flows.pop_front() else {
            return self.reject_ours(now, dialog, Timeout::Unreachable.status(), None);
        };
        let draft = Draft { flow, ..Draft::clone(draft) };
        let credits = Credits::new(session.credentials.clone());
        let transaction = self.launch(now, draft, User::Invite(dialog), credits);
        let session = self.sessions.get_mut(dialog).expect("found above");
        session.phase = Phase::Inviting(Inviting {
            transaction,
            flows,
            heard: false,
            early: Vec::new(),
            cancel: Cancel::No,
        });
    }

    /// Acknowledges the 2xx of [`Event::Answered`], with our answer if the 2xx had the offer. The
    /// endpoint sends it again on each retransmission of the 2xx.
    pub fn ack(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        sdp: Option<Bytes>,
    ) -> Result<(), Misuse> {
        let session = self.sessions.get_mut(dialog).ok_or(Misuse::Gone)?;
        let Phase::Confirmed(confirmed) = &mut session.phase else {
            return Err(Misuse::WrongState);
        };
        let Exchange::AckDue { transaction, cseq } = confirmed.exchange else {
            return Err(Misuse::WrongState);
        };
        confirmed.exchange = Exchange::Idle;
        let branch = self.io.random.branch();
        let mut ack = confirmed.dialog.ack(cseq, branch, &self.io.user_agent);
        ack.body = sdp.map(|sdp| (SDP.to_string(), sdp));
        let tag = confirmed.dialog.remote_tag().to_string();
        self.launch_ack(now, transaction, &tag, ack);
        Ok(())
    }

    /// Gives our INVITE up. CANCEL waits for a 1xx if none came; the outcome is
    /// [`Event::Rejected`], or [`Event::Crossed`] if a 2xx was quicker. `reason` is a Reason
    /// header's value (RFC 3326).
    pub fn cancel(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        reason: Option<&str>,
    ) -> Result<(), Misuse> {
        let transaction = self.inviting(dialog).map(|inviting| inviting.transaction);
        let may_cancel = transaction.is_some_and(|transaction| self.may_cancel(transaction));
        let session = self.sessions.get_mut(dialog).ok_or(Misuse::Gone)?;
        match &mut session.phase {
            Phase::Resolving(_) => self.reject_ours(now, dialog, 487, None),
            Phase::Inviting(inviting) => match inviting.cancel {
                Cancel::Wanted(_) | Cancel::Sent => {}
                Cancel::No if may_cancel => {
                    inviting.cancel = Cancel::Sent;
                    let transaction = inviting.transaction;
                    self.launch_cancel(now, transaction, reason);
                }
                Cancel::No => inviting.cancel = Cancel::Wanted(reason.map(str::to_string)),
            },
            Phase::Invited(_) | Phase::Confirmed(_) | Phase::Closing(_) => {
                return Err(Misuse::WrongState);
            }
        }
        Ok(())
    }

    pub(super) fn handle_invite_response(
        &mut self,
        now: Instant,
        key: TransactionKey,
        dialog: DialogKey,
        message: Message,
    ) {
        let status = message.status().unwrap_or_default();
        let inviting = match self.sessions.get_mut(dialog).map(|session| &mut session.phase) {
            Some(Phase::Inviting(inviting)) if inviting.transaction == key => inviting,
            // The session went on with another fork, or is gone: a 2xx still wants its end.
            Some(
                Phase::Inviting(_)
                | Phase::Resolving(_)
                | Phase::Invited(_)
                | Phase::Confirmed(_)
                | Phase::Closing(_),
            )
            | None => {
                if (200..300).contains(&status) {
                    self.drop_fork(now, key, &message);
                }
                return;
            }
        };
        match status {
            100..200 => {
                let is_first = !std::mem::replace(&mut inviting.heard, true);
                let tag = message.to_tag().unwrap_or_default();
                let is_new =
                    !tag.is_empty() && !inviting.early.iter().any(|early| early.tag == tag);
                if is_new && inviting.early.len() < self.limits.forks_max {
                    inviting.early.push(Early { tag: tag.to_string(), cseq: None });
                }
                let wanted = match std::mem::replace(&mut inviting.cancel, Cancel::Sent) {
                    Cancel::Wanted(reason) => Some(reason),
                    cancel @ (Cancel::No | Cancel::Sent) => {
                        inviting.cancel = cancel;
                        None
                    }
                };
                if is_first {
                    self.io.emit(Event::Trying { dialog });
                }
                if status > 100 {
                    self.io.emit(Event::Progress { dialog, status, message });
                }
                if let Some(reason) = wanted {
                    self.launch_cancel(now, key, reason.as_deref());
                }
            }
            200..300 => self.handle_answer(now, key, dialog, message),
            _ => self.handle_refusal(now, key, dialog, message),
        }
    }

    fn handle_answer(
        &mut self,
        now: Instant,
        key: TransactionKey,
        dialog: DialogKey,
        message: Message,
    ) {
        let Some(transaction) = self.clients.get(key) else { return };
        let mut made = Dialog::of_response(&transaction.draft, &message);
        let cseq = transaction.draft.cseq;
        let session = self.sessions.get_mut(dialog).expect("the caller found it");
        let Phase::Inviting(inviting) = &session.phase else { return };
        let is_crossed = !matches!(inviting.cancel, Cancel::No);
        if let Some(early) = inviting.early.iter().find(|early| made.is_remote_tag(&early.tag))
            && let Some(cseq) = early.cseq
        {
            made.take_remote_cseq(cseq, made.flow());
        }
        session.phase = Phase::Confirmed(Box::new(Confirmed {
            dialog: made,
            exchange: Exchange::AckDue { transaction: key, cseq },
        }));
        if !is_crossed {
            return self.io.emit(Event::Answered { dialog, message });
        }
        self.io.totals.crossed += 1;
        self.io.emit(Event::Crossed { dialog });
        self.send_bye(now, dialog, None);
    }

    fn handle_refusal(
        &mut self,
        now: Instant,
        key: TransactionKey,
        dialog: DialogKey,
        message: Message,
    ) {
        let status = message.status().unwrap_or_default();
        let Some(cseq) = self.clients.get(key).map(|transaction| transaction.draft.cseq + 1) else {
            return;
        };
        let may_retry = matches!(self.inviting(dialog), Some(Inviting { cancel: Cancel::No, .. }));
        if may_retry && let Some(next) = self.answer_challenge(now, key, &message, cseq) {
            self.attempt_again(dialog, next);
            return;
        }
        // Only a 503 says that another address may do better (RFC 3263 §4.3).
        if may_retry
            && status == 503
            && let Some(flow) =
                self.inviting(dialog).and_then(|inviting| inviting.flows.pop_front())
            && let Some(transaction) = self.clients.get(key)
        {
            let (draft, credits) = transaction.again();
            let next = self.launch_next(now, draft, User::Invite(dialog), credits, flow);
            self.attempt_again(dialog, next);
            return;
        }
        self.reject_ours(now, dialog, status, Some(message));
    }

    pub(super) fn handle_invite_failure(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        transaction: ClientTransaction,
        failure: Timeout,
    ) {
        let Some(inviting) = self.inviting(dialog) else { return };
        let (mut status, mut next) = (failure.status(), None);
        match inviting.cancel {
            Cancel::No => next = inviting.flows.pop_front(),
            Cancel::Wanted(_) => {}
            // The CANCEL was heard or not: the INVITE is over (§9.1).
            Cancel::Sent => status = 487,
        }
        let Some(flow) = next else { return self.reject_ours(now, dialog, status, None) };
        let (draft, credits) = transaction.again();
        let next = self.launch_next(now, draft, User::Invite(dialog), credits, flow);
        self.attempt_again(dialog, next);
    }

    /// The last attempt's early dialogs are over with it (§12.3).
    fn attempt_again(&mut self, dialog: DialogKey, next: TransactionKey) {
        if let Some(inviting) = self.inviting(dialog) {
            inviting.transaction = next;
            inviting.early.clear();
        }
    }

    /// A 2xx that nobody waits for: ACK, then BYE (§13.2.2.4). A re-INVITE's dialog has its BYE.
    pub(super) fn drop_fork(&mut self, now: Instant, key: TransactionKey, message: &Message) {
        let Some(transaction) = self.clients.get(key) else { return };
        let ClientMachine::Invite(_) = transaction.machine else { return };
        let mut fork = Dialog::of_response(&transaction.draft, message);
        let (cseq, user) = (transaction.draft.cseq, transaction.user);
        let ack = fork.ack(cseq, self.io.random.branch(), &self.io.user_agent);
        let tag = fork.remote_tag().to_string();
        self.launch_ack(now, key, &tag, ack);
        if matches!(user, User::Invite(_)) {
            self.io.totals.crossed += 1;
            let bye = fork.next(Method::Bye, self.io.random.branch(), &self.io.user_agent);
            self.launch(now, bye, User::Nobody, Credits::default());
        }
    }

    fn inviting(&mut self, dialog: DialogKey) -> Option<&mut Inviting> {
        match &mut self.sessions.get_mut(dialog)?.phase {
            Phase::Inviting(inviting) => Some(inviting),
            Phase::Resolving(_) | Phase::Invited(_) | Phase::Confirmed(_) | Phase::Closing(_) => {
                None
            }
        }
    }

    fn reject_ours(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        status: u16,
        message: Option<Message>,
    ) {
        self.close(now, dialog);
        self.io.emit(Event::Rejected { dialog, status, message });
    }
}

pub(super) const SDP: &str = "application/sdp";

/// A From or To value.
pub(super) fn name_addr(identity: &Identity, tag: &str) -> String {
    let address = with_tag(&identity.uri, tag);
    match &identity.display {
        None => address,
        Some(display) => {
            let mut quoted = String::with_capacity(display.len() + 2);
            for c in display.chars() {
                if matches!(c, '"' | '\\') {
                    quoted.push('\\');
                }
                quoted.push(if c.is_control() { ' ' } else { c });
            }
            format!("\"{quoted}\" {address}")
        }
    }
}

/// The Reason of a request, if it can be told on.
pub(super) fn reason_of(message: &Message) -> Option<String> {
    message.text(HeaderName::Reason).map(str::to_string)
}

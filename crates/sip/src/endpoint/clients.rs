//! Our requests as transactions: sending, matching responses, answering challenges.

use serde::{Deserialize, Serialize};

use super::{ClientKey, DialogKey, Endpoint, Timeout};
use crate::timer::{T1_64, TimerReason};
use crate::transaction::{
    Branch, ClientInvite, ClientNonInvite, Context, Draft, Fired, Heard, TimerOwner, TransactionKey,
};
use crate::{Credentials, Flow, Instant, Message, Method, Transmit};

/// Challenges to one request that are answered: a proxy's and the server's.
const CHALLENGES_MAX: u8 = 2;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ClientTransaction {
    pub(super) draft: Draft,
    pub(super) machine: ClientMachine,
    pub(super) user: User,
    credits: Credits,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ClientMachine {
    Invite(ClientInvite),
    Other(ClientNonInvite),
}

/// Who hears of the responses. A user that is gone leaves the transaction to finish alone.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum User {
    Invite(DialogKey),
    Reinvite(DialogKey),
    Request(ClientKey),
    /// CANCEL, and the BYE to a fork: their outcome changes nothing.
    Nobody,
}

/// Credentials, and how many challenges were answered with them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Credits {
    credentials: Option<Credentials>,
    answered: u8,
}

impl Credits {
    pub(super) fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, answered: 0 }
    }
}

impl ClientMachine {
    pub(super) fn new(context: &mut Context<'_>, draft: &Draft, request: bytes::Bytes) -> Self {
        if draft.method == Method::Invite {
            Self::Invite(ClientInvite::new(context, draft.hop(), request))
        } else {
            Self::Other(ClientNonInvite::new(context, draft.hop(), request))
        }
    }

    /// No final response came.
    pub(super) fn is_pending(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_pending(),
            Self::Other(machine) => machine.is_pending(),
        }
    }

    /// It has its final response, and absorbs copies for 64·T1.
    fn is_lingering(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_lingering(),
            // Timer K lets it go after T4.
            Self::Other(_) => false,
        }
    }

    /// No response came at all.
    pub(super) fn is_unheard(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_pending() && !machine.is_proceeding(),
            Self::Other(machine) => machine.is_unheard(),
        }
    }
}

impl ClientTransaction {
    /// What another attempt starts from.
    pub(super) fn again(&self) -> (Draft, Credits) {
        (self.draft.clone(), self.credits.clone())
    }
}

impl Endpoint {
    /// Sends a request. The caps were asked before: what is in progress may always go on.
    pub(super) fn launch(
        &mut self,
        now: Instant,
        mut draft: Draft,
        user: User,
        credits: Credits,
    ) -> TransactionKey {
        let bytes = self.fit(now, &mut draft);
        self.launch_bytes(now, draft, bytes, user, credits)
    }

    fn launch_bytes(
        &mut self,
        now: Instant,
        draft: Draft,
        bytes: bytes::Bytes,
        user: User,
        credits: Credits,
    ) -> TransactionKey {
        let io = &mut self.io;
        let id = (draft.branch, draft.method == Method::Cancel);
        let key = self.clients.insert_with(|key| {
            let mut context = io.context(now, TimerOwner::Client(key));
            let machine = ClientMachine::new(&mut context, &draft, bytes);
            ClientTransaction { draft, machine, user, credits }
        });
        self.branches.insert(id, key);
        key
    }

    /// Sends the CANCEL of an INVITE that is proceeding, and gives the INVITE 64·T1 to end.
    pub(super) fn launch_cancel(
        &mut self,
        now: Instant,
        invite: TransactionKey,
        reason: Option<&str>,
    ) {
        let Some(transaction) = self.clients.get(invite) else { return };
        let bytes = transaction.draft.cancel(reason);
        let draft = Draft { method: Method::Cancel, body: None, ..transaction.draft.clone() };
        self.launch_bytes(now, draft, bytes, User::Nobody, Credits::default());
        self.give_up(now, invite);
    }

    /// A 1xx came to this attempt: its CANCEL may go (§9.1).
    pub(super) fn may_cancel(&self, invite: TransactionKey) -> bool {
        self.clients.get(invite).is_some_and(|transaction| match &transaction.machine {
            ClientMachine::Invite(machine) => machine.is_proceeding(),
            ClientMachine::Other(_) => false,
        })
    }

    /// An INVITE that is proceeding has no timer of its own: nobody waits for this one any more.
    pub(super) fn give_up(&mut self, now: Instant, invite: TransactionKey) {
        if let Some(ClientTransaction { machine: ClientMachine::Invite(machine), .. }) =
            self.clients.get(invite)
            && machine.is_pending()
        {
            self.io.timers.set(TimerOwner::Client(invite), TimerReason::GiveUp, now + T1_64);
        }
    }

    /// Sends the ACK to the 2xx of `invite` with this To-tag; while the transaction lives, again
    /// on each retransmission.
    pub(super) fn launch_ack(
        &mut self,
        now: Instant,
        invite: TransactionKey,
        tag: &str,
        mut ack: Draft,
    ) {
        let Some(transaction) = self.clients.get_mut(invite) else {
            let transmit = Transmit { flow: ack.flow, bytes: ack.write() };
            return self.io.transmits.push_back(transmit);
        };
        // The ACK carries the INVITE's credentials (§22.1).
        ack.authorization.clone_from(&transaction.draft.authorization);
        let transmit = Transmit { flow: ack.flow, bytes: ack.write() };
        match &mut transaction.machine {
            ClientMachine::Invite(machine) => {
                let mut context = self.io.context(now, TimerOwner::Client(invite));
                machine.acknowledge(&mut context, tag, transmit);
            }
            ClientMachine::Other(_) => unreachable!("only INVITEs are acknowledged"),
        }
    }

    pub(super) fn handle_response(&mut self, now: Instant, message: Message) {
        let found = Branch::of_response(&message).and_then(|branch| {
            let is_cancel = *message.method_ref() == Method::Cancel;
            let key = *self.branches.get(&(branch, is_cancel))?;
            let transaction = self.clients.get_mut(key)?;
            (transaction.draft.method == *message.method_ref()).then_some((key, transaction))
        });
        let Some((key, transaction)) = found else {
            self.io.totals.stray_responses += 1;
            return;
        };
        let user = transaction.user;
        let was_pending = transaction.machine.is_pending();
        let mut context = self.io.context(now, TimerOwner::Client(key));
        let heard = match &mut transaction.machine {
            ClientMachine::Invite(machine) => {
                let forks_max = self.limits.forks_max;
                machine.handle_response(&mut context, &message, &transaction.draft, forks_max)
            }
            ClientMachine::Other(machine) => machine.handle_response(&mut context, &message),
        };
        if was_pending && transaction.machine.is_lingering() {
            self.let_client_linger(key);
        }
        match (heard, user) {
            (Heard::Absorbed, _) => self.io.totals.absorbed += 1,
            (Heard::Pass, User::Invite(dialog)) => {
                self.handle_invite_response(now, key, dialog, message);
            }
            (Heard::Pass, User::Reinvite(dialog)) => {
                self.handle_reinvite_response(now, key, dialog, message);
            }
            (Heard::Pass, User::Request(client)) => {
                self.handle_request_response(now, key, client, message);
            }
            (Heard::Pass, User::Nobody) => {}
        }
    }

    fn let_client_linger(&mut self, key: TransactionKey) {
        self.lingering_clients.push(key);
        let max = self.limits.lingering_max;
        while let Some(oldest) = self.lingering_clients.poll_beyond(max, &self.clients) {
            self.remove_client(oldest);
        }
    }

    pub(super) fn handle_client_timeout(
        &mut self,
        now: Instant,
        key: TransactionKey,
        reason: TimerReason,
    ) {
        let Some(transaction) = self.clients.get_mut(key) else { return };
        let mut context = self.io.context(now, TimerOwner::Client(key));
        let fired = match &mut transaction.machine {
            ClientMachine::Invite(machine) => machine.handle_timeout(&mut context, reason),
            ClientMachine::Other(machine) => machine.handle_timeout(&mut context, reason),
        };
        match fired {
            Fired::Goes => {}
            Fired::TimedOut => self.fail_client(now, key, Timeout::NoResponse),
            Fired::Over => {
                self.remove_client(key);
            }
        }
    }

    pub(super) fn fail_client(&mut self, now: Instant, key: TransactionKey, failure: Timeout) {
        let Some(transaction) = self.remove_client(key) else { return };
        match transaction.user {
            User::Invite(dialog) => self.handle_invite_failure(now, dialog, transaction, failure),
            User::Reinvite(dialog) => self.handle_reinvite_failure(dialog, failure),
            User::Request(client) => self.handle_request_failure(now, client, transaction, failure),
            User::Nobody => {}
        }
    }

    fn remove_client(&mut self, key: TransactionKey) -> Option<ClientTransaction> {
        let transaction = self.clients.remove(key)?;
        let draft = &transaction.draft;
        self.branches.remove(&(draft.branch, draft.method == Method::Cancel));
        self.io.timers.clear(TimerOwner::Client(key));
        Some(transaction)
    }

    /// Sends a request again on another flow of the same target: another branch (RFC 3263 §4.3).
    pub(super) fn launch_next(
        &mut self,
        now: Instant,
        mut draft: Draft,
        user: User,
        credits: Credits,
        flow: Flow,
    ) -> TransactionKey {
        draft.branch = self.io.random.branch();
        draft.cseq += 1;
        draft.flow = flow;
        self.launch(now, draft, user, credits)
    }

    /// Sends the request of a 401 or 407 again with its answer: another branch, the next CSeq
    /// (§22.2). `None`: the response stands.
    pub(super) fn answer_challenge(
        &mut self,
        now: Instant,
        key: TransactionKey,
        response: &Message,
        cseq: u32,
    ) -> Option<TransactionKey> {
        if !matches!(response.status(), Some(401 | 407)) {
            return None;
        }
        let transaction = self.clients.get(key)?;
        let mut credits = transaction.credits.clone();
        if credits.answered >= CHALLENGES_MAX {
            return None;
        }
        let credentials = credits.credentials.as_ref()?;
        let mut draft = transaction.draft.clone();
        let user = transaction.user;
        let cnonce = self.io.random.cnonce();
        let (name, value) =
            credentials.answer(response, &draft.method, &draft.request_uri, 1, cnonce)?;
        credits.answered += 1;
        draft.authorization.retain(|(given, _)| given != name);
        draft.authorization.push((name.to_string(), value));
        draft.branch = self.io.random.branch();
        draft.cseq = cseq;
        Some(self.launch(now, draft, user, credits))
    }
}

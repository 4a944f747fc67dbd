//! The SIP endpoint: transactions, dialogs and their commands, without I/O.
//!
//! The methods are of four families. *Getters* ([`is_open`](Endpoint::is_open),
//! [`counts`](Endpoint::counts)). *`handle_*`* take in what happened: a message, a transport's
//! failure, the passing of time. *Commands* (`invite`, `answer`, `bye`, …) do what the owner
//! wants. *`poll_*`* give out: after each call of the other two, drain
//! [`poll_transmit`](Endpoint::poll_transmit) and [`poll_event`](Endpoint::poll_event), then
//! sleep until [`poll_timeout`](Endpoint::poll_timeout) and call
//! [`handle_timeout`](Endpoint::handle_timeout).
//!
//! The whole state is serialisable, the random generator included: a restored endpoint goes on
//! to the byte.

mod clients;
mod event;
mod flows;
mod io;
mod lingering;
mod order;
mod outgoing;
mod refusals;
mod servers;
mod session;
pub(crate) mod slab;
mod uac;
mod uas;
mod within;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use event::{EndedBy, Event, ResolveId, Timeout};
pub use order::{Full, Identity, Invite, Limits, Misuse, Request, Setup};

use crate::timer::TimerReason;
use crate::transaction::{Branch, MergeId, ServerId, TimerOwner, TransactionKey};
use crate::{Flow, Instant, Malformed, Message, Transmit};
use clients::ClientTransaction;
use flows::NoTcp;
use io::{Io, Tag};
use lingering::Lingering;
use outgoing::Outgoing;
use refusals::Refusals;
use servers::ServerTransaction;
use session::Session;
use slab::{Slab, key};

key! {
    /// One INVITE session, theirs or ours, from the INVITE to the BYE's answer.
    pub struct DialogKey;
}
key! {
    /// A request of theirs that awaits [`Endpoint::respond`].
    pub struct RequestKey;
}
key! {
    /// A request of ours that is no INVITE, until its [`Event::Response`].
    pub struct ClientKey;
}

/// Sizes and totals, for metrics and invariants.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    pub dialogs: usize,
    pub client_transactions: usize,
    pub server_transactions: usize,
    /// Requests of ours whose [`Event::Response`] is to come.
    pub requests: usize,
    pub timers: usize,
    /// Total: what we sent again (requests, responses, 2xx, ACK).
    pub retransmissions: u64,
    /// Total: what they sent again, absorbed by a transaction.
    pub absorbed: u64,
    /// Total: responses that match no transaction.
    pub stray_responses: u64,
    /// Total: ACKs that match nothing.
    pub stray_acks: u64,
    /// Total: requests in a dialog that is unknown, answered 481.
    pub unknown_dialogs: u64,
    /// Total: requests refused because a table was full.
    pub refused_full: u64,
    /// Total: requests without what a transaction needs (Via, From, CSeq, …).
    pub unusable: u64,
    /// Total: 2xx of ours whose ACK never came.
    pub acks_missing: u64,
    /// Total: 2xx that crossed our CANCEL, and 2xx of further forks: ACK and BYE.
    pub crossed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Endpoint {
    limits: Limits,
    io: Io,
    sessions: Slab<DialogKey, Session>,
    tags: BTreeMap<Tag, DialogKey>,
    requests: Slab<ClientKey, Outgoing>,
    clients: Slab<TransactionKey, ClientTransaction>,
    /// By branch; a CANCEL has its INVITE's.
    branches: BTreeMap<(Branch, bool), TransactionKey>,
    servers: Slab<RequestKey, ServerTransaction>,
    incoming: BTreeMap<ServerId, RequestKey>,
    merges: BTreeMap<MergeId, RequestKey>,
    lingering_servers: Lingering<RequestKey>,
    /// INVITEs of ours only: the others wait for a few seconds.
    lingering_clients: Lingering<TransactionKey>,
    refusals: Refusals,
    no_tcp: NoTcp,
}

impl Endpoint {
    pub fn new(setup: Setup) -> Self {
        let limits = setup.limits;
        Self {
            io: Io::new(setup.seed, setup.user_agent),
            sessions: Slab::new(limits.dialogs_max),
            tags: BTreeMap::new(),
            requests: Slab::new(limits.client_transactions_max),
            clients: Slab::new(limits.client_transactions_max),
            branches: BTreeMap::new(),
            servers: Slab::new(limits.server_transactions_max),
            incoming: BTreeMap::new(),
            merges: BTreeMap::new(),
            lingering_servers: Lingering::new(),
            lingering_clients: Lingering::new(),
            refusals: Refusals::default(),
            no_tcp: NoTcp::default(),
            limits,
        }
    }

    /// Other caps from here on; nothing that lives is ended for them.
    pub fn configure(&mut self, limits: Limits) {
        self.sessions.limit_to(limits.dialogs_max);
        self.requests.limit_to(limits.client_transactions_max);
        self.clients.limit_to(limits.client_transactions_max);
        self.servers.limit_to(limits.server_transactions_max);
        self.limits = limits;
    }

    /// The key is alive: no terminal event or command ended it.
    pub fn is_open(&self, dialog: DialogKey) -> bool {
        self.sessions.contains(dialog)
    }

    /// A dialog's requests would go on this flow. In O(dialogs): not for each message.
    pub fn has_dialog_on(&self, flow: &Flow) -> bool {
        self.sessions.iter().any(|(_, session)| session.is_on(flow, &self.clients, &self.servers))
    }

    pub fn counts(&self) -> Counts {
        Counts {
            dialogs: self.sessions.len(),
            client_transactions: self.clients.len(),
            server_transactions: self.servers.len(),
            requests: self.requests.len(),
            timers: self.io.timers.len(),
            ..self.io.totals
        }
    }

    /// Takes in a message; its source is trusted: strangers are the owner's to refuse.
    pub fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {
        if message.is_request() {
            self.handle_request(now, flow, message);
        } else {
            self.handle_response(now, message);
        }
    }

    /// Answers what could not be read, from a source that is to be answered.
    pub fn handle_malformed(&mut self, now: Instant, flow: Flow, malformed: Malformed) {
        let Some(bytes) = malformed.answer else { return };
        self.io.transmits.push_back(Transmit { flow, bytes });
        if let Some(invite) = malformed.invite {
            self.tell_refusal(now, flow, *invite, malformed.status);
        }
    }

    /// The flow is dead, or its peer unreachable (ICMP): requests that wait on it fail as by 503.
    /// Responses that are still to be given, and requests in its dialogs, go on a new connection. A
    /// request that was moved to TCP for its size goes by UDP then.
    pub fn handle_transport_error(&mut self, now: Instant, flow: &Flow) {
        self.fail_flow(now, flow);
    }

    /// The answer to [`Event::Resolve`]: the target's addresses, the best first. The next is
    /// tried when one fails or says 503. None: the request fails as by 503.
    pub fn resolved(&mut self, now: Instant, id: ResolveId, flows: Vec<Flow>) {
        match id {
            ResolveId::Dialog(dialog) => self.invite_on(now, dialog, flows.into()),
            ResolveId::Client(client) => self.request_on(now, client, flows.into()),
        }
    }

    /// Fires every timer due at `now`, in order.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((owner, reason)) = self.io.timers.expire(now) {
            match owner {
                TimerOwner::Client(key) => self.handle_client_timeout(now, key, reason),
                TimerOwner::Server(key) => self.handle_server_timeout(now, key, reason),
                TimerOwner::Dialog(key) => self.handle_dialog_timeout(now, key, reason),
            }
        }
    }

    /// When to call [`Endpoint::handle_timeout`] next, and why. In O(log n).
    pub fn poll_timeout(&self) -> Option<(Instant, TimerReason)> {
        self.io.timers.next()
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.io.transmits.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.io.events.pop_front()
    }
}

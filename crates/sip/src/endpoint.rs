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

mod event;
mod order;
pub(crate) mod slab;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use event::{EndedBy, Event, ResolveId, Timeout};
pub use order::{Full, Identity, Invite, Limits, Misuse, Request, Setup};

use crate::timer::TimerReason;
use crate::{Flow, Instant, Message, Method, Transmit};
use slab::key;

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
}

#[expect(unused_variables, reason = "signatures first")]
impl Endpoint {
    pub fn new(setup: Setup) -> Self { unimplemented!() }
    pub fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {}
    pub fn handle_transport_error(&mut self, now: Instant, flow: &Flow) {}
    pub fn resolved(&mut self, now: Instant, id: ResolveId, flows: Vec<Flow>) {}
    pub fn handle_timeout(&mut self, now: Instant) {}
    pub fn poll_timeout(&self) -> Option<(Instant, TimerReason)> { None }
    pub fn poll_transmit(&mut self) -> Option<Transmit> { None }
    pub fn poll_event(&mut self) -> Option<Event> { None }
    pub fn progress(&mut self, now: Instant, dialog: DialogKey, status: u16, headers: &[(&str, &str)], sdp: Option<&[u8]>) -> Result<(), Misuse> { unimplemented!() }
    pub fn answer(&mut self, now: Instant, dialog: DialogKey, headers: &[(&str, &str)], sdp: Bytes) -> Result<(), Misuse> { unimplemented!() }
    pub fn reject(&mut self, now: Instant, dialog: DialogKey, status: u16, headers: &[(&str, &str)]) -> Result<(), Misuse> { unimplemented!() }
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<DialogKey, Full> { unimplemented!() }
    pub fn ack(&mut self, now: Instant, dialog: DialogKey, sdp: Option<Bytes>) -> Result<(), Misuse> { unimplemented!() }
    pub fn cancel(&mut self, now: Instant, dialog: DialogKey, reason: Option<&str>) -> Result<(), Misuse> { unimplemented!() }
    pub fn bye(&mut self, now: Instant, dialog: DialogKey, reason: Option<&str>) -> Result<(), Misuse> { unimplemented!() }
    pub fn reinvite(&mut self, now: Instant, dialog: DialogKey, sdp: Bytes) -> Result<(), Misuse> { unimplemented!() }
    pub fn respond(&mut self, now: Instant, request: RequestKey, status: u16, headers: &[(&str, &str)], body: Option<(&str, &[u8])>) -> Result<(), Misuse> { unimplemented!() }
    pub fn request(&mut self, now: Instant, request: Request) -> Result<ClientKey, Full> { unimplemented!() }
    pub fn request_within(&mut self, now: Instant, dialog: DialogKey, method: Method, headers: &[(&str, &str)], body: Option<(&str, &[u8])>) -> Result<ClientKey, Misuse> { unimplemented!() }
    pub fn is_open(&self, dialog: DialogKey) -> bool { false }
    pub fn counts(&self) -> Counts { Counts::default() }
}

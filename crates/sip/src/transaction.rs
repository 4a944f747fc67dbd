//! Transactions (RFC 3261 §17, RFC 6026): one file per machine.
//!
//! A machine owns its state and its timers' meaning. What it does to the world goes through its
//! [`Context`]; whether its user hears of a message is what its `handle_*` returns. It knows
//! nothing of dialogs.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::endpoint::slab::key;
use crate::timer::{TimerReason, Timers};
use crate::{DialogKey, Flow, Instant, RequestKey, Transmit};

mod client_invite;
mod client_non_invite;
mod draft;
mod matching;
mod server_invite;
mod server_non_invite;

pub(crate) use client_invite::ClientInvite;
pub(crate) use client_non_invite::ClientNonInvite;
pub(crate) use draft::{ALLOW, Draft, put_contact};
pub(crate) use matching::{Branch, Fingerprints, MergeId, ServerId};
pub(crate) use server_invite::{AckOf, ServerInvite};
pub(crate) use server_non_invite::ServerNonInvite;

key! {
    /// A client transaction of any kind.
    pub(crate) struct TransactionKey;
}

/// Whose timer it is.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) enum TimerOwner {
    Client(TransactionKey),
    Server(RequestKey),
    Dialog(DialogKey),
}

/// What a machine may do: transmit, and set its own timers.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) owner: TimerOwner,
    pub(crate) timers: &'a mut Timers<TimerOwner>,
    pub(crate) transmits: &'a mut VecDeque<Transmit>,
    pub(crate) retransmissions: &'a mut u64,
}

impl Context<'_> {
    pub(crate) fn send(&mut self, flow: Flow, bytes: &Bytes) {
        self.transmits.push_back(Transmit { flow, bytes: bytes.clone() });
    }

    pub(crate) fn send_again(&mut self, flow: Flow, bytes: &Bytes) {
        *self.retransmissions += 1;
        self.send(flow, bytes);
    }

    pub(crate) fn set(&mut self, reason: TimerReason, after: Duration) {
        self.timers.set(self.owner, reason, self.now + after);
    }

    pub(crate) fn stop(&mut self, reason: TimerReason) {
        self.timers.stop(self.owner, reason);
    }

    pub(crate) fn stop_all(&mut self) {
        self.timers.clear(self.owner);
    }
}

/// What became of a response, for the transaction's user.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Heard {
    /// New: the user acts on it.
    Pass,
    /// A retransmission, or too late to matter.
    Absorbed,
}

/// What became of a client transaction when a timer fired.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Fired {
    Goes,
    /// No final response came: the user is told, the transaction is over.
    TimedOut,
    /// Over, and its user knows already.
    Over,
}

//! Every timer of the endpoint, and the table that gives the next one.
//!
//! Timer C is absent: it is a proxy's (RFC 3261 §16.6). How long our INVITE may ring is the
//! owner's deadline, not the protocol's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Instant;

/// Estimate of the round trip (RFC 3261 §17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of a non-INVITE request or an INVITE response.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may stay in the network.
pub const T4: Duration = Duration::from_secs(5);
/// How long a transaction may wait: 32 s.
pub const T1_64: Duration = Duration::from_secs(32);

/// Why the endpoint wants to be woken.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum TimerReason {
    /// INVITE sent again over UDP, doubling from T1 (§17.1.1.2).
    A,
    /// Our INVITE got no response at all: 408.
    B,
    /// Our INVITE's final response may come again and wants its ACK again.
    D,
    /// Another request sent again over UDP, T1 doubling up to T2 (§17.1.2.2).
    E,
    /// Another request got no final response: 408.
    F,
    /// A refusing final response to an INVITE sent again over UDP until its ACK (§17.2.1).
    G,
    /// That ACK never came.
    H,
    /// ACKs sent again are absorbed.
    I,
    /// Requests sent again get the same final response (§17.2.2).
    J,
    /// Responses sent again to another request are absorbed.
    K,
    /// INVITEs sent again after our 2xx are absorbed (RFC 6026 §8.7).
    L,
    /// 2xx sent again, and those of further forks, are taken for our INVITE (RFC 6026 §8.4).
    M,
    /// Our 2xx is sent again until its ACK, T1 doubling up to T2, on any transport (§13.3.1.4).
    Answer,
    /// The ACK to our 2xx never came: BYE (§13.3.1.4).
    AckWait,
    /// Our INVITE was cancelled, or a BYE ended its dialog, and no final response came (§9.1).
    GiveUp,
    /// A request was not responded to by the owner while its sender could still listen.
    Unanswered,
}

impl TimerReason {
    const FIRST: Self = Self::A;
    const LAST: Self = Self::Unanswered;
}

/// Deadlines by owner and reason; the earliest is found in O(log n). Those of one instant fire
/// in the order of `(owner, reason)`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "BTreeMap<(O, TimerReason), Instant>", into = "BTreeMap<(O, TimerReason), Instant>")]
#[serde(bound(
    serialize = "O: Ord + Copy + Serialize",
    deserialize = "O: Ord + Copy + Deserialize<'de>"
))]
pub(crate) struct Timers<O: Ord + Copy> {
    deadlines: BTreeMap<(O, TimerReason), Instant>,
    queue: BTreeSet<(Instant, O, TimerReason)>,
}

impl<O: Ord + Copy> Clone for Timers<O> {
    fn clone(&self) -> Self {
        Self { deadlines: self.deadlines.clone(), queue: self.queue.clone() }
    }
}

impl<O: Ord + Copy> Default for Timers<O> {
    fn default() -> Self {
        Self { deadlines: BTreeMap::new(), queue: BTreeSet::new() }
    }
}

impl<O: Ord + Copy> From<BTreeMap<(O, TimerReason), Instant>> for Timers<O> {
    fn from(deadlines: BTreeMap<(O, TimerReason), Instant>) -> Self {
        let queue = deadlines.iter().map(|((owner, reason), at)| (*at, *owner, *reason)).collect();
        Self { deadlines, queue }
    }
}

impl<O: Ord + Copy> From<Timers<O>> for BTreeMap<(O, TimerReason), Instant> {
    fn from(timers: Timers<O>) -> Self {
        timers.deadlines
    }
}

impl<O: Ord + Copy> Timers<O> {
    /// Replaces the deadline of the same owner and reason.
    pub(crate) fn set(&mut self, owner: O, reason: TimerReason, at: Instant) {
        if let Some(old) = self.deadlines.insert((owner, reason), at) {
            self.queue.remove(&(old, owner, reason));
        }
        self.queue.insert((at, owner, reason));
    }

    pub(crate) fn stop(&mut self, owner: O, reason: TimerReason) {
        if let Some(old) = self.deadlines.remove(&(owner, reason)) {
            self.queue.remove(&(old, owner, reason));
        }
    }

    /// Stops every timer of `owner`.
    pub(crate) fn clear(&mut self, owner: O) {
        let range = (owner, TimerReason::FIRST)..=(owner, TimerReason::LAST);
        while let Some((&(_, reason), _)) = self.deadlines.range(range.clone()).next() {
            self.stop(owner, reason);
        }
    }

    pub(crate) fn next(&self) -> Option<(Instant, TimerReason)> {
        self.queue.first().map(|&(at, _, reason)| (at, reason))
    }

    /// Takes out the first timer due at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(O, TimerReason)> {
        let &(at, owner, reason) = self.queue.first()?;
        if at > now {
            return None;
        }
        self.stop(owner, reason);
        Some((owner, reason))
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

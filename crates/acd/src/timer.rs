//! Everything that waits for time: one table, its minimum, and a reason for each entry.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CallerId, OfferId};
use crate::time::Instant;

/// Why the scheduler wants to be woken. The order of the variants is the order in which timers of
/// the same instant are handled.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Reason {
    /// Nobody took this offer.
    OfferDeadline {
        offer: OfferId,
    },
    /// This caller must move on in his plan.
    WaitEnd {
        caller: CallerId,
        bound: Bound,
    },
    /// The delay after a missed offer is over.
    RestEnd {
        agent: AgentId,
    },
    WrapUpEnd {
        agent: AgentId,
    },
}

/// What ends a caller's wait in a step. Of two at the same instant the first counts.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Bound {
    LeaveBy,
    StepEnd,
    /// Nobody of the step's team is there.
    Nobody,
}

#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, Reason)>,
    at: BTreeMap<Reason, Instant>,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, reason: Reason) {
        self.disarm(reason);
        self.due.insert((at, reason));
        self.at.insert(reason, at);
    }

    pub(crate) fn disarm(&mut self, reason: Reason) {
        if let Some(at) = self.at.remove(&reason) {
            self.due.remove(&(at, reason));
        }
    }

    pub(crate) fn first(&self) -> Option<(Instant, Reason)> {
        self.due.first().copied()
    }

    /// Takes out the first entry that is due by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Reason)> {
        let (at, reason) = self.first()?;
        if at > now {
            return None;
        }
        self.disarm(reason);
        Some((at, reason))
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}

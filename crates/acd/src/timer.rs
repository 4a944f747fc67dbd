//! Everything that waits for time: one table, its minimum, and a reason for each entry.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CallerId, OfferId, PracticeId};
use crate::time::Instant;

/// Why the scheduler wants to be woken. The order of the variants is the order in which timers of
/// the same instant are handled; boundaries that are due come before all others, whatever their instant.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Reason {
    /// This practice opens or closes, its leave begins or ends, its override counts no more.
    Boundary {
        practice: PracticeId,
    },
    /// The override of this practice is over for good.
    OverrideEnd {
        practice: PracticeId,
    },
    /// Nobody took this offer, or the caller where he was forwarded to.
    OfferDeadline {
        offer: OfferId,
    },
    /// This caller must move on in his plan.
    WaitEnd {
        caller: CallerId,
        bound: Bound,
    },
    /// This caller may be given to more secretaries.
    Widen {
        caller: CallerId,
    },
    /// This caller rises by one class.
    Age {
        caller: CallerId,
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
    /// The practice's `wait_max`.
    WaitMax,
    StepEnd,
    /// Nobody of the step's team is there.
    Nobody,
}

/// Whoever arms a timer can tell later when it was due, and disarms it so: a table by reason would be
/// a second tree for each change.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, Reason)>,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, reason: Reason) {
        self.due.insert((at, reason));
    }

    /// One that has run, or was never armed, is no matter.
    pub(crate) fn disarm(&mut self, at: Instant, reason: Reason) {
        self.due.remove(&(at, reason));
    }

    pub(crate) fn first(&self) -> Option<(Instant, Reason)> {
        self.due.first().copied()
    }

    /// Those that are due by `now`, in their order.
    pub(crate) fn due_by(&self, now: Instant) -> impl Iterator<Item = Reason> {
        self.due.iter().take_while(move |(at, _)| *at <= now).map(|&(_, reason)| reason)
    }

    /// Takes out the first of these that is due by `now`.
    pub(crate) fn take_due(
        &mut self,
        now: Instant,
        which: impl Fn(&Reason) -> bool,
    ) -> Option<(Instant, Reason)> {
        let mut due = self.due.iter().take_while(|(at, _)| *at <= now);
        let found = *due.find(|(_, reason)| which(reason))?;
        self.due.remove(&found);
        Some(found)
    }

    /// Takes out the first entry that is due by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Reason)> {
        if self.first()?.0 > now {
            return None;
        }
        self.due.pop_first()
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}

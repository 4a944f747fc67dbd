//! The engine's own deadlines, each with its reason; SIP's and the scheduler's live with them.

use std::collections::{BTreeMap, BTreeSet};

use acd::{CallerId, OfferId};
use serde::{Deserialize, Serialize};
use sip::{DialogKey, Flow, Instant};

#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// A waiting caller's 180 is due again: networks forget a call that stays silent.
    RingRefresh(CallerId),
    /// A text must have been played to this caller by then.
    TextEnd(CallerId),
    /// His network gives this caller up who hears a text unanswered.
    MustAnswer(CallerId),
    /// Whom we invited has sent no 1xx.
    Unreachable(OfferId),
    /// A silent leg was asked by OPTIONS and has not answered.
    Inquiry(Role),
    /// A silent leg answered: it is asked again, should the silence last.
    AskAgain(Role),
    /// The phone behind this flow is to be asked by OPTIONS.
    AskPhone(Flow),
    /// It was asked and has not answered.
    PhoneSilent(Flow),
    /// A phone that dialled a code has heard enough.
    CodeEnds(DialogKey),
    /// The operator of this phone's emergency call has said nothing.
    CentreSilent(DialogKey),
    /// Who dialled an emergency number has been told that it failed.
    EmergencyTold(DialogKey),
}

/// Which leg of ours a dialog, an inquiry or a port belongs to.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
pub(crate) enum Role {
    Caller(CallerId),
    /// A phone that we rang for a caller.
    Rung(OfferId),
    /// A secretary's phone that dialled a code.
    Code(DialogKey),
    /// A phone that dialled an emergency number.
    Emergency(DialogKey),
    /// The operator's side of its call.
    Centre(DialogKey),
}

/// The minimum over a table, with reasons.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, Timer)>,
    due_at: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Sets or moves it.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.stop(timer);
        self.by_time.insert((at, timer));
        self.due_at.insert(timer, at);
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        if let Some(at) = self.due_at.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(crate) fn due(&self, timer: Timer) -> Option<Instant> {
        self.due_at.get(&timer).copied()
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.due_at.contains_key(&timer)
    }

    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        self.by_time.first().copied()
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = self.next()?;
        (at <= now).then(|| {
            self.stop(timer);
            timer
        })
    }
}

//! A caller who is sent to somebody else than a secretary: the practice's own reception, a doctor.
//!
//! ```text
//! forwarded ─ answered by a human → connected → gone; his line died → the next step
//!     ├─ missed, expired (later, where something answered and is asked for a key) → the next step
//!     └─ recalled (he left, was moved, or must not wait any longer)
//! ```
//! The same words as for a secretary's offer: an identity that no stale answer can use, a deadline, one
//! winner. There is nobody to rest and no line to clear.

use std::time::Duration;

use crate::caller::Stage;
use crate::decision::{Decision, Withdrawal};
use crate::id::{CallerId, OfferId};
use crate::limits::RETURNED_MAX;
use crate::offer::RING_MIN;
use crate::scheduler::Scheduler;
use crate::setup::Forward;

impl Scheduler {
    /// He is in no step; when nobody takes him there he goes on with `next`.
    pub(crate) fn begin_forward(&mut self, id: CallerId, to: Forward, next: usize) {
        let rings_until = self.now + to.ring_for.max(RING_MIN);
        let now = self.now;
        let caller = self.caller_mut(id);
        let leave_by = caller.leave_by.filter(|&at| at < rings_until);
        let offer = caller.next_offer();
        let deadline = leave_by.unwrap_or(rings_until);
        let target = to.target;
        caller.hold_wait(now);
        caller.stage =
            Stage::Forwarded { offer, target, deadline, capped: leave_by.is_some(), next };
        self.index_caller(id);
        self.decide(Decision::Forward { offer, target, deadline });
    }

    /// Whoever picked up late has the time to hear the question and to answer it.
    pub(crate) fn picked_up(&mut self, id: OfferId, asked_for: Duration) {
        let Some(caller) = self.callers.get(&id.caller) else { return };
        let Stage::Forwarded { offer, target, deadline, next, .. } = caller.stage else { return };
        let until = self.now + asked_for;
        if offer != id || until <= deadline {
            return;
        }
        let leave_by = caller.leave_by.filter(|&at| at < until);
        let (deadline, capped) = (leave_by.unwrap_or(until), leave_by.is_some());
        let stage = Stage::Forwarded { offer, target, deadline, capped, next };
        self.set_stage(id.caller, stage);
    }

    pub(crate) fn connected(&mut self, offer: OfferId) {
        if let Stage::Forwarded { target, next, .. } = self.callers[&offer.caller].stage {
            self.set_stage(offer.caller, Stage::Connected { offer, target, next });
            self.decide(Decision::Connect { offer });
        }
    }

    /// Nobody there, or who had the caller is gone: no network ends the wait of who has been answered, so
    /// that has an end of its own from now on.
    pub(crate) fn forward_failed(&mut self, offer: OfferId) {
        let (next, was_connected) = match self.callers[&offer.caller].stage {
            Stage::Forwarded { next, .. } => (next, false),
            Stage::Connected { next, .. } => (next, true),
            Stage::Waiting | Stage::Offered { .. } | Stage::Served { .. } => return,
        };
        self.unindex_caller(offer.caller);
        if was_connected {
            let practice = self.setup.practices.get(&self.callers[&offer.caller].practice);
            let wait_max = practice.and_then(|it| it.wait_max).unwrap_or(RETURNED_MAX);
            let end = self.now + wait_max;
            let caller = self.caller_mut(offer.caller);
            (caller.leave_by, caller.wait_max, caller.wait_left) = (None, Some(end), None);
        }
        self.caller_mut(offer.caller).stage = Stage::Waiting;
        self.go_on(offer.caller, next);
    }

    /// Its timer ran, hence it is current.
    pub(crate) fn forward_deadline(&mut self, offer: OfferId) {
        let Stage::Forwarded { capped, next, .. } = self.callers[&offer.caller].stage else {
            debug_assert!(false, "the deadline of {offer:?} outlived it");
            return;
        };
        let why = if capped { Withdrawal::Overflowed } else { Withdrawal::Expired };
        self.take_out(offer.caller, why);
        if capped {
            self.begin_step(offer.caller, next);
        } else {
            self.go_on(offer.caller, next);
        }
    }
}

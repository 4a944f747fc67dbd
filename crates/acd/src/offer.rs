//! One caller put to one agent, with a deadline.
//!
//! ```text
//! made ─ answered → served ─ dropped ─→ he waits again, she rests
//!   ├─ missed, expired ───────────────→ he waits again, she rests
//!   └─ withdrawn (he left or moved on, she logged out)
//! ```
//! Her line stays occupied by the offer until it is cleared, whatever came of it. Every reply
//! carries the offer's id: one that is not current changes nothing.

use std::time::Duration;

use crate::agent::AgentState;
use crate::caller::Stage;
use crate::decision::{Decision, Withdrawal};
use crate::id::{AgentId, CallerId, OfferId, TeamId};
use crate::input::{Miss, Refusal};
use crate::scheduler::Scheduler;
use crate::setup::RetryAfter;

/// A zero `ring_for` would let an offer end in the step that made it, and the next one too.
const RING_MIN: Duration = Duration::from_micros(1);

impl Scheduler {
    pub(crate) fn make_offer(&mut self, id: CallerId, team: TeamId, agent: AgentId) {
        let ring_for = self.setup.teams.get(&team).map_or(RING_MIN, |team| team.ring_for);
        let rings_until = self.now + ring_for.max(RING_MIN);
        let caller = self.caller_mut(id);
        caller.generation = caller.generation.wrapping_add(1);
        let offer = caller.offer();
        let practice = caller.practice;
        let wait_end = caller.wait_end().map(|(at, _)| at).filter(|&at| at < rings_until);
        let deadline = wait_end.unwrap_or(rings_until);
        self.set_stage(id, Stage::Offered { agent, deadline, capped: wait_end.is_some() });
        self.desk_mut(agent).line = Some(offer);
        self.set_state(agent, AgentState::Offered(offer));
        self.decide(Decision::Offer { offer, agent, practice, deadline });
    }

    pub(crate) fn answered(&mut self, offer: OfferId) {
        let Some(Stage::Offered { agent, .. }) = self.stage_of(offer) else {
            self.decide(Decision::Refuse { offer });
            return;
        };
        self.set_stage(offer.caller, Stage::Served { agent });
        self.desk_mut(agent).misses = 0;
        self.set_state(agent, AgentState::Talking(offer.caller));
        self.decide(Decision::Serve { offer, agent });
    }

    pub(crate) fn missed(&mut self, offer: OfferId, miss: Miss) {
        let agent = match (self.stage_of(offer), miss) {
            (Some(Stage::Offered { agent, .. }), _)
            | (Some(Stage::Served { agent }), Miss::Dropped) => agent,
            // Of an earlier offer, or overtaken by her answer.
            (Some(Stage::Served { .. }), Miss::Declined | Miss::Busy | Miss::Unreachable)
            | (Some(Stage::Waiting) | None, _) => return,
        };
        let counts = match miss {
            Miss::Unreachable | Miss::Dropped => true,
            Miss::Declined | Miss::Busy => false,
        };
        self.rest(agent, offer.caller, counts, |after| match miss {
            Miss::Declined => after.declined,
            Miss::Busy => after.busy,
            Miss::Unreachable => after.unreachable,
            Miss::Dropped => after.dropped,
        });
        self.wait_again(offer.caller);
    }

    /// Its timer ran, hence the offer is current.
    pub(crate) fn offer_deadline(&mut self, offer: OfferId) {
        let Some(Stage::Offered { agent, capped, .. }) = self.stage_of(offer) else {
            debug_assert!(false, "the deadline of {offer:?} outlived it");
            return;
        };
        if capped {
            self.withdraw(offer, agent, Withdrawal::Overflowed);
            self.settle(agent, AgentState::Available);
        } else {
            self.withdraw(offer, agent, Withdrawal::Expired);
            self.rest(agent, offer.caller, true, |after| after.no_answer);
        }
        self.wait_again(offer.caller);
    }

    pub(crate) fn withdraw(&mut self, offer: OfferId, agent: AgentId, why: Withdrawal) {
        self.decide(Decision::Withdraw { offer, agent, why });
    }

    pub(crate) fn cleared(&mut self, agent: AgentId, offer: OfferId) -> Result<(), Refusal> {
        let desk = self.desks.get_mut(&agent).ok_or(Refusal::UnknownAgent)?;
        if desk.line == Some(offer) {
            desk.line = None;
            self.index(agent);
        }
        Ok(())
    }

    /// She did not take the call: she is left alone for the delay that `delay` picks.
    pub(crate) fn rest(
        &mut self,
        agent: AgentId,
        caller: CallerId,
        is_miss: bool,
        delay: impl FnOnce(&RetryAfter) -> Duration,
    ) {
        let team = self.setup.teams.get(&self.callers[&caller].team);
        let delay = team.map_or(Duration::ZERO, |team| delay(&team.retry_after));
        let misses_max = team.map_or(0, |team| team.misses_max);
        let until = self.now + delay;
        let desk = self.desk_mut(agent);
        desk.misses = desk.misses.saturating_add(u32::from(is_miss));
        let state = if is_miss && misses_max > 0 && desk.misses >= misses_max {
            AgentState::NotResponding
        } else if delay.is_zero() {
            AgentState::Available
        } else {
            AgentState::Resting { until }
        };
        self.settle(agent, state);
    }

    /// Where the caller of this offer stands, if it is his last one.
    fn stage_of(&self, offer: OfferId) -> Option<Stage> {
        let caller = self.callers.get(&offer.caller)?;
        (caller.offer() == offer).then_some(caller.stage)
    }
}

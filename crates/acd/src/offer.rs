//! One caller put to one agent, with a deadline.
//!
//! ```text
//! made ─ answered → served ─ dropped ─→ he waits again, she rests
//!   ├─ missed, expired ───────────────→ he waits again, she rests
//!   └─ withdrawn (he left or moved on, she logged out, another was quicker)
//! ```
//! Her line stays occupied by the offer until it is cleared, whatever came of it. Every reply
//! carries the offer's id: one that is not current changes nothing. A team may let several phones ring
//! for one caller: each has its own offer, and the first answer wins.

use std::time::Duration;

use crate::agent::AgentState;
use crate::caller::{Ring, Stage};
use crate::decision::{Decision, Withdrawal};
use crate::id::{AgentId, CallerId, OfferId};
use crate::input::{Miss, Refusal};
use crate::limits::RUNG_ENOUGH;
use crate::scheduler::Scheduler;
use crate::setup::RetryAfter;

/// A zero `ring_for` would let an offer end in the step that made it, and the next one too.
pub(crate) const RING_MIN: Duration = Duration::from_micros(1);

/// Where an offer is, if it is current.
enum Current {
    Ringing(Ring),
    Serving { agent: AgentId },
    Forwarded,
    Connected,
}

impl Scheduler {
    pub(crate) fn make_offer(&mut self, id: CallerId, agent: AgentId) {
        let team = self.callers[&id].team();
        let ring_for = self.setup.teams.get(&team).map_or(RING_MIN, |team| team.ring_for);
        let rings_until = self.now + ring_for.max(RING_MIN);
        let since = self.now;
        let caller = self.caller_mut(id);
        let offer = caller.next_offer();
        let practice = caller.acting;
        let wait_end = caller.wait_end().map(|(at, _)| at).filter(|&at| at < rings_until);
        let deadline = wait_end.unwrap_or(rings_until);
        let ring = Ring { offer, agent, deadline, since, capped: wait_end.is_some() };
        let rings = match &caller.stage {
            Stage::Offered { rings } => rings.iter().copied().chain([ring]).collect(),
            Stage::Waiting
            | Stage::Forwarded { .. }
            | Stage::Served { .. }
            | Stage::Connected { .. } => vec![ring],
        };
        self.set_stage(id, Stage::Offered { rings });
        self.turns += 1;
        let turn = self.turns;
        let desk = self.desk_mut(agent);
        desk.line = Some(offer);
        desk.turn = turn;
        self.set_state(agent, AgentState::Offered(offer));
        self.decide(Decision::Offer { offer, agent, practice, deadline });
    }

    pub(crate) fn answered(&mut self, offer: OfferId) {
        match self.current(offer) {
            Some(Current::Ringing(ring)) => self.serve(offer, ring.agent),
            Some(Current::Forwarded) => self.connected(offer),
            Some(Current::Serving { .. } | Current::Connected) | None => {
                self.decide(Decision::Refuse { offer });
            }
        }
    }

    /// The winner; whoever else rings for him is let off.
    fn serve(&mut self, offer: OfferId, agent: AgentId) {
        let since = self.now;
        let Stage::Offered { rings } = self.callers[&offer.caller].stage.clone() else { return };
        self.note_wait(offer.caller, true);
        self.set_stage(offer.caller, Stage::Served { offer, agent, since });
        let desk = self.desk_mut(agent);
        desk.misses = 0;
        desk.busy_since = since;
        desk.served = desk.served.saturating_add(1);
        self.set_behind(agent, 0);
        self.set_state(agent, AgentState::Talking(offer.caller));
        self.decide(Decision::Serve { offer, agent });
        for ring in rings.into_iter().filter(|ring| ring.offer != offer) {
            self.withdraw(ring.offer, ring.agent, Withdrawal::Won);
            self.settle(ring.agent, AgentState::Available);
        }
    }

    pub(crate) fn missed(&mut self, offer: OfferId, miss: Miss) {
        let agent = match (self.current(offer), miss) {
            (Some(Current::Ringing(Ring { agent, .. })), _) => agent,
            (Some(Current::Serving { agent }), Miss::Dropped) => {
                self.caller_mut(offer.caller).waits_since = self.now;
                agent
            }
            (Some(Current::Forwarded), _) | (Some(Current::Connected), Miss::Dropped) => {
                return self.forward_failed(offer);
            }
            // Of an earlier offer, or overtaken by an answer.
            (
                Some(Current::Serving { .. } | Current::Connected),
                Miss::Declined | Miss::Busy | Miss::Unreachable | Miss::NoRoom,
            )
            | (None, _) => return,
        };
        let counts = match miss {
            Miss::Unreachable | Miss::Dropped => true,
            Miss::Declined | Miss::Busy => false,
            Miss::NoRoom => return self.lacks_room(offer, agent),
        };
        self.rest(agent, offer.caller, counts, |after| match miss {
            Miss::Declined => after.declined,
            Miss::Busy | Miss::NoRoom => after.busy,
            Miss::Unreachable => after.unreachable,
            Miss::Dropped => after.dropped,
        });
        self.ring_is_over(offer);
    }

    /// She was not rung, for want of room of ours.
    fn lacks_room(&mut self, offer: OfferId, agent: AgentId) {
        self.caller_mut(offer.caller).lacks_room = true;
        self.settle(agent, AgentState::Available);
        self.ring_is_over(offer);
    }

    pub(crate) fn has_room(&mut self, id: CallerId) -> Result<(), Refusal> {
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?;
        if caller.lacks_room {
            self.unindex_caller(id);
            self.caller_mut(id).lacks_room = false;
            self.index_caller(id);
        }
        Ok(())
    }

    /// Its timer ran, hence the offer is current.
    pub(crate) fn offer_deadline(&mut self, offer: OfferId) {
        match self.current(offer) {
            Some(Current::Ringing(ring)) => self.rang_out(ring),
            Some(Current::Forwarded) => self.forward_deadline(offer),
            Some(Current::Serving { .. } | Current::Connected) | None => {
                debug_assert!(false, "the deadline of {offer:?} outlived it");
            }
        }
    }

    /// Nobody else can have whose wait is over: she was the only one to answer him, and had the time.
    fn rang_out(&mut self, Ring { offer, agent, since, capped, .. }: Ring) {
        let team = self.setup.teams.get(&self.callers[&offer.caller].team());
        let enough = team.map_or(RING_MIN, |team| team.ring_for).min(RUNG_ENOUGH);
        if capped && self.now.saturating_duration_since(since) < enough {
            self.withdraw(offer, agent, Withdrawal::Overflowed);
            self.not_answered(agent);
        } else {
            if capped {
                self.put_behind(agent);
            }
            self.withdraw(offer, agent, Withdrawal::Expired);
            self.rest(agent, offer.caller, true, |after| after.no_answer);
        }
        self.ring_is_over(offer);
    }

    /// He is gone before she answered. Whether she is absent nobody knows: the other idle go before her.
    pub(crate) fn not_answered(&mut self, agent: AgentId) {
        self.put_behind(agent);
        self.settle(agent, AgentState::Available);
    }

    /// For a round: until she serves somebody, or as many offers were made as others are free now.
    fn put_behind(&mut self, agent: AgentId) {
        let (now, until) = (self.now, self.turns + self.free.len() as u64);
        let desk = self.desk_mut(agent);
        desk.idle_since = now;
        self.set_behind(agent, until);
    }

    fn set_behind(&mut self, agent: AgentId, until: u64) {
        let before = std::mem::replace(&mut self.desk_mut(agent).behind_until, until);
        self.behind.remove(&(before, agent));
        if until > self.turns {
            self.behind.insert((until, agent));
        }
    }

    /// Whose round is over by the offers that were made has her place again.
    pub(crate) fn end_rounds(&mut self) {
        while let Some(&(until, agent)) = self.behind.first()
            && until <= self.turns
        {
            self.behind.pop_first();
            self.index(agent);
            self.free.seat(&self.groups);
        }
    }

    /// Her phone rings for him no more: he waits again, or the others ring on.
    pub(crate) fn ring_is_over(&mut self, offer: OfferId) {
        let rings: Vec<Ring> = match &self.callers[&offer.caller].stage {
            Stage::Offered { rings } => {
                rings.iter().copied().filter(|ring| ring.offer != offer).collect()
            }
            Stage::Waiting
            | Stage::Forwarded { .. }
            | Stage::Served { .. }
            | Stage::Connected { .. } => Vec::new(),
        };
        let stage = if rings.is_empty() { Stage::Waiting } else { Stage::Offered { rings } };
        self.set_stage(offer.caller, stage);
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
        let team = self.setup.teams.get(&self.callers[&caller].team());
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

    fn current(&self, offer: OfferId) -> Option<Current> {
        let caller = self.callers.get(&offer.caller)?;
        match &caller.stage {
            Stage::Waiting => None,
            Stage::Offered { rings } => {
                rings.iter().find(|ring| ring.offer == offer).copied().map(Current::Ringing)
            }
            Stage::Forwarded { offer: of, .. } => (*of == offer).then_some(Current::Forwarded),
            &Stage::Served { offer: of, agent, .. } => {
                (of == offer).then_some(Current::Serving { agent })
            }
            Stage::Connected { offer: of, .. } => (*of == offer).then_some(Current::Connected),
        }
    }
}

//! One caller put to a secretary's phone, or sent elsewhere, with a deadline.

use std::time::Duration;

use acd::{
    AgentId, AgentState, Bound, CallerId, Decision, Forward, Miss, OfferId, RUNG_ENOUGH,
    RetryAfter, Withdrawal,
};

use super::Reference;
use super::caller::{Caller, RETURNED_MAX, Ring, Stage};

/// Nothing rings for no time at all.
const RING_MIN: Duration = Duration::from_micros(1);

/// Where an offer that is current stands.
enum Standing {
    Ringing(Ring),
    Serving(AgentId),
    Forwarded { is_capped: bool, next: usize },
    Connected { next: usize },
}

impl Reference {
    pub(super) fn offer(&mut self, id: CallerId, agent: AgentId) {
        let now = self.now;
        let Some(caller) = self.callers.get_mut(&id) else { return };
        let Some(queue) = &caller.queue else { return };
        let ring_for = self.setup.teams.get(&queue.team).map_or(RING_MIN, |team| team.ring_for);
        let rings_until = now + ring_for.max(RING_MIN);
        let ends = caller.bounds().into_iter().map(|(at, _)| at);
        let deadline = ends.chain([rings_until]).min().unwrap_or(rings_until);
        caller.generation += 1;
        let offer = OfferId { caller: id, generation: caller.generation };
        let ring = Ring { offer, agent, made: now, deadline, is_capped: deadline < rings_until };
        if let Stage::Offered(rings) = &mut caller.stage {
            rings.push(ring);
        } else {
            caller.stage = Stage::Offered(vec![ring]);
        }
        let practice = caller.acting;
        self.turns += 1;
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.line = Some(offer);
            agent.last_offer = self.turns;
        }
        self.set_state(agent, AgentState::Offered(offer));
        self.decisions.push(Decision::Offer { offer, agent, practice, deadline });
    }

    /// When nobody takes him there he goes on with the step `next`.
    pub(super) fn forward(&mut self, id: CallerId, to: Forward, next: usize) {
        let now = self.now;
        let Some(caller) = self.callers.get_mut(&id) else { return };
        let rings_until = now + to.ring_for.max(RING_MIN);
        let deadline = caller.leave_by.map_or(rings_until, |at| at.min(rings_until));
        caller.generation += 1;
        let offer = OfferId { caller: id, generation: caller.generation };
        caller.queue = None;
        caller.sent_at = caller.sent_at.or(Some(now));
        caller.stage = Stage::Forwarded {
            offer,
            target: to.target,
            deadline,
            is_capped: deadline < rings_until,
            next,
        };
        self.decisions.push(Decision::Forward { offer, target: to.target, deadline });
    }

    /// Who is asked for a key has the time to press it, as far as the caller has.
    pub(super) fn picked_up(&mut self, id: OfferId, asked_for: Duration) {
        let until = self.now + asked_for;
        let Some(caller) = self.callers.get_mut(&id.caller) else { return };
        let leave_by = caller.leave_by;
        if let Stage::Forwarded { offer, deadline, is_capped, .. } = &mut caller.stage
            && *offer == id
            && *deadline < until
        {
            *deadline = leave_by.map_or(until, |at| at.min(until));
            *is_capped = *deadline < until;
        }
    }

    pub(super) fn answered(&mut self, offer: OfferId) {
        match self.standing(offer) {
            Some(Standing::Ringing(ring)) => self.serve(ring),
            Some(Standing::Forwarded { .. }) => {
                if let Some(caller) = self.callers.get_mut(&offer.caller)
                    && let Stage::Forwarded { target, next, .. } = caller.stage
                {
                    caller.stage = Stage::Connected { offer, target, next };
                }
                self.decisions.push(Decision::Connect { offer });
            }
            Some(Standing::Serving(_) | Standing::Connected { .. }) | None => {
                self.decisions.push(Decision::Refuse { offer });
            }
        }
    }

    fn serve(&mut self, won: Ring) {
        let now = self.now;
        let (offer, agent) = (won.offer, won.agent);
        let Some(caller) = self.callers.get_mut(&offer.caller) else { return };
        let stage = std::mem::replace(&mut caller.stage, Stage::Served { offer, agent });
        if let Some(desk) = self.agents.get_mut(&agent) {
            desk.misses = 0;
            desk.served += 1;
            desk.behind_until = 0;
            desk.busy_since = now;
        }
        self.set_state(agent, AgentState::Talking(offer.caller));
        self.decisions.push(Decision::Serve { offer, agent });
        if let Stage::Offered(rings) = stage {
            for ring in rings.into_iter().filter(|ring| ring.offer != offer) {
                self.let_off(ring, Withdrawal::Won);
            }
        }
    }

    pub(super) fn missed(&mut self, offer: OfferId, miss: Miss) {
        let agent = match (self.standing(offer), miss) {
            (Some(Standing::Ringing(ring)), _) => ring.agent,
            // Her leg may still break between her answer and the caller's.
            (Some(Standing::Serving(agent)), Miss::Dropped) => agent,
            (Some(Standing::Forwarded { next, .. }), _) => {
                return self.nobody_took(offer.caller, next);
            }
            (Some(Standing::Connected { next }), Miss::Dropped) => {
                self.line_died(offer.caller);
                return self.nobody_took(offer.caller, next);
            }
            (
                Some(Standing::Serving(_) | Standing::Connected { .. }),
                Miss::Declined | Miss::Busy | Miss::Unreachable | Miss::NoRoom,
            )
            | (None, _) => return,
        };
        match miss {
            Miss::Declined => self.rest(agent, offer.caller, false, |after| after.declined),
            Miss::Busy => self.rest(agent, offer.caller, false, |after| after.busy),
            Miss::Unreachable => self.rest(agent, offer.caller, true, |after| after.unreachable),
            Miss::Dropped => self.rest(agent, offer.caller, true, |after| after.dropped),
            Miss::NoRoom => self.not_rung(agent, offer.caller),
        }
        self.rings_no_more(offer);
    }

    pub(super) fn deadline_passes(&mut self, offer: OfferId) {
        match self.standing(offer) {
            Some(Standing::Ringing(ring)) if ring.is_capped && !self.has_rung_enough(ring) => {
                self.put_behind(ring.agent);
                self.let_off(ring, Withdrawal::Overflowed);
                self.rings_no_more(offer);
            }
            Some(Standing::Ringing(Ring { agent, is_capped, .. })) => {
                let why = Withdrawal::Expired;
                if is_capped {
                    self.put_behind(agent);
                }
                self.decisions.push(Decision::Withdraw { offer, agent, why });
                self.rest(agent, offer.caller, true, |after| after.no_answer);
                self.rings_no_more(offer);
            }
            Some(Standing::Forwarded { is_capped: true, .. }) => {
                self.call_off(offer.caller, Withdrawal::Overflowed);
                self.wait_ends(offer.caller, Bound::LeaveBy);
            }
            Some(Standing::Forwarded { is_capped: false, next }) => {
                self.call_off(offer.caller, Withdrawal::Expired);
                self.nobody_took(offer.caller, next);
            }
            Some(Standing::Serving(_) | Standing::Connected { .. }) | None => {}
        }
    }

    /// Who had him is gone. No network ends his wait any more: it ends as his practice says.
    fn line_died(&mut self, id: CallerId) {
        let Some(caller) = self.callers.get_mut(&id) else { return };
        let rules = self.setup.practices.get(&caller.practice);
        let longest = rules.and_then(|rules| rules.wait_max).unwrap_or(RETURNED_MAX);
        caller.leave_by = None;
        caller.wait_max = Some(self.now + longest);
        caller.sent_at = None;
    }

    /// No phone could be rung for him: neither hers nor another one, until there is room.
    fn not_rung(&mut self, agent: AgentId, caller: CallerId) {
        if let Some(caller) = self.callers.get_mut(&caller) {
            caller.lacks_room = true;
        }
        self.not_to_blame(agent);
    }

    /// For a miss: as long as her team lets it ring, or long enough for anybody.
    fn has_rung_enough(&self, ring: Ring) -> bool {
        let rang = self.now.saturating_duration_since(ring.made);
        let queue = self.callers.get(&ring.offer.caller).and_then(|caller| caller.queue.as_ref());
        let team = queue.and_then(|queue| self.setup.teams.get(&queue.team));
        rang >= RUNG_ENOUGH || rang >= team.map_or(RING_MIN, |team| team.ring_for)
    }

    /// Whoever else is idle goes before her, once.
    pub(super) fn put_behind(&mut self, id: AgentId) {
        let now = self.now;
        let others = self.free().len() as u64;
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.idle_since = now;
            agent.behind_until = self.turns + others;
        }
    }

    /// The offer is withdrawn from her; she is not to blame.
    pub(super) fn let_off(&mut self, ring: Ring, why: Withdrawal) {
        let Ring { offer, agent, .. } = ring;
        self.decisions.push(Decision::Withdraw { offer, agent, why });
        self.not_to_blame(agent);
    }

    fn not_to_blame(&mut self, agent: AgentId) {
        let wish = self.agents.get_mut(&agent).and_then(|agent| agent.wish.take());
        self.set_state(agent, wish.map_or(AgentState::Available, |wish| wish.state()));
    }

    /// The others ring on; without any he waits.
    pub(super) fn rings_no_more(&mut self, offer: OfferId) {
        let Some(caller) = self.callers.get_mut(&offer.caller) else { return };
        let mut left: Vec<Ring> = caller.rings().to_vec();
        left.retain(|ring| ring.offer != offer);
        caller.stage = if left.is_empty() { Stage::Waiting } else { Stage::Offered(left) };
    }

    /// She did not take his call, and is left alone for a while.
    pub(super) fn rest(
        &mut self,
        id: AgentId,
        caller: CallerId,
        counts: bool,
        after: fn(&RetryAfter) -> Duration,
    ) {
        let queue = self.callers.get(&caller).and_then(|caller| caller.queue.as_ref());
        let team = queue.and_then(|queue| self.setup.teams.get(&queue.team));
        let misses_max = team.map_or(0, |team| team.misses_max);
        let rest = team.map_or(Duration::ZERO, |team| after(&team.retry_after));
        let until = self.now + rest;
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if counts {
            agent.misses += 1;
        }
        let state = match agent.wish.take() {
            Some(wish) => wish.state(),
            None if counts && misses_max > 0 && agent.misses >= misses_max => {
                AgentState::NotResponding
            }
            None if rest.is_zero() => AgentState::Available,
            None => AgentState::Resting { until },
        };
        self.set_state(id, state);
    }

    fn standing(&self, offer: OfferId) -> Option<Standing> {
        let caller = self.callers.get(&offer.caller)?;
        let (current, standing) = match &caller.stage {
            Stage::Waiting => return None,
            Stage::Offered(rings) => {
                let ring = *rings.iter().find(|ring| ring.offer == offer)?;
                (offer, Standing::Ringing(ring))
            }
            &Stage::Forwarded { offer, is_capped, next, .. } => {
                (offer, Standing::Forwarded { is_capped, next })
            }
            &Stage::Served { offer, agent } => (offer, Standing::Serving(agent)),
            &Stage::Connected { offer, next, .. } => (offer, Standing::Connected { next }),
        };
        (current == offer).then_some(standing)
    }
}

impl Caller {
    pub(super) fn rings(&self) -> &[Ring] {
        match &self.stage {
            Stage::Offered(rings) => rings,
            Stage::Waiting
            | Stage::Forwarded { .. }
            | Stage::Served { .. }
            | Stage::Connected { .. } => &[],
        }
    }
}

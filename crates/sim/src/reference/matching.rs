//! Who is offered to whom.

use std::cmp::Reverse;

use acd::{AgentId, AgentState, CallerId, Circle, Instant, Strategy, TeamId, Withdrawal};

use super::Reference;
use super::agent::Agent;
use super::caller::{Caller, Ring, Stage};

impl Reference {
    pub(super) fn match_all(&mut self) {
        // Who is behind the others at the beginning is so to its end.
        let turns = self.turns;
        loop {
            while let Some((caller, agent)) = self.first_match(turns) {
                self.offer(caller, agent);
            }
            let let_off = self.seconds_to_let_off();
            if let_off.is_empty() {
                break;
            }
            for ring in let_off {
                self.let_off(ring, Withdrawal::Won);
                self.rings_no_more(ring.offer);
            }
        }
    }

    /// Each who waits takes one whose line is about to be clear, or else the phone of one who rings besides
    /// another for somebody.
    fn seconds_to_let_off(&self) -> Vec<Ring> {
        let is_with_us = |agent: &Agent| agent.reachable && !agent.dialling && agent.wish.is_none();
        let mut soon: Vec<AgentId> = (self.agents.iter())
            .filter(|(_, agent)| is_with_us(agent) && agent.line.is_some())
            .filter(|(_, agent)| agent.state == AgentState::Available)
            .map(|(&id, _)| id)
            .collect();
        let mut seconds: Vec<Ring> = (self.callers.values())
            .flat_map(|caller| caller.rings().iter().skip(1).copied())
            .filter(|ring| is_with_us(&self.agents[&ring.agent]))
            .collect();
        seconds.sort_by_key(|ring| ring.agent);
        let mut waiting: Vec<&Caller> = (self.callers.values())
            .filter(|caller| matches!(caller.stage, Stage::Waiting) && self.has_room(caller))
            .collect();
        waiting.sort_by_key(|caller| caller.order());
        let mut let_off = Vec::new();
        for caller in waiting {
            let Some(queue) = &caller.queue else { continue };
            let fits = |agent: AgentId| {
                self.suits(agent, caller, queue.team, queue.circle)
                    && self.leaves_enough(caller, agent, 1)
            };
            if let Some(at) = soon.iter().position(|&agent| fits(agent)) {
                soon.remove(at);
            } else if let Some(at) = seconds.iter().position(|ring| fits(ring.agent)) {
                let_off.push(seconds.remove(at));
            }
        }
        let_off
    }

    /// The first caller in order for whom somebody is free, and who of them suits him best: who waits,
    /// then who is offered already and for whom one more phone may ring. Who is about to move on in his
    /// plan is passed over.
    fn first_match(&self, turns: u64) -> Option<(CallerId, AgentId)> {
        let mut callers: Vec<&Caller> =
            self.callers.values().filter(|caller| self.has_room(caller)).collect();
        callers.sort_by_key(|caller| (!matches!(caller.stage, Stage::Waiting), caller.order()));
        callers.into_iter().find_map(|caller| Some((caller.id, self.best_for(caller, turns)?)))
    }

    fn has_room(&self, caller: &Caller) -> bool {
        if caller.lacks_room || caller.is_over_by(self.now) {
            return false;
        }
        let Some(queue) = &caller.queue else { return false };
        match &caller.stage {
            Stage::Waiting => true,
            Stage::Offered(rings) => {
                self.setup.teams.get(&queue.team).is_some_and(|team| rings.len() < team.ring)
            }
            Stage::Forwarded { .. } | Stage::Served { .. } | Stage::Connected { .. } => false,
        }
    }

    fn best_for(&self, caller: &Caller, turns: u64) -> Option<AgentId> {
        let queue = caller.queue.as_ref()?;
        let practice = self.setup.practices.get(&caller.acting);
        let spoke = self.who_spoke_with(caller);
        let suiting = self
            .free()
            .into_iter()
            .filter(|&agent| self.suits(agent, caller, queue.team, queue.circle))
            .filter(|&agent| self.is_beyond_reserve(caller, agent));
        suiting.min_by_key(|&agent| {
            let is_own = practice.is_some_and(|practice| practice.own.contains(&agent));
            let skill = practice.and_then(|practice| practice.skill);
            let level = skill.and_then(|skill| self.setup.agents[&agent].skills.get(&skill));
            (
                spoke != Some(agent),
                !is_own,
                Reverse(level.copied().unwrap_or(0)),
                self.turn_of(agent, queue.team, turns),
                agent,
            )
        })
    }

    /// Her turn by the team's strategy; the least is first.
    fn turn_of(&self, id: AgentId, team: TeamId, turns: u64) -> (bool, u64, Instant) {
        let agent = &self.agents[&id];
        let is_behind = turns < agent.behind_until;
        let strategy = self.setup.teams.get(&team).map(|team| team.strategy).unwrap_or_default();
        match strategy {
            Strategy::LongestIdle => (false, 0, agent.idle_since),
            Strategy::RoundRobin => (false, agent.last_offer, agent.idle_since),
            Strategy::FewestCalls => (is_behind, agent.served.into(), agent.idle_since),
            Strategy::Fixed => (is_behind, self.setup.agents[&id].position.into(), Instant::ZERO),
        }
    }

    /// Whether she may have him, whatever she is doing.
    pub(super) fn suits(&self, id: AgentId, caller: &Caller, team: TeamId, circle: Circle) -> bool {
        let Some(agent) = self.setup.agents.get(&id) else { return false };
        if !agent.teams.contains(&team) {
            return false;
        }
        // Who is no practice's any more wants nobody in particular.
        let Some(practice) = self.setup.practices.get(&caller.acting) else { return true };
        if let Some(sites) = &practice.sites
            && !sites.contains(&agent.site)
        {
            return false;
        }
        match circle {
            Circle::Own => practice.own.contains(&id),
            Circle::Skilled => {
                practice.skill.is_some_and(|skill| agent.skills.contains_key(&skill))
            }
            Circle::Everyone => true,
        }
    }
}

//! Puts waiting callers to free agents until no pair is left.
//!
//! Callers are taken in their order over all teams; the first one who has a free agent in his
//! team gets the longest idle of them. Since no pair was left after the step before, a new pair
//! must be of an agent who became free, or in a *hot* team, where somebody began to wait: nothing
//! else is looked at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use crate::caller::{Place, Stage};
use crate::id::{AgentId, TeamId};
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn match_all(&mut self) {
        match (self.free.came(), &self.hot[..]) {
            ([], []) => {}
            (&[agent], []) => self.match_one(agent),
            ([_, ..], [_, ..]) | ([_, _, ..], []) | ([], [_, ..]) => self.match_many(),
        }
    }

    /// She alone is new: of all who wait, only the first of her callers can be offered, and to her.
    fn match_one(&mut self, agent: AgentId) {
        let teams = self.setup.agents.get(&agent).map_or(&[][..], |agent| &agent.teams);
        let first = teams.iter().filter_map(|&team| Some((self.waiting.first_of(team)?, team)));
        match first.min() {
            Some((place, team)) => self.offer_pair((place, team, agent)),
            None => self.seat(),
        }
    }

    /// The first pair of each team, the first of them all on top. While offers are made pairs go and
    /// none comes, so that one which still holds when it is on top is the first of all.
    fn match_many(&mut self) {
        for &agent in self.free.came() {
            let known = self.setup.agents.get(&agent);
            self.hot.extend(known.into_iter().flat_map(|agent| &agent.teams));
        }
        self.seat();
        let mut hot = std::mem::take(&mut self.hot);
        hot.sort_unstable();
        hot.dedup();
        let pairs = hot.drain(..).filter_map(|team| self.pair_of_team(team)).map(Reverse);
        let mut pairs: BinaryHeap<_> = pairs.collect();
        self.hot = hot;
        while let Some(mut first) = pairs.peek_mut() {
            let Reverse(pair) = *first;
            let (_, team, _) = pair;
            match self.pair_of_team(team) {
                Some(found) if found == pair => self.offer_pair(pair),
                Some(found) => *first = Reverse(found),
                None => {
                    PeekMut::pop(first);
                }
            }
        }
    }

    fn offer_pair(&mut self, (place, team, agent): (Place, TeamId, AgentId)) {
        debug_assert_eq!(self.callers[&place.caller].stage, Stage::Waiting);
        self.make_offer(place.caller, team, agent);
    }

    /// The caller before all others of the team, and its longest idle agent.
    fn pair_of_team(&self, team: TeamId) -> Option<(Place, TeamId, AgentId)> {
        let agent = self.free.longest_idle(team)?;
        Some((self.waiting.first_of(team)?, team, agent))
    }

    /// Who became free takes her place in the rows of her teams.
    pub(crate) fn seat(&mut self) {
        let setup = Arc::clone(&self.setup);
        self.free.seat(|agent| setup.agents.get(&agent).map_or(&[][..], |agent| &agent.teams));
    }
}

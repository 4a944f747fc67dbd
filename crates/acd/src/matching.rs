//! Puts waiting callers to free agents until no pair is left.
//!
//! Callers are taken in their order over all teams; the first one who has a free agent in his
//! team gets the longest idle of them. Since no pair was left after the step before, a new pair
//! must be in a team where somebody came: only those *hot* teams are looked at.

use crate::caller::{Place, Stage};
use crate::id::{AgentId, TeamId};
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn match_all(&mut self) {
        while let Some((place, team, agent)) = self.next_pair() {
            debug_assert_eq!(self.callers[&place.caller].stage, Stage::Waiting);
            self.make_offer(place.caller, team, agent);
        }
        self.hot.clear();
    }

    fn next_pair(&mut self) -> Option<(Place, TeamId, AgentId)> {
        let mut best: Option<(Place, TeamId, AgentId)> = None;
        let mut hot = std::mem::take(&mut self.hot);
        hot.retain(|&team| {
            let Some(pair) = self.pair_of_team(team) else {
                return false;
            };
            best = Some(best.map_or(pair, |best| best.min(pair)));
            true
        });
        self.hot = hot;
        best
    }

    /// The caller before all others of the team, unless his wait is over at this very instant.
    fn pair_of_team(&self, team: TeamId) -> Option<(Place, TeamId, AgentId)> {
        let agent = self.free.longest_idle(team)?;
        let place = self
            .waiting
            .of_team(team)
            .find(|place| !self.callers[&place.caller].is_due(self.now))?;
        Some((*place, team, agent))
    }
}

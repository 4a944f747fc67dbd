//! Who waits and who is free, in order, by team.
//!
//! Both are indexes over the callers and the agents: rebuilt from them, never saved. A caller is
//! in the queue of one team, a free agent in the row of each of hers, so that a change costs
//! O(g log n) for g teams.

use std::collections::{BTreeMap, BTreeSet};

use crate::caller::Place;
use crate::id::{AgentId, TeamId};
use crate::time::Instant;

/// The callers who wait without an offer.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Queues {
    /// Who may be offered.
    by_team: BTreeMap<TeamId, BTreeSet<Place>>,
    /// Whose wait is over at this very instant: kept apart, so that nobody must look past them.
    due: BTreeMap<TeamId, BTreeSet<Place>>,
    len: usize,
}

impl Queues {
    pub(crate) fn insert(&mut self, team: TeamId, place: Place, is_due: bool) {
        let queues = if is_due { &mut self.due } else { &mut self.by_team };
        self.len += usize::from(queues.entry(team).or_default().insert(place));
    }

    pub(crate) fn remove(&mut self, team: TeamId, place: Place) {
        let was_here =
            remove(&mut self.by_team, team, &place) || remove(&mut self.due, team, &place);
        self.len -= usize::from(was_here);
    }

    /// His wait is over: he is not to be offered any more.
    pub(crate) fn hold(&mut self, team: TeamId, place: Place) {
        if remove(&mut self.by_team, team, &place) {
            self.due.entry(team).or_default().insert(place);
        }
    }

    /// Over all teams, in order. For displays: it sorts.
    pub(crate) fn all(&self) -> Vec<Place> {
        let queues = self.by_team.values().chain(self.due.values());
        let mut all: Vec<Place> = queues.flatten().copied().collect();
        all.sort_unstable();
        all
    }

    /// Who is offered first in this team.
    pub(crate) fn first_of(&self, team: TeamId) -> Option<Place> {
        self.by_team.get(&team)?.first().copied()
    }

    pub(crate) fn of_team(&self, team: TeamId) -> impl Iterator<Item = &Place> {
        let queues = [self.due.get(&team), self.by_team.get(&team)];
        queues.into_iter().flatten().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// The free agents, the longest idle first.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Free {
    since: BTreeMap<AgentId, Instant>,
    by_team: BTreeMap<TeamId, BTreeSet<(Instant, AgentId)>>,
    /// Who is free and in no row yet: mostly there is a caller for her, and she never will be.
    /// Empty when the matching is done.
    came: Vec<AgentId>,
}

impl Free {
    pub(crate) fn insert(&mut self, agent: AgentId, since: Instant, teams: &[TeamId]) {
        if self.since.get(&agent) == Some(&since) {
            return;
        }
        self.remove(agent, teams);
        self.since.insert(agent, since);
        self.came.push(agent);
    }

    pub(crate) fn remove(&mut self, agent: AgentId, teams: &[TeamId]) {
        let Some(since) = self.since.remove(&agent) else { return };
        if let Some(place) = self.came.iter().position(|it| *it == agent) {
            self.came.remove(place);
            return;
        }
        for &team in teams {
            remove(&mut self.by_team, team, &(since, agent));
        }
    }

    /// Who became free since the last matching.
    pub(crate) fn came(&self) -> &[AgentId] {
        &self.came
    }

    /// Puts who came into the rows of her teams.
    pub(crate) fn seat<'a>(&mut self, teams: impl Fn(AgentId) -> &'a [TeamId]) {
        for agent in std::mem::take(&mut self.came) {
            let since = self.since[&agent];
            for &team in teams(agent) {
                self.by_team.entry(team).or_default().insert((since, agent));
            }
        }
    }

    pub(crate) fn longest_idle(&self, team: TeamId) -> Option<AgentId> {
        self.by_team.get(&team)?.first().map(|&(_, agent)| agent)
    }

    pub(crate) fn len(&self) -> usize {
        self.since.len()
    }
}

/// Whether it was there. Empty sets go: teams come and go with the setup.
fn remove<T: Ord>(sets: &mut BTreeMap<TeamId, BTreeSet<T>>, team: TeamId, item: &T) -> bool {
    let Some(set) = sets.get_mut(&team) else { return false };
    let was_there = set.remove(item);
    if set.is_empty() {
        sets.remove(&team);
    }
    was_there
}

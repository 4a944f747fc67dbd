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
    all: BTreeSet<Place>,
    by_team: BTreeMap<TeamId, BTreeSet<Place>>,
}

impl Queues {
    pub(crate) fn insert(&mut self, team: TeamId, place: Place) {
        self.all.insert(place);
        self.by_team.entry(team).or_default().insert(place);
    }

    pub(crate) fn remove(&mut self, team: TeamId, place: Place) {
        self.all.remove(&place);
        remove(&mut self.by_team, team, &place);
    }

    /// Over all teams.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.all.iter()
    }

    pub(crate) fn of_team(&self, team: TeamId) -> impl Iterator<Item = &Place> {
        self.by_team.get(&team).into_iter().flatten()
    }

    pub(crate) fn teams(&self) -> impl Iterator<Item = TeamId> {
        self.by_team.keys().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

/// The free agents, the longest idle first.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Free {
    since: BTreeMap<AgentId, Instant>,
    by_team: BTreeMap<TeamId, BTreeSet<(Instant, AgentId)>>,
}

impl Free {
    /// Whether she was not in that place before.
    pub(crate) fn insert(&mut self, agent: AgentId, since: Instant, teams: &[TeamId]) -> bool {
        if self.since.get(&agent) == Some(&since) {
            return false;
        }
        self.remove(agent, teams);
        self.since.insert(agent, since);
        for &team in teams {
            self.by_team.entry(team).or_default().insert((since, agent));
        }
        true
    }

    pub(crate) fn remove(&mut self, agent: AgentId, teams: &[TeamId]) {
        if let Some(since) = self.since.remove(&agent) {
            for &team in teams {
                remove(&mut self.by_team, team, &(since, agent));
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

/// Empty sets go: teams come and go with the setup.
fn remove<T: Ord>(sets: &mut BTreeMap<TeamId, BTreeSet<T>>, team: TeamId, item: &T) {
    if let Some(set) = sets.get_mut(&team) {
        set.remove(item);
        if set.is_empty() {
            sets.remove(&team);
        }
    }
}

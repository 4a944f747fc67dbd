//! Who waits and who is free, in order, by group.
//!
//! Both are indexes over the callers and the agents: rebuilt from them, never saved. A caller is
//! in the queue of one group, a free agent in the row of each of hers, so that a change costs
//! O(g log n) for g groups.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::caller::Place;
use crate::groups::{GroupId, Groups, Membership};
use crate::id::{AgentId, TeamId};
use crate::setup::Strategy;
use crate::time::Instant;

/// The callers who may be offered. Who is in no group is kept with `None`: nobody may have him.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Queues {
    /// Who waits without an offer.
    by_group: BTreeMap<Option<GroupId>, BTreeSet<Place>>,
    /// Whose wait is over at this very instant: kept apart, so that nobody must look past them.
    due: BTreeMap<Option<GroupId>, BTreeSet<Place>>,
    /// Who is offered to fewer phones than his team lets ring.
    short: BTreeMap<Option<GroupId>, BTreeSet<Place>>,
    /// Who waits without an offer, by team.
    len_by_team: BTreeMap<TeamId, usize>,
    len: usize,
}

impl Queues {
    pub(crate) fn insert(
        &mut self,
        team: TeamId,
        group: Option<GroupId>,
        place: Place,
        is_held: bool,
    ) {
        let queues = if is_held { &mut self.due } else { &mut self.by_group };
        if queues.entry(group).or_default().insert(place) {
            self.len += 1;
            *self.len_by_team.entry(team).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, team: TeamId, group: Option<GroupId>, place: Place) {
        let was_here =
            remove(&mut self.by_group, group, &place) || remove(&mut self.due, group, &place);
        if was_here {
            self.len -= 1;
            if let Some(len) = self.len_by_team.get_mut(&team) {
                *len -= 1;
                if *len == 0 {
                    self.len_by_team.remove(&team);
                }
            }
        }
    }

    pub(crate) fn insert_short(&mut self, group: Option<GroupId>, place: Place) {
        self.short.entry(group).or_default().insert(place);
    }

    pub(crate) fn remove_short(&mut self, group: Option<GroupId>, place: Place) {
        remove(&mut self.short, group, &place);
    }

    /// His wait is over: he is not to be offered any more.
    pub(crate) fn hold(&mut self, group: Option<GroupId>, place: Place) {
        if remove(&mut self.by_group, group, &place) {
            self.due.entry(group).or_default().insert(place);
        }
        remove(&mut self.short, group, &place);
    }

    /// Over all groups, in order. For displays: it sorts.
    pub(crate) fn all(&self) -> Vec<Place> {
        let queues = self.by_group.values().chain(self.due.values());
        let mut all: Vec<Place> = queues.flatten().copied().collect();
        all.sort_unstable();
        all
    }

    /// Who is offered first in this group.
    pub(crate) fn first_of(&self, group: GroupId) -> Option<Place> {
        self.by_group.get(&Some(group))?.first().copied()
    }

    /// Who is offered after him.
    pub(crate) fn next_of(&self, group: GroupId, place: Place) -> Option<Place> {
        let after = (Bound::Excluded(place), Bound::Unbounded);
        self.by_group.get(&Some(group))?.range(after).next().copied()
    }

    /// Whom one more phone may ring for first.
    pub(crate) fn first_short_of(&self, group: GroupId) -> Option<Place> {
        self.short.get(&Some(group))?.first().copied()
    }

    pub(crate) fn of_group(&self, group: Option<GroupId>) -> impl Iterator<Item = &Place> {
        let queues = [self.due.get(&group), self.by_group.get(&group)];
        queues.into_iter().flatten().flatten()
    }

    pub(crate) fn len_of_team(&self, team: TeamId) -> usize {
        self.len_by_team.get(&team).copied().unwrap_or(0)
    }

    /// How many may be offered in a team's groups ahead of that place, which nobody has; `most` if there are
    /// more.
    pub(crate) fn ahead(&self, of_team: &[GroupId], place: Place, most: usize) -> usize {
        ahead_among(&self.by_group, of_team, place, most)
    }

    /// The same of all who wait there: those too who are offered to nobody, because we lack room for them or
    /// their wait is over.
    pub(crate) fn all_ahead(&self, of_team: &[GroupId], place: Place, most: usize) -> usize {
        let ahead = self.ahead(of_team, place, most);
        ahead + ahead_among(&self.due, of_team, place, most - ahead)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// What of an agent ranks her among the free; it does not change while she is free.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) struct Standing {
    pub(crate) idle_since: Instant,
    /// Of her last offer.
    pub(crate) turn: u64,
    /// Callers served since she logged in.
    pub(crate) served: u32,
    /// She may be absent.
    pub(crate) is_behind: bool,
}

/// A place in a row: who is less is offered first.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
pub(crate) struct Rank {
    level: Reverse<u8>,
    order: (bool, u64, Instant),
    agent: AgentId,
}

impl Rank {
    pub(crate) fn new(agent: AgentId, membership: Membership, standing: Standing) -> Self {
        let order = match membership.strategy {
            // In these two she goes behind by herself.
            Strategy::LongestIdle => (false, 0, standing.idle_since),
            Strategy::RoundRobin => (false, standing.turn, standing.idle_since),
            Strategy::FewestCalls => {
                (standing.is_behind, u64::from(standing.served), standing.idle_since)
            }
            Strategy::Fixed => (standing.is_behind, u64::from(membership.position), Instant::ZERO),
        };
        Self { level: Reverse(membership.level), order, agent }
    }
}

/// The free agents, in each row the best first.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Free {
    standings: BTreeMap<AgentId, Standing>,
    by_group: BTreeMap<GroupId, BTreeSet<Rank>>,
    /// Of teams that keep a reserve.
    len_by_team: BTreeMap<TeamId, usize>,
    /// Who is free and in no row yet: mostly there is a caller for her, and she never will be.
    /// Empty when the matching is done.
    came: Vec<AgentId>,
}

impl Free {
    pub(crate) fn insert(&mut self, agent: AgentId, standing: Standing, groups: &Groups) {
        if self.standings.get(&agent) == Some(&standing) {
            return;
        }
        self.remove(agent, groups);
        self.standings.insert(agent, standing);
        for &team in groups.reserving(agent) {
            *self.len_by_team.entry(team).or_default() += 1;
        }
        self.came.push(agent);
    }

    pub(crate) fn remove(&mut self, agent: AgentId, groups: &Groups) {
        let Some(standing) = self.standings.remove(&agent) else { return };
        for team in groups.reserving(agent) {
            if let Some(len) = self.len_by_team.get_mut(team) {
                *len -= 1;
                if *len == 0 {
                    self.len_by_team.remove(team);
                }
            }
        }
        if let Some(place) = self.came.iter().position(|it| *it == agent) {
            self.came.remove(place);
            return;
        }
        for &membership in groups.of_agent(agent) {
            let rank = Rank::new(agent, membership, standing);
            remove(&mut self.by_group, membership.group, &rank);
        }
    }

    /// Who became free since the last matching.
    pub(crate) fn came(&self) -> &[AgentId] {
        &self.came
    }

    /// Puts who came into the rows of her groups.
    pub(crate) fn seat(&mut self, groups: &Groups) {
        for agent in std::mem::take(&mut self.came) {
            let standing = self.standings[&agent];
            for &membership in groups.of_agent(agent) {
                let rank = Rank::new(agent, membership, standing);
                self.by_group.entry(membership.group).or_default().insert(rank);
            }
        }
    }

    /// Her place in the row of this group, if she is free and serves it.
    pub(crate) fn rank(&self, agent: AgentId, group: GroupId, groups: &Groups) -> Option<Rank> {
        let standing = self.standings.get(&agent)?;
        Some(Rank::new(agent, groups.serves(agent, group)?, *standing))
    }

    /// Those in the row of this group, the best first.
    pub(crate) fn of_group(&self, group: GroupId) -> impl Iterator<Item = AgentId> {
        self.by_group.get(&group).into_iter().flatten().map(|rank| rank.agent)
    }

    /// Of a team that keeps a reserve.
    pub(crate) fn len_of_team(&self, team: TeamId) -> usize {
        self.len_by_team.get(&team).copied().unwrap_or(0)
    }

    pub(crate) fn len_of_group(&self, group: GroupId) -> usize {
        self.by_group.get(&group).map_or(0, BTreeSet::len)
    }

    pub(crate) fn len(&self) -> usize {
        self.standings.len()
    }
}

/// Looks at those before and those after by turns: as many as the fewer, and no more than `most`.
fn ahead_among(
    queues: &BTreeMap<Option<GroupId>, BTreeSet<Place>>,
    of_team: &[GroupId],
    place: Place,
    most: usize,
) -> usize {
    let (Some(&first), Some(&last)) = (of_team.first(), of_team.last()) else { return 0 };
    let mut ahead = 0;
    // Those of a team are one after the other.
    for (_, queue) in queues.range(Some(first)..=Some(last)) {
        ahead += ahead_in(queue, place, most - ahead);
    }
    ahead
}

fn ahead_in(queue: &BTreeSet<Place>, place: Place, most: usize) -> usize {
    let (mut ahead, mut behind) = (queue.range(..place), queue.range(place..));
    for seen in 0..most {
        if ahead.next().is_none() {
            return seen;
        }
        if behind.next().is_none() {
            return most.min(queue.len() - seen);
        }
    }
    most
}

/// Whether it was there. Empty sets go: groups come and go with the setup.
fn remove<K: Ord, T: Ord>(sets: &mut BTreeMap<K, BTreeSet<T>>, key: K, item: &T) -> bool {
    let Some(set) = sets.get_mut(&key) else { return false };
    let was_there = set.remove(item);
    if set.is_empty() {
        sets.remove(&key);
    }
    was_there
}

//! Who is there: of each team, and of those who may have a group's callers.
//!
//! *There* is who is logged in with a reachable phone and answers it: pausing, talking or wrapping
//! up, but not *not responding*. A caller's step may end because nobody is who may have him (`nobody` of
//! [`Step::Queue`](crate::Step::Queue)). A change of a secretary costs O(g log n) for her g groups; only
//! when the first one comes or the last one goes of those who may have a team's callers are its waiting
//! callers looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::caller::{Caller, Stage};
use crate::groups::{GroupId, Groups};
use crate::id::{AgentId, CallerId, PracticeId, TeamId};
use crate::scheduler::Scheduler;
use crate::setup::Circle;
use crate::timer::{Bound, Reason};

/// Who is there: an index over the agents.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Staff {
    by_team: BTreeMap<TeamId, BTreeSet<AgentId>>,
    /// Of those who may have the callers of each group.
    by_group: Vec<Crew>,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
struct Crew {
    there: u32,
    at_work: u32,
}

/// How the index counts her.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Presence {
    pub(crate) is_there: bool,
    /// There, and free or with a caller.
    pub(crate) is_at_work: bool,
}

impl Staff {
    /// Of which nobody is there.
    pub(crate) fn new(groups: &Groups) -> Self {
        Self { by_team: BTreeMap::new(), by_group: vec![Crew::default(); groups.len()] }
    }

    pub(crate) fn has(&self, group: GroupId) -> bool {
        self.by_group[group.index()].there > 0
    }

    /// How many of those who may have this group's callers are free or with one.
    pub(crate) fn at_work(&self, group: GroupId) -> usize {
        self.by_group[group.index()].at_work as usize
    }

    pub(crate) fn of_team(&self, team: TeamId) -> impl Iterator<Item = AgentId> {
        self.by_team.get(&team).into_iter().flatten().copied()
    }

    pub(crate) fn len_of_team(&self, team: TeamId) -> usize {
        self.by_team.get(&team).map_or(0, BTreeSet::len)
    }

    fn set_there(&mut self, agent: AgentId, teams: &[TeamId], is_there: bool) {
        for &team in teams {
            let there = self.by_team.entry(team).or_default();
            if is_there {
                there.insert(agent)
            } else {
                there.remove(&agent)
            };
            if there.is_empty() {
                self.by_team.remove(&team);
            }
        }
    }

    /// Whether she is the first of the group who comes, or was the last one.
    fn count(&mut self, group: GroupId, before: Presence, presence: Presence) -> bool {
        let crew = &mut self.by_group[group.index()];
        let had = crew.there;
        crew.there = crew.there + u32::from(presence.is_there) - u32::from(before.is_there);
        crew.at_work = crew.at_work + u32::from(presence.is_at_work) - u32::from(before.is_at_work);
        (had == 0) != (crew.there == 0)
    }
}

impl Scheduler {
    /// After a change of it. A change of her teams makes the whole index anew.
    pub(crate) fn index_presence(&mut self, agent: AgentId, teams: &[TeamId], presence: Presence) {
        let before = std::mem::replace(&mut self.desk_mut(agent).presence, presence);
        if before.is_there != presence.is_there {
            self.staff.set_there(agent, teams, presence.is_there);
        }
        let groups = Arc::clone(&self.groups);
        if before.is_there && !presence.is_there {
            // Where fewer are there fewer may be kept.
            let kept = groups.reserving(agent).iter().flat_map(|&team| groups.of_colleagues(team));
            self.hot.extend(kept);
        }
        let mut turned = BTreeSet::new();
        for membership in groups.of_agent(agent) {
            if self.staff.count(membership.group, before, presence) {
                turned.extend(groups.widest_of(membership.group));
            }
        }
        for team in turned {
            self.time_the_waiting(team);
        }
    }

    /// Somebody is there to whom a caller who follows this practice's plan may be given in this circle.
    pub(crate) fn is_staffed(&self, practice: PracticeId, team: TeamId, circle: Circle) -> bool {
        self.group_of(practice, team, circle).is_some_and(|group| self.staff.has(group))
    }

    /// He waits, and nobody is there who may have him, however wide his circle becomes.
    fn is_alone(&self, caller: &Caller) -> bool {
        let is_staffed = |team| self.is_staffed(caller.acting, team, Circle::Everyone);
        caller.stage == Stage::Waiting
            && caller.queue.as_ref().is_some_and(|queue| !is_staffed(queue.team))
    }

    fn time_the_waiting(&mut self, team: TeamId) {
        let groups = Arc::clone(&self.groups);
        let mut waiting: Vec<CallerId> = Vec::new();
        for &group in groups.of_team(team) {
            waiting.extend(self.waiting.of_group(Some(group)).map(|place| place.caller));
        }
        for caller in waiting {
            self.time_nobody(caller);
        }
    }

    /// Arms, moves or disarms the timer of a caller whom nobody may be there for.
    pub(crate) fn time_nobody(&mut self, id: CallerId) {
        let now = self.now;
        let is_alone = self.is_alone(&self.callers[&id]);
        let Some(queue) = &mut self.caller_mut(id).queue else { return };
        let Some(nobody) = queue.nobody else { return };
        queue.alone_since = if is_alone { queue.alone_since.or(Some(now)) } else { None };
        let at = queue.alone_since.map(|since| since + nobody);
        let before = std::mem::replace(&mut queue.nobody_at, at);
        if before != at {
            let reason = Reason::WaitEnd { caller: id, bound: Bound::Nobody };
            if let Some(before) = before {
                self.timers.disarm(before, reason);
            }
            if let Some(at) = at {
                self.timers.arm(at, reason);
            }
        }
    }
}

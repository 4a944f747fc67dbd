//! Which teams have somebody there, and since when the others have not.
//!
//! *There* is who is logged in with a reachable phone and answers it: pausing, talking or wrapping
//! up, but not *not responding*. A caller's step may end because nobody is (`nobody` of
//! [`Step::Queue`](crate::Step::Queue)). A change of a secretary costs O(g log n) for her g teams;
//! only when a team's first one comes or its last one goes are its waiting callers looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::caller::Stage;
use crate::id::{AgentId, CallerId, TeamId};
use crate::scheduler::Scheduler;
use crate::time::Instant;
use crate::timer::{Bound, Reason};

/// Who is there, by team: an index over the agents.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Staff {
    there: BTreeSet<AgentId>,
    by_team: BTreeMap<TeamId, BTreeSet<AgentId>>,
}

impl Staff {
    pub(crate) fn has(&self, team: TeamId) -> bool {
        self.by_team.contains_key(&team)
    }

    pub(crate) fn of_team(&self, team: TeamId) -> impl Iterator<Item = AgentId> {
        self.by_team.get(&team).into_iter().flatten().copied()
    }

    /// Whether that is news of her.
    fn set_there(&mut self, agent: AgentId, is_there: bool) -> bool {
        if is_there { self.there.insert(agent) } else { self.there.remove(&agent) }
    }

    /// Whether she is the first of the team.
    fn insert(&mut self, team: TeamId, agent: AgentId) -> bool {
        let there = self.by_team.entry(team).or_default();
        let was_empty = there.is_empty();
        there.insert(agent);
        was_empty
    }

    /// Whether she was the last of the team.
    fn remove(&mut self, team: TeamId, agent: AgentId) -> bool {
        let Some(there) = self.by_team.get_mut(&team) else {
            return false;
        };
        there.remove(&agent);
        let is_empty = there.is_empty();
        if is_empty {
            self.by_team.remove(&team);
        }
        is_empty
    }

    fn teams(&self) -> impl Iterator<Item = TeamId> {
        self.by_team.keys().copied()
    }
}

impl Scheduler {
    /// After any change of her state or her phone. A change of her teams makes the whole index anew.
    pub(crate) fn index_presence(&mut self, agent: AgentId, teams: &[TeamId], is_there: bool) {
        if !self.staff.set_there(agent, is_there) {
            return;
        }
        for &team in teams {
            if is_there {
                if self.staff.insert(team, agent) {
                    self.unstaffed_since.remove(&team);
                    self.time_the_waiting(team);
                }
            } else if self.staff.remove(team, agent) {
                self.unstaffed_since.insert(team, self.now);
                self.time_the_waiting(team);
            }
        }
    }

    /// After the agents were indexed anew, for a new setup perhaps: teams that had somebody and
    /// have nobody any more are without from here on.
    pub(crate) fn compare_staff(&mut self, before: &Staff) {
        for team in before.teams().filter(|&team| !self.staff.has(team)) {
            self.unstaffed_since.insert(team, self.now);
        }
    }

    /// Forgets teams that the setup does not know: what a caller in one of them counts from stays.
    pub(crate) fn forget_teams(&mut self) {
        let in_use: BTreeSet<TeamId> =
            { self.callers.values().filter_map(|it| Some(it.queue.as_ref()?.team)).collect() };
        self.unstaffed_since
            .retain(|team, _| in_use.contains(team) || self.setup.teams.contains_key(team));
    }

    /// When this caller moves on because nobody is there, as things stand.
    fn nobody_at(&self, id: CallerId) -> Option<Instant> {
        let caller = &self.callers[&id];
        let queue = caller.queue.as_ref()?;
        let nobody = queue.nobody?;
        if caller.stage != Stage::Waiting || self.staff.has(queue.team) {
            return None;
        }
        let unstaffed = self.unstaffed_since.get(&queue.team).copied().unwrap_or_default();
        Some(unstaffed.max(caller.since) + nobody)
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
        let at = self.nobody_at(id);
        let Some(queue) = &mut self.caller_mut(id).queue else { return };
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

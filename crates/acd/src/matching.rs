//! Puts waiting callers to free agents until no pair is left.
//!
//! Callers are taken in their order over all groups; the first one who has a free agent in his
//! group gets the best of them: who spoke with him last, the practice's own, then by skill and the
//! team's strategy. Since no pair was left after the step before, a new pair
//! must be of an agent who became free, or in a *hot* group, where somebody began to wait: nothing
//! else is looked at. Where a team lets several phones ring, those free agents whom nobody waits for
//! are put to callers who are offered already.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use crate::caller::{Place, Urgency};
use crate::groups::GroupId;
use crate::id::AgentId;
use crate::scheduler::Scheduler;

/// Who may be offered next: who waits goes before who is offered already and may ring one more.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
struct Candidate {
    is_offered: bool,
    place: Place,
    group: GroupId,
}

#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
struct Pair {
    candidate: Candidate,
    agent: AgentId,
}

impl Scheduler {
    pub(crate) fn match_all(&mut self) {
        match (self.free.came(), &self.hot[..]) {
            ([], []) => {}
            (&[agent], []) if self.groups.reserving(agent).is_empty() => self.match_one(agent),
            ([_, ..], _) | ([], [_, ..]) => self.match_many(),
        }
        self.end_rounds();
    }

    /// She alone is new: of all who wait, only the first of her callers can be offered, and to her.
    fn match_one(&mut self, agent: AgentId) {
        let groups = Arc::clone(&self.groups);
        let memberships = groups.of_agent(agent).iter();
        let first = memberships.filter_map(|membership| self.candidate(membership.group)).min();
        match first {
            Some(candidate) => self.make_offer(candidate.place.caller, agent),
            None => self.free.seat(&groups),
        }
        // Who may ring one more phone has nobody free for it: she would have been his before.
        self.hot.clear();
    }

    /// The first pair of each group, the first of them all on top. While offers are made pairs go and
    /// none comes, so that one which still holds when it is on top is the first of all. (None comes: a
    /// caller who may ring one more phone is put on top of his own group again.)
    fn match_many(&mut self) {
        let groups = Arc::clone(&self.groups);
        for &agent in self.free.came() {
            self.hot.extend(groups.of_agent(agent).iter().map(|membership| membership.group));
            // One more who is free lets others of the team be offered.
            let reserving = groups.reserving(agent).iter();
            self.hot.extend(reserving.flat_map(|&team| groups.of_team(team)));
        }
        self.free.seat(&groups);
        let mut hot = std::mem::take(&mut self.hot);
        hot.sort_unstable();
        hot.dedup();
        let pairs = hot.drain(..).filter_map(|group| self.pair(group)).map(Reverse);
        let mut pairs: BinaryHeap<_> = pairs.collect();
        while let Some(mut first) = pairs.peek_mut() {
            let Reverse(pair) = *first;
            match self.pair(pair.candidate.group) {
                Some(found) if found == pair => {
                    self.make_offer(pair.candidate.place.caller, pair.agent);
                }
                Some(found) => *first = Reverse(found),
                None => {
                    PeekMut::pop(first);
                }
            }
        }
        // What the offers made hot is what was looked at just now. Its room is kept for the next time.
        self.hot = hot;
    }

    /// The caller before all others of the group, and the free agent who suits him best.
    fn pair(&self, group: GroupId) -> Option<Pair> {
        self.free.first_of(group)?;
        let candidate = self.candidate(group)?;
        let agent = self.best_agent(candidate)?;
        Some(Pair { candidate, agent })
    }

    fn candidate(&self, group: GroupId) -> Option<Candidate> {
        let with = |is_offered| move |place| Candidate { is_offered, place, group };
        let waiting = self.waiting.first_of(group).map(with(false));
        let offered = || self.waiting.first_short_of(group).map(with(true));
        let may = |candidate: &Candidate| self.is_beyond_reserve(candidate.place.urgency, group);
        // The first is the most urgent: where he must leave the last ones free, so must all after him.
        waiting.filter(may).or_else(|| offered().filter(may))
    }

    /// The last free agents of a team are for urgent callers.
    pub(crate) fn is_beyond_reserve(&self, urgency: Urgency, group: GroupId) -> bool {
        if urgency <= Urgency::Urgent {
            return true;
        }
        let team = self.groups.team(group);
        let reserve = self.setup.teams.get(&team).map_or(0, |team| team.reserve);
        reserve == 0 || self.free.len_of_team(team) > reserve
    }

    /// Somebody free may have the callers of this group, seated or not.
    pub(crate) fn free_in_group(&self, group: GroupId) -> bool {
        let serves = |agent: &AgentId| self.groups.serves(*agent, group).is_some();
        self.free.first_of(group).is_some() || self.free.came().iter().any(serves)
    }

    fn best_agent(&self, Candidate { place, group, .. }: Candidate) -> Option<AgentId> {
        let caller = &self.callers[&place.caller];
        let is_free = |agent| self.free.rank(agent, group, &self.groups);
        if let Some(known) = self.who_spoke_with(caller).filter(|&agent| is_free(agent).is_some()) {
            return Some(known);
        }
        let practice = self.setup.practices.get(&caller.acting);
        let own = practice.into_iter().flat_map(|practice| &practice.own);
        let own = own.filter_map(|&agent| Some((is_free(agent)?, agent))).min();
        own.map(|(_, agent)| agent).or_else(|| self.free.first_of(group))
    }
}

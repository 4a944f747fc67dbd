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
use crate::id::{AgentId, TeamId};
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
        loop {
            match (self.free.came(), &self.hot[..]) {
                ([], []) => {}
                (&[agent], []) if self.groups.reserving(agent).is_empty() => self.match_one(agent),
                ([_, ..], _) | ([], [_, ..]) => self.match_many(),
            }
            if !self.let_off_seconds() {
                break;
            }
        }
        self.end_rounds();
    }

    /// She alone is new: of all who wait, only the first of her callers can be offered, and to her.
    fn match_one(&mut self, agent: AgentId) {
        let groups = Arc::clone(&self.groups);
        let memberships = groups.of_agent(agent).iter();
        let first = memberships.filter_map(|it| self.candidates(it.group).next()).min();
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
        let mut hot = std::mem::take(&mut self.hot);
        for &agent in self.free.came() {
            hot.extend(groups.of_agent(agent).iter().map(|membership| membership.group));
            // One more who is free lets others of her teams be offered.
            let reserving = groups.reserving(agent).iter().filter(|&&team| self.is_enough_of(team));
            hot.extend(reserving.flat_map(|&team| groups.of_colleagues(team)));
        }
        self.free.seat(&groups);
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

    /// The caller before all others of the group, and the free agent who suits him best. The first is the
    /// most urgent: where he must leave all who are free to others, so must all after him.
    fn pair(&self, group: GroupId) -> Option<Pair> {
        self.free.of_group(group).next()?;
        let pair = |candidate| Some(Pair { candidate, agent: self.best_agent(candidate)? });
        self.candidates(group).find_map(pair)
    }

    /// The first who waits, then the first who is offered and may ring one more.
    fn candidates(&self, group: GroupId) -> impl Iterator<Item = Candidate> {
        let with = move |is_offered| move |place| Candidate { is_offered, place, group };
        let waiting = self.waiting.first_of(group).map(with(false));
        waiting.into_iter().chain(self.waiting.first_short_of(group).map(with(true)))
    }

    /// Whether she, who is free, may have a caller of this class: the last free agents of each of her teams
    /// that keeps a reserve are for urgent callers, whichever team asks for them.
    fn may_be_taken(&self, agent: AgentId, urgency: Urgency) -> bool {
        self.may_be_taken_of(agent, urgency, 0)
    }

    /// The same of one who is about to be free.
    pub(crate) fn may_be_taken_soon(&self, agent: AgentId, urgency: Urgency) -> bool {
        self.may_be_taken_of(agent, urgency, 1)
    }

    fn may_be_taken_of(&self, agent: AgentId, urgency: Urgency, more: usize) -> bool {
        let is_spare = |&team| self.free.len_of_team(team) + more > self.reserve(team);
        urgency <= Urgency::Urgent || self.groups.reserving(agent).iter().all(is_spare)
    }

    /// So many, but never all who are there: whoever is the last one there is everybody's.
    fn reserve(&self, team: TeamId) -> usize {
        let wanted = self.setup.teams.get(&team).map_or(0, |team| team.reserve);
        wanted.min(self.staff.len_of_team(team).saturating_sub(1))
    }

    /// Of this team more are free than it keeps, and that is perhaps new.
    fn is_enough_of(&self, team: TeamId) -> bool {
        let (free, reserve) = (self.free.len_of_team(team), self.reserve(team));
        reserve < free && free <= reserve + self.free.came().len()
    }

    /// Somebody free, seated or not, may have a caller of this group and class.
    pub(crate) fn is_free_for(&self, group: GroupId, urgency: Urgency) -> bool {
        let may = |agent| self.may_be_taken(agent, urgency);
        let mut came = self.free.came().iter().copied();
        self.free.of_group(group).any(may)
            || came.any(|agent| self.groups.serves(agent, group).is_some() && may(agent))
    }

    fn best_agent(&self, Candidate { place, group, .. }: Candidate) -> Option<AgentId> {
        let caller = &self.callers[&place.caller];
        let may = |&agent: &AgentId| self.may_be_taken(agent, place.urgency);
        let rank = |agent| self.free.rank(agent, group, &self.groups);
        let known = self.who_spoke_with(caller).filter(|&agent| rank(agent).is_some());
        if let Some(known) = known.filter(may) {
            return Some(known);
        }
        let practice = self.setup.practices.get(&caller.acting);
        let own = practice.into_iter().flat_map(|practice| &practice.own).copied().filter(may);
        let own = own.filter_map(|agent| Some((rank(agent)?, agent))).min();
        // Those past whom one must look here are no more than their teams keep.
        own.map(|(_, agent)| agent).or_else(|| self.free.of_group(group).find(may))
    }
}

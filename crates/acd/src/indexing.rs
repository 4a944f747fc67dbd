//! Where the indexes have a caller: in the queue of his group, among a practice's followers, in the table
//! of timers.
//!
//! Everything that changes who he is to them takes him out first and puts him in again.

use crate::caller::{Caller, Stage};
use crate::groups::GroupId;
use crate::id::{CallerId, PracticeId, TeamId};
use crate::scheduler::Scheduler;
use crate::setup::Circle;
use crate::time::Instant;
use crate::timer::{Bound, Reason};

impl Scheduler {
    pub(crate) fn set_stage(&mut self, id: CallerId, stage: Stage) {
        let (is_timed, is_served) = (stage.is_timed(), stage.is_served());
        let before = &self.callers[&id].stage;
        let (was_timed, was_served) = (before.is_timed(), before.is_served());
        self.unindex_stage(id);
        self.caller_mut(id).stage = stage;
        self.index_stage(id);
        match (was_served, is_served) {
            (false, true) => self.unindex_follower(id),
            (true, false) => self.index_follower(id),
            (true, true) | (false, false) => {}
        }
        match (was_timed, is_timed) {
            (true, false) => self.disarm_wait(id),
            (false, true) => self.arm_wait(id),
            (true, true) | (false, false) => {}
        }
        if self.callers[&id].queue.as_ref().is_some_and(|queue| queue.nobody.is_some()) {
            self.time_nobody(id);
        }
    }

    fn index_follower(&mut self, id: CallerId) {
        let &Caller { acting, practice, .. } = &self.callers[&id];
        if self.followers.entry(acting).or_default().insert(id) {
            *self.unanswered.entry(practice).or_default() += 1;
        }
    }

    fn unindex_follower(&mut self, id: CallerId) {
        let &Caller { acting, practice, .. } = &self.callers[&id];
        let Some(followers) = self.followers.get_mut(&acting) else { return };
        let was_here = followers.remove(&id);
        if followers.is_empty() {
            self.followers.remove(&acting);
        }
        if was_here && let Some(unanswered) = self.unanswered.get_mut(&practice) {
            *unanswered -= 1;
            if *unanswered == 0 {
                self.unanswered.remove(&practice);
            }
        }
    }

    /// Puts him into the queue and his timers into the table, as his stage asks.
    pub(crate) fn index_caller(&mut self, id: CallerId) {
        self.regroup(id);
        self.index_stage(id);
        if !self.callers[&id].stage.is_served() {
            self.index_follower(id);
        }
        let caller = self.caller_mut(id);
        let is_timed = caller.stage.is_timed();
        let may_be_alone = caller.queue.as_mut().is_some_and(|queue| {
            queue.nobody_at = None;
            queue.nobody.is_some()
        });
        if is_timed {
            self.arm_wait(id);
        }
        if may_be_alone {
            self.time_nobody(id);
        }
    }

    /// Finds the group that he belongs to; he must be in no index.
    pub(crate) fn regroup(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        let Some(queue) = &caller.queue else { return };
        let group = self.group_of(caller.acting, queue.team, queue.circle);
        if let Some(queue) = &mut self.caller_mut(id).queue {
            queue.group = group;
        }
    }

    pub(crate) fn group_of(
        &self,
        practice: PracticeId,
        team: TeamId,
        circle: Circle,
    ) -> Option<GroupId> {
        self.groups.find(practice, team, circle)
    }

    pub(crate) fn unindex_caller(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        if caller.queue.is_none() && caller.stage == Stage::Waiting {
            // Between two steps.
            return;
        }
        self.unindex_stage(id);
        if !self.callers[&id].stage.is_served() {
            self.unindex_follower(id);
        }
        let caller = self.caller_mut(id);
        let is_timed = caller.stage.is_timed();
        if let Some(at) = caller.queue.as_mut().and_then(|queue| queue.nobody_at.take()) {
            self.timers.disarm(at, Reason::WaitEnd { caller: id, bound: Bound::Nobody });
        }
        if is_timed {
            self.disarm_wait(id);
        }
    }

    fn index_stage(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        match &caller.stage {
            Stage::Waiting => {
                let queue = caller.queue();
                let is_held = caller.is_held(self.now);
                self.waiting.insert(queue.team, queue.group, caller.place, is_held);
                self.hot.extend(queue.group);
            }
            Stage::Offered { rings } => {
                for ring in rings {
                    let reason = Reason::OfferDeadline { offer: ring.offer };
                    self.timers.arm(ring.deadline, reason);
                }
                for second in &rings[1..] {
                    self.seconds.insert(second.agent, second.offer);
                }
                let queue = caller.queue();
                let phones = self.setup.teams.get(&queue.team).map_or(1, |team| team.ring);
                if rings.len() < phones && !caller.is_held(self.now) {
                    self.waiting.insert_short(queue.group, caller.place);
                    self.hot.extend(queue.group);
                }
            }
            &Stage::Forwarded { offer, deadline, .. } => {
                self.forwarded += 1;
                self.timers.arm(deadline, Reason::OfferDeadline { offer });
            }
            Stage::Served { .. } | Stage::Connected { .. } => self.served += 1,
        }
    }

    fn unindex_stage(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        match &caller.stage {
            Stage::Waiting => {
                let queue = caller.queue();
                self.waiting.remove(queue.team, queue.group, caller.place);
            }
            Stage::Offered { rings } => {
                for ring in rings {
                    let reason = Reason::OfferDeadline { offer: ring.offer };
                    self.timers.disarm(ring.deadline, reason);
                }
                for second in &rings[1..] {
                    self.seconds.remove(&second.agent);
                }
                self.waiting.remove_short(caller.queue().group, caller.place);
            }
            &Stage::Forwarded { offer, deadline, .. } => {
                self.forwarded -= 1;
                self.timers.disarm(deadline, Reason::OfferDeadline { offer });
            }
            Stage::Served { .. } | Stage::Connected { .. } => self.served -= 1,
        }
    }

    fn arm_wait(&mut self, id: CallerId) {
        for (at, reason) in self.wait_timers(id).into_iter().flatten() {
            self.timers.arm(at, reason);
        }
    }

    /// While they are armed, nothing that they were reckoned from may change.
    fn disarm_wait(&mut self, id: CallerId) {
        for (at, reason) in self.wait_timers(id).into_iter().flatten() {
            self.timers.disarm(at, reason);
        }
    }

    /// The timers of who is in a queue, but for the one of a team without anybody.
    fn wait_timers(&self, id: CallerId) -> [Option<(Instant, Reason)>; 3] {
        let caller = &self.callers[&id];
        let wait_end = caller.wait_end();
        let wait_end = wait_end.map(|(at, bound)| (at, Reason::WaitEnd { caller: id, bound }));
        let widens_at = caller.queue.as_ref().and_then(|queue| queue.widens_at);
        let widens = widens_at.map(|at| (at, Reason::Widen { caller: id }));
        let ages = self.ages_at(caller).map(|at| (at, Reason::Age { caller: id }));
        [wait_end, widens, ages]
    }

    pub(crate) fn ages_at(&self, caller: &Caller) -> Option<Instant> {
        let ageing = self.setup.teams.get(&caller.queue.as_ref()?.team)?.ageing?;
        let urgency = caller.place.urgency;
        (urgency.risen() != urgency).then(|| caller.class_since + ageing)
    }

    /// Keeps those whose wait is over by now from offers: all their timers run in this step.
    pub(crate) fn hold_due(&mut self) {
        for reason in self.timers.due_by(self.now) {
            if let Reason::WaitEnd {
                caller,
                bound: Bound::LeaveBy | Bound::WaitMax | Bound::StepEnd,
            } = reason
            {
                let caller = &self.callers[&caller];
                self.waiting.hold(caller.queue().group, caller.place);
            }
        }
    }
}

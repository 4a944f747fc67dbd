//! The steps of a caller's plan: which one takes him, how he is in it, and how it ends.

use crate::caller::{Caller, InQueue, Place, Stage, Urgency};
use crate::decision::Decision;
use crate::id::{AgentId, CallerId, PracticeId, TeamId};
use crate::limits::HOPS_MAX;
use crate::scheduler::Scheduler;
use crate::setup::{Circle, Queue, Setup, Step};
use crate::time::Instant;
use crate::timer::Bound;

impl Scheduler {
    pub(crate) fn wait_ended(&mut self, id: CallerId, bound: Bound) {
        // An offer's deadline is no later, and comes first within the instant.
        debug_assert_eq!(self.callers[&id].stage, Stage::Waiting);
        let caller = &self.callers[&id];
        let is_queue = |step: &Step| matches!(step, Step::Queue(_));
        let next = match bound {
            // What is no queue; past the last step, if there is nothing else.
            Bound::WaitMax => {
                let steps = caller.plan.steps.iter().enumerate().skip(caller.step + 1);
                let mut others = steps.filter(|(_, step)| !is_queue(step));
                others.next().map_or(caller.plan.steps.len(), |(at, _)| at)
            }
            Bound::LeaveBy | Bound::StepEnd | Bound::Nobody => caller.step + 1,
        };
        self.note_wait(id, true);
        self.unindex_caller(id);
        self.begin_step(id, next);
    }

    /// He, who is in no index, enters the first step from `step` on that takes him.
    pub(crate) fn begin_step(&mut self, id: CallerId, step: usize) {
        let now = self.now;
        let mut step = step;
        loop {
            let caller = self.caller_mut(id);
            caller.stage = Stage::Waiting;
            caller.queue = None;
            caller.is_placed = false;
            let (is_returned, is_spent) = (caller.is_returned, caller.is_spent(now));
            let (acting, place, hops) = (caller.acting, caller.place, caller.hops);
            // Only a text keeps his network from giving him up, be it another practice's.
            let must_end = caller.leave_by.is_some_and(|at| at <= now);
            match caller.plan.steps.get(step).copied().unwrap_or(Step::Busy) {
                Step::Queue(_) | Step::Forward(_) if must_end => step += 1,
                Step::Practice(practice) if must_end && !self.speaks(practice, hops) => step += 1,
                Step::Queue(queue) if !is_spent && self.takes(acting, place, &queue) => {
                    self.begin_queue(id, step, &queue);
                    return;
                }
                Step::Queue(_) => step += 1,
                // Whom a human has had waits for a human here.
                Step::Forward(_) if is_returned => step += 1,
                Step::Forward(to) => {
                    self.note_step(id, step);
                    self.begin_forward(id, to, step + 1);
                    return;
                }
                Step::Practice(practice) => {
                    step = if self.hand_on(id, practice) { 0 } else { step + 1 };
                }
                last @ (Step::Announce { .. } | Step::Busy) => {
                    let caller = self.callers.remove(&id).expect("he has come to a step");
                    if last == Step::Busy && caller.came_to_wait() {
                        self.note_giving_up(&caller);
                    }
                    return self.end(caller, step, last);
                }
            }
        }
    }

    /// Whether that practice, by what it says now, has a text for who was handed on so often and must not
    /// wait any more.
    fn speaks(&self, practice: PracticeId, hops: u8) -> bool {
        let Some((_, plan)) = self.holding_plan(practice).filter(|_| hops < HOPS_MAX) else {
            return false;
        };
        let ends = plan.steps.iter().find_map(|&step| match step {
            Step::Announce { .. } => Some(true),
            Step::Busy => Some(false),
            Step::Practice(next) => self.speaks(next, hops + 1).then_some(true),
            Step::Queue(_) | Step::Forward(_) => None,
        });
        ends.unwrap_or(false)
    }

    fn note_step(&mut self, id: CallerId, step: usize) {
        let now = self.now;
        let caller = self.caller_mut(id);
        caller.step = step;
        caller.since = now;
        if step > 0 {
            self.decide(Decision::Overflow { caller: id, step });
        }
    }

    fn begin_queue(&mut self, id: CallerId, step: usize, queue: &Queue) {
        let now = self.now;
        self.note_step(id, step);
        self.caller_mut(id).resume_wait(now);
        let caller = &self.callers[&id];
        let (circle, widens_at) = self.circle_for(caller, queue.team);
        let step_end = caller.step_end(queue.until, now);
        self.caller_mut(id).queue = Some(InQueue {
            team: queue.team,
            step_end,
            nobody: queue.nobody,
            alone_since: None,
            nobody_at: None,
            circle,
            widens_at,
            group: None,
        });
        self.note_arrival(id, queue.team);
        self.index_caller(id);
    }

    /// Whether this queue is worth entering for who has that place, and follows a plan of that practice.
    pub(crate) fn takes(&self, acting: PracticeId, place: Place, queue: &Queue) -> bool {
        // None: a setup that came since he began his plan has not got the team.
        let of_team = self.groups.of_team(queue.team);
        if of_team.is_empty() {
            return false;
        }
        let is_full = |max| self.waiting.all_ahead(of_team, place, max) >= max;
        if queue.unless_waiting.is_some_and(is_full) {
            return false;
        }
        if queue.unless_none_free && !self.somebody_is_free(acting, place.urgency, queue.team) {
            return false;
        }
        queue
            .unless_expected
            .is_none_or(|longest| self.is_expected_within(longest, acting, queue.team, place))
    }

    /// Somebody of the team whom he may have once the circle is at its widest.
    pub(crate) fn somebody_is_free(
        &self,
        acting: PracticeId,
        urgency: Urgency,
        team: TeamId,
    ) -> bool {
        let group = self.group_of(acting, team, Circle::Everyone);
        group.is_some_and(|group| self.is_free_for(group, urgency))
    }

    /// The last words on a caller who is not here any more, unless a key may bring him back.
    fn end(&mut self, caller: Caller, step: usize, last: Step) {
        let id = caller.place.caller;
        let decision = match last {
            Step::Announce { prompt, answer, urgent_key } => {
                if urgent_key.is_some() {
                    self.told.insert(id, Caller { step, ..caller });
                }
                Decision::Announce { caller: id, step, prompt, answer, urgent_key }
            }
            Step::Queue(_) | Step::Forward(_) | Step::Practice(_) | Step::Busy => {
                Decision::Busy { caller: id }
            }
        };
        self.decide(decision);
    }

    /// Whom he may be given in the queue of this team that he enters, and when that widens. Who has been
    /// answered is anybody's, and nobody waits for a secretary in particular while a life may hang on it.
    pub(crate) fn circle_for(&self, caller: &Caller, team: TeamId) -> (Circle, Option<Instant>) {
        if caller.is_returned {
            return (Circle::Everyone, None);
        }
        let may_wait = caller.place.urgency > Urgency::Urgent;
        let is_worth_it = |circle| may_wait && self.is_staffed(caller.acting, team, circle);
        circle_at(&self.setup, caller.acting, team, self.now, self.now, is_worth_it)
    }

    /// He, who is in no index, may have become urgent in a narrow circle.
    pub(crate) fn open_circle(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        let Some(queue) = &caller.queue else { return };
        if caller.place.urgency > Urgency::Urgent {
            return;
        }
        let (circle, widens_at) = self.circle_for(caller, queue.team);
        if let Some(queue) = &mut self.caller_mut(id).queue {
            (queue.circle, queue.widens_at) = (circle, widens_at);
        }
    }

    /// His circle has widened: others may have him too.
    pub(crate) fn widen(&mut self, id: CallerId) {
        self.unindex_caller(id);
        self.widen_from_his(id);
        self.index_caller(id);
    }

    /// For a new setup: it narrows nobody's circle, and who has one that is gone has the widest.
    pub(crate) fn recircle(&mut self) {
        for id in self.callers.keys().copied().collect::<Vec<_>>() {
            if !self.callers[&id].is_returned {
                self.widen_from_his(id);
                self.open_circle(id);
            }
        }
    }

    /// The circle of who began with the one that he is in, by the time that he has been in his step.
    fn widen_from_his(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        let Some(queue) = &caller.queue else { return };
        let (acting, team, since) = (caller.acting, queue.team, caller.since);
        let is_his = |circle| circle == queue.circle;
        let (circle, widens_at) = circle_at(&self.setup, acting, team, since, self.now, is_his);
        if let Some(queue) = &mut self.caller_mut(id).queue {
            (queue.circle, queue.widens_at) = (circle, widens_at);
        }
    }
}

/// Whom a caller may be given who has been in a step since then, and when that widens next. A circle
/// that his practice has not counts as the next one; so does one that he may not begin with. Where he may
/// begin with none he has the widest.
pub(crate) fn circle_at(
    setup: &Setup,
    practice: PracticeId,
    team: TeamId,
    since: Instant,
    now: Instant,
    may_begin: impl Fn(Circle) -> bool,
) -> (Circle, Option<Instant>) {
    let practice = setup.practices.get(&practice);
    let has = |circle| match circle {
        Circle::Own => practice.is_some_and(|practice| {
            let of_team = |agent: &AgentId| {
                setup.agents.get(agent).is_some_and(|agent| agent.teams.contains(&team))
            };
            practice.own.iter().any(of_team)
        }),
        Circle::Skilled => practice.is_some_and(|practice| practice.skill.is_some()),
        Circle::Everyone => true,
    };
    let circles = setup.teams.get(&team).map_or(&[][..], |team| &team.circles);
    let mut circles = circles.iter().filter(|widening| has(widening.circle)).peekable();
    // Without any.
    let mut circle = Circle::Everyone;
    for first in circles.by_ref() {
        circle = first.circle;
        if may_begin(circle) {
            break;
        }
    }
    while let Some(widening) = circles.peek() {
        let at = since + widening.after;
        if at > now {
            return (circle, Some(at));
        }
        circle = widening.circle;
        circles.next();
    }
    (circle, None)
}

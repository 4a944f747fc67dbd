//! The steps of a plan: which one a caller enters, what its queue is to him, and when it ends.

use std::time::Duration;

use acd::{
    AgentId, AgentState, Bound, CallerId, Circle, Decision, HOPS_MAX, Instant, Queue, Step, TeamId,
    Urgency, Withdrawal,
};

use super::Reference;
use super::caller::{Caller, InQueue, RETURNED_MAX, Stage};

impl Reference {
    /// On to the first step from this one on that takes him; past the end of a plan is busy.
    pub(super) fn begin_step(&mut self, id: CallerId, from: usize) {
        let mut step = from;
        loop {
            let Some(caller) = self.callers.get_mut(&id) else { return };
            caller.queue = None;
            caller.stage = Stage::Waiting;
            caller.by_hand = false;
            let has_returned = caller.has_returned;
            let is_spent = caller.has_waited_enough(self.now);
            let is_given_up = caller.leave_by.is_some_and(|at| self.now >= at);
            let hops = caller.hops;
            let next = caller.steps.get(step).copied();
            // His network has no patience left for ringing: what speaks to him is all that helps.
            if is_given_up
                && let Some(next) = next
                && !self.says_something(&[next], hops)
                && next != Step::Busy
            {
                step += 1;
                continue;
            }
            match next {
                Some(Step::Queue(queue)) => {
                    if !is_spent && self.is_worth_entering(&self.callers[&id], &queue) {
                        self.note_step(id, step);
                        let until = queue.until.map(|until| self.now + until);
                        return self.join(id, queue.team, until, queue.nobody);
                    }
                    step += 1;
                }
                // Not away from who is to have him again.
                Some(Step::Forward(_)) if has_returned => step += 1,
                Some(Step::Forward(to)) => {
                    self.note_step(id, step);
                    return self.forward(id, to, step + 1);
                }
                Some(Step::Practice(practice)) => {
                    if self.hand_on(id, practice) {
                        step = 0;
                    } else {
                        step += 1;
                    }
                }
                Some(Step::Announce { prompt, answer, urgent_key }) => {
                    if let Some(him) = self.callers.remove(&id)
                        && urgent_key.is_some()
                    {
                        self.listening.insert(id, (him, step));
                    }
                    let caller = id;
                    let told = Decision::Announce { caller, step, prompt, answer, urgent_key };
                    self.decisions.push(told);
                    return;
                }
                Some(Step::Busy) | None => return self.busy(id),
            }
        }
    }

    /// Whether these steps, as far as they go without a ring, come to a text.
    fn says_something(&self, steps: &[Step], hops: u32) -> bool {
        match steps {
            [] | [Step::Busy, ..] => false,
            [Step::Announce { .. }, ..] => true,
            [Step::Queue(_) | Step::Forward(_), later @ ..] => self.says_something(later, hops),
            [Step::Practice(next), later @ ..] => {
                let may_have_him =
                    hops < u32::from(HOPS_MAX) && self.setup.practices.contains_key(next);
                (may_have_him && self.says_something(&self.plan_now(*next).1, hops + 1))
                    || self.says_something(later, hops)
            }
        }
    }

    /// Who wanted to wait has given nothing up: he may have his place again.
    fn busy(&mut self, id: CallerId) {
        if let Some(caller) = self.callers.remove(&id) {
            let has_queue = caller.steps.iter().any(|step| matches!(step, Step::Queue(_)));
            if !caller.has_returned && (caller.has_queued || has_queue) {
                self.remember_giving_up(&caller);
            }
        }
        self.decisions.push(Decision::Busy { caller: id });
    }

    fn note_step(&mut self, id: CallerId, step: usize) {
        if step > 0 {
            self.decisions.push(Decision::Overflow { caller: id, step });
        }
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.step = step;
            caller.since = self.now;
        }
    }

    pub(super) fn join(
        &mut self,
        id: CallerId,
        team: TeamId,
        step_end: Option<Instant>,
        nobody: Option<Duration>,
    ) {
        let now = self.now;
        let Some(caller) = self.callers.get(&id) else { return };
        // Who has been answered is anybody's.
        let (circle, widens_at) = if caller.has_returned {
            (Circle::Everyone, None)
        } else {
            self.circle_of(caller, team, now, |circle| self.somebody_is_there(caller, team, circle))
        };
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.is_back(now);
            caller.has_queued = true;
            let step_end = if caller.has_returned && caller.wait_max.is_none() {
                step_end.or(Some(now + RETURNED_MAX))
            } else {
                step_end
            };
            caller.stage = Stage::Waiting;
            caller.queue =
                Some(InQueue { team, step_end, nobody, alone_since: None, circle, widens_at });
        }
    }

    pub(super) fn is_worth_entering(&self, caller: &Caller, queue: &Queue) -> bool {
        let others = self.callers.values().filter(|other| {
            matches!(other.stage, Stage::Waiting)
                && other.queue.as_ref().is_some_and(|its| its.team == queue.team)
        });
        // Nobody begins to wait for a team that is gone.
        let mut staffed = self.setup.agents.values().map(|agent| &agent.teams);
        let is_of_setup = self.setup.teams.contains_key(&queue.team);
        if !is_of_setup && !staffed.any(|teams| teams.contains(&queue.team)) {
            return false;
        }
        let ahead: Vec<_> = others.filter(|other| other.order() < caller.order()).collect();
        if queue.unless_waiting.is_some_and(|max| ahead.len() >= max) {
            return false;
        }
        if queue.unless_none_free && !self.has_somebody_free(caller, queue.team) {
            return false;
        }
        let Some(longest) = queue.unless_expected else { return true };
        // Who is given to nobody, for want of room of ours, takes nobody's secretary.
        let takes_one = |other: &&&Caller| !other.is_over_by(self.now) && !other.lacks_room;
        let ahead = ahead.iter().filter(takes_one).count();
        self.expected_wait(caller, queue.team, ahead).is_none_or(|expected| expected <= longest)
    }

    /// Somebody free of the team, in its widest circle, and not kept for the urgent.
    fn has_somebody_free(&self, caller: &Caller, team: TeamId) -> bool {
        self.free().into_iter().any(|agent| {
            self.suits(agent, caller, team, Circle::Everyone)
                && self.is_beyond_reserve(caller, agent)
        })
    }

    /// Until one of those comes to an end who may have him, after all of the team have taken who is ahead.
    fn expected_wait(&self, caller: &Caller, team: TeamId, ahead: usize) -> Option<Duration> {
        let figures = self.figures.get(&team).cloned().unwrap_or_default();
        let (running, free) = self.crew(|id| self.suits(id, caller, team, Circle::Everyone));
        if ahead < free {
            return Some(Duration::ZERO);
        }
        let one_of_his = acd::expected_wait(&figures, &running, free, free)?;
        let (running, free) = self
            .crew(|id| self.setup.agents.get(&id).is_some_and(|agent| agent.teams.contains(&team)));
        let after = |ahead| acd::expected_wait(&figures, &running, free, ahead);
        Some(one_of_his + (after(ahead.max(free))? - after(free)?))
    }

    /// How long those of them who are there have been with a caller, and how many are free.
    fn crew(&self, is_of_it: impl Fn(AgentId) -> bool) -> (Vec<Duration>, usize) {
        let mut running = Vec::new();
        let mut free = 0;
        for (id, agent) in self.agents.iter().filter(|(id, it)| it.is_there() && is_of_it(**id)) {
            match agent.state {
                AgentState::Talking(_) | AgentState::WrapUp { .. } => {
                    running.push(self.now.saturating_duration_since(agent.busy_since));
                }
                AgentState::Offered(_) => running.push(Duration::ZERO),
                AgentState::Available => free += usize::from(self.is_free(*id)),
                AgentState::LoggedOut
                | AgentState::Resting { .. }
                | AgentState::Paused { .. }
                | AgentState::NotResponding => {}
            }
        }
        (running, free)
    }

    pub(super) fn count_handling(&mut self, caller: &Caller, agent: AgentId, wrap_up: Duration) {
        let Some(queue) = &caller.queue else { return };
        let Some(began) = self.agents.get(&agent).map(|agent| agent.busy_since) else { return };
        let talked = self.now.saturating_duration_since(began);
        self.figures.entry(queue.team).or_default().handled(talked + wrap_up);
    }

    pub(super) fn wait_ends(&mut self, id: CallerId, bound: Bound) {
        self.call_off(id, Withdrawal::Overflowed);
        let Some(caller) = self.callers.get(&id) else { return };
        let mut step = caller.step + 1;
        while let Some(next) = caller.steps.get(step) {
            let suits = match (bound, next) {
                (Bound::StepEnd | Bound::Nobody | Bound::LeaveBy, _) => true,
                // He has waited enough.
                (Bound::WaitMax, Step::Queue(_)) => false,
                (
                    Bound::WaitMax,
                    Step::Forward(_) | Step::Practice(_) | Step::Announce { .. } | Step::Busy,
                ) => true,
            };
            if suits {
                break;
            }
            step += 1;
        }
        self.begin_step(id, step);
    }

    /// Notes for each caller who waits whether anybody who may have him is there.
    pub(super) fn look_around(&mut self) {
        let now = self.now;
        let alone: Vec<CallerId> = (self.callers.values())
            .filter(|caller| matches!(caller.stage, Stage::Waiting))
            .filter(|caller| {
                let team = caller.queue.as_ref().map(|queue| queue.team);
                team.is_some_and(|team| !self.somebody_is_there(caller, team, Circle::Everyone))
            })
            .map(|caller| caller.id)
            .collect();
        for caller in self.callers.values_mut() {
            let Some(queue) = &mut caller.queue else { continue };
            if alone.contains(&caller.id) {
                queue.alone_since.get_or_insert(now);
            } else {
                queue.alone_since = None;
            }
        }
    }

    fn somebody_is_there(&self, caller: &Caller, team: TeamId, circle: Circle) -> bool {
        let mut there = self.agents.iter().filter(|(_, agent)| agent.is_there());
        there.any(|(&id, _)| self.suits(id, caller, team, circle))
    }

    /// Whom he may be given who has been in this team's queue since then; when that widens. He begins with
    /// the first circle that is good enough, or with the last one; an urgent caller always with that.
    fn circle_of(
        &self,
        caller: &Caller,
        team: TeamId,
        since: Instant,
        is_good_enough: impl Fn(Circle) -> bool,
    ) -> (Circle, Option<Instant>) {
        let practice = self.setup.practices.get(&caller.acting);
        let has_own = practice.is_some_and(|practice| {
            practice.own.iter().any(|own| {
                self.setup.agents.get(own).is_some_and(|agent| agent.teams.contains(&team))
            })
        });
        let has_skill = practice.is_some_and(|practice| practice.skill.is_some());
        // A circle that the practice has not is as if it were not written.
        let mut circles = Vec::new();
        for widening in self.setup.teams.get(&team).map_or(&[][..], |team| &team.circles) {
            let counts = match widening.circle {
                Circle::Own => has_own,
                Circle::Skilled => has_skill,
                Circle::Everyone => true,
            };
            if counts {
                circles.push(*widening);
            }
        }
        let Some(last) = circles.last() else { return (Circle::Everyone, None) };
        let first = circles.iter().position(|widening| is_good_enough(widening.circle));
        let can_wait = matches!(caller.urgency, Urgency::Priority | Urgency::Normal);
        let Some(mut at) = first.filter(|_| can_wait) else { return (last.circle, None) };
        while at + 1 < circles.len() {
            let widens_at = since + circles[at + 1].after;
            if widens_at > self.now {
                return (circles[at].circle, Some(widens_at));
            }
            at += 1;
        }
        (circles[at].circle, None)
    }

    /// By the time that he has been in his step; an urgent one whatever that is.
    pub(super) fn widen(&mut self, id: CallerId) {
        let Some(caller) = self.callers.get(&id) else { return };
        let Some(queue) = &caller.queue else { return };
        let his = |circle| circle == queue.circle;
        let widened = self.circle_of(caller, queue.team, caller.since, his);
        if let Some(queue) = self.callers.get_mut(&id).and_then(|caller| caller.queue.as_mut()) {
            (queue.circle, queue.widens_at) = widened;
        }
    }

    /// He may be urgent from now on.
    pub(super) fn has_new_class(&mut self, id: CallerId) {
        let is_urgent =
            |caller: &Caller| matches!(caller.urgency, Urgency::Vital | Urgency::Urgent);
        if self.callers.get(&id).is_some_and(|it| is_urgent(it) && !it.has_returned) {
            self.widen(id);
        }
    }

    /// For a new setup.
    pub(super) fn redraw_circles(&mut self) {
        for id in self.callers.keys().copied().collect::<Vec<_>>() {
            if !self.callers[&id].has_returned {
                self.widen(id);
            }
        }
    }

    /// None of her teams needs her, who is free, for urgent callers; or he is one.
    pub(super) fn is_beyond_reserve(&self, caller: &Caller, agent: AgentId) -> bool {
        self.leaves_enough(caller, agent, 0)
    }

    /// The same where so many `more` are free.
    pub(super) fn leaves_enough(&self, caller: &Caller, agent: AgentId, more: usize) -> bool {
        if matches!(caller.urgency, Urgency::Vital | Urgency::Urgent) {
            return true;
        }
        let free = self.free();
        let is_of = |team: TeamId, id: AgentId| {
            self.setup.agents.get(&id).is_some_and(|agent| agent.teams.contains(&team))
        };
        self.setup.teams.iter().filter(|(team, _)| is_of(**team, agent)).all(|(team, rules)| {
            let left = free.iter().filter(|id| is_of(*team, **id)).count();
            let all = self.agents.iter().filter(|(id, _)| is_of(*team, **id));
            // Not all who are there are kept.
            let others = all.filter(|(_, her)| her.is_there()).count().saturating_sub(1);
            let kept = rules.reserve.min(others);
            kept == 0 || left + more > kept
        })
    }
}

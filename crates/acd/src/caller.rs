//! A caller: where he stands in his plan, and his place in the order.
//!
//! ```text
//! enter → waiting ⇄ offered → served → gone
//!          │ ↑ ↑       (dropped, returned) │
//!          │ │ └──────────────────────────┘
//!          ↓ │ (nobody there)
//!       forwarded → connected → gone
//! ```

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::{AgentState, Pending};
use crate::decision::{Decision, Withdrawal};
use crate::groups::GroupId;
use crate::id::{AgentId, CallerId, LineId, OfferId, PracticeId, Target, TeamId};
use crate::input::Refusal;
use crate::limits::HOPS_MAX;
use crate::scheduler::Scheduler;
use crate::setup::{Circle, Insistence, Plan, Practice, Queue, Setup, Situation, Step, Way};
use crate::time::Instant;
use crate::timer::{Bound, Reason};

/// Class of a caller; the first is served first.
#[derive(
    Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Default, Serialize, Deserialize,
)]
pub enum Urgency {
    Vital,
    Urgent,
    Priority,
    #[default]
    Normal,
}

impl Urgency {
    /// One class up, but not into the class of vital callers: nobody gets there by waiting or calling
    /// again.
    pub(crate) fn risen(self) -> Self {
        match self {
            Self::Vital => Self::Vital,
            Self::Urgent | Self::Priority => Self::Urgent,
            Self::Normal => Self::Priority,
        }
    }
}

/// A caller who waits (and is not being offered), as a page or a test sees him.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    pub caller: CallerId,
    /// Whose caller he is.
    pub practice: PracticeId,
    pub urgency: Urgency,
    pub deadline: Instant,
    pub arrival: Instant,
    pub sequence: u64,
    /// An operator put him first: of his class whoever has the highest number goes first; 0: nobody did.
    pub put_first: u64,
    pub step: usize,
    /// `None`: he is in no queue, but forwarded.
    pub team: Option<TeamId>,
    /// Whom of the team he may be given.
    pub circle: Circle,
    /// When he entered this step.
    pub since: Instant,
}

/// Any caller that the scheduler knows.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallerView {
    pub waiting: Waiting,
    pub stage: CallerStage,
    pub leave_by: Option<Instant>,
    pub step_end: Option<Instant>,
    pub situation: Situation,
    /// Whose plan he follows: another practice may have taken him over.
    pub acting: PracticeId,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum CallerStage {
    Waiting,
    /// The longest of the offers that are out: [`Scheduler::offers`] has all.
    Offered {
        offer: OfferId,
        agent: AgentId,
        deadline: Instant,
    },
    Forwarded {
        offer: OfferId,
        target: Target,
        deadline: Instant,
    },
    Served {
        offer: OfferId,
        agent: AgentId,
    },
    /// A human has him where he was forwarded to.
    Connected {
        offer: OfferId,
        target: Target,
    },
}

/// A place in the order: who is less is offered first. Urgency, then whom an operator put first last,
/// then the practice's promise, then who came first; `sequence` makes it total.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) urgency: Urgency,
    pub(crate) put_first: Reverse<u64>,
    pub(crate) deadline: Instant,
    pub(crate) arrival: Instant,
    pub(crate) sequence: u64,
    pub(crate) caller: CallerId,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Caller {
    pub(crate) place: Place,
    pub(crate) practice: PracticeId,
    pub(crate) acting: PracticeId,
    pub(crate) line: Option<LineId>,
    /// What held when he was given his plan, and the plan: no later setup touches them.
    pub(crate) situation: Situation,
    pub(crate) plan: Arc<Plan>,
    pub(crate) step: usize,
    /// How often another practice took him over.
    pub(crate) hops: u8,
    /// When he entered this step.
    pub(crate) since: Instant,
    /// In which queue, unless he is forwarded.
    pub(crate) queue: Option<InQueue>,
    pub(crate) leave_by: Option<Instant>,
    /// He may be in no queue any more.
    pub(crate) wait_max: Option<Instant>,
    /// He has been in his class since.
    pub(crate) class_since: Instant,
    /// He has been answered, and waits again: without any end.
    pub(crate) is_returned: bool,
    /// Of his last offer; 0 before the first.
    pub(crate) generation: u32,
    pub(crate) stage: Stage,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct InQueue {
    pub(crate) team: TeamId,
    pub(crate) step_end: Option<Instant>,
    /// How long without anybody there ends this step.
    pub(crate) nobody: Option<Duration>,
    /// When that will be, as things stand: an index, its timer is armed.
    #[serde(skip)]
    pub(crate) nobody_at: Option<Instant>,
    pub(crate) circle: Circle,
    pub(crate) widens_at: Option<Instant>,
    /// Whom he waits with, by what he may be given: an index.
    #[serde(skip)]
    pub(crate) group: Option<GroupId>,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Stage {
    Waiting,
    Offered {
        /// At least one, in the order in which they were made.
        rings: Vec<Ring>,
    },
    Forwarded {
        offer: OfferId,
        target: Target,
        deadline: Instant,
        /// The deadline is his `leave_by`.
        capped: bool,
        /// The step to go on with.
        next: usize,
    },
    Served {
        offer: OfferId,
        agent: AgentId,
        since: Instant,
    },
    Connected {
        offer: OfferId,
        target: Target,
        next: usize,
    },
}

/// A phone that rings for him.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Ring {
    pub(crate) offer: OfferId,
    pub(crate) agent: AgentId,
    pub(crate) deadline: Instant,
    /// The deadline is the end of his wait, not of her ringing: no miss of hers.
    pub(crate) capped: bool,
}

impl Stage {
    /// His patience in a queue runs. Nobody moves him on while he talks.
    fn is_timed(&self) -> bool {
        match self {
            Self::Waiting | Self::Offered { .. } => true,
            Self::Forwarded { .. } | Self::Served { .. } | Self::Connected { .. } => false,
        }
    }

    /// A human has him.
    fn is_served(&self) -> bool {
        match self {
            Self::Served { .. } | Self::Connected { .. } => true,
            Self::Waiting | Self::Offered { .. } | Self::Forwarded { .. } => false,
        }
    }
}

impl Caller {
    /// The end of his wait in this step.
    pub(crate) fn wait_end(&self) -> Option<(Instant, Bound)> {
        let leave_by = self.leave_by.map(|at| (at, Bound::LeaveBy));
        let wait_max = self.wait_max.map(|at| (at, Bound::WaitMax));
        let step_end = self.queue.as_ref().and_then(|it| it.step_end);
        let step_end = step_end.map(|at| (at, Bound::StepEnd));
        [leave_by, wait_max, step_end].into_iter().flatten().min()
    }

    /// He is about to move on: an offer would be withdrawn in the same breath.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.wait_end().is_some_and(|(at, _)| at <= now)
    }

    /// The identity of an offer that is made of him.
    pub(crate) fn next_offer(&mut self) -> OfferId {
        self.generation = self.generation.wrapping_add(1);
        OfferId { caller: self.place.caller, generation: self.generation }
    }

    /// In a queue he is waiting, offered or served.
    pub(crate) fn queue(&self) -> &InQueue {
        self.queue.as_ref().expect("he is in a queue")
    }

    pub(crate) fn team(&self) -> TeamId {
        self.queue().team
    }

    fn rings(&self) -> &[Ring] {
        match &self.stage {
            Stage::Offered { rings } => rings,
            Stage::Waiting
            | Stage::Forwarded { .. }
            | Stage::Served { .. }
            | Stage::Connected { .. } => &[],
        }
    }

    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {
            caller: self.place.caller,
            practice: self.practice,
            urgency: self.place.urgency,
            deadline: self.place.deadline,
            arrival: self.place.arrival,
            sequence: self.place.sequence,
            put_first: self.place.put_first.0,
            step: self.step,
            team: self.queue.as_ref().map(|queue| queue.team),
            circle: self.queue.as_ref().map_or(Circle::Everyone, |queue| queue.circle),
            since: self.since,
        }
    }

    pub(crate) fn view(&self) -> CallerView {
        CallerView {
            waiting: self.waiting(),
            stage: match &self.stage {
                Stage::Waiting => CallerStage::Waiting,
                Stage::Offered { rings } => {
                    let &Ring { offer, agent, deadline, .. } =
                        rings.first().expect("who is offered has an offer");
                    CallerStage::Offered { offer, agent, deadline }
                }
                &Stage::Forwarded { offer, target, deadline, .. } => {
                    CallerStage::Forwarded { offer, target, deadline }
                }
                &Stage::Served { offer, agent, .. } => CallerStage::Served { offer, agent },
                &Stage::Connected { offer, target, .. } => CallerStage::Connected { offer, target },
            },
            leave_by: self.leave_by,
            step_end: self.queue.as_ref().and_then(|queue| queue.step_end),
            situation: self.situation,
            acting: self.acting,
        }
    }
}

/// How a caller begins, before he is anywhere.
pub(crate) struct Beginning {
    pub(crate) urgency: Urgency,
    pub(crate) situation: Situation,
    pub(crate) plan: Arc<Plan>,
    /// No limit of the practice counts him.
    pub(crate) through: bool,
}

impl Scheduler {
    pub(crate) fn enter(
        &mut self,
        id: CallerId,
        practice_id: PracticeId,
        line: Option<LineId>,
        urgency: Option<Urgency>,
        leave_by: Option<Instant>,
    ) -> Result<(), Refusal> {
        if self.callers.contains_key(&id) {
            return Err(Refusal::AlreadyHere);
        }
        let setup = self.setup.clone();
        let practice = setup.practices.get(&practice_id).ok_or(Refusal::UnknownPractice)?;
        let beginning = self.beginning(practice_id, practice, line, urgency);
        let Beginning { urgency, situation, plan, through } = beginning;
        if self.makes_wait(&plan) {
            self.check_room(practice_id, practice, urgency, through)?;
        }
        let redials = line.and_then(|line| self.place_of_redialler(practice_id, line));
        self.note_call(practice_id, line);
        let now = self.now;
        let place = Place {
            urgency: redials.map_or(urgency, |before| before.urgency.min(urgency)),
            put_first: redials.map_or(Reverse(0), |before| before.put_first),
            deadline: redials.map_or(now + practice.answer_within, |before| before.deadline),
            arrival: redials.map_or(now, |before| before.arrival),
            sequence: self.sequence,
            caller: id,
        };
        self.sequence += 1;
        let caller = Caller {
            place,
            practice: practice_id,
            acting: practice_id,
            line,
            situation,
            plan,
            step: 0,
            hops: 0,
            since: now,
            queue: None,
            leave_by,
            wait_max: practice.wait_max.map(|wait_max| now + wait_max),
            class_since: now,
            is_returned: false,
            generation: 0,
            stage: Stage::Waiting,
        };
        self.callers.insert(id, caller);
        self.begin_step(id, 0);
        Ok(())
    }

    /// What he meets: his own rule before the practice's for who calls too often, before its situation.
    pub(crate) fn beginning(
        &self,
        id: PracticeId,
        practice: &Practice,
        line: Option<LineId>,
        urgency: Option<Urgency>,
    ) -> Beginning {
        let rule = line.and_then(|line| practice.callers.get(&line));
        let asked = urgency.into_iter().chain(rule.and_then(|rule| rule.urgency)).min();
        let mut urgency = asked.unwrap_or(practice.urgency);
        let through = rule.is_some_and(|rule| rule.way == Way::Through);
        let own = |plan: &Plan| (Situation::Listed, Arc::new(plan.clone()));
        let mut special = match rule.map(|rule| &rule.way) {
            Some(Way::Through) => {
                self.open_plan(id).map(|plan| (Situation::Listed, Arc::clone(plan)))
            }
            Some(Way::Plan(plan)) => Some(own(plan)),
            Some(Way::Usual) | None => None,
        };
        if let Some(repeated) = &practice.repeated
            && self.calls_with_this(id, line) >= repeated.calls.max(1)
        {
            match &repeated.then {
                Insistence::Rise => urgency = urgency.risen(),
                Insistence::Limit(plan) => special = special.or_else(|| Some(own(plan))),
            }
        }
        let (situation, plan) = special.unwrap_or_else(|| {
            let (situation, plan) =
                self.holding_plan(id).expect("something holds for each practice of the setup");
            (situation, Arc::clone(plan))
        });
        Beginning { urgency, situation, plan, through }
    }

    /// Who begins this plan waits for somebody, here or with the practices that it hands him on to; else
    /// he is told something and ended in the same breath.
    fn makes_wait(&self, plan: &Plan) -> bool {
        let mut first = plan.steps.first().copied();
        for _ in 0..=HOPS_MAX {
            first = match first {
                Some(Step::Queue(_) | Step::Forward(_)) => return true,
                Some(Step::Announce { .. } | Step::Busy) | None => return false,
                Some(Step::Practice(practice)) => {
                    self.holding_plan(practice).and_then(|(_, plan)| plan.steps.first().copied())
                }
            };
        }
        // Handed on too often.
        false
    }

    fn check_room(
        &self,
        id: PracticeId,
        practice: &Practice,
        urgency: Urgency,
        through: bool,
    ) -> Result<(), Refusal> {
        if self.callers.len() - self.served >= self.setup.limits.waiting_max {
            return Err(Refusal::Full);
        }
        let waiting = self.followers.get(&id).map_or(0, |followers| followers.len());
        let is_full = practice.waiting_max.is_some_and(|max| waiting >= max);
        if is_full && urgency > Urgency::Urgent && !through {
            return Err(Refusal::PracticeFull);
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self, id: CallerId) -> Result<(), Refusal> {
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?;
        match caller.stage {
            Stage::Served { .. } | Stage::Connected { .. } => return self.ended(id),
            Stage::Waiting | Stage::Offered { .. } | Stage::Forwarded { .. } => {}
        }
        self.note_wait(id, false);
        self.take_out(id, Withdrawal::CallerLeft);
        let caller = self.callers.remove(&id).expect("found above");
        if !caller.is_returned {
            self.note_giving_up(&caller);
        }
        Ok(())
    }

    pub(crate) fn ended(&mut self, id: CallerId) -> Result<(), Refusal> {
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?;
        let agent = match caller.stage {
            Stage::Served { agent, .. } => agent,
            Stage::Connected { .. } => {
                self.forget(id);
                return Ok(());
            }
            Stage::Waiting | Stage::Offered { .. } | Stage::Forwarded { .. } => {
                return Err(Refusal::NotServed);
            }
        };
        let wrap_up = self.wrap_up(agent, caller);
        let caller = self.forget(id);
        self.note_handling(&caller, agent, wrap_up);
        self.note_conversation(&caller, agent);
        if self.desk(agent).pending == Some(Pending::LogOut) {
            self.settle(agent, AgentState::LoggedOut);
        } else if wrap_up.is_zero() {
            self.end_wrap_up(agent, self.now);
        } else {
            self.set_state(agent, AgentState::WrapUp { until: self.now + wrap_up });
        }
        Ok(())
    }

    /// Hers, else the practice's, else the team's.
    fn wrap_up(&self, agent: AgentId, caller: &Caller) -> Duration {
        let own = self.setup.agents.get(&agent).and_then(|agent| agent.wrap_up);
        let practice = self.setup.practices.get(&caller.acting).and_then(|it| it.wrap_up);
        let team = self.setup.teams.get(&caller.team()).map(|team| team.wrap_up);
        own.or(practice).or(team).unwrap_or_default()
    }

    pub(crate) fn returned(&mut self, id: CallerId) -> Result<(), Refusal> {
        let agent = match self.callers.get(&id).ok_or(Refusal::UnknownCaller)?.stage {
            Stage::Served { agent, .. } => agent,
            Stage::Waiting
            | Stage::Offered { .. }
            | Stage::Forwarded { .. }
            | Stage::Connected { .. } => return Err(Refusal::NotServed),
        };
        self.rest(agent, id, false, |after| after.dropped);
        let now = self.now;
        let caller = self.caller_mut(id);
        caller.is_returned = true;
        caller.place.deadline = Instant::ZERO;
        caller.class_since = now;
        caller.leave_by = None;
        caller.wait_max = None;
        if let Some(queue) = &mut caller.queue {
            queue.step_end = None;
            queue.nobody = None;
            queue.circle = Circle::Everyone;
            queue.widens_at = None;
        }
        self.regroup(id);
        self.set_stage(id, Stage::Waiting);
        Ok(())
    }

    pub(crate) fn wait_ended(&mut self, id: CallerId, bound: Bound) {
        // An offer's deadline is no later, and comes first within the instant.
        debug_assert_eq!(self.callers[&id].stage, Stage::Waiting);
        match bound {
            Bound::LeaveBy => self.leave_queue(id, Step::is_last),
            Bound::WaitMax => self.leave_queue(id, |step| !matches!(step, Step::Queue(_))),
            Bound::StepEnd | Bound::Nobody => {
                let next = self.callers[&id].step + 1;
                self.note_wait(id, true);
                self.unindex_caller(id);
                self.begin_step(id, next);
            }
        }
    }

    /// On to the first step to come that he may enter; past the last one, if there is none.
    pub(crate) fn leave_queue(&mut self, id: CallerId, may_enter: impl Fn(Step) -> bool) {
        let caller = &self.callers[&id];
        let steps = &caller.plan.steps;
        let to_come = (caller.step + 1..steps.len()).find(|&step| may_enter(steps[step]));
        let next = to_come.unwrap_or(steps.len());
        self.note_wait(id, true);
        self.unindex_caller(id);
        self.begin_step(id, next);
    }

    /// He, who is in no index, enters the first step from `step` on that takes him.
    pub(crate) fn begin_step(&mut self, id: CallerId, step: usize) {
        let mut step = step;
        loop {
            let caller = self.caller_mut(id);
            caller.stage = Stage::Waiting;
            caller.queue = None;
            match caller.plan.steps.get(step).copied().unwrap_or(Step::Busy) {
                Step::Queue(queue) if self.takes(id, &queue) => {
                    self.begin_queue(id, step, &queue);
                    return;
                }
                Step::Queue(_) => step += 1,
                Step::Forward(to) => {
                    self.note_step(id, step);
                    self.begin_forward(id, to, step + 1);
                    return;
                }
                Step::Practice(practice) => {
                    step = if self.hand_on(id, practice) { 0 } else { usize::MAX };
                }
                last @ (Step::Announce { .. } | Step::Busy) => {
                    self.callers.remove(&id);
                    self.end(id, step, last);
                    return;
                }
            }
        }
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
        let caller = &self.callers[&id];
        let (circle, widens_at) = circle_at(&self.setup, caller.acting, queue.team, now, now);
        self.caller_mut(id).queue = Some(InQueue {
            team: queue.team,
            step_end: queue.until.map(|until| now + until),
            nobody: queue.nobody,
            nobody_at: None,
            circle,
            widens_at,
            group: None,
        });
        self.figures.entry(queue.team).or_default().arrived(now);
        self.index_caller(id);
    }

    /// Whether this queue is worth entering.
    fn takes(&self, id: CallerId, queue: &Queue) -> bool {
        let waiting = || self.waiting.len_of_team(queue.team);
        if queue.unless_waiting.is_some_and(|max| waiting() >= max) {
            return false;
        }
        if queue.unless_none_free && !self.somebody_is_free(id, queue.team) {
            return false;
        }
        match queue.unless_expected {
            Some(longest) => self
                .expected_wait_of(&self.callers[&id], queue.team)
                .is_none_or(|expected| expected <= longest),
            None => true,
        }
    }

    /// Somebody of the team whom he may have once the circle is at its widest.
    fn somebody_is_free(&self, id: CallerId, team: TeamId) -> bool {
        let caller = &self.callers[&id];
        let group = self.group_of(caller.acting, team, Circle::Everyone);
        group.is_some_and(|group| {
            self.free_in_group(group) && self.is_beyond_reserve(caller.place.urgency, group)
        })
    }

    /// The last words on a caller who is not here, or not any more.
    fn end(&mut self, caller: CallerId, step: usize, last: Step) {
        self.decide(match last {
            Step::Announce { prompt, answer } => {
                Decision::Announce { caller, step, prompt, answer }
            }
            Step::Queue(_) | Step::Forward(_) | Step::Practice(_) | Step::Busy => {
                Decision::Busy { caller }
            }
        });
    }

    pub(crate) fn forget(&mut self, id: CallerId) -> Caller {
        self.unindex_caller(id);
        self.callers.remove(&id).expect("who is forgotten was known")
    }

    /// He leaves his step: whatever rings for him is called off. He is in no index afterwards.
    pub(crate) fn take_out(&mut self, id: CallerId, why: Withdrawal) {
        self.unindex_caller(id);
        match std::mem::replace(&mut self.caller_mut(id).stage, Stage::Waiting) {
            Stage::Offered { rings } => {
                for ring in rings {
                    self.withdraw(ring.offer, ring.agent, why);
                    self.settle(ring.agent, AgentState::Available);
                }
            }
            Stage::Forwarded { offer, .. } => self.decide(Decision::Recall { offer, why }),
            Stage::Waiting => {}
            Stage::Served { .. } | Stage::Connected { .. } => {
                debug_assert!(false, "who is served is let go by other ways");
            }
        }
        // Not in any step until he begins the next one.
        self.caller_mut(id).queue = None;
    }

    /// His circle has widened: others may have him too.
    pub(crate) fn widen(&mut self, id: CallerId) {
        let now = self.now;
        let caller = &self.callers[&id];
        let queue = caller.queue();
        let (circle, widens_at) =
            circle_at(&self.setup, caller.acting, queue.team, caller.since, now);
        self.unindex_caller(id);
        if let Some(queue) = &mut self.caller_mut(id).queue {
            queue.circle = circle;
            queue.widens_at = widens_at;
        }
        self.index_caller(id);
    }

    /// He has waited long enough to rise by one class.
    pub(crate) fn age(&mut self, id: CallerId, at: Instant) {
        let risen = self.callers[&id].place.urgency.risen();
        self.unindex_caller(id);
        let caller = self.caller_mut(id);
        caller.place.urgency = risen;
        caller.class_since = at;
        self.index_caller(id);
    }

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
        let acting = self.callers[&id].acting;
        self.followers.entry(acting).or_default().insert(id);
    }

    fn unindex_follower(&mut self, id: CallerId) {
        let acting = self.callers[&id].acting;
        if let Some(followers) = self.followers.get_mut(&acting) {
            followers.remove(&id);
            if followers.is_empty() {
                self.followers.remove(&acting);
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
    fn regroup(&mut self, id: CallerId) {
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
                let is_due = caller.is_due(self.now);
                self.waiting.insert(queue.team, queue.group, caller.place, is_due);
                self.hot.extend(queue.group);
            }
            Stage::Offered { rings } => {
                for ring in rings {
                    let reason = Reason::OfferDeadline { offer: ring.offer };
                    self.timers.arm(ring.deadline, reason);
                }
                let queue = caller.queue();
                let phones = self.setup.teams.get(&queue.team).map_or(1, |team| team.ring);
                if rings.len() < phones && !caller.is_due(self.now) {
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

    fn ages_at(&self, caller: &Caller) -> Option<Instant> {
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

    /// All the phones that ring for him.
    pub fn offers(&self, caller: CallerId) -> impl Iterator<Item = (OfferId, AgentId)> {
        let rings = self.callers.get(&caller).map_or(&[][..], Caller::rings);
        rings.iter().map(|ring| (ring.offer, ring.agent))
    }

    pub(crate) fn caller_mut(&mut self, id: CallerId) -> &mut Caller {
        self.callers.get_mut(&id).expect("an offer or a place in the queue is of a known caller")
    }
}

/// Whom a caller may be given who has been in a step since then, and when that widens next. A circle
/// that his practice has not counts as the next one.
pub(crate) fn circle_at(
    setup: &Setup,
    practice: PracticeId,
    team: TeamId,
    since: Instant,
    now: Instant,
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
    let mut steps = circles.iter().filter(|widening| has(widening.circle)).peekable();
    // Nothing narrower is left to begin with.
    let Some(first) = steps.next() else { return (Circle::Everyone, None) };
    let mut circle = first.circle;
    while let Some(widening) = steps.peek() {
        let at = since + widening.after;
        if at > now {
            return (circle, Some(at));
        }
        circle = widening.circle;
        steps.next();
    }
    (circle, None)
}

//! A caller: where he stands in his plan, and his place in the order.
//!
//! ```text
//! enter → waiting ⇄ offered → served → gone
//!            ↑         (dropped, returned) │
//!            └─────────────────────────────┘
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::{AgentState, Pending};
use crate::decision::{Decision, Withdrawal};
use crate::id::{AgentId, CallerId, OfferId, PracticeId, TeamId};
use crate::input::Refusal;
use crate::scheduler::Scheduler;
use crate::setup::{Plan, Situation, Step};
use crate::time::Instant;
use crate::timer::{Bound, Reason};

/// Class of a caller; the first is served first.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Urgency {
    Vital,
    Urgent,
    Priority,
    Normal,
}

/// A caller who waits (and is not being offered), as a page or a test sees him.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    pub caller: CallerId,
    pub practice: PracticeId,
    pub urgency: Urgency,
    pub deadline: Instant,
    pub arrival: Instant,
    pub sequence: u64,
    pub step: usize,
    pub team: TeamId,
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
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum CallerStage {
    Waiting,
    Offered { offer: OfferId, agent: AgentId, deadline: Instant },
    Served { offer: OfferId, agent: AgentId },
}

/// A place in the order: who is less is offered first. Urgency, then the practice's promise, then
/// who came first; `sequence` makes it total.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) urgency: Urgency,
    pub(crate) deadline: Instant,
    pub(crate) arrival: Instant,
    pub(crate) sequence: u64,
    pub(crate) caller: CallerId,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Caller {
    pub(crate) place: Place,
    pub(crate) practice: PracticeId,
    /// What held when he entered, and its plan: neither time nor a later setup touches them.
    pub(crate) situation: Situation,
    pub(crate) plan: Plan,
    pub(crate) step: usize,
    /// The team of that step: he is only ever in a queue.
    pub(crate) team: TeamId,
    pub(crate) since: Instant,
    pub(crate) step_end: Option<Instant>,
    /// How long without anybody there ends this step.
    pub(crate) nobody: Option<Duration>,
    /// When that will be, as things stand: an index, its timer is armed.
    #[serde(skip)]
    pub(crate) nobody_at: Option<Instant>,
    pub(crate) leave_by: Option<Instant>,
    /// Of his last offer; 0 before the first.
    pub(crate) generation: u32,
    pub(crate) stage: Stage,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Stage {
    Waiting,
    Offered {
        agent: AgentId,
        deadline: Instant,
        /// The deadline is the end of his wait, not of her ringing: no miss of hers.
        capped: bool,
    },
    Served {
        agent: AgentId,
    },
}

impl Stage {
    /// His patience runs. Nobody moves him on while he talks.
    fn is_timed(self) -> bool {
        match self {
            Self::Waiting | Self::Offered { .. } => true,
            Self::Served { .. } => false,
        }
    }
}

impl Caller {
    /// The end of his wait in this step.
    pub(crate) fn wait_end(&self) -> Option<(Instant, Bound)> {
        let leave_by = self.leave_by.map(|at| (at, Bound::LeaveBy));
        let step_end = self.step_end.map(|at| (at, Bound::StepEnd));
        leave_by.into_iter().chain(step_end).min()
    }

    /// He is about to move on: an offer would be withdrawn in the same breath.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.wait_end().is_some_and(|(at, _)| at <= now)
    }

    pub(crate) fn offer(&self) -> OfferId {
        OfferId { caller: self.place.caller, generation: self.generation }
    }

    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {
            caller: self.place.caller,
            practice: self.practice,
            urgency: self.place.urgency,
            deadline: self.place.deadline,
            arrival: self.place.arrival,
            sequence: self.place.sequence,
            step: self.step,
            team: self.team,
            since: self.since,
        }
    }

    pub(crate) fn view(&self) -> CallerView {
        let offer = self.offer();
        CallerView {
            waiting: self.waiting(),
            stage: match self.stage {
                Stage::Waiting => CallerStage::Waiting,
                Stage::Offered { agent, deadline, .. } => {
                    CallerStage::Offered { offer, agent, deadline }
                }
                Stage::Served { agent } => CallerStage::Served { offer, agent },
            },
            leave_by: self.leave_by,
            step_end: self.step_end,
            situation: self.situation,
        }
    }
}

impl Scheduler {
    pub(crate) fn enter(
        &mut self,
        id: CallerId,
        practice_id: PracticeId,
        urgency: Option<Urgency>,
        leave_by: Option<Instant>,
    ) -> Result<(), Refusal> {
        if self.callers.contains_key(&id) {
            return Err(Refusal::AlreadyHere);
        }
        let Some(practice) = self.setup.practices.get(&practice_id) else {
            return Err(Refusal::UnknownPractice);
        };
        let (situation, plan) = practice.plan_at(self.unix_ms());
        let first = plan.steps.first().copied().unwrap_or(Step::Busy);
        let is_full = self.callers.len() - self.served >= self.setup.limits.waiting_max;
        if is_full && matches!(first, Step::Queue { .. }) {
            return Err(Refusal::Full);
        }
        let place = Place {
            urgency: urgency.unwrap_or(practice.urgency),
            deadline: self.now + practice.answer_within,
            arrival: self.now,
            sequence: self.sequence,
            caller: id,
        };
        self.sequence += 1;
        let Step::Queue { team, until, nobody } = first else {
            self.end(id, 0, first);
            return Ok(());
        };
        let caller = Caller {
            place,
            practice: practice_id,
            situation,
            plan: plan.clone(),
            step: 0,
            team,
            since: self.now,
            step_end: until.map(|until| self.now + until),
            nobody,
            nobody_at: None,
            leave_by,
            generation: 0,
            stage: Stage::Waiting,
        };
        self.callers.insert(id, caller);
        self.index_caller(id);
        Ok(())
    }

    pub(crate) fn leave(&mut self, id: CallerId) -> Result<(), Refusal> {
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?;
        match caller.stage {
            Stage::Served { .. } => return self.ended(id),
            Stage::Offered { agent, .. } => {
                self.withdraw(caller.offer(), agent, Withdrawal::CallerLeft);
                self.settle(agent, AgentState::Available);
            }
            Stage::Waiting => {}
        }
        self.forget(id);
        Ok(())
    }

    pub(crate) fn ended(&mut self, id: CallerId) -> Result<(), Refusal> {
        let agent = self.served_by(id)?;
        let wrap_up = self.wrap_up(agent, self.callers[&id].team);
        self.forget(id);
        if self.desk(agent).pending == Some(Pending::LogOut) {
            self.settle(agent, AgentState::LoggedOut);
        } else if wrap_up.is_zero() {
            self.end_wrap_up(agent, self.now);
        } else {
            self.set_state(agent, AgentState::WrapUp { until: self.now + wrap_up });
        }
        Ok(())
    }

    fn wrap_up(&self, agent: AgentId, team: TeamId) -> Duration {
        let own = self.setup.agents.get(&agent).and_then(|agent| agent.wrap_up);
        let team = self.setup.teams.get(&team).map(|team| team.wrap_up);
        own.or(team).unwrap_or_default()
    }

    pub(crate) fn returned(&mut self, id: CallerId) -> Result<(), Refusal> {
        let agent = self.served_by(id)?;
        self.rest(agent, id, false, |after| after.dropped);
        let caller = self.caller_mut(id);
        caller.place.deadline = Instant::ZERO;
        caller.leave_by = None;
        caller.step_end = None;
        caller.nobody = None;
        self.wait_again(id);
        Ok(())
    }

    fn served_by(&self, id: CallerId) -> Result<AgentId, Refusal> {
        match self.callers.get(&id).ok_or(Refusal::UnknownCaller)?.stage {
            Stage::Served { agent } => Ok(agent),
            Stage::Waiting | Stage::Offered { .. } => Err(Refusal::NotServed),
        }
    }

    pub(crate) fn wait_ended(&mut self, id: CallerId, bound: Bound) {
        // An offer's deadline is no later, and comes first within the instant.
        debug_assert_eq!(self.callers[&id].stage, Stage::Waiting);
        match bound {
            Bound::LeaveBy => self.leave_queue(id),
            Bound::StepEnd | Bound::Nobody => self.overflow(id),
        }
    }

    fn overflow(&mut self, id: CallerId) {
        let now = self.now;
        self.unindex_caller(id);
        let caller = self.caller_mut(id);
        let step = caller.step + 1;
        match caller.plan.steps.get(step).copied().unwrap_or(Step::Busy) {
            Step::Queue { team, until, nobody } => {
                caller.step = step;
                caller.team = team;
                caller.since = now;
                caller.step_end = until.map(|until| now + until);
                caller.nobody = nobody;
                self.index_caller(id);
                self.decide(Decision::Overflow { caller: id, step });
            }
            last @ (Step::Announce { .. } | Step::Busy) => {
                self.callers.remove(&id);
                self.end(id, step, last);
            }
        }
    }

    /// He must not wait any more: the first step to come that is no queue.
    fn leave_queue(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        let steps = caller.plan.steps.iter().copied().enumerate().skip(caller.step + 1);
        let last = steps.into_iter().find(|(_, step)| !matches!(step, Step::Queue { .. }));
        let (step, last) = last.unwrap_or((caller.plan.steps.len(), Step::Busy));
        self.forget(id);
        self.end(id, step, last);
    }

    /// The last words on a caller who is not here, or not any more.
    fn end(&mut self, caller: CallerId, step: usize, last: Step) {
        self.decide(match last {
            Step::Announce { prompt, answer } => {
                Decision::Announce { caller, step, prompt, answer }
            }
            Step::Queue { .. } | Step::Busy => Decision::Busy { caller },
        });
    }

    pub(crate) fn forget(&mut self, id: CallerId) {
        self.unindex_caller(id);
        self.callers.remove(&id);
    }

    pub(crate) fn wait_again(&mut self, id: CallerId) {
        self.set_stage(id, Stage::Waiting);
    }

    pub(crate) fn set_stage(&mut self, id: CallerId, stage: Stage) {
        let is_timed = stage.is_timed();
        let was_timed = self.callers[&id].stage.is_timed();
        self.unindex_stage(id);
        self.caller_mut(id).stage = stage;
        self.index_stage(id);
        match (was_timed, is_timed) {
            (true, false) => self.disarm_wait(id),
            (false, true) => self.arm_wait(id),
            (true, true) | (false, false) => {}
        }
        if self.callers[&id].nobody.is_some() {
            self.time_nobody(id);
        }
    }

    /// Puts him into the queue and his timers into the table, as his stage asks.
    pub(crate) fn index_caller(&mut self, id: CallerId) {
        self.index_stage(id);
        let caller = self.caller_mut(id);
        caller.nobody_at = None;
        let (is_timed, may_be_alone) = (caller.stage.is_timed(), caller.nobody.is_some());
        if is_timed {
            self.arm_wait(id);
        }
        if may_be_alone {
            self.time_nobody(id);
        }
    }

    fn unindex_caller(&mut self, id: CallerId) {
        self.unindex_stage(id);
        let caller = &self.callers[&id];
        if let Some(at) = caller.nobody_at {
            self.timers.disarm(at, Reason::WaitEnd { caller: id, bound: Bound::Nobody });
        }
        if caller.stage.is_timed() {
            self.disarm_wait(id);
        }
    }

    fn index_stage(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        match caller.stage {
            Stage::Waiting => {
                self.waiting.insert(caller.team, caller.place, caller.is_due(self.now));
                self.hot.push(caller.team);
            }
            Stage::Offered { deadline, .. } => {
                self.timers.arm(deadline, Reason::OfferDeadline { offer: caller.offer() });
            }
            Stage::Served { .. } => self.served += 1,
        }
    }

    fn unindex_stage(&mut self, id: CallerId) {
        let caller = &self.callers[&id];
        match caller.stage {
            Stage::Waiting => self.waiting.remove(caller.team, caller.place),
            Stage::Offered { deadline, .. } => {
                self.timers.disarm(deadline, Reason::OfferDeadline { offer: caller.offer() });
            }
            Stage::Served { .. } => self.served -= 1,
        }
    }

    fn arm_wait(&mut self, id: CallerId) {
        if let Some((at, bound)) = self.callers[&id].wait_end() {
            self.timers.arm(at, Reason::WaitEnd { caller: id, bound });
        }
    }

    /// While it is armed, nothing that it was reckoned from may change.
    fn disarm_wait(&mut self, id: CallerId) {
        if let Some((at, bound)) = self.callers[&id].wait_end() {
            self.timers.disarm(at, Reason::WaitEnd { caller: id, bound });
        }
    }

    /// Keeps those whose wait is over by now from offers: all their timers run in this step.
    pub(crate) fn hold_due(&mut self) {
        for reason in self.timers.due_by(self.now) {
            if let Reason::WaitEnd { caller, bound: Bound::LeaveBy | Bound::StepEnd } = reason {
                let caller = &self.callers[&caller];
                if caller.stage == Stage::Waiting {
                    self.waiting.hold(caller.team, caller.place);
                }
            }
        }
    }

    pub(crate) fn caller_mut(&mut self, id: CallerId) -> &mut Caller {
        self.callers.get_mut(&id).expect("an offer or a place in the queue is of a known caller")
    }
}

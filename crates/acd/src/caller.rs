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
use crate::class::ClassBy;
use crate::decision::{Decision, Withdrawal};
use crate::groups::GroupId;
use crate::id::{AgentId, CallerId, LineId, OfferId, PracticeId, Target, TeamId};
use crate::input::Refusal;
use crate::limits::RETURNED_MAX;
use crate::scheduler::Scheduler;
use crate::setup::{Circle, Plan, Situation, Step};
use crate::time::Instant;
use crate::timer::Bound;

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
    /// While he waits in a queue: the end of what he may wait in all of them.
    pub wait_max: Option<Instant>,
    pub step_end: Option<Instant>,
    pub situation: Situation,
    /// Whose plan he follows: another practice may have taken him over.
    pub acting: PracticeId,
    /// Why he has his class.
    pub class_by: ClassBy,
    /// He is offered to nobody: no phone more can be rung for him.
    pub lacks_room: bool,
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
    /// The plan is his own, or of the leave of whom he called: what the practice does gives him no other.
    pub(crate) keeps_plan: bool,
    pub(crate) step: usize,
    /// How often another practice took him over.
    pub(crate) hops: u8,
    /// When he entered this step.
    pub(crate) since: Instant,
    /// What he has waited in this queue before that is noted, or was spent in a conversation.
    pub(crate) waits_since: Instant,
    /// The teams of whose arrivals he is one.
    pub(crate) counted_by: Vec<TeamId>,
    /// In which queue, unless he is forwarded.
    pub(crate) queue: Option<InQueue>,
    pub(crate) leave_by: Option<Instant>,
    /// He may be in no queue any more.
    pub(crate) wait_max: Option<Instant>,
    /// What he may wait in queues yet, while he is sent elsewhere: `wait_max` stands still.
    pub(crate) wait_left: Option<Duration>,
    pub(crate) class_by: ClassBy,
    /// He has been in his class since.
    pub(crate) class_since: Instant,
    /// He has been answered, and waits again: never without an end.
    pub(crate) is_returned: bool,
    /// We cannot ring one phone more for him.
    pub(crate) lacks_room: bool,
    /// An operator moved or redirected him: no boundary takes him from there.
    pub(crate) is_placed: bool,
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
    /// Since when nobody has been there who may have him, while he waits for somebody.
    pub(crate) alone_since: Option<Instant>,
    /// When that ends his step, as things stand: an index, its timer is armed.
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
    pub(crate) since: Instant,
    /// The deadline is the end of his wait, not of her ringing.
    pub(crate) capped: bool,
}

impl Stage {
    /// His patience in a queue runs. Nobody moves him on while he talks.
    pub(crate) fn is_timed(&self) -> bool {
        match self {
            Self::Waiting | Self::Offered { .. } => true,
            Self::Forwarded { .. } | Self::Served { .. } | Self::Connected { .. } => false,
        }
    }

    /// A human has him.
    pub(crate) fn is_served(&self) -> bool {
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

    /// He is sent elsewhere, which is no waiting in a queue.
    pub(crate) fn hold_wait(&mut self, now: Instant) {
        let running = self.wait_max.take();
        self.wait_left = running.map(|at| at.saturating_duration_since(now)).or(self.wait_left);
    }

    /// He is in a queue from now on.
    pub(crate) fn resume_wait(&mut self, now: Instant) {
        self.wait_max = self.wait_left.take().map(|left| now + left).or(self.wait_max);
    }

    /// He has been in a queue, or found none that took him; and nobody has spoken with him.
    pub(crate) fn came_to_wait(&self) -> bool {
        let is_queue = |step: &Step| match step {
            Step::Queue(_) => true,
            Step::Forward(_) | Step::Practice(_) | Step::Announce { .. } | Step::Busy => false,
        };
        let came = !self.counted_by.is_empty() || self.plan.steps.iter().any(is_queue);
        came && !self.is_returned
    }

    /// No queue has anything left for him.
    pub(crate) fn is_spent(&self, now: Instant) -> bool {
        self.wait_left.is_some_and(|left| left.is_zero())
            || self.wait_max.is_some_and(|at| at <= now)
    }

    /// Of a step that he is in from now on.
    pub(crate) fn step_end(&self, until: Option<Duration>, now: Instant) -> Option<Instant> {
        let must_end = self.is_returned && self.wait_max.is_none();
        let until = until.or(must_end.then_some(RETURNED_MAX));
        until.map(|until| now + until)
    }

    /// He is about to move on: an offer would be withdrawn in the same breath.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.wait_end().is_some_and(|(at, _)| at <= now)
    }

    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.lacks_room || self.is_due(now)
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
            wait_max: self.wait_max,
            step_end: self.queue.as_ref().and_then(|queue| queue.step_end),
            situation: self.situation,
            acting: self.acting,
            class_by: self.class_by,
            lacks_room: self.lacks_room,
        }
    }
}

impl Scheduler {
    pub(crate) fn leave(&mut self, id: CallerId) -> Result<(), Refusal> {
        if self.told.remove(&id).is_some() {
            return Ok(());
        }
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?;
        match caller.stage {
            Stage::Served { .. } | Stage::Connected { .. } => return self.ended(id),
            Stage::Waiting | Stage::Offered { .. } | Stage::Forwarded { .. } => {}
        }
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
        let caller = &self.callers[&id];
        let practice = self.setup.practices.get(&caller.practice);
        let wait_max = practice.and_then(|practice| practice.wait_max);
        let until = match caller.plan.steps.get(caller.step) {
            Some(Step::Queue(queue)) => queue.until,
            Some(Step::Forward(_) | Step::Practice(_) | Step::Announce { .. } | Step::Busy)
            | None => None,
        };
        let caller = self.caller_mut(id);
        caller.is_returned = true;
        caller.place.deadline = Instant::ZERO;
        caller.class_since = now;
        caller.since = now;
        caller.waits_since = now;
        caller.leave_by = None;
        caller.wait_max = wait_max.map(|wait_max| now + wait_max);
        // The practice's word goes before the step's.
        let step_end = caller.step_end(until.filter(|_| wait_max.is_none()), now);
        if let Some(queue) = &mut caller.queue {
            queue.step_end = step_end;
            queue.circle = Circle::Everyone;
            queue.widens_at = None;
        }
        self.regroup(id);
        self.set_stage(id, Stage::Waiting);
        Ok(())
    }

    pub(crate) fn forget(&mut self, id: CallerId) -> Caller {
        self.unindex_caller(id);
        self.callers.remove(&id).expect("who is forgotten was known")
    }

    /// He leaves his step: whatever rings for him is called off. He is in no index afterwards.
    pub(crate) fn take_out(&mut self, id: CallerId, why: Withdrawal) {
        self.note_wait(id, why != Withdrawal::CallerLeft);
        self.unindex_caller(id);
        match std::mem::replace(&mut self.caller_mut(id).stage, Stage::Waiting) {
            Stage::Offered { rings } => {
                for ring in rings {
                    self.withdraw(ring.offer, ring.agent, why);
                    self.not_answered(ring.agent);
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

    /// He has waited long enough to rise by one class.
    pub(crate) fn age(&mut self, id: CallerId, at: Instant) {
        let risen = self.callers[&id].place.urgency.risen();
        self.unindex_caller(id);
        self.set_class(id, risen, ClassBy::Ageing);
        self.caller_mut(id).class_since = at;
        self.open_circle(id);
        self.index_caller(id);
    }

    /// He comes from elsewhere and may have been due to rise for long: ahead of any offer.
    pub(crate) fn catch_up_with(&mut self, id: CallerId) {
        let due = |this: &Self| {
            let at = this.callers.get(&id).and_then(|caller| this.ages_at(caller));
            at.filter(|&at| at <= this.now)
        };
        while let Some(at) = due(self) {
            self.age(id, at);
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

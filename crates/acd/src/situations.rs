//! What holds for each practice, until when, and what that does to who waits.
//!
//! Hours, leave and an override are looked at when the clock or the setup is told, and at each of their
//! boundaries, by a timer: never for a call.
//!
//! A practice that opens takes back who waits in its plan for closed hours. One that closes serves on who
//! waits, unless it wants otherwise ([`AtClosing`]). Who hears a text is not here any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::caller::{Caller, Place};
use crate::civil::Clock;
use crate::decision::{Decision, Withdrawal};
use crate::id::{CallerId, PracticeId};
use crate::input::Refusal;
use crate::limits::{CLOCK_JUMP, CLOCK_STANDS, HOPS_MAX};
use crate::scheduler::Scheduler;
use crate::setup::{
    AtClosing, Forward, Leave, Override, Overriding, Plan, Practice, Practitioner, Situation, Step,
};
use crate::time::Instant;
use crate::timer::Reason;

/// What holds for a practice, until when at the latest: an index, made of the setup, the overrides and
/// the clock. All who enter share its plans.
#[derive(Clone, Eq, PartialEq, Debug)]
pub(crate) struct Holding {
    what: What,
    plan: Arc<Plan>,
    /// Of open hours, for who is always let through.
    open: Arc<Plan>,
    boundary: Option<Instant>,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum What {
    Open,
    Closed,
    /// The leave of this index.
    Leave(usize),
    /// A leave that an override declares.
    Away,
    Redirected(Forward),
}

pub(crate) type Holdings = BTreeMap<PracticeId, Holding>;

impl What {
    fn at(practice: &Practice, over: Option<&Override>, unix_ms: Option<i64>) -> Self {
        // A node that does not know what time it is answers its calls.
        let Some(unix_ms) = unix_ms else { return Self::Open };
        if let Some(over) = over.filter(|over| unix_ms < over.until_unix_ms) {
            return over.what.into();
        }
        let leave = practice.leave.iter().position(|leave| leave.period.contains(unix_ms));
        match leave {
            Some(index) => Self::Leave(index),
            None if practice.hours.is_open(unix_ms) => Self::Open,
            None => Self::Closed,
        }
    }

    fn situation(self) -> Situation {
        match self {
            Self::Open => Situation::Open,
            Self::Closed => Situation::Closed,
            Self::Leave(_) | Self::Away => Situation::Leave,
            Self::Redirected(_) => Situation::Redirected,
        }
    }

    fn plan(self, practice: &Practice, unix_ms: Option<i64>) -> Plan {
        match self {
            Self::Open => practice.open.clone(),
            Self::Closed => practice.closed.clone(),
            Self::Leave(index) => practice.leave[index].plan.clone(),
            Self::Away => practice.away.clone(),
            // Whom nobody takes there meets what would hold anyway.
            Self::Redirected(to) => {
                let beneath = Self::at(practice, None, unix_ms).plan(practice, unix_ms);
                Plan { steps: [Step::Forward(to)].into_iter().chain(beneath.steps).collect() }
            }
        }
    }
}

/// Who is told that a practice is closed when it is meets nothing new.
impl From<Overriding> for What {
    fn from(overriding: Overriding) -> Self {
        match overriding {
            Overriding::Open => Self::Open,
            Overriding::Closed => Self::Closed,
            Overriding::Leave => Self::Away,
            Overriding::Redirect(to) => Self::Redirected(to),
        }
    }
}

impl Practice {
    /// What holds at that moment without an override; without a clock it is open and nobody is on leave.
    pub fn situation(&self, unix_ms: Option<i64>) -> Situation {
        What::at(self, None, unix_ms).situation()
    }

    /// The first moment after this one at which what holds may change.
    fn boundary(&self, over: Option<&Override>, unix_ms: i64) -> Option<i64> {
        let leave = self.leave.iter().flat_map(|leave| {
            let (from, until) = leave.period.into();
            [from, until]
        });
        let override_ends = over.map(|over| over.until_unix_ms);
        let known = leave.chain(override_ends).filter(|&at| at > unix_ms);
        known.chain(self.hours.next_change(unix_ms)).min()
    }
}

impl Scheduler {
    /// All anew: the clock, the setup or the state came.
    pub(crate) fn reckon_holdings(&mut self) {
        self.holdings.clear();
        for practice in self.setup.practices.keys().copied().collect::<Vec<_>>() {
            self.reckon(practice);
        }
    }

    fn reckon(&mut self, id: PracticeId) {
        let setup = self.setup.clone();
        let Some(practice) = setup.practices.get(&id) else { return };
        let over = self.overrides.get(&id);
        let what = What::at(practice, over, self.unix_ms());
        let boundary = self.clock.and_then(|clock: Clock| {
            practice.boundary(over, clock.unix_ms(self.now)).map(|at| clock.instant(at))
        });
        let open = Arc::new(practice.open.clone());
        let plan = match what {
            What::Open => Arc::clone(&open),
            What::Closed | What::Leave(_) | What::Away | What::Redirected(_) => {
                Arc::new(what.plan(practice, self.unix_ms()))
            }
        };
        let before = self.holdings.insert(id, Holding { what, plan, open, boundary });
        if let Some(at) = before.and_then(|before| before.boundary) {
            self.timers.disarm(at, Reason::Boundary { practice: id });
        }
        if let Some(at) = boundary {
            self.timers.arm(at, Reason::Boundary { practice: id });
        }
    }

    /// What holds for a practice at the last `now`: what who enters then is put into.
    pub fn situation(&self, practice: PracticeId) -> Option<Situation> {
        Some(self.holdings.get(&practice)?.what.situation())
    }

    pub(crate) fn holding_plan(&self, id: PracticeId) -> Option<(Situation, &Arc<Plan>)> {
        let Holding { what, plan, .. } = self.holdings.get(&id)?;
        Some((what.situation(), plan))
    }

    /// The plan for open hours, whatever holds.
    pub(crate) fn open_plan(&self, id: PracticeId) -> Option<&Arc<Plan>> {
        Some(&self.holdings.get(&id)?.open)
    }

    pub(crate) fn set_clock(&mut self, unix_ms: i64) {
        self.disarm_override_ends();
        let counted = self.unix_ms();
        self.clock = Some(Clock { at: self.now, unix_ms });
        if counted.is_some_and(|counted| has_jumped(counted, unix_ms)) {
            self.doubted_until = Some(self.now + CLOCK_STANDS);
        }
        let before = std::mem::take(&mut self.holdings);
        for (&practice, holding) in &before {
            if let Some(at) = holding.boundary {
                self.timers.disarm(at, Reason::Boundary { practice });
            }
        }
        self.reckon_holdings();
        // Without a clock it took everything for open: nothing has opened or closed.
        if counted.is_some() {
            let before = before.into_iter().map(|(practice, holding)| (practice, holding.what));
            self.turn(before.collect());
        }
        for practice in self.overrides.keys().copied().collect::<Vec<_>>() {
            self.end_override_if_over(practice);
        }
        self.arm_override_ends();
    }

    /// What holds at `now` is reckoned for all practices that have come to a boundary, before anybody
    /// acts on it: who is handed from one to another that turns with it must meet its new plan.
    pub(crate) fn cross_boundaries(&mut self) {
        let due = self.timers.due_by(self.now).filter_map(|reason| match reason {
            Reason::Boundary { practice } => Some(practice),
            Reason::OverrideEnd { .. }
            | Reason::OfferDeadline { .. }
            | Reason::WaitEnd { .. }
            | Reason::Widen { .. }
            | Reason::Age { .. }
            | Reason::RestEnd { .. }
            | Reason::WrapUpEnd { .. } => None,
        });
        let holding = |practice| Some((practice, self.holdings.get(&practice)?.what));
        let before: Vec<(PracticeId, What)> = due.filter_map(holding).collect();
        for &(practice, _) in &before {
            self.reckon(practice);
        }
        self.turn(before);
    }

    pub(crate) fn set_override(
        &mut self,
        practice: PracticeId,
        with: Option<Override>,
    ) -> Result<(), Refusal> {
        let before = self.holdings.get(&practice).map(|holding| holding.what);
        // One that outlived its practice can be taken back, as it would be over some day.
        let is_left_over = with.is_none() && self.overrides.contains_key(&practice);
        if before.is_none() && !is_left_over {
            return Err(Refusal::UnknownPractice);
        }
        self.disarm_override_ends();
        let set = self.replace_override(practice, with);
        self.arm_override_ends();
        set?;
        if let Some(before) = before {
            self.reckon(practice);
            self.turn(vec![(practice, before)]);
        }
        Ok(())
    }

    fn replace_override(
        &mut self,
        practice: PracticeId,
        with: Option<Override>,
    ) -> Result<(), Refusal> {
        match with {
            Some(over) => {
                if self.unix_ms().is_none_or(|now| over.until_unix_ms <= now) {
                    return Err(Refusal::OverrideIsOver);
                }
                self.overrides.insert(practice, over);
            }
            None => {
                self.overrides.remove(&practice);
            }
        }
        Ok(())
    }

    /// For good, by a clock that is believed.
    pub(crate) fn end_override_if_over(&mut self, practice: PracticeId) {
        let is_believed = self.doubted_until.is_none_or(|until| until <= self.now);
        let now = self.unix_ms().filter(|_| is_believed);
        let is_over = |over: &Override| now.is_some_and(|now| over.until_unix_ms <= now);
        if self.overrides.get(&practice).is_some_and(is_over) {
            self.disarm_override_ends();
            self.overrides.remove(&practice);
            self.arm_override_ends();
            self.decide(Decision::OverrideOver { practice });
        }
    }

    pub(crate) fn arm_override_ends(&mut self) {
        for (at, reason) in self.override_ends() {
            self.timers.arm(at, reason);
        }
    }

    /// Ahead of any change of the clock or of an override.
    fn disarm_override_ends(&mut self) {
        for (at, reason) in self.override_ends() {
            self.timers.disarm(at, reason);
        }
    }

    /// When each is over for good. They are few: operators make them.
    fn override_ends(&self) -> Vec<(Instant, Reason)> {
        let Some(clock) = self.clock else { return Vec::new() };
        let doubted_until = self.doubted_until.unwrap_or_default();
        let ends = self.overrides.iter().map(|(&practice, over)| {
            let at = clock.instant(over.until_unix_ms).max(doubted_until);
            (at, Reason::OverrideEnd { practice })
        });
        ends.collect()
    }

    /// These have been reckoned anew: tells what has changed, then moves whom that moves, each of them
    /// once: he may be handed to another of them. Each enters as he would alone, in the order of who waits:
    /// whom one of them is offered to is not free for the next.
    fn turn(&mut self, before: Vec<(PracticeId, What)>) {
        let mut moving = Vec::new();
        for (practice, before) in before {
            self.end_override_if_over(practice);
            let Some(holding) = self.holdings.get(&practice) else { continue };
            let (what, situation) = (holding.what, holding.what.situation());
            if what == before {
                continue;
            }
            if situation != before.situation() {
                self.decide(Decision::Situation { practice, situation });
            }
            let moved = self.followers(practice).filter(|him| self.is_taken_along(him, situation));
            moving.extend(moved.map(|him| (him.place, practice)));
        }
        moving.sort_unstable();
        for &(Place { caller, .. }, practice) in &moving {
            self.follow(caller, practice);
        }
        for (Place { caller, .. }, _) in moving {
            self.begin_step(caller, 0);
            self.catch_up_with(caller);
            self.match_all();
        }
    }

    /// Who follows its plan and has not been answered by a human.
    fn followers(&self, practice: PracticeId) -> impl Iterator<Item = &Caller> {
        self.followers.get(&practice).into_iter().flatten().map(|caller| &self.callers[caller])
    }

    /// A new setup may say that a practice has been open for long.
    pub(crate) fn turn_from(&mut self, before: &Holdings) {
        let turned = before.iter().filter_map(|(&practice, before)| {
            let holding = self.holdings.get(&practice)?;
            let has_turned = holding.what.situation() != before.what.situation();
            has_turned.then_some((practice, before.what))
        });
        self.turn(turned.collect());
    }

    /// Whether the practice whose plan he follows, which turns so, gives him its plan.
    fn is_taken_along(&self, caller: &Caller, situation: Situation) -> bool {
        // Who came back from a conversation goes on with the plan that he has; an operator knows why.
        let is_left_alone = caller.is_returned || caller.is_placed;
        !is_left_alone && self.is_moved_by(caller, caller.acting, situation)
    }

    /// He is in no step: he goes on with this one of his plan. Whom an operator had sent away may have
    /// missed a boundary.
    pub(crate) fn go_on(&mut self, id: CallerId, next: usize) {
        let caller = &self.callers[&id];
        let practice = caller.acting;
        let missed = self.situation(practice).is_some_and(|situation| {
            caller.is_placed
                && situation != caller.situation
                && self.is_moved_by(caller, practice, situation)
        });
        if missed {
            self.follow(id, practice);
        }
        self.begin_step(id, if missed { 0 } else { next });
    }

    /// Whether a practice that turns so gives him its plan.
    fn is_moved_by(&self, caller: &Caller, practice: PracticeId, situation: Situation) -> bool {
        let at_closing = self.setup.practices.get(&practice).map(|practice| practice.at_closing);
        if caller.keeps_plan {
            return false;
        }
        match situation {
            // It opens: he is served as everybody.
            Situation::Open => caller.situation != Situation::Open,
            Situation::Closed | Situation::Leave | Situation::Redirected => {
                at_closing == Some(AtClosing::Move)
            }
            // Of a caller, never of a practice.
            Situation::Listed => false,
        }
    }

    /// The leave of one of a practice's people that holds now, unless an override says otherwise.
    pub(crate) fn leave_of<'p>(
        &self,
        id: PracticeId,
        practitioner: &'p Practitioner,
    ) -> Option<&'p Leave> {
        let now = self.unix_ms()?;
        let over = self.overrides.get(&id).filter(|over| now < over.until_unix_ms);
        let mut leave = practitioner.leave.iter().filter(|_| over.is_none());
        leave.find(|leave| leave.period.contains(now))
    }

    /// Gives him the plan that holds for this practice. Afterwards he is in no step.
    pub(crate) fn follow(&mut self, id: CallerId, practice: PracticeId) {
        self.take_out(id, Withdrawal::Overflowed);
        let (situation, plan) = match self.holding_plan(practice) {
            Some((situation, plan)) => (situation, Arc::clone(plan)),
            None => (Situation::Closed, Arc::default()),
        };
        let caller = self.caller_mut(id);
        caller.acting = practice;
        caller.situation = situation;
        caller.plan = plan;
        caller.keeps_plan = false;
        self.decide(Decision::Plan { caller: id, practice, situation });
    }

    /// Another practice takes him over. `false`: he has been handed on too often, or it is gone.
    pub(crate) fn hand_on(&mut self, id: CallerId, practice: PracticeId) -> bool {
        if !self.setup.practices.contains_key(&practice) {
            return false;
        }
        let caller = self.caller_mut(id);
        if caller.hops >= HOPS_MAX {
            return false;
        }
        caller.hops += 1;
        self.follow(id, practice);
        true
    }
}

fn has_jumped(counted_ms: i64, told_ms: i64) -> bool {
    u128::from(counted_ms.abs_diff(told_ms)) > CLOCK_JUMP.as_millis()
}

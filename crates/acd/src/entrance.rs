//! How a caller begins: what he meets, whether there is room for him, his place in the order.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::caller::{Caller, Place, Stage, Urgency};
use crate::class::ClassBy;
use crate::decision::Decision;
use crate::id::{CallerId, LineId, PracticeId, PractitionerId};
use crate::input::Refusal;
use crate::limits::{HOPS_MAX, room};
use crate::scheduler::Scheduler;
use crate::setup::{Insistence, Plan, Practice, Situation, Step, Way};
use crate::time::Instant;

/// What a caller's number of ours says.
#[derive(Copy, Clone)]
pub(crate) struct Dialled {
    pub(crate) practice: PracticeId,
    pub(crate) practitioner: Option<PractitionerId>,
    pub(crate) urgency: Option<Urgency>,
}

/// How a caller begins, before he is anywhere.
pub(crate) struct Beginning {
    pub(crate) urgency: Urgency,
    pub(crate) class_by: ClassBy,
    pub(crate) situation: Situation,
    pub(crate) plan: Arc<Plan>,
    /// No boundary of the practice gives him another plan.
    pub(crate) keeps_plan: bool,
    /// No limit of the practice counts him.
    pub(crate) through: bool,
}

impl Scheduler {
    pub(crate) fn enter(
        &mut self,
        id: CallerId,
        dialled: Dialled,
        line: Option<LineId>,
        leave_by: Option<Instant>,
    ) -> Result<(), Refusal> {
        if self.callers.contains_key(&id) || self.told.contains_key(&id) {
            return Err(Refusal::AlreadyHere);
        }
        let (setup, practice_id) = (self.setup.clone(), dialled.practice);
        let practice = setup.practices.get(&practice_id).ok_or(Refusal::UnknownPractice)?;
        let beginning = self.beginning(dialled, line).ok_or(Refusal::UnknownPractice)?;
        let Beginning { urgency, class_by, situation, plan, keeps_plan, through } = beginning;
        let (place, class_by) = self.place(id, practice_id, line, (urgency, class_by));
        if let Err(refusal) = self.check_room(practice_id, practice, place.urgency, through)
            && self.makes_wait(practice_id, practice, place, &plan)
        {
            return Err(refusal);
        }
        let (now, reached) = (self.now, place.urgency);
        self.note_call(practice_id, line);
        self.sequence += 1;
        let caller = Caller {
            place,
            practice: practice_id,
            acting: practice_id,
            line,
            situation,
            plan,
            keeps_plan,
            step: 0,
            hops: 0,
            since: now,
            waits_since: now,
            counted_by: Vec::new(),
            queue: None,
            leave_by,
            wait_max: practice.wait_max.map(|wait_max| now + wait_max),
            wait_left: None,
            class_by,
            class_since: now,
            is_returned: false,
            lacks_room: false,
            is_placed: false,
            generation: 0,
            stage: Stage::Waiting,
        };
        self.callers.insert(id, caller);
        if class_by != ClassBy::Nothing {
            self.decide(Decision::Class { caller: id, urgency: reached, by: class_by });
        }
        self.begin_step(id, 0);
        Ok(())
    }

    /// Where in the order he who calls now comes, and what gave him his class; who redials has his place
    /// back.
    pub(crate) fn place(
        &self,
        caller: CallerId,
        practice: PracticeId,
        line: Option<LineId>,
        (urgency, class_by): (Urgency, ClassBy),
    ) -> (Place, ClassBy) {
        let redials = line.and_then(|line| self.place_of_redialler(practice, line));
        let reached = redials.filter(|before| before.urgency < urgency);
        let (urgency, class_by) =
            reached.map_or((urgency, class_by), |before| (before.urgency, before.class_by));
        let answer_within = self.setup.practices.get(&practice).map(|it| it.answer_within);
        let deadline = self.now + answer_within.unwrap_or_default();
        let place = Place {
            urgency,
            put_first: redials.map_or(Reverse(0), |before| before.put_first),
            deadline: redials.map_or(deadline, |before| before.deadline),
            arrival: redials.map_or(self.now, |before| before.arrival),
            sequence: self.sequence,
            caller,
        };
        (place, class_by)
    }

    /// What he meets: the rule for him, of whom he called or of the practice, before the practice's for who
    /// calls too often, before its situation. `None`: no such practice.
    pub(crate) fn beginning(&self, dialled: Dialled, line: Option<LineId>) -> Option<Beginning> {
        let id = dialled.practice;
        let practice = self.setup.practices.get(&id)?;
        let practitioner = dialled.practitioner.and_then(|id| practice.practitioners.get(&id));
        let rule = line.and_then(|line| practice.rule_for(dialled.practitioner, line));
        let listed = rule.and_then(|rule| rule.urgency);
        let (mut urgency, mut class_by) = match (dialled.urgency, listed) {
            (Some(of_number), listed) if listed.is_none_or(|listed| of_number <= listed) => {
                (of_number, ClassBy::Number)
            }
            (_, Some(listed)) => (listed, ClassBy::List),
            (_, None) if practice.urgency == Urgency::Normal => (Urgency::Normal, ClassBy::Nothing),
            (_, None) => (practice.urgency, ClassBy::Practice),
        };
        let through = rule.is_some_and(|rule| rule.way == Way::Through);
        let own = |plan: &Plan| Arc::new(plan.clone());
        let mut special = match rule.map(|rule| &rule.way) {
            Some(Way::Through) => self.open_plan(id).cloned(),
            Some(Way::Plan(plan)) => Some(own(plan)),
            Some(Way::Usual) | None => None,
        };
        if let Some(repeated) = &practice.repeated
            && self.calls_with_this(id, line) >= repeated.calls.max(1)
        {
            match &repeated.then {
                Insistence::Rise if urgency.risen() == urgency => {}
                Insistence::Rise => {
                    (urgency, class_by) = (urgency.risen(), ClassBy::Repetition);
                }
                // A life can hang on his call, however often he makes it.
                Insistence::Limit(_) if urgency <= Urgency::Urgent => {}
                Insistence::Limit(plan) => special = special.or_else(|| Some(own(plan))),
            }
        }
        let leave = || practitioner.and_then(|practitioner| self.leave_of(id, practitioner));
        let keeps = special.map(|plan| (Situation::Listed, plan));
        let keeps = keeps.or_else(|| leave().map(|leave| (Situation::Leave, own(&leave.plan))));
        let keeps_plan = keeps.is_some();
        let (situation, plan) = match keeps {
            Some(kept) => kept,
            None => {
                let (situation, plan) = self.holding_plan(id)?;
                (situation, Arc::clone(plan))
            }
        };
        Some(Beginning { urgency, class_by, situation, plan, keeps_plan, through })
    }

    /// Who begins this plan in that place waits for somebody, here or with the practices that it hands him
    /// on to; else no queue takes him, and he is told something and ended in the same breath.
    fn makes_wait(
        &self,
        id: PracticeId,
        practice: &Practice,
        place: Place,
        plan: &Arc<Plan>,
    ) -> bool {
        let is_spent = practice.wait_max.is_some_and(|wait_max| wait_max.is_zero());
        let (mut acting, mut plan, mut step, mut hops) = (id, plan, 0, 0);
        loop {
            match plan.steps.get(step).copied() {
                Some(Step::Queue(queue)) if is_spent || !self.takes(acting, place, &queue) => {
                    step += 1;
                }
                Some(Step::Queue(_) | Step::Forward(_)) => return true,
                Some(Step::Announce { .. } | Step::Busy) | None => return false,
                Some(Step::Practice(practice)) => match self.holding_plan(practice) {
                    Some((_, next)) if hops < HOPS_MAX => {
                        (acting, plan, step, hops) = (practice, next, 0, hops + 1);
                    }
                    Some(_) | None => step += 1,
                },
            }
        }
    }

    fn check_room(
        &self,
        id: PracticeId,
        practice: &Practice,
        urgency: Urgency,
        through: bool,
    ) -> Result<(), Refusal> {
        let unserved = self.callers.len() - self.served;
        if unserved >= room(self.setup.limits.waiting_max, urgency) {
            return Err(Refusal::Full);
        }
        // Its own callers, wherever they have been handed on to, and nobody else's.
        let waiting = self.unanswered.get(&id).copied().unwrap_or(0);
        let is_full = practice.waiting_max.is_some_and(|max| waiting >= room(max, urgency));
        if is_full && !through {
            return Err(Refusal::PracticeFull);
        }
        Ok(())
    }
}

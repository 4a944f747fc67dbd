//! A caller: his place in the order, how he enters and how he goes.

use std::cmp::Reverse;
use std::time::Duration;

use acd::{
    AgentId, AgentState, Bound, CallerId, CallerRule, CallerStage, CallerView, Circle, ClassBy,
    Decision, HOPS_MAX, Insistence, Instant, LineId, OfferId, Practice, PracticeId, PractitionerId,
    Refusal, Situation, Step, Target, TeamId, Urgency, Waiting, Way, Withdrawal,
};

use super::Reference;
use super::agent::Wish;

#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) id: CallerId,
    /// Whom he called.
    pub(super) practice: PracticeId,
    /// Whose plan he follows.
    pub(super) acting: PracticeId,
    pub(super) line: Option<LineId>,
    pub(super) situation: Situation,
    /// The plan as it was when he was given it.
    pub(super) steps: Vec<Step>,
    /// He has it to its end, whatever his practice does.
    pub(super) is_bound: bool,
    pub(super) urgency: Urgency,
    /// Who or what said so last.
    pub(super) class_by: ClassBy,
    /// The operator's how-manieth "first" he is, unless somebody said otherwise since.
    pub(super) put_first: Option<u64>,
    pub(super) deadline: Instant,
    pub(super) arrival: Instant,
    pub(super) sequence: u64,
    pub(super) step: usize,
    /// When he entered the step.
    pub(super) since: Instant,
    pub(super) hops: u32,
    pub(super) queue: Option<InQueue>,
    pub(super) leave_by: Option<Instant>,
    pub(super) wait_max: Option<Instant>,
    /// When he was sent elsewhere: that time is none of the above.
    pub(super) sent_at: Option<Instant>,
    /// In his class.
    pub(super) class_since: Instant,
    pub(super) has_returned: bool,
    /// He has been in some queue.
    pub(super) has_queued: bool,
    /// No phone more can be rung for him.
    pub(super) lacks_room: bool,
    /// Where an operator put him.
    pub(super) by_hand: bool,
    /// Offers and forwardings of him until now.
    pub(super) generation: u32,
    pub(super) stage: Stage,
}

#[derive(Clone, Debug)]
pub(super) struct InQueue {
    pub(super) team: TeamId,
    pub(super) step_end: Option<Instant>,
    /// How long without anybody there ends his step.
    pub(super) nobody: Option<Duration>,
    /// Since when nobody of the team has been there, while he is in this step.
    pub(super) alone_since: Option<Instant>,
    pub(super) circle: Circle,
    pub(super) widens_at: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    Waiting,
    Offered(Vec<Ring>),
    /// `is_capped`: the deadline is his `leave_by`.
    Forwarded {
        offer: OfferId,
        target: Target,
        deadline: Instant,
        is_capped: bool,
        next: usize,
    },
    Served {
        offer: OfferId,
        agent: AgentId,
    },
    Connected {
        offer: OfferId,
        target: Target,
        next: usize,
    },
}

/// `is_capped`: the deadline is the end of his wait, not of her ringing, which began at `made`.
#[derive(Copy, Clone, Debug)]
pub(super) struct Ring {
    pub(super) offer: OfferId,
    pub(super) agent: AgentId,
    pub(super) made: Instant,
    pub(super) deadline: Instant,
    pub(super) is_capped: bool,
}

impl Caller {
    pub(super) fn order(&self) -> (Urgency, Reverse<Option<u64>>, Instant, Instant, u64) {
        let last_put_first = Reverse(self.put_first);
        (self.urgency, last_put_first, self.deadline, self.arrival, self.sequence)
    }

    /// He has waited in queues as long as he may: by now, or when he was sent elsewhere.
    pub(super) fn has_waited_enough(&self, now: Instant) -> bool {
        self.wait_max.is_some_and(|at| at <= self.sent_at.unwrap_or(now))
    }

    /// He comes to a queue: what he was sent elsewhere for is added to his time.
    pub(super) fn is_back(&mut self, now: Instant) {
        if let (Some(sent_at), Some(at)) = (self.sent_at.take(), self.wait_max) {
            self.wait_max = Some(at + now.saturating_duration_since(sent_at));
        }
    }

    /// What ends his wait in a queue, whoever is there.
    pub(super) fn bounds(&self) -> Vec<(Instant, Bound)> {
        let step_end = self.queue.as_ref().and_then(|queue| queue.step_end);
        let leave_by = self.leave_by.map(|at| (at, Bound::LeaveBy));
        let wait_max = self.wait_max.map(|at| (at, Bound::WaitMax));
        let step_end = step_end.map(|at| (at, Bound::StepEnd));
        [leave_by, wait_max, step_end].into_iter().flatten().collect()
    }

    /// The wait is over by then.
    pub(super) fn is_over_by(&self, now: Instant) -> bool {
        self.bounds().iter().any(|&(at, _)| at <= now)
    }

    /// When he moves on unless somebody comes.
    pub(super) fn alone_until(&self) -> Option<Instant> {
        let queue = self.queue.as_ref()?;
        Some(queue.alone_since? + queue.nobody?)
    }

    pub(super) fn is_unserved(&self) -> bool {
        match self.stage {
            Stage::Waiting | Stage::Offered(_) | Stage::Forwarded { .. } => true,
            Stage::Served { .. } | Stage::Connected { .. } => false,
        }
    }

    /// Waiting there, or offered.
    pub(super) fn is_in_queue(&self) -> bool {
        match self.stage {
            Stage::Waiting | Stage::Offered(_) => true,
            Stage::Forwarded { .. } | Stage::Served { .. } | Stage::Connected { .. } => false,
        }
    }

    pub(super) fn waiting(&self) -> Waiting {
        Waiting {
            caller: self.id,
            practice: self.practice,
            urgency: self.urgency,
            deadline: self.deadline,
            arrival: self.arrival,
            sequence: self.sequence,
            put_first: self.put_first.unwrap_or(0),
            step: self.step,
            team: self.queue.as_ref().map(|queue| queue.team),
            circle: self.queue.as_ref().map_or(Circle::Everyone, |queue| queue.circle),
            since: self.since,
        }
    }

    pub(super) fn view(&self) -> CallerView {
        CallerView {
            waiting: self.waiting(),
            stage: match &self.stage {
                Stage::Waiting => CallerStage::Waiting,
                Stage::Offered(rings) => CallerStage::Offered {
                    offer: rings[0].offer,
                    agent: rings[0].agent,
                    deadline: rings[0].deadline,
                },
                &Stage::Forwarded { offer, target, deadline, .. } => {
                    CallerStage::Forwarded { offer, target, deadline }
                }
                &Stage::Served { offer, agent } => CallerStage::Served { offer, agent },
                &Stage::Connected { offer, target, .. } => CallerStage::Connected { offer, target },
            },
            wait_max: self.wait_max.filter(|_| self.sent_at.is_none()),
            leave_by: self.leave_by,
            step_end: self.queue.as_ref().and_then(|queue| queue.step_end),
            situation: self.situation,
            acting: self.acting,
            class_by: self.class_by,
            lacks_room: self.lacks_room,
        }
    }
}

/// Who has been answered waits in no queue without an end.
pub(super) const RETURNED_MAX: Duration = Duration::from_secs(600);

/// One class up; nobody becomes vital.
fn risen(urgency: Urgency) -> Urgency {
    match urgency {
        Urgency::Normal => Urgency::Priority,
        Urgency::Priority | Urgency::Urgent => Urgency::Urgent,
        Urgency::Vital => Urgency::Vital,
    }
}

/// Of whom he called, or of the practice where that person says nothing of him.
fn rule_of(
    rules: &Practice,
    person: Option<PractitionerId>,
    line: Option<LineId>,
) -> Option<&CallerRule> {
    let line = line?;
    let mut lists = vec![&rules.callers];
    for (id, practitioner) in &rules.practitioners {
        if person == Some(*id) {
            lists.push(&practitioner.callers);
        }
    }
    lists.into_iter().rev().find_map(|list| list.get(&line))
}

/// The more urgent of what is asked for and of what his number has, else the practice's.
fn class_of(
    rules: &Practice,
    rule: Option<&CallerRule>,
    asked: Option<Urgency>,
) -> (Urgency, ClassBy) {
    let listed = rule.and_then(|rule| rule.urgency);
    let said = [asked.map(|it| (it, ClassBy::Number)), listed.map(|it| (it, ClassBy::List))];
    // Of two that say the same the number counts.
    match (said.into_iter().flatten().min_by_key(|&(urgency, _)| urgency), rules.urgency) {
        (Some(class), _) => class,
        (None, Urgency::Normal) => (Urgency::Normal, ClassBy::Nothing),
        (None, urgency) => (urgency, ClassBy::Practice),
    }
}

fn plan_of_his_own(rules: &Practice, rule: Option<&CallerRule>) -> Option<Vec<Step>> {
    match &rule?.way {
        Way::Usual => None,
        Way::Through => Some(rules.open.steps.clone()),
        Way::Plan(plan) => Some(plan.steps.clone()),
    }
}

impl Reference {
    pub(super) fn enter(
        &mut self,
        id: CallerId,
        (practice, person): (PracticeId, Option<PractitionerId>),
        line: Option<LineId>,
        urgency: Option<Urgency>,
        leave_by: Option<Instant>,
    ) -> Result<(), Refusal> {
        if self.callers.contains_key(&id) || self.listening.contains_key(&id) {
            return Err(Refusal::AlreadyHere);
        }
        let setup = self.setup.clone();
        let rules = setup.practices.get(&practice).ok_or(Refusal::UnknownPractice)?;
        let rule = rule_of(rules, person, line);
        let (mut urgency, mut class_by) = class_of(rules, rule, urgency);
        let mut listed = plan_of_his_own(rules, rule);
        if let Some(repeated) = &rules.repeated {
            let calls = 1 + self.calls_before(practice, line, repeated.within);
            if calls >= repeated.calls.max(1) as usize {
                match &repeated.then {
                    Insistence::Rise => {
                        if matches!(urgency, Urgency::Priority | Urgency::Normal) {
                            class_by = ClassBy::Repetition;
                        }
                        urgency = risen(urgency);
                    }
                    Insistence::Limit(plan) => {
                        if matches!(urgency, Urgency::Priority | Urgency::Normal) {
                            listed.get_or_insert(plan.steps.clone());
                        }
                    }
                }
            }
        }
        let away = person.and_then(|person| self.away(practice, person));
        let is_bound = listed.is_some() || away.is_some();
        let (situation, steps) = match (listed, away) {
            (Some(steps), _) => (Situation::Listed, steps),
            (None, Some(steps)) => (Situation::Leave, steps),
            (None, None) => self.plan_now(practice),
        };
        let place = self.lost_place(practice, line);
        let higher = place.filter(|lost| lost.urgency < urgency);
        let (reached, class_by) =
            higher.map_or((urgency, class_by), |lost| (lost.urgency, lost.class_by));
        let caller = Caller {
            id,
            practice,
            acting: practice,
            line,
            situation,
            steps,
            is_bound,
            urgency: reached,
            class_by,
            put_first: place.and_then(|lost| lost.put_first),
            deadline: place.map_or(self.now + rules.answer_within, |lost| lost.deadline),
            arrival: place.map_or(self.now, |lost| lost.arrival),
            sequence: self.sequence,
            step: 0,
            since: self.now,
            hops: 0,
            queue: None,
            leave_by,
            wait_max: rules.wait_max.map(|longest| self.now + longest),
            sent_at: None,
            class_since: self.now,
            has_returned: false,
            has_queued: false,
            lacks_room: false,
            by_hand: false,
            generation: 0,
            stage: Stage::Waiting,
        };
        if self.leads_to_somebody(&caller, &caller.steps, HOPS_MAX) {
            let goes_through = rule.is_some_and(|rule| matches!(rule.way, Way::Through));
            self.check_room(practice, rules, goes_through, reached)?;
        }
        self.remember_call(practice, line);
        self.callers.insert(id, caller);
        self.sequence += 1;
        // Of who is as all are there is nothing to tell.
        if class_by != ClassBy::Nothing {
            self.decisions.push(Decision::Class { caller: id, urgency: reached, by: class_by });
        }
        self.begin_step(id, 0);
        Ok(())
    }

    /// What is new about it is told.
    pub(super) fn give_class(&mut self, id: CallerId, urgency: Urgency, by: ClassBy) {
        let Some(him) = self.callers.get_mut(&id) else { return };
        if (him.urgency, him.class_by) != (urgency, by) {
            (him.urgency, him.class_by) = (urgency, by);
            self.decisions.push(Decision::Class { caller: id, urgency, by });
        }
    }

    /// Whether he, who is about to begin with these steps, rings or waits at all.
    fn leads_to_somebody(&self, him: &Caller, steps: &[Step], hops_left: u8) -> bool {
        match steps {
            [] | [Step::Busy | Step::Announce { .. }, ..] => false,
            [Step::Forward(_), ..] => true,
            [Step::Queue(queue), later @ ..] => {
                let takes_him =
                    !him.has_waited_enough(self.now) && self.is_worth_entering(him, queue);
                takes_him || self.leads_to_somebody(him, later, hops_left)
            }
            [Step::Practice(next), ..]
                if hops_left > 0 && self.setup.practices.contains_key(next) =>
            {
                let there = Caller { acting: *next, ..him.clone() };
                self.leads_to_somebody(&there, &self.plan_now(*next).1, hops_left - 1)
            }
            // Passed over.
            [Step::Practice(_), later @ ..] => self.leads_to_somebody(him, later, hops_left),
        }
    }

    fn check_room(
        &self,
        practice: PracticeId,
        rules: &Practice,
        goes_through: bool,
        urgency: Urgency,
    ) -> Result<(), Refusal> {
        let unserved = || self.callers.values().filter(|caller| caller.is_unserved());
        let head_rooms = match urgency {
            Urgency::Vital => 2,
            Urgency::Urgent => 1,
            Urgency::Priority | Urgency::Normal => 0,
        };
        let fits = |present: usize, max: usize| present < max + head_rooms * (4 + max / 4);
        if !fits(unserved().count(), self.setup.limits.waiting_max) {
            return Err(Refusal::Full);
        }
        let of_practice = unserved().filter(|caller| caller.practice == practice).count();
        match rules.waiting_max {
            Some(max) if !fits(of_practice, max) && !goes_through => Err(Refusal::PracticeFull),
            Some(_) | None => Ok(()),
        }
    }

    /// The key of a text: he goes on behind it, urgent and with a new end of his wait.
    pub(super) fn pressed(&mut self, id: CallerId) -> Result<(), Refusal> {
        let (mut him, step) = self.listening.remove(&id).ok_or(Refusal::UnknownCaller)?;
        let now = self.now;
        let rules = self.setup.practices.get(&him.practice);
        let longest = rules.and_then(|rules| rules.wait_max).unwrap_or(RETURNED_MAX);
        let needs_it = matches!(him.urgency, Urgency::Priority | Urgency::Normal);
        (him.class_since, him.lacks_room) = (now, false);
        (him.leave_by, him.sent_at, him.wait_max) = (None, None, Some(now + longest));
        him.has_returned = false;
        // If his practice opened while he listened he meets that now.
        let look = self.looks.get(&him.acting);
        him.by_hand = look.is_some_and(|look| look.situation() == Situation::Open);
        self.callers.insert(id, him);
        if needs_it {
            self.give_class(id, Urgency::Urgent, ClassBy::Key);
        }
        self.nobody_took(id, step + 1);
        Ok(())
    }

    pub(super) fn leave(&mut self, id: CallerId) -> Result<(), Refusal> {
        if self.listening.remove(&id).is_some() {
            return Ok(());
        }
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?;
        if !caller.is_unserved() {
            return self.ended(id);
        }
        self.call_off(id, Withdrawal::CallerLeft);
        if let Some(caller) = self.callers.remove(&id)
            && !caller.has_returned
        {
            self.remember_giving_up(&caller);
        }
        Ok(())
    }

    pub(super) fn ended(&mut self, id: CallerId) -> Result<(), Refusal> {
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?.clone();
        let agent = match caller.stage {
            Stage::Served { agent, .. } => agent,
            Stage::Connected { .. } => {
                self.callers.remove(&id);
                return Ok(());
            }
            Stage::Waiting | Stage::Offered(_) | Stage::Forwarded { .. } => {
                return Err(Refusal::NotServed);
            }
        };
        self.callers.remove(&id);
        self.remember_conversation(&caller, agent);
        let hers = self.setup.agents.get(&agent).and_then(|agent| agent.wrap_up);
        let practices = self.setup.practices.get(&caller.acting).and_then(|it| it.wrap_up);
        let teams = caller.queue.as_ref().and_then(|queue| self.setup.teams.get(&queue.team));
        let wrap_up = hers.or(practices).or(teams.map(|it| it.wrap_up)).unwrap_or_default();
        self.count_handling(&caller, agent, wrap_up);
        let wish = self.agents.get(&agent).and_then(|agent| agent.wish);
        if wrap_up.is_zero() || matches!(wish, Some(Wish::LogOut)) {
            self.wrap_up_over(self.now, agent);
        } else {
            self.set_state(agent, AgentState::WrapUp { until: self.now + wrap_up });
        }
        Ok(())
    }

    /// He waits again at the head of his class and for anybody, with a new end; she rests.
    pub(super) fn returned(&mut self, id: CallerId) -> Result<(), Refusal> {
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?;
        let Stage::Served { agent, .. } = caller.stage else { return Err(Refusal::NotServed) };
        self.rest(agent, id, false, |after| after.dropped);
        let now = self.now;
        let rules = self.setup.practices.get(&self.callers[&id].practice);
        let longest = rules.and_then(|rules| rules.wait_max);
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.has_returned = true;
            caller.deadline = Instant::ZERO;
            caller.class_since = now;
            caller.since = now;
            caller.leave_by = None;
            caller.wait_max = longest.map(|longest| now + longest);
            caller.stage = Stage::Waiting;
            let of_step = match caller.steps.get(caller.step) {
                Some(Step::Queue(queue)) => queue.until.unwrap_or(RETURNED_MAX),
                _ => RETURNED_MAX,
            };
            if let Some(queue) = &mut caller.queue {
                queue.step_end = if longest.is_none() { Some(now + of_step) } else { None };
                queue.alone_since = None;
                (queue.circle, queue.widens_at) = (Circle::Everyone, None);
            }
        }
        Ok(())
    }

    /// Whoever rings for him stops, and he is in no step. She is not to blame.
    pub(super) fn call_off(&mut self, id: CallerId, why: Withdrawal) {
        let Some(caller) = self.callers.get_mut(&id) else { return };
        caller.queue = None;
        match std::mem::replace(&mut caller.stage, Stage::Waiting) {
            Stage::Offered(rings) => {
                for ring in rings {
                    self.put_behind(ring.agent);
                    self.let_off(ring, why);
                }
            }
            Stage::Forwarded { offer, .. } => {
                self.decisions.push(Decision::Recall { offer, why });
            }
            Stage::Waiting | Stage::Served { .. } | Stage::Connected { .. } => {}
        }
    }

    pub(super) fn ages_at(&self, caller: &Caller) -> Option<Instant> {
        let team = self.setup.teams.get(&caller.queue.as_ref()?.team)?;
        let can_rise = matches!(caller.urgency, Urgency::Normal | Urgency::Priority);
        if can_rise { Some(caller.class_since + team.ageing?) } else { None }
    }

    pub(super) fn age(&mut self, id: CallerId, at: Instant) {
        let Some(caller) = self.callers.get_mut(&id) else { return };
        caller.class_since = at;
        let higher = risen(caller.urgency);
        self.give_class(id, higher, ClassBy::Ageing);
        self.has_new_class(id);
    }
}

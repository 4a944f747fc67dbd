//! What happens to a caller whom nobody picks up for: a scheduler's own decisions in virtual time.

use std::sync::Arc;
use std::time::Duration;

use acd::{
    AgentEvent, AtClosing, Bound, CallerId, CallerView, Circle, Decision, Input, Instant, LineId,
    PracticeId, PractitionerId, Reason, Refusal, Scheduler, Setup, Situation, Step, Urgency,
    Withdrawal,
};
use serde::{Deserialize, Serialize};

use super::{millis, words};
use crate::order::redirection::place;
use crate::status::{circle_word, urgency_word};

/// Nobody's: the engine counts up from 1.
pub(crate) const CALLER: CallerId = CallerId(u64::MAX);

/// A plan that has not come to its end by then is told up to here.
const COURSE_MAX: Duration = Duration::from_secs(4 * 3_600);
const EVENTS_MAX: usize = 500;
/// Of the scheduler's timers, those of other callers included.
const TURNS_MAX: usize = 100_000;

/// One thing that happens to him.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Since he called.
    pub after_ms: u64,
    /// `waits`, `rings`, `unanswered`, `widens`, `rises`, `forwarded`, `recalled`, `spent` (he may wait no
    /// longer), `alone` (nobody is there), `handed_on`, `passed`, `announced`, `busy`, `refused` or
    /// `goes_on` (beyond what is told).
    pub kind: String,
    pub what: String,
}

/// A step that he has been in.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Stage {
    /// How many practices he had been handed on to.
    pub(super) link: usize,
    /// From 0; beyond the plan's last one: busy.
    pub(super) step: usize,
    pub(super) begins_ms: u64,
    /// When it is over unless somebody picks up, and by what; `None`: it has no end, or is the end.
    pub(super) ends: Option<(u64, End)>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The step's own `for`.
    For,
    WaitMax,
    MaxUnanswered,
}

impl End {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::For => "for",
            Self::WaitMax => "wait_max",
            Self::MaxUnanswered => "max_unanswered",
        }
    }
}

/// Who enters where.
#[derive(Copy, Clone, Debug)]
pub(super) struct Entering {
    pub(super) practice: PracticeId,
    /// Whose number of the practice he dialled.
    pub(super) practitioner: Option<PractitionerId>,
    pub(super) line: Option<LineId>,
    /// Of the number that he dialled.
    pub(super) urgency: Option<Urgency>,
    pub(super) leave_by: Option<Instant>,
}

/// All of them logged in with a phone, at that civil time.
pub(crate) fn everybody_free(setup: Arc<Setup>, at_ms: i64) -> Scheduler {
    let mut scheduler = Scheduler::new(Arc::clone(&setup));
    let mut tell = |input| {
        let told = scheduler.handle(Instant::ZERO, input);
        debug_assert_eq!(told, Ok(()), "the clock and who is configured are known");
    };
    tell(Input::Clock { unix_ms: at_ms });
    for &agent in setup.agents.keys() {
        for event in [AgentEvent::Reachable, AgentEvent::LogIn] {
            tell(Input::Agent { agent, event });
        }
    }
    while scheduler.poll_decision().is_some() {}
    scheduler
}

/// From his entering to his end, if nobody picks up and nothing else happens.
pub(super) fn events(
    config: &call::Config,
    scheduler: Scheduler,
    now: Instant,
    entering: Entering,
) -> Vec<Event> {
    Course::run(config, scheduler, now, entering).events
}

/// The steps that he comes to, each as late as can be: all that come before let him in, and somebody is
/// there who does not pick up.
pub(super) fn latest(
    config: &call::Config,
    scheduler: &Scheduler,
    now: Instant,
    entering: Entering,
) -> Vec<Stage> {
    let mut scheduler = scheduler.clone();
    let setup = patient(scheduler.setup());
    let told = scheduler.handle(now, Input::Configure(setup));
    debug_assert_eq!(told, Ok(()), "a setup is never refused");
    Course::run(config, scheduler, now, entering).stages
}

struct Course<'c> {
    config: &'c call::Config,
    scheduler: Scheduler,
    entering: Entering,
    start: Instant,
    now: Instant,
    events: Vec<Event>,
    stages: Vec<Stage>,
    /// Whose plan he follows, and its steps.
    acting: PracticeId,
    steps: Vec<Step>,
    /// How often he was handed on; `None`: his practice turned meanwhile, so that steps cannot be told apart
    /// by that.
    link: Option<usize>,
    /// His class and circle as last told.
    before: Option<(Urgency, Option<Circle>)>,
    /// The first step that has been told neither as begun nor as passed over.
    next_step: usize,
    /// Why his time in a queue is over, and not only in this step.
    due: Option<(&'static str, String)>,
    /// His time is over: no queue takes him.
    is_spent: bool,
    is_over: bool,
}

impl<'c> Course<'c> {
    fn run(
        config: &'c call::Config,
        scheduler: Scheduler,
        now: Instant,
        entering: Entering,
    ) -> Self {
        let Entering { practice, practitioner, line, urgency, leave_by } = entering;
        let mut course = Self {
            config,
            scheduler,
            entering,
            start: now,
            now,
            events: Vec::new(),
            stages: Vec::new(),
            acting: practice,
            steps: Vec::new(),
            link: Some(0),
            before: None,
            next_step: 0,
            due: None,
            is_spent: false,
            is_over: false,
        };
        course.scheduler.handle_timeout(now);
        while course.scheduler.poll_decision().is_some() {}
        let outset = course.scheduler.outset(practice, practitioner, line, urgency);
        course.steps = outset.map_or_else(Vec::new, |outset| outset.plan.steps);
        let enter =
            Input::Enter { caller: CALLER, practice, practitioner, line, urgency, leave_by };
        match course.scheduler.handle(now, enter) {
            Ok(()) => course.go(),
            Err(refusal) => course.refused(refusal),
        }
        course
    }

    fn go(&mut self) {
        for _ in 0..TURNS_MAX {
            self.take();
            if self.is_over {
                return;
            }
            let Some((at, reason)) = self.scheduler.poll_timeout() else { break };
            let is_long = at.saturating_duration_since(self.start) > COURSE_MAX;
            if is_long || self.events.len() >= EVENTS_MAX {
                break;
            }
            self.now = self.now.max(at);
            self.due = self.due_at(at, reason);
            self.scheduler.handle_timeout(at);
        }
        self.tell("goes_on", "and so on".to_owned());
    }

    /// What decided; a phone that stops ringing is clear at once.
    fn take(&mut self) {
        while let Some(decision) = self.scheduler.poll_decision() {
            self.decided(decision);
            if let Decision::Withdraw { offer, agent, .. } = decision {
                let cleared = self.scheduler.handle(self.now, Input::Cleared { agent, offer });
                debug_assert_eq!(cleared, Ok(()), "who was offered is known");
            }
        }
        match self.scheduler.caller(CALLER) {
            Some(view) => self.compare(&view),
            None => self.is_over = true,
        }
    }

    /// What ends his wait at that moment beside the end of a step.
    fn due_at(&self, at: Instant, reason: Reason) -> Option<(&'static str, String)> {
        let view = self.scheduler.caller(CALLER)?;
        if view.leave_by == Some(at) {
            let what = "his operator waits no longer (max_unanswered of the trunk)".to_owned();
            return Some(("spent", what));
        }
        if view.wait_max == Some(at) {
            return Some(("spent", "he may wait no longer (wait_max)".to_owned()));
        }
        let is_alone = reason == Reason::WaitEnd { caller: CALLER, bound: Bound::Nobody };
        let team = view.waiting.team.filter(|_| is_alone)?;
        let what = format!("nobody is there in {} (nobody)", self.team(team));
        Some(("alone", what))
    }

    fn decided(&mut self, decision: Decision) {
        let is_his = |offer: acd::OfferId| offer.caller == CALLER;
        match decision {
            Decision::Offer { offer, agent, .. } if is_his(offer) => {
                self.begin();
                let what = format!("rings {}", self.agent(agent));
                self.tell("rings", what);
            }
            Decision::Withdraw { offer, agent, why } if is_his(offer) => {
                let who = self.agent(agent);
                self.tell("unanswered", withdrawn(&who, why));
            }
            Decision::Forward { offer, target, deadline } if is_his(offer) => {
                self.begin();
                let left = millis(deadline.saturating_duration_since(self.now));
                let to = place(self.config, target);
                let step = self.next_step;
                let what =
                    format!("step {step}: is forwarded to {to}, which rings for {}", seconds(left));
                self.tell("forwarded", what);
            }
            Decision::Recall { offer, .. } if is_his(offer) => {
                self.tell("recalled", "nobody took him there".to_owned());
            }
            Decision::Plan { caller: CALLER, practice, situation } => {
                self.follows(practice, situation);
            }
            Decision::Announce { caller: CALLER, step, prompt, answer, urgent_key } => {
                self.pass_over(step);
                self.ends_in(step);
                let name = self.config.prompts.get(&prompt).map_or("?", |it| &it.name);
                let how = if answer { "answered for it" } else { "not answered" };
                let end = format!("then the call ends{}", words::unless_pressed(urgent_key));
                self.tell("announced", format!("hears \"{name}\" ({how}), {end}"));
            }
            Decision::Busy { caller: CALLER } => {
                let is_busy = |step: &Step| *step == Step::Busy;
                let rest = self.steps.get(self.next_step..).unwrap_or_default();
                let last = rest.iter().position(is_busy).map(|at| self.next_step + at);
                let last = last.unwrap_or(self.steps.len());
                self.pass_over(last);
                self.ends_in(last);
                self.tell("busy", "hears busy, the call ends".to_owned());
            }
            Decision::Offer { .. }
            | Decision::Withdraw { .. }
            | Decision::Serve { .. }
            | Decision::Refuse { .. }
            | Decision::Forward { .. }
            | Decision::Recall { .. }
            | Decision::Connect { .. }
            | Decision::Plan { .. }
            | Decision::Class { .. }
            | Decision::Overflow { .. }
            | Decision::Announce { .. }
            | Decision::Busy { .. }
            | Decision::State { .. }
            | Decision::Situation { .. }
            | Decision::OverrideOver { .. } => {} // of others, or told by what follows from it
        }
    }

    /// He goes on with this practice's plan as it holds: handed on, or because it turned.
    fn follows(&mut self, practice: PracticeId, situation: Situation) {
        let hand = |step: &Step| *step == Step::Practice(practice);
        let by = self.steps.iter().position(hand).filter(|&by| by >= self.next_step);
        match by {
            Some(by) if practice != self.acting => {
                self.pass_over(by);
                self.note_stage(by, None);
                self.link = self.link.map(|link| link + 1);
            }
            Some(_) | None => self.link = None,
        }
        let name = words::practice(self.config, practice);
        let what = format!("goes on with the plan of {name}, {}", situation.as_str());
        self.tell("handed_on", what);
        let outset = self.scheduler.outset(practice, None, None, None);
        self.steps = outset.map_or_else(Vec::new, |outset| outset.plan.steps);
        (self.acting, self.next_step) = (practice, 0);
    }

    /// The step that he is in, if that has not been told.
    fn begin(&mut self) {
        if let Some(view) = self.scheduler.caller(CALLER) {
            self.compare(&view);
        }
    }

    fn compare(&mut self, view: &CallerView) {
        let waiting = &view.waiting;
        let now = (waiting.urgency, waiting.team.map(|_| waiting.circle));
        if waiting.step >= self.next_step {
            self.pass_over(waiting.step);
            self.next_step = waiting.step + 1;
            self.note_stage(waiting.step, ends(view));
            if let Some(team) = waiting.team {
                let what = format!("step {}: waits for {}", waiting.step + 1, self.team(team));
                self.tell("waits", format!("{what}{}", circle(waiting.circle)));
            }
        } else if let Some((urgency, before)) = self.before {
            if before != now.1 && now.1.is_some() {
                let what = format!("may be given to {}", whom(waiting.circle));
                self.tell("widens", what);
            }
            if urgency != waiting.urgency {
                let what = format!("rises to {}", urgency_word(waiting.urgency));
                self.tell("rises", what);
            }
        }
        self.before = Some(now);
    }

    /// Why his wait is over, then the steps up to this one that he does not come to.
    fn pass_over(&mut self, step: usize) {
        if let Some((kind, what)) = self.due.take() {
            self.is_spent |= kind == "spent";
            self.tell(kind, what);
        }
        for passed in self.next_step..step {
            let why = self.why_passed(passed);
            self.tell("passed", format!("step {}: passed over{why}", passed + 1));
        }
        self.next_step = self.next_step.max(step);
    }

    /// He may have left a queue for a later step, and not only been kept out of one.
    fn why_passed(&self, step: usize) -> String {
        match self.steps.get(step) {
            _ if self.is_spent => String::new(),
            Some(Step::Queue(queue)) => {
                let Entering { practice, line, urgency, .. } = self.entering;
                let view = self.scheduler.caller(CALLER);
                let urgency = view.map(|view| view.waiting.urgency).or(urgency).unwrap_or_default();
                let entry = self.scheduler.entry(practice, line, urgency, self.acting, queue);
                let refusing = words::refusing(queue, &entry);
                let told = if refusing.is_empty() { words::conditions(queue) } else { refusing };
                format!(": {}", told.join(", "))
            }
            Some(Step::Practice(_)) => {
                ": he has been handed on too often, or it is gone".to_owned()
            }
            Some(Step::Forward(_) | Step::Announce { .. } | Step::Busy) | None => String::new(),
        }
    }

    fn ends_in(&mut self, step: usize) {
        self.note_stage(step, None);
        self.next_step = step + 1;
    }

    fn note_stage(&mut self, step: usize, ends: Option<(Instant, End)>) {
        let since = |at: Instant| millis(at.saturating_duration_since(self.start));
        if let Some(link) = self.link {
            let (begins_ms, ends) = (since(self.now), ends.map(|(at, end)| (since(at), end)));
            self.stages.push(Stage { link, step, begins_ms, ends });
        }
    }

    fn refused(&mut self, refusal: Refusal) {
        self.tell("refused", format!("is refused: {refusal}"));
    }

    fn tell(&mut self, kind: &str, what: String) {
        let after_ms = millis(self.now.saturating_duration_since(self.start));
        self.events.push(Event { after_ms, kind: kind.to_owned(), what });
    }

    fn team(&self, team: acd::TeamId) -> &str {
        self.config.teams.get(&team).map_or("?", String::as_str)
    }

    fn agent(&self, agent: acd::AgentId) -> String {
        let known = self.config.agents.get(&agent);
        known.map_or_else(|| "?".to_owned(), |it| words::person(&it.user, &it.name))
    }
}

/// Of the step that he is in.
fn ends(view: &CallerView) -> Option<(Instant, End)> {
    if let acd::CallerStage::Forwarded { deadline, .. } = view.stage {
        let is_capped = view.leave_by == Some(deadline);
        return Some((deadline, if is_capped { End::MaxUnanswered } else { End::For }));
    }
    // Of two at once the one that takes him further is told.
    let ends = [
        (view.leave_by, End::MaxUnanswered),
        (view.wait_max, End::WaitMax),
        (view.step_end, End::For),
    ];
    ends.into_iter().filter_map(|(at, end)| Some((at?, end))).min_by_key(|(at, _)| *at)
}

fn withdrawn(who: &str, why: Withdrawal) -> String {
    match why {
        Withdrawal::Expired => format!("{who} does not answer"),
        Withdrawal::Overflowed => format!("{who} is not rung any more"),
        Withdrawal::CallerLeft | Withdrawal::LoggedOut | Withdrawal::Won => {
            format!("{who} is let go")
        }
    }
}

fn circle(circle: Circle) -> String {
    match circle {
        Circle::Everyone => String::new(),
        Circle::Own | Circle::Skilled => format!(", {} at first", circle_word(circle)),
    }
}

fn whom(circle: Circle) -> &'static str {
    match circle {
        Circle::Own => "the practice's own secretaries",
        Circle::Skilled => "who has its skill",
        Circle::Everyone => "everyone of the team",
    }
}

fn seconds(ms: u64) -> String {
    words::duration(Duration::from_millis(ms))
}

/// A setup that takes whoever comes, and where somebody is always there: nobody leaves a step before its
/// time is over.
fn patient(setup: &Setup) -> Arc<Setup> {
    let mut setup = setup.clone();
    setup.limits.waiting_max = usize::MAX;
    for team in setup.teams.values_mut() {
        team.misses_max = 0;
    }
    for practice in setup.practices.values_mut() {
        practice.waiting_max = None;
        practice.at_closing = AtClosing::ServeOn;
        for step in practice.plans_mut().flat_map(|plan| &mut plan.steps) {
            match step {
                Step::Queue(queue) => {
                    queue.nobody = None;
                    queue.unless_waiting = None;
                    queue.unless_expected = None;
                    queue.unless_none_free = false;
                }
                Step::Forward(_) | Step::Practice(_) | Step::Announce { .. } | Step::Busy => {}
            }
        }
    }
    Arc::new(setup)
}

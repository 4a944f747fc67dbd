//! What happens to a caller whom nobody picks up for: a scheduler's own decisions in virtual time.

use std::sync::Arc;
use std::time::Duration;

use acd::{
    AgentEvent, CallerId, CallerView, Circle, Decision, Input, Instant, Refusal, Scheduler, Setup,
    Urgency, Withdrawal,
};
use serde::{Deserialize, Serialize};

use super::{millis, without_conditions};
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
    /// `waits`, `rings`, `unanswered`, `widens`, `rises`, `forwarded`, `recalled`, `handed_on`, `passed`,
    /// `announced`, `busy`, `refused` or `goes_on` (beyond what is told).
    pub kind: String,
    pub what: String,
}

/// All of them logged in with a phone, at that civil time.
pub(crate) fn everybody_free(setup: &Setup, at_ms: i64) -> Scheduler {
    let setup = without_conditions(setup);
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
pub(crate) fn of(
    config: &call::Config,
    scheduler: Scheduler,
    now: Instant,
    enter: Input,
) -> Vec<Event> {
    let mut course = Course {
        config,
        scheduler,
        start: now,
        now,
        events: Vec::new(),
        before: None,
        next_step: 0,
        is_over: false,
    };
    course.scheduler.handle_timeout(now);
    while course.scheduler.poll_decision().is_some() {}
    match course.scheduler.handle(now, enter) {
        Ok(()) => course.run(),
        Err(refusal) => course.refused(refusal),
    }
    course.events
}

struct Course<'c> {
    config: &'c call::Config,
    scheduler: Scheduler,
    start: Instant,
    now: Instant,
    events: Vec<Event>,
    /// His class and circle as last told.
    before: Option<(Urgency, Option<Circle>)>,
    /// The first step that has been told neither as begun nor as passed over.
    next_step: usize,
    is_over: bool,
}

impl Course<'_> {
    fn run(&mut self) {
        for _ in 0..TURNS_MAX {
            self.take();
            if self.is_over {
                return;
            }
            let Some((at, _)) = self.scheduler.poll_timeout() else { break };
            let is_long = at.saturating_duration_since(self.start) > COURSE_MAX;
            if is_long || self.events.len() >= EVENTS_MAX {
                break;
            }
            self.now = self.now.max(at);
            self.scheduler.handle_timeout(at);
        }
        self.tell("goes_on", "and so on".to_owned());
    }

    /// What was decided; a phone that stops ringing is clear at once.
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
                let what = format!("is forwarded to {to}, which rings for {}", seconds(left));
                self.tell("forwarded", what);
            }
            Decision::Recall { offer, .. } if is_his(offer) => {
                self.tell("recalled", "nobody took him there".to_owned());
            }
            Decision::Plan { caller: CALLER, practice, situation } => {
                let name = self.config.practices.get(&practice).map_or("?", |it| &it.name);
                let what = format!("goes on with the plan of {name}, {}", situation.as_str());
                self.tell("handed_on", what);
                self.next_step = 0;
            }
            Decision::Announce { caller: CALLER, step, prompt, answer, urgent_key } => {
                self.pass_over(step);
                let name = self.config.prompts.get(&prompt).map_or("?", |it| &it.name);
                let how = if answer { "answered for it" } else { "not answered" };
                let end = format!("then the call ends{}", super::words::unless_pressed(urgent_key));
                self.tell("announced", format!("hears \"{name}\" ({how}), {end}"));
            }
            Decision::Busy { caller: CALLER } => {
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
            if let Some(team) = waiting.team {
                let team = self.config.teams.get(&team).map_or("?", String::as_str);
                let what = format!("step {}: waits for {team}", waiting.step + 1);
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

    fn pass_over(&mut self, step: usize) {
        for passed in self.next_step..step {
            // He may have left a queue for a later step, and not only been kept out of one.
            let what = format!("step {}: passed over", passed + 1);
            self.tell("passed", what);
        }
        self.next_step = self.next_step.max(step);
    }

    fn refused(&mut self, refusal: Refusal) {
        self.tell("refused", format!("is refused: {refusal}"));
    }

    fn tell(&mut self, kind: &str, what: String) {
        let after_ms = millis(self.now.saturating_duration_since(self.start));
        self.events.push(Event { after_ms, kind: kind.to_owned(), what });
    }

    fn agent(&self, agent: acd::AgentId) -> String {
        let known = self.config.agents.get(&agent);
        known.map_or_else(|| "?".to_owned(), |it| super::words::person(&it.user, &it.name))
    }
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
    super::words::duration(Duration::from_millis(ms))
}

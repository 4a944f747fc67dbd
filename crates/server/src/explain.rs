//! What would happen to a call, step by step, and why: `monoligne explain`.
//!
//! It decides nothing: the caller enters a scheduler of his own (`course`), made of the configuration, or a
//! copy of the running one, where nobody picks up. What is said beside that (which rule, which hours) is read
//! from the same configuration; `places` finds where its files say so, `words` writes it for people.
//!
//! [`Explanation`] is also what `--json` prints; its shape only grows.

mod course;
mod places;
mod words;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use acd::{Circle, Outset, Scheduler, Situation, Step, Urgency, Way, circles, verdicts};
use call::{E164, PracticeId, PractitionerId};
use serde::{Deserialize, Serialize};

use crate::config::Loaded;
use crate::inbox::FloorCopy;
use crate::order::practice::{said, shown};
use crate::status::{circle_word, state_word, urgency_word};

pub use course::Event;
pub(crate) use course::everybody_free;
pub use places::Places;
pub(crate) use words::step;

/// Who calls whom, and when.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The number dialled, as people write it.
    pub did: String,
    /// A number, or `withheld`.
    pub from: String,
    /// The numbers that it was forwarded from, the latest first.
    #[serde(default)]
    pub diversion: Vec<String>,
    /// A day or a moment of the practice's clock (`2026-11-26T08:30`) or a time of today's (`08:30`);
    /// `None`: now. The running server is asked about now only.
    #[serde(default)]
    pub at: Option<String>,
    /// The name of the trunk that it comes by; `None`: the first.
    #[serde(default)]
    pub trunk: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    pub did: String,
    pub from: String,
    /// `2026-11-26T08:30:00` on the practice's clock.
    pub at: String,
    /// `Mon` to `Sun`.
    pub weekday: String,
    pub zone: String,
    /// True states of the running server.
    pub live: bool,
    /// The SIP status at once and why; then there is nothing else.
    pub refused: Option<String>,
    pub practice: Option<PracticeFound>,
    pub class: Option<Class>,
    pub situation: Option<Held>,
    pub promise: Option<Promise>,
    pub plan: Vec<PlanStep>,
    /// Of each team in the plan.
    pub who: Vec<Who>,
    /// What happens if nobody picks up, in order.
    pub course: Vec<Event>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PracticeFound {
    pub name: String,
    pub label: String,
    /// The number that led to it.
    pub number: String,
    /// `own`, `forwarded` (a number that the call was forwarded from) or `shared` (none of them is
    /// anybody's: whoever takes those calls).
    pub by: String,
    pub place: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// `normal`, `priority`, `urgent` or `vital`.
    pub urgency: String,
    pub why: String,
    pub place: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// `open`, `closed`, `leave`, `redirected` or `listed` (the caller has a rule of his own).
    pub situation: String,
    pub why: String,
    /// Of the hours, in quotes there.
    pub comment: String,
    /// When it may change next, on the practice's clock.
    pub until: Option<String>,
    pub place: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    pub answer_within_ms: u64,
    pub trunk: String,
    /// How long that trunk lets a call be unanswered.
    pub max_unanswered_ms: Option<u64>,
    /// How long he may wait in queues altogether.
    pub wait_max_ms: Option<u64>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// From 1.
    pub step: usize,
    pub what: String,
    pub place: Option<String>,
}

/// Who of a team may have him.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Who {
    pub team: String,
    /// From narrow to wide.
    pub circles: Vec<CircleOf>,
    /// Who may not even have him when the circle is widest.
    pub unsuited: Vec<NotSuited>,
    /// Free agents that are kept for urgent callers.
    pub reserve: usize,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CircleOf {
    /// `own`, `skilled` or `everyone`.
    pub circle: String,
    pub after_ms: u64,
    /// In the order in which they are rung when all are equally idle.
    pub agents: Vec<Suited>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Suited {
    pub user: String,
    pub name: String,
    pub own: bool,
    /// In the practice's skill.
    pub level: u8,
    /// Of the running server: why she cannot be rung now; empty: she is free.
    pub state: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct NotSuited {
    pub user: String,
    pub name: String,
    pub why: String,
}

/// By the files alone: all secretaries logged in and free, nobody else waiting. `now_ms` is civil time.
pub fn of(loaded: &Loaded, question: &Question, now_ms: i64) -> Result<Explanation, String> {
    let asked = Asked::read(&loaded.engine, question)?;
    let zone = asked.zone(&loaded.engine);
    let at_ms = question.at.as_deref().map_or(Ok(now_ms), |at| moment(zone, at, now_ms))?;
    let scheduler = everybody_free(&loaded.engine.floor, at_ms);
    Ok(asked.explain(&loaded.engine, &scheduler, acd::Instant::ZERO, at_ms, false))
}

/// By a scheduler of the caller's own, at that civil time.
pub(crate) fn by(
    config: &call::Config,
    scheduler: &Scheduler,
    question: &Question,
    at_ms: i64,
) -> Result<Explanation, String> {
    let asked = Asked::read(config, question)?;
    Ok(asked.explain(config, scheduler, acd::Instant::ZERO, at_ms, false))
}

/// By the states of a running server.
pub(crate) fn live(copy: FloorCopy, question: &Question) -> Result<Explanation, String> {
    let FloorCopy { config, scheduler, now } = copy;
    let asked = Asked::read(&config, question)?;
    if question.at.is_some() {
        return Err(
            "the running server knows its states of now only: leave --at or --live out".to_owned()
        );
    }
    let Some(at_ms) = scheduler.unix_ms_at(now) else {
        return Err("the time of day is not known yet: try again".to_owned());
    };
    Ok(asked.explain(&config, &scheduler, now, at_ms, true))
}

/// A moment of that zone's clock, or a time of its day.
pub(crate) fn moment(zone: acd::TimeZone, text: &str, now_ms: i64) -> Result<i64, String> {
    let whole = match text.len() {
        5 => format!("{}T{text}", &zone.wall(now_ms)[..10]),
        _ => text.to_owned(),
    };
    zone.unix_ms(&whole).map_err(|_| {
        format!("{text:?} is no moment: write \"2026-11-26T08:30\", or \"08:30\" for today")
    })
}

/// A question whose numbers are read.
pub(crate) struct Asked {
    pub(crate) did: E164,
    /// `None`: withheld.
    pub(crate) from: Option<E164>,
    /// The number that led to it, and how.
    pub(crate) found: Option<(E164, PracticeId, &'static str)>,
    pub(crate) trunk: Option<call::TrunkId>,
}

impl Asked {
    fn read(config: &call::Config, question: &Question) -> Result<Self, String> {
        let number = |text: &str| E164::read(text).map_err(|error| format!("{text}: {error}"));
        let did = number(&question.did)?;
        let from = match question.from.as_str() {
            "withheld" => None,
            text => Some(number(text)?),
        };
        let diversions = question.diversion.iter().map(|text| number(text));
        let diversions: Vec<E164> = diversions.collect::<Result<_, _>>()?;
        let trunk = match &question.trunk {
            Some(name) => {
                let known = config.trunks.iter().find(|(_, trunk)| trunk.name == *name);
                let names: Vec<&str> = config.trunks.values().map(|it| it.name.as_str()).collect();
                let unknown = || format!("there is no trunk {name:?}, only {}", names.join(", "));
                Some(*known.ok_or_else(unknown)?.0)
            }
            None => config.trunks.keys().next().copied(),
        };
        let found = std::iter::once((did, "own"))
            .chain(diversions.iter().map(|number| (*number, "forwarded")))
            .find_map(|(number, by)| Some((number, *config.numbers.get(&number)?, by)));
        let shared = || {
            let all = std::iter::once(did).chain(diversions.iter().copied());
            all.map(|number| (number, config.shared.get(&number)))
                .find_map(|(number, whose)| Some((number, *whose?, "shared")))
        };
        Ok(Self { did, from, found: found.or_else(shared), trunk })
    }

    fn zone(&self, config: &call::Config) -> acd::TimeZone {
        let known = self.found.and_then(|(_, practice, _)| config.floor.practices.get(&practice));
        known.map(|practice| practice.hours.zone()).unwrap_or_default()
    }

    /// He enters a copy of the scheduler at that instant, which is `at_ms` by civil time.
    pub(crate) fn explain(
        &self,
        config: &call::Config,
        scheduler: &Scheduler,
        now: acd::Instant,
        at_ms: i64,
        is_live: bool,
    ) -> Explanation {
        let zone = self.zone(config);
        let mut told = Explanation {
            did: self.did.spoken(),
            from: self.from.map_or_else(|| "withheld".to_owned(), E164::spoken),
            at: zone.wall(at_ms),
            weekday: zone.weekday(at_ms),
            zone: zone.to_string(),
            live: is_live,
            refused: None,
            practice: None,
            class: None,
            situation: None,
            promise: None,
            plan: Vec::new(),
            who: Vec::new(),
            course: Vec::new(),
        };
        let line = self.from.map(E164::line);
        let Some((number, id, by)) = self.found else {
            told.refused = Some(format!("404: {} is no number of ours", self.did.spoken()));
            return told;
        };
        let urgent = config.urgent_numbers.get(&number).copied();
        let known = config.practices.get(&id);
        let called = known.and_then(|known| known.practitioner(number));
        let practitioner = called.map(|(id, _)| id);
        let outset = scheduler.outset(id, practitioner, line, urgent);
        let (Some(outset), Some(practice)) = (outset, config.floor.practices.get(&id)) else {
            told.refused = Some("404: the practice is not configured any more".to_owned());
            return told;
        };
        told.practice = Some(PracticeFound {
            name: known.map_or_else(String::new, |it| it.name.clone()),
            label: known.map_or_else(String::new, |it| it.label_for(number)),
            number: number.spoken(),
            by: by.to_owned(),
            place: None,
        });
        let asks = Asks { practice, called, line, urgent, outset: &outset };
        told.class = Some(asks.class());
        told.situation = Some(asks.held(config, id, scheduler, at_ms));
        let trunk = self.trunk.and_then(|trunk| config.trunks.get(&trunk));
        told.promise = Some(Promise {
            answer_within_ms: millis(practice.answer_within),
            trunk: trunk.map_or_else(String::new, |trunk| trunk.name.clone()),
            max_unanswered_ms: trunk.map(|trunk| millis(trunk.max_unanswered)),
            wait_max_ms: practice.wait_max.map(millis),
        });
        let steps = || outset.plan.steps.iter().zip(1..);
        told.plan = steps()
            .map(|(step, number)| PlanStep {
                step: number,
                what: words::step(config, step),
                place: None,
            })
            .collect();
        told.who = who(config, scheduler, id, &outset, is_live);
        let leave_by = trunk.map(|trunk| now + trunk.max_unanswered);
        let enter = acd::Input::Enter {
            caller: course::CALLER,
            practice: id,
            practitioner,
            line,
            urgency: urgent,
            leave_by,
        };
        told.course = course::of(config, scheduler.clone(), now, enter);
        told
    }
}

/// What decides of one caller of one practice.
struct Asks<'a> {
    practice: &'a acd::Practice,
    /// Whose number of the practice he called.
    called: Option<(PractitionerId, &'a call::Practitioner)>,
    line: Option<acd::LineId>,
    urgent: Option<Urgency>,
    outset: &'a Outset,
}

impl Asks<'_> {
    fn rule(&self) -> Option<&acd::CallerRule> {
        self.practice.rule_for(self.called.map(|(id, _)| id), self.line?)
    }

    /// Whose rule that is.
    fn whose(&self) -> &str {
        let own = self.called.and_then(|(id, called)| {
            let rules = self.practice.practitioners.get(&id)?;
            rules.callers.contains_key(&self.line?).then_some(called.name.as_str())
        });
        own.unwrap_or("the practice")
    }

    /// The leave of whom he called that holds, and its name.
    fn away(&self, at_ms: i64) -> Option<(&acd::Leave, &str)> {
        let (id, called) = self.called?;
        let mut leave = self.practice.practitioners.get(&id)?.leave.iter();
        Some((leave.find(|leave| leave.period.contains(at_ms))?, called.name.as_str()))
    }

    /// The rule for who calls too often, where it holds for this call.
    fn repeated(&self) -> Option<&acd::Repeated> {
        self.practice.repeated.as_ref().filter(|it| self.outset.calls >= it.calls.max(1))
    }

    fn class(&self) -> Class {
        let of_rule = self.rule().and_then(|rule| rule.urgency);
        let mut why = match (self.urgent, of_rule) {
            (Some(urgent), of_rule) if of_rule.is_none_or(|of_rule| urgent <= of_rule) => {
                "by the urgent number that he dialled".to_owned()
            }
            (_, Some(_)) => format!("{}'s rule for this caller", self.whose()),
            (_, None) => "the practice's".to_owned(),
        };
        if let Some(acd::Repeated { within, then: acd::Insistence::Rise, .. }) = self.repeated() {
            let (calls, within) = (self.outset.calls, words::duration(*within));
            why = format!("{why}, risen by one: his call {calls} within {within}");
        }
        Class { urgency: urgency_word(self.outset.urgency).to_owned(), why, place: None }
    }

    fn held(
        &self,
        config: &call::Config,
        id: PracticeId,
        scheduler: &Scheduler,
        at_ms: i64,
    ) -> Held {
        let (practice, hours) = (self.practice, &self.practice.hours);
        let zone = hours.zone();
        let over = scheduler
            .overrides()
            .find(|(practice, over)| *practice == id && over.until_unix_ms > at_ms);
        let leave = practice.leave.iter().position(|leave| leave.period.contains(at_ms));
        let is_listed = self.outset.situation == Situation::Listed;
        let (why, until) = match (is_listed, over, self.away(at_ms), leave) {
            (true, _, _, _) => (self.listed(), None),
            (false, Some((_, over)), _, _) => {
                (format!("an override: {}", said(config, id, &over)), Some(over.until_unix_ms))
            }
            (false, None, Some((leave, name)), _) => {
                let (from, until) = leave.period.into();
                let (from, to) = (shown(zone, from), shown(zone, until));
                (format!("{name} is away from {from} to {to}"), Some(until))
            }
            (false, None, None, Some(index)) => {
                let (from, until) = practice.leave[index].period.into();
                let (from, to) = (shown(zone, from), shown(zone, until));
                (format!("leave {} of its list, from {from} to {to}", index + 1), Some(until))
            }
            (false, None, None, None) => {
                (format!("by its hours `{}`", hours.text()), hours.next_change(at_ms))
            }
        };
        Held {
            situation: self.outset.situation.as_str().to_owned(),
            why,
            comment: match self.outset.situation {
                Situation::Open | Situation::Closed => hours.state(at_ms).comment.to_string(),
                Situation::Leave | Situation::Redirected | Situation::Listed => String::new(),
            },
            until: until.map(|until| shown(zone, until)),
            place: None,
        }
    }

    fn listed(&self) -> String {
        match self.rule().map(|rule| &rule.way) {
            Some(Way::Through) => {
                "this caller always gets through: the open plan, no limit counts him".to_owned()
            }
            Some(Way::Plan(_)) => format!("{} has a plan for this caller", self.whose()),
            Some(Way::Usual) | None => {
                let within = self.repeated().map(|it| words::duration(it.within));
                let (calls, within) = (self.outset.calls, within.unwrap_or_default());
                format!("he calls too often: call {calls} within {within}")
            }
        }
    }
}

fn who(
    config: &call::Config,
    scheduler: &Scheduler,
    id: PracticeId,
    outset: &Outset,
    is_live: bool,
) -> Vec<Who> {
    let floor = &config.floor;
    let mut teams = Vec::new();
    for step in &outset.plan.steps {
        match step {
            Step::Queue(queue) if !teams.contains(&queue.team) => teams.push(queue.team),
            Step::Queue(_)
            | Step::Forward(_)
            | Step::Practice(_)
            | Step::Announce { .. }
            | Step::Busy => {}
        }
    }
    let name = |agent: acd::AgentId| {
        let known = config.agents.get(&agent);
        known.map_or_else(Default::default, |it| (it.user.clone(), it.name.clone()))
    };
    let of_team = |team: &acd::TeamId| {
        let all = |circle| verdicts(floor, id, *team, circle);
        let circles = circles(floor, id, *team).into_iter().map(|widening| CircleOf {
            circle: circle_word(widening.circle).to_owned(),
            after_ms: millis(widening.after),
            agents: all(widening.circle)
                .into_iter()
                .filter(|verdict| verdict.unsuited.is_none())
                .map(|verdict| {
                    let (user, name) = name(verdict.agent);
                    let state = is_live.then(|| why_not_free(scheduler, verdict.agent));
                    Suited { user, name, own: verdict.is_own, level: verdict.level, state }
                })
                .collect(),
        });
        let unsuited = all(Circle::Everyone).into_iter().filter_map(|verdict| {
            let why = words::unsuited(verdict.unsuited?).to_owned();
            let (user, name) = name(verdict.agent);
            Some(NotSuited { user, name, why })
        });
        Who {
            team: config.teams.get(team).cloned().unwrap_or_default(),
            circles: circles.collect(),
            unsuited: unsuited.collect(),
            reserve: floor.teams.get(team).map_or(0, |team| team.reserve),
        }
    };
    teams.iter().map(of_team).collect()
}

/// Empty: an offer may be made to her.
fn why_not_free(scheduler: &Scheduler, agent: acd::AgentId) -> String {
    let Some(view) = scheduler.agent(agent) else { return "unknown".to_owned() };
    if view.free {
        return String::new();
    }
    match view.state {
        acd::AgentState::Available if !view.reachable => "no phone can be reached".to_owned(),
        acd::AgentState::Available => "her line is not clear yet".to_owned(),
        state @ (acd::AgentState::LoggedOut
        | acd::AgentState::Offered(_)
        | acd::AgentState::Talking(_)
        | acd::AgentState::WrapUp { .. }
        | acd::AgentState::Resting { .. }
        | acd::AgentState::Paused { .. }
        | acd::AgentState::NotResponding) => state_word(&state).to_owned(),
    }
}

impl Explanation {
    /// Adds where the files say it.
    pub fn locate(&mut self, config: &Path) {
        let places = Places::read(config);
        let Some(found) = &mut self.practice else { return };
        let name = found.name.clone();
        let number = E164::read(&found.number).ok();
        found.place = number.and_then(|number| places.number(&name, number));
        let caller = E164::read(&self.from).ok().and_then(|from| places.caller(&name, from));
        let key = |key| places.key(&name, key);
        if let Some(class) = &mut self.class {
            class.place = match class.why.contains("this caller") {
                true => caller.clone(),
                false => key("urgency"),
            };
        }
        let Some(held) = &mut self.situation else { return };
        let leave = held.why.strip_prefix("leave ").and_then(|rest| rest.split(' ').next());
        let leave = leave.and_then(|number| number.parse::<usize>().ok());
        let (why, plan) = match held.situation.as_str() {
            "open" => (key("hours"), key("plan")),
            "closed" => (key("hours"), key("closed")),
            "leave" => match leave {
                Some(number) => {
                    let entry = places.leave(&name, number - 1);
                    (entry.clone(), entry)
                }
                None => (None, key("leave")),
            },
            "listed" if held.why.contains("too often") => (key("repeated"), key("repeated")),
            "listed" if held.why.contains("gets through") => (caller, key("plan")),
            "listed" => (caller.clone(), caller),
            _ => (None, None),
        };
        held.place = if held.why.starts_with("an override") { None } else { why };
        for step in &mut self.plan {
            step.place.clone_from(&plan);
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        words::text(self)
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A setup that takes whoever comes: an explanation supposes that there is room and somebody free.
pub(crate) fn without_conditions(setup: &acd::Setup) -> Arc<acd::Setup> {
    let mut setup = setup.clone();
    for practice in setup.practices.values_mut() {
        practice.waiting_max = None;
        let rules = practice.callers.values_mut();
        let (mut rules, mut leave): (Vec<_>, Vec<_>) =
            (rules.collect(), practice.leave.iter_mut().collect());
        for practitioner in practice.practitioners.values_mut() {
            rules.extend(practitioner.callers.values_mut());
            leave.extend(&mut practitioner.leave);
        }
        let of_callers = rules.into_iter().filter_map(|rule| match &mut rule.way {
            Way::Plan(plan) => Some(plan),
            Way::Usual | Way::Through => None,
        });
        let plans = [&mut practice.open, &mut practice.closed, &mut practice.away]
            .into_iter()
            .chain(leave.into_iter().map(|leave| &mut leave.plan))
            .chain(of_callers);
        for step in plans.flat_map(|plan| &mut plan.steps) {
            match step {
                Step::Queue(queue) => {
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

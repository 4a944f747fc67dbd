//! What would happen to a call, step by step, and why: `monoligne explain`.
//!
//! It decides nothing: the caller enters a scheduler of his own (`course`), made of the configuration, or a
//! copy of the running one, where nobody picks up. What is said beside that (which rule, which hours) is read
//! from the same configuration; `places` finds where its files say so, `words` writes it for people.
//!
//! [`Explanation`] is also what `--json` prints; its shape only grows.

mod course;
mod holding;
mod places;
mod plans;
mod words;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use acd::Scheduler;
use call::{E164, PracticeId, TrunkId};
use serde::{Deserialize, Serialize};

use self::course::Entering;
use self::holding::{Link, chain};
use self::plans::{Plans, class};
use crate::config::Loaded;
use crate::inbox::FloorCopy;

pub use course::Event;
pub(crate) use course::everybody_free;
pub use places::Places;
pub(crate) use words::{duration, step, step_with, titled};

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
    /// The name of the trunk that it comes by.
    #[serde(default)]
    pub trunk: Option<String>,
    /// Where none is named: the one that brings the number as the files say, if it is there. `None`: the one
    /// whose network waits least.
    #[serde(default)]
    pub likely_trunk: Option<String>,
}

impl Question {
    /// With the trunk that brings its number.
    pub fn with_likely_trunk(&self, loaded: &Loaded) -> Self {
        let brings = || {
            let id = loaded.trunk_of(E164::read(&self.did).ok()?)?;
            Some(loaded.engine.trunks[&id].name.clone())
        };
        Self { likely_trunk: brings(), ..self.clone() }
    }
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
    /// The name of its table or file: no other practice has it.
    pub key: String,
    /// With the key behind it where several are called so.
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
    /// Of the practice's file: `urgency`, `urgent_numbers`, `callers.urgency`.
    pub key: String,
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
    /// A line of the files, or who ordered it.
    pub place: Option<String>,
    /// Of the practice's file: `hours`, `leave[0]`, `callers[1].through`, `repeated`; `None`: an override.
    pub key: Option<String>,
    /// The rule of its hours that decides, where they do.
    pub rule: Option<String>,
    /// What the public holiday is called that the day is by the practice's calendar, where its hours decide.
    pub holiday: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    pub answer_within_ms: u64,
    pub trunk: String,
    /// How long that trunk lets a call be unanswered.
    pub max_unanswered_ms: Option<u64>,
    /// How much less where the practice's own phone rang before (`reason=no-answer`).
    pub rang_before_ms: Option<u64>,
    /// How long he may wait in queues altogether.
    pub wait_max_ms: Option<u64>,
    /// Of `answer_within`.
    pub place: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// The key of the practice whose plan it is of.
    pub practice: String,
    /// From 1, in that plan.
    pub step: usize,
    pub what: String,
    pub place: Option<String>,
    /// Of that practice's file: `plan[0]`, `leave[1].plan[0]`.
    pub key: Option<String>,
    /// When he comes to it at the latest: all steps before let him in, and somebody is there who does not
    /// pick up. `None`: then he does not come to it, but only if he leaves a step before it sooner.
    pub begins_ms: Option<u64>,
    /// When he leaves it then; `None`: it has no end, or is the end.
    pub ends_ms: Option<u64>,
    /// What ends it then: `for`, `wait_max` (of the practice) or `max_unanswered` (of the trunk).
    pub ends_by: Option<String>,
    /// Of a queue: what its conditions say of a caller who comes to it at that moment.
    pub entry: Option<EntryNow>,
    /// Of a step that hands him on to another practice: what holds there.
    pub goes_on: Option<Held>,
}

/// Whether a queue would take him now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct EntryNow {
    pub lets_in: bool,
    /// What its conditions see: how many wait, what wait is expected, who is free or there.
    pub why: Vec<String>,
}

/// Who of a team may have him.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Who {
    /// The practice whose callers they are then; another one where he is handed on.
    pub practice: String,
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
    let question = &question.with_likely_trunk(loaded);
    let asked = Asked::read(&loaded.engine, question)?;
    let zone = asked.zone(&loaded.engine);
    let at_ms = question.at.as_deref().map_or(Ok(now_ms), |at| moment(zone, at, now_ms))?;
    let scheduler = everybody_free(loaded.engine.floor.clone(), at_ms);
    let stand =
        Stand { scheduler, now: acd::Instant::ZERO, at_ms, is_live: false, is_brief: false };
    Ok(asked.explain(&loaded.engine, &stand))
}

/// By the states of a running server.
pub(crate) fn live(copy: FloorCopy, question: &Question) -> Result<Explanation, String> {
    let FloorCopy { config, scheduler, now } = copy;
    let mut scheduler = *scheduler;
    let asked = Asked::read(&config, question)?;
    if question.at.is_some() {
        return Err(
            "the running server knows its states of now only: leave --at or --live out".to_owned()
        );
    }
    scheduler.handle_timeout(now);
    while scheduler.poll_decision().is_some() {}
    let Some(at_ms) = scheduler.unix_ms_at(now) else {
        return Err("the time of day is not known yet: try again".to_owned());
    };
    Ok(asked.explain(&config, &Stand { scheduler, now, at_ms, is_live: true, is_brief: false }))
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
    pub(crate) trunk: Option<TrunkId>,
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
            None => {
                let likely = question.likely_trunk.as_ref();
                let by_likelihood = |(id, trunk): &(&TrunkId, &call::Trunk)| {
                    (likely != Some(&trunk.name), trunk.max_unanswered, **id)
                };
                config.trunks.iter().min_by_key(by_likelihood).map(|(id, _)| *id)
            }
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

    /// He enters a copy of the scheduler.
    pub(crate) fn explain(&self, config: &call::Config, stand: &Stand) -> Explanation {
        let Stand { scheduler, now, at_ms, is_live, is_brief } = stand;
        let zone = self.zone(config);
        let mut told = Explanation {
            did: self.did.spoken(),
            from: self.from.map_or_else(|| "withheld".to_owned(), E164::spoken),
            at: zone.wall(*at_ms),
            weekday: zone.weekday(*at_ms),
            zone: zone.to_string(),
            live: *is_live,
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
        let urgency = config.urgent_numbers.get(&number).copied();
        let known = config.practices.get(&id);
        let practitioner = known.and_then(|known| Some(known.practitioner(number)?.0));
        let outset = scheduler.outset(id, practitioner, line, urgency);
        let practice = scheduler.setup().practices.get(&id);
        let (Some(outset), Some(practice)) = (outset, practice) else {
            told.refused = Some("404: the practice is not configured any more".to_owned());
            return told;
        };
        told.practice = Some(PracticeFound {
            key: key(config, id),
            name: words::practice(config, id),
            label: known.map_or_else(String::new, |it| it.label_for(number)),
            number: number.spoken(),
            by: by.to_owned(),
            place: None,
        });
        let trunk = self.trunk.and_then(|trunk| config.trunks.get(&trunk));
        told.promise = Some(Promise {
            answer_within_ms: millis(practice.answer_within),
            trunk: trunk.map_or_else(String::new, |trunk| trunk.name.clone()),
            max_unanswered_ms: trunk.map(|trunk| millis(trunk.max_unanswered)),
            rang_before_ms: trunk.map(|trunk| millis(trunk.rang_before)),
            wait_max_ms: practice.wait_max.map(millis),
            place: None,
        });
        let first = Link { id, practice, outset, called: practitioner, line };
        told.class = Some(class(config, &first, urgency));
        told.situation = Some(first.held(config, stand));
        let leave_by = trunk.map(|trunk| *now + trunk.max_unanswered);
        let entering = Entering { practice: id, practitioner, line, urgency, leave_by };
        let stages = match is_brief {
            true => Vec::new(),
            false => course::latest(config, scheduler, *now, entering),
        };
        let class = first.outset.urgency;
        let links = chain(first, scheduler);
        let plans = Plans { config, stand, entering, class, links: &links, stages: &stages };
        told.plan = plans.steps();
        told.who = plans.who();
        told.course = course::events(config, scheduler.clone(), *now, entering);
        told
    }
}

/// How things stand when he calls.
pub(crate) struct Stand {
    pub(crate) scheduler: Scheduler,
    /// Its clock.
    pub(crate) now: acd::Instant,
    /// The same by civil time.
    pub(crate) at_ms: i64,
    /// They are the true ones of a running server.
    pub(crate) is_live: bool,
    /// Neither when steps begin at the latest nor which rule of the hours decides is wanted.
    pub(crate) is_brief: bool,
}

fn key(config: &call::Config, practice: PracticeId) -> String {
    config.practices.get(&practice).map_or_else(|| "?".to_owned(), |it| it.key.clone())
}

impl Explanation {
    /// Adds where the files say it.
    pub fn locate(&mut self, config: &Path) {
        let Some(found) = &mut self.practice else { return };
        let of_steps = self.plan.iter().map(|step| step.practice.as_str());
        let practices: BTreeSet<&str> = of_steps.chain([found.key.as_str()]).collect();
        let places = Places::read(config, &practices);
        let own = found.key.clone();
        let number = E164::read(&found.number).ok();
        let number = number.and_then(|number| places.number(&own, number)).map(str::to_owned);
        let from = E164::read(&self.from).ok();
        let list = |key: &str| {
            let (before, _) = key.split_once("callers.")?;
            places.caller(&own, &format!("{before}callers"), from?)
        };
        // Which list a caller is on, and where a number stands, is told by the numbers there.
        let path = |key: &str| match (list(key), key.split_once("callers."), &number) {
            (Some(list), Some((_, of_list)), _) => {
                let has = |key: &str| places.has(&own, &format!("{list}.{key}"));
                match of_list {
                    "blocked" if has("plan") => format!("{list}.plan"),
                    plan if plan.starts_with("plan") && has("blocked") => format!("{list}.blocked"),
                    of_list => format!("{list}.{of_list}"),
                }
            }
            (_, _, Some(number)) if key == "urgent_numbers" => number.clone(),
            _ => key.to_owned(),
        };
        found.place = number.as_ref().and_then(|number| places.key(&own, number));
        if let Some(class) = &mut self.class {
            class.key = path(&class.key);
            class.place = places.key(&own, &class.key);
        }
        if let Some(promise) = &mut self.promise {
            promise.place = places.key(&own, "answer_within");
        }
        if let Some(held) = &mut self.situation {
            held.locate(&places, &own, path);
        }
        let practices: Vec<String> = self.plan.iter().map(|step| step.practice.clone()).collect();
        for (at, step) in self.plan.iter_mut().enumerate() {
            step.key = step.key.as_deref().map(path);
            step.place = step.key.as_deref().and_then(|key| places.key(&step.practice, key));
            // Its steps come after the one that hands him on.
            if let (Some(held), Some(next)) = (&mut step.goes_on, practices.get(at + 1)) {
                held.locate(&places, next, path);
            }
        }
    }

    /// Adds who ordered the overrides that hold, as `by` tells of a practice's key.
    pub(crate) fn add_orders(&mut self, by: impl Fn(&str) -> Option<String>) {
        if let (Some(found), Some(held)) = (&self.practice, &mut self.situation)
            && held.key.is_none()
        {
            held.place = by(&found.key);
        }
        let practices: Vec<String> = self.plan.iter().map(|step| step.practice.clone()).collect();
        for (step, next) in self.plan.iter_mut().zip(practices.iter().skip(1)) {
            if let Some(held) = step.goes_on.as_mut().filter(|held| held.key.is_none()) {
                held.place = by(next);
            }
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        words::text(self)
    }
}

impl Held {
    fn locate(&mut self, places: &Places, practice: &str, path: impl Fn(&str) -> String) {
        let Some(key) = &mut self.key else { return };
        *key = path(key);
        self.place = places.key(practice, key);
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

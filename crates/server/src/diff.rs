//! Which decisions change between two configurations, and not which lines: `monoligne diff OLD NEW`.
//!
//! Each practice is asked about at each time at which what holds changes in one of the two, by probes: an
//! ordinary caller, one who hides his number, and each one who has a rule. What [`explain`](crate::explain)
//! says in both is compared; where it differs, one line says what, and when first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use acd::Scheduler;
use call::{E164, PracticeId};
use clap::Args;
use serde::Serialize;

use crate::config::{self, Loaded};
use crate::explain::{self, Explanation, Question};
use crate::order::practice::shown;

/// How far it looks: two weeks have each day of the week, and next week's leave.
const HORIZON_MS: i64 = 14 * 24 * 3_600_000;
/// Times at which one practice is asked about.
const TIMES_MAX: usize = 400;
/// Callers with a rule that are asked about, of one practice.
const CALLERS_MAX: usize = 200;

#[derive(Args)]
pub struct Options {
    /// The configuration that holds: a folder, or one file.
    old: PathBuf,
    /// The one that shall hold.
    new: PathBuf,
    /// From when on, on each practice's clock: "2026-11-26", "2026-11-26T08:30". Default: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// One JSON list of changes {practice, caller, from, times, what} instead of text.
    #[arg(long)]
    json: bool,
}

/// One decision that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    pub practice: String,
    /// `anybody`, `ordinary`, `withheld` or a number.
    pub caller: String,
    /// When first, on the practice's clock; `None`: at any time.
    pub from: Option<String>,
    /// How many times that were asked about differ so, and of how many.
    pub times: (usize, usize),
    pub what: String,
}

/// What differs, and whether anything does.
pub fn run(options: &Options, now_ms: i64) -> anyhow::Result<(String, bool)> {
    let old = config::load(&options.old)?;
    let new = config::load(&options.new)?;
    let changes = between(&old, &new, options.at.as_deref(), now_ms).map_err(anyhow::Error::msg)?;
    let text = match options.json {
        true => serde_json::to_string(&changes)?,
        false if changes.is_empty() => "no decision changes".to_owned(),
        false => changes.iter().map(Change::line).collect::<Vec<_>>().join("\n"),
    };
    Ok((text, !changes.is_empty()))
}

/// Of all practices by name, those first that come or go.
pub fn between(
    old: &Loaded,
    new: &Loaded,
    at: Option<&str>,
    now_ms: i64,
) -> Result<Vec<Change>, String> {
    let (old, new) = (Side::of(old), Side::of(new));
    let mut changes = numbers(&old, &new);
    let names: BTreeSet<&String> = old.practices.keys().chain(new.practices.keys()).collect();
    for name in names {
        match (old.practices.get(name), new.practices.get(name)) {
            (Some(before), Some(after)) => {
                let pair = Pair { name, old: (&old, *before), new: (&new, *after) };
                changes.extend(pair.changes(at, now_ms)?);
            }
            (None, Some(_)) => changes.push(Change::of(name, "a new practice".to_owned())),
            (Some(_), None) => changes.push(Change::of(name, "is gone".to_owned())),
            (None, None) => {}
        }
    }
    Ok(changes)
}

impl Change {
    /// At any time, for anybody.
    fn of(practice: &str, what: String) -> Self {
        let (practice, caller) = (practice.to_owned(), "anybody".to_owned());
        Self { practice, caller, from: None, times: (1, 1), what }
    }

    fn line(&self) -> String {
        let mut line = self.practice.clone();
        if self.caller != "anybody" {
            let _ = match self.caller.as_str() {
                "ordinary" => write!(line, ", ordinary caller"),
                "withheld" => write!(line, ", withheld number"),
                number => write!(line, ", caller {number}"),
            };
        }
        if let Some(from) = &self.from {
            let _ = match self.times {
                // At each time that was asked about.
                (some, all) if some == all => Ok(()),
                (1, _) => write!(line, ", {from}"),
                (some, _) => write!(line, ", {from} and {} times more", some - 1),
            };
        }
        let _ = write!(line, ": {}", self.what);
        line
    }
}

/// One of the two configurations.
struct Side<'l> {
    loaded: &'l Loaded,
    practices: BTreeMap<String, PracticeId>,
}

impl<'l> Side<'l> {
    fn of(loaded: &'l Loaded) -> Self {
        let practices = loaded.engine.practices.iter();
        Self { loaded, practices: practices.map(|(id, it)| (it.name.clone(), *id)).collect() }
    }

    fn practice(&self, id: PracticeId) -> Option<&acd::Practice> {
        self.loaded.engine.floor.practices.get(&id)
    }

    /// A number that leads to the practice, and to nobody in particular there if it has such a one.
    fn number(&self, id: PracticeId) -> Option<E164> {
        let engine = &self.loaded.engine;
        let all = engine.numbers.iter().chain(&engine.shared);
        let its = all.filter(|(_, whose)| **whose == id).map(|(number, _)| *number);
        let known = engine.practices.get(&id);
        its.min_by_key(|number| known.is_some_and(|it| it.practitioner(*number).is_some()))
    }

    fn whose(&self, number: E164) -> Option<String> {
        let engine = &self.loaded.engine;
        let id = engine.numbers.get(&number).or_else(|| engine.shared.get(&number))?;
        engine.practices.get(id).map(|it| it.name.clone())
    }

    /// The practice with those whose plans it may go on with, and everybody free.
    fn scheduler(&self, id: PracticeId, at_ms: i64) -> Scheduler {
        let floor = &self.loaded.engine.floor;
        let mut near = BTreeSet::from([id]);
        let mut to_see = vec![id];
        while let Some(practice) = to_see.pop().and_then(|id| floor.practices.get(&id)) {
            for next in handed_on(practice) {
                if near.insert(next) {
                    to_see.push(next);
                }
            }
        }
        let mut setup = acd::Setup { practices: BTreeMap::new(), ..(**floor).clone() };
        let practices = floor.practices.iter().filter(|(id, _)| near.contains(id));
        setup.practices = practices.map(|(id, it)| (*id, it.clone())).collect();
        explain::everybody_free(&setup, at_ms)
    }
}

fn handed_on(practice: &acd::Practice) -> Vec<PracticeId> {
    practice
        .plans()
        .flat_map(|plan| &plan.steps)
        .filter_map(|step| match step {
            acd::Step::Practice(practice) => Some(*practice),
            acd::Step::Queue(_)
            | acd::Step::Forward(_)
            | acd::Step::Announce { .. }
            | acd::Step::Busy => None,
        })
        .collect()
}

/// Numbers that lead elsewhere.
fn numbers(old: &Side<'_>, new: &Side<'_>) -> Vec<Change> {
    let of = |side: &Side<'_>| -> Vec<E164> {
        let engine = &side.loaded.engine;
        engine.numbers.keys().chain(engine.shared.keys()).copied().collect()
    };
    let all: BTreeSet<E164> = of(old).into_iter().chain(of(new)).collect();
    let changed = all.into_iter().filter_map(|number| {
        let (before, after) = (old.whose(number), new.whose(number));
        let number = number.spoken();
        let change = match (before, after) {
            (Some(before), Some(after)) if before == after => return None,
            (Some(before), Some(after)) => {
                Change::of(&before, format!("{number} leads to {after}"))
            }
            (Some(before), None) => Change::of(&before, format!("{number} is refused with 404")),
            (None, Some(after)) => Change::of(&after, format!("{number} leads to it")),
            (None, None) => return None,
        };
        Some(change)
    });
    changed.collect()
}

/// A practice in both.
struct Pair<'p> {
    name: &'p str,
    old: (&'p Side<'p>, PracticeId),
    new: (&'p Side<'p>, PracticeId),
}

impl Pair<'_> {
    fn changes(&self, at: Option<&str>, now_ms: i64) -> Result<Vec<Change>, String> {
        let (old, new) = (self.old.0.practice(self.old.1), self.new.0.practice(self.new.1));
        let (Some(before), Some(after)) = (old, new) else { return Ok(Vec::new()) };
        let zone = after.hours.zone();
        let start = at.map_or(Ok(now_ms), |at| explain::moment(zone, at, now_ms))?;
        let times = times(before, after, start);
        let mut changes = Vec::new();
        for (caller, number) in self.probes(before, after) {
            let mut found: Vec<(String, i64, usize)> = Vec::new();
            for &time in &times {
                for what in self.differences(&number, time)? {
                    match found.iter_mut().find(|(known, _, _)| *known == what) {
                        Some((_, _, count)) => *count += 1,
                        None => found.push((what, time, 1)),
                    }
                }
            }
            changes.extend(found.into_iter().map(|(what, first, count)| Change {
                practice: self.name.to_owned(),
                caller: caller.clone(),
                from: Some(shown(zone, first)),
                times: (count, times.len()),
                what,
            }));
        }
        Ok(merged(changes))
    }

    /// What they are called, and what they call from.
    fn probes(&self, before: &acd::Practice, after: &acd::Practice) -> Vec<(String, String)> {
        let listed: BTreeSet<acd::LineId> =
            before.callers.keys().chain(after.callers.keys()).copied().collect();
        let listed = listed.into_iter().take(CALLERS_MAX).map(|line| {
            let number = E164::of_line(line);
            (number.spoken(), number.to_string())
        });
        // Of the numbers that ARCEP keeps for fiction: nobody's.
        let others = [("ordinary", "+33639980000"), ("withheld", "withheld")];
        let others = others.map(|(caller, from)| (caller.to_owned(), from.to_owned()));
        others.into_iter().chain(listed).collect()
    }

    fn differences(&self, from: &str, at_ms: i64) -> Result<Vec<String>, String> {
        let before = explained(self.old.0, self.old.1, from, at_ms)?;
        let after = explained(self.new.0, self.new.1, from, at_ms)?;
        let (Some(before), Some(after)) = (before, after) else { return Ok(Vec::new()) };
        Ok(compared(&before, &after))
    }
}

/// `None`: no number leads there.
fn explained(
    side: &Side<'_>,
    id: PracticeId,
    from: &str,
    at_ms: i64,
) -> Result<Option<Explanation>, String> {
    let Some(did) = side.number(id) else { return Ok(None) };
    let question = Question { did: did.to_string(), from: from.to_owned(), ..Question::default() };
    let scheduler = side.scheduler(id, at_ms);
    explain::by(&side.loaded.engine, &scheduler, &question, at_ms).map(Some)
}

/// At the start, and at each moment within two weeks at which what holds may change in either.
fn times(before: &acd::Practice, after: &acd::Practice, start: i64) -> Vec<i64> {
    let end = start.saturating_add(HORIZON_MS);
    let mut times = BTreeSet::from([start]);
    for practice in [before, after] {
        for leave in &practice.leave {
            let (from, until) = leave.period.into();
            times.extend([from, until].into_iter().filter(|at| (start..end).contains(at)));
        }
        let mut at = start;
        while let Some(next) = practice.hours.next_change(at).filter(|&next| next < end) {
            times.insert(next);
            at = next;
            if times.len() >= TIMES_MAX {
                break;
            }
        }
    }
    times.into_iter().take(TIMES_MAX).collect()
}

/// What a caller would notice, each in a few words.
fn compared(before: &Explanation, after: &Explanation) -> Vec<String> {
    let mut changes = Vec::new();
    let mut note = |what: &str, before: String, after: String| {
        if before.is_empty() && !after.is_empty() {
            changes.push(format!("{what}: {after}"));
        } else if before != after {
            changes.push(format!("{what} {before} → {after}"));
        }
    };
    let situation = |it: &Explanation| {
        it.situation.as_ref().map_or_else(String::new, |held| held.situation.clone())
    };
    let class = |it: &Explanation| {
        it.class.as_ref().map_or_else(String::new, |class| class.urgency.clone())
    };
    let promise = |it: &Explanation| {
        let within = it.promise.as_ref().map(|promise| promise.answer_within_ms);
        within.map_or_else(String::new, |ms| format!("{} s", ms / 1_000))
    };
    let plan = |it: &Explanation| {
        let steps: Vec<&str> = it.plan.iter().map(|step| step.what.as_str()).collect();
        format!("[{}]", steps.join(" | "))
    };
    note("situation", situation(before), situation(after));
    note("class", class(before), class(after));
    note("answer_within", promise(before), promise(after));
    if situation(before) == situation(after) {
        note("plan", plan(before), plan(after));
    }
    if plan(before) == plan(after) {
        for (old, new) in before.who.iter().zip(&after.who) {
            for (old, new) in old.circles.iter().zip(&new.circles) {
                note("who may have him", String::new(), who(old, new));
            }
            note("when the circle widens", widens(old), widens(new));
        }
        if before.who == after.who {
            note("course", course(before), course(after));
        }
    }
    changes
}

/// `+ 102 103, - 101`; empty: the same in the same order.
fn who(before: &explain::CircleOf, after: &explain::CircleOf) -> String {
    let users = |circle: &explain::CircleOf| -> Vec<String> {
        circle.agents.iter().map(|agent| agent.user.clone()).collect()
    };
    let (before, after) = (users(before), users(after));
    let without = |these: &[String], those: &[String], sign: &str| {
        let users: Vec<&str> =
            these.iter().filter(|it| !those.contains(it)).map(String::as_str).collect();
        (!users.is_empty()).then(|| format!("{sign} {}", users.join(" ")))
    };
    let changes = [without(&after, &before, "+"), without(&before, &after, "-")];
    let changes: Vec<String> = changes.into_iter().flatten().collect();
    match changes.is_empty() {
        true if before != after => format!("in another order, {}", after.join(" ")),
        true => String::new(),
        false => changes.join(", "),
    }
}

/// `own, everyone from 30 s on`.
fn widens(who: &explain::Who) -> String {
    let circles = who.circles.iter().map(|circle| match circle.after_ms {
        0 => circle.circle.clone(),
        ms => format!("{} from {} s on", circle.circle, ms / 1_000),
    });
    circles.collect::<Vec<_>>().join(", ")
}

fn course(told: &Explanation) -> String {
    let events = told
        .course
        .iter()
        .map(|event| format!("{} {}", crate::views::span(event.after_ms), event.what));
    events.collect::<Vec<_>>().join(", ")
}

/// What all probes have in common is said once, of anybody.
fn merged(changes: Vec<Change>) -> Vec<Change> {
    let is_for = |change: &Change, caller: &str, other: &Change| {
        change.caller == caller && (&change.what, &change.from) == (&other.what, &other.from)
    };
    let has = |caller: &str, other: &Change| changes.iter().any(|it| is_for(it, caller, other));
    let of_both = |change: &Change| has("ordinary", change) && has("withheld", change);
    let mut merged = Vec::new();
    for change in &changes {
        match change.caller.as_str() {
            "ordinary" if of_both(change) => {
                merged.push(Change { caller: "anybody".to_owned(), ..change.clone() });
            }
            _ if of_both(change) => {}
            _ => merged.push(change.clone()),
        }
    }
    merged
}

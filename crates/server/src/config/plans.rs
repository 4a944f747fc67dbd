//! What becomes of a practice's callers: its plans, hours and leave.

use std::collections::BTreeMap;
use std::time::Duration;

use acd::{
    CivilError, Holidays, Hours, HoursError, Leave, Period, Plan, PracticeId, Queue, Step, TeamId,
};
use call::PromptId;

use super::fields::{List, Located, Place};
use super::file::{LeaveFile, Named, Nobody, PracticeFile, StepFile};
use super::mistake::{Mistakes, nearest};
use crate::clock::Clock;
use crate::prompts::Prompts;

/// What a plan without a `closed` or a leave without a `plan` plays.
const CLOSED: &str = "closed";
const LEAVE: &str = "leave";

/// Who waits for a team that nobody is in goes on after this, where there is something better than
/// busy to go on to.
const NOBODY: Duration = Duration::from_secs(10);

/// What plans may name.
pub(super) struct Known<'k> {
    pub(super) teams: &'k BTreeMap<String, TeamId>,
    pub(super) prompts: &'k Prompts,
}

pub(super) fn practices(
    practices: &[Named<'_, PracticeFile<'_>>],
    known: &Known<'_>,
    mistakes: &mut Mistakes,
) -> BTreeMap<PracticeId, acd::Practice> {
    let practices = practices.iter();
    practices
        .map(|it| (PracticeId(it.id), practice(&it.item, &it.place, known, mistakes)))
        .collect()
}

fn practice(
    file: &PracticeFile<'_>,
    place: &Place<'_>,
    known: &Known<'_>,
    mistakes: &mut Mistakes,
) -> acd::Practice {
    if !file.plan.is_tried {
        mistakes.push(file.plan.place.missing(
            "missing: what shall become of its callers?",
            "write `plan = [{ queue = \"TEAM\", for = \"3 min\" }, \"busy\"]`",
        ));
    }
    let open = plan(&file.plan.items, known, mistakes);
    let closed = match (&file.closed, &file.hours) {
        (Some(closed), Some(_)) => last_plan(closed, known, mistakes),
        (Some(closed), None) => {
            mistakes.push(closed.place.mistake(
                "never used: without `hours` it is open at any time",
                "write `hours = \"Mo-Fr 08:00-20:00\"`, or remove this",
            ));
            last_plan(closed, known, mistakes)
        }
        (None, Some(_)) => text_plan(CLOSED, &place.within("closed"), known, mistakes),
        (None, None) => Plan::default(),
    };
    let leave = file.leave.iter().filter_map(|leave| {
        let plan = match &leave.plan {
            Some(plan) => last_plan(plan, known, mistakes),
            None => text_plan(LEAVE, &leave.place.within("plan"), known, mistakes),
        };
        Some(Leave { period: period(leave, file, mistakes)?, plan })
    });
    let leave: Vec<Leave> = leave.collect();
    let hours = hours(file, mistakes).unwrap_or_default();
    acd::Practice {
        answer_within: file.answer_within,
        urgency: file.urgency,
        hours,
        leave,
        open,
        closed,
        ..acd::Practice::default()
    }
}

/// `None` with a mistake, or where nothing is written.
fn hours(file: &PracticeFile<'_>, mistakes: &mut Mistakes) -> Option<Hours> {
    let holidays = Holidays {
        territory: file.holidays,
        added: file.holidays_added.items.iter().map(|day| day.value).collect(),
        removed: Default::default(),
    };
    for day in &file.holidays_removed.items {
        if !holidays.contains(day.value) {
            mistakes.push(day.place.mistake(
                "no public holiday falls on this day",
                "remove it, or write the day that is meant",
            ));
        }
    }
    let removed = file.holidays_removed.items.iter().map(|day| day.value).collect();
    let written = file.hours.as_ref()?;
    let hours = Hours::new(&written.value, file.time_zone, Holidays { removed, ..holidays });
    match hours {
        Ok(hours) if hours.opens_from(now_ms()) => Some(hours),
        Ok(_) => {
            mistakes.push(written.place.mistake(
                "they never open within the next two years: nobody would ever be served",
                "write hours that open, or `[[leave]]` for a time away",
            ));
            None
        }
        Err(error) => {
            mistakes.push(written.place.mistake(error.to_string(), remedy(&error)));
            None
        }
    }
}

fn remedy(error: &HoursError) -> &'static str {
    match error {
        HoursError::Syntax { .. } | HoursError::Meaning(_) | HoursError::TooLong(_) => {
            "write \"Mo-Fr 08:00-20:00; Sa 08:00-12:00; PH off\": days Mo Tu We Th Fr Sa Su, PH for \
             public holidays, times with two digits and a colon, or \"24/7\""
        }
        HoursError::Sun(_) => "write the time itself",
        HoursError::SchoolHolidays => "write the dates: \"2026 Jul 4-Aug 31 off\"",
        HoursError::Unknown => "write open or off",
    }
}

fn now_ms() -> i64 {
    let reading = Clock::start().read();
    reading.epoch_ms(reading.now)
}

fn period(
    leave: &LeaveFile<'_>,
    file: &PracticeFile<'_>,
    mistakes: &mut Mistakes,
) -> Option<Period> {
    let (from, to) = (&leave.from.value.0, &leave.to.value.0);
    match Period::read(from, to, file.time_zone) {
        Ok(period) => Some(period),
        Err(CivilError::EndsBeforeItStarts) => {
            mistakes.push(leave.to.place.mistake(
                format!("the leave ends before it starts ({from})"),
                "write its last day here and its first in `from`",
            ));
            None
        }
        Err(error @ (CivilError::Moment(_) | CivilError::Date(_) | CivilError::Zone(_))) => {
            let is_from = Period::read(from, "9999-12-31", file.time_zone).is_err();
            let place = if is_from { &leave.from.place } else { &leave.to.place };
            mistakes.push(place.mistake(
                error.to_string(),
                "write a day, \"2026-08-03\", or a day and a time of the practice's clock, \
                 \"2026-08-03T14:00\"",
            ));
            None
        }
    }
}

/// A plan for when the practice serves nobody.
fn last_plan(steps: &List<'_, StepFile>, known: &Known<'_>, mistakes: &mut Mistakes) -> Plan {
    if !steps.is_tried {
        mistakes.push(steps.place.missing(
            "no step: what shall its callers hear?",
            format!("write [{{ announce = {CLOSED:?} }}], or leave the key out"),
        ));
    }
    plan(&steps.items, known, mistakes)
}

/// The plan of who wrote none: a text that the project ships.
fn text_plan(name: &str, place: &Place<'_>, known: &Known<'_>, mistakes: &mut Mistakes) -> Plan {
    match known.prompts.find(name) {
        Ok(prompt) => Plan { steps: vec![Step::Announce { prompt, answer: true }] },
        Err(_) => {
            mistakes.push(place.missing(
                format!("missing, and there is no prompt {name:?} to play instead"),
                format!(
                    "write [{{ announce = \"PROMPT\" }}] or [\"busy\"], or put the file \
                     prompts/{name}.wav beside monoligne.toml"
                ),
            ));
            Plan::default()
        }
    }
}

fn plan(steps: &[Located<'_, StepFile>], known: &Known<'_>, mistakes: &mut Mistakes) -> Plan {
    let mut plan = Plan::default();
    // Who is in a queue without end leaves it for a later step that is no queue only.
    let (mut is_over, mut is_endless) = (false, false);
    let mut last_team = None;
    for (index, step) in steps.iter().enumerate() {
        if is_over {
            mistakes.push(step.place.mistake(
                "never reached: the step before it ends the call",
                "write it before that step, or remove it",
            ));
        } else if is_endless && matches!(step.value, StepFile::Queue { .. }) {
            mistakes.push(step.place.mistake(
                "never reached: the step before it has no end",
                "give the step before a `for`, or remove this one",
            ));
        }
        match &step.value {
            StepFile::Busy => {
                is_over = true;
                plan.steps.push(Step::Busy);
            }
            StepFile::Announce { prompt, answer } => {
                is_over = true;
                if let Some(prompt) = known_prompt(prompt, step, known, mistakes) {
                    plan.steps.push(Step::Announce { prompt, answer: *answer });
                }
            }
            StepFile::Queue { team, until, nobody } => {
                if last_team == Some(team) {
                    mistakes.push(step.place.within("queue").mistake(
                        "the team that he comes from: nobody else would be asked",
                        "make one step of the two, with the sum of their `for`",
                    ));
                }
                last_team = Some(team);
                let nobody = patience(*nobody, *until, steps.get(index + 1), step, mistakes);
                is_endless |= until.is_none() && nobody.is_none();
                if let Some(team) = known_step_team(team, step, known, mistakes) {
                    plan.steps.push(Step::Queue(Queue {
                        until: *until,
                        nobody,
                        ..Queue::of(team)
                    }));
                }
                if until.is_some_and(|until| until.is_zero()) {
                    mistakes.push(step.place.mistake(
                        "`for` is zero: nobody could answer in this step",
                        "remove the step, or give it time",
                    ));
                }
            }
        }
    }
    plan
}

/// How long he waits for a team that nobody is in. By default not long, but a phone that rings is
/// better than busy: somebody may come.
fn patience(
    nobody: Option<Nobody>,
    until: Option<Duration>,
    next: Option<&Located<'_, StepFile>>,
    step: &Located<'_, StepFile>,
    mistakes: &mut Mistakes,
) -> Option<Duration> {
    match nobody {
        Some(Nobody::For(nobody)) => {
            if until.is_some_and(|until| until <= nobody) {
                mistakes.push(step.place.within("nobody").mistake(
                    "not below `for`: the step is over before",
                    "make it shorter, or remove it",
                ));
            }
            Some(nobody)
        }
        Some(Nobody::Never) => None,
        None => match next.map(|next| &next.value) {
            Some(StepFile::Queue { .. } | StepFile::Announce { .. }) => {
                Some(NOBODY).filter(|&nobody| until.is_none_or(|until| nobody < until))
            }
            Some(StepFile::Busy) | None => None,
        },
    }
}

fn known_prompt(
    name: &str,
    step: &Located<'_, StepFile>,
    known: &Known<'_>,
    mistakes: &mut Mistakes,
) -> Option<PromptId> {
    match known.prompts.find(name) {
        Ok(prompt) => Some(prompt),
        Err(remedy) => {
            let place = step.place.within("announce");
            mistakes.push(place.mistake(format!("there is no prompt {name:?}"), remedy));
            None
        }
    }
}

fn known_step_team(
    name: &str,
    step: &Located<'_, StepFile>,
    known: &Known<'_>,
    mistakes: &mut Mistakes,
) -> Option<TeamId> {
    let team = known.teams.get(name).copied();
    if team.is_none() {
        let place = step.place.within("queue");
        let fault = format!("there is no team {name:?}");
        mistakes.push(place.mistake(fault, known_team(name, known.teams)));
    }
    team
}

/// The remedy for the name of a team that is not there.
pub(super) fn known_team(name: &str, teams: &BTreeMap<String, TeamId>) -> String {
    match nearest(name, teams.keys().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None if teams.is_empty() => "write [teams.NAME] first".to_owned(),
        None => {
            let names: Vec<&str> = teams.keys().map(String::as_str).collect();
            format!("the teams are: {}", names.join(", "))
        }
    }
}

//! A practice: when it is open, what becomes of its callers, and who may answer them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{
    Calendars, CallerRule, CivilError, CutNight, Date, Holidays, Hours, HoursError, Insistence,
    Leave, Period, Plan, PracticeId, PractitionerId, REPEATED_CALLS_MAX, Repeated, Step, Territory,
    Way,
};
use call::E164;

use super::fields::{Located, Place};
use super::file::{
    CallersFile, File, LeaveFile, Named, PracticeFile, PractitionerFile, RepeatedFile, ThenFile,
};
use super::mistake::{Mistake, Mistakes};
use super::names::{AGENT, SITE, SKILL};
use super::outside;
use super::plans::{AWAY, CLOSED, Known, LEAVE, Links, Planner};
use crate::clock::Clock;

/// All practices, as the scheduler and as the engine know them.
pub(super) struct Practices {
    pub(super) floor: BTreeMap<PracticeId, acd::Practice>,
    pub(super) call: BTreeMap<PracticeId, call::Practice>,
}

pub(super) fn practices<'t>(
    file: &File<'t>,
    known: &Known<'_>,
    links: &mut Links<'t>,
    mistakes: &mut Mistakes,
) -> Practices {
    let mut all = Practices { floor: BTreeMap::new(), call: BTreeMap::new() };
    let (mut calendars, now_ms) = (Calendars::default(), now_ms());
    same_names(file, mistakes);
    for Named { name: key, id, item, place } in &file.practices {
        let id = PracticeId(*id);
        let mut planner = Planner {
            practice: id,
            now_ms,
            wait_max: item.wait_max,
            unanswered_max: unanswered_max(file, item),
            known,
            links: &mut *links,
            called: Vec::new(),
        };
        let hours = hours(item, &mut calendars, now_ms, mistakes).unwrap_or_default();
        let (floor, lists) = practice(item, place, hours, &mut planner, mistakes);
        let called = planner.called;
        all.floor.insert(id, floor);
        all.call.insert(
            id,
            call::Practice {
                key: key.clone(),
                name: item.name.clone(),
                label: item.label.clone().unwrap_or_else(|| item.name.clone()),
                forwarding: outside::forwarding(id, item, &called, file, known, links, mistakes),
                greeting: item.greeting.clone(),
                instructions: item.instructions.clone(),
                identity: item.identity.clone(),
                practitioners: item.practitioners.iter().map(practitioner).collect(),
                links: item.links.clone(),
                lists,
            },
        );
    }
    all
}

fn practitioner(file: &PractitionerFile<'_>) -> call::Practitioner {
    call::Practitioner {
        name: file.name.value.clone(),
        number: file.number,
        disturb: file.disturb.clone(),
        instructions: file.instructions.clone(),
        numbers: file.numbers.items.iter().map(|number| number.value).collect(),
    }
}

/// Of the trunks that may bring its calls; where it is not said which do, of all.
fn unanswered_max(file: &File<'_>, practice: &PracticeFile<'_>) -> Option<Duration> {
    let its = file.trunks_of(practice).map(|trunk| trunk.item.max_unanswered).max();
    its.or_else(|| file.trunks.iter().map(|trunk| trunk.item.max_unanswered).max())
}

/// Orders must name them by their keys, and nobody can tell them apart in a table or a log.
fn same_names(file: &File<'_>, mistakes: &mut Mistakes) {
    let mut known: BTreeMap<&str, &Place<'_>> = BTreeMap::new();
    for Named { item, place, .. } in &file.practices {
        match known.get(item.name.as_str()) {
            Some(other) if !item.name.is_empty() => mistakes.warn(Mistake {
                value: format!("{:?}", item.name),
                ..place.within("name").missing(
                    format!("another practice is called so too, in {}", other.shown()),
                    "tell them apart, as by a place: \"Dr Martin, Lyon\"; callers never hear it",
                )
            }),
            Some(_) | None => {
                known.insert(&item.name, place);
            }
        }
    }
}

/// Which of its lists a caller is on, by name.
type Lists = BTreeMap<E164, Arc<str>>;

fn practice<'t>(
    file: &PracticeFile<'t>,
    place: &Place<'t>,
    hours: Hours,
    planner: &mut Planner<'_, 't>,
    mistakes: &mut Mistakes,
) -> (acd::Practice, Lists) {
    if !file.plan.is_tried {
        mistakes.push(file.plan.place.missing(
            "missing: what shall become of its callers?",
            "write `plan = [{ queue = \"TEAM\", for = \"3 min\" }, \"busy\"]`",
        ));
    }
    let open = planner.plan("open", &file.plan.items, mistakes);
    let closed = match (&file.closed, &file.hours) {
        (Some(closed), Some(_)) => planner.last_plan(CLOSED, closed, mistakes),
        (Some(closed), None) => {
            mistakes.push(closed.place.mistake(
                "never used: without `hours` it is open at any time",
                "write `hours = \"Mo-Fr 08:00-20:00\"`, or remove this",
            ));
            planner.last_plan(CLOSED, closed, mistakes)
        }
        (None, Some(_)) => planner.text_plan(CLOSED, &place.within("closed"), mistakes),
        (None, None) => planner.shipped_plan(CLOSED).unwrap_or_default(),
    };
    let leave = leave(&file.leave, file, planner, mistakes);
    let away = match &file.away {
        Some(away) => planner.last_plan(AWAY, away, mistakes),
        None => planner.shipped_plan(LEAVE).unwrap_or_default(),
    };
    let (callers, lists) = callers(&file.callers, planner, mistakes);
    let practitioners = practitioners(file, planner, mistakes);
    let names = planner.known.names;
    let own = file.own.items.iter();
    let own = own.filter_map(|agent| AGENT.find(agent, &names.agents, mistakes)).collect();
    let floor = acd::Practice {
        answer_within: file.answer_within,
        urgency: file.urgency,
        hours,
        leave,
        open,
        closed,
        away,
        at_closing: file.at_closing,
        own,
        skill: file.skill.as_ref().and_then(|skill| SKILL.find(skill, &names.skills, mistakes)),
        sites: file.sites.as_ref().map(|sites| {
            if !sites.is_tried {
                mistakes.push(sites.place.missing(
                    "none: nobody might answer its callers",
                    "write the sites where its secretaries may work, or leave the key out: anywhere",
                ));
            }
            let all = sites.items.iter();
            all.filter_map(|site| SITE.find(site, &names.sites, mistakes)).collect()
        }),
        wrap_up: file.wrap_up,
        waiting_max: file.waiting_max,
        wait_max: file.wait_max,
        callers,
        practitioners,
        repeated: file.repeated.as_ref().and_then(|file| repeated(file, planner, mistakes)),
        affinity_for: file.affinity,
        redial_within: file.redial_within,
    };
    (floor, lists)
}

/// `[[leave]]`.
fn leave<'t>(
    files: &[LeaveFile<'t>],
    practice: &PracticeFile<'t>,
    planner: &mut Planner<'_, 't>,
    mistakes: &mut Mistakes,
) -> Vec<Leave> {
    let mut all = Vec::new();
    for leave in files {
        let plan = match &leave.plan {
            Some(plan) => planner.last_plan(LEAVE, plan, mistakes),
            None => planner.text_plan(LEAVE, &leave.place.within("plan"), mistakes),
        };
        let period = period(leave, practice, mistakes);
        if period.is_some() && is_over(leave, practice, planner.now_ms) {
            mistakes.over(leave.to.place.mistake(
                "this leave is over",
                "remove it, or mend its year if another one is meant",
            ));
        }
        all.extend(period.map(|period| Leave { period, plan }));
    }
    all
}

/// What holds for who calls a number of theirs, by their place in the list.
fn practitioners<'t>(
    practice: &PracticeFile<'t>,
    planner: &mut Planner<'_, 't>,
    mistakes: &mut Mistakes,
) -> BTreeMap<PractitionerId, acd::Practitioner> {
    let mut all = BTreeMap::new();
    let mut known: BTreeMap<&str, &Place<'_>> = BTreeMap::new();
    for (id, file) in (0..).map(PractitionerId).zip(&practice.practitioners) {
        if let Some(other) = known.insert(&file.name.value, &file.place) {
            let fault = format!("another one of this practice is called so, in {}", other.shown());
            mistakes.warn(file.name.place.mistake(fault, "tell them apart, as by the first name"));
        }
        let (callers, _) = callers(&file.callers, planner, mistakes);
        let leave = leave(&file.leave, practice, planner, mistakes);
        if !file.numbers.items.is_empty() {
            all.insert(id, acd::Practitioner { callers, leave });
        }
    }
    all
}

/// `[[callers]]`: a rule for each number, and the name of its list.
fn callers<'t>(
    files: &[CallersFile<'t>],
    planner: &mut Planner<'_, 't>,
    mistakes: &mut Mistakes,
) -> (BTreeMap<acd::LineId, CallerRule>, Lists) {
    let mut rules = BTreeMap::new();
    let mut lists = Lists::new();
    let mut known: BTreeMap<E164, &Place<'_>> = BTreeMap::new();
    for file in files {
        let rule = CallerRule { urgency: file.urgency, way: way(file, planner, mistakes) };
        if !file.numbers.is_tried {
            mistakes.push(file.numbers.place.missing(
                "missing: whose calls?",
                "write `numbers = [\"01 23 45 67 89\"]`, or remove the list",
            ));
        }
        let name: Arc<str> = file.name.as_str().into();
        for number in &file.numbers.items {
            if let Some(other) = known.insert(number.value, &number.place) {
                mistakes.push(number.place.mistake(
                    format!("this number is on a list already, in {}", other.shown()),
                    "a caller is treated in one way: remove one of them",
                ));
            }
            rules.insert(number.value.line(), rule.clone());
            lists.insert(number.value, name.clone());
        }
    }
    (rules, lists)
}

fn way<'t>(file: &CallersFile<'t>, planner: &mut Planner<'_, 't>, mistakes: &mut Mistakes) -> Way {
    let plan = file.plan.as_ref().map(|plan| planner.last_plan("listed", plan, mistakes));
    let ways = [file.is_through, file.is_blocked, plan.is_some()];
    if ways.into_iter().filter(|is_said| *is_said).count() > 1 {
        mistakes.push(file.place.missing(
            "more than one of `through`, `blocked` and `plan`",
            "keep one of them, or make lists of their own",
        ));
    }
    if file.is_blocked && file.urgency.is_some() {
        mistakes.push(
            file.place
                .within("urgency")
                .missing("never used: who is blocked waits for nobody", "remove it, or `blocked`"),
        );
    }
    let is_usual = !ways.contains(&true) && file.urgency.is_none();
    if is_usual && !file.is_tried {
        mistakes.push(file.place.missing(
            "a list that changes nothing for its callers",
            "write `urgency = \"priority\"`, `through = true`, `blocked = true` or `plan = […]`",
        ));
    }
    match plan {
        Some(plan) => Way::Plan(plan),
        None if file.is_blocked => Way::Plan(Plan { steps: vec![Step::Busy] }),
        None if file.is_through => Way::Through,
        None => Way::Usual,
    }
}

/// `[repeated]`. `None` with a mistake.
fn repeated<'t>(
    file: &RepeatedFile<'t>,
    planner: &mut Planner<'_, 't>,
    mistakes: &mut Mistakes,
) -> Option<Repeated> {
    let then = match file.then.as_ref()? {
        ThenFile::Rise => Insistence::Rise,
        ThenFile::Plan(plan) => Insistence::Limit(planner.last_plan("repeated", plan, mistakes)),
    };
    let (calls, within): (&Located<'_, u32>, _) = (file.calls.as_ref()?, file.within.as_ref()?);
    if !(2..=REPEATED_CALLS_MAX).contains(&calls.value) {
        let fault = match calls.value {
            0 | 1 => "every caller's first call would count".to_owned(),
            _ => format!("only the last {REPEATED_CALLS_MAX} calls of a caller are counted"),
        };
        let remedy = format!("write a number from 2 to {REPEATED_CALLS_MAX}, like 3");
        mistakes.push(calls.place.mistake(fault, remedy));
    }
    if within.value.is_zero() {
        mistakes.push(within.place.mistake(
            "zero: no call would ever be a repeated one",
            "write a time like \"1 h\", or remove [repeated]",
        ));
    }
    Some(Repeated { calls: calls.value, within: within.value, then })
}

/// `None` with a mistake, or where nothing is written.
fn hours(
    file: &PracticeFile<'_>,
    calendars: &mut Calendars,
    now_ms: i64,
    mistakes: &mut Mistakes,
) -> Option<Hours> {
    let holidays = Holidays {
        territory: file.holidays.as_ref().map_or(Territory::France, |it| it.value),
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
    let holidays = Holidays { removed, ..holidays };
    holidays_in_vain(file, mistakes);
    let is_over =
        |day: Date| Date::read(&file.time_zone.wall(now_ms)[..10]).is_ok_and(|now| day < now);
    for days in [&file.holidays_added, &file.holidays_removed] {
        if !days.items.is_empty() && days.items.iter().all(|day| is_over(day.value)) {
            mistakes.over(days.place.mistake(
                "all of these days are over",
                "remove them, or mend their year if another one is meant",
            ));
        }
    }
    let Some(written) = &file.hours else {
        // Open at any time, by the practice's own clock all the same.
        return Hours::sharing("24/7", file.time_zone, holidays, calendars).ok();
    };
    let hours = Hours::sharing(&written.value, file.time_zone, holidays, calendars);
    match hours {
        Ok(hours) if hours.opens_from(now_ms) => {
            if let Some(CutNight { night, by }) = hours.cut_night(now_ms) {
                mistakes.warn(written.place.mistake(
                    format!("the night of `{night}` ends at midnight where `{by}` has the day after"),
                    format!(
                        "write `,` instead of `;` between them, so that both hold: `{night}, {by}`; or, \
                         if it shall end then, write 24:00"
                    ),
                ));
            }
            if let Some(time) = round_the_clock(&written.value) {
                mistakes.warn(written.place.mistake(
                    format!("`{time}-{time}` is open for 24 hours, until {time} of the day after"),
                    "write 00:00-24:00 or \"24/7\" if that is meant, or the time at which it closes",
                ));
            }
            Some(hours)
        }
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

/// Public holidays mean something to a rule of the hours that names them, and to nothing else.
fn holidays_in_vain(file: &PracticeFile<'_>, mistakes: &mut Mistakes) {
    // Every second part stands between quotes: a comment.
    let names = |hours: &str| hours.split('"').step_by(2).any(|part| part.contains("PH"));
    let (fault, remedy) = match &file.hours {
        Some(hours) if names(&hours.value) => return,
        Some(_) => (
            "does nothing: no rule of `hours` names PH, so public holidays are days like others",
            "add `; PH off` at the end of `hours`, or remove this",
        ),
        None => (
            "does nothing: without `hours` it is open at any time, public holidays included",
            "write `hours = \"Mo-Fr 08:00-20:00; PH off\"`, or remove this",
        ),
    };
    // Who writes "none" wants nothing of them.
    let calendar = file.holidays.as_ref().filter(|it| it.value != Territory::None);
    let days = [&file.holidays_added, &file.holidays_removed];
    let days = days.into_iter().filter(|days| !days.items.is_empty()).map(|days| &days.place);
    for place in calendar.map(|it| &it.place).into_iter().chain(days) {
        mistakes.warn(place.mistake(fault, remedy));
    }
}

/// The time of a span that ends when it begins: `08:00-08:00`.
fn round_the_clock(hours: &str) -> Option<&str> {
    // Every second part stands between quotes: a comment.
    let mut spans = hours
        .split('"')
        .step_by(2)
        .flat_map(|part| part.split(|c: char| !(c.is_ascii_digit() || c == ':' || c == '-')));
    spans.find_map(|span| {
        let (from, to) = span.split_once('-')?;
        (from == to && from.contains(':')).then_some(from)
    })
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

/// Its end has passed, by the practice's clock.
fn is_over(leave: &LeaveFile<'_>, file: &PracticeFile<'_>, now_ms: i64) -> bool {
    let until = Period::read("1970-01-01", &leave.to.value.0, file.time_zone);
    until.is_ok_and(|until| !until.contains(now_ms))
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

//! A practice's opening hours: an expression of OpenStreetMap's `opening_hours`, its time zone and
//! its public holidays.
//!
//! The crate `opening-hours` reads the expression and tells one day's schedule on a clock on the
//! wall; everything between days and moments is here: at each moment the clock of that zone is
//! read, so an hour that a change of clock skips or repeats is open or closed as the clock shows it.
//!
//! A rule after `;` replaces what earlier ones said of its days, hours past midnight of the day
//! before included, and its hours past midnight give way to an earlier rule's on the day after; a
//! rule after `,` adds to them. `off` means its days from midnight to midnight: what a night before
//! it lasts into them is gone, and what their own nights last into the day after stays. That is the
//! syntax's, not ours.

mod deciding;
mod nights;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::{fmt, iter};

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use compact_calendar::CompactCalendar;
use opening_hours::schedule::TimeRange;
use opening_hours::{Context, ContextHolidays, OpeningHours};
use opening_hours_syntax::rules::RuleSequence;
use opening_hours_syntax::rules::day::{MonthdayRange, WeekDayRange};
use opening_hours_syntax::{Error as SyntaxError, RuleKind};
use pest::error::LineColLocation;
use serde::{Deserialize, Serialize};

use crate::civil::TimeZone;
use crate::holidays::Holidays;
use crate::limits::HOURS_BYTES_MAX;

pub use deciding::Deciding;
pub use nights::CutNight;

/// Public holidays are looked up in a table over these years.
const HOLIDAY_YEARS: Range<i32> = 2000..2150;

/// Weeks of these years and of two more are as the rules say. Outside of 1900 to 9999 the crate
/// takes everything as closed.
const YEARS: Range<i32> = 1900..9990;

/// How far a next change is looked for.
const HORIZON_DAYS: i64 = 2 * 366;

const MINUTE_MS: i64 = 60_000;
const MINUTES_A_DAY: u32 = 24 * 60;

/// Hours that can be evaluated; serialised as what they were made of.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Source", into = "Source")]
pub struct Hours {
    source: Source,
    rules: OpeningHours,
    /// If the rules know no more of a day than its weekday and holidays: the holidays that they
    /// name.
    weekly: Option<Arc<CompactCalendar>>,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
struct Source {
    text: String,
    zone: TimeZone,
    holidays: Holidays,
}

/// Tables of public holidays, each made once for all hours that are read with it.
#[derive(Clone, Debug, Default)]
pub struct Calendars(BTreeMap<Holidays, Arc<CompactCalendar>>);

/// What the hours say of one moment.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct HoursState {
    pub is_open: bool,
    /// Of the rule that applies (`PH off "jour férié"`); empty if it has none.
    pub comment: Arc<str>,
}

#[derive(Clone, Eq, PartialEq, Debug, thiserror::Error)]
pub enum HoursError {
    /// `at` counts characters from 1.
    #[error("from its character {at} on (`{rest}`) it is no opening_hours")]
    Syntax { at: usize, rest: String },
    #[error("{0}")]
    Meaning(String),
    #[error("{0} bytes are more than hours may have ({HOURS_BYTES_MAX})")]
    TooLong(usize),
    #[error("`{0}` depends on the place of the sun, which is not known here")]
    Sun(&'static str),
    #[error("`SH` means school holidays, which are not known here")]
    SchoolHolidays,
    #[error("`unknown` is neither open nor closed")]
    Unknown,
}

impl Hours {
    pub fn new(text: &str, zone: TimeZone, holidays: Holidays) -> Result<Self, HoursError> {
        Self::sharing(text, zone, holidays, &mut Calendars::default())
    }

    /// The same, with a table of public holidays that others may have too.
    pub fn sharing(
        text: &str,
        zone: TimeZone,
        holidays: Holidays,
        calendars: &mut Calendars,
    ) -> Result<Self, HoursError> {
        Self::of(Source { text: text.to_owned(), zone, holidays }, calendars)
    }

    /// Of a practice that says nothing: open at any time.
    pub fn always() -> Self {
        Self::new("24/7", TimeZone::default(), Holidays::default()).expect("24/7 is always right")
    }

    pub fn text(&self) -> &str {
        &self.source.text
    }

    pub fn zone(&self) -> TimeZone {
        self.source.zone
    }

    pub fn holidays(&self) -> &Holidays {
        &self.source.holidays
    }

    pub fn is_open(&self, unix_ms: i64) -> bool {
        self.state(unix_ms).is_open
    }

    pub fn state(&self, unix_ms: i64) -> HoursState {
        let (date, time) = self.wall(unix_ms);
        let covers = |range: &TimeRange| minutes(range).contains(&time);
        match self.rules.schedule_at(date).into_iter().find(covers) {
            Some(range) => HoursState { is_open: is_open(&range), comment: range.comment },
            None => HoursState { is_open: false, comment: Arc::from("") },
        }
    }

    /// When it opens or closes next, within two years.
    pub fn next_change(&self, unix_ms: i64) -> Option<i64> {
        let is_open = self.is_open(unix_ms);
        self.next(unix_ms, !is_open)
    }

    /// Whether it is open at that moment or will be within two years.
    pub fn opens_from(&self, unix_ms: i64) -> bool {
        self.is_open(unix_ms) || self.next(unix_ms, true).is_some()
    }

    /// The first minute after that moment at which it is so; none beyond all calendars.
    fn next(&self, unix_ms: i64, open: bool) -> Option<i64> {
        DateTime::from_timestamp_millis(unix_ms)?;
        let mut minute = unix_ms.div_euclid(MINUTE_MS) + 1;
        let end = minute + HORIZON_DAYS * i64::from(MINUTES_A_DAY);
        let mut day = self.day(self.wall(minute * MINUTE_MS).0);
        while minute < end {
            let (date, time) = self.wall(minute * MINUTE_MS);
            if day.date != date {
                day = self.day(date);
            }
            let is_steady = self.is_steady(minute, date, time);
            let until = if is_steady { MINUTES_A_DAY } else { time + 1 };
            if let Some(found) = day.first(time..until, open) {
                let found = minute + i64::from(found - time);
                return (found < end).then_some(found * MINUTE_MS);
            }
            minute += i64::from(until - time);
            // A clock that ends this day goes back no further than to its beginning.
            if is_steady && !day.has(open) {
                day = self.next_day(date, open)?;
                let begin_ms = self.source.zone.first_unix_ms(day.date.into());
                minute = minute.max(begin_ms.div_euclid(MINUTE_MS));
            }
        }
        None
    }

    /// The first day, after one on which it is never so, on which it is; within the horizon.
    fn next_day(&self, after: NaiveDate, open: bool) -> Option<Day> {
        let mut week = Week::default();
        let mut date = after;
        for _ in 0..=HORIZON_DAYS {
            date = match &self.weekly {
                Some(holidays) if week.pass(date, holidays) => holidays.first_after(date)?,
                Some(_) | None => date.succ_opt()?,
            };
            let day = self.day(date);
            if day.has(open) {
                return Some(day);
            }
        }
        None
    }

    /// Whether a clock that shows this at that minute runs on through the day: it shows the last
    /// minute when that is due. No zone of the database has moved its clock twice within three
    /// days, so it was not moved to and fro in between.
    fn is_steady(&self, minute: i64, date: NaiveDate, time: u32) -> bool {
        let last = MINUTES_A_DAY - 1;
        self.wall((minute + i64::from(last - time)) * MINUTE_MS) == (date, last)
    }

    /// What the clock on the wall shows: the date, and the minute of the day.
    fn wall(&self, unix_ms: i64) -> (NaiveDate, u32) {
        let local = self.source.zone.local(unix_ms);
        (local.date(), local.hour() * 60 + local.minute())
    }

    fn day(&self, date: NaiveDate) -> Day {
        let ranges = self.rules.schedule_at(date).into_iter();
        Day { date, open: ranges.filter(is_open).map(|range| minutes(&range)).collect() }
    }

    fn of(source: Source, calendars: &mut Calendars) -> Result<Self, HoursError> {
        if source.text.len() > HOURS_BYTES_MAX {
            return Err(HoursError::TooLong(source.text.len()));
        }
        let rules: OpeningHours =
            source.text.parse().map_err(|error| syntax_error(&source.text, error))?;
        check_words(&source.text)?;
        let expression = rules.get_expression();
        if expression.rules.iter().any(|rule| rule.kind == RuleKind::Unknown) {
            return Err(HoursError::Unknown);
        }
        expression.rules.iter().try_for_each(check_meaning)?;
        let public = calendars.of(&source.holidays);
        let weekly = expression.rules.iter().all(is_weekly).then(|| {
            let named = expression.rules.iter().any(names_holidays);
            if named { public.clone() } else { Arc::default() }
        });
        let holidays = ContextHolidays::new(public, Arc::default());
        let rules = rules.with_context(Context::default().with_holidays(holidays));
        Ok(Self { source, rules, weekly })
    }
}

/// When it is open on a day: ranges of its minutes, in order.
struct Day {
    date: NaiveDate,
    open: Vec<Range<u32>>,
}

impl Day {
    fn has(&self, open: bool) -> bool {
        self.first(0..MINUTES_A_DAY, open).is_some()
    }

    /// The first of these minutes at which it is so.
    fn first(&self, among: Range<u32>, open: bool) -> Option<u32> {
        let is_open = |time: u32| self.open.iter().any(|range| range.contains(&time));
        let edges = self.open.iter().flat_map(|range| [range.start, range.end]);
        let ahead = edges.filter(|edge| *edge > among.start && *edge < among.end);
        iter::once(among.start).chain(ahead).find(|&time| is_open(time) == open)
    }
}

/// Which weekdays have nothing of what is looked for, unless a holiday makes them differ.
#[derive(Default)]
struct Week {
    without: [bool; 7],
}

impl Week {
    /// Notes a day that has nothing; whether no day from it to the next holiday has anything.
    fn pass(&mut self, date: NaiveDate, holidays: &CompactCalendar) -> bool {
        if !YEARS.contains(&date.year()) {
            return false;
        }
        let is_holiday = holidays.contains(date);
        if !is_holiday && !date.pred_opt().is_some_and(|eve| holidays.contains(eve)) {
            self.without[date.weekday().num_days_from_monday() as usize] = true;
        }
        !is_holiday && self.without == [true; 7]
    }
}

fn minutes(range: &TimeRange) -> Range<u32> {
    range.range.start.mins_from_midnight().into()..range.range.end.mins_from_midnight().into()
}

fn is_open(range: &TimeRange) -> bool {
    range.kind == RuleKind::Open
}

/// Whether a day is told by its weekday and by whether it and the day before are holidays.
fn is_weekly(rule: &RuleSequence) -> bool {
    let days = &rule.day_selector;
    let of_week = |day: &WeekDayRange| match day {
        WeekDayRange::Fixed { offset, nth_from_start, nth_from_end, .. } => {
            *offset == 0 && [*nth_from_start, *nth_from_end] == [[true; 5]; 2]
        }
        WeekDayRange::Holiday { offset, .. } => *offset == 0,
    };
    days.year.is_empty()
        && days.monthday.is_empty()
        && days.week.is_empty()
        && days.weekday.iter().all(of_week)
}

fn names_holidays(rule: &RuleSequence) -> bool {
    rule.day_selector.weekday.iter().any(|day| matches!(day, WeekDayRange::Holiday { .. }))
}

impl TryFrom<Source> for Hours {
    type Error = HoursError;

    fn try_from(source: Source) -> Result<Self, HoursError> {
        Self::of(source, &mut Calendars::default())
    }
}

impl Calendars {
    fn of(&mut self, holidays: &Holidays) -> Arc<CompactCalendar> {
        if let Some(known) = self.0.get(holidays) {
            return known.clone();
        }
        let made = Arc::new(calendar(holidays));
        self.0.insert(holidays.clone(), made.clone());
        made
    }
}

fn calendar(holidays: &Holidays) -> CompactCalendar {
    let mut calendar = CompactCalendar::default();
    for year in HOLIDAY_YEARS {
        for day in holidays.in_year(year) {
            calendar.insert(day);
        }
    }
    calendar
}

/// Refuses words that the syntax has and that would be answered by a guess.
fn check_words(text: &str) -> Result<(), HoursError> {
    // Every second part stands between quotes: a comment.
    for part in text.split('"').step_by(2) {
        let lower = part.to_ascii_lowercase();
        for sun in ["dawn", "sunrise", "sunset", "dusk"] {
            if lower.contains(sun) {
                return Err(HoursError::Sun(sun));
            }
        }
        if part.contains("SH") {
            return Err(HoursError::SchoolHolidays);
        }
        if let Some(days) = part.split([';', '|']).find_map(days_before_a_space) {
            return Err(HoursError::Meaning(format!(
                "`{days}` before a comma and a space is a rule of its own, open all day: write no \
                 space in a list of days, or write 00:00-24:00 if that is meant"
            )));
        }
    }
    Ok(())
}

/// Who writes `PH, Su off` does not mean `PH open all day, Su off`, as the syntax has it.
fn days_before_a_space(rules: &str) -> Option<&str> {
    let (before, _) = rules.rsplit_once(", ")?;
    let is_complete = |rule: &str| {
        let rule = rule.to_ascii_lowercase();
        let last = ["24/7", "open", "off", "closed"];
        rule.is_empty() || rule.contains(':') || last.iter().any(|word| rule.ends_with(word))
    };
    before.split(", ").map(str::trim).find(|rule| !is_complete(rule))
}

/// Refuses what the crate reads and then takes for something else.
fn check_meaning(rule: &RuleSequence) -> Result<(), HoursError> {
    let meaning = |text: &str| Err(HoursError::Meaning(text.to_owned()));
    let is_month_of_a_year =
        |range: &MonthdayRange| matches!(range, MonthdayRange::Month { year: Some(_), .. });
    let spans = &rule.time_selector.spans;
    if spans.iter().any(|span| span.open_end) {
        return meaning("`+` after a time leaves open when it closes");
    }
    if spans.iter().any(|span| span.repeats.is_some()) {
        return meaning("`/` after a time means moments, not hours");
    }
    // It would end with the first day of its last month.
    if rule.day_selector.monthday.iter().any(is_month_of_a_year) {
        return meaning("a year and its month need a space between them, as `2026 Jul`");
    }
    Ok(())
}

fn syntax_error(text: &str, error: SyntaxError) -> HoursError {
    let SyntaxError::Syntax(error) = error else {
        return HoursError::Meaning(error.to_string());
    };
    let (LineColLocation::Pos((line, column)) | LineColLocation::Span((line, column), _)) =
        error.line_col;
    let before: usize = text.lines().take(line - 1).map(|line| line.chars().count() + 1).sum();
    let at = before + column;
    HoursError::Syntax { at, rest: text.chars().skip(at - 1).collect() }
}

impl From<Hours> for Source {
    fn from(hours: Hours) -> Self {
        hours.source
    }
}

impl Default for Hours {
    fn default() -> Self {
        Self::always()
    }
}

impl Eq for Hours {}

/// What they were made of decides what they say.
impl PartialEq for Hours {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

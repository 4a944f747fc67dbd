//! A practice's opening hours: an expression of OpenStreetMap's `opening_hours`, its time zone and
//! its public holidays.
//!
//! The crate `opening-hours` reads the expression and tells one day's schedule on a clock on the
//! wall; everything between days and moments is here: at each moment the clock of that zone is
//! read, so an hour that a change of clock skips or repeats is open or closed as the clock shows it.
//!
//! A rule after `;` replaces what earlier ones said of its days, hours past midnight of the day
//! before included; a rule after `,` adds to them. That is the syntax's, not ours.

use std::fmt;
use std::sync::Arc;

use chrono::{NaiveDate, Timelike};
use compact_calendar::CompactCalendar;
use opening_hours::schedule::{Schedule, TimeRange};
use opening_hours::{Context, ContextHolidays, OpeningHours};
use opening_hours_syntax::{Error as SyntaxError, RuleKind};
use pest::error::LineColLocation;
use serde::{Deserialize, Serialize};

use crate::civil::TimeZone;
use crate::holidays::Holidays;
use crate::limits::HOURS_BYTES_MAX;

/// Public holidays are looked up in a table over these years.
const HOLIDAY_YEARS: std::ops::Range<i32> = 2000..2150;

/// How far a next change is looked for.
const HORIZON_DAYS: i64 = 2 * 366;

const MINUTE_MS: i64 = 60_000;
const MINUTES_A_DAY: u32 = 24 * 60;

/// No change of clock has moved it by more.
const SHIFT_MAX_MINUTES: u32 = 3 * 60;

/// Hours that can be evaluated; serialised as what they were made of.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Source", into = "Source")]
pub struct Hours {
    source: Source,
    rules: OpeningHours,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
struct Source {
    text: String,
    zone: TimeZone,
    holidays: Holidays,
}

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
        Self::try_from(Source { text: text.to_owned(), zone, holidays })
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
        let local = self.source.zone.local(unix_ms);
        let schedule = self.rules.schedule_at(local.date());
        state_at(&schedule, local.hour() * 60 + local.minute())
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

    /// The first minute after that moment at which it is so. Days that are the other way all day
    /// are passed over but for their last hours, where a change of clock may lie.
    fn next(&self, unix_ms: i64, open: bool) -> Option<i64> {
        let first = unix_ms.div_euclid(MINUTE_MS) + 1;
        let end = first + HORIZON_DAYS * i64::from(MINUTES_A_DAY);
        let mut day: Option<(NaiveDate, Schedule)> = None;
        let mut minute = first;
        while minute < end {
            let local = self.source.zone.local(minute * MINUTE_MS);
            let (date, time) = (local.date(), local.hour() * 60 + local.minute());
            let schedule = match &day {
                Some((of, schedule)) if *of == date => schedule,
                Some(_) | None => &day.insert((date, self.rules.schedule_at(date))).1,
            };
            if state_at(schedule, time).is_open == open {
                return Some(minute * MINUTE_MS);
            }
            let left = MINUTES_A_DAY - time;
            let is_so_today = schedule.clone().into_iter().any(|range| is_open(&range) == open);
            minute += match left.checked_sub(SHIFT_MAX_MINUTES) {
                Some(skipped @ 1..) if !is_so_today => i64::from(skipped),
                Some(_) | None => 1,
            };
        }
        None
    }
}

fn state_at(schedule: &Schedule, minute: u32) -> HoursState {
    let minute = u16::try_from(minute).unwrap_or(u16::MAX);
    let range = schedule.clone().into_iter().find(|range| {
        let (start, end) = (range.range.start, range.range.end);
        (start.mins_from_midnight()..end.mins_from_midnight()).contains(&minute)
    });
    match range {
        Some(range) => HoursState { is_open: is_open(&range), comment: range.comment },
        None => HoursState { is_open: false, comment: Arc::from("") },
    }
}

fn is_open(range: &TimeRange) -> bool {
    range.kind == RuleKind::Open
}

impl TryFrom<Source> for Hours {
    type Error = HoursError;

    fn try_from(source: Source) -> Result<Self, HoursError> {
        if source.text.len() > HOURS_BYTES_MAX {
            return Err(HoursError::TooLong(source.text.len()));
        }
        let rules: OpeningHours =
            source.text.parse().map_err(|error| syntax_error(&source.text, error))?;
        check_words(&source.text)?;
        if rules.get_expression().rules.iter().any(|rule| rule.kind == RuleKind::Unknown) {
            return Err(HoursError::Unknown);
        }
        let public = Arc::new(calendar(&source.holidays));
        let holidays = ContextHolidays::new(public, Arc::default());
        let rules = rules.with_context(Context::default().with_holidays(holidays));
        Ok(Self { source, rules })
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

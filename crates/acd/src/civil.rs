//! Civil time: dates, time zones, and the pair that gives the scheduler's `now` a wall clock.
//!
//! Unix times are milliseconds, as an input told them; nothing here asks for the present.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// A day of the Gregorian calendar, written `2026-03-29`.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(pub(crate) NaiveDate);

/// A zone of the IANA database, as `Europe/Paris`; the database of the crate `chrono-tz`, with no
/// file of the machine.
#[derive(Copy, Clone, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(Tz);

/// A stretch of time with a beginning and a later end, both given in civil time.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "(i64, i64)", into = "(i64, i64)")]
pub struct Period {
    from_ms: i64,
    /// The first millisecond after it.
    until_ms: i64,
}

#[derive(Clone, Eq, PartialEq, Debug, thiserror::Error)]
pub enum CivilError {
    #[error("`{0}` is no date such as 2026-08-03")]
    Date(String),
    #[error("`{0}` is no date such as 2026-08-03, nor a date with a time such as 2026-08-03T14:00")]
    Moment(String),
    #[error("`{0}` is no time zone of the IANA database")]
    Zone(String),
    #[error("it ends before it starts")]
    EndsBeforeItStarts,
}

impl Date {
    pub fn read(text: &str) -> Result<Self, CivilError> {
        // chrono alone would take `2026-8-3` and signs as well: one way to write a day is enough.
        let shape = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        shape
            .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| CivilError::Date(text.to_owned()))
    }
}

impl TimeZone {
    pub const PARIS: Self = Self(chrono_tz::Europe::Paris);

    pub fn read(name: &str) -> Result<Self, CivilError> {
        name.parse().map(Self).map_err(|_| CivilError::Zone(name.to_owned()))
    }

    /// Of all zones, for who misspelt one.
    pub fn names() -> impl Iterator<Item = &'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    /// What a clock on the wall shows there: `2026-03-29T03:00:00`.
    pub fn wall(self, unix_ms: i64) -> String {
        self.local(unix_ms).format("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// `Mon` to `Sun`.
    pub fn weekday(self, unix_ms: i64) -> String {
        self.local(unix_ms).weekday().to_string()
    }

    /// The first moment of a day, `2026-03-29`, or a moment, `2026-03-29T08:30`, of that wall clock.
    pub fn unix_ms(self, text: &str) -> Result<i64, CivilError> {
        Ok(self.first_unix_ms(moment(text)?.start))
    }

    /// What a clock on the wall shows there. A time beyond all calendars counts as 1970.
    pub(crate) fn local(self, unix_ms: i64) -> NaiveDateTime {
        let utc = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default().naive_utc();
        self.0.from_utc_datetime(&utc).naive_local()
    }

    /// The first moment at which a clock there shows this or later: of an hour that comes twice the
    /// first one, for an hour that is skipped the moment after the gap.
    pub(crate) fn first_unix_ms(self, local: NaiveDateTime) -> i64 {
        let mut shown = local;
        loop {
            if let Some(moment) = self.0.from_local_datetime(&shown).earliest() {
                return moment.timestamp_millis();
            }
            let Some(later) = shown.checked_add_signed(TimeDelta::minutes(1)) else {
                return i64::MAX;
            };
            shown = later;
        }
    }
}

impl Period {
    /// Both ends are days, the last one included, or moments (`2026-08-03T14:00`), where the
    /// period ends with the minute before the second one begins.
    pub fn read(from: &str, to: &str, zone: TimeZone) -> Result<Self, CivilError> {
        let from = zone.first_unix_ms(moment(from)?.start);
        let until = zone.first_unix_ms(moment(to)?.end);
        Self::try_from((from, until))
    }

    pub fn contains(&self, unix_ms: i64) -> bool {
        (self.from_ms..self.until_ms).contains(&unix_ms)
    }
}

/// A day as a whole, or a moment without duration.
fn moment(text: &str) -> Result<Range<NaiveDateTime>, CivilError> {
    if let Ok(Date(day)) = Date::read(text) {
        let after = day.succ_opt().unwrap_or(day);
        return Ok(day.into()..after.into());
    }
    let wrong = || CivilError::Moment(text.to_owned());
    let (day, time) = text.split_once(['T', ' ']).ok_or_else(wrong)?;
    let Date(day) = Date::read(day).map_err(|_| wrong())?;
    let time = chrono::NaiveTime::parse_from_str(time, "%H:%M").map_err(|_| wrong())?;
    let moment = day.and_time(time);
    Ok(moment..moment)
}

impl TryFrom<(i64, i64)> for Period {
    type Error = CivilError;

    fn try_from((from_ms, until_ms): (i64, i64)) -> Result<Self, CivilError> {
        if from_ms < until_ms {
            Ok(Self { from_ms, until_ms })
        } else {
            Err(CivilError::EndsBeforeItStarts)
        }
    }
}

impl From<Period> for (i64, i64) {
    fn from(period: Period) -> Self {
        (period.from_ms, period.until_ms)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Date {
    type Error = CivilError;

    fn try_from(text: String) -> Result<Self, CivilError> {
        Self::read(&text)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self::PARIS
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for TimeZone {
    type Error = CivilError;

    fn try_from(name: String) -> Result<Self, CivilError> {
        Self::read(&name)
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.to_string()
    }
}

/// The wall clock as last told: this instant was that civil time.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) at: Instant,
    pub(crate) unix_ms: i64,
}

impl Clock {
    pub(crate) fn unix_ms(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.at).as_millis();
        self.unix_ms.saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
    }

    /// The first instant at which it is that late; the one that the clock was told at, if it is past.
    pub(crate) fn instant(&self, unix_ms: i64) -> Instant {
        let until = unix_ms.saturating_sub(self.unix_ms);
        self.at + Duration::from_millis(u64::try_from(until).unwrap_or(0))
    }
}

//! Opening hours told once more, for the reference scheduler: a few shapes of expression, and the
//! calendar and clock of Paris and La Réunion by hand. No crate of `acd`'s is used.
//!
//! The expressions that scenes draw are `24/7`, `off`, and rules `Mo-Fr 08:00-20:00` with one or
//! more spans of time, and a last `PH off`, joined by `;`. Anything else is a mistake of the scene.

use std::cell::RefCell;
use std::collections::BTreeMap;

const DAY_MINUTES: i64 = 24 * 60;
const HORIZON_DAYS: i64 = 2 * 366;
/// Scenes write no finer times, and no zone of theirs is off by less.
const STEP_MINUTES: i64 = 5;

const YEARS: usize = 200;
/// The first day of each year from 1970 on, counted from 1970.
const FIRST_DAYS: [i64; YEARS] = {
    let mut days = [0; YEARS];
    let mut year = 1;
    while year < YEARS {
        days[year] = days[year - 1] + 365 + is_leap(1969 + year as i64) as i64;
        year += 1;
    }
    days
};

/// Whether these hours are open at a moment, in Unix milliseconds.
pub(crate) fn is_open(text: &str, zone: &str, unix_ms: i64) -> bool {
    let minute = unix_ms.div_euclid(60_000) + offset_minutes(zone, unix_ms);
    let (day, minute) = (minute.div_euclid(DAY_MINUTES), minute.rem_euclid(DAY_MINUTES));
    let mut open = false;
    for rule in text.split("; ") {
        match rule {
            "24/7" => open = true,
            "off" => open = false,
            "PH off" => open &= !is_holiday(day),
            _ => {
                let (days, times) = rule.split_once(' ').expect("days, then times");
                if covers(days, day) {
                    open = times.split(',').any(|span| lies_in(span, minute));
                }
            }
        }
    }
    open
}

/// The first minute after a moment at which these hours are open and were closed then, or the other
/// way round, within two years: looked for in small steps.
pub(crate) fn next_change(text: &str, zone: &str, unix_ms: i64) -> Option<i64> {
    thread_local! {
        /// From such a minute to the change after it: nothing between them is another answer.
        static FOUND: RefCell<BTreeMap<(String, String, i64), i64>> = RefCell::default();
    }
    if ["24/7", "off"].contains(&text) {
        return None;
    }
    let from = unix_ms.div_euclid(60_000);
    let key = |minute| (text.to_owned(), zone.to_owned(), minute);
    let known = FOUND.with_borrow(|found| {
        let (_, &change) = found
            .range(..=key(from))
            .next_back()
            .filter(|((of, at, _), _)| (of.as_str(), at.as_str()) == (text, zone))?;
        (change > from).then_some(change)
    });
    let change = known.or_else(|| {
        let is_open_now = is_open(text, zone, unix_ms);
        let first = (from.div_euclid(STEP_MINUTES) + 1) * STEP_MINUTES;
        (0..HORIZON_DAYS * DAY_MINUTES / STEP_MINUTES)
            .map(|step| first + step * STEP_MINUTES)
            .find(|minute| is_open(text, zone, minute * 60_000) != is_open_now)
    })?;
    FOUND.with_borrow_mut(|found| found.insert(key(from), change));
    Some(change * 60_000)
}

/// Whether a day (counted from 1970) is of `Mo-Fr`, `Sa`, …
fn covers(days: &str, day: i64) -> bool {
    let number = |name: &str| {
        let names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
        names.iter().position(|known| *known == name).expect("a weekday")
    };
    let today = usize::try_from((day + 3).rem_euclid(7)).expect("of seven"); // 1970 began on a Thursday
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    (number(first)..=number(last)).contains(&today)
}

fn lies_in(span: &str, minute: i64) -> bool {
    let (from, to) = span.split_once('-').expect("a span");
    let minutes = |time: &str| {
        let (hour, minute) = time.split_once(':').expect("a time");
        let (hour, minute): (i64, i64) =
            (hour.parse().expect("hours"), minute.parse().expect("minutes"));
        assert_eq!(minute % STEP_MINUTES, 0, "a scene with {span}");
        hour * 60 + minute
    };
    (minutes(from)..minutes(to)).contains(&minute)
}

/// Of France. Easter is looked for: the first Sunday after the first full moon from 21 March on, the
/// moon of the church's tables.
fn is_holiday(day: i64) -> bool {
    let (year, month, of_month) = date(day);
    let fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    let easter = easter(year);
    fixed.contains(&(month, of_month)) || [1, 39, 50].iter().any(|after| easter + after == day)
}

fn easter(year: i64) -> i64 {
    let golden = year % 19;
    let century = year / 100;
    let moon = (19 * golden + century - century / 4 - (8 * century + 13) / 25 + 15) % 30;
    let moon = match moon {
        29 => 28,
        28 if golden > 10 => 27,
        moon => moon,
    };
    let mut day = days_before(year, 3, 21) + moon + 1;
    while (day + 4).rem_euclid(7) != 0 {
        day += 1;
    }
    day
}

fn offset_minutes(zone: &str, unix_ms: i64) -> i64 {
    match zone {
        "Indian/Reunion" => 4 * 60,
        "Europe/Paris" => {
            let (year, ..) = date(unix_ms.div_euclid(86_400_000));
            let change = |month| (last_sunday(year, month) * 24 + 1) * 3_600_000;
            if (change(3)..change(10)).contains(&unix_ms) { 120 } else { 60 }
        }
        zone => unreachable!("a scene in {zone}"),
    }
}

/// Of a month with 31 days.
fn last_sunday(year: i64, month: i64) -> i64 {
    let last = days_before(year, month, 31);
    last - (last + 4).rem_euclid(7)
}

/// Days from 1970 to a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    let years = usize::try_from(year - 1970).expect("after 1970");
    FIRST_DAYS[years] + months + day - 1
}

fn date(day: i64) -> (i64, i64, i64) {
    let years = FIRST_DAYS.partition_point(|first| *first <= day) - 1;
    let year = 1970 + years as i64;
    let mut day = day - FIRST_DAYS[years];
    let mut month = 1;
    while day >= days_of(year, month) {
        day -= days_of(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use acd::{Holidays, Hours, TimeZone};

    use super::*;

    /// The two must agree, or a scene's verdict means nothing.
    #[test]
    fn the_plain_calendar_agrees_with_the_clever_one_over_ten_years() {
        let texts = [
            "24/7",
            "off",
            "Mo-Fr 08:00-12:00,13:30-19:00; Sa 08:00-12:00; PH off",
            "Su 01:30-03:30",
        ];
        for zone in ["Europe/Paris", "Indian/Reunion"] {
            for text in texts {
                let of = TimeZone::read(zone).expect("a zone");
                let hours = Hours::new(text, of, Holidays::default()).expect("hours");
                // Every 47 minutes from 2024 on: no hour of the day and no day is passed over.
                for step in 0..10 * 365 * 24 * 60 / 47 {
                    let unix_ms = 1_704_067_200_000 + step * 47 * 60_000;
                    let clever = hours.is_open(unix_ms);
                    assert_eq!(
                        is_open(text, zone, unix_ms),
                        clever,
                        "{text} in {zone} at {unix_ms}"
                    );
                }
            }
        }
    }
}

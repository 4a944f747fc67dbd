//! The next change of random hours in zones that do odd things to their clocks, against a look at
//! each minute.

use acd::{Date, Holidays, Hours, Territory, TimeZone};
use proptest::prelude::*;
use proptest::sample::select;

use crate::floor::unix_ms;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const HORIZON_MS: i64 = 732 * DAY_MS;

/// A zone, and a moment about which its clock is changed.
const CHANGES: [(&str, &str); 26] = [
    ("Europe/Paris", "2026-03-29T01:00:00Z"),
    ("Europe/Paris", "2026-10-25T01:00:00Z"),
    ("America/Miquelon", "2026-03-08T05:00:00Z"),
    ("Indian/Reunion", "2026-03-29T01:00:00Z"),
    // At midnight, or over it.
    ("Africa/Cairo", "2024-04-25T22:00:00Z"),
    ("Africa/Cairo", "2024-10-31T21:00:00Z"),
    ("Asia/Beirut", "2025-03-29T22:00:00Z"),
    ("Asia/Beirut", "2025-10-25T21:00:00Z"),
    ("America/Havana", "2025-03-09T05:00:00Z"),
    ("America/Havana", "2025-11-02T05:00:00Z"),
    ("America/Santiago", "2025-04-06T03:00:00Z"),
    ("America/Santiago", "2025-09-07T04:00:00Z"),
    ("America/Nuuk", "2026-03-29T01:00:00Z"),
    ("Atlantic/Azores", "2026-10-25T01:00:00Z"),
    ("Asia/Tehran", "2022-03-21T20:30:00Z"),
    // At a minute past it: a date goes back for an hour.
    ("America/St_Johns", "2010-03-14T03:31:00Z"),
    ("America/St_Johns", "2010-11-07T02:31:00Z"),
    // By half an hour, two hours, a day; and by some seconds, from the time of the sun.
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Antarctica/Troll", "2026-03-29T01:00:00Z"),
    ("Antarctica/Troll", "2026-10-25T01:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    ("Pacific/Kwajalein", "1969-09-30T13:00:00Z"),
    ("Asia/Pyongyang", "2018-05-04T15:00:00Z"),
    ("Africa/Monrovia", "1972-01-07T00:44:30Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
];

const YEARS: [&str; 5] = ["", "", "2026", "2025-2027", "2011+"];
const DATES: [&str; 10] = [
    "",
    "",
    "",
    "Jul-Aug",
    "Nov-Feb",
    "Dec 25-Jan 1",
    "Oct 25",
    "Mar 20-Apr 5",
    "Feb 29",
    "easter -2 days-easter +1 day",
];
const WEEKS: [&str; 5] = ["", "", "", "week 1-53/2", "week 10-20"];
const WEEKDAYS: [&str; 12] = [
    "",
    "Mo-Fr",
    "Mo-Fr",
    "Sa",
    "Sa,Su",
    "Fr-Mo",
    "PH",
    "PH,Su",
    "Th,Fr",
    "Mo[1]",
    "Su[-1]",
    "PH -1 day",
];
const TIMES: [&str; 14] = [
    "",
    "00:00-24:00",
    "08:00-20:00",
    "08:00-12:30,14:00-19:07",
    "20:00-08:00",
    "22:15-30:00",
    "20:00-44:00",
    "23:45-00:15",
    "02:30-05:00",
    "02:15-02:45",
    "00:00-00:30,23:30-24:00",
    "01:00-02:00,23:00-23:59",
    "12:00-12:00",
    "00:01-23:59",
];
const MODIFIERS: [&str; 7] = ["", "", "", "off", "off \"férié\"", "\"matin\"", "open \"soir\""];
const SEPARATORS: [&str; 4] = ["; ", "; ", ", ", " || "];

fn rule() -> impl Strategy<Value = String> {
    let parts = (select(&YEARS), select(&DATES), select(&WEEKS), select(&WEEKDAYS), select(&TIMES));
    (parts, select(&MODIFIERS)).prop_map(|((year, date, week, weekday, time), modifier)| {
        let parts = [year, date, week, weekday, time].into_iter().filter(|part| !part.is_empty());
        let when = parts.collect::<Vec<_>>().join(" ");
        let modifier = if time.is_empty() && modifier.is_empty() { "open" } else { modifier };
        format!("{} {modifier}", if when.is_empty() { "24/7" } else { &when })
    })
}

fn text() -> impl Strategy<Value = String> {
    let more = prop::collection::vec((select(&SEPARATORS), rule()), 0..4);
    (rule(), more).prop_map(|(first, more)| {
        more.into_iter().fold(first, |text, (separator, rule)| text + separator + &rule)
    })
}

fn holidays() -> Holidays {
    let date = |text| Date::read(text).expect("a date");
    Holidays {
        territory: Territory::France,
        added: ["2026-03-28", "2026-03-29", "2024-04-26", "2011-12-30"].map(date).into(),
        removed: [date("2026-05-25")].into(),
    }
}

/// Looks at each minute up to the change that is told, and three times in two hours at what is
/// beyond three days.
fn check(hours: &Hours, unix_ms: i64) -> Result<(), TestCaseError> {
    let is_open = hours.is_open(unix_ms);
    let first = (unix_ms.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
    let next = hours.next_change(unix_ms);
    let until = next.unwrap_or(first + HORIZON_MS);
    prop_assert!(until % MINUTE_MS == 0 && (first..=first + HORIZON_MS).contains(&until));
    let near = first..until.min(first + 3 * DAY_MS);
    let far = near.end..until;
    let looks = near.step_by(MINUTE_MS as usize).chain(far.step_by(40 * MINUTE_MS as usize));
    for look in looks {
        prop_assert_eq!(hours.is_open(look), is_open, "missed: {}", look);
    }
    if let Some(next) = next {
        prop_assert_eq!(hours.is_open(next), !is_open, "no change: {}", next);
    }
    prop_assert_eq!(hours.opens_from(unix_ms), is_open || next.is_some());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 120,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_next_change_of_any_hours_is_the_first_minute_that_differs(
        text in text(),
        (zone, change) in select(&CHANGES),
        around_ms in prop::collection::vec(-7 * DAY_MS..3 * DAY_MS, 2),
    ) {
        let zone = TimeZone::read(zone).expect("a zone");
        let hours = Hours::new(&text, zone, holidays()).expect("hours");
        for around_ms in around_ms {
            check(&hours, unix_ms(change) + around_ms)?;
        }
        check(&hours, unix_ms(change) - 1)?;
    }
}

#[test]
fn an_evening_that_comes_back_is_open_again() {
    let next = |text, zone, moment| {
        let zone = TimeZone::read(zone).expect("a zone");
        let hours = Hours::new(text, zone, Holidays::default()).expect("hours");
        hours.next_change(unix_ms(moment))
    };
    // At midnight the clock goes back to 23:00.
    let beirut = next("23:00-23:30", "Asia/Beirut", "2025-10-25T23:45:00+03:00");
    assert_eq!(beirut, Some(unix_ms("2025-10-25T23:00:00+02:00")));
    // On Sunday at 0:01 it goes back to Saturday, 23:01.
    let st_johns = next("Sa 23:15-23:45", "America/St_Johns", "2010-11-06T23:59:30-02:30");
    assert_eq!(st_johns, Some(unix_ms("2010-11-06T23:15:00-03:30")));
}

#[test]
fn at_the_ends_of_time_nothing_changes() {
    let hours = Hours::new("Mo-Fr 08:00-20:00", TimeZone::PARIS, Holidays::default());
    let hours = hours.expect("hours");
    for end in [i64::MIN, i64::MAX, -9_000_000_000_000_000, 9_000_000_000_000_000] {
        assert_eq!(hours.next_change(end), None);
    }
    // The syntax has the years 1900 to 9999; Paris was 9 min 21 s ahead of UTC.
    let next = |moment| Hours::always().next_change(unix_ms(moment));
    assert_eq!(next("1898-12-01T00:00:00Z"), Some(unix_ms("1899-12-31T23:51:00Z")));
    assert_eq!(next("9998-06-01T00:00:00Z"), Some(unix_ms("9999-12-31T23:00:00Z")));
}

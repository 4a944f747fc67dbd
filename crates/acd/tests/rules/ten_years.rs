//! Practices over the ten years from 2024 on: what the hours, the holidays and the zones say,
//! against a calendar of our own and the meaning of each expression written by hand.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use acd::{Date, Holidays, Hours, Leave, Period, Plan, Practice, Situation, Territory, TimeZone};

use crate::calendar::*;
use crate::floor::practice;

/// What the meaning of an expression may ask of a day.
struct Today {
    day: Day,
    week: i64,
    is_holiday: bool,
    is_eve_of_holiday: bool,
    is_easter: bool,
}

/// Whether it is open at a minute of that day; the day before counts for hours past midnight.
type Meaning = fn(today: &Today, before: &Today, time: i64) -> bool;

struct Case {
    hours: &'static str,
    meaning: Meaning,
    zone: (&'static str, fn(&Calendar) -> Zone),
    territory: Territory,
    /// Holidays there and not in all of France; the second number is that of Easter Sunday.
    own: fn(&Day, i64) -> bool,
    added: &'static [(i64, i64, i64)],
    removed: &'static [(i64, i64, i64)],
    /// As a configuration writes them, and the minutes on the wall: year, month, day, minute.
    leave: &'static [(&'static str, &'static str, Wall, Wall)],
}

type Wall = (i64, i64, i64, i64);

const PARIS: (&str, fn(&Calendar) -> Zone) = ("Europe/Paris", Calendar::paris);

const FRANCE: Case = Case {
    hours: "24/7",
    meaning: |_, _, _| true,
    zone: PARIS,
    territory: Territory::France,
    own: |_, _| false,
    added: &[],
    removed: &[],
    leave: &[],
};

fn at(range: Range<i64>, time: i64) -> bool {
    range.contains(&time)
}

fn cases() -> Vec<Case> {
    vec![
        FRANCE,
        // A doctor with two weeks of leave, of which one is inside a longer one.
        Case {
            hours: "Mo-Fr 08:00-20:00; Sa 08:00-12:00; PH off",
            meaning: |today, _, time| match today.day.weekday {
                _ if today.is_holiday => false,
                MO..=FR => at(8 * H..20 * H, time),
                SA => at(8 * H..12 * H, time),
                _ => false,
            },
            leave: &[
                ("2026-08-03", "2026-08-14", (2026, 8, 3, 0), (2026, 8, 15, 0)),
                ("2026-07-25T12:00", "2026-08-31", (2026, 7, 25, 12 * H), (2026, 9, 1, 0)),
                ("2028-12-24 12:00", "2029-01-02T08:00", (2028, 12, 24, 720), (2029, 1, 2, 480)),
            ],
            ..FRANCE
        },
        // Hours inside the hour that is skipped and repeated, and leave that begins and ends there.
        Case {
            hours: "Su 02:15-02:45, Mo-Sa 23:30-00:30, Sa 03:00-04:00",
            meaning: |today, before, time| match today.day.weekday {
                _ if before.day.weekday != SU && at(0..30, time) => true,
                SU => at(135..165, time),
                SA if at(3 * H..4 * H, time) => true,
                _ => at(23 * H + 30..DAY, time),
            },
            leave: &[
                ("2025-03-30T02:30", "2025-03-30T04:00", (2025, 3, 30, 150), (2025, 3, 30, 240)),
                ("2026-10-25T02:30", "2026-10-25T02:40", (2026, 10, 25, 150), (2026, 10, 25, 160)),
                ("2027-03-20", "2027-03-28T02:20", (2027, 3, 20, 0), (2027, 3, 28, 140)),
                ("2027-10-31", "2027-10-31", (2027, 10, 31, 0), (2027, 11, 1, 0)),
            ],
            ..FRANCE
        },
        // The night and weekend line of Strasbourg.
        Case {
            hours: "Mo-Fr 20:00-08:00, Sa 12:00-32:00, Su 00:00-32:00, PH 00:00-32:00",
            meaning: |today, _, time| {
                // Each day of the week ends with the night.
                time < 8 * H
                    || today.is_holiday
                    || match today.day.weekday {
                        MO..=FR => time >= 20 * H,
                        SA => time >= 12 * H,
                        _ => true,
                    }
            },
            territory: Territory::AlsaceMoselle,
            own: |day, easter| day.is(12, 26) || day.number == easter - 2,
            ..FRANCE
        },
        // A night that a holiday cuts at its midnights.
        Case {
            hours: "Fr 20:00-08:00; PH off \"férié\"",
            meaning: |today, before, time| {
                let is_evening = today.day.weekday == FR && time >= 20 * H;
                let is_morning = before.day.weekday == FR && time < 8 * H;
                !today.is_holiday && (is_evening || is_morning)
            },
            zone: ("America/Guadeloupe", |_| Zone::fixed(-4 * H)),
            territory: Territory::Guadeloupe,
            own: |day, easter| day.is(5, 27) || day.is(7, 21) || day.number == easter - 2,
            ..FRANCE
        },
        // A practice that bridges and works on Whit Mondays.
        Case {
            hours: "Mo-Fr 07:30-12:00,13:30-17:30; Sa 07:30-11:30; PH off",
            meaning: |today, _, time| {
                let is_morning = at(450..12 * H, time);
                !today.is_holiday
                    && match today.day.weekday {
                        SU => false,
                        SA => at(450..690, time),
                        _ => is_morning || at(810..1050, time),
                    }
            },
            zone: ("Indian/Reunion", |_| Zone::fixed(4 * H)),
            territory: Territory::Reunion,
            own: |day, _| day.is(12, 20),
            added: &[(2026, 5, 15), (2026, 5, 25), (2028, 2, 29), (2031, 12, 26)],
            removed: &[(2024, 5, 20), (2025, 6, 9), (2026, 5, 25), (2027, 5, 17), (2030, 12, 20)],
            leave: &[("2026-12-24", "2027-01-04", (2026, 12, 24, 0), (2027, 1, 5, 0))],
        },
        // Odd and even weeks.
        Case {
            hours: "week 1-53/2 Mo-Fr 08:00-17:00; week 2-52/2 Mo-Th 09:00-16:00; PH off",
            meaning: |today, _, time| {
                !today.is_holiday
                    && match (today.week % 2, today.day.weekday) {
                        (1, MO..=FR) => at(8 * H..17 * H, time),
                        (0, MO..=TH) => at(9 * H..16 * H, time),
                        _ => false,
                    }
            },
            zone: ("Pacific/Noumea", |_| Zone::fixed(11 * H)),
            territory: Territory::NouvelleCaledonie,
            own: |day, _| day.is(9, 24),
            ..FRANCE
        },
        // Months, and a closure over the turn of the year.
        Case {
            hours: "Mo-Fr 08:30-19:00; Jul-Aug Mo-Fr 09:00-13:00; Dec 24 08:30-12:00; \
                Dec 25-Jan 1 off; PH off",
            meaning: |today, _, time| {
                let day = &today.day;
                if today.is_holiday || day.is_within((12, 25), (12, 31)) {
                    return false;
                }
                match day.weekday {
                    _ if day.is(12, 24) => at(510..12 * H, time),
                    MO..=FR if day.month == 7 || day.month == 8 => at(9 * H..13 * H, time),
                    MO..=FR => at(510..19 * H, time),
                    _ => false,
                }
            },
            territory: Territory::AlsaceMoselle,
            own: |day, easter| day.is(12, 26) || day.number == easter - 2,
            removed: &[(2026, 4, 3), (2027, 3, 26)],
            ..FRANCE
        },
        // The first Wednesday and the last Saturday of a month; another rule where none applies.
        Case {
            hours: "Tu-Sa 09:00-19:00; We[1] off; Sa[-1] off; PH off \"férié\" || 22:00-23:00",
            meaning: |today, _, time| {
                let day = &today.day;
                match day.weekday {
                    _ if today.is_holiday => false,
                    MO | SU => at(22 * H..23 * H, time),
                    WE if day.of_month <= 7 => at(22 * H..23 * H, time),
                    SA if day.is_last => at(22 * H..23 * H, time),
                    _ => at(9 * H..19 * H, time),
                }
            },
            zone: ("Indian/Mayotte", |_| Zone::fixed(3 * H)),
            territory: Territory::Mayotte,
            own: |day, _| day.is(4, 27),
            ..FRANCE
        },
        // Two seasons, and holidays with hours of their own.
        Case {
            hours: "Apr 1-Oct 31 Mo-Su 07:00-22:00; Nov 1-Mar 31 Mo-Sa 08:00-19:00; PH 10:00-12:00",
            meaning: |today, _, time| match today.day.weekday {
                _ if today.is_holiday => at(10 * H..12 * H, time),
                _ if (4..=10).contains(&today.day.month) => at(7 * H..22 * H, time),
                SU => false,
                _ => at(8 * H..19 * H, time),
            },
            zone: ("America/Martinique", |_| Zone::fixed(-4 * H)),
            territory: Territory::Martinique,
            own: |day, easter| day.is(5, 22) || day.is(7, 21) || day.number == easter - 2,
            ..FRANCE
        },
        // The clocks of America.
        Case {
            hours: "Mo-Sa 00:00-03:00,06:00-24:00; Su 01:30-02:30; PH off",
            meaning: |today, _, time| {
                let is_sunday = today.day.weekday == SU;
                !today.is_holiday
                    && if is_sunday { at(90..150, time) } else { !at(3 * H..6 * H, time) }
            },
            zone: ("America/Miquelon", Calendar::miquelon),
            territory: Territory::SaintPierreEtMiquelon,
            leave: &[("2026-11-01", "2026-11-01", (2026, 11, 1, 0), (2026, 11, 2, 0))],
            ..FRANCE
        },
        // Eves, and Easter itself.
        Case {
            hours: "Mo-Fr 07:00-16:00; easter 08:00-12:00; PH off; PH -1 day 07:00-12:00",
            meaning: |today, _, time| match today.day.weekday {
                _ if today.is_eve_of_holiday => at(7 * H..12 * H, time),
                _ if today.is_holiday => false,
                _ if today.is_easter => at(8 * H..12 * H, time),
                MO..=FR => at(7 * H..16 * H, time),
                _ => false,
            },
            zone: ("Pacific/Tahiti", |_| Zone::fixed(-10 * H)),
            territory: Territory::PolynesieFrancaise,
            own: |day, easter| {
                let autonomy = if day.year < 2026 { (6, 29) } else { (11, 20) };
                day.is(3, 5) || day.number == easter - 2 || day.is(autonomy.0, autonomy.1)
            },
            ..FRANCE
        },
        // It opens in 2026 and closes for ever in 2031.
        Case {
            hours: "2026-2028 Mo-Fr 08:00-12:00; 2029-2030 Mo-Fr 08:00-20:00; \
                2027 Jul 4-Aug 31 off; PH off",
            meaning: |today, _, time| {
                let day = &today.day;
                let is_summer_2027 = day.year == 2027 && day.is_within((7, 4), (8, 31));
                day.weekday <= FR
                    && !today.is_holiday
                    && !is_summer_2027
                    && match day.year {
                        2026..=2028 => at(8 * H..12 * H, time),
                        2029..=2030 => at(8 * H..20 * H, time),
                        _ => false,
                    }
            },
            zone: ("America/Cayenne", |_| Zone::fixed(-3 * H)),
            territory: Territory::Guyane,
            own: |day, _| day.is(6, 10),
            ..FRANCE
        },
        // Always but for the holidays.
        Case {
            hours: "24/7; PH off",
            meaning: |today, _, _| !today.is_holiday,
            zone: ("Pacific/Wallis", |_| Zone::fixed(12 * H)),
            territory: Territory::WallisEtFutuna,
            own: |day, _| day.is(4, 28) || day.is(7, 29),
            ..FRANCE
        },
        // Holidays alone, and only what it added itself.
        Case {
            hours: "PH 18:00-30:00",
            meaning: |today, before, time| {
                today.is_holiday && time >= 18 * H || before.is_holiday && time < 6 * H
            },
            territory: Territory::None,
            added: &[(2025, 3, 29), (2026, 10, 24), (2027, 6, 1), (2031, 6, 2), (2031, 6, 3)],
            ..FRANCE
        },
    ]
}

/// A case with what the brute force says of it. Minutes are of Unix time.
struct Known {
    case: Case,
    practice: Practice,
    zone: Zone,
    opens_with: bool,
    changes: Vec<i64>,
    leave: Vec<Range<i64>>,
    /// All minutes of these days are worth a look.
    days: BTreeSet<i64>,
    /// The ten years.
    years: Range<i64>,
}

const HORIZON: i64 = 732 * DAY;

static CALENDAR: LazyLock<Calendar> = LazyLock::new(Calendar::new);
static KNOWN: LazyLock<Vec<Known>> =
    LazyLock::new(|| cases().into_iter().map(|case| Known::new(case, &CALENDAR)).collect());

impl Known {
    fn new(case: Case, calendar: &Calendar) -> Self {
        let days = days(&case, calendar);
        let begin = calendar.find(2024, 1, 1).number * DAY;
        let end = calendar.find(2034, 1, 1).number * DAY;
        let zone = case.zone.1(calendar);
        let first_day = days[0].day.number;
        let is_open = |minute: i64| {
            let wall = zone.wall(minute);
            let index = (wall.div_euclid(DAY) - first_day) as usize;
            (case.meaning)(&days[index], &days[index - 1], wall.rem_euclid(DAY))
        };
        let mut last = is_open(begin);
        let is_change = |minute: &i64| std::mem::replace(&mut last, is_open(*minute)) != last;
        let changes = (begin..end + HORIZON + DAY).filter(is_change).collect();
        let leave = leave(&case, calendar, &zone);
        let edges = leave.iter().flat_map(|period| [period.start, period.end]);
        let around = edges.chain(zone.changes()).map(|minute| minute / DAY);
        let around = around.flat_map(|day| [day - 1, day, day + 1]);
        let holidays = days.iter().filter(|today| today.is_holiday).map(|today| today.day.number);
        Self {
            practice: practice_of(&case),
            opens_with: is_open(begin),
            days: around.chain(holidays).collect(),
            changes,
            leave,
            case,
            zone,
            years: begin..end,
        }
    }

    fn hours(&self) -> &Hours {
        &self.practice.hours
    }

    fn is_open(&self, minute: i64) -> bool {
        let before = self.changes.partition_point(|&change| change <= minute);
        self.opens_with ^ (before % 2 == 1)
    }

    fn next_change(&self, minute: i64) -> Option<i64> {
        let next = self.changes.partition_point(|&change| change <= minute);
        self.changes.get(next).copied().filter(|change| *change <= minute + HORIZON)
    }

    fn opens_from(&self, minute: i64) -> bool {
        self.is_open(minute) || self.next_change(minute).is_some()
    }

    fn situation(&self, minute: i64) -> Situation {
        if self.leave.iter().any(|period| period.contains(&minute)) {
            Situation::Leave
        } else if self.is_open(minute) {
            Situation::Open
        } else {
            Situation::Closed
        }
    }

    /// Every quarter of an hour, and all minutes of the days that are worth it.
    fn minutes(&self) -> impl Iterator<Item = i64> {
        let days = self.days.iter().flat_map(|day| day * DAY..(day + 1) * DAY);
        let minutes = days.filter(|minute| self.years.contains(minute) && minute % 15 != 0);
        self.years.clone().step_by(15).chain(minutes)
    }

    /// The changes of these ten years.
    fn changes(&self) -> impl Iterator<Item = i64> {
        self.changes.iter().copied().filter(|change| self.years.contains(change))
    }

    /// For a message: the minute on the wall.
    fn told(&self, minute: i64) -> String {
        let wall = self.zone.wall(minute);
        let (day, time) = (CALENDAR.day(wall.div_euclid(DAY)).text(), wall.rem_euclid(DAY));
        let (hours, zone) = (self.case.hours, self.case.zone.0);
        format!("{hours}: {day} {:02}:{:02} in {zone}", time / H, time % H)
    }
}

fn days(case: &Case, calendar: &Calendar) -> Vec<Today> {
    let (begin, end) = (calendar.find(2023, 12, 29).number, calendar.find(2036, 1, 6).number);
    let is_holiday = |day: &Day| {
        let easter = calendar.easter(day.year).number;
        let date = (day.year, day.month, day.of_month);
        let is_given = case.territory != Territory::None && is_holiday_in_france(day, easter);
        let is_holiday = is_given || (case.own)(day, easter) || case.added.contains(&date);
        is_holiday && !case.removed.contains(&date)
    };
    let today = |number: i64| {
        let day = *calendar.day(number);
        Today {
            day,
            week: calendar.week(&day),
            is_holiday: is_holiday(&day),
            is_eve_of_holiday: is_holiday(calendar.day(number + 1)),
            is_easter: calendar.easter(day.year).number == number,
        }
    };
    (begin..end).map(today).collect()
}

fn is_holiday_in_france(day: &Day, easter: i64) -> bool {
    const FIXED: [(i64, i64); 8] =
        [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    FIXED.contains(&(day.month, day.of_month)) || [1, 39, 50].contains(&(day.number - easter))
}

fn holidays(case: &Case) -> Holidays {
    let date = |(year, month, day): &(i64, i64, i64)| {
        Date::read(&format!("{year}-{month:02}-{day:02}")).expect("a date")
    };
    Holidays {
        territory: case.territory,
        added: case.added.iter().map(date).collect(),
        removed: case.removed.iter().map(date).collect(),
    }
}

fn practice_of(case: &Case) -> Practice {
    let zone = TimeZone::read(case.zone.0).expect("a zone");
    let mut practice = practice(30, &[]);
    practice.hours = Hours::new(case.hours, zone, holidays(case)).expect("hours");
    for (from, to, ..) in case.leave {
        let period = Period::read(from, to, zone).expect("a period");
        practice.leave.push(Leave { period, plan: Plan::default() });
    }
    practice
}

fn leave(case: &Case, calendar: &Calendar, zone: &Zone) -> Vec<Range<i64>> {
    let first = |(year, month, day, minute): Wall| {
        zone.first(calendar.find(year, month, day).number * DAY + minute)
    };
    case.leave.iter().map(|&(.., begin, end)| first(begin)..first(end)).collect()
}

const MINUTE_MS: i64 = 60_000;

#[test]
fn a_holiday_is_a_holiday_of_the_calendar() {
    for case in cases() {
        let holidays = holidays(&case);
        for today in days(&case, &CALENDAR) {
            let date = Date::read(&today.day.text()).expect("a date");
            assert_eq!(holidays.contains(date), today.is_holiday, "{}, {date}", case.zone.0);
        }
    }
}

#[test]
fn it_is_open_closed_or_on_leave_when_the_calendar_says_so() {
    for known in KNOWN.iter() {
        let check = |unix_ms: i64| {
            let minute = unix_ms.div_euclid(MINUTE_MS);
            let situation = known.practice.situation(Some(unix_ms));
            assert_eq!(situation, known.situation(minute), "{}", known.told(minute));
        };
        known.minutes().for_each(|minute| check(minute * MINUTE_MS));
        let edges = known.leave.iter().flat_map(|period| [period.start, period.end]);
        edges.chain(known.changes()).for_each(|minute| check(minute * MINUTE_MS - 1));
    }
}

/// At the last millisecond of each minute: with its first one above, the minute is as one.
fn is_open_at_each_minute_when_the_calendar_says_so(known: &Known) {
    for minute in known.years.clone() {
        let is_open = known.hours().is_open((minute + 1) * MINUTE_MS - 1);
        assert_eq!(is_open, known.is_open(minute), "{}", known.told(minute));
    }
}

#[test]
fn a_usual_practice_is_open_at_each_minute_when_the_calendar_says_so() {
    is_open_at_each_minute_when_the_calendar_says_so(&KNOWN[1]);
}

#[test]
fn hours_in_a_changed_clock_are_open_at_each_minute_when_the_calendar_says_so() {
    is_open_at_each_minute_when_the_calendar_says_so(&KNOWN[2]);
}

#[test]
fn the_next_change_is_that_of_the_calendar() {
    let mut dice = Dice(2024);
    for known in KNOWN.iter() {
        let check = |unix_ms: i64| {
            let minute = unix_ms.div_euclid(MINUTE_MS);
            let next = known.hours().next_change(unix_ms).map(|next| next / MINUTE_MS);
            assert_eq!(next, known.next_change(minute), "{}", known.told(minute));
            let opens = known.hours().opens_from(unix_ms);
            assert_eq!(opens, known.opens_from(minute), "{}", known.told(minute));
        };
        for change in known.changes() {
            check(change * MINUTE_MS - 1);
            check(change * MINUTE_MS);
        }
        for change in known.zone.changes().filter(|change| known.years.contains(change)) {
            (change - 4 * H..change + 4 * H).for_each(|minute| check(minute * MINUTE_MS));
        }
        let years = known.years.start * MINUTE_MS..known.years.end * MINUTE_MS;
        (0..3_000).for_each(|_| check(dice.of(years.clone())));
    }
}

/// Splitmix64.
struct Dice(u64);

impl Dice {
    fn of(&mut self, range: Range<i64>) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        range.start + (word % range.start.abs_diff(range.end)) as i64
    }
}

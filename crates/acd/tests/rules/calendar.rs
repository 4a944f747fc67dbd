//! A calendar for tests that owes nothing to the code under test nor to its crates: days counted
//! one by one from a Thursday, Easter by the table of the prayer book, clocks by the law.

use std::ops::Range;

/// Minutes of an hour and of a day. All times here are minutes.
pub(crate) const H: i64 = 60;
pub(crate) const DAY: i64 = 24 * H;

pub(crate) const MO: i64 = 0;
pub(crate) const WE: i64 = 2;
pub(crate) const TH: i64 = 3;
pub(crate) const FR: i64 = 4;
pub(crate) const SA: i64 = 5;
pub(crate) const SU: i64 = 6;

const MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

#[derive(Copy, Clone, Debug)]
pub(crate) struct Day {
    /// Days since 1 January 1970.
    pub(crate) number: i64,
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) of_month: i64,
    /// From 1 on.
    pub(crate) of_year: i64,
    pub(crate) weekday: i64,
    /// Whether no day of this weekday comes after it in its month.
    pub(crate) is_last: bool,
}

/// All days of 1970 to 2039.
pub(crate) struct Calendar {
    days: Vec<Day>,
}

/// The clocks of a place.
pub(crate) struct Zone {
    /// Ahead of UTC.
    winter: i64,
    /// When they are an hour ahead of that, in order.
    summers: Vec<Range<i64>>,
}

impl Day {
    pub(crate) fn is(&self, month: i64, of_month: i64) -> bool {
        (self.month, self.of_month) == (month, of_month)
    }

    /// Whether it lies between two days of the same year, both included.
    pub(crate) fn is_within(&self, from: (i64, i64), to: (i64, i64)) -> bool {
        (from..=to).contains(&(self.month, self.of_month))
    }

    /// As `2026-03-29`.
    pub(crate) fn text(&self) -> String {
        format!("{}-{:02}-{:02}", self.year, self.month, self.of_month)
    }
}

impl Calendar {
    pub(crate) fn new() -> Self {
        let mut days = Vec::new();
        for year in 1970..2040 {
            let mut of_year = 0;
            for (month, length) in (1..).zip(MONTHS) {
                // 2000 was a leap year, and 2100 is far.
                let length = if month == 2 && year % 4 == 0 { 29 } else { length };
                for of_month in 1..=length {
                    let number = days.len() as i64;
                    of_year += 1;
                    let weekday = (TH + number) % 7;
                    let is_last = of_month + 7 > length;
                    days.push(Day { number, year, month, of_month, of_year, weekday, is_last });
                }
            }
        }
        Self { days }
    }

    pub(crate) fn day(&self, number: i64) -> &Day {
        &self.days[usize::try_from(number).expect("not before 1970")]
    }

    pub(crate) fn find(&self, year: i64, month: i64, of_month: i64) -> &Day {
        let date = |day: &Day| (day.year, day.month, day.of_month);
        let found = self.days.binary_search_by_key(&(year, month, of_month), date);
        &self.days[found.expect("a day of the calendar")]
    }

    /// Of ISO 8601: weeks are counted by their Thursdays.
    pub(crate) fn week(&self, day: &Day) -> i64 {
        (self.day(day.number - day.weekday + TH).of_year - 1) / 7 + 1
    }

    /// The Sunday after the paschal full moon, which the golden number tells from 1900 to 2199.
    pub(crate) fn easter(&self, year: i64) -> &Day {
        const FULL_MOONS: [(i64, i64); 19] = [
            (4, 14),
            (4, 3),
            (3, 23),
            (4, 11),
            (3, 31),
            (4, 18),
            (4, 8),
            (3, 28),
            (4, 16),
            (4, 5),
            (3, 25),
            (4, 13),
            (4, 2),
            (3, 22),
            (4, 10),
            (3, 30),
            (4, 17),
            (4, 7),
            (3, 27),
        ];
        let (month, of_month) = FULL_MOONS[(year % 19) as usize];
        let full_moon = self.find(year, month, of_month);
        self.day(full_moon.number + 7 - (full_moon.weekday + 1) % 7)
    }

    /// Of the European Union: summer from the last Sunday of March to that of October, 01:00 UTC.
    pub(crate) fn paris(&self) -> Zone {
        let change = |day: &Day, month| day.month == month && day.weekday == SU && day.is_last;
        self.zone(H, |day| change(day, 3), H, |day| change(day, 10), H)
    }

    /// Of the United States: summer from the second Sunday of March to the first one of November,
    /// 02:00 on the clock each time; three hours behind UTC in winter.
    pub(crate) fn miquelon(&self) -> Zone {
        let begin = |day: &Day| day.weekday == SU && day.is_within((3, 8), (3, 14));
        let end = |day: &Day| day.weekday == SU && day.is_within((11, 1), (11, 7));
        self.zone(-3 * H, begin, 5 * H, end, 4 * H)
    }

    fn zone(
        &self,
        winter: i64,
        begin: impl Fn(&Day) -> bool,
        begin_at: i64,
        end: impl Fn(&Day) -> bool,
        end_at: i64,
    ) -> Zone {
        let recent = || self.days.iter().filter(|day| day.year > 2020);
        let begins = recent().filter(|day| begin(day)).map(|day| day.number * DAY + begin_at);
        let ends = recent().filter(|day| end(day)).map(|day| day.number * DAY + end_at);
        Zone { winter, summers: begins.zip(ends).map(|(begin, end)| begin..end).collect() }
    }
}

impl Zone {
    pub(crate) fn fixed(winter: i64) -> Self {
        Self { winter, summers: Vec::new() }
    }

    /// What the clock shows at that minute of Unix time, as minutes since it showed 1970.
    pub(crate) fn wall(&self, minute: i64) -> i64 {
        let next = self.summers.partition_point(|summer| summer.end <= minute);
        let is_summer = self.summers.get(next).is_some_and(|summer| summer.contains(&minute));
        minute + self.winter + if is_summer { H } else { 0 }
    }

    /// The first minute of Unix time at which the clock shows this or later.
    pub(crate) fn first(&self, wall: i64) -> i64 {
        let long_before = wall - self.winter - DAY;
        (long_before..).find(|&minute| self.wall(minute) >= wall).expect("clocks go on")
    }

    /// The minutes of Unix time at which the clock is changed.
    pub(crate) fn changes(&self) -> impl Iterator<Item = i64> {
        self.summers.iter().flat_map(|summer| [summer.start, summer.end])
    }
}

#[test]
fn it_knows_days_that_everybody_knows() {
    let calendar = Calendar::new();
    let weekday = |year, month, day| calendar.find(year, month, day).weekday;
    assert_eq!(weekday(1989, 11, 9), TH);
    assert_eq!(weekday(2000, 1, 1), SA);
    assert_eq!(weekday(2024, 2, 29), TH);
    assert_eq!(calendar.find(2001, 9, 9).number * 86_400 + 6_400, 1_000_000_000);
    let easters = [(2024, "03-31"), (2025, "04-20"), (2026, "04-05"), (2030, "04-21")];
    for (year, day) in easters {
        assert_eq!(calendar.easter(year).text(), format!("{year}-{day}"));
    }
    assert_eq!(calendar.week(calendar.find(2027, 1, 3)), 53);
    assert_eq!(calendar.week(calendar.find(2024, 12, 30)), 1);
}

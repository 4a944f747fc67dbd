//! Which rule of the hours decides a moment: for explanations.
//!
//! The crate tells of a moment only the comment of the rule that applies. So each rule of a copy has its
//! own number for a comment, and that is asked instead.

use chrono::NaiveDate;
use opening_hours::OpeningHours;
use opening_hours_syntax::rules::time::TimeSelector;
use opening_hours_syntax::rules::{OpeningHoursExpression, RuleSequence};

use super::{Hours, is_open, minutes, names_holidays};
use crate::civil::Date;

/// What of the hours decides a moment.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Deciding {
    /// As it is written, where that can be told: `Mo-Fr 08:00-19:00`.
    pub rule: String,
    /// The moment is within the rule's times; else the day is the rule's, and at this time it is closed.
    pub is_within: bool,
    /// The rule is one of public holidays (`PH`).
    pub is_of_holidays: bool,
}

impl Hours {
    /// `None`: no rule says anything of that day, so it is closed.
    pub fn deciding(&self, unix_ms: i64) -> Option<Deciding> {
        let (date, time) = self.wall(unix_ms);
        let rules = &self.rules.get_expression().rules;
        let decides = |rules: Vec<RuleSequence>| self.decides(rules, date, time);
        let within =
            decides(numbered(rules).collect()).filter(|(_, open)| *open == self.is_open(unix_ms));
        let all_day = || {
            let days = numbered(rules)
                .map(|rule| RuleSequence { time_selector: TimeSelector::default(), ..rule });
            decides(days.collect())
        };
        let (at, is_within) = match within {
            Some((at, _)) => (at, true),
            None => (all_day()?.0, false),
        };
        let rule = rules.get(at)?;
        Some(Deciding {
            rule: self.written(at, rules.len()).unwrap_or_else(|| rule.to_string()),
            is_within,
            is_of_holidays: names_holidays(rule),
        })
    }

    /// What the public holiday of that moment is called, in French; `None`: the day is none.
    pub fn holiday(&self, unix_ms: i64) -> Option<&'static str> {
        self.source.holidays.name(Date(self.wall(unix_ms).0))
    }

    /// The number of the rule that applies, and whether it is open by it.
    fn decides(
        &self,
        rules: Vec<RuleSequence>,
        date: NaiveDate,
        time: u32,
    ) -> Option<(usize, bool)> {
        let text = OpeningHoursExpression { rules }.to_string();
        // What the crate writes it can read; where not, nothing is found.
        let hours: OpeningHours = text.parse().ok()?;
        let hours = hours.with_context(self.rules.get_context().clone());
        let mut ranges = hours.schedule_at(date).into_iter();
        let range = ranges.find(|range| minutes(range).contains(&time))?;
        Some((range.comment.parse().ok()?, is_open(&range)))
    }

    /// The rule of that number as its writer has it. `None`: the text cannot be cut into its rules.
    fn written(&self, at: usize, count: usize) -> Option<String> {
        let mut is_comment = false;
        let rules = self.text().split(|c: char| {
            is_comment ^= c == '"';
            !is_comment && c == ';'
        });
        let rules: Vec<&str> = rules.map(str::trim).filter(|rule| !rule.is_empty()).collect();
        (rules.len() == count).then(|| rules[at].to_owned())
    }
}

/// Each with its number for a comment.
fn numbered(rules: &[RuleSequence]) -> impl Iterator<Item = RuleSequence> {
    let numbers = rules.iter().enumerate();
    numbers.map(|(at, rule)| RuleSequence { comment: at.to_string().into(), ..rule.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::TimeZone;
    use crate::holidays::{Holidays, Territory};

    fn decides(text: &str, at: &str) -> Option<(String, bool, bool)> {
        let holidays = Holidays { territory: Territory::France, ..Holidays::default() };
        let hours = Hours::new(text, TimeZone::PARIS, holidays).unwrap();
        let deciding = hours.deciding(TimeZone::PARIS.unix_ms(at).unwrap());
        deciding.map(|it| (it.rule, it.is_within, it.is_of_holidays))
    }

    #[test]
    fn the_rule_that_decides_a_moment_is_told_as_it_is_written() {
        const USUAL: &str = "Mo-Fr 08:00-19:00; Sa 08:00-12:00; PH off \"jour; férié\"";
        for (text, at, rule, is_within, is_of_holidays) in [
            (USUAL, "2026-11-26T08:00", "Mo-Fr 08:00-19:00", true, false),
            (USUAL, "2026-11-26T19:00", "Mo-Fr 08:00-19:00", false, false),
            (USUAL, "2026-11-28T11:59", "Sa 08:00-12:00", true, false),
            // Easter Monday.
            (USUAL, "2026-04-06T10:00", "PH off \"jour; férié\"", true, true),
            ("24/7", "2026-11-26T08:00", "24/7", true, false),
            ("24/7; Dec 24 off", "2026-12-24T08:00", "Dec 24 off", true, false),
            ("Mo-Su 08:00-20:00; PH off", "2026-12-25T08:00", "PH off", true, true),
            // The night of the day before.
            ("Fr 22:00-02:00", "2026-11-28T01:00", "Fr 22:00-02:00", true, false),
            // Rules that `,` joins are told in the crate's own words.
            (
                "Mo-Fr 08:00-12:00, We 18:00-20:00",
                "2026-11-25T19:00",
                "We 18:00-20:00",
                true,
                false,
            ),
            (
                "Mo-Fr 08:00-12:00, We 18:00-20:00",
                "2026-11-25T09:00",
                "Mo-Fr 08:00-12:00",
                true,
                false,
            ),
        ] {
            let expected = Some((rule.to_owned(), is_within, is_of_holidays));
            assert_eq!(decides(text, at), expected, "{text} at {at}");
        }
        assert_eq!(decides(USUAL, "2026-11-29T10:00"), None, "nothing is said of a Sunday");
    }

    #[test]
    fn holidays_have_their_french_names() {
        let of = |territory, day: &str| {
            let added = [Date::read("2026-05-15").unwrap()].into();
            let removed = [Date::read("2026-05-25").unwrap()].into();
            let holidays = Holidays { territory, added, removed };
            let hours = Hours::new("24/7", TimeZone::PARIS, holidays).unwrap();
            hours.holiday(TimeZone::PARIS.unix_ms(day).unwrap())
        };
        for (territory, day, name) in [
            (Territory::France, "2026-04-06", Some("Lundi de Pâques")),
            (Territory::France, "2026-07-14", Some("Fête nationale")),
            (Territory::France, "2026-12-26", None),
            (Territory::AlsaceMoselle, "2026-12-26", Some("Saint-Étienne")),
            (Territory::PolynesieFrancaise, "2026-11-20", Some("Matari'i i ni'a")),
            (Territory::France, "2026-05-15", Some("jour ajouté")),
            (Territory::France, "2026-05-25", None),
        ] {
            assert_eq!(of(territory, day), name, "{day}");
        }
    }
}

//! Nights that another rule of the same hours cuts off at midnight: what the syntax does, and hardly
//! anybody means.

use chrono::NaiveDate;
use opening_hours_syntax::rules::time::{Time, TimeSelector, TimeSpan};
use opening_hours_syntax::rules::{OpeningHoursExpression, RuleOperator, RuleSequence};
use opening_hours_syntax::{ExtendedTime, RuleKind};

use super::{Calendars, Hours, MINUTES_A_DAY, Source};

/// Every weekday, day of a year and holiday comes within it.
const LOOKED_AT_DAYS: usize = 366;

/// Two rules with a `;` between them, of which one ends a night of the other at midnight.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct CutNight {
    /// The rule whose hours run past midnight: `Fr 22:00-02:00`.
    pub night: String,
    /// Who has the day after for himself: `Sa 10:00-12:00`.
    pub by: String,
}

impl Hours {
    /// Looked for in the year after that moment. Days that are `off` do the same, and are meant to.
    pub fn cut_night(&self, unix_ms: i64) -> Option<CutNight> {
        let rules = &self.rules.get_expression().rules;
        let opening = rules.iter().filter(|rule| rule.kind == RuleKind::Open);
        let opening: Vec<&RuleSequence> = opening.collect();
        let mut calendars = Calendars::default();
        for (at, night) in opening.iter().enumerate() {
            let Some(nights) = nights(night) else { continue };
            let nights = self.alone(nights, &mut calendars)?;
            for (other_at, other) in opening.iter().enumerate() {
                let is_replacing = opening[at.max(other_at)].operator == RuleOperator::Normal;
                if at == other_at || !is_replacing {
                    continue;
                }
                let days =
                    RuleSequence { time_selector: TimeSelector::default(), ..(*other).clone() };
                let days = self.alone(days, &mut calendars)?;
                if self.cuts(&nights, &days, self.wall(unix_ms).0) {
                    return Some(CutNight { night: night.to_string(), by: other.to_string() });
                }
            }
        }
        None
    }

    /// Whether some night lasts into a day of the others, is open until midnight, and not from then on.
    fn cuts(&self, nights: &Self, days: &Self, from: NaiveDate) -> bool {
        let first = 0..1;
        let last = MINUTES_A_DAY - 1..MINUTES_A_DAY;
        let is_open = |hours: &Self, date, minute| hours.day(date).first(minute, true).is_some();
        let eves = from.iter_days().take(LOOKED_AT_DAYS);
        eves.zip(from.iter_days().skip(1)).any(|(eve, date)| {
            is_open(nights, eve, last.clone())
                && is_open(nights, date, first.clone())
                && is_open(days, date, first.clone())
                && is_open(self, eve, last.clone())
                && !is_open(self, date, first.clone())
        })
    }

    /// One rule as if it were all, in the same zone and with the same holidays.
    fn alone(&self, rule: RuleSequence, calendars: &mut Calendars) -> Option<Self> {
        let rule = RuleSequence { operator: RuleOperator::Normal, ..rule };
        let text = OpeningHoursExpression { rules: vec![rule] }.to_string();
        // What the crate writes it can read; where not, nothing is found.
        Self::of(Source { text, ..self.source.clone() }, calendars).ok()
    }
}

/// The rule with only those of its hours that run past midnight; `None`: it has none.
fn nights(rule: &RuleSequence) -> Option<RuleSequence> {
    let spans = rule.time_selector.spans.iter().filter(|span| runs_past_midnight(span));
    let spans: Vec<TimeSpan> = spans.cloned().collect();
    (!spans.is_empty())
        .then(|| RuleSequence { time_selector: TimeSelector::new(spans), ..rule.clone() })
}

/// `22:00-02:00` or `22:00-26:00`, and not `22:00-00:00`.
fn runs_past_midnight(span: &TimeSpan) -> bool {
    match (span.range.start, span.range.end) {
        (Time::Fixed(start), Time::Fixed(end)) => {
            end > ExtendedTime::MIDNIGHT_24 || (end <= start && end > ExtendedTime::MIDNIGHT_00)
        }
        // The place of the sun is refused before.
        (Time::Variable(_), _) | (_, Time::Variable(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::TimeZone;
    use crate::holidays::{Holidays, Territory};

    /// Thu 2026-11-26 08:30 in Paris.
    const NOW: i64 = 1_795_678_200_000;

    fn cut(text: &str) -> Option<(String, String)> {
        let holidays = Holidays { territory: Territory::France, ..Holidays::default() };
        let hours = Hours::new(text, TimeZone::PARIS, holidays).unwrap();
        hours.cut_night(NOW).map(|cut| (cut.night, cut.by))
    }

    #[test]
    fn a_night_that_another_rule_of_the_day_after_cuts_is_found() {
        for (text, night, by) in [
            ("Fr 22:00-02:00; Sa 10:00-12:00", "Fr 22:00-02:00", "Sa 10:00-12:00"),
            (
                "Mo-Fr 08:00-12:00,18:00-02:00; Sa 10:00-12:00; PH off",
                "Mo-Fr 08:00-12:00,18:00-02:00",
                "Sa 10:00-12:00",
            ),
            ("Mo-Th 18:00-02:00; Fr,Sa 18:00-04:00", "Mo-Th 18:00-02:00", "Fr,Sa 18:00-04:00"),
            // A night gives way to an earlier rule's day, too.
            ("Mo-Fr 08:00-20:00; Su 22:00-02:00", "Su 22:00-02:00", "Mo-Fr 08:00-20:00"),
            ("Mo-Su 22:00-06:00; Dec 24 10:00-12:00", "Mo-Su 22:00-06:00", "Dec 24 10:00-12:00"),
        ] {
            assert_eq!(cut(text), Some((night.to_owned(), by.to_owned())), "{text}");
        }
    }

    #[test]
    fn nights_that_last_or_are_meant_to_end_are_left_alone() {
        for text in [
            "24/7",
            "Fr 22:00-02:00, Sa 10:00-12:00",
            "Mo-Fr 22:00-02:00; PH off",
            "Mo-Su 22:00-06:00; Sa off; Dec 24-26 off",
            "Mo-Fr 22:00-02:00; Su 10:00-12:00",
            "Mo-Fr 08:00-20:00; Sa 08:00-12:00; PH off",
            "24/7; Sa 10:00-12:00",
            "Mo-Fr 00:00-24:00; Sa 10:00-12:00",
            "Fr 22:00-24:00; Sa 10:00-12:00",
            "Mo-Fr 22:00-02:00; Sa 00:00-02:00,10:00-12:00",
        ] {
            assert_eq!(cut(text), None, "{text}");
        }
    }
}

//! Who takes callers where plans forward them, practices' own receptions and numbers outside, as the
//! forwardings of the day tell it.

use std::collections::BTreeMap;

use call::E164;

use super::dice;
use super::figures::RungFigures;
use crate::records::ForwardRow;

/// So many forwardings of its own tell how a target is; with fewer it is as all of its kind.
const OWN_MIN: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Receptions {
    /// By the name of a phone or the number of a line, `+33…`.
    targets: BTreeMap<String, Takings>,
    phones: Takings,
    lines: Takings,
    /// As it was, likewise by target.
    pub(super) rung: BTreeMap<String, RungFigures>,
    /// How long those talked who were taken there, the shortest first.
    pub(super) talks_ms: Vec<u64>,
}

/// What became of forwardings. Those that were taken back tell nothing: they are not in it.
#[derive(Debug, Default)]
struct Takings {
    taken: Vec<Taken>,
    /// Until it was declined, busy or not to be reached.
    refused_ms: Vec<u64>,
    /// It rang until its time was over, or a voicemail box answered.
    silent: usize,
}

/// A human had the caller.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Taken {
    /// Until something answered.
    pub(super) rang_ms: u64,
    /// From then until the caller was taken: the time of the question whether it is a human.
    pub(super) asked_ms: u64,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Taking {
    Taken(Taken),
    Refused { after_ms: u64 },
    Silent,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Phone,
    Line,
}

impl Receptions {
    pub(super) fn of(rows: &[ForwardRow]) -> Self {
        let mut all = Self::default();
        for row in rows {
            let talk_ms = talk_ms(row);
            let rung = all.rung.entry(row.target.clone()).or_default();
            rung.rung += 1;
            match talk_ms {
                Some(talk_ms) => {
                    rung.answered += 1;
                    rung.talk_ms += talk_ms;
                    all.talks_ms.push(talk_ms);
                }
                None => rung.missed += usize::from(row.outcome != "withdrawn"),
            }
            let of_kind = match row.kind.as_str() {
                "phone" => &mut all.phones,
                _ => &mut all.lines,
            };
            for takings in [of_kind, all.targets.entry(row.target.clone()).or_default()] {
                takings.note(row);
            }
        }
        all.talks_ms.sort_unstable();
        all
    }

    /// What becomes of a forwarding, by two draws from 0 to 1: which end, and when. `None`: the day tells
    /// nothing of such targets.
    pub(super) fn draw(&self, target: &str, kind: Kind, end: f64, when: f64) -> Option<Taking> {
        let own = self.targets.get(target).filter(|own| own.count() >= OWN_MIN);
        let of_kind = match kind {
            Kind::Phone => &self.phones,
            Kind::Line => &self.lines,
        };
        own.unwrap_or(of_kind).draw(end, when)
    }
}

impl Takings {
    fn note(&mut self, row: &ForwardRow) {
        let after = |at_ms: i64, since_ms: i64| u64::try_from(at_ms - since_ms).unwrap_or(0);
        match (row.outcome.as_str(), row.answered_ms) {
            ("served" | "vanished", Some(answered_ms)) => {
                let picked_up_ms = row.picked_up_ms.unwrap_or(answered_ms);
                self.taken.push(Taken {
                    rang_ms: after(picked_up_ms, row.offered_ms),
                    asked_ms: after(answered_ms, picked_up_ms),
                });
            }
            ("declined" | "busy" | "unreachable" | "looped" | "dropped", _) => {
                self.refused_ms.push(after(row.ended_ms, row.offered_ms));
            }
            ("no_answer" | "no_key", _) => self.silent += 1,
            _ => {}
        }
    }

    fn count(&self) -> usize {
        self.taken.len() + self.refused_ms.len() + self.silent
    }

    fn draw(&self, end: f64, when: f64) -> Option<Taking> {
        let end = end * self.count() as f64;
        if end < self.taken.len() as f64 {
            return dice::at(&self.taken, when).map(Taking::Taken);
        }
        if end < (self.taken.len() + self.refused_ms.len()) as f64 {
            return dice::at(&self.refused_ms, when).map(|after_ms| Taking::Refused { after_ms });
        }
        (self.silent > 0).then_some(Taking::Silent)
    }
}

/// Of the conversation that it became.
pub(super) fn talk_ms(row: &ForwardRow) -> Option<u64> {
    let is_taken = ["served", "vanished"].contains(&row.outcome.as_str());
    let talk = row.ended_ms - row.answered_ms.filter(|_| is_taken)?;
    Some(u64::try_from(talk).unwrap_or(0))
}

/// For people: of a number two digits.
pub(super) fn shown(target: &str) -> String {
    let number = target.starts_with('+').then(|| E164::read(target).ok()).flatten();
    number.map_or_else(|| target.to_owned(), E164::redacted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(target: &str, kind: &str, outcome: &str, times: [Option<i64>; 2]) -> ForwardRow {
        ForwardRow {
            call: "1-1-1".to_owned(),
            number: 1,
            kind: kind.to_owned(),
            target: target.to_owned(),
            offered_ms: 1_000,
            ringing_ms: Some(1_100),
            picked_up_ms: times[0],
            answered_ms: times[1],
            ended_ms: 61_000,
            outcome: outcome.to_owned(),
        }
    }

    #[test]
    fn who_takes_callers_is_learnt_of_each_target_else_of_its_kind_else_not_at_all() {
        let mut rows = vec![row("+33639980020", "line", "served", [Some(9_000), Some(12_000)]); 5];
        rows.push(row("+33639980021", "line", "no_key", [Some(9_000), None]));
        rows.push(row("+33639980021", "line", "withdrawn", [None, None]));
        let all = Receptions::of(&rows);
        let taken = Taking::Taken(Taken { rang_ms: 8_000, asked_ms: 3_000 });
        assert_eq!(all.draw("+33639980020", Kind::Line, 0.99, 0.5), Some(taken));
        // Once is not enough: as all numbers, five of six.
        assert_eq!(all.draw("+33639980021", Kind::Line, 0.8, 0.5), Some(taken));
        assert_eq!(all.draw("+33639980021", Kind::Line, 0.9, 0.5), Some(Taking::Silent));
        assert_eq!(all.draw("Accueil", Kind::Phone, 0.1, 0.5), None);
        let rung = all.rung["+33639980021"];
        assert_eq!((rung.rung, rung.answered, rung.missed), (2, 0, 1), "one was taken back");
        assert_eq!((all.rung["+33639980020"].talk_ms, all.talks_ms.len()), (5 * 49_000, 5));
        assert_eq!((shown("+33639980020"), shown("Accueil")), ("…20".into(), "Accueil".into()));
    }

    #[test]
    fn who_refuses_does_so_after_the_time_it_took() {
        let all = Receptions::of(&[row("Accueil", "phone", "busy", [None, None])]);
        let refused = Some(Taking::Refused { after_ms: 60_000 });
        assert_eq!(all.draw("Accueil", Kind::Phone, 0.0, 0.0), refused);
        assert_eq!(all.draw("Accueil", Kind::Phone, 0.99, 0.99), refused);
    }
}

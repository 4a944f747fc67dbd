//! Guessing passwords is slow: after some failures in a minute, REGISTERs of that source for that name
//! meet silence until the minute is over, whether the name exists or not.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sip::Instant;

/// Wrong passwords of one source for one name within [`WINDOW`].
const FAILURES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Sources and names kept apart; beyond, the oldest is forgotten.
const SUSPECTS_MAX: usize = 10_000;
/// Longer names are cut: they are nobody's.
const NAME_MAX: usize = 64;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Throttle {
    suspects: BTreeMap<Suspect, Failures>,
    /// In the order of their first failure.
    oldest: VecDeque<(Instant, Suspect)>,
}

type Suspect = (IpAddr, String);

#[derive(Debug, Serialize, Deserialize)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Throttle {
    /// Whether this source has spent its guesses for this name.
    pub(crate) fn is_spent(&self, now: Instant, source: IpAddr, name: &str) -> bool {
        self.suspects
            .get(&(source, cut(name)))
            .is_some_and(|it| it.count >= FAILURES_MAX && now < it.since + WINDOW)
    }

    pub(crate) fn failed(&mut self, now: Instant, source: IpAddr, name: &str) {
        self.forget(now);
        let suspect = (source, cut(name));
        if let Some(failures) = self.suspects.get_mut(&suspect) {
            failures.count += 1;
            return;
        }
        self.oldest.push_back((now, suspect.clone()));
        self.suspects.insert(suspect, Failures { since: now, count: 1 });
    }

    /// The minutes that are over, and the oldest beyond the cap.
    fn forget(&mut self, now: Instant) {
        while let Some((since, _)) = self.oldest.front() {
            if now < *since + WINDOW && self.oldest.len() < SUSPECTS_MAX {
                break;
            }
            if let Some((_, suspect)) = self.oldest.pop_front() {
                self.suspects.remove(&suspect);
            }
        }
    }
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> IpAddr {
        [192, 0, 2, 1].into()
    }

    #[test]
    fn ten_wrong_passwords_in_a_minute_are_met_with_silence_until_it_is_over() {
        let mut throttle = Throttle::default();
        let start = Instant::from_micros(0);
        for _ in 0..FAILURES_MAX {
            assert!(!throttle.is_spent(start, source(), "101"));
            throttle.failed(start, source(), "101");
        }
        assert!(throttle.is_spent(start, source(), "101"));
        assert!(!throttle.is_spent(start, source(), "102"), "another name");
        assert!(!throttle.is_spent(start, [192, 0, 2, 2].into(), "101"), "another source");
        assert!(!throttle.is_spent(start + WINDOW, source(), "101"));
        throttle.failed(start + WINDOW, source(), "101");
        assert!(!throttle.is_spent(start + WINDOW, source(), "101"), "a new minute");
    }

    #[test]
    fn the_table_is_bounded() {
        let mut throttle = Throttle::default();
        for name in 0..SUSPECTS_MAX + 10 {
            throttle.failed(Instant::from_micros(0), source(), &name.to_string());
        }
        assert!(throttle.suspects.len() <= SUSPECTS_MAX);
        assert_eq!(throttle.suspects.len(), throttle.oldest.len());
    }
}

//! The only reader of the machine's clocks.

use std::time::{Duration, SystemTime};

/// The node's origin. Engine time counts from it and never goes back; civil time is derived from
/// the pair (engine time, wall time) read at one moment, so that durations stay exact when
/// somebody sets the wall clock.
#[derive(Copy, Clone, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

/// One reading of both clocks.
#[derive(Copy, Clone, Debug)]
pub struct Reading {
    pub now: sip::Instant,
    pub wall: SystemTime,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the driver's clock is made here")]
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    pub fn now(&self) -> sip::Instant {
        let micros = u64::try_from(self.origin.elapsed().as_micros())
            .expect("invariant: a process does not live for 584,000 years");
        sip::Instant::from_micros(micros)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads civil time")]
    pub fn read(&self) -> Reading {
        Reading { now: self.now(), wall: SystemTime::now() }
    }

    /// How long until `at`; zero when it is past.
    pub fn until(&self, at: sip::Instant) -> Duration {
        at.saturating_duration_since(self.now())
    }
}

impl Reading {
    /// The civil time of an instant near this reading, as milliseconds since 1970.
    pub fn epoch_ms(&self, at: sip::Instant) -> i64 {
        let wall = self.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = wall.as_micros() as i128 + i128::from(at.as_micros())
            - i128::from(self.now.as_micros());
        (micros.div_euclid(1000)).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

/// What the engine was told of the wall clock: it counts on from there by itself, and is told again
/// when somebody sets that clock, when it was let drift, or when the machine slept.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Told {
    last: Option<(sip::Instant, i64)>,
}

/// Opening hours are of minutes; a clock that is disciplined strays by less.
const SLIP_MAX_MS: u64 = 500;

impl Told {
    /// The civil time of the reading in Unix milliseconds, if it must be told.
    pub(crate) fn news(&mut self, reading: &Reading) -> Option<i64> {
        let unix_ms = reading.epoch_ms(reading.now);
        let expected = self.last.map(|(at, told_ms)| {
            let since = reading.now.saturating_duration_since(at).as_millis();
            told_ms.saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
        });
        if expected.is_some_and(|expected| expected.abs_diff(unix_ms) <= SLIP_MAX_MS) {
            return None;
        }
        self.last = Some((reading.now, unix_ms));
        Some(unix_ms)
    }
}

/// `2026-03-29T01:59:59.123Z`.
pub(crate) fn iso(epoch_ms: i64) -> String {
    let (days, ms) = (epoch_ms.div_euclid(86_400_000), epoch_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years that begin in March put the
/// leap day last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_time_is_written_as_iso_8601_in_utc() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(1_774_749_599_123), "2026-03-29T01:59:59.123Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn the_wall_clock_is_told_at_the_start_and_when_it_was_set() {
        let reading = |now_ms, wall_ms| Reading {
            now: sip::Instant::from_millis(now_ms),
            wall: SystemTime::UNIX_EPOCH + Duration::from_millis(wall_ms),
        };
        let mut told = Told::default();
        assert_eq!(told.news(&reading(0, 100_000)), Some(100_000));
        assert_eq!(told.news(&reading(5_000, 105_500)), None, "within what a clock strays");
        assert_eq!(told.news(&reading(6_000, 106_501)), Some(106_501));
        assert_eq!(told.news(&reading(7_000, 107_501)), None, "counted from the last word");
        assert_eq!(told.news(&reading(8_000, 50_000)), Some(50_000), "set back");
    }

    #[test]
    fn an_instants_civil_time_counts_from_the_reading() {
        let reading = Reading {
            now: sip::Instant::from_millis(5_000),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(100),
        };
        assert_eq!(reading.epoch_ms(sip::Instant::from_millis(4_500)), 99_500);
        assert_eq!(reading.epoch_ms(sip::Instant::from_millis(6_000)), 101_000);
    }
}

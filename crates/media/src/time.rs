//! Time as the relay's decisions see it: microseconds since the thread's start.

use std::ops::Add;
use std::time::Duration;

#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Instant(u64);

impl Instant {
    pub(crate) const fn from_micros(micros: u64) -> Instant {
        Instant(micros)
    }

    pub(crate) const fn as_micros(self) -> u64 {
        self.0
    }

    pub(crate) fn saturating_duration_since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(micros))
    }
}

//! What was measured lately in one team. Bounded, and integers only: a restored copy is equal to
//! the saved one to the byte.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// Handling times that are remembered.
const HANDLINGS_KEPT: usize = 128;
const MINUTES_KEPT: u64 = 15;
const MINUTE_MICROS: u64 = 60_000_000;
/// After so many callers what is known of their patience counts half.
const HALVED_EVERY: u32 = 256;
/// One caller in [`Patience::gave_up`]: a fixed point, so that who gave up long ago fades away
/// instead of being rounded away.
const ONE_CALLER: u64 = 1 << 32;

/// One per team. The owner reports each arrival, each end of a wrap-up and each end of a wait.
#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Measured")]
pub struct Figures {
    arrivals: Arrivals,
    /// Microseconds, the oldest first.
    handlings: VecDeque<u64>,
    patience: Patience,
    /// Of the handling times: an index.
    #[serde(skip)]
    pub(super) residuals: Residuals,
}

/// What is kept of them.
#[derive(Deserialize)]
struct Measured {
    arrivals: Arrivals,
    handlings: VecDeque<u64>,
    patience: Patience,
}

impl From<Measured> for Figures {
    fn from(Measured { arrivals, handlings, patience }: Measured) -> Self {
        let mut residuals = Residuals::default();
        for &handling in &handlings {
            residuals.learn(handling);
        }
        Self { arrivals, handlings, patience, residuals }
    }
}

impl Figures {
    /// Taken for the mean handling time while none was measured.
    pub const HANDLING_DEFAULT: Duration = Duration::from_secs(150);

    /// A caller entered. A `now` before the last one counts as the last one.
    pub fn arrived(&mut self, now: Instant) {
        self.arrivals.add(now);
    }

    /// One call was done with: talk and wrap-up together.
    pub fn handled(&mut self, duration: Duration) {
        if self.handlings.len() >= HANDLINGS_KEPT
            && let Some(oldest) = self.handlings.pop_front()
        {
            self.residuals.forget(oldest);
        }
        self.handlings.push_back(micros(duration));
        self.residuals.learn(micros(duration));
    }

    /// A caller waits no more. Not `answered` is only who gave up himself: of who was sent
    /// elsewhere, as of who was answered, no more is known than that he had patience for `wait`.
    pub fn left(&mut self, wait: Duration, answered: bool) {
        self.patience.add(micros(wait), answered);
    }

    /// Over the last 14 to 15 minutes, or since the first arrival. `None` until a minute after
    /// that one.
    pub fn arrivals_per_hour(&self, now: Instant) -> Option<u32> {
        let (count, over) = self.arrivals.lately(now)?;
        let per_hour = u128::from(count) * 60 * u128::from(MINUTE_MICROS);
        let rounded = (per_hour + u128::from(over / 2)) / u128::from(over);
        Some(u32::try_from(rounded).unwrap_or(u32::MAX))
    }

    /// Of the last 128 calls.
    pub fn handling_mean(&self) -> Option<Duration> {
        self.handling_mean_micros().map(Duration::from_micros)
    }

    /// How long callers would wait for an answer before they give up, on average: the maximum
    /// likelihood of an exponential patience that is seen of those alone who gave up. That is the
    /// time that all have waited over the number of those who gave up. `None` while nobody has:
    /// there is no upper bound then.
    pub fn patience_mean(&self) -> Option<Duration> {
        self.patience.mean()
    }

    /// Not rounded to a whole number an hour. For displays.
    pub(super) fn arrivals_per_second(&self, now: Instant) -> Option<f64> {
        let (count, over) = self.arrivals.lately(now)?;
        Some(count as f64 / Duration::from_micros(over).as_secs_f64())
    }

    fn handling_mean_micros(&self) -> Option<u64> {
        let count = u128::try_from(self.handlings.len()).ok().filter(|&count| count > 0)?;
        let sum: u128 = self.handlings.iter().map(|&handling| u128::from(handling)).sum();
        Some(u64::try_from((sum + count / 2) / count).expect("a mean is no more than the largest"))
    }
}

/// How much longer a call goes on, by those that were measured. All in microseconds.
#[derive(Clone, Eq, PartialEq, Debug)]
pub(super) struct Residuals {
    /// Handling times, the shortest first.
    sorted: Vec<u64>,
    /// At each index, the sum of `sorted` from there on.
    sums: Vec<u128>,
    /// Not zero.
    pub(super) mean: u64,
}

impl Default for Residuals {
    fn default() -> Self {
        Self { sorted: Vec::new(), sums: Vec::new(), mean: micros(Figures::HANDLING_DEFAULT) }
    }
}

impl Residuals {
    fn learn(&mut self, handling: u64) {
        let at = self.sorted.partition_point(|&shorter| shorter < handling);
        self.sorted.insert(at, handling);
        self.sum_up();
    }

    fn forget(&mut self, handling: u64) {
        let at = self.sorted.binary_search(&handling).expect("what is forgotten was learnt");
        self.sorted.remove(at);
        self.sum_up();
    }

    fn sum_up(&mut self) {
        self.sums.resize(self.sorted.len(), 0);
        let mut sum = 0;
        for (handling, longer) in self.sorted.iter().zip(&mut self.sums).rev() {
            sum += u128::from(*handling);
            *longer = sum;
        }
        let count = self.sorted.len() as u128;
        let mean = (sum + count / 2).checked_div(count).unwrap_or_default();
        self.mean = u64::try_from(mean).expect("a mean is no more than the largest").max(1);
    }

    /// How much longer than `elapsed` the longer ones lasted, on average. When none was longer,
    /// half the mean: it is an odd call, but not a new one. The mean when none was measured at all.
    /// Not zero.
    pub(super) fn of(&self, elapsed: u64) -> u64 {
        let shorter = self.sorted.partition_point(|&handling| handling <= elapsed);
        let longer = (self.sorted.len() - shorter) as u128;
        let residual = match self.sums.get(shorter) {
            Some(sum) => {
                u64::try_from(sum / longer).expect("a mean is no more than the largest") - elapsed
            }
            None if self.sorted.is_empty() => self.mean,
            None => self.mean / 2,
        };
        residual.max(1)
    }
}

/// How many came in which minute.
#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Arrivals {
    first: Option<Instant>,
    /// The last minute in which somebody came. Minutes count from the node's origin.
    newest: u64,
    /// Of the minutes up to `newest`, each at its number modulo the length.
    counts: [u32; MINUTES_KEPT as usize],
}

impl Arrivals {
    fn add(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        let minute = minute(now);
        if minute > self.newest {
            let passed = (minute - self.newest).min(MINUTES_KEPT);
            for emptied in minute + 1 - passed..=minute {
                self.counts[slot(emptied)] = 0;
            }
            self.newest = minute;
        }
        let count = &mut self.counts[slot(self.newest)];
        *count = count.saturating_add(1);
    }

    /// How many came in how many microseconds. The first arrival ever opens the time that it lies
    /// in, and is not counted: else a rate over a short time would be too high.
    fn lately(&self, now: Instant) -> Option<(u64, u64)> {
        let first = self.first?;
        let oldest = minute(now).saturating_sub(MINUTES_KEPT - 1);
        let opened = Instant::from_micros(oldest.saturating_mul(MINUTE_MICROS));
        let over = micros(now.saturating_duration_since(opened.max(first)));
        if over < MINUTE_MICROS {
            return None;
        }
        let kept = self.newest.saturating_sub(MINUTES_KEPT - 1);
        let count: u64 = (oldest.max(kept)..=self.newest)
            .map(|minute| u64::from(self.counts[slot(minute)]))
            .sum();
        Some((count.saturating_sub(u64::from(first >= opened)), over))
    }
}

/// Sums over callers, of whom the earlier ones count less.
#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Patience {
    /// Since the sums were halved.
    callers: u32,
    /// Microseconds that all of them waited.
    waited: u64,
    /// In [`ONE_CALLER`]s.
    gave_up: u64,
}

impl Patience {
    fn add(&mut self, wait: u64, answered: bool) {
        if self.callers >= HALVED_EVERY {
            *self = Self { callers: 0, waited: self.waited / 2, gave_up: self.gave_up / 2 };
        }
        self.callers += 1;
        self.waited = self.waited.saturating_add(wait);
        if !answered {
            self.gave_up += ONE_CALLER;
        }
    }

    fn mean(&self) -> Option<Duration> {
        let waited = u128::from(self.waited) * u128::from(ONE_CALLER);
        let mean = waited.checked_div(u128::from(self.gave_up))?;
        Some(Duration::from_micros(u64::try_from(mean).unwrap_or(u64::MAX)))
    }
}

fn minute(at: Instant) -> u64 {
    at.as_micros() / MINUTE_MICROS
}

fn slot(minute: u64) -> usize {
    usize::try_from(minute % MINUTES_KEPT).expect("less than the number of slots")
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

//! How long things take: what the driver measures, and the snapshot that is shown of it.

use std::time::Duration;

use call::CallRecord;
use hdrhistogram::Histogram;

use crate::status::Latency;

/// Upper bounds of the buckets for what the engine does, in microseconds.
const ENGINE_US: &[u64] =
    &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];
/// The same for what callers live through.
const CALL_US: &[u64] = &[
    1_000,
    10_000,
    100_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    15_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    90_000_000,
    120_000_000,
    180_000_000,
    300_000_000,
    600_000_000,
];
/// Longer ones count as this.
const LONGEST_US: u64 = 3_600_000_000;

/// Everything that is timed.
pub(crate) struct Timings {
    /// From the edge's reading of a message to the end of the batch that answered it.
    pub(crate) message: Timing,
    /// One batch, from the reading of the clock to the last packet handed over.
    pub(crate) batch: Timing,
    /// From a caller's INVITE to his 200.
    setup: Timing,
    /// From his INVITE until the first secretary's phone is rung for him.
    first_offer: Timing,
    /// From the offer that a secretary answers to his 200.
    handover: Timing,
}

pub(crate) struct Timing {
    histogram: Histogram<u64>,
    sum_us: u128,
    bounds_us: &'static [u64],
}

/// The same at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct TimingsStatus {
    pub(crate) message: TimingStatus,
    pub(crate) batch: TimingStatus,
    pub(crate) setup: TimingStatus,
    pub(crate) first_offer: TimingStatus,
    pub(crate) handover: TimingStatus,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct TimingStatus {
    pub(crate) sum_us: u128,
    pub(crate) count: u64,
    /// Upper bound in microseconds, and how many were in this bucket alone; the last has no bound.
    pub(crate) buckets: Vec<(Option<u64>, u64)>,
}

impl Timings {
    pub(crate) fn new() -> Self {
        Self {
            message: Timing::new(ENGINE_US, 3),
            batch: Timing::new(ENGINE_US, 2),
            setup: Timing::new(CALL_US, 2),
            first_offer: Timing::new(CALL_US, 2),
            handover: Timing::new(CALL_US, 2),
        }
    }

    /// What a call that is over tells of its beginning.
    pub(crate) fn add_call(&mut self, record: &CallRecord) {
        if let Some(first) = record.offers.first() {
            self.first_offer.add(first.offered_at.saturating_duration_since(record.arrived_at));
        }
        let Some(answered_at) = record.answered_at else { return };
        self.setup.add(answered_at.saturating_duration_since(record.arrived_at));
        let answered = record.offers.iter().find(|offer| offer.answered_at == Some(answered_at));
        if let Some(offer) = answered {
            self.handover.add(answered_at.saturating_duration_since(offer.offered_at));
        }
    }

    pub(crate) fn status(&self) -> TimingsStatus {
        TimingsStatus {
            message: self.message.status(),
            batch: self.batch.status(),
            setup: self.setup.status(),
            first_offer: self.first_offer.status(),
            handover: self.handover.status(),
        }
    }
}

impl Timing {
    fn new(bounds_us: &'static [u64], digits: u8) -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, digits)
            .expect("invariant: the bounds are constants that the histogram allows");
        Self { histogram, sum_us: 0, bounds_us }
    }

    pub(crate) fn add(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.histogram.saturating_record(micros.max(1));
        self.sum_us += u128::from(micros);
    }

    pub(crate) fn latency(&self) -> Latency {
        Latency::of(&self.histogram)
    }

    fn status(&self) -> TimingStatus {
        let mut buckets: Vec<(Option<u64>, u64)> =
            self.bounds_us.iter().map(|bound| (Some(*bound), 0)).chain([(None, 0)]).collect();
        for value in self.histogram.iter_recorded() {
            // A value of the histogram stands for those near it, within its digits.
            let at = value.value_iterated_to();
            let index = self.bounds_us.partition_point(|bound| *bound < at);
            buckets[index].1 += value.count_at_value();
        }
        TimingStatus { sum_us: self.sum_us, count: self.histogram.len(), buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_counted_in_one_bucket() {
        let mut timing = Timing::new(ENGINE_US, 3);
        for micros in [0, 40, 60, 70, 900_000, 7_200_000_000] {
            timing.add(Duration::from_micros(micros));
        }
        let status = timing.status();
        assert_eq!((status.count, status.sum_us), (6, 7_200_900_170));
        let filled: Vec<_> = status.buckets.iter().filter(|(_, count)| *count > 0).collect();
        let second = Some(1_000_000);
        assert_eq!(filled, [&(Some(50), 2), &(Some(100), 2), &(second, 1), &(None, 1)]);
    }
}

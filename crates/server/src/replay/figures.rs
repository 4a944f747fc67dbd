//! What is counted of a day.

use serde::Serialize;

/// Who gives up within this has not waited: he is left out of the answer rate.
const SHORT_MS: u64 = 5_000;

/// Counts and waits.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Of the answered, in the order in which they were.
    waits_ms: Vec<u64>,
    in_time: usize,
    /// Of the answered, by somebody else than a secretary.
    forwarded: usize,
    abandoned: usize,
    abandoned_short: usize,
    closed: usize,
    blocked: usize,
    unknown: usize,
    /// Busy, or a text while the practice served.
    ended: usize,
}

/// What is told of them.
#[derive(Copy, Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Those who had a practice that served: neither closed, nor blocked, nor unknown ones.
    pub offered: usize,
    pub answered: usize,
    /// Of those, by a reception or at a number outside that they were forwarded to, at any hour.
    pub forwarded: usize,
    pub abandoned: usize,
    /// Of those, within 5 s.
    pub abandoned_short: usize,
    /// Heard busy or a text while the practice served.
    pub ended: usize,
    /// By a list of callers, or as who calls too often, ended at once.
    pub blocked: usize,
    /// Of nobody in the configuration; as recorded, also those whose number nobody had then.
    pub unknown: usize,
    /// Called while it was closed or on leave, and was not answered.
    pub closed: usize,
    /// answered / (offered − abandoned within 5 s); `None`: nobody to be answered.
    pub answer_rate: Option<f64>,
    /// Answered within the practice's `answer_within`, of the offered.
    pub service_level: Option<f64>,
    /// Waits of the answered.
    pub wait_p50_ms: u64,
    pub wait_p90_ms: u64,
    pub wait_p95_ms: u64,
    pub wait_max_ms: u64,
}

/// Of a secretary, or of a target that plans forward to.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct RungFigures {
    pub rung: usize,
    pub answered: usize,
    pub missed: usize,
    pub talk_ms: u64,
}

impl RungFigures {
    pub(super) fn and(self, other: &Self) -> Self {
        Self {
            rung: self.rung + other.rung,
            answered: self.answered + other.answered,
            missed: self.missed + other.missed,
            talk_ms: self.talk_ms + other.talk_ms,
        }
    }
}

impl Tally {
    pub(super) fn answered(&mut self, wait_ms: u64, answer_within_ms: u64) {
        self.waits_ms.push(wait_ms);
        self.in_time += usize::from(wait_ms <= answer_within_ms);
    }

    pub(super) fn abandoned(&mut self, wait_ms: u64) {
        self.abandoned += 1;
        self.abandoned_short += usize::from(wait_ms < SHORT_MS);
    }

    /// Besides: somebody else than a secretary answered him.
    pub(super) fn forwarded(&mut self) {
        self.forwarded += 1;
    }

    pub(super) fn blocked(&mut self) {
        self.blocked += 1;
    }

    pub(super) fn unknown(&mut self) {
        self.unknown += 1;
    }

    pub(super) fn closed(&mut self) {
        self.closed += 1;
    }

    pub(super) fn ended(&mut self) {
        self.ended += 1;
    }

    pub(super) fn figures(&self) -> Figures {
        let mut waits = self.waits_ms.clone();
        waits.sort_unstable();
        // The nearest rank: a wait that somebody had.
        let quantile = |percent: usize| {
            let rank = (waits.len() * percent).div_ceil(100).max(1);
            waits.get(rank - 1).copied().unwrap_or(0)
        };
        let answered = waits.len();
        let offered = answered + self.abandoned + self.ended;
        let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
        Figures {
            offered,
            answered,
            forwarded: self.forwarded,
            abandoned: self.abandoned,
            abandoned_short: self.abandoned_short,
            ended: self.ended,
            blocked: self.blocked,
            unknown: self.unknown,
            closed: self.closed,
            answer_rate: share(answered, offered - self.abandoned_short),
            service_level: share(self.in_time, offered),
            wait_p50_ms: quantile(50),
            wait_p90_ms: quantile(90),
            wait_p95_ms: quantile(95),
            wait_max_ms: quantile(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_rate_leaves_out_who_gave_up_at_once_and_whom_nobody_could_answer() {
        let mut tally = Tally::default();
        for wait in 1..=8 {
            tally.answered(wait * 1_000, 6_000);
        }
        tally.abandoned(4_999);
        tally.abandoned(5_000);
        tally.ended();
        tally.closed();
        tally.blocked();
        tally.unknown();
        let figures = tally.figures();
        assert_eq!((figures.offered, figures.answered, figures.closed), (11, 8, 1));
        assert_eq!((figures.blocked, figures.unknown), (1, 1));
        assert_eq!(figures.answer_rate, Some(0.8), "8 of 10");
        assert_eq!(figures.service_level, Some(6.0 / 11.0));
        assert_eq!((figures.wait_p50_ms, figures.wait_p90_ms), (4_000, 8_000));
        let none = Tally::default().figures();
        assert_eq!((none.answer_rate, none.wait_max_ms), (None, 0));
    }
}

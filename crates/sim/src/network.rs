//! A network that loses, repeats, delays and thereby reorders, as its profile says.
//!
//! It is fair: of one peer's packets, in both directions together, it loses at most
//! [`LOSSES_MAX`] in any 64·T1. A request that is sent again as RFC 3261 says has 7 chances and so
//! always gets through: what stays unanswered is a defect and not bad luck.

use std::collections::VecDeque;
use std::time::Duration;

use sip::Instant;

use crate::dice::Dice;

const LOSSES_MAX: usize = 4;
const WINDOW: Duration = Duration::from_secs(33);

/// How bad it is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    pub loss_permille: u64,
    pub duplicate_permille: u64,
    pub delay_micros: (u64, u64),
    /// Some packets take this much longer, and are overtaken.
    pub straggler_permille: u64,
    pub straggler_micros: u64,
}

impl Profile {
    pub const CLEAN: Self = Self {
        loss_permille: 0,
        duplicate_permille: 0,
        delay_micros: (2_000, 2_000),
        straggler_permille: 0,
        straggler_micros: 0,
    };

    pub fn draw(dice: &mut Dice) -> Self {
        match dice.weighted(&[25, 35, 25, 15]) {
            0 => Self::CLEAN,
            1 => Self {
                loss_permille: dice.between(5, 30),
                duplicate_permille: 10,
                delay_micros: (1_000, 30_000),
                straggler_permille: 5,
                straggler_micros: 200_000,
            },
            2 => Self {
                loss_permille: dice.between(30, 150),
                duplicate_permille: 40,
                delay_micros: (5_000, 120_000),
                straggler_permille: 30,
                straggler_micros: 700_000,
            },
            _ => Self {
                loss_permille: 10,
                duplicate_permille: 150,
                delay_micros: (20_000, 400_000),
                straggler_permille: 100,
                straggler_micros: 1_500_000,
            },
        }
    }
}

/// One peer's link to the engine.
#[derive(Debug, Default)]
pub(crate) struct Link {
    losses: VecDeque<Instant>,
    latest: Instant,
}

/// When copies of a packet arrive: none, one or two.
pub(crate) type Arrivals = [Option<Instant>; 2];

impl Link {
    pub(crate) fn send(&mut self, now: Instant, profile: &Profile, dice: &mut Dice) -> Arrivals {
        if *profile == Profile::CLEAN {
            return [Some(now + Duration::from_micros(profile.delay_micros.0)), None];
        }
        while self.losses.front().is_some_and(|&at| at + WINDOW <= now) {
            self.losses.pop_front();
        }
        if self.losses.len() < LOSSES_MAX && dice.permille(profile.loss_permille) {
            self.losses.push_back(now);
            return [None, None];
        }
        let mut arrival = || {
            let (low, high) = profile.delay_micros;
            let late = if dice.permille(profile.straggler_permille) {
                profile.straggler_micros
            } else {
                0
            };
            now + Duration::from_micros(dice.between(low, high) + late)
        };
        let first = Some(arrival());
        let second = dice.permille(profile.duplicate_permille).then(|| {
            let (low, high) = profile.delay_micros;
            now + Duration::from_micros(dice.between(low, high * 3))
        });
        [first, second]
    }

    /// Whether a packet that arrives at `at` overtakes one sent before it.
    pub(crate) fn overtakes(&mut self, at: Instant) -> bool {
        let overtakes = at < self.latest;
        self.latest = self.latest.max(at);
        overtakes
    }
}

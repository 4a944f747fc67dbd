//! Who calls when: a wall at eight o'clock, then it thins out.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use super::cast::Cast;
use crate::floor::{CallPlan, Sound, Tone};

/// Secretaries take about so many calls a second between them.
const CALLS_PER_SECOND: f64 = 0.7;
/// The end of the morning belongs to those who still wait.
const TAIL_SECONDS: f64 = 6.0;
const CALLS_MIN: usize = 8;
const CALLS_MAX: usize = 50;

/// One call to place.
pub(super) struct Cue {
    /// Since the doors opened.
    pub(super) at: Duration,
    /// Index into the cast's practices.
    pub(super) practice: usize,
    pub(super) plan: CallPlan,
}

pub(super) struct Script {
    /// In the order of time.
    pub(super) cues: VecDeque<Cue>,
    /// Placed when everybody else has hung up, so that a phone rings for him at once. He gives up
    /// before anybody can answer.
    pub(super) finale: Cue,
}

impl Script {
    pub(super) fn new(cast: &Cast, seconds: u64, seed: u64) -> Self {
        let mut dice = Dice(ChaCha12Rng::seed_from_u64(seed));
        let count = ((seconds as f64 - TAIL_SECONDS) * CALLS_PER_SECOND) as usize;
        let count = count.clamp(CALLS_MIN, CALLS_MAX);
        let wall = (count * 2 / 3).max(CALLS_MIN);
        let quiet = Duration::from_secs(seconds).mul_f64(0.35);
        let mut at = Duration::from_millis(300);
        let mut cues = VecDeque::new();
        for number in 0..count {
            // The last of the wall calls the practice that may wait longest, with everybody on the
            // phone and many before him.
            let is_last_of_wall = number + 1 == wall;
            let practice = if is_last_of_wall { 0 } else { dice.below(cast.practices.len()) };
            let mut plan = dice.caller(cast, practice, number);
            if is_last_of_wall {
                plan.patience = Some(dice.between(1_500, 2_200));
            }
            cues.push_back(Cue { at, practice, plan });
            at += if number < wall {
                dice.between(150, 450)
            } else {
                let left = u32::try_from(count - wall).unwrap_or(1).max(1);
                dice.between(500, 1_500).mul_f64(quiet.as_secs_f64() / f64::from(left))
            };
        }
        let mut plan = dice.caller(cast, 0, count);
        plan.patience = Some(Duration::from_millis(600));
        Self { cues, finale: Cue { at, practice: 0, plan } }
    }

    pub(super) fn calls(&self) -> usize {
        self.cues.len() + 1
    }
}

struct Dice(ChaCha12Rng);

impl Dice {
    /// 0 to `sides` − 1.
    fn below(&mut self, sides: usize) -> usize {
        let roll = u64::from(self.0.next_u32()) * u64::try_from(sides).unwrap_or(1);
        usize::try_from(roll >> 32).unwrap_or(0)
    }

    fn between(&mut self, low_ms: u64, high_ms: u64) -> Duration {
        let span = usize::try_from(high_ms - low_ms).unwrap_or(0);
        Duration::from_millis(low_ms) + Duration::from_millis(self.below(span + 1) as u64)
    }

    /// A patient caller with a number and a tone of his own. Every other one leaves it to the
    /// secretary to hang up.
    fn caller(&mut self, cast: &Cast, practice: usize, number: usize) -> CallPlan {
        const FICTION: [&str; 4] = ["639980", "199000", "261910", "353010"];
        let prefix = FICTION[self.below(FICTION.len())];
        let talk = number.is_multiple_of(2).then(|| self.between(2_000, 3_400));
        CallPlan {
            to: cast.practices[practice].e164().to_string(),
            from: format!("+33{prefix}{:03}", (number * 37 + 12) % 1_000),
            withheld: false,
            diverted_from: None,
            patience: None,
            talk,
            sound: Sound::Voice(Tone::nth(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_caller_has_his_own_number_and_tone() {
        for seconds in [12, 40, 60, 300] {
            let script = Script::new(&Cast::new(), seconds, 7);
            let plans = || script.cues.iter().chain([&script.finale]).map(|cue| &cue.plan);
            let numbers: BTreeSet<_> = plans().map(|plan| plan.from.clone()).collect();
            assert_eq!(numbers.len(), script.calls());
            let tones: BTreeSet<_> = plans().map(|plan| format!("{:?}", plan.sound)).collect();
            assert_eq!(tones.len(), script.calls());
        }
    }

    #[test]
    fn the_default_morning_has_twenty_to_twenty_five_calls() {
        let calls = Script::new(&Cast::new(), 40, 1).calls();
        assert!((20..=25).contains(&calls), "{calls}");
    }

    #[test]
    fn the_same_seed_is_the_same_morning() {
        let morning = |seed| {
            let script = Script::new(&Cast::new(), 40, seed);
            script.cues.iter().map(|cue| (cue.at, cue.plan.from.clone())).collect::<Vec<_>>()
        };
        assert_eq!(morning(5), morning(5));
        assert_ne!(morning(5), morning(6));
    }
}

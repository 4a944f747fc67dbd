//! Draws that depend on nothing but the seed, whose they are and what for: two configurations meet the
//! same callers.

#[derive(Copy, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// From 0 up to, but without, 1.
    pub(super) fn draw(self, whose: u64, what: u64) -> f64 {
        let mixed = mix(mix(mix(self.0) ^ whose) ^ what);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn pick<T: Copy>(self, among: &[T], whose: u64, what: u64) -> Option<T> {
        at(among, self.draw(whose, what))
    }
}

/// The one that is so far along, from 0 up to, but without, 1. `None`: there is none.
pub(super) fn at<T: Copy>(among: &[T], far: f64) -> Option<T> {
    among.get((far * among.len() as f64) as usize).copied()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_depend_on_nothing_else() {
        let dice = Dice(7);
        let draws: Vec<f64> = (0..10_000).map(|whose| dice.draw(whose, 3)).collect();
        assert_eq!(draws, (0..10_000).map(|whose| dice.draw(whose, 3)).collect::<Vec<_>>());
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        let mean = draws.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_eq!(dice.pick::<u64>(&[], 1, 1), None);
    }
}

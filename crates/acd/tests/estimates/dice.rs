//! Seeded randomness: SplitMix64 (Steele, Lea and Flood, 2014), and times drawn with it.

pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Above 0, at most 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((z >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.share().ln()
    }

    /// The sum of so many exponential times: the more, the more alike.
    pub(crate) fn stages(&mut self, mean: f64, stages: u32) -> f64 {
        (0..stages).map(|_| self.exponential(mean / f64::from(stages))).sum()
    }
}

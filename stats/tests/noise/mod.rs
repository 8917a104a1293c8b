//! Seeded noise, the same on every machine.

/// `SplitMix64` (Steele, Lea & Flood, OOPSLA 2014).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// Uniform in 0..1.
    #[expect(clippy::cast_precision_loss, reason = "the upper 53 bits are exact")]
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal, with mean 0 and standard deviation 1: the sum of twelve uniform values.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

//! Arrivals at random: the gaps of a Poisson process.

use std::time::Duration;

use domain::Rate;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Draws exponentially distributed gaps, alike for the same seed.
///
/// `LoadGen` draws them from C++'s `mt19937` through `exponential_distribution` (loadgen.cc), whose mapping each C++ library
/// defines for itself; here it is `ChaCha8` and the inverse of the distribution. The distribution is the same, the sequence
/// is not.
#[derive(Debug, Clone)]
pub(super) struct Poisson {
    rng: ChaCha8Rng,
    mean_gap_s: f64,
}

impl Poisson {
    pub(super) fn new(rate: Rate, seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), mean_gap_s: rate.per_second().recip() }
    }

    /// From one arrival to the next, to the nanosecond; at most 37 times the mean, for 2^-53 is the smallest step of `f64`.
    #[inline]
    pub(super) fn gap(&mut self) -> Duration {
        let uniform: f64 = self.rng.random();
        Duration::from_secs_f64(-(1.0 - uniform).ln() * self.mean_gap_s)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SCHEDULE_SEED;
    use super::*;

    const GAPS: usize = 100_000;

    fn gaps_s(rate: Rate, seed: u64) -> Vec<f64> {
        let mut poisson = Poisson::new(rate, seed);
        (0..GAPS).map(|_| poisson.gap().as_secs_f64()).collect()
    }

    fn per_second(rate: u64) -> Rate {
        Rate::from_millis(rate * 1_000).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_gaps_and_another_seed_others() {
        assert_eq!(gaps_s(per_second(20), SCHEDULE_SEED), gaps_s(per_second(20), SCHEDULE_SEED));
        assert_ne!(gaps_s(per_second(20), SCHEDULE_SEED), gaps_s(per_second(20), SCHEDULE_SEED + 1));
    }

    /// The standard deviation of an exponential distribution is its mean: that of the mean of 100 000 is 0.32 %.
    #[test]
    fn the_mean_gap_is_that_of_the_rate() {
        for rate in [1, 20, 1_000, 100_000] {
            let mean = gaps_s(per_second(rate), SCHEDULE_SEED).iter().sum::<f64>() / 1e5;
            let expected = 1.0 / f64::from(u32::try_from(rate).unwrap());
            assert!((mean / expected - 1.0).abs() < 0.013, "{mean} s instead of {expected} s");
        }
    }

    /// A share of exp(-x) of the gaps is longer than x means; four standard deviations are at most 0.63 %.
    #[test]
    fn the_gaps_are_exponential() {
        let gaps = gaps_s(per_second(1), SCHEDULE_SEED);
        for x in [0.05, 0.3, 1.0, 2.0, 3.0, 5.0] {
            let count = u32::try_from(gaps.iter().filter(|&&gap| gap > x).count()).unwrap();
            let (share, expected) = (f64::from(count) / 1e5, (-x).exp());
            assert!((share - expected).abs() < 0.0063, "{share} of the gaps exceed {x}, not {expected}");
        }
    }

    /// No memory: successive gaps are uncorrelated.
    #[test]
    fn successive_gaps_are_independent() {
        let gaps = gaps_s(per_second(1), SCHEDULE_SEED);
        let covariance = gaps.windows(2).map(|pair| (pair[0] - 1.0) * (pair[1] - 1.0)).sum::<f64>() / 1e5;
        assert!(covariance.abs() < 0.02, "{covariance}");
    }
}

//! Resampling with replacement, from a seed (Efron & Tibshirani 1993, An Introduction to the Bootstrap).
//!
//! The draws are the same on every machine and in every version: they are made of the words of `ChaCha8` here, and not by a
//! library whose mapping to a range may change; a test holds them to that.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::{
    cast::{Real, index_of_rank},
    share::Bounds,
};

/// A statistic of many resamples, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Resamples(Vec<f64>);

/// `statistic` of each of `resamples` resamples of `count` values, given as indices below `count`.
///
/// `None` with fewer than two values or more than 2^32 - 1, without resamples, or if a statistic is not finite.
pub fn bootstrap(
    count: usize,
    resamples: usize,
    seed: u64,
    statistic: &mut dyn FnMut(&[u32]) -> f64,
) -> Option<Resamples> {
    let mut values = Vec::with_capacity(resamples);
    resample(count, resamples, seed, &mut |drawn| values.push(statistic(drawn)));
    Resamples::new(values)
}

/// Shows `resamples` resamples of `count` values to `visit`, as indices below `count`; none with fewer than two values or
/// more than 2^32 - 1. For several statistics of the same resamples.
pub fn resample(count: usize, resamples: usize, seed: u64, visit: &mut dyn FnMut(&[u32])) {
    let Some(bound) = u32::try_from(count).ok().filter(|&count| count > 1) else { return };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = vec![0; count];
    for _ in 0..resamples {
        drawn.fill_with(|| below(bound, &mut random));
        visit(&drawn);
    }
}

/// Uniform below `bound`, without bias (Lemire 2019, Fast Random Integer Generation in an Interval).
fn below(bound: u32, random: &mut ChaCha8Rng) -> u32 {
    loop {
        let product = u64::from(random.next_u32()) * u64::from(bound);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
        let (high, low) = ((product >> 32) as u32, product as u32);
        // The remainder is costly, and only needed where the low half is below any that it can be.
        if low >= bound || low >= bound.wrapping_neg() % bound {
            return high;
        }
    }
}

impl Resamples {
    /// `None` without values, or if one is not finite.
    pub fn new(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        Some(Self(values))
    }

    /// Percentile interval: with B resamples and a = 1 - confidence, the statistics of rank (B+1) a/2 and (B+1)(1 - a/2),
    /// rounded outward (Davison & Hinkley 1997, section 5.3.1). At 0.95 and B = 1999 they are the 50th and the 1950th.
    pub fn interval(&self, confidence: f64) -> Bounds {
        let Self(sorted) = self;
        let ranks = sorted.len().real() + 1.0;
        // A product this near to a whole number is one: 2000 * 0.025 must not depend on the last bit.
        let tail = ranks * (1.0 - confidence.clamp(0.0, 1.0)) / 2.0;
        let low = index_of_rank((tail + 1e-9).floor(), sorted.len());
        let high = index_of_rank((ranks - tail - 1e-9).ceil(), sorted.len());
        Bounds { low: sorted[low], high: sorted[high] }
    }

    /// Two-sided probability of `value`: twice the share of resamples on its rarer side, each side counted with one more, so
    /// that it is never 0. It is at most 1 - confidence exactly where the interval of that confidence leaves `value` out.
    pub fn p_value(&self, value: f64) -> f64 {
        let Self(sorted) = self;
        let up_to = sorted.partition_point(|&other| other <= value);
        let from = sorted.len() - sorted.partition_point(|&other| other < value);
        (2.0 * (up_to.min(from) + 1).real() / (sorted.len() + 1).real()).min(1.0)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these statistics are sums of a few whole numbers")]
mod tests {
    use super::*;

    const SEED: u64 = 7;

    fn mean(values: &[f64]) -> impl FnMut(&[u32]) -> f64 {
        |drawn| drawn.iter().map(|&index| values[index as usize]).sum::<f64>() / drawn.len().real()
    }

    #[test]
    fn draws_are_chacha8_words_through_lemires_method() {
        let mut seen = Vec::new();
        resample(10, 1, SEED, &mut |drawn| seen.extend_from_slice(drawn));
        assert_eq!(seen, GOLDEN_DRAWS);
    }

    #[test]
    fn the_same_seed_gives_the_same_and_another_seed_almost() {
        let values: Vec<f64> = (0..400).map(|i: u32| f64::from(i % 20)).collect();
        let run = |seed| bootstrap(400, 1999, seed, &mut mean(&values)).expect("defined");
        assert_eq!(run(SEED), run(SEED));
        assert_ne!(run(SEED), run(SEED + 1));
        assert!((run(SEED).interval(0.95).low - run(SEED + 1).interval(0.95).low).abs() < 0.1);
    }

    #[test]
    fn interval_of_a_mean_agrees_with_the_normal_one() {
        let values: Vec<f64> = (0..400).map(|i: u32| f64::from(i % 20)).collect();
        let found = bootstrap(400, 1999, SEED, &mut mean(&values)).expect("defined").interval(0.95);
        // Mean 9.5, standard deviation sqrt(399/12), 1.96 standard errors of 400 values.
        let half = 1.959_964 * (399.0_f64 / 12.0).sqrt() / 20.0;
        assert!((found.low - (9.5 - half)).abs() < 0.06, "{found:?} {half}");
        assert!((found.high - (9.5 + half)).abs() < 0.06, "{found:?} {half}");
    }

    #[test]
    fn every_value_is_drawn_equally_often() {
        let mut counts = [0_u32; 7];
        resample(7, 10_000, SEED, &mut |drawn| drawn.iter().for_each(|&index| counts[index as usize] += 1));
        // Binomial(70 000, 1/7): five standard deviations are 463.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 463), "{counts:?}");
    }

    #[test]
    fn no_value_is_drawn_more_often_because_words_do_not_divide_evenly() {
        // Of three quarters of 2^32 values, every third would be hit by two words, and so by half of all draws.
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let thirds = (0..30_000).filter(|_| below(3 << 30, &mut random).is_multiple_of(3)).count();
        // Binomial(30 000, 1/3): five standard deviations are 408.
        assert!(thirds.abs_diff(10_000) < 408, "{thirds}");
    }

    #[test]
    fn interval_takes_the_50th_and_the_1950th_of_1999() {
        let resamples = Resamples::new((1..=1999).rev().map(f64::from).collect()).expect("finite");
        assert_eq!(resamples.interval(0.95), Bounds { low: 50.0, high: 1950.0 });
        assert_eq!(resamples.interval(1.0), Bounds { low: 1.0, high: 1999.0 });
    }

    #[test]
    fn p_value_is_at_its_limit_exactly_where_the_interval_ends() {
        let resamples = Resamples::new((1..=1999).map(f64::from).collect()).expect("finite");
        // Left out by the interval, which starts at 50: 49 are as small.
        assert_eq!((resamples.p_value(49.5), resamples.p_value(50.0)), (0.05, 0.051));
        assert_eq!((resamples.p_value(1950.0), resamples.p_value(1950.5)), (0.051, 0.05));
        assert_eq!((resamples.p_value(0.0), resamples.p_value(1000.0)), (0.001, 1.0));
        assert_eq!(Resamples::new(vec![0.0; 1999]).expect("finite").p_value(0.0), 1.0);
    }

    #[test]
    fn undefined_resamples_are_none() {
        assert_eq!(bootstrap(1, 100, SEED, &mut |_| 1.0), None);
        assert_eq!(bootstrap(10, 0, SEED, &mut |_| 1.0), None);
        assert_eq!(bootstrap(10, 9, SEED, &mut |drawn| if drawn[0] == 3 { f64::NAN } else { 1.0 }), None);
    }

    /// By an implementation of `ChaCha8` (and of the seed's expansion by PCG32) in Python, whose words were taken times ten.
    const GOLDEN_DRAWS: [u32; 10] = [1, 1, 1, 1, 2, 7, 0, 7, 0, 6];
}

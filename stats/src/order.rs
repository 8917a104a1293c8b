//! Order statistics by `LoadGen`'s rule: an observed value, never an interpolated one.

/// Percentile `p` (0..=1) of values sorted in ascending order: `sorted[floor(n * p)]`, and the last value for `p = 1`.
///
/// The source is `LoadGen` (mlcommons/inference, loadgen/results.cc); as there, the product is taken in double precision.
/// `None` if there are no values, or if `p` is not within 0..=1.
pub fn percentile(sorted: &[u64], p: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    if !(0.0..=1.0).contains(&p) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0 <= n * p <= n, and no slice has 2^52 values"
    )]
    let rank = (sorted.len() as f64 * p) as usize;
    sorted.get(rank.min(last)).copied()
}

/// What is kept of the latencies of one run, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub min: u64,
    pub p50: u64,
    pub p90: u64,
    pub p95: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
    pub mean: f64,
    /// Median absolute deviation from `p50`, unscaled (multiply by 1.4826 to compare with a standard deviation).
    pub mad: u64,
}

/// Summarizes values in any order; `None` if there are none.
pub fn summarize(values: &[u64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let p50 = percentile(&sorted, 0.5)?;
    let mut deviations: Vec<u64> = sorted.iter().map(|value| value.abs_diff(p50)).collect();
    deviations.sort_unstable();
    let total: u128 = sorted.iter().copied().map(u128::from).sum();
    #[expect(clippy::cast_precision_loss, reason = "a mean of integers is rounded once, here")]
    let mean = total as f64 / sorted.len() as f64;
    Some(Summary {
        min: *sorted.first()?,
        p50,
        p90: percentile(&sorted, 0.90)?,
        p95: percentile(&sorted, 0.95)?,
        p99: percentile(&sorted, 0.99)?,
        p999: percentile(&sorted, 0.999)?,
        max: *sorted.last()?,
        mean,
        mad: percentile(&deviations, 0.5)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentile_is_the_value_at_floor_of_n_times_p() {
        let ten: Vec<u64> = (1..=10).collect();
        for (p, expected) in [(0.0, 1), (0.5, 6), (0.9, 10), (0.99, 10), (1.0, 10)] {
            assert_eq!(percentile(&ten, p), Some(expected), "p = {p}");
        }
    }

    #[test]
    fn undefined_percentiles_are_none() {
        assert_eq!(percentile(&[], 0.5), None);
        for p in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert_eq!(percentile(&[1, 2], p), None, "p = {p}");
        }
        assert_eq!(summarize(&[]), None);
    }

    #[test]
    fn a_constant_has_no_spread() {
        let summary = summarize(&[7; 100]).expect("not empty");
        assert_eq!((summary.min, summary.p999, summary.max, summary.mad), (7, 7, 7, 0));
        assert!((summary.mean - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let summary = summarize(&[u64::MAX, u64::MAX, 0]).expect("not empty");
        assert_eq!((summary.p50, summary.mad), (u64::MAX, 0));
    }

    proptest! {
        #[test]
        fn summary_ignores_order(values in prop::collection::vec(any::<u64>(), 1..200), turn in 0_usize..200) {
            let mut turned = values.clone();
            turned.rotate_left(turn % values.len());
            turned.reverse();
            prop_assert_eq!(summarize(&values), summarize(&turned));
        }

        #[test]
        fn percentile_grows_with_p(mut values in prop::collection::vec(any::<u64>(), 1..200), a in 0.0..=1.0, b in 0.0..=1.0) {
            values.sort_unstable();
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(percentile(&values, low) <= percentile(&values, high));
        }

        #[test]
        fn percentile_is_an_observed_value(mut values in prop::collection::vec(any::<u64>(), 1..50), p in 0.0..=1.0) {
            values.sort_unstable();
            prop_assert!(values.contains(&percentile(&values, p).expect("not empty")));
        }
    }
}

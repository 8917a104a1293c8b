//! How many independent samples a series of correlated ones is worth.

use crate::cast::Real;

/// Longer series are reduced to the means of at most this many blocks before correlations are taken, so that 8 million
/// samples take well under a second.
const MAX_BLOCKS: usize = 65_536;

/// Correlations are summed up to this lag (in blocks). A series still correlated there has drifted rather than fluctuated:
/// its size is then over-estimated, though it is at most some tens.
const MAX_LAG: usize = 4096;

/// Effective sample size of the mean of values in the order in which they were taken: `n / (1 + 2 sum rho_k)`, within 1..=n.
///
/// The sum is cut by Geyer's initial monotone sequence: the pairs `rho_2k + rho_2k+1`, each held to at most the one before,
/// are summed while they are positive (Geyer 1992, Practical Markov Chain Monte Carlo, Statistical Science 7(4), section
/// 3.3). The monotone sequence is taken instead of the positive one because it has less noise in its tail.
///
/// Above 65 536 values the sum runs over the means of equal blocks (batch means; the last values that fill no block are
/// left out), and the size is var(values) over the variance of the mean found that way. Lags end at 4096 values or blocks.
///
/// A constant is worth all its values; no values are worth 0, and a series with a value that is not finite is worth 1.
pub fn effective_sample_size(values: &[f64]) -> f64 {
    let Some(&first) = values.first() else {
        return 0.0;
    };
    let n = values.len().real();
    // Exact: any difference at all makes the series vary.
    if values.iter().all(|value| value - first == 0.0) {
        return n;
    }
    let mean = values.iter().map(|value| value - first).sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - first - mean).powi(2)).sum::<f64>() / n;
    if !variance.is_finite() {
        return 1.0;
    }
    let length = values.len().div_ceil(MAX_BLOCKS);
    let mut blocks: Vec<f64> = values
        .chunks_exact(length)
        .map(|block| block.iter().map(|value| value - first - mean).sum::<f64>() / length.real())
        .collect();
    let center = blocks.iter().sum::<f64>() / blocks.len().real();
    for block in &mut blocks {
        *block -= center;
    }

    let squares = product_at_lag(&blocks, 0);
    let time = correlation_time(&blocks, squares);
    // The variance of the mean is squares * time / m^2, with m blocks.
    let size = variance * blocks.len().real().powi(2) / (squares * time);
    // Series whose sum is not positive vary less in their mean than independent samples do.
    if time > 0.0 && size.is_finite() { size.clamp(1.0, n) } else { n }
}

/// `1 + 2 sum rho_k` of deviations from their mean, by the initial monotone sequence.
fn correlation_time(deviations: &[f64], squares: f64) -> f64 {
    let mut sum = 0.0;
    let mut previous = f64::INFINITY;
    for lag in (0..deviations.len().min(MAX_LAG)).step_by(2) {
        let pair = (product_at_lag(deviations, lag) + product_at_lag(deviations, lag + 1)) / squares;
        if pair.is_nan() || pair <= 0.0 {
            break;
        }
        previous = pair.min(previous);
        sum += previous;
    }
    2.0 * sum - 1.0
}

/// Sum of `x_i * x_i+lag`. Eight partial sums in a fixed order: they do not wait for each other, and the result is always
/// the same.
fn product_at_lag(deviations: &[f64], lag: usize) -> f64 {
    let later = deviations.get(lag..).unwrap_or_default();
    let earlier = &deviations[..later.len()];
    let mut sums = [0.0; 8];
    let (earlier, later) = (earlier.chunks_exact(8), later.chunks_exact(8));
    let rest: f64 = earlier.remainder().iter().zip(later.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in earlier.zip(later) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these sizes are set, not computed")]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_worth_all_its_values() {
        assert_eq!(effective_sample_size(&[3.7; 1000]), 1000.0);
        assert_eq!(effective_sample_size(&[3.7]), 1.0);
    }

    #[test]
    fn undefined_sizes_are_the_least() {
        assert_eq!(effective_sample_size(&[]), 0.0);
        assert_eq!(effective_sample_size(&[1.0, f64::NAN, 2.0]), 1.0);
        assert_eq!(effective_sample_size(&[f64::INFINITY; 3]), 1.0);
        assert_eq!(effective_sample_size(&[f64::MAX, -f64::MAX, 1.0]), 1.0);
    }

    #[test]
    fn alternation_is_worth_no_more_than_its_count() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        assert_eq!(effective_sample_size(&values), 100.0);
    }

    #[test]
    fn a_trend_is_worth_few_samples() {
        let values: Vec<f64> = (0..10_000).map(f64::from).collect();
        assert!(effective_sample_size(&values) < 10.0);
    }
}

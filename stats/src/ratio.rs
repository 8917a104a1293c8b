//! The ratio of two groups of runs.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::spread::standard_deviation;

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    pub ratio: f64,
    pub low: f64,
    pub high: f64,
}

/// Ratio of `second` over `first`, one positive number a run, with Welch's interval on the logarithms (unequal variances,
/// Welch-Satterthwaite degrees of freedom). `None` with less than two runs on a side, or a number that has no logarithm.
///
/// The run, not the sample, is the unit: samples of one run share whatever its launch was dealt.
#[expect(clippy::cast_precision_loss, reason = "runs are few")]
pub fn log_ratio(first: &[f64], second: &[f64], confidence: f64) -> Option<Ratio> {
    let side = |values: &[f64]| {
        let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        if logs.len() < 2 || logs.iter().any(|log| !log.is_finite()) {
            return None;
        }
        let count = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / count;
        let error_squared = standard_deviation(&logs)?.powi(2) / count;
        Some((mean, error_squared, count - 1.0))
    };
    if !(0.0 < confidence && confidence < 1.0) {
        return None;
    }
    let ((mean_a, a, freedom_a), (mean_b, b, freedom_b)) = (side(first)?, side(second)?);
    let difference = mean_b - mean_a;
    let error_squared = a + b;
    if error_squared <= 0.0 {
        let ratio = difference.exp();
        return Some(Ratio { ratio, low: ratio, high: ratio });
    }
    let freedom = error_squared.powi(2) / (a.powi(2) / freedom_a + b.powi(2) / freedom_b);
    let quantile = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.5 + confidence / 2.0);
    let half = quantile * error_squared.sqrt();
    Some(Ratio { ratio: difference.exp(), low: (difference - half).exp(), high: (difference + half).exp() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17: `ttest_ind(log(b), log(a), equal_var=False)` and its confidence interval.
    #[test]
    fn welch_on_logarithms_agrees_with_scipy() {
        let (a, b) = ([20.1, 20.4, 20.2, 20.6, 20.3], [20.5, 20.9, 20.7, 21.0, 20.8]);
        let found = log_ratio(&a, &b, 0.95).expect("defined");
        for (found, expected) in [(found.ratio, 1.022_64), (found.low, 1.008_77), (found.high, 1.036_70)] {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn a_ratio_needs_two_runs_a_side_and_positive_numbers() {
        assert_eq!(log_ratio(&[1.0], &[1.0, 2.0], 0.95), None);
        assert_eq!(log_ratio(&[1.0, 0.0], &[1.0, 2.0], 0.95), None);
        assert_eq!(log_ratio(&[2.0, 2.0], &[4.0, 4.0], 0.95), Some(Ratio { ratio: 2.0, low: 2.0, high: 2.0 }));
    }
}

//! Location and spread of a few numbers, such as one statistic of each run of a cell.

use crate::cast::Real;

/// Turns a median absolute deviation into the standard deviation of a normal distribution: 1 / Phi^-1(3/4).
const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// Median; the mean of the two middle values for an even count. `None` if there are none or one is not finite.
pub fn median(values: &[f64]) -> Option<f64> {
    if values.is_empty() || !all_finite(values) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return Some(sorted[middle]);
    }
    Some(f64::midpoint(sorted[middle - 1], sorted[middle]))
}

/// Median absolute deviation from the median, in the unit of the values. `None` if there are none or one is not finite.
pub fn mad(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&deviations)
}

/// [`mad`] times 1.4826: of normal values it estimates their standard deviation, and outliers do not move it. The same as
/// `scipy.stats.median_abs_deviation(.., scale="normal")`.
pub fn mad_scaled(values: &[f64]) -> Option<f64> {
    mad(values).map(|deviation| deviation * MAD_TO_SD)
}

/// Sample standard deviation (n - 1), in the unit of the values. `None` below two values, or if one or the result is not
/// finite.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 || !all_finite(values) {
        return None;
    }
    let count = values.len().real();
    let mean = values.iter().sum::<f64>() / count;
    // Two passes: the one-pass formula cancels when the spread is small beside the mean, which is the usual case here.
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (count - 1.0)).sqrt();
    deviation.is_finite().then_some(deviation)
}

/// [`standard_deviation`] over the absolute mean. `None` below two values, if one is not finite, or if the mean is zero or
/// so near to it that the quotient is not finite.
pub fn coefficient_of_variation(values: &[f64]) -> Option<f64> {
    let deviation = standard_deviation(values)?;
    let mean = values.iter().sum::<f64>() / values.len().real();
    let quotient = deviation / mean.abs();
    quotient.is_finite().then_some(quotient)
}

pub(crate) fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn undefined_statistics_are_none() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, f64::NAN]), None);
        assert_eq!((mad(&[]), mad_scaled(&[f64::NAN])), (None, None));
        assert_eq!((standard_deviation(&[1.0]), standard_deviation(&[f64::MAX, -f64::MAX])), (None, None));
        for values in [&[][..], &[1.0], &[1.0, f64::NAN], &[1.0, f64::INFINITY], &[-1.0, 1.0], &[0.0, 0.0]] {
            assert_eq!(coefficient_of_variation(values), None, "{values:?}");
        }
    }

    #[test]
    fn one_outlier_does_not_move_the_mad() {
        assert_eq!((mad(&[1.0, 2.0, 3.0, 4.0, 5.0]), mad(&[1.0, 2.0, 3.0, 4.0, 500.0])), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn a_constant_does_not_vary() {
        assert_eq!((mad(&[5.0; 4]), standard_deviation(&[5.0; 4])), (Some(0.0), Some(0.0)));
        assert_eq!(coefficient_of_variation(&[5.0; 4]), Some(0.0));
    }

    #[test]
    fn coefficient_uses_n_minus_1() {
        // statistics.stdev([1, 2, 3, 4]) / 2.5 in Python.
        let cv = coefficient_of_variation(&[1.0, 2.0, 3.0, 4.0]).expect("defined");
        assert!((cv - 0.516_397_779_494_322_3).abs() < 1e-15, "{cv}");
    }

    proptest! {
        #[test]
        fn medians_ignore_order(values in prop::collection::vec(-1e9..1e9_f64, 1..80), turn in 0_usize..80) {
            let mut turned = values.clone();
            turned.rotate_left(turn % values.len());
            turned.reverse();
            prop_assert_eq!((median(&values), mad(&values)), (median(&turned), mad(&turned)));
        }

        #[test]
        fn coefficient_ignores_order_and_scale(values in prop::collection::vec(1.0..100.0_f64, 2..50), scale in 0.1..10.0_f64) {
            let scaled: Vec<f64> = values.iter().rev().map(|value| value * scale).collect();
            let (a, b) = (coefficient_of_variation(&values), coefficient_of_variation(&scaled));
            prop_assert!((a.expect("defined") - b.expect("defined")).abs() < 1e-9);
        }
    }
}

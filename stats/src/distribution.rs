//! The whole distribution of a run: its steps for a chart, and a smooth estimate of a percentile.

use statrs::function::beta::checked_beta_reg;

use crate::cast::{Real, index_of_rank};

/// Empirical distribution of values sorted in ascending order: at most `points` steps (value, share of values up to it),
/// ascending, each exact. The first and the last are always there, so `points` below 2 counts as 2.
///
/// All steps are kept if they are few enough; otherwise those at ranks spread evenly between the first and the last.
pub fn ecdf(sorted: &[u64], points: usize) -> Vec<(u64, f64)> {
    let points = points.max(2);
    let step = |value: u64| (value, sorted.partition_point(|&other| other <= value).real() / sorted.len().real());
    let mut steps: Vec<u64> = sorted.chunk_by(|a, b| a == b).map(|same| same[0]).take(points + 1).collect();
    if steps.len() > points {
        let (intervals, last) = (points - 1, sorted.len() - 1);
        // Widened, so that the product cannot overflow; the quotient is at most `last`.
        let rank = |i: usize| usize::try_from(i as u128 * last as u128 / intervals as u128).unwrap_or(last);
        steps = (0..points).map(|i| sorted[rank(i)]).collect();
        steps.dedup();
    }
    steps.into_iter().map(step).collect()
}

/// Up to this size of its smaller parameter, the incomplete beta function is evaluated itself (to 1e-10); beyond, its
/// continued fraction is cut short by the library, and a step of the density is as good.
const EXACT_PARAMETER: f64 = 5000.0;

/// Half the width, in standard deviations of the beta distribution, outside which weights are left out (below 1e-16).
const REACH: f64 = 10.0;

/// Harrell-Davis estimate of percentile `p` (0..1, both excluded) of values sorted in ascending order, in their unit: the
/// mean of all order statistics, weighted by the beta distribution with (n+1)p and (n+1)(1-p) (Harrell & Davis 1982,
/// Biometrika 69(3)). Smoother than one order statistic; for the charts that compare two distributions.
///
/// `None` if there are no values or `p` is out of range. Costs some thousand steps at 8 million values.
pub fn harrell_davis(sorted: &[u64], p: f64) -> Option<f64> {
    if sorted.is_empty() || !(p > 0.0 && p < 1.0) {
        return None;
    }
    let n = sorted.len().real();
    let (a, b) = ((n + 1.0) * p, (n + 1.0) * (1.0 - p));
    let weights = if a.min(b) <= EXACT_PARAMETER { exact_weights } else { density_weights };
    // Small parameters have long tails, but the few values of such a side are soon all within reach.
    let reach = REACH * (a * b / (n + 2.0)).sqrt() + 40.0;
    let from = index_of_rank((n * p - reach).floor(), sorted.len());
    let to = index_of_rank((n * p + reach).ceil(), sorted.len());
    let (mut total, mut weighted) = (0.0, 0.0);
    for (weight, value) in weights(from, to, n, a, b).zip(&sorted[from..=to]) {
        total += weight;
        weighted += weight * value.real();
    }
    let estimate = weighted / total;
    estimate.is_finite().then_some(estimate)
}

type Weights = Box<dyn Iterator<Item = f64>>;

/// Differences of the distribution function, for the indices `from..=to`.
fn exact_weights(from: usize, to: usize, n: f64, a: f64, b: f64) -> Weights {
    let below = move |index: usize| checked_beta_reg(a, b, index.real() / n).unwrap_or(f64::NAN);
    let mut previous = below(from);
    Box::new((from..=to).map(move |index| {
        let next = below(index + 1);
        let weight = next - previous;
        previous = next;
        weight
    }))
}

/// The density in the middle of each step, relative to the density at the mode, for the indices `from..=to`.
fn density_weights(from: usize, to: usize, n: f64, a: f64, b: f64) -> Weights {
    let log_density = move |x: f64| (a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p();
    let top = log_density((a - 1.0) / (a + b - 2.0));
    Box::new((from..=to).map(move |index| (log_density((index.real() + 0.5) / n) - top).exp()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_steps_are_all_kept() {
        assert_eq!(ecdf(&[1, 1, 2, 5], 3), [(1, 0.5), (2, 0.75), (5, 1.0)]);
        assert_eq!(ecdf(&[4; 9], 10), [(4, 1.0)]);
        assert_eq!(ecdf(&[], 10), []);
    }

    #[test]
    fn undefined_estimates_are_none() {
        assert_eq!(harrell_davis(&[], 0.5), None);
        for p in [0.0, 1.0, f64::NAN] {
            assert_eq!(harrell_davis(&[1, 2], p), None, "p = {p}");
        }
    }

    #[test]
    fn estimates_of_squares_agree_with_scipy() {
        // scipy 1.17.1, scipy.stats.mstats.hdquantiles of 0, 1, 4, .. (n-1)^2. Both formulas for the weights are in use.
        for (n, p, expected) in [
            (9, 0.5, 17.924_111_401_346_146),
            (9, 0.99, 63.645_997_919_259_87),
            (1000, 0.5, 249_749.834_331_337_33),
            (1000, 0.99, 979_120.213_567_340_4),
            (30_000, 0.5, 224_992_499.833_366_66),
            (30_000, 0.99, 882_060_597.313_534_6),
            (200_000, 0.5, 9_999_949_999.833_338),
            (200_000, 0.99, 39_203_803_980.313_53),
        ] {
            let squares: Vec<u64> = (0..n).map(|i: u64| i * i).collect();
            let estimate = harrell_davis(&squares, p).expect("defined");
            assert!((estimate / expected - 1.0).abs() < 1e-9, "n = {n}, p = {p}: {estimate}, not {expected}");
        }
    }

    proptest! {
        #[test]
        fn ecdf_is_exact_and_keeps_both_ends(mut values in prop::collection::vec(0_u64..500, 1..400), points in 0_usize..60) {
            values.sort_unstable();
            let steps = ecdf(&values, points);
            prop_assert!(steps.len() <= points.max(2));
            prop_assert_eq!(steps.first().map(|step| step.0), values.first().copied());
            prop_assert_eq!(steps.last().copied(), values.last().map(|&value| (value, 1.0)));
            prop_assert!(steps.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1));
            for (value, share) in steps {
                let count = values.iter().filter(|&&other| other <= value).count();
                prop_assert!((share - count.real() / values.len().real()).abs() < 1e-15);
            }
        }

        #[test]
        fn estimate_lies_within_the_values(mut values in prop::collection::vec(any::<u32>(), 1..100), p in 0.001..0.999) {
            values.sort_unstable();
            let values: Vec<u64> = values.into_iter().map(u64::from).collect();
            let estimate = harrell_davis(&values, p).expect("defined");
            let (least, greatest) = (values[0].real(), values[values.len() - 1].real());
            prop_assert!(estimate >= least * (1.0 - 1e-9) && estimate <= greatest * (1.0 + 1e-9));
        }
    }
}

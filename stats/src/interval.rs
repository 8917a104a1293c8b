//! Distribution-free confidence intervals of a percentile, and the counts below which they have no end.
//!
//! The number of samples below the true percentile is binomial whatever the distribution, so two order statistics bound
//! it (David & Nagaraja, Order Statistics, 3rd ed., section 7.1; Conover, Practical Nonparametric Statistics, 3.2).

use statrs::function::beta::checked_beta_reg;

use crate::{
    cast::{Real, index_of_rank, whole},
    percentile,
};

/// Ranks, from 1 up, of the order statistics that bound a percentile; `None` where there is no bound on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderInterval {
    pub lower: Option<u64>,
    pub upper: Option<u64>,
}

/// Observed values that bound a percentile, in the unit of the values; `None` where there is no bound on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub low: Option<u64>,
    pub high: Option<u64>,
}

/// A probability this near to its limit is on it: `P(B <= 2) = 0.125` must not depend on the last bit.
const TIE: f64 = 1e-12;

/// Counts above this are not exact as floating point.
const MAX_COUNT: f64 = 9_007_199_254_740_992.0;

/// Ranks of the equal-tailed interval of percentile `p` (0 to 1) over `floor(n)` independent samples, at `confidence` (0 to 1).
///
/// With B ~ Bin(n, p) and a = 1 - confidence, `lower` is the greatest k with P(B <= k-1) <= a/2 and `upper` the least k with
/// P(B <= k-1) >= 1 - a/2. The same as `scipy.stats.quantile_test(..).confidence_interval()`. There is no bound on either
/// side if `p` or `confidence` is not strictly between 0 and 1, or if `n` is below 1 or not a number.
///
/// Costs two bisections over k, some microseconds at any n. Where n is above 100 000, the binomial probabilities between
/// 0.4 and 0.6 have an error up to 0.02 (a limit of the library's continued fraction); the tails, to which every
/// confidence above 0.2 belongs, are right to 1e-7.
pub fn order_interval(n: f64, p: f64, confidence: f64) -> OrderInterval {
    let open = OrderInterval { lower: None, upper: None };
    if !within(p) || !within(confidence) || !(1.0..=MAX_COUNT).contains(&n) {
        return open;
    }
    let (n, tail) = (n.floor(), (1.0 - confidence) / 2.0);
    let above_lower = first_rank(n, |k| below(k, n, p) > tail + TIE);
    let upper = first_rank(n, |k| below(k, n, p) >= 1.0 - tail - TIE);
    OrderInterval {
        lower: above_lower.checked_sub(1).filter(|&rank| rank > 0),
        upper: Some(upper).filter(|&rank| rank <= whole(n)),
    }
}

/// Interval of percentile `p` of values sorted in ascending order, in their unit, at `confidence`, when the samples are
/// worth only `n_eff` independent ones (see [`effective_sample_size`](crate::effective_sample_size)).
///
/// The ranks of [`order_interval`] for `n_eff` are taken as the shares `lower/n_eff` and `upper/n_eff` of all values, each
/// rounded outward. `n_eff` is held to at most the number of values; with all of them it is the exact interval. It always
/// contains [`percentile`], and one of a higher confidence contains one of a lower.
pub fn percentile_interval(sorted: &[u64], n_eff: f64, p: f64, confidence: f64) -> Interval {
    let open = Interval { low: None, high: None };
    let (Some(estimate), n) = (percentile(sorted, p), sorted.len().real()) else {
        return open;
    };
    if n_eff.is_nan() {
        return open;
    }
    let n_eff = n_eff.min(n);
    let ranks = order_interval(n_eff, p, confidence);
    let at = |rank: f64| sorted.get(index_of_rank(rank, sorted.len())).copied();
    let low = ranks.lower.and_then(|rank| at((rank.real() * n / n_eff).floor()));
    let high = ranks.upper.and_then(|rank| at((rank.real() * n / n_eff).ceil()));
    Interval { low: low.map(|value| value.min(estimate)), high: high.map(|value| value.max(estimate)) }
}

/// Least number of independent samples for which [`order_interval`] has both ends: both `p^n` and `(1-p)^n` are at most
/// (1 - confidence) / 2. At 0.95: 6 for p50, 36 for p90, 72 for p95, 368 for p99 and 3688 for p99.9.
///
/// `u64::MAX`, more than there can be, if `p` or `confidence` is not strictly between 0 and 1.
pub fn min_count(p: f64, confidence: f64) -> u64 {
    if !within(p) || !within(confidence) {
        return u64::MAX;
    }
    let tail = (1.0 - confidence) / 2.0;
    least_power(p.ln(), tail).max(least_power((-p).ln_1p(), tail))
}

/// Least number of independent samples for which the greatest is an upper bound of percentile `p` at the one-sided
/// `confidence`: `p^n` is at most 1 - confidence. At 0.95: 5 for p50, 29 for p90, 59 for p95, 299 for p99, 2995 for p99.9.
///
/// `u64::MAX`, more than there can be, if `p` or `confidence` is not strictly between 0 and 1.
pub fn min_count_upper(p: f64, confidence: f64) -> u64 {
    if !within(p) || !within(confidence) {
        return u64::MAX;
    }
    least_power(p.ln(), 1.0 - confidence)
}

fn within(share: f64) -> bool {
    share > 0.0 && share < 1.0
}

/// Least n with `exp(n * ln_base) <= limit`.
fn least_power(ln_base: f64, limit: f64) -> u64 {
    let exponent = limit.ln() / ln_base;
    whole((exponent - TIE * exponent.max(1.0)).ceil()).max(1)
}

/// P(B <= k-1) for B ~ Bin(n, p), as the regularized incomplete beta function I_{1-p}(n-k+1, k) (DLMF 8.17.5).
fn below(k: u64, n: f64, p: f64) -> f64 {
    let k = k.real();
    if k < 1.0 {
        return 0.0;
    }
    if k > n {
        return 1.0;
    }
    // The arguments are in range, so there is no error; NaN would leave the interval open.
    checked_beta_reg(n - k + 1.0, k, 1.0 - p).unwrap_or(f64::NAN)
}

/// Least rank in 1..=n that meets a condition which, once met, holds for all higher ranks; n + 1 if none does.
fn first_rank(n: f64, met: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (1, whole(n).saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        if met(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_agree_with_scipy_up_to_eight_million() {
        // scipy 1.17.1, scipy.stats.binom(n, p): the definition above, searched around binom.ppf(0.025) and ppf(0.975).
        for (n, p, lower, upper) in GOLDEN_RANKS {
            let expected = OrderInterval { lower: Some(lower), upper: Some(upper) };
            assert_eq!(order_interval(n, p, 0.95), expected, "n = {n}, p = {p}");
        }
    }

    #[test]
    fn least_counts_at_95_percent() {
        // Solved by hand: ceil(ln 0.025 / ln p) and ceil(ln 0.05 / ln p).
        for (p, both, upper) in [(0.5, 6, 5), (0.9, 36, 29), (0.95, 72, 59), (0.99, 368, 299), (0.999, 3688, 2995)] {
            assert_eq!((min_count(p, 0.95), min_count_upper(p, 0.95)), (both, upper), "p = {p}");
        }
    }

    #[test]
    fn an_interval_has_both_ends_from_the_least_count_on() {
        for p in [0.05, 0.5, 0.9, 0.95, 0.99, 0.999] {
            for confidence in [0.75, 0.9, 0.95, 0.99] {
                let least = min_count(p, confidence);
                let ends = |n: u64| {
                    let interval = order_interval(n.real(), p, confidence);
                    interval.lower.is_some() && interval.upper.is_some()
                };
                assert!(ends(least) && !ends(least - 1), "p = {p}, confidence = {confidence}, least = {least}");
            }
        }
    }

    #[test]
    fn undefined_intervals_are_open() {
        let open = Interval { low: None, high: None };
        for (n_eff, p, confidence) in
            [(f64::NAN, 0.5, 0.95), (0.5, 0.5, 0.95), (9.0, 1.0, 0.95), (9.0, f64::NAN, 0.95), (9.0, 0.5, 1.0)]
        {
            assert_eq!(percentile_interval(&[1; 9], n_eff, p, confidence), open, "{n_eff} {p} {confidence}");
        }
        assert_eq!(percentile_interval(&[], 10.0, 0.5, 0.95), open);
        assert_eq!((min_count(1.0, 0.95), min_count_upper(0.5, f64::NAN)), (u64::MAX, u64::MAX));
    }

    #[test]
    fn fewer_effective_samples_widen_the_interval() {
        let sorted: Vec<u64> = (1..=1000).collect();
        let width = |n_eff| {
            let interval = percentile_interval(&sorted, n_eff, 0.5, 0.95);
            interval.high.expect("bounded") - interval.low.expect("bounded")
        };
        assert!(width(1000.0) < width(250.5) && width(250.5) < width(20.0));
        // sqrt(4) times as wide for a quarter of the samples.
        assert!(width(250.0).abs_diff(2 * width(1000.0)) <= 4);
    }

    proptest! {
        #[test]
        fn interval_contains_the_percentile_and_nests(
            mut values in prop::collection::vec(0_u64..1000, 1..300),
            worth in 0.01..=1.0_f64,
            p in 0.0..=1.0,
            a in 0.001..0.999,
            b in 0.001..0.999,
        ) {
            values.sort_unstable();
            let n_eff = (values.len().real() * worth).max(1.0);
            let (less, more) = if a <= b { (a, b) } else { (b, a) };
            let inner = percentile_interval(&values, n_eff, p, less);
            let outer = percentile_interval(&values, n_eff, p, more);
            let estimate = percentile(&values, p).expect("not empty");
            prop_assert!(inner.low.is_none_or(|low| low <= estimate) && inner.high.is_none_or(|high| high >= estimate));
            prop_assert!(outer.low.is_none_or(|low| inner.low.is_some_and(|inner| low <= inner)));
            prop_assert!(outer.high.is_none_or(|high| inner.high.is_some_and(|inner| high >= inner)));
        }
    }

    /// n, p, lower, upper.
    const GOLDEN_RANKS: [(f64, f64, u64, u64); 8] = [
        (6.0, 0.5, 1, 6),
        (368.0, 0.99, 360, 368),
        (1000.0, 0.5, 469, 532),
        (1000.0, 0.99, 983, 997),
        (100_000.0, 0.9, 89_814, 90_187),
        (8_000_000.0, 0.5, 3_997_228, 4_002_773),
        (8_000_000.0, 0.99, 7_919_448, 7_920_552),
        (8_000_000.0, 0.999, 7_991_824, 7_992_176),
    ];
}

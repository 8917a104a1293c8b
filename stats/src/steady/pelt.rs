//! Change points in the mean and the variance of a series.

use std::f64::consts::TAU;

use crate::{cast::Real, median, spread::all_finite};

/// A standard deviation below this share of the series' level (the median of the absolute values) counts as this much, so
/// that values which a coarse timer makes equal are not a regime of their own.
const LEAST_DEVIATION: f64 = 1e-3;

/// Ends of the segments of `series` (each the index after its last value, ascending; the last is the length) that minimize
/// the sum over the segments of C(s, e) + `penalty`, with C(s, e) = (e - s)(ln(2 pi var) + 1), and var the variance of the
/// values s..e: minus twice the log-likelihood of a normal distribution fitted to the segment. Each segment has at least
/// `min_size` values. The penalty of Barrett et al. is 15 ln n.
///
/// The search is PELT, which is exact (Killick, Fearnhead & Eckley 2012, JASA 107(500), arXiv:1101.1438). At worst, and
/// usually where nothing changes, it takes n^2 / 2 steps: pass about 2000 values.
///
/// The result does not depend on the unit: multiplying the series changes nothing. A series with a value or a penalty that
/// is not finite is one segment, and an empty one has none.
pub fn pelt(series: &[f64], penalty: f64, min_size: usize) -> Vec<usize> {
    let (n, min_size) = (series.len(), min_size.max(1));
    if n == 0 {
        return Vec::new();
    }
    let Some(cost) = Cost::new(series).filter(|_| penalty.is_finite() && n >= min_size.saturating_mul(2)) else {
        return vec![n];
    };
    let previous = best_starts(&cost, penalty, min_size, n);
    let mut ends = Vec::new();
    let mut end = n;
    while end > 0 {
        ends.push(end);
        end = previous[end];
    }
    ends.reverse();
    ends
}

/// A place where the last segment may start.
struct Candidate {
    start: usize,
    /// Cost of the best segments up to `start`, and of one from there to the current end.
    cost: f64,
    /// The end from which it is out, because there will be a better start by then.
    until: usize,
}

/// For each end, the start of the last segment of the best segmentation up to there.
fn best_starts(cost: &Cost, penalty: f64, min_size: usize, n: usize) -> Vec<usize> {
    let mut best = vec![0.0; n + 1];
    let mut previous = vec![0; n + 1];
    let mut candidates: Vec<Candidate> = Vec::new();
    for end in min_size..=n {
        let start = end - min_size;
        if start == 0 || start >= min_size {
            candidates.push(Candidate { start, cost: 0.0, until: usize::MAX });
        }
        candidates.retain(|candidate| candidate.until > end);
        let mut least = f64::INFINITY;
        for candidate in &mut candidates {
            candidate.cost = best[candidate.start] + cost.of(candidate.start, end);
            if candidate.cost < least {
                least = candidate.cost;
                previous[end] = candidate.start;
            }
        }
        best[end] = least + penalty;
        // A start that is no better than starting at `end` never will be, as splitting a segment never costs more. But
        // `end` can be a start only `min_size` later, so it has to stay until then.
        for candidate in &mut candidates {
            if candidate.until == usize::MAX && candidate.cost >= best[end] {
                candidate.until = end + min_size;
            }
        }
    }
    previous
}

/// The cost of any segment in constant time, from sums over the beginning of the series.
struct Cost {
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Cost {
    /// `None` if the series is not finite, or all zero.
    fn new(series: &[f64]) -> Option<Self> {
        if !all_finite(series) {
            return None;
        }
        let absolute: Vec<f64> = series.iter().map(|value| value.abs()).collect();
        let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len().real();
        let level = median(&absolute).filter(|&level| level > 0.0).unwrap_or_else(|| mean_of(&absolute));
        let mean = mean_of(series);
        // Centered, so that squares do not cancel; in units of the level, so that the least deviation is a constant.
        let (mut sum, mut square) = (0.0, 0.0);
        let (mut sums, mut squares) = (vec![0.0], vec![0.0]);
        for value in series {
            let value = (value - mean) / level;
            sum += value;
            square += value * value;
            sums.push(sum);
            squares.push(square);
        }
        // A level of zero, or values too large to square.
        square.is_finite().then_some(Self { sums, squares })
    }

    /// (e - s)(ln(2 pi v) + var / v) with v the variance, or the least one if that is greater: the likelihood at the best
    /// variance that is allowed. The second term is 1 except below the least, and is what keeps the pruning exact there.
    fn of(&self, start: usize, end: usize) -> f64 {
        let count = (end - start).real();
        let mean = (self.sums[end] - self.sums[start]) / count;
        let variance = ((self.squares[end] - self.squares[start]) / count - mean * mean).max(0.0);
        let allowed = variance.max(LEAST_DEVIATION * LEAST_DEVIATION);
        count * ((TAU * allowed).ln() + variance / allowed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn constants_and_undefined_series_are_one_segment() {
        for value in [0.0, 7.0, f64::NAN, f64::MAX] {
            assert_eq!(pelt(&[value; 50], 1.0, 3), [50], "{value}");
        }
        assert_eq!(pelt(&[1.0, 2.0], f64::NAN, 1), [2]);
        assert_eq!(pelt(&[], 1.0, 3), [0_usize; 0]);
    }

    #[test]
    fn a_step_between_constants_is_found() {
        let series = [[100.0; 30], [110.0; 30]].concat();
        assert_eq!(pelt(&series, 15.0 * 60.0_f64.ln(), 3), [30, 60]);
    }

    #[test]
    fn ticks_of_a_coarse_timer_are_no_change() {
        let series: Vec<f64> = (0..500).map(|i| if i % 50 < 20 { 10_000.0 } else { 10_001.0 }).collect();
        assert_eq!(pelt(&series, 15.0 * 500.0_f64.ln(), 3), [500]);
    }

    /// The least cost over all segmentations, without pruning.
    fn exhaustive(cost: &Cost, penalty: f64, min_size: usize, n: usize) -> f64 {
        let mut best = vec![f64::INFINITY; n + 1];
        best[0] = 0.0;
        for end in min_size..=n {
            best[end] = (0..=end - min_size)
                .map(|start| best[start] + cost.of(start, end) + penalty)
                .fold(f64::INFINITY, f64::min);
        }
        best[n]
    }

    fn steps() -> impl Strategy<Value = Vec<f64>> {
        let step = (1..40_i32, prop::collection::vec(-3.0..3.0, 1..25));
        prop::collection::vec(step, 1..6).prop_map(|steps| {
            steps.into_iter().flat_map(|(level, noise)| noise.into_iter().map(move |x| f64::from(level) + x)).collect()
        })
    }

    proptest! {
        #[test]
        fn segments_cover_the_series_at_the_least_cost(series in steps(), penalty in 0.0..30.0, min_size in 1_usize..5) {
            let ends = pelt(&series, penalty, min_size);
            prop_assert_eq!(ends.last().copied(), Some(series.len()));
            let starts = || std::iter::once(0).chain(ends.iter().copied());
            let long_enough = starts().zip(&ends).all(|(start, &end)| end >= start + min_size);
            prop_assert!(ends.len() == 1 || long_enough);
            if series.len() >= 2 * min_size && let Some(cost) = Cost::new(&series) {
                let total: f64 = starts().zip(&ends).map(|(start, &end)| cost.of(start, end) + penalty).sum();
                let least = exhaustive(&cost, penalty, min_size, series.len());
                prop_assert!((total - least).abs() < 1e-6, "{} is not {}", total, least);
            }
        }

        #[test]
        fn units_do_not_matter(series in steps(), exponent in -9..9) {
            let scaled: Vec<f64> = series.iter().map(|value| value * 2.0_f64.powi(exponent)).collect();
            prop_assert_eq!(pelt(&series, 10.0, 3), pelt(&scaled, 10.0, 3));
        }
    }
}

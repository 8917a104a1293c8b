//! Classifies one run by its segments.

use super::{
    outliers::{Outlier, local_outliers},
    pelt::pelt,
};
use crate::{cast::Real, effective_sample_size, mad_scaled};

/// Fewer samples than this are not analysed: change points of so few say nothing (and MLPerf's early stopping has the same
/// least number of queries for the 90th percentile).
pub const MIN_SAMPLES: usize = 64;

/// Change points are looked for among at most this many points, for the search may take the square of their number.
const MAX_POINTS: usize = 2000;

/// Least number of points of a segment.
const MIN_SEGMENT: usize = 3;

/// The change point penalty is this times ln(points) (Barrett et al., section 4.2).
const PENALTY: f64 = 15.0;

/// Means that differ by less than this share of the last are the same to a user.
const RELEVANT_SHARE: f64 = 0.01;

/// The steady state must last for this many samples (Barrett et al.) ..
const STEADY_SAMPLES: usize = 500;

/// .. and for one sample in so many.
const STEADY_PART: usize = 4;

/// Indices of this many outliers are kept; all are counted.
const MAX_OUTLIERS: usize = 1000;

/// What a run does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SteadyClass {
    /// Steady from the first sample on.
    Flat,
    /// Ends in a steady state that is faster than what was before it.
    WarmUp,
    /// Ends in a steady state that is slower than some earlier segment, as a device does that throttles.
    Slowdown,
    /// The last state did not last long enough to be called steady.
    NoSteadyState,
}

/// Samples between two change points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Index of the first sample.
    pub start: usize,
    /// Index after the last sample.
    pub end: usize,
    /// Mean of all its samples, outliers included.
    pub mean_ns: f64,
    /// Median of all its samples, by the rule of [`percentile`](crate::percentile).
    pub p50_ns: u64,
}

/// The result of [`analyse_steady`].
#[derive(Debug, Clone, PartialEq)]
pub struct Steady {
    pub class: SteadyClass,
    /// All segments in order; they cover the run.
    pub segments: Vec<Segment>,
    /// Index of the first sample of the steady state. Zero for a flat run, and where there is no steady state: then no part
    /// of the run stands for it better than the whole.
    pub steady_from: usize,
    /// Median of the first segment that looks steady: the first that is faster than the last by more than the band, or,
    /// if the next ones are faster still, the fastest of these. Without one, it is the first of the steady state.
    pub burst_ns: u64,
    /// Median of the last segment.
    pub sustained_ns: u64,
    /// `sustained_ns / burst_ns`: above 1 if the run slowed down. 1 if `burst_ns` is zero.
    pub throttle_ratio: f64,
    /// Indices of the first 1000 outliers, ascending.
    pub outliers: Vec<usize>,
    /// Number of all outliers.
    pub outlier_count: u64,
}

/// Finds the steady state of a run from its latencies in ns, in the order in which the queries were issued. `None` below
/// [`MIN_SAMPLES`].
///
/// 1. The run is reduced to at most 2000 points, medians of equal blocks of samples. Boundaries are known to one block.
/// 2. Outliers among the points (outside median +- 3 (P90 - P10) of the 200 around them) are replaced by that median.
/// 3. [`pelt`] divides the points into segments of at least 3, with penalty 15 ln(points).
/// 4. The steady state is the last segment and all before it, without a gap, that are equivalent: whose mean differs from
///    the last by no more than 1 % of it, or by two standard errors of it (`2 MAD / sqrt(n_eff)`, with the scaled MAD and
///    the effective sample size of the points of the last segment) if that is more. Unlike the band of the original
///    implementation, which adds a variance to a time, this one does not depend on the unit.
/// 5. It must last for 25 % of the run and for 500 samples; for half of the run, where that is less than 500. So a flat run
///    is flat at any length.
///
/// Outliers are flagged among all samples by the rule of step 2, with windows that move by 100 samples. A slow beginning
/// is not flagged: it is what this function looks for.
pub fn analyse_steady(latencies: &[u64]) -> Option<Steady> {
    let n = latencies.len();
    if n < MIN_SAMPLES {
        return None;
    }
    let block = n.div_ceil(MAX_POINTS);
    let points = masked(latencies.chunks(block).filter_map(median_ns).collect());
    let ends = pelt(&points, PENALTY * points.len().real().ln(), MIN_SEGMENT);
    let starts = || std::iter::once(0).chain(ends.iter().copied());
    let means: Vec<f64> = starts().zip(&ends).map(|(start, &end)| mean(&points[start..end])).collect();
    let segments = starts()
        .zip(&ends)
        .map(|(start, &end)| segment(latencies, start * block, n.min(end * block)))
        .collect::<Option<Vec<Segment>>>()?;
    let last_start = starts().nth(segments.len() - 1)?;
    let levels = Levels { band: band(&points[last_start..])?, last: *means.last()?, means };

    let steady = levels.first_steady();
    let class = levels.classify(steady, n - segments.get(steady)?.start >= least_steady(n));
    let burst_ns = segments.get(levels.burst(steady))?.p50_ns;
    let sustained_ns = segments.last()?.p50_ns;
    let outliers = local_outliers(latencies);
    Some(Steady {
        class,
        steady_from: if class == SteadyClass::NoSteadyState { 0 } else { segments.get(steady)?.start },
        segments,
        burst_ns,
        sustained_ns,
        throttle_ratio: if burst_ns == 0 { 1.0 } else { sustained_ns.real() / burst_ns.real() },
        outliers: outliers.iter().map(|outlier| outlier.index).take(MAX_OUTLIERS).collect(),
        outlier_count: outliers.len() as u64,
    })
}

/// The least number of samples in the steady state of a run of `n`.
fn least_steady(n: usize) -> usize {
    (n / STEADY_PART).max(STEADY_SAMPLES.min(n / 2))
}

/// The mean of each segment, and what counts as a difference between two. There is at least one segment.
struct Levels {
    means: Vec<f64>,
    last: f64,
    band: f64,
}

impl Levels {
    /// Index of the first of the segments that are equivalent to the last without a gap.
    fn first_steady(&self) -> usize {
        let equivalent = |mean: &&f64| (*mean - self.last).abs() <= self.band;
        self.means.len() - self.means.iter().rev().take_while(equivalent).count().max(1)
    }

    fn classify(&self, steady: usize, lasts: bool) -> SteadyClass {
        if steady == 0 {
            SteadyClass::Flat
        } else if !lasts {
            SteadyClass::NoSteadyState
        } else if self.first_faster().is_some() {
            SteadyClass::Slowdown
        } else {
            SteadyClass::WarmUp
        }
    }

    /// Index of the first segment that is faster than the last by more than the band.
    fn first_faster(&self) -> Option<usize> {
        self.means.iter().position(|mean| *mean < self.last - self.band)
    }

    /// Index of the segment whose median is the burst latency.
    fn burst(&self, steady: usize) -> usize {
        let Some(first) = self.first_faster() else {
            return steady;
        };
        let falling = self.means[first..].windows(2).take_while(|pair| pair[1] < pair[0] - self.band).count();
        first + falling
    }
}

/// How far a mean may be from that of the last segment to be equivalent.
fn band(last: &[f64]) -> Option<f64> {
    let standard_error = mad_scaled(last)? / effective_sample_size(last).sqrt();
    Some((RELEVANT_SHARE * mean(last)).max(2.0 * standard_error))
}

/// The points with outliers replaced by the median around them.
fn masked(mut points: Vec<u64>) -> Vec<f64> {
    for Outlier { index, local_median } in local_outliers(&points) {
        points[index] = local_median;
    }
    points.into_iter().map(Real::real).collect()
}

fn segment(latencies: &[u64], start: usize, end: usize) -> Option<Segment> {
    let samples = latencies.get(start..end)?;
    let total: u128 = samples.iter().copied().map(u128::from).sum();
    #[expect(clippy::cast_precision_loss, reason = "a mean of integers is rounded once, here")]
    let mean_ns = total as f64 / samples.len().real();
    Some(Segment { start, end, mean_ns, p50_ns: median_ns(samples)? })
}

/// The same value as `percentile(sorted, 0.5)`, without sorting.
fn median_ns(samples: &[u64]) -> Option<u64> {
    let mut samples = samples.to_vec();
    let middle = samples.len() / 2;
    (!samples.is_empty()).then(|| *samples.select_nth_unstable(middle).1)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().real()
}

//! What follows from one run's samples. Computed in one place (crate `analysis`), stored with its version, and the same
//! wherever it is shown.

use serde::{Deserialize, Serialize};

use crate::{EnergyFigure, HeatFigure, Percentile};

/// The statistics of one run. Times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Grows when a formula changes.
    pub version: u32,
    pub latency: LatencySummary,
    /// Independent samples the correlated ones are worth.
    pub effective_samples: f64,
    pub standard_deviation_ns: f64,
    /// Samples per second over the whole measured time, harness included.
    pub throughput_per_s: f64,
    /// Ascending by percentile.
    pub estimates: Vec<Estimate>,
    /// Server: queries that took longer than the target latency.
    pub over_latency: Option<u64>,
    pub steady: SteadyState,
    /// Server: how late queries were issued while nothing was before them.
    pub slip: Option<LatencySummary>,
    /// `None`: the device has no sensor, or the readings were of no use.
    #[serde(default)]
    pub energy: Option<EnergyFigure>,
    #[serde(default)]
    pub heat: Option<HeatFigure>,
}

impl Statistics {
    pub const VERSION: u32 = 2;

    pub fn estimate(&self, percentile: Percentile) -> Option<&Estimate> {
        self.estimates.iter().find(|estimate| estimate.percentile == percentile)
    }

    /// Standard deviation over mean; 0 for a mean of 0.
    pub fn coefficient_of_variation(&self) -> f64 {
        if self.latency.mean_ns > 0.0 { self.standard_deviation_ns / self.latency.mean_ns } else { 0.0 }
    }
}

/// Percentile = `sorted[floor(n*p)]` (`LoadGen`'s rule). Nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    pub min_ns: u64,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p95_ns: u64,
    pub p99_ns: u64,
    pub p999_ns: u64,
    pub max_ns: u64,
    pub mean_ns: f64,
    /// Median absolute deviation from the median, unscaled.
    pub mad_ns: u64,
}

/// One percentile with what is known about its certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    pub percentile: Percentile,
    /// Of the samples.
    pub value_ns: u64,
    /// Distribution-free 95 % interval from order statistics at the effective sample size. `None`: no such bound.
    pub low_ns: Option<u64>,
    pub high_ns: Option<u64>,
    /// Samples needed for an interval at all; more than there are = the value should not be quoted.
    pub needed: u64,
    /// `LoadGen`'s early-stopping estimate at 99 % confidence; `None` if there are too few queries.
    pub early_stopping_ns: Option<u64>,
    pub early_stopping_needed: u64,
}

impl Estimate {
    /// True if there are enough samples to quote it.
    pub fn is_quotable(&self, samples: u64) -> bool {
        samples >= self.needed
    }
}

/// How latency developed over the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteadyState {
    pub class: SteadyClass,
    /// The samples in pieces of equal mean and variance.
    pub segments: Vec<Segment>,
    /// First sample of the steady state.
    pub steady_from: u64,
    /// Median of the first steady piece, and of the last.
    pub burst_ns: u64,
    pub sustained_ns: u64,
    /// Samples far outside of their neighbours, of which the first are listed. None is removed anywhere.
    pub outlier_count: u64,
    pub outliers: Vec<u64>,
}

impl SteadyState {
    /// Sustained over burst: 1.2 = a fifth slower in the end.
    #[expect(clippy::cast_precision_loss, reason = "a ratio to a few digits")]
    pub fn throttle_ratio(&self) -> f64 {
        self.sustained_ns as f64 / self.burst_ns.max(1) as f64
    }
}

/// Barrett et al., "Virtual machine warmup blows hot and cold" (OOPSLA 2017).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SteadyClass {
    Flat,
    /// Faster in the end.
    WarmUp,
    /// Slower in the end: on a board, most often heat.
    Slowdown,
    NoSteadyState,
    /// Too few samples to tell.
    TooShort,
}

impl SteadyClass {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::WarmUp => "warm-up",
            Self::Slowdown => "slowdown",
            Self::NoSteadyState => "no-steady-state",
            Self::TooShort => "too-short",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// First sample, and the first beyond.
    pub start: u64,
    pub end: u64,
    pub mean_ns: f64,
    pub p50_ns: u64,
}

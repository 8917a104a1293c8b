//! What follows from a run's power, heat and clocks. Computed in one place (crate `energy`), and the same wherever it is shown.

mod words;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Cooldown, Regime, Scope};

/// The energy of one run: the record without which no figure is shown.
///
/// Gross is the headline: of a device that races to idle, net counts too little.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyFigure {
    pub source: String,
    pub scope: Scope,
    /// `gauge` or `counter`.
    pub kind: String,
    /// Watts over the covered part of measuring.
    pub mean_w: f64,
    /// Joules of measuring. `None`: refused, see `refusal`.
    pub gross_j: Option<f64>,
    /// Joules of one sample of the model's input; `None` = refused.
    pub per_inference_j: Option<f64>,
    /// Above the idle device, and the range that a drift of the idle power leaves open.
    pub net_j: Option<f64>,
    pub net_low_j: Option<f64>,
    pub net_high_j: Option<f64>,
    /// Relative standard uncertainty of the gross energy; `None` = the sensor's errors are not known.
    pub uncertainty: Option<f64>,
    /// Readings within measuring.
    pub readings: u64,
    /// Share (0..1) of measuring that readings cover.
    pub coverage: f64,
    pub overruns: u64,
    pub native: Option<Duration>,
    pub poll: Duration,
    pub idle_before_w: Option<f64>,
    pub idle_after_w: Option<f64>,
    pub quantum_w: Option<f64>,
    /// What a reader must know, in machine-readable words: see [`flag`].
    pub flags: Vec<String>,
    /// Why there are no joules.
    pub refusal: Option<String>,
    /// Every rail on its own, those of the total first.
    pub rails: Vec<RailFigure>,
    /// By MLPerf Power's method.
    pub mlperf: Option<MlperfPower>,
}

impl EnergyFigure {
    /// Whether the figure may be set beside others: it has joules, coverage and a known verdict on throttling, and nothing
    /// speaks against it.
    pub fn is_rankable(&self, throttle: ThrottleVerdict, regime: Regime) -> bool {
        let steady = match throttle {
            ThrottleVerdict::None | ThrottleVerdict::Light => true,
            // Being held back belongs to what was measured.
            ThrottleVerdict::Throttled => regime != Regime::Burst,
            ThrottleVerdict::Unknown => false,
        };
        self.per_inference_j.is_some() && self.coverage >= 0.98 && steady
    }
}

/// Words in [`EnergyFigure::flags`].
pub mod flag {
    /// Up to 10 % of measuring is not covered.
    pub const GAPS: &str = "gaps";
    /// An edge was extrapolated by up to one native period.
    pub const EDGE: &str = "edge";
    /// The idle power before and after differ.
    pub const BASELINE_DRIFT: &str = "baseline-drift";
    /// Shorter than what the sensor's own period and step allow at 1 %.
    pub const SHORT: &str = "short";
    /// A counter wrapped.
    pub const WRAPPED: &str = "wrapped";
    /// Polls were late.
    pub const OVERRUNS: &str = "overruns";
    /// Estimated by a model, not measured.
    pub const ESTIMATE: &str = "estimate";
    /// The supply sagged.
    pub const SUPPLY_FAULT: &str = "supply-fault";
}

/// One rail's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RailFigure {
    pub key: String,
    pub scope: Scope,
    /// True if it is part of the total.
    pub counted: bool,
    pub mean_w: Option<f64>,
    pub joules: Option<f64>,
    /// Why there is none.
    pub problem: Option<String>,
}

/// What MLPerf Power's rules make of a run (ranging pass, then testing pass).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MlperfPower {
    /// Mean watts within each pass.
    pub ranging_w: f64,
    pub testing_w: f64,
    /// Millijoules a query (single-stream, multi-stream), or watts (offline, server).
    pub value: f64,
    pub unit: String,
    /// Rules that were not kept, in sentences. Empty = it could be submitted as far as one can tell here.
    pub objections: Vec<String>,
}

/// Whether a device was held back while measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThrottleVerdict {
    None,
    /// At a limit of power at which this board lives, or for a moment.
    Light,
    Throttled,
    /// Nothing on this device tells.
    Unknown,
}

impl ThrottleVerdict {
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Light => "light",
            Self::Throttled => "throttled",
            Self::Unknown => "unknown",
        }
    }
}

/// The heat of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeatFigure {
    pub throttle: ThrottleVerdict,
    /// What tells so, in words, e.g. `soctherm/oc3: 41 events`.
    pub evidence: Vec<String>,
    pub cooldown: Option<Cooldown>,
    /// Degrees Celsius of the hottest zone while measuring.
    pub start_c: Option<f64>,
    pub end_c: Option<f64>,
    pub max_c: Option<f64>,
    /// Megahertz of the fastest processor while measuring: the median, and what it was below for a twentieth of the time.
    pub clock_median_mhz: Option<f64>,
    pub clock_p5_mhz: Option<f64>,
}

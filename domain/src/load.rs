//! Load patterns and the rules under which they are measured, in `MLPerf`'s words.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A share in parts per million, exact, so that a rule's text and its key never differ by a rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percentile(u32);

impl Percentile {
    pub const P50: Self = Self(500_000);
    pub const P90: Self = Self(900_000);
    pub const P95: Self = Self(950_000);
    pub const P97: Self = Self(970_000);
    pub const P99: Self = Self(990_000);
    pub const P999: Self = Self(999_000);

    /// `None` unless it lies strictly between 0 and 100 %.
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if 0 < millionths && millionths < 1_000_000 { Some(Self(millionths)) } else { None }
    }

    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Between 0 and 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl fmt::Display for Percentile {
    /// `p99`, `p99.9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", f64::from(self.0) / 1e4)
    }
}

/// Queries per second, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u64);

impl Rate {
    /// One query in a thousand seconds.
    pub const LEAST: Self = Self(1);

    /// `None` for none at all.
    pub const fn from_millis(per_1000_s: u64) -> Option<Self> {
        if per_1000_s > 0 { Some(Self(per_1000_s)) } else { None }
    }

    /// Queries in a thousand seconds.
    pub const fn millis(self) -> u64 {
        self.0
    }

    #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^52")]
    pub fn per_second(self) -> f64 {
        self.0 as f64 / 1e3
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second())
    }
}

/// The load pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The next query, of one sample (or one batch), is issued when the previous one completes.
    SingleStream,
    /// As single-stream, with so many samples in each query; a query ends with its last sample.
    MultiStream { samples_per_query: u32 },
    /// Queries arrive at random (Poisson), whether or not earlier ones are done; latency counts from the scheduled arrival.
    Server { load: ServerLoad, target_latency: Duration, percentile: Percentile },
    /// All samples are there from the start; only throughput counts.
    Offline,
}

impl Scenario {
    pub const DEFAULT_SAMPLES_PER_QUERY: u32 = 8;

    pub const fn name(self) -> &'static str {
        match self {
            Self::SingleStream => "single-stream",
            Self::MultiStream { .. } => "multi-stream",
            Self::Server { .. } => "server",
            Self::Offline => "offline",
        }
    }

    /// The percentile `MLPerf` states for it; `None` where it states a throughput.
    pub const fn headline(self) -> Option<Percentile> {
        match self {
            Self::SingleStream => Some(Percentile::P90),
            Self::MultiStream { .. } => Some(Percentile::P99),
            Self::Server { percentile, .. } => Some(percentile),
            Self::Offline => None,
        }
    }
}

impl fmt::Display for Scenario {
    /// With its parameters, e.g. `server at 20/s, p99 <= 200ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SingleStream | Self::Offline => f.write_str(self.name()),
            Self::MultiStream { samples_per_query } => write!(f, "multi-stream of {samples_per_query}"),
            Self::Server { load: ServerLoad::Fixed(rate), target_latency, percentile } => {
                write!(f, "server at {rate}, {percentile} <= {target_latency:?}")
            }
            Self::Server { load: ServerLoad::Search, target_latency, percentile } => {
                write!(f, "server at its greatest rate, {percentile} <= {target_latency:?}")
            }
        }
    }
}

/// How often queries arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerLoad {
    Fixed(Rate),
    /// The greatest rate that still holds the latency, found by bisection.
    Search,
}

/// How thoroughly one measures; printed with every verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Does it run, and about how fast: 64 queries, 6 s.
    Smoke,
    /// 128 queries, 10 s.
    Quick,
    /// 1024 queries, 60 s.
    Standard,
    /// `MLPerf`'s own numbers: 600 s.
    Official,
    /// Numbers of the campaign's own.
    #[default]
    Custom,
}

impl Tier {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Official => "official",
            Self::Custom => "custom",
        }
    }
}

/// When a measurement may stop: not before `min_queries` and `min_duration`, and at `max_duration` at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureRule {
    #[serde(default)]
    pub tier: Tier,
    /// Queries; in the offline scenario, samples.
    pub min_queries: u32,
    pub min_duration: Duration,
    pub max_duration: Duration,
}

impl Default for MeasureRule {
    /// 64 queries is the least from which `LoadGen` gives a p90 at 99 % confidence (early stopping with t = 1).
    fn default() -> Self {
        Self {
            tier: Tier::Custom,
            min_queries: 64,
            min_duration: Duration::from_secs(2),
            max_duration: Duration::from_mins(2),
        }
    }
}

impl MeasureRule {
    /// `MLPerf` sets no greatest duration. This only ends what would never end.
    const NO_PRACTICAL_MAXIMUM: Duration = Duration::from_hours(2);

    /// The numbers a tier stands for, which depend on the scenario; [`Tier::Custom`] stands for the default.
    ///
    /// Official: `LoadGen`'s 600 s and its counts (mlperf.conf). The shorter tiers, a deviation, are those of `MLPerf`
    /// Mobile's rapid, quick and normal modes. Multi-stream asks for 662 queries in each, because below that there is no
    /// p99 at 99 % confidence.
    ///
    /// Early stopping may need more queries of a server than the minimum, and they come at the rate asked for. So its
    /// greatest duration is the tier's, or the time of 20 / (1 - p) arrivals, whichever is longer: enough to forgive half
    /// of the over-latency queries that the percentile allows (2010 queries with 10 of them over, for p99).
    pub fn of_tier(tier: Tier, scenario: &Scenario) -> Self {
        let (min_queries, min_duration, max_duration) = match tier {
            Tier::Smoke => (64, Duration::from_secs(6), Duration::from_mins(1)),
            Tier::Quick => (128, Duration::from_secs(10), Duration::from_mins(1)),
            Tier::Standard => (1024, Duration::from_mins(1), Duration::from_mins(10)),
            Tier::Official => {
                let queries = if matches!(scenario, Scenario::Offline) { 24_576 } else { 100 };
                (queries, Duration::from_mins(10), Self::NO_PRACTICAL_MAXIMUM)
            }
            Tier::Custom => return Self::default(),
        };
        let min_queries =
            if matches!(scenario, Scenario::MultiStream { .. }) { min_queries.max(662) } else { min_queries };
        let max_duration = match scenario {
            Scenario::Server { load: ServerLoad::Fixed(rate), percentile, .. } => {
                max_duration.max(Self::time_to_decide(*rate, *percentile))
            }
            // Before the rate is known.
            Scenario::Server { load: ServerLoad::Search, .. } => max_duration.max(Duration::from_mins(10)),
            Scenario::SingleStream | Scenario::MultiStream { .. } | Scenario::Offline => max_duration,
        };
        Self { tier, min_queries, min_duration, max_duration }
    }

    /// How long a server takes to be decided at a rate that holds its latency with room to spare: see
    /// [`MeasureRule::of_tier`].
    pub fn time_to_decide(rate: Rate, percentile: Percentile) -> Duration {
        let allowed_over = u128::from(1_000_000 - percentile.millionths());
        // Rates are in queries per 1000 s.
        let millis = 20 * 1_000_000 * 1_000_000 / (allowed_over * u128::from(rate.millis()));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).min(Self::NO_PRACTICAL_MAXIMUM)
    }
}

/// Before measuring: at least this many inferences and this much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warmup {
    pub min_iterations: u32,
    pub min_duration: Duration,
}

impl Default for Warmup {
    fn default() -> Self {
        Self { min_iterations: 10, min_duration: Duration::from_millis(500) }
    }
}

/// Why a measurement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// As many queries, over as long a time, as the rule asks for; in the server scenario, early stopping has decided.
    Satisfied,
    /// The greatest duration was reached first: what the rule asks for may be missing.
    MaxDuration,
    /// As many queries as one measurement can hold, before the time the rule asks for: a trivial model.
    MaxQueries,
    /// The server could not keep up: the queue grew beyond what its latency allows to recover.
    Overload,
}

impl StopReason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::MaxDuration => "max-duration",
            Self::MaxQueries => "max-queries",
            Self::Overload => "overload",
        }
    }
}

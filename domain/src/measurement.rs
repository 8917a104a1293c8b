//! Everything one run reports.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Outcome of one run. Durations are as measured; nothing is corrected or removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// By the device's own wall clock, when measuring began.
    pub started_at: Timestamp,
    /// From the first measured issue to the last completion.
    pub measured: Duration,
    /// Latency of each query in issue order.
    pub samples: Samples,
    /// From the unquantised samples.
    pub latency: LatencySummary,
    /// `HdrHistogram` V2 + deflate, 3 significant digits, nanoseconds, 1 us to 60 s.
    pub histogram: Vec<u8>,
    /// Reading the runtime library and making its environment.
    pub runtime_load: Duration,
    /// Creating the session: reading, optimising and placing the model.
    pub session_load: Duration,
    pub first_inference: Duration,
    /// Inferences executed and discarded before measuring.
    pub warmup_iterations: u32,
    /// Greatest resident set of the runner's life, and the resident set when measuring ended, in bytes.
    pub peak_rss_bytes: u64,
    pub end_rss_bytes: u64,
    /// Samples per inference.
    pub batch: u32,
    pub environment: Environment,
    /// Name, type and shape of each bound input and output, for people.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
}

impl Measurement {
    /// Samples per second over the whole measured time, harness included.
    pub fn throughput_per_s(&self) -> f64 {
        let seconds = self.measured.as_secs_f64();
        if seconds > 0.0 { f64::from(self.batch) * f64::from(self.samples.count) / seconds } else { 0.0 }
    }
}

/// Raw latency samples as one compressed blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// pco-compressed `u64` in issue order, each in units of `quantum_ns`.
    pub pco: Vec<u8>,
    pub count: u32,
    /// Nanoseconds one stored unit stands for.
    pub quantum_ns: u32,
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

/// The circumstances of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    pub agent_version: String,
    /// From the library itself, e.g. `1.32.0`.
    pub runtime_version: String,
    pub runtime_build: String,
    /// Provider the session was made with, e.g. `CPUExecutionProvider`.
    pub provider: String,
    pub cpu_model: String,
    pub isa: Vec<String>,
    pub cores: u32,
    pub kernel: String,
    /// `None` where the platform has none.
    pub governor: Option<String>,
    /// Share (0..1) of all cores' time used by other processes while measuring; `None` where it can't be read.
    pub foreign_cpu_share: Option<f64>,
    /// Involuntary context switches of the measuring thread while measuring.
    pub involuntary_switches: Option<u64>,
    /// 1-minute load average when measuring began.
    pub load_average: Option<f64>,
    /// The runner could raise its own scheduling group (autogroup nice).
    pub autogroup_raised: bool,
}

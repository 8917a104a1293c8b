//! Everything one run reports: what was recorded, not what follows from it ([`crate::Statistics`]).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AccuracyRecord, Environment, OutputCheck, Placement, Rate, RunMode, StopReason, Telemetry, Timestamp};

/// Outcome of one run. Durations are as measured; nothing is corrected or removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// By the device's own wall clock, when measuring began.
    pub started_at: Timestamp,
    /// From the first measured issue to the last completion.
    pub measured: Duration,
    /// From the first issue to the last: of the issue itself, in the server scenario of the scheduled arrival.
    pub issuing: Duration,
    pub stop: StopReason,
    /// Latency of each query in issue order; server: from the scheduled arrival; offline: of each chunk.
    pub samples: Samples,
    /// Server: how late each query was issued although nothing was before it; in no latency's favour or disfavour but
    /// its own. `None` in other scenarios.
    pub slip: Option<Samples>,
    /// Server: the offered rate.
    pub rate: Option<Rate>,
    /// Server, searching for the greatest rate: every trial in order, the last passed one being this measurement.
    pub trials: Vec<Trial>,
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
    /// Samples one query carries.
    pub samples_per_query: u32,
    pub environment: Environment,
    /// From a profiling pass of its own; `None` if it failed, with the reason in `placement_problem`.
    pub placement: Option<Placement>,
    pub placement_problem: Option<String>,
    /// Name, type and shape of each bound input and output, for people.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// Of an accuracy run. Its samples are the latencies of the inferences over the data set, each query once and in order.
    pub accuracy: Option<Box<AccuracyRecord>>,
    /// What the outputs are held against others with.
    pub check: OutputCheck,
    /// What the device told of power, heat and clocks meanwhile. `None`: nobody listened, as versions before did.
    pub telemetry: Option<Box<Telemetry>>,
}

impl Measurement {
    /// Of samples alone: nothing took time, and nothing is known of the circumstances.
    pub fn of(samples: Samples) -> Self {
        Self {
            started_at: Timestamp(0),
            measured: Duration::ZERO,
            issuing: Duration::ZERO,
            stop: StopReason::Satisfied,
            samples,
            slip: None,
            rate: None,
            trials: Vec::new(),
            histogram: Vec::new(),
            runtime_load: Duration::ZERO,
            session_load: Duration::ZERO,
            first_inference: Duration::ZERO,
            warmup_iterations: 0,
            peak_rss_bytes: 0,
            end_rss_bytes: 0,
            samples_per_query: 1,
            environment: Environment::default(),
            placement: None,
            placement_problem: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            accuracy: None,
            check: OutputCheck::default(),
            telemetry: None,
        }
    }

    pub const fn mode(&self) -> RunMode {
        if self.accuracy.is_some() { RunMode::Accuracy } else { RunMode::Performance }
    }

    /// Samples per second over the whole measured time, harness included.
    pub fn throughput_per_s(&self) -> f64 {
        let seconds = self.measured.as_secs_f64();
        if seconds > 0.0 { f64::from(self.samples_per_query) * f64::from(self.samples.count) / seconds } else { 0.0 }
    }
}

/// Raw durations as one compressed blob. What is stored here *is* the sample: every statistic comes from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// pco-compressed `u64` in issue order, each in units of `quantum_ns`.
    pub pco: Vec<u8>,
    pub count: u32,
    /// Nanoseconds one stored unit stands for.
    pub quantum_ns: u32,
}

/// One rate of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    pub rate: Rate,
    pub queries: u32,
    /// Queries that took longer than the target latency.
    pub over_latency: u32,
    pub passed: bool,
}

//! A cell: one combination to measure, fully resolved, every byte by its hash.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Digest, Selector};

/// One combination: model x runtime/provider x scenario x settings, on the devices its selector admits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellSpec {
    pub model: ModelRef,
    pub runtime: Runtime,
    pub provider: Provider,
    pub scenario: Scenario,
    /// Samples per inference.
    pub batch: u32,
    /// Length for every dynamic sequence axis; `None` = the input's own.
    pub sequence_length: Option<u32>,
    /// Threads inside one operator.
    pub intra_threads: u32,
    pub input: InputSource,
    pub warmup: Warmup,
    pub measure: MeasureRule,
    /// Time after which the runner is killed; `None` = see [`CellSpec::max_runtime`].
    pub time_limit: Option<Duration>,
}

impl CellSpec {
    /// Identifies the combination over all campaigns: SHA-256 of its canonical JSON and of the device selector.
    /// Cells that measure the same thing on the same devices have the same key, whatever file they come from.
    pub fn key(&self, device: &Selector) -> Digest {
        // Field order is the declaration order, and no map is inside: the text is canonical.
        // How long one was ready to wait does not change what was measured.
        let timeless = Self { time_limit: None, ..self.clone() };
        let mut canonical = serde_json::to_vec(&timeless).expect("a cell has no map keys that are not strings");
        canonical.extend_from_slice(b"\ndevice=");
        canonical.extend_from_slice(device.to_string().as_bytes());
        Digest::of(&canonical)
    }

    /// Time one attempt may take before its runner is killed: `time_limit`, else loading, warming up, measuring, and a
    /// margin.
    pub fn max_runtime(&self) -> Duration {
        /// A cold 500 MB model on an SD card loads in well under two minutes.
        const LOADING: Duration = Duration::from_mins(2);
        // Warm-up ends by iterations too, which for a slow model takes longer than its minimum time.
        self.time_limit.unwrap_or(LOADING + self.warmup.min_duration + self.measure.max_duration * 2)
    }
}

/// A model as a cell names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    pub name: String,
    /// SHA-256 of the ONNX file.
    pub sha256: Digest,
    pub size_bytes: u64,
    /// SHA-256 of tokenizer.json; `None` if the model takes no text.
    pub tokenizer_sha256: Option<Digest>,
}

/// The library that executes the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    OnnxRuntime,
}

impl Runtime {
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "onnxruntime",
        }
    }
}

/// The runtime's execution provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Cpu,
}

impl Provider {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
        }
    }
}

/// The load pattern, in `MLPerf`'s words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The next query is issued when the previous one completes.
    SingleStream,
}

impl Scenario {
    pub const fn name(self) -> &'static str {
        match self {
            Self::SingleStream => "single-stream",
        }
    }
}

/// Where model inputs come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputSource {
    /// Sentences, one a line, through the model's tokenizer.
    Text(TextRef),
    /// Seeded values by each input's type and shape.
    Random { seed: u64 },
}

/// A text file by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRef {
    /// As the campaign file spells it, for people.
    pub path: String,
    pub sha256: Digest,
    pub size_bytes: u64,
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

/// When a single-stream measurement may stop: not before `min_queries` and `min_duration`, and at `max_duration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureRule {
    pub min_queries: u32,
    pub min_duration: Duration,
    pub max_duration: Duration,
}

impl Default for MeasureRule {
    /// 64 queries is the least from which `LoadGen` gives a p90 at 99 % confidence (early stopping with t = 1).
    fn default() -> Self {
        Self { min_queries: 64, min_duration: Duration::from_secs(2), max_duration: Duration::from_mins(2) }
    }
}

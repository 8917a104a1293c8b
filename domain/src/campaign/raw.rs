//! A campaign file as it is spelled: types and keys are checked, values are not. Every value knows its place.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Located, named::Named};

/// One axis of the matrix.
pub(super) type List<T> = Located<Vec<Located<T>>>;
/// Names the author chooses, and what they stand for.
pub(super) type Table<T> = BTreeMap<Located<String>, T>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    #[serde(rename = "apiVersion")]
    pub(super) api_version: Located<String>,
    pub(super) kind: Located<String>,
    pub(super) name: Located<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) defaults: RawDefaults,
    pub(super) matrix: Located<RawMatrix>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefaults {
    pub(super) device: Option<Located<String>>,
    pub(super) runtime: Option<Located<RawRuntime>>,
    pub(super) provider: Option<Located<RawProvider>>,
    pub(super) scenario: Option<Located<RawScenario>>,
    pub(super) batch: Option<Located<u32>>,
    pub(super) sequence_length: Option<Located<u32>>,
    #[serde(default)]
    pub(super) dims: Table<Located<u32>>,
    #[serde(default)]
    pub(super) shapes: Table<List<u32>>,
    pub(super) intra_threads: Option<Located<u32>>,
    pub(super) inter_threads: Option<Located<u32>>,
    pub(super) spinning: Option<bool>,
    pub(super) optimization: Option<Located<String>>,
    pub(super) arena: Option<bool>,
    pub(super) affinity: Option<Located<String>>,
    #[serde(default)]
    pub(super) variables: Table<Located<String>>,
    pub(super) input: Option<Located<RawInput>>,
    #[serde(default)]
    pub(super) state: Table<Located<String>>,
    pub(super) require: Option<RawRequire>,
    pub(super) time_limit: Option<Located<String>>,
    #[serde(default)]
    pub(super) warmup: RawWarmup,
    #[serde(default)]
    pub(super) measure: RawMeasure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMatrix {
    pub(super) model: Option<List<String>>,
    pub(super) device: Option<List<String>>,
    pub(super) runtime: Option<List<RawRuntime>>,
    pub(super) scenario: Option<List<RawScenario>>,
    pub(super) provider: Option<List<RawProvider>>,
    pub(super) batch: Option<List<u32>>,
    pub(super) sequence_length: Option<List<u32>>,
    pub(super) intra_threads: Option<List<u32>>,
    pub(super) spinning: Option<List<bool>>,
    pub(super) optimization: Option<List<String>>,
    pub(super) affinity: Option<List<String>>,
}

/// `onnxruntime`, `onnxruntime==1.30.0`, or `{ file: PATH }`.
pub(super) type RawRuntime = Named<Located<String>>;
pub(super) type RawProvider = Named<RawProviderSetup>;
pub(super) type RawScenario = Named<RawParameters>;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProviderSetup {
    pub(super) library: Option<Located<String>>,
    #[serde(default)]
    pub(super) options: Table<Located<String>>,
}

/// The parameters of every scenario: which belong to which is a later question, so that the answer can name both.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawParameters {
    pub(super) samples_per_query: Option<Located<u32>>,
    /// A number or `max`.
    pub(super) target_qps: Option<Located<String>>,
    pub(super) target_latency: Option<Located<String>>,
    pub(super) percentile: Option<Located<f64>>,
}

/// One of these. No enum: serde's errors about those name the wrong place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInput {
    pub(super) text: Option<Located<String>>,
    pub(super) random: Option<Located<RawRandom>>,
    pub(super) tensors: Option<Located<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRandom {
    #[serde(default)]
    pub(super) seed: u64,
    #[serde(default)]
    pub(super) ranges: Table<List<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRequire {
    pub(super) provider: Located<String>,
    pub(super) min_share: Located<f64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWarmup {
    pub(super) min_iterations: Option<Located<u32>>,
    pub(super) min_duration: Option<Located<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMeasure {
    pub(super) tier: Option<Located<String>>,
    pub(super) min_queries: Option<Located<u32>>,
    pub(super) min_duration: Option<Located<String>>,
    pub(super) max_duration: Option<Located<String>>,
    pub(super) repetitions: Option<Located<u32>>,
    pub(super) order: Option<Located<String>>,
}

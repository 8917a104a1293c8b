//! A cell: one combination to measure, fully resolved, every byte by its hash.

mod key;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    AccuracyRule, Digest, EnvironmentRule, MeasureRule, ModelRef, PowerRule, Regime, Scenario, ServerLoad, Warmup,
};

/// One combination: model x runtime/provider x scenario x settings, on the devices its selector admits.
///
/// What is left at its default is left out of the JSON, so that a cell keeps its key when a later version adds a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellSpec {
    pub model: ModelRef,
    pub runtime: Runtime,
    pub provider: ProviderName,
    /// Key and value as the provider documents them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provider_options: BTreeMap<String, String>,
    /// Path on the device of the library of a plugin provider; `None` = the provider is part of the runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_library: Option<String>,
    /// Providers that take, in this order, the operators which `provider` does not. The CPU always comes last and is not
    /// named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<ProviderName>,
    pub scenario: Scenario,
    /// Samples per inference.
    pub batch: u32,
    /// Length for every dynamic sequence axis; `None` = the input's own.
    pub sequence_length: Option<u32>,
    /// Lengths of free axes by the model's name for them; they take precedence over `batch` and `sequence_length`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dims: BTreeMap<String, u32>,
    /// Whole shapes by the input's name, for axes without a name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shapes: BTreeMap<String, Vec<u32>>,
    /// Threads inside one operator.
    pub intra_threads: u32,
    #[serde(default, skip_serializing_if = "Settings::is_default")]
    pub settings: Settings,
    pub input: InputSource,
    /// Output to the input that it becomes in the next call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<String, String>,
    /// What must hold for a run to be valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<Requirement>,
    pub warmup: Warmup,
    pub measure: MeasureRule,
    /// Time after which the runner is killed; `None` = see [`CellSpec::max_runtime`].
    pub time_limit: Option<Duration>,
    /// Mode of the board's power supply, in the words of its tool, e.g. `15W`; `None` = as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_mode: Option<String>,
    #[serde(default, skip_serializing_if = "EnvironmentRule::is_default")]
    pub environment: EnvironmentRule,
    /// `None` = no energy is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<PowerRule>,
    /// `None` = no accuracy is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<AccuracyRule>,
}

impl CellSpec {
    /// Greatest number of measurements in one search for the greatest rate.
    pub const SEARCH_TRIALS: u32 = 16;

    /// Longest time a sustained regime warms up until its temperature has settled.
    pub const SETTLE_MOST: Duration = Duration::from_mins(20);

    /// A cell of one model with every setting at its default: single-stream, one thread, random values.
    pub fn new(model: ModelRef) -> Self {
        Self {
            model,
            runtime: Runtime::Managed,
            provider: ProviderName::CPU,
            provider_options: BTreeMap::new(),
            provider_library: None,
            fallback: Vec::new(),
            scenario: Scenario::SingleStream,
            batch: 1,
            sequence_length: None,
            dims: BTreeMap::new(),
            shapes: BTreeMap::new(),
            intra_threads: 1,
            settings: Settings::default(),
            input: InputSource::random(0),
            state: BTreeMap::new(),
            require: None,
            warmup: Warmup::default(),
            measure: MeasureRule::default(),
            time_limit: None,
            power_mode: None,
            environment: EnvironmentRule::default(),
            power: None,
            accuracy: None,
        }
    }

    /// Time one attempt may take before its runner is killed: `time_limit`, else loading, warming up, measuring, looking
    /// at the placement, and a margin. Of a run over a data set, which takes as long as it takes, the time without progress.
    pub fn max_runtime(&self) -> Duration {
        /// A cold 500 MB model on an SD card loads in well under two minutes.
        const LOADING: Duration = Duration::from_mins(2);
        let measurements = match self.scenario {
            Scenario::Server { load: ServerLoad::Search, .. } => Self::SEARCH_TRIALS,
            _ => 1,
        };
        // Warm-up ends by iterations too, which for a slow model takes longer than its minimum time.
        self.time_limit.unwrap_or_else(|| {
            // MLPerf Power's method carries the load twice, with pauses around each.
            let passes = if self.power.as_ref().is_some_and(PowerRule::measures_twice) { 2 } else { 1 };
            let measuring = self.measure.max_duration.saturating_mul(measurements * passes + 1);
            let settling =
                if self.environment.regime == Regime::Burst { Duration::ZERO } else { Self::SETTLE_MOST * passes };
            LOADING.saturating_add(self.warmup.min_duration).saturating_add(settling).saturating_add(measuring)
        })
    }

    /// What distinguishes it, in one line for people: always the settings that every cell has, the others where they are not
    /// left at their default.
    pub fn describe(&self) -> String {
        let CellSpec {
            model,
            runtime,
            provider,
            provider_options,
            provider_library: _,
            fallback,
            scenario,
            batch,
            sequence_length,
            dims,
            shapes,
            intra_threads,
            settings,
            input: _,
            state: _,
            require: _,
            warmup: _,
            measure: _,
            time_limit: _,
            power_mode,
            environment,
            power,
            accuracy: _,
        } = self;
        let providers = fallback.iter().fold(provider.to_string(), |text, next| format!("{text}+{next}"));
        let mut parts =
            vec![model.to_string(), format!("{runtime}/{providers}"), scenario.to_string(), format!("batch {batch}")];
        parts.extend(sequence_length.map(|length| format!("length {length}")));
        parts.extend(dims.iter().map(|(axis, length)| format!("{axis} {length}")));
        parts.extend(shapes.iter().map(|(input, lengths)| format!("{input} {lengths:?}")));
        parts.push(format!("{intra_threads} {}", if *intra_threads == 1 { "thread" } else { "threads" }));
        parts.extend(settings.changed());
        parts.extend(power_mode.iter().map(|mode| format!("power mode {mode}")));
        parts.extend(environment.changed().map(str::to_owned));
        parts.extend(power.iter().filter(|rule| rule.measures_twice()).map(|_| "MLPerf Power".to_owned()));
        parts.extend(provider_options.iter().map(|(key, value)| format!("{key}={value}")));
        parts.join(", ")
    }

    /// Samples one query carries.
    pub const fn samples_per_query(&self) -> u32 {
        match self.scenario {
            Scenario::MultiStream { samples_per_query } => samples_per_query,
            _ => self.batch,
        }
    }
}

/// The library that executes the model: ONNX Runtime, and which one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// The one this version of Furlong manages, or the one the agent was given.
    #[serde(rename = "onnxruntime")]
    Managed,
    /// A release, which the device fetches by name with pip.
    #[serde(rename = "onnxruntime-release")]
    Release(String),
    /// A library file that came with the campaign.
    #[serde(rename = "onnxruntime-file")]
    File(FileRef),
}

impl Runtime {
    /// The name of the library in campaign files.
    pub const NAME: &'static str = "onnxruntime";
}

impl fmt::Display for Runtime {
    /// As campaign files spell it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed => f.write_str(Self::NAME),
            Self::Release(version) => write!(f, "{}=={version}", Self::NAME),
            Self::File(file) => write!(f, "{} from {}", Self::NAME, file.path),
        }
    }
}

/// The runtime's execution provider, by its short name (`cpu`, `cuda`, `qnn`), or by the runtime's own name for one that
/// has no short name here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderName(std::borrow::Cow<'static, str>);

/// Short names, and the runtime's.
const PROVIDERS: [(&str, &str); 17] = [
    ("cpu", "CPUExecutionProvider"),
    ("cuda", "CUDAExecutionProvider"),
    ("tensorrt", "TensorrtExecutionProvider"),
    ("nv-tensorrt-rtx", "NvTensorRTRTXExecutionProvider"),
    ("rocm", "ROCMExecutionProvider"),
    ("migraphx", "MIGraphXExecutionProvider"),
    ("openvino", "OpenVINOExecutionProvider"),
    ("qnn", "QNNExecutionProvider"),
    ("coreml", "CoreMLExecutionProvider"),
    ("xnnpack", "XnnpackExecutionProvider"),
    ("nnapi", "NnapiExecutionProvider"),
    ("acl", "ACLExecutionProvider"),
    ("armnn", "ArmNNExecutionProvider"),
    ("dnnl", "DnnlExecutionProvider"),
    ("webgpu", "WebGpuExecutionProvider"),
    ("vitisai", "VitisAIExecutionProvider"),
    ("azure", "AzureExecutionProvider"),
];

impl ProviderName {
    pub const CPU: Self = Self(std::borrow::Cow::Borrowed("cpu"));

    /// Takes a short name or the runtime's; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        let known = PROVIDERS.iter().find(|(short, long)| *short == name || *long == name);
        match known {
            Some((short, _)) => Some(Self((*short).into())),
            None if name.strip_suffix("ExecutionProvider").is_some_and(|stem| {
                !stem.is_empty() && stem.len() < 64 && stem.bytes().all(|byte| byte.is_ascii_alphanumeric())
            }) =>
            {
                Some(Self(name.to_owned().into()))
            }
            None => None,
        }
    }

    /// The short names.
    pub fn known() -> impl Iterator<Item = &'static str> {
        PROVIDERS.iter().map(|(short, _)| *short)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The runtime's own name, e.g. `CPUExecutionProvider`.
    pub fn execution_provider(&self) -> &str {
        PROVIDERS.iter().find(|(short, _)| *short == self.0).map_or(&*self.0, |(_, long)| long)
    }

    pub fn is_cpu(&self) -> bool {
        *self == Self::CPU
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the runtime's session and the runner's process are set up, beside the number of threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Threads between operators; more than one lets the runtime execute independent operators at once.
    pub inter_threads: u32,
    /// Threads wait for work by spinning, which is faster and takes whole processors.
    pub spinning: bool,
    pub optimization: Optimization,
    /// The runtime keeps memory between calls.
    pub arena: bool,
    pub affinity: Affinity,
    /// Variables of the runner's process, set before it starts, such as `GLIBC_TUNABLES`.
    pub variables: BTreeMap<String, String>,
}

impl Default for Settings {
    /// ONNX Runtime's own defaults, but for one thread between operators.
    fn default() -> Self {
        Self {
            inter_threads: 1,
            spinning: true,
            optimization: Optimization::All,
            arena: true,
            affinity: Affinity::Any,
            variables: BTreeMap::new(),
        }
    }
}

impl Settings {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The settings that are not left at their default, for people.
    fn changed(&self) -> Vec<String> {
        let Self { inter_threads, spinning, optimization, arena, affinity, variables } = self;
        let default = Self::default();
        let mut parts = Vec::new();
        if *inter_threads != default.inter_threads {
            parts.push(format!("{inter_threads} threads between operators"));
        }
        if !spinning {
            parts.push("no spinning".to_owned());
        }
        if *optimization != default.optimization {
            parts.push(format!("optimization {}", optimization.name()));
        }
        if !arena {
            parts.push("no arena".to_owned());
        }
        match affinity {
            Affinity::Any => {}
            Affinity::Big | Affinity::Little => parts.push(format!("on the {affinity} cluster")),
            Affinity::Cpus(_) => parts.push(format!("on processors {affinity}")),
        }
        parts.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
        parts
    }
}

/// How far the runtime rewrites the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimization {
    Disabled,
    Basic,
    Extended,
    All,
}

impl Optimization {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Basic => "basic",
            Self::Extended => "extended",
            Self::All => "all",
        }
    }
}

/// On which processors the runner may execute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Affinity {
    Any,
    /// The cluster of the fastest cores, as the kernel tells their capacity.
    Big,
    /// The cluster of the slowest cores.
    Little,
    /// These, by the kernel's numbers, ascending.
    Cpus(Vec<u32>),
}

impl Affinity {
    /// Reads `any`, `big`, `little`, or a list such as `0-3,6`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        /// More processors than any board has; a bound for a typing error such as `0-99999999`.
        const MOST: u32 = 4096;
        match text {
            "any" => return Some(Self::Any),
            "big" => return Some(Self::Big),
            "little" => return Some(Self::Little),
            _ => {}
        }
        let mut cpus = std::collections::BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            if first > last || last >= MOST {
                return None;
            }
            cpus.extend(first..=last);
        }
        Some(Self::Cpus(cpus.into_iter().collect()))
    }
}

impl fmt::Display for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Big => f.write_str("big"),
            Self::Little => f.write_str("little"),
            Self::Cpus(cpus) => {
                let cpus: Vec<String> = cpus.iter().map(u32::to_string).collect();
                f.write_str(&cpus.join(","))
            }
        }
    }
}

/// A claim about placement: below it a run is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    pub provider: ProviderName,
    /// Least share of the operators' time, and of the nodes, on that provider; parts per million.
    pub min_share_millionths: u32,
}

/// Where model inputs come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputSource {
    /// Sentences, one a line, through the model's tokenizer.
    Text(FileRef),
    /// Seeded values by each input's type and shape.
    Random {
        seed: u64,
        /// Least and greatest value by the input's name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        ranges: BTreeMap<String, (f64, f64)>,
    },
    /// Tensors from an `.npz` archive (one array for each input) or an ONNX `.pb` file (one tensor).
    Tensors(FileRef),
}

impl InputSource {
    pub const fn random(seed: u64) -> Self {
        Self::Random { seed, ranges: BTreeMap::new() }
    }

    /// The file it reads, if any.
    pub const fn file(&self) -> Option<&FileRef> {
        match self {
            Self::Text(file) | Self::Tensors(file) => Some(file),
            Self::Random { .. } => None,
        }
    }
}

/// A file by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileRef {
    /// As the campaign file spells it, for people.
    pub path: String,
    pub sha256: Digest,
    pub size_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PowerMethod, ThermalGate};

    #[test]
    fn only_what_is_not_usual_is_told() {
        let model = ModelRef { name: "m".to_owned(), ..ModelRef::nameless() };
        let mut spec = CellSpec::new(model);
        assert_eq!(spec.describe(), "m, onnxruntime/cpu, single-stream, batch 1, 1 thread");
        spec.shapes.insert("x".to_owned(), vec![1, 3]);
        spec.settings = Settings { optimization: Optimization::Basic, affinity: Affinity::Big, ..Settings::default() };
        let expected =
            "m, onnxruntime/cpu, single-stream, batch 1, x [1, 3], 1 thread, optimization basic, on the big cluster";
        assert_eq!(spec.describe(), expected);
    }

    #[test]
    fn which_of_its_two_speeds_a_device_shows_is_told() {
        let mut spec = CellSpec::new(ModelRef { name: "m".to_owned(), ..ModelRef::nameless() });
        let mut told = |thermal_gate, regime, method| {
            spec.environment = EnvironmentRule { thermal_gate, regime, ..EnvironmentRule::default() };
            spec.power = Some(PowerRule { method, ..PowerRule::default() });
            spec.describe().split_once("1 thread").expect("the threads come first").1.to_owned()
        };
        let sustained = Regime::Sustained { plateau: Regime::PLATEAU };
        assert_eq!(told(ThermalGate::Auto, Regime::Burst, PowerMethod::Plain), "");
        assert_eq!(told(ThermalGate::Off, sustained, PowerMethod::Plain), ", sustained, no thermal gate");
        assert_eq!(
            told(ThermalGate::Required, Regime::Burst, PowerMethod::Mlperf),
            ", thermal gate required, MLPerf Power"
        );
    }

    #[test]
    fn a_run_that_settles_or_measures_twice_may_take_longer() {
        let plain = CellSpec::new(ModelRef::nameless());
        let sustained = Regime::Sustained { plateau: Regime::PLATEAU };
        let settling = CellSpec {
            environment: EnvironmentRule { regime: sustained, ..EnvironmentRule::default() },
            ..plain.clone()
        };
        assert_eq!(settling.max_runtime(), plain.max_runtime() + CellSpec::SETTLE_MOST);
        let power = Some(PowerRule { method: PowerMethod::Mlperf, ..PowerRule::default() });
        let twice = CellSpec { power, ..plain.clone() };
        assert_eq!(twice.max_runtime(), plain.max_runtime() + plain.measure.max_duration);
        let off = twice.power.map(|rule| PowerRule { source: PowerRule::OFF.to_owned(), ..rule });
        assert_eq!(CellSpec { power: off, ..plain.clone() }.max_runtime(), plain.max_runtime());
    }
}

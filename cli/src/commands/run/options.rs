//! The options of `run`: a cell in flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::toolchain::{Package, Source, Toolchain};
use agent::{args::SensingArgs, local::LocalJob};
use clap::{Args, ValueEnum};
use domain::{
    Affinity, CellSpec, Digest, FileRef, InputSource, MeasureRule, ModelRef, Optimization, Percentile, PowerRule,
    ProviderName, Rate, Requirement, RunMode, Scenario, ServerLoad, Settings, Tier,
};

use crate::args::{DataDir, Format, Output};
use crate::{exit::CliError, local};

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The ONNX model
    pub(crate) model: PathBuf,
    /// A second model, measured in turn with the first
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// Launches of each model [default: 1, with --compare 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) launches: Option<u32>,
    /// How thoroughly to measure
    #[arg(long, value_enum, default_value = "quick")]
    tier: TierName,
    /// Least number of queries, in place of the tier's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8_000_000))]
    min_queries: Option<u32>,
    /// Least duration, in place of the tier's, e.g. `30s`
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    min_duration: Option<Duration>,
    /// Load pattern
    #[arg(long, value_enum, default_value = "single-stream")]
    scenario: ScenarioName,
    /// multi-stream: samples in each query
    #[arg(long, value_name = "N", default_value_t = Scenario::DEFAULT_SAMPLES_PER_QUERY, value_parser = clap::value_parser!(u32).range(1..=4096))]
    samples_per_query: u32,
    /// server: queries a second, or `max` to search for the greatest rate
    #[arg(long, value_name = "RATE", value_parser = parse_load, required_if_eq("scenario", "server"))]
    target_qps: Option<ServerLoad>,
    /// server: the latency to hold, e.g. `200ms`
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, required_if_eq("scenario", "server"))]
    target_latency: Option<Duration>,
    /// server: the percentile that must hold it
    #[arg(long, value_name = "P", default_value = "99", value_parser = parse_percentile)]
    percentile: Percentile,
    /// Samples per inference
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Length of every free axis that is not the batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    sequence_length: Option<u32>,
    /// Length of a free axis by its name; may be repeated
    #[arg(long = "dim", value_name = "AXIS=N", value_parser = parse_pair::<u32>)]
    dims: Vec<(String, u32)>,
    /// Whole shape of an input; may be repeated
    #[arg(long = "shape", value_name = "INPUT=1,3,224,224", value_parser = parse_shape)]
    shapes: Vec<(String, Vec<u32>)>,
    /// Inputs: a text (.txt, with --tokenizer) or tensors (.npz, .pb) [default: random values]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The model's tokenizer.json, for text
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Seed of random values
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Feed an output back as an input of the next call; may be repeated
    #[arg(long = "state", value_name = "OUTPUT=INPUT", value_parser = parse_pair::<String>)]
    state: Vec<(String, String)>,
    #[command(flatten)]
    pub(super) sensing: SensingArgs,
    /// Read the idle machine's power for so long before a launch, and half as long after it, to tell the model's own
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    idle_window: Option<Duration>,
    /// Threads inside one operator
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
    /// Let waiting threads sleep
    #[arg(long)]
    no_spinning: bool,
    /// How far the runtime rewrites the graph
    #[arg(long, value_enum, default_value = "all")]
    optimization: OptimizationName,
    /// Do without the runtime's memory arena
    #[arg(long)]
    no_arena: bool,
    /// Cores to run on: any, big, little, or a list such as 0-3
    #[arg(long, value_name = "CORES", default_value = "any", value_parser = parse_affinity)]
    affinity: Affinity,
    /// A variable of the runner's process, such as `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_pair::<String>)]
    variables: Vec<(String, String)>,
    /// Execution provider
    #[arg(long, value_name = "NAME", default_value = "cpu", value_parser = parse_provider)]
    provider: ProviderName,
    /// An option of the provider; may be repeated
    #[arg(long = "provider-option", value_name = "KEY=VALUE", value_parser = parse_pair::<String>)]
    provider_options: Vec<(String, String)>,
    /// The library of a plugin provider
    #[arg(long, value_name = "FILE")]
    provider_library: Option<PathBuf>,
    /// Share (0..1) of the work that must run on the provider
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    require: Option<u32>,
    /// A release of ONNX Runtime, installed with pip if missing, e.g. 1.30.0
    #[arg(long, value_name = "VERSION", conflicts_with = "onnxruntime")]
    runtime: Option<String>,
    /// ONNX Runtime's shared library [default: the managed toolchain's, installed if missing]
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// Recorded readings of the environment in place of the machine's: for tests only, it makes verdicts worthless
    #[arg(long, value_name = "FILE", hide = true)]
    readings: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
    #[command(flatten)]
    output: Output,
    /// The same as `--output json`
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TierName {
    Smoke,
    Quick,
    Standard,
    Official,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScenarioName {
    SingleStream,
    MultiStream,
    Server,
    Offline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OptimizationName {
    Disabled,
    Basic,
    Extended,
    All,
}

impl RunArgs {
    pub(super) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output.output }
    }

    /// The runtime's library, installed if need be.
    pub(super) fn library(&self) -> Result<PathBuf, CliError> {
        if let Some(file) = &self.onnxruntime {
            return Ok(std::path::absolute(file)?);
        }
        let toolchain = Toolchain::new(agent::config::toolchain_root(&self.data_dir.path()));
        match &self.runtime {
            Some(version) => Ok(toolchain.install_runtime(version, &Source::pip(), &mut |_| {})?.path),
            None => Ok(local::install(&toolchain, Package::OnnxRuntime, &Source::pip())?.library()?),
        }
    }

    /// The job these options mean for a model.
    pub(super) fn job(&self, model: &Path, library: &Path) -> Result<LocalJob, CliError> {
        let scenario = self.scenario()?;
        let name = model.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let (input, input_file) = self.input()?;
        let cell = CellSpec {
            provider: self.provider.clone(),
            provider_options: map(&self.provider_options),
            provider_library: self.provider_library.as_ref().map(absolute_text).transpose()?,
            scenario,
            batch: self.batch,
            sequence_length: self.sequence_length,
            dims: map(&self.dims),
            shapes: map(&self.shapes),
            intra_threads: self.threads,
            settings: Settings {
                spinning: !self.no_spinning,
                optimization: match self.optimization {
                    OptimizationName::Disabled => Optimization::Disabled,
                    OptimizationName::Basic => Optimization::Basic,
                    OptimizationName::Extended => Optimization::Extended,
                    OptimizationName::All => Optimization::All,
                },
                arena: !self.no_arena,
                affinity: self.affinity.clone(),
                variables: map(&self.variables),
                ..Settings::default()
            },
            input,
            state: map(&self.state),
            require: self
                .require
                .map(|min_share_millionths| Requirement { provider: self.provider.clone(), min_share_millionths }),
            measure: self.rule(&scenario),
            power: self.idle_window.map(|idle_window| PowerRule { idle_window, ..PowerRule::default() }),
            ..CellSpec::new(ModelRef { name, ..ModelRef::nameless() })
        };
        Ok(LocalJob {
            mode: RunMode::Performance,
            cell,
            library: library.to_owned(),
            model: model.to_owned(),
            tokenizer: self.tokenizer.as_ref().map(std::path::absolute).transpose()?,
            input_file,
            dataset: None,
            readings: self.readings.as_ref().map(std::path::absolute).transpose()?,
        })
    }

    fn scenario(&self) -> Result<Scenario, CliError> {
        Ok(match self.scenario {
            ScenarioName::SingleStream => Scenario::SingleStream,
            ScenarioName::MultiStream => Scenario::MultiStream { samples_per_query: self.samples_per_query },
            ScenarioName::Offline => Scenario::Offline,
            ScenarioName::Server => {
                let missing =
                    || CliError::Invalid("--scenario server needs --target-qps and --target-latency".to_owned());
                Scenario::Server {
                    load: self.target_qps.ok_or_else(missing)?,
                    target_latency: self.target_latency.ok_or_else(missing)?,
                    percentile: self.percentile,
                }
            }
        })
    }

    fn rule(&self, scenario: &Scenario) -> MeasureRule {
        let tier = match self.tier {
            TierName::Smoke => Tier::Smoke,
            TierName::Quick => Tier::Quick,
            TierName::Standard => Tier::Standard,
            TierName::Official => Tier::Official,
        };
        let rule = MeasureRule::of_tier(tier, scenario);
        if self.min_queries.is_none() && self.min_duration.is_none() {
            return rule;
        }
        let min_duration = self.min_duration.unwrap_or(rule.min_duration);
        MeasureRule {
            tier: Tier::Custom,
            min_queries: self.min_queries.unwrap_or(rule.min_queries),
            min_duration,
            max_duration: rule.max_duration.max(min_duration * 2),
        }
    }

    fn input(&self) -> Result<(InputSource, Option<PathBuf>), CliError> {
        let Some(path) = &self.input else { return Ok((InputSource::random(self.seed), None)) };
        let bytes = std::fs::read(path)
            .map_err(|error| CliError::Invalid(format!("cannot read the input {}: {error}", path.display())))?;
        let file =
            FileRef { path: path.display().to_string(), sha256: Digest::of(&bytes), size_bytes: bytes.len() as u64 };
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let source = match extension {
            "npz" | "pb" => InputSource::Tensors(file),
            _ if self.tokenizer.is_some() => InputSource::Text(file),
            _ => {
                return Err(CliError::Invalid(format!(
                    "the input {} is text, and text needs the model's tokenizer\nhint: --tokenizer tokenizer.json; tensors come as .npz or .pb",
                    path.display()
                )));
            }
        };
        Ok((source, Some(std::path::absolute(path)?)))
    }
}

fn map<T: Clone>(pairs: &[(String, T)]) -> BTreeMap<String, T> {
    pairs.iter().cloned().collect()
}

fn absolute_text(path: &PathBuf) -> Result<String, CliError> {
    Ok(std::path::absolute(path)?.to_string_lossy().into_owned())
}

fn parse_pair<T: std::str::FromStr>(text: &str) -> Result<(String, T), String> {
    let wanted = || format!("`{text}` is not NAME=VALUE");
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wanted)?;
    let value = value.parse().map_err(|_unreadable| format!("`{value}` can't be a value of `{name}`"))?;
    Ok((name.to_owned(), value))
}

fn parse_shape(text: &str) -> Result<(String, Vec<u32>), String> {
    let (name, lengths): (String, String) = parse_pair(text)?;
    let lengths: Result<Vec<u32>, _> = lengths.split([',', 'x']).map(|length| length.trim().parse()).collect();
    Ok((name, lengths.map_err(|_unreadable| format!("`{text}` is not INPUT=1,3,224,224"))?))
}

fn parse_load(text: &str) -> Result<ServerLoad, String> {
    if text == "max" {
        return Ok(ServerLoad::Search);
    }
    let rate: f64 = text.parse().map_err(|_unreadable| format!("`{text}` is neither a number nor `max`"))?;
    if !(0.001..=1e6).contains(&rate) {
        return Err("a rate is 0.001 to 1000000 queries a second".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let millis = (rate * 1e3).round() as u64;
    Rate::from_millis(millis).map(ServerLoad::Fixed).ok_or_else(|| "a rate is more than nothing".to_owned())
}

fn parse_percentile(text: &str) -> Result<Percentile, String> {
    let percent: f64 = text.parse().map_err(|_unreadable| format!("`{text}` is not a number"))?;
    if !(50.0..100.0).contains(&percent) {
        return Err("a percentile is 50 to below 100".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let millionths = (percent * 1e4).round() as u32;
    Percentile::from_millionths(millionths).ok_or_else(|| "a percentile is below 100".to_owned())
}

fn parse_share(text: &str) -> Result<u32, String> {
    let share: f64 = text.parse().map_err(|_unreadable| format!("`{text}` is not a number"))?;
    if !(share > 0.0 && share <= 1.0) {
        return Err("a share is more than 0 and at most 1".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok((share * 1e6).round() as u32)
}

fn parse_affinity(text: &str) -> Result<Affinity, String> {
    Affinity::parse(text).ok_or_else(|| format!("`{text}` is neither any, big, little nor a list such as 0-3,6"))
}

pub(in crate::commands) fn parse_provider(text: &str) -> Result<ProviderName, String> {
    let known = || ProviderName::known().collect::<Vec<_>>().join(", ");
    ProviderName::parse(text).ok_or_else(|| {
        format!("`{text}` is no provider; there are {}, and any name that ends in ExecutionProvider", known())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_or_refused() {
        assert_eq!(parse_pair::<u32>("height=224"), Ok(("height".to_owned(), 224)));
        assert_eq!(parse_shape("x=1,3,224,224"), Ok(("x".to_owned(), vec![1, 3, 224, 224])));
        assert_eq!(parse_load("max"), Ok(ServerLoad::Search));
        assert_eq!(parse_load("12.5"), Ok(ServerLoad::Fixed(Rate::from_millis(12_500).expect("a rate"))));
        assert_eq!(parse_percentile("99.9"), Ok(Percentile::P999));
        assert_eq!(parse_share("0.95"), Ok(950_000));
        for bad in ["", "x", "=1", "x="] {
            assert!(parse_pair::<u32>(bad).is_err(), "{bad:?}");
        }
        assert!(parse_load("0").is_err() && parse_load("nan").is_err() && parse_load("fast").is_err());
        assert!(parse_percentile("100").is_err() && parse_share("1.1").is_err() && parse_share("nan").is_err());
    }
}

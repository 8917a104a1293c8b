//! A campaign file, read and checked as far as it can be without knowing which models exist.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use super::{Diagnostic, Diagnostics, Located, Position, diagnostic::did_you_mean, yaml};
use crate::{MeasureRule, Order, Provider, Runtime, Scenario, Selector, Warmup};

/// A checked campaign file. Names of models and files are still names: [`super::plan`] resolves them.
#[derive(Debug, Clone)]
pub struct CampaignFile {
    pub(super) file_name: String,
    pub(super) text: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) repetitions: u32,
    pub(super) order: Order,
    pub(super) runtime: Runtime,
    pub(super) input: Input,
    pub(super) warmup: Warmup,
    pub(super) measure: MeasureRule,
    pub(super) time_limit: Option<Duration>,
    pub(super) matrix_at: Position,
    /// In the order in which the file declares them; the last varies fastest.
    pub(super) axes: Vec<Axis>,
    /// For the settings that are no axis.
    pub(super) fixed: Fixed,
}

/// One axis of the matrix.
#[derive(Debug, Clone)]
pub(super) enum Axis {
    Model(Vec<Located<String>>),
    Device(Vec<Selector>),
    Scenario(Vec<Scenario>),
    Provider(Vec<Provider>),
    Batch(Vec<u32>),
    SequenceLength(Vec<u32>),
    IntraThreads(Vec<u32>),
}

#[derive(Debug, Clone)]
pub(super) struct Fixed {
    pub(super) device: Selector,
    pub(super) scenario: Scenario,
    pub(super) provider: Provider,
    pub(super) batch: u32,
    pub(super) sequence_length: Option<u32>,
    pub(super) intra_threads: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Input {
    Text(Located<String>),
    Random { seed: u64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(rename = "apiVersion")]
    api_version: Located<String>,
    kind: Located<String>,
    name: Located<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    defaults: RawDefaults,
    matrix: Located<RawMatrix>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawDefaults {
    runtime: Option<Located<String>>,
    device: Option<Located<String>>,
    scenario: Option<Located<String>>,
    provider: Option<Located<String>>,
    batch: Option<Located<u32>>,
    sequence_length: Option<Located<u32>>,
    intra_threads: Option<Located<u32>>,
    input: Option<RawInput>,
    time_limit: Option<Located<String>>,
    #[serde(default)]
    warmup: RawWarmup,
    #[serde(default)]
    measure: RawMeasure,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum RawInput {
    Text(Located<String>),
    Random(RawRandom),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRandom {
    seed: u64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawWarmup {
    min_iterations: Option<Located<u32>>,
    min_duration: Option<Located<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawMeasure {
    min_queries: Option<Located<u32>>,
    min_duration: Option<Located<String>>,
    max_duration: Option<Located<String>>,
    repetitions: Option<Located<u32>>,
    order: Option<Located<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMatrix {
    model: Option<Located<Vec<Located<String>>>>,
    device: Option<Located<Vec<Located<String>>>>,
    scenario: Option<Located<Vec<Located<String>>>>,
    provider: Option<Located<Vec<Located<String>>>>,
    batch: Option<Located<Vec<Located<u32>>>>,
    sequence_length: Option<Located<Vec<Located<u32>>>>,
    intra_threads: Option<Located<Vec<Located<u32>>>>,
}

impl CampaignFile {
    /// Reads and checks `text`. A syntax error ends the reading at once; every other problem is collected.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Diagnostics> {
        let raw = yaml::parse::<RawFile>(text).map_err(|problem| Diagnostics::new(file_name, text, vec![problem]))?;
        let mut check = Check::default();
        let file = check.file(file_name, text, raw);
        match file {
            Some(file) if check.problems.is_empty() => Ok(file),
            _ => Err(Diagnostics::new(file_name, text, check.problems)),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the models it measures, in its order, each once.
    pub fn model_names(&self) -> Vec<String> {
        self.models().iter().map(|model| model.value.clone()).collect()
    }

    /// Files it refers to, as it spells them: relative to its own folder.
    pub fn attachment_paths(&self) -> Vec<String> {
        match &self.input {
            Input::Text(path) => vec![path.value.clone()],
            Input::Random { .. } => Vec::new(),
        }
    }

    pub(super) fn models(&self) -> &[Located<String>] {
        self.axes
            .iter()
            .find_map(|axis| if let Axis::Model(models) = axis { Some(models.as_slice()) } else { None })
            .unwrap_or_default()
    }
}

/// Collects problems instead of stopping at the first.
#[derive(Default)]
struct Check {
    problems: Vec<Diagnostic>,
}

impl Check {
    fn file(&mut self, file_name: &str, text: &str, raw: RawFile) -> Option<CampaignFile> {
        let RawFile { api_version, kind, name, labels, defaults, matrix } = raw;
        if api_version.value != "furlong/v1" {
            let message = format!("unknown apiVersion `{}`", api_version.value);
            self.problems.push(Diagnostic::new(api_version.at, message).hint("this version reads `furlong/v1`"));
        }
        if kind.value != "Campaign" {
            let message = format!("unknown kind `{}`", kind.value);
            self.problems.push(Diagnostic::new(kind.at, message).hint("this version reads `Campaign`"));
        }
        if name.value.trim().is_empty() || name.value.len() > 100 {
            let message = format!("a campaign's name has 1 to 100 bytes, this one has {}", name.value.trim().len());
            self.problems.push(Diagnostic::new(name.at, message));
        }
        let RawDefaults {
            runtime,
            device,
            scenario,
            provider,
            batch,
            sequence_length,
            intra_threads,
            input,
            time_limit,
            warmup,
            measure,
        } = defaults;
        let repetitions = self.number("measure.repetitions", measure.repetitions.as_ref(), 1..=1000).unwrap_or(5);
        let order = self.named("order", measure.order.as_ref(), &ORDERS).unwrap_or(Order::Interleaved);
        let fixed = Fixed {
            device: device.and_then(|text| self.selector(&text)).unwrap_or_default(),
            scenario: self.named("scenario", scenario.as_ref(), &SCENARIOS).unwrap_or(Scenario::SingleStream),
            provider: self.named("provider", provider.as_ref(), &PROVIDERS).unwrap_or(Provider::Cpu),
            batch: self.number("batch", batch.as_ref(), BATCH).unwrap_or(1),
            sequence_length: self.number("sequence_length", sequence_length.as_ref(), SEQUENCE_LENGTH),
            intra_threads: self.number("intra_threads", intra_threads.as_ref(), INTRA_THREADS).unwrap_or(1),
        };
        let runtime = self.named("runtime", runtime.as_ref(), &RUNTIMES).unwrap_or(Runtime::OnnxRuntime);
        let warmup = self.warmup(&warmup);
        let measure = self.measure(&measure);
        let input = self.input(input);
        let time_limit = self.period("time_limit", time_limit.as_ref(), Duration::from_secs(1));
        let matrix_at = matrix.at;
        let axes = self.axes(matrix);
        Some(CampaignFile {
            file_name: file_name.to_owned(),
            text: text.to_owned(),
            name: name.value.trim().to_owned(),
            labels,
            repetitions,
            order,
            runtime,
            input,
            warmup,
            measure,
            time_limit,
            matrix_at,
            axes: axes?,
            fixed,
        })
    }

    fn warmup(&mut self, raw: &RawWarmup) -> Warmup {
        let default = Warmup::default();
        Warmup {
            min_iterations: self
                .number("warmup.min_iterations", raw.min_iterations.as_ref(), 0..=1_000_000)
                .unwrap_or(default.min_iterations),
            min_duration: self
                .period("warmup.min_duration", raw.min_duration.as_ref(), Duration::ZERO)
                .unwrap_or(default.min_duration),
        }
    }

    fn measure(&mut self, raw: &RawMeasure) -> MeasureRule {
        let default = MeasureRule::default();
        let min_duration = self
            .period("measure.min_duration", raw.min_duration.as_ref(), Duration::ZERO)
            .unwrap_or(default.min_duration);
        let rule = MeasureRule {
            min_queries: self
                .number("measure.min_queries", raw.min_queries.as_ref(), 1..=10_000_000)
                .unwrap_or(default.min_queries),
            min_duration,
            max_duration: self
                .period("measure.max_duration", raw.max_duration.as_ref(), Duration::from_millis(1))
                // A longer minimum than the usual maximum says that the author wants time.
                .unwrap_or(default.max_duration.max(min_duration * 2)),
        };
        if let Some(max) = &raw.max_duration
            && rule.max_duration < rule.min_duration
        {
            let message = format!(
                "measure.max_duration ({:?}) is shorter than measure.min_duration ({:?})",
                rule.max_duration, rule.min_duration
            );
            self.problems.push(Diagnostic::new(max.at, message));
        }
        rule
    }

    fn input(&mut self, raw: Option<RawInput>) -> Input {
        match raw {
            None => Input::Random { seed: 0 },
            Some(RawInput::Random(RawRandom { seed })) => Input::Random { seed },
            Some(RawInput::Text(path)) => {
                let escapes = path.value.split(['/', '\\']).any(|part| part == "..");
                if path.value.is_empty() || path.value.starts_with('/') || escapes {
                    let message =
                        format!("input.text must name a file beside or below the campaign file, not `{}`", path.value);
                    self.problems.push(Diagnostic::new(path.at, message));
                }
                Input::Text(path)
            }
        }
    }

    /// `None` if there is nothing to expand.
    fn axes(&mut self, raw: Located<RawMatrix>) -> Option<Vec<Axis>> {
        let Located { value: matrix, at } = raw;
        let RawMatrix { model, device, scenario, provider, batch, sequence_length, intra_threads } = matrix;
        let mut axes: Vec<(Position, Axis)> = Vec::new();
        if let Some(axis) = model {
            self.distinct("model", &axis, |name| Some(name.clone()));
            axes.push((axis.at, Axis::Model(axis.value)));
        } else {
            let problem = Diagnostic::new(at, "matrix.model is missing: there is nothing to measure");
            self.problems.push(problem.hint("add `model: [NAME]`; `furlong models ls` lists the names"));
        }
        if let Some(axis) = device {
            self.distinct("device", &axis, |text| text.parse::<Selector>().ok());
            let selectors = axis.value.iter().filter_map(|text| self.selector(text)).collect();
            axes.push((axis.at, Axis::Device(selectors)));
        }
        if let Some(axis) = scenario {
            axes.push((axis.at, Axis::Scenario(self.names("scenario", &axis, &SCENARIOS))));
        }
        if let Some(axis) = provider {
            axes.push((axis.at, Axis::Provider(self.names("provider", &axis, &PROVIDERS))));
        }
        if let Some(axis) = batch {
            axes.push((axis.at, Axis::Batch(self.numbers("batch", &axis, &BATCH))));
        }
        if let Some(axis) = sequence_length {
            axes.push((axis.at, Axis::SequenceLength(self.numbers("sequence_length", &axis, &SEQUENCE_LENGTH))));
        }
        if let Some(axis) = intra_threads {
            axes.push((axis.at, Axis::IntraThreads(self.numbers("intra_threads", &axis, &INTRA_THREADS))));
        }
        axes.sort_by_key(|(at, _)| *at);
        (!axes.is_empty()).then(|| axes.into_iter().map(|(_, axis)| axis).collect())
    }

    fn number(&mut self, key: &str, given: Option<&Located<u32>>, range: RangeInclusive<u32>) -> Option<u32> {
        let Located { value, at } = *given?;
        if !range.contains(&value) {
            let message = format!("{key} is {value}, it must be {} to {}", range.start(), range.end());
            self.problems.push(Diagnostic::new(at, message));
        }
        Some(value)
    }

    fn numbers(&mut self, key: &str, axis: &Located<Vec<Located<u32>>>, range: &RangeInclusive<u32>) -> Vec<u32> {
        self.distinct(key, axis, |number| Some(*number));
        axis.value.iter().filter_map(|number| self.number(key, Some(number), range.clone())).collect()
    }

    fn period(&mut self, key: &str, given: Option<&Located<String>>, least: Duration) -> Option<Duration> {
        /// A run that may take longer than a day belongs in several.
        const MOST: Duration = Duration::from_hours(24);
        let Located { value, at } = given?;
        match humantime::parse_duration(value) {
            Ok(duration) if (least..=MOST).contains(&duration) => Some(duration),
            Ok(duration) => {
                let message = format!("{key} is {duration:?}, it must be {least:?} to {MOST:?}");
                self.problems.push(Diagnostic::new(*at, message));
                None
            }
            Err(_) => {
                let problem = Diagnostic::new(*at, format!("{key} is `{value}`, which is not a duration"));
                self.problems.push(problem.hint("give a number with its unit, such as `500ms` or `2s`"));
                None
            }
        }
    }

    fn named<T: Copy>(&mut self, key: &str, given: Option<&Located<String>>, known: &[(&str, T)]) -> Option<T> {
        let Located { value, at } = given?;
        let found = known.iter().find(|(name, _)| name == value).map(|(_, item)| *item);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let hint = did_you_mean(value, names.iter().copied())
                .unwrap_or_else(|| format!("this version knows {}", names.join(", ")));
            self.problems.push(Diagnostic::new(*at, format!("unknown {key} `{value}`")).hint(hint));
        }
        found
    }

    fn names<T: Copy>(&mut self, key: &str, axis: &Located<Vec<Located<String>>>, known: &[(&str, T)]) -> Vec<T> {
        self.distinct(key, axis, |name| Some(name.clone()));
        axis.value.iter().filter_map(|name| self.named(key, Some(name), known)).collect()
    }

    fn selector(&mut self, text: &Located<String>) -> Option<Selector> {
        match text.value.parse() {
            Ok(selector) => Some(selector),
            Err(error) => {
                let problem = Diagnostic::new(text.at, format!("{error}"));
                self.problems.push(problem.hint("write `any`, a device's name, or `class=orin,os=linux`"));
                None
            }
        }
    }

    /// An empty axis would erase the whole product; a repeated value would measure one cell twice.
    fn distinct<T, K: PartialEq>(
        &mut self,
        key: &str,
        axis: &Located<Vec<Located<T>>>,
        meaning: impl Fn(&T) -> Option<K>,
    ) where
        T: fmt::Display,
    {
        if axis.value.is_empty() {
            let problem = Diagnostic::new(axis.at, format!("matrix.{key} is empty, so no cell is left"));
            self.problems.push(problem.hint(format!("give it a value or remove `{key}`")));
        }
        for (index, item) in axis.value.iter().enumerate() {
            let Some(this) = meaning(&item.value) else { continue };
            if axis.value[..index].iter().any(|earlier| meaning(&earlier.value).is_some_and(|other| other == this)) {
                self.problems.push(Diagnostic::new(item.at, format!("`{}` stands twice in matrix.{key}", item.value)));
            }
        }
    }
}

const BATCH: RangeInclusive<u32> = 1..=4096;
const SEQUENCE_LENGTH: RangeInclusive<u32> = 1..=1_000_000;
const INTRA_THREADS: RangeInclusive<u32> = 1..=1024;
const ORDERS: [(&str, Order); 2] = [("blocked", Order::Blocked), ("interleaved", Order::Interleaved)];
const SCENARIOS: [(&str, Scenario); 1] = [("single-stream", Scenario::SingleStream)];
const PROVIDERS: [(&str, Provider); 1] = [("cpu", Provider::Cpu)];
const RUNTIMES: [(&str, Runtime); 1] = [("onnxruntime", Runtime::OnnxRuntime)];

//! A cell and its parts, but for its load pattern and rules, its conditions and its power: see [`super::load`],
//! [`super::condition`], [`super::power`].

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{
    AccuracyRule, Affinity, CellSpec, EnvironmentRule, FileRef, InputSource, ModelFile, ModelRef, Optimization,
    PowerRule, Precision, ProviderName, Requirement, Runtime, Settings,
};

use super::field::{
    InvalidMessage, digest, enumerator, finite, optional_digest, optional_text, positive, present, provider, wire_ns,
};
use crate::pb;

impl From<CellSpec> for pb::CellSpec {
    fn from(cell: CellSpec) -> Self {
        let CellSpec {
            model,
            runtime,
            provider,
            provider_options,
            provider_library,
            fallback,
            scenario,
            batch,
            sequence_length,
            dims,
            shapes,
            intra_threads,
            settings,
            input,
            state,
            require,
            warmup,
            measure,
            time_limit,
            power_mode,
            environment,
            power,
            accuracy,
        } = cell;
        Self {
            model: Some(model.into()),
            runtime: Some(runtime.into()),
            provider: provider.as_str().to_owned(),
            provider_options,
            provider_library: provider_library.unwrap_or_default(),
            fallback: fallback.iter().map(|provider| provider.as_str().to_owned()).collect(),
            scenario: Some(scenario.into()),
            batch,
            sequence_length: sequence_length.unwrap_or(0),
            dims,
            shapes: shapes.into_iter().map(|(input, lengths)| (input, pb::Shape { lengths })).collect(),
            intra_threads,
            settings: Some(settings.into()),
            input: Some(input.into()),
            state,
            require: require.map(Into::into),
            warmup: Some(warmup.into()),
            measure: Some(measure.into()),
            time_limit_ns: time_limit.map_or(0, wire_ns),
            power_mode: power_mode.unwrap_or_default(),
            environment: (!environment.is_default()).then(|| environment.into()),
            power: power.map(Into::into),
            accuracy: accuracy.map(Into::into),
        }
    }
}

impl TryFrom<pb::CellSpec> for CellSpec {
    type Error = InvalidMessage;

    fn try_from(cell: pb::CellSpec) -> Result<Self, InvalidMessage> {
        let pb::CellSpec {
            model,
            runtime,
            provider: provider_name,
            provider_options,
            provider_library,
            fallback,
            scenario,
            batch,
            sequence_length,
            dims,
            shapes,
            intra_threads,
            settings,
            input,
            state,
            require,
            warmup,
            measure,
            time_limit_ns,
            power_mode,
            environment,
            power,
            accuracy,
        } = cell;
        Ok(Self {
            model: present("cell.model", model)?.try_into()?,
            runtime: present("cell.runtime", runtime)?.try_into()?,
            provider: provider("cell.provider", provider_name)?,
            provider_options,
            provider_library: optional_text(provider_library),
            fallback: fallback.into_iter().map(|name| provider("cell.fallback", name)).collect::<Result<_, _>>()?,
            scenario: present("cell.scenario", scenario)?.try_into()?,
            batch: positive("cell.batch", batch)?,
            sequence_length: (sequence_length > 0).then_some(sequence_length),
            dims,
            shapes: shapes.into_iter().map(|(input, pb::Shape { lengths })| (input, lengths)).collect(),
            intra_threads: positive("cell.intra_threads", intra_threads)?,
            settings: present("cell.settings", settings)?.try_into()?,
            input: present("cell.input", input)?.try_into()?,
            state,
            require: require.map(Requirement::try_from).transpose()?,
            warmup: present("cell.warmup", warmup)?.into(),
            measure: present("cell.measure", measure)?.try_into()?,
            time_limit: (time_limit_ns > 0).then(|| Duration::from_nanos(time_limit_ns)),
            power_mode: optional_text(power_mode),
            // Only a rule that asks for something is sent.
            environment: environment.map(EnvironmentRule::try_from).transpose()?.unwrap_or_default(),
            power: power.map(PowerRule::try_from).transpose()?,
            accuracy: accuracy.map(AccuracyRule::try_from).transpose()?,
        })
    }
}

impl From<ModelRef> for pb::ModelRef {
    fn from(model: ModelRef) -> Self {
        let ModelRef { name, precision, sha256, size_bytes, tokenizer_sha256, files } = model;
        Self {
            name,
            sha256: sha256.as_bytes().to_vec(),
            size_bytes,
            tokenizer_sha256: tokenizer_sha256.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default(),
            precision: precision.map(String::from).unwrap_or_default(),
            files: files.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::ModelRef> for ModelRef {
    type Error = InvalidMessage;

    fn try_from(model: pb::ModelRef) -> Result<Self, InvalidMessage> {
        let pb::ModelRef { name, sha256, size_bytes, tokenizer_sha256, precision, files } = model;
        let precision = optional_text(precision).map(Precision::try_from).transpose();
        Ok(Self {
            name,
            precision: precision.map_err(|error| InvalidMessage::malformed("model.precision", error.to_string()))?,
            sha256: digest("model.sha256", &sha256)?,
            size_bytes,
            tokenizer_sha256: optional_digest("model.tokenizer_sha256", &tokenizer_sha256)?,
            files: files.into_iter().map(ModelFile::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl From<ModelFile> for pb::ModelFile {
    fn from(file: ModelFile) -> Self {
        let ModelFile { path, sha256, size_bytes } = file;
        Self { path, sha256: sha256.as_bytes().to_vec(), size_bytes }
    }
}

impl TryFrom<pb::ModelFile> for ModelFile {
    type Error = InvalidMessage;

    fn try_from(file: pb::ModelFile) -> Result<Self, InvalidMessage> {
        let pb::ModelFile { path, sha256, size_bytes } = file;
        if !confined(&path) {
            return Err(InvalidMessage::malformed("model.files.path", format!("`{path}` leaves the model's folder")));
        }
        Ok(Self { path, sha256: digest("model.files.sha256", &sha256)?, size_bytes })
    }
}

/// Whether a path names something below the folder it starts in. A receiver writes files there.
fn confined(path: &str) -> bool {
    let inside = |part: &str| !matches!(part, "" | "." | "..");
    !path.contains(['\\', '\0']) && path.split('/').all(inside)
}

impl From<FileRef> for pb::FileRef {
    fn from(file: FileRef) -> Self {
        let FileRef { path, sha256, size_bytes } = file;
        Self { path, sha256: sha256.as_bytes().to_vec(), size_bytes }
    }
}

impl TryFrom<pb::FileRef> for FileRef {
    type Error = InvalidMessage;

    fn try_from(file: pb::FileRef) -> Result<Self, InvalidMessage> {
        let pb::FileRef { path, sha256, size_bytes } = file;
        Ok(Self { path, sha256: digest("file.sha256", &sha256)?, size_bytes })
    }
}

impl From<Runtime> for pb::Runtime {
    fn from(runtime: Runtime) -> Self {
        use pb::runtime::{Managed, Source};
        let source = match runtime {
            Runtime::Managed => Source::Managed(Managed {}),
            Runtime::Release(version) => Source::Release(version),
            Runtime::File(file) => Source::File(file.into()),
        };
        Self { source: Some(source) }
    }
}

impl TryFrom<pb::Runtime> for Runtime {
    type Error = InvalidMessage;

    fn try_from(runtime: pb::Runtime) -> Result<Self, InvalidMessage> {
        use pb::runtime::{Managed, Source};
        let pb::Runtime { source } = runtime;
        match present("runtime.source", source)? {
            Source::Managed(Managed {}) => Ok(Self::Managed),
            Source::Release(version) if version.is_empty() => Err(InvalidMessage::Missing("runtime.release")),
            Source::Release(version) => Ok(Self::Release(version)),
            Source::File(file) => file.try_into().map(Self::File),
        }
    }
}

impl From<Settings> for pb::Settings {
    fn from(settings: Settings) -> Self {
        let Settings { inter_threads, spinning, optimization, arena, affinity, variables } = settings;
        let optimization = match optimization {
            Optimization::Disabled => pb::Optimization::Disabled,
            Optimization::Basic => pb::Optimization::Basic,
            Optimization::Extended => pb::Optimization::Extended,
            Optimization::All => pb::Optimization::All,
        };
        let affinity = affinity.to_string();
        Self { inter_threads, spinning, optimization: optimization.into(), arena, affinity, variables }
    }
}

impl TryFrom<pb::Settings> for Settings {
    type Error = InvalidMessage;

    fn try_from(settings: pb::Settings) -> Result<Self, InvalidMessage> {
        let pb::Settings { inter_threads, spinning, optimization, arena, affinity, variables } = settings;
        let optimization = match enumerator("settings.optimization", optimization)? {
            pb::Optimization::Disabled => Optimization::Disabled,
            pb::Optimization::Basic => Optimization::Basic,
            pb::Optimization::Extended => Optimization::Extended,
            pb::Optimization::All => Optimization::All,
            pb::Optimization::Unspecified => return Err(InvalidMessage::Missing("settings.optimization")),
        };
        if affinity.is_empty() {
            return Err(InvalidMessage::Missing("settings.affinity"));
        }
        let affinity = Affinity::parse(&affinity)
            .ok_or(InvalidMessage::Unknown { field: "settings.affinity", value: affinity })?;
        let inter_threads = positive("settings.inter_threads", inter_threads)?;
        Ok(Self { inter_threads, spinning, optimization, arena, affinity, variables })
    }
}

impl From<Requirement> for pb::Requirement {
    fn from(requirement: Requirement) -> Self {
        let Requirement { provider, min_share_millionths } = requirement;
        Self { provider: provider.as_str().to_owned(), min_share_millionths }
    }
}

impl TryFrom<pb::Requirement> for Requirement {
    type Error = InvalidMessage;

    fn try_from(requirement: pb::Requirement) -> Result<Self, InvalidMessage> {
        const FIELD: &str = "require.min_share_millionths";
        let pb::Requirement { provider: name, min_share_millionths } = requirement;
        let provider: ProviderName = provider("require.provider", name)?;
        if min_share_millionths > 1_000_000 {
            return Err(InvalidMessage::malformed(FIELD, format!("{min_share_millionths} is more than the whole")));
        }
        Ok(Self { provider, min_share_millionths })
    }
}

impl From<AccuracyRule> for pb::AccuracyRule {
    fn from(rule: AccuracyRule) -> Self {
        let AccuracyRule { task, min_ratio_millionths, reference, evaluation } = rule;
        Self {
            task: task.unwrap_or_default(),
            min_ratio_millionths,
            reference: reference.into(),
            evaluation: evaluation.map(Into::into),
        }
    }
}

impl TryFrom<pb::AccuracyRule> for AccuracyRule {
    type Error = InvalidMessage;

    fn try_from(rule: pb::AccuracyRule) -> Result<Self, InvalidMessage> {
        const FIELD: &str = "accuracy.min_ratio_millionths";
        let pb::AccuracyRule { task, min_ratio_millionths, reference, evaluation } = rule;
        if let Some(ratio) = min_ratio_millionths.filter(|ratio| *ratio > 1_000_000) {
            return Err(InvalidMessage::malformed(FIELD, format!("{ratio} is more than the whole")));
        }
        let reference = present("accuracy.reference", optional_text(reference))?;
        Ok(Self {
            task: optional_text(task),
            min_ratio_millionths,
            reference: Precision::try_from(reference)
                .map_err(|error| InvalidMessage::malformed("accuracy.reference", error.to_string()))?,
            evaluation: evaluation.map(domain::Evaluation::try_from).transpose()?,
        })
    }
}

impl From<InputSource> for pb::InputSource {
    fn from(input: InputSource) -> Self {
        use pb::input_source::Source;
        let source = match input {
            InputSource::Text(file) => Source::Text(file.into()),
            InputSource::Random { seed, ranges } => {
                let ranges =
                    ranges.into_iter().map(|(name, (low, high))| (name, pb::ValueRange { low, high })).collect();
                Source::Random(pb::RandomInput { seed, ranges })
            }
            InputSource::Tensors(file) => Source::Tensors(file.into()),
        };
        Self { source: Some(source) }
    }
}

impl TryFrom<pb::InputSource> for InputSource {
    type Error = InvalidMessage;

    fn try_from(input: pb::InputSource) -> Result<Self, InvalidMessage> {
        use pb::input_source::Source;
        let pb::InputSource { source } = input;
        match present("input.source", source)? {
            Source::Text(file) => file.try_into().map(Self::Text),
            Source::Random(pb::RandomInput { seed, ranges }) => {
                let ranges = ranges.into_iter().map(|(name, range)| Ok((name, value_range(range)?)));
                Ok(Self::Random { seed, ranges: ranges.collect::<Result<BTreeMap<_, _>, InvalidMessage>>()? })
            }
            Source::Tensors(file) => file.try_into().map(Self::Tensors),
        }
    }
}

fn value_range(range: pb::ValueRange) -> Result<(f64, f64), InvalidMessage> {
    let pb::ValueRange { low, high } = range;
    let (low, high) = (finite("input.random.ranges.low", low)?, finite("input.random.ranges.high", high)?);
    if low > high {
        let why = format!("the least value {low} is above the greatest, {high}");
        return Err(InvalidMessage::malformed("input.random.ranges", why));
    }
    Ok((low, high))
}

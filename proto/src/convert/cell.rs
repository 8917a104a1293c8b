//! A cell and its parts, but for its load pattern and rules: see [`super::load`].

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{
    Affinity, CellSpec, FileRef, InputSource, ModelRef, Optimization, ProviderName, Requirement, Runtime, Settings,
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
        } = cell;
        Self {
            model: Some(model.into()),
            runtime: Some(runtime.into()),
            provider: provider.as_str().to_owned(),
            provider_options,
            provider_library: provider_library.unwrap_or_default(),
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
        } = cell;
        Ok(Self {
            model: present("cell.model", model)?.try_into()?,
            runtime: present("cell.runtime", runtime)?.try_into()?,
            provider: provider("cell.provider", provider_name)?,
            provider_options,
            provider_library: optional_text(provider_library),
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
        })
    }
}

impl From<ModelRef> for pb::ModelRef {
    fn from(model: ModelRef) -> Self {
        let ModelRef { name, sha256, size_bytes, tokenizer_sha256 } = model;
        Self {
            name,
            sha256: sha256.as_bytes().to_vec(),
            size_bytes,
            tokenizer_sha256: tokenizer_sha256.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::ModelRef> for ModelRef {
    type Error = InvalidMessage;

    fn try_from(model: pb::ModelRef) -> Result<Self, InvalidMessage> {
        let pb::ModelRef { name, sha256, size_bytes, tokenizer_sha256 } = model;
        Ok(Self {
            name,
            sha256: digest("model.sha256", &sha256)?,
            size_bytes,
            tokenizer_sha256: optional_digest("model.tokenizer_sha256", &tokenizer_sha256)?,
        })
    }
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

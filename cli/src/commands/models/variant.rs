//! `models variant`: further precisions of an fp32 model, made by the converters and added with how they were made.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use convert::{Calibration, Converted, Converter, Inputs, Isa, Job, Options, Sensitivities};
use domain::{Agreement, Digest, KnownModel, ModelRef, Precision};
use proto::pb;

use super::{detail, downloads::explained, get, local};
use crate::{
    args::{VariantArgs, VariantOptions},
    client::Client,
    exit::CliError,
    output,
};

/// One variant to make.
struct Wanted {
    model: String,
    recipe: Precision,
    /// Under which it is added.
    label: Precision,
    /// Whether one that is there gives way.
    force: bool,
}

pub(super) async fn variant(args: VariantArgs) -> Result<(), CliError> {
    let VariantArgs { name, precisions, label, force, options, python, data_dir, connection, output: format } = args;
    if label.is_some() && precisions.len() > 1 {
        let message = "--as names one variant, and several precisions are asked for\nhint: make them one by one";
        return Err(CliError::Invalid(message.to_owned()));
    }
    let client = Client::connect(&connection.coordinator).await?;
    let wanted = precisions.into_iter().map(|recipe| {
        let label = label.clone().unwrap_or_else(|| recipe.clone());
        Wanted { model: name.clone(), recipe, label, force }
    });
    make(&client, &data_dir.path(), python.as_deref(), &wanted.collect::<Vec<_>>(), &options).await?;
    output::write(&detail(get(&client, name).await?)?, format.output)
}

/// Makes and adds those that are not there yet, each fit for every device the coordinator knows.
pub(in crate::commands) async fn make_variants(
    client: &Client,
    data_dir: &Path,
    wanted: &[(String, Precision)],
) -> Result<(), CliError> {
    let wanted = wanted.iter().map(|(model, precision)| Wanted {
        model: model.clone(),
        recipe: precision.clone(),
        label: precision.clone(),
        force: false,
    });
    make(client, data_dir, None, &wanted.collect::<Vec<_>>(), &VariantOptions::default()).await
}

async fn make(
    client: &Client,
    data_dir: &Path,
    python: Option<&Path>,
    wanted: &[Wanted],
    options: &VariantOptions,
) -> Result<(), CliError> {
    let mut missing = Vec::new();
    for wanted in wanted {
        let model = known(client, &wanted.model).await?;
        check(&model, wanted)?;
        if !wanted.force && model.variants.contains_key(&wanted.label) {
            output::note(&format!("`{}` of `{}` is there; --force makes it anew", wanted.label, wanted.model));
        } else {
            missing.push((wanted, model));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let options = chosen(client, options).await?;
    let converter = prepare(data_dir, python).await?;
    let cache = data_dir.join("models-cache");
    for (wanted, model) in missing {
        output::note(&format!("making `{}` of `{}`", wanted.label, wanted.model));
        let folder = original_in(client, &model.original, &cache).await?;
        let job = Job {
            original: folder.path().join("model.onnx"),
            original_sha256: model.original.sha256,
            precision: wanted.recipe.clone(),
            options: options.clone(),
            out: folder.path().join("variant").join("variant.onnx"),
        };
        let original = job.original.clone();
        let mut made = convert(converter.clone(), job).await?;
        made.provenance.agreement = agreement(converter.clone(), original, made.path.clone(), &wanted.label).await?;
        add(client, wanted, made).await?;
    }
    Ok(())
}

async fn known(client: &Client, name: &str) -> Result<KnownModel, CliError> {
    let model = get(client, name.to_owned()).await?;
    KnownModel::try_from(model).map_err(|error| anyhow::anyhow!("the coordinator's model `{name}`: {error}").into())
}

fn check(model: &KnownModel, wanted: &Wanted) -> Result<(), CliError> {
    let Wanted { model: name, recipe, .. } = wanted;
    if model.can_be_made(recipe) {
        return Ok(());
    }
    let message = if recipe.recipe().is_none() {
        let known = Precision::known().filter(|known| *known != "fp32").collect::<Vec<_>>().join(", ");
        format!(
            "there is no way to make `{recipe}` of `{name}`\nhint: {known} can be made; `furlong models attach {name} {recipe} FILE` adds one of your own"
        )
    } else {
        let is =
            model.precision.as_ref().map_or("of unknown precision".to_owned(), |precision| format!("in {precision}"));
        format!(
            "variants are made from an fp32 original, and `{name}` is {is}\nhint: add the fp32 model, or attach a ready-made variant with `furlong models attach`"
        )
    };
    Err(CliError::Invalid(message))
}

/// Variants are for the devices, and not for the machine that makes them.
async fn chosen(client: &Client, options: &VariantOptions) -> Result<Options, CliError> {
    let VariantOptions { per_channel, reduce_range, exclude, sensitivity, keep, calibration, block_size } = options;
    let devices = client.devices().list_devices(pb::ListDevicesRequest {}).await?.into_inner().devices;
    let targets: Vec<Isa> =
        devices.into_iter().filter_map(|device| device.facts).map(|facts| Isa::new(&facts.arch, facts.isa)).collect();
    let mut chosen = Options::for_targets(&targets);
    chosen.per_channel = per_channel.unwrap_or(chosen.per_channel);
    chosen.reduce_range = reduce_range.unwrap_or(chosen.reduce_range);
    chosen.block_size = block_size.unwrap_or(chosen.block_size);
    chosen.exclude.clone_from(exclude);
    let unreadable =
        |path: &Path, error: std::io::Error| CliError::Invalid(format!("cannot read `{}`: {error}", path.display()));
    if let Some(path) = sensitivity {
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        let scores = Sensitivities::parse(&text).map_err(|error| explained(&error))?;
        chosen.exclude.extend(scores.top(*keep));
    }
    if let Some(path) = calibration {
        chosen.calibration = Some(Calibration::of_file(path).map_err(|error| unreadable(path, error))?);
    }
    Ok(chosen)
}

async fn prepare(data_dir: &Path, python: Option<&Path>) -> Result<Converter, CliError> {
    let (data_dir, python) = (data_dir.to_owned(), python.map(Path::to_owned));
    let prepare = move || Converter::prepare(&data_dir, python.as_deref(), &mut |line| output::note(&line));
    let prepared = tokio::task::spawn_blocking(prepare).await.map_err(anyhow::Error::from)?;
    prepared.map_err(|error| explained(&error))
}

async fn convert(converter: Converter, job: Job) -> Result<Converted, CliError> {
    let made = tokio::task::spawn_blocking(move || converter.convert(&job)).await.map_err(anyhow::Error::from)?;
    made.map_err(|error| explained(&error))
}

/// How the variant's output compares with the original's. What can't be compared is a variant all the same, and says so.
async fn agreement(
    converter: Converter,
    original: PathBuf,
    variant: PathBuf,
    label: &Precision,
) -> Result<Option<Agreement>, CliError> {
    /// As many sentences as the survey of quantisers that this table is modelled on used: enough to see what is broken.
    const SAMPLES: u32 = 20;
    let compare = move || {
        let inputs = Inputs::Seeded { samples: SAMPLES, seed: 0, dims: BTreeMap::new() };
        converter.compare(&original, &variant, &inputs)
    };
    match tokio::task::spawn_blocking(compare).await.map_err(anyhow::Error::from)? {
        Ok(convert::Agreement { cosine_mean, cosine_min, samples, .. }) => {
            Ok(Some(Agreement { samples, cosine_mean, cosine_min }))
        }
        Err(error) => {
            output::note(&format!("warning: `{label}` can't be compared with its original: {error}"));
            Ok(None)
        }
    }
}

/// A folder, gone when dropped, with the original as `model.onnx`, its side files where it looks for them, and an empty
/// folder for the variant.
async fn original_in(client: &Client, original: &ModelRef, cache: &Path) -> Result<tempfile::TempDir, CliError> {
    let ModelRef { sha256, files, .. } = original;
    let mut places: Vec<(Digest, PathBuf)> = vec![(*sha256, PathBuf::from("model.onnx"))];
    for file in files {
        let below = onnx::confined(&file.path).map_err(|error| CliError::Invalid(error.to_string()))?;
        places.push((file.sha256, below));
    }
    fs::create_dir_all(cache).with_context(|| format!("cannot create `{}`", cache.display()))?;
    let folder = tempfile::Builder::new().prefix("making-").tempdir_in(cache)?;
    fs::create_dir(folder.path().join("variant"))?;
    for (sha256, below) in places {
        let cached = client.download(sha256, cache).await?;
        let place = folder.path().join(below);
        fs::create_dir_all(place.parent().unwrap_or(folder.path()))?;
        // The folder lies in the cache, on the same file system.
        fs::hard_link(&cached, &place).with_context(|| format!("cannot put `{}` in its place", place.display()))?;
    }
    Ok(folder)
}

async fn add(client: &Client, wanted: &Wanted, converted: Converted) -> Result<(), CliError> {
    let Converted { path, size_bytes: _, sha256: _, side_files, nodes: _, duration: _, provenance } = converted;
    let mut files = Vec::new();
    for side_file in &side_files {
        let name = side_file.file_name().unwrap_or_default().to_string_lossy();
        files.push(local::upload_side_file(client, &name, side_file).await?);
    }
    let uploaded = client.upload(&path).await?;
    let request = pb::AddVariantRequest {
        model: wanted.model.clone(),
        precision: wanted.label.to_string(),
        sha256: uploaded.sha256.as_bytes().to_vec(),
        files,
        provenance: Some(provenance.into()),
        replace: wanted.force,
    };
    client.artifacts().add_variant(request).await?;
    Ok(())
}

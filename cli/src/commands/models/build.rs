//! `models build`: an architecture of the zoo as a model.

use std::{
    fs,
    path::{Path, PathBuf},
};

use domain::{ModelCard, Weights, campaign::DeclaredModel};
use proto::pb;

use super::{declare, downloads, downloads::Downloads, local};
use crate::{
    args::{BuildArgs, DeclaredArgs, DownloadArgs},
    client::Client,
    exit::CliError,
    output::{self, ArchitectureView, ModelView},
};

pub(super) async fn build(args: BuildArgs) -> Result<(), CliError> {
    let Some(architecture) = &args.architecture else {
        let known: Vec<_> = zoo::architectures().iter().map(ArchitectureView::from).collect();
        return output::write(&known, args.output.output);
    };
    let architecture = zoo::architecture(architecture).map_err(|error| downloads::explained(&error))?;
    // Before minutes of building: is there somebody to take it?
    let client = match &args.out {
        None => Some(Client::connect(&args.connection.coordinator).await?),
        Some(_) => None,
    };
    let Some(client) = client else {
        let downloads = Downloads::new(&args.downloads)?;
        let mut fetched = Vec::new();
        let (weights, _) = weights_of(args.weights.as_deref(), args.seed, &downloads, &mut fetched).await?;
        return write_out(&make(architecture, &weights)?, args.out.as_deref().unwrap_or(Path::new("model.onnx")));
    };
    let mut declared = ModelCard::default();
    let licence = declare(&args.declared, &mut declared)?;
    let order = Order {
        name: args.name.unwrap_or_else(|| architecture.name.to_owned()),
        weights: args.weights,
        seed: args.seed,
        tokenizer: args.tokenizer,
        licence,
        declared,
        replace: args.replace,
    };
    let added = make_and_register(&client, architecture, order, &args.downloads).await?;
    output::write(&vec![ModelView::from(&added)], args.output.output)
}

/// What is to be built, and where its parts come from.
struct Order {
    name: String,
    /// `None` = random ones.
    weights: Option<String>,
    seed: u64,
    tokenizer: Option<String>,
    licence: String,
    declared: ModelCard,
    replace: bool,
}

async fn make_and_register(
    client: &Client,
    architecture: &zoo::Architecture,
    order: Order,
    settings: &DownloadArgs,
) -> Result<pb::Model, CliError> {
    let Order { name, weights, seed, tokenizer, licence, declared, replace } = order;
    let downloads = Downloads::new(settings)?;
    let mut fetched = Vec::new();
    let (weights, source) = weights_of(weights.as_deref(), seed, &downloads, &mut fetched).await?;
    let built = make(architecture, &weights)?;
    let tokenizer = match &tokenizer {
        Some(tokenizer) => Some(downloads.get(tokenizer, None).await?),
        None => None,
    };
    let path = tokenizer.as_ref().map(|tokenizer| tokenizer.path.as_path());
    let registration = Registration { name, tokenizer: path, source, licence, declared, replace };
    let added = register(client, architecture, &weights, &built, registration).await?;
    fetched.extend(tokenizer);
    downloads::tidy(&fetched);
    Ok(added)
}

fn make(architecture: &zoo::Architecture, weights: &zoo::Weights) -> Result<zoo::Built, CliError> {
    let built = zoo::build(architecture.name, weights).map_err(|error| downloads::explained(&error))?;
    if !built.unused.is_empty() {
        let (count, some) = (built.unused.len(), some_of(&built.unused));
        output::note(&format!("note: {count} weights of the file are not used: {some}"));
    }
    Ok(built)
}

/// The weights to build with, and what to call them.
async fn weights_of(
    source: Option<&str>,
    seed: u64,
    downloads: &Downloads,
    fetched: &mut Vec<fetch::Fetched>,
) -> Result<(zoo::Weights, String), CliError> {
    let Some(source) = source else {
        return Ok((zoo::Weights::Random { seed }, format!("furlong zoo, seed {seed}")));
    };
    let weights = downloads.get(source, None).await?;
    let read = zoo::Weights::of_file(&weights.path).map_err(|error| downloads::explained(&error))?;
    let source = format!("furlong zoo, weights {}", weights.source);
    fetched.push(weights);
    Ok((read, source))
}

/// Builds and adds what a campaign file declares.
pub(in crate::commands) async fn build_declared(
    client: &Client,
    name: &str,
    architecture: &str,
    declared: &DeclaredModel,
    settings: &DownloadArgs,
) -> Result<pb::Model, CliError> {
    let DeclaredModel { source: _, weights, seed, tokenizer, sha256: _, task, licence, card } = declared.clone();
    let mut declared = ModelCard::default();
    let licence = declare(&DeclaredArgs { card: card.map(PathBuf::from), task, licence }, &mut declared)?;
    let architecture = zoo::architecture(architecture).map_err(|error| downloads::explained(&error))?;
    let order = Order { name: name.to_owned(), weights, seed, tokenizer, licence, declared, replace: false };
    make_and_register(client, architecture, order, settings).await
}

/// Under what a built model becomes known.
pub(in crate::commands) struct Registration<'a> {
    pub(in crate::commands) name: String,
    pub(in crate::commands) tokenizer: Option<&'a Path>,
    /// For people.
    pub(in crate::commands) source: String,
    pub(in crate::commands) licence: String,
    /// What inspecting the file can't tell.
    pub(in crate::commands) declared: ModelCard,
    pub(in crate::commands) replace: bool,
}

/// Uploads what was built, with its card.
pub(in crate::commands) async fn register(
    client: &Client,
    architecture: &zoo::Architecture,
    weights: &zoo::Weights,
    built: &zoo::Built,
    registration: Registration<'_>,
) -> Result<pb::Model, CliError> {
    let Registration { name, tokenizer, source, licence, declared, replace } = registration;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.onnx");
    fs::write(&path, &built.onnx)?;
    let inspected = local::inspect(&path)?.card;
    let card = ModelCard {
        precision: inspected.precision,
        graph: inspected.graph,
        weights: match weights {
            zoo::Weights::Random { seed } => Weights::Random { seed: *seed },
            zoo::Weights::Safetensors(_) => Weights::Trained,
        },
        task: declared.task.or_else(|| Some(architecture.task.to_string().replace(' ', "-"))),
        ..declared
    };
    let uploaded = client.upload(&path).await?;
    let tokenizer_sha256 = match tokenizer {
        Some(tokenizer) => client.upload(tokenizer).await?.sha256.as_bytes().to_vec(),
        None => Vec::new(),
    };
    let request = pb::AddModelRequest {
        name,
        sha256: uploaded.sha256.as_bytes().to_vec(),
        tokenizer_sha256,
        source,
        licence,
        replace,
        files: Vec::new(),
        card: Some(card.into()),
    };
    Ok(client.artifacts().add_model(request).await?.into_inner())
}

fn write_out(built: &zoo::Built, path: &Path) -> Result<(), CliError> {
    fs::write(path, &built.onnx)
        .map_err(|error| CliError::Invalid(format!("cannot write `{}`: {error}", path.display())))?;
    let (bytes, parameters) = (domain::units::bytes(built.onnx.len() as u64), output::count(built.parameters));
    output::line(&format!("{}: {} with {parameters} parameters, {bytes}", path.display(), built.name))
}

/// Enough names to see what kind of weights they are.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, ..") } else { shown }
}

//! `models add`: a model with everything it needs, from wherever it is, under a name.

use domain::Digest;
use proto::pb;

use super::{declare, downloads, downloads::Downloads, local};
use crate::{
    args::{AddModelArgs, DeclaredArgs, DownloadArgs},
    client::Client,
    exit::CliError,
    output::{self, ModelView},
};

pub(super) async fn add(args: AddModelArgs) -> Result<(), CliError> {
    let AddModelArgs {
        name,
        file,
        tokenizer,
        sha256,
        source,
        declared,
        downloads,
        replace,
        connection,
        output: format,
    } = args;
    let client = Client::connect(&connection.coordinator).await?;
    let addition = Addition {
        name: &name,
        source: &file,
        tokenizer: tokenizer.as_deref(),
        sha256,
        described_source: &source,
        declared: &declared,
        replace,
    };
    let added = add_from(&client, &addition, &downloads).await?;
    output::write(&vec![ModelView::from(&added)], format.output)
}

/// A model to be added, and where it is.
pub(in crate::commands) struct Addition<'a> {
    pub(in crate::commands) name: &'a str,
    pub(in crate::commands) source: &'a str,
    pub(in crate::commands) tokenizer: Option<&'a str>,
    /// What the ONNX file's must be.
    pub(in crate::commands) sha256: Option<Digest>,
    /// For people; empty = `source`, with its version as found.
    pub(in crate::commands) described_source: &'a str,
    pub(in crate::commands) declared: &'a DeclaredArgs,
    pub(in crate::commands) replace: bool,
}

/// Fetches, inspects, uploads and names it.
pub(in crate::commands) async fn add_from(
    client: &Client,
    addition: &Addition<'_>,
    settings: &DownloadArgs,
) -> Result<pb::Model, CliError> {
    let Addition { name, source, tokenizer, sha256, described_source, declared, replace } = addition;
    let downloads = Downloads::new(settings)?;
    let model = downloads.get(source, *sha256).await?;
    let mut inspected = local::inspect(&model.path)?;
    let licence = declare(declared, &mut inspected.card)?;
    let mut fetched = vec![model.clone()];
    let tokenizer = match tokenizer {
        Some(tokenizer) => Some(downloads.get(tokenizer, None).await?),
        None => None,
    };
    fetched.extend(tokenizer.clone());
    let mut files = Vec::new();
    for location in &inspected.side_files {
        let beside = downloads::beside(&model.source, location)?;
        let file = downloads.fetch(beside, None).await.map_err(|error| needed(source, location, error))?;
        files.push(local::upload_side_file(client, location, &file.path).await?);
        fetched.push(file);
    }
    let uploaded = client.upload(&model.path).await?;
    let tokenizer_sha256 = match tokenizer {
        Some(tokenizer) => client.upload(&tokenizer.path).await?.sha256.as_bytes().to_vec(),
        None => Vec::new(),
    };
    let request = pb::AddModelRequest {
        name: (*name).to_owned(),
        sha256: uploaded.sha256.as_bytes().to_vec(),
        tokenizer_sha256,
        source: if described_source.is_empty() { model.source.to_string() } else { (*described_source).to_owned() },
        licence,
        replace: *replace,
        files,
        card: Some(inspected.card.into()),
    };
    let added = client.artifacts().add_model(request.clone()).await?.into_inner();
    downloads::tidy(&fetched);
    note_if_described_otherwise(&request, &added);
    Ok(added)
}

/// Says why a file is fetched that nobody named.
fn needed(model: &str, location: &str, error: CliError) -> CliError {
    match error {
        CliError::Invalid(text) => {
            CliError::Invalid(format!("`{model}` stores weights in the file `{location}` beside it: {text}"))
        }
        other => other,
    }
}

/// The same content again changes nothing, and whoever gave another description should know.
fn note_if_described_otherwise(request: &pb::AddModelRequest, added: &pb::Model) {
    if request.card != added.card || request.licence != added.licence {
        let name = &added.name;
        output::note(&format!(
            "note: `{name}` was there with the same content, and keeps its description; --replace gives it the new one"
        ));
    }
}

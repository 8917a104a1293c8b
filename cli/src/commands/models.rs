//! `models ls|add`.

use std::path::Path;

use proto::pb;

use crate::{
    args::{AddModelArgs, ListArgs},
    client::Client,
    exit::CliError,
    output::{self, ModelView},
};

pub(super) async fn list(args: ListArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let models = client.artifacts().list_models(pb::ListModelsRequest {}).await?.into_inner().models;
    output::write(&models.iter().map(ModelView::from).collect::<Vec<_>>(), args.output.output)
}

pub(super) async fn add(args: AddModelArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    warn_unless_onnx(&args.file)?;
    let model = client.upload(&args.file).await?;
    let tokenizer = match &args.tokenizer {
        Some(path) => Some(client.upload(path).await?),
        None => None,
    };
    let source = if args.source.is_empty() { args.file.display().to_string() } else { args.source };
    let request = pb::AddModelRequest {
        name: args.name,
        sha256: model.sha256.as_bytes().to_vec(),
        tokenizer_sha256: tokenizer.map(|file| file.sha256.as_bytes().to_vec()).unwrap_or_default(),
        source,
        licence: args.licence,
        replace: args.replace,
    };
    let model = client.artifacts().add_model(request).await?.into_inner();
    output::write(&vec![ModelView::from(&model)], args.output.output)
}

/// A warning and no refusal: what a model is, its runtime decides.
fn warn_unless_onnx(path: &Path) -> Result<(), CliError> {
    /// Larger files are weights for the most part; reading them whole to look at the rest is not worth it.
    const LIMIT_BYTES: u64 = 1 << 30;
    let unreadable = |error: std::io::Error| CliError::Invalid(format!("cannot read `{}`: {error}", path.display()));
    if path.metadata().map_err(unreadable)?.len() > LIMIT_BYTES {
        return Ok(());
    }
    if let Err(error) = onnx::inspect(&std::fs::read(path).map_err(unreadable)?) {
        output::note(&format!("warning: `{}` does not look like a model: {error}; its runs will fail", path.display()));
    }
    Ok(())
}

//! `models ls|add`.

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

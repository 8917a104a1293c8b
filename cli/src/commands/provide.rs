//! What a campaign needs and nobody has yet, made before it is planned: models that the file declares, variants of models.

use domain::{
    Precision,
    campaign::{DeclaredModel, PlanOptions},
};

use super::{
    campaign_file::Source,
    models::{self, Addition},
};
use crate::{
    args::{DeclaredArgs, DownloadArgs},
    builtin::{self, BuiltinModel},
    client::Client,
    exit::CliError,
    output,
};

/// Leaves what can't be made to the plan, which says why at its place in the file.
pub(super) async fn provide(
    client: &Client,
    source: &Source,
    options: &PlanOptions,
    downloads: &DownloadArgs,
) -> Result<(), CliError> {
    let catalog = source.catalog(client).await?;
    let missing = source.file.missing(&catalog);
    // Minutes of downloading and converting for a file that has other faults would be for nothing.
    source.plan_ahead(&catalog, &missing, options)?;
    let declared = source.file.declared_models();
    for (name, model) in missing.models.iter().filter_map(|name| declared.get_key_value(name)) {
        output::note(&format!("adding model `{name}` from {}", model.source));
        add(client, name, model, source, downloads).await?;
    }
    // Only what is there has variants to be made.
    let variants = source.file.missing(&source.catalog(client).await?).variants;
    if variants.is_empty() {
        return Ok(());
    }
    models::make_variants(client, &downloads.data_dir.path(), &variants).await
}

/// A model that is part of the program, with its card and its variants.
async fn add_builtin(
    client: &Client,
    name: &str,
    model: &BuiltinModel,
    downloads: &DownloadArgs,
) -> Result<(), CliError> {
    let folder = tempfile::tempdir()?;
    let path = model.onnx.write(folder.path())?.display().to_string();
    let declared = DeclaredArgs { card: Some(model.card.write(folder.path())?), task: None, licence: None };
    let described = format!("{}{}", builtin::PREFIX, model.name);
    let addition = Addition {
        name,
        source: &path,
        tokenizer: None,
        sha256: None,
        described_source: &described,
        declared: &declared,
        replace: false,
    };
    models::add_from(client, &addition, downloads).await?;
    for (precision, file) in model.variants {
        let precision = Precision::parse(precision).map_err(anyhow::Error::from)?;
        let path = file.write(folder.path())?;
        models::attach_file(client, name.to_owned(), precision, &path, false).await?;
    }
    Ok(())
}

async fn add(
    client: &Client,
    name: &str,
    model: &DeclaredModel,
    source: &Source,
    downloads: &DownloadArgs,
) -> Result<(), CliError> {
    if let Some(architecture) = model.architecture() {
        let beside = |path: &Option<String>| path.as_ref().map(|path| source.beside(path));
        let model = DeclaredModel {
            weights: beside(&model.weights),
            tokenizer: beside(&model.tokenizer),
            card: beside(&model.card),
            ..model.clone()
        };
        models::build_declared(client, name, architecture, &model, downloads).await?;
        return Ok(());
    }
    if let Some(builtin) = model.builtin() {
        return add_builtin(client, name, builtin::model(builtin)?, downloads).await;
    }
    let card = model.card.as_ref().map(|card| source.beside(card).into());
    let declared = DeclaredArgs { card, task: model.task.clone(), licence: model.licence.clone() };
    let (path, tokenizer) = (source.beside(&model.source), model.tokenizer.as_ref().map(|path| source.beside(path)));
    let addition = Addition {
        name,
        source: &path,
        tokenizer: tokenizer.as_deref(),
        sha256: model.sha256,
        described_source: "",
        declared: &declared,
        replace: false,
    };
    models::add_from(client, &addition, downloads).await?;
    Ok(())
}

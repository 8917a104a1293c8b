//! What a campaign needs and nobody has yet, made before it is planned: models that the file declares, variants of models.

use domain::campaign::{DeclaredModel, PlanOptions};

use super::{
    campaign_file::Source,
    models::{self, Addition},
};
use crate::{
    args::{DeclaredArgs, DownloadArgs},
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

async fn add(
    client: &Client,
    name: &str,
    model: &DeclaredModel,
    source: &Source,
    downloads: &DownloadArgs,
) -> Result<(), CliError> {
    if let Some(architecture) = model.architecture() {
        let beside = |path: &Option<String>| path.as_ref().map(|path| source.beside(path));
        let model =
            DeclaredModel { weights: beside(&model.weights), tokenizer: beside(&model.tokenizer), ..model.clone() };
        models::build_declared(client, name, architecture, &model, downloads).await?;
        return Ok(());
    }
    let declared = DeclaredArgs { card: None, task: model.task.clone(), licence: model.licence.clone() };
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

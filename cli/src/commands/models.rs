//! `models`: names for ONNX files, what is known of them, and their variants.

mod add;
mod attach;
mod build;
mod downloads;
mod local;
mod variant;
mod verify;

pub(super) use add::{Addition, add_from};
pub(super) use attach::attach_file;
pub(super) use build::{Registration, build_declared, register};
pub(super) use variant::make_variants;

use domain::ModelCard;
use proto::pb;

use crate::{
    args::{DeclaredArgs, ListArgs, ModelArgs, ModelsCommand, RemoveArgs},
    client::Client,
    exit::CliError,
    output::{self, ModelDetailView, ModelView},
};

pub(super) async fn run(command: ModelsCommand) -> Result<(), CliError> {
    match command {
        ModelsCommand::Ls(args) => list(args).await,
        ModelsCommand::Show(args) => show(args).await,
        ModelsCommand::Add(args) => add::add(*args).await,
        ModelsCommand::Variant(args) => variant::variant(args).await,
        ModelsCommand::Attach(args) => attach::attach(args).await,
        ModelsCommand::Verify(args) => verify::verify(args).await,
        ModelsCommand::Build(args) => build::build(*args).await,
        ModelsCommand::Rm(args) => remove(args).await,
    }
}

async fn list(args: ListArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let request = pb::ListModelsRequest { with_graph: false };
    let models = client.artifacts().list_models(request).await?.into_inner().models;
    output::write(&models.iter().map(ModelView::from).collect::<Vec<_>>(), args.output.output)
}

async fn show(args: ModelArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let model = get(&client, args.name).await?;
    output::write(&detail(model)?, args.output.output)
}

async fn remove(args: RemoveArgs) -> Result<(), CliError> {
    let RemoveArgs { name, precision, connection } = args;
    let client = Client::connect(&connection.coordinator).await?;
    let what = precision.as_ref().map_or_else(|| format!("`{name}`"), |precision| format!("`{precision}` of `{name}`"));
    let precision = precision.map(String::from).unwrap_or_default();
    let request = pb::RemoveModelRequest { name: name.clone(), precision: precision.clone() };
    if client.artifacts().remove_model(request).await?.into_inner().removed {
        return output::line(&format!("removed {what}; campaigns that were submitted keep what they need"));
    }
    if precision.is_empty() {
        return Err(unknown(&client, &name).await);
    }
    // Also an unknown model has no such variant: the better answer is the model's.
    let model = get(&client, name).await?;
    let known: Vec<String> = model.variants.into_iter().map(|variant| variant.precision).collect();
    let known = if known.is_empty() { "it has no variants".to_owned() } else { format!("it has {}", known.join(", ")) };
    Err(CliError::Invalid(format!(
        "there is no variant {what}\nhint: {known}; `furlong models rm NAME` removes the model"
    )))
}

/// A model with everything that is known of it.
async fn get(client: &Client, name: String) -> Result<pb::Model, CliError> {
    match client.artifacts().get_model(pb::GetModelRequest { name: name.clone() }).await {
        Ok(model) => Ok(model.into_inner()),
        Err(status) if status.code() == tonic::Code::NotFound => Err(unknown(client, &name).await),
        Err(status) => Err(status.into()),
    }
}

async fn unknown(client: &Client, name: &str) -> CliError {
    let request = pb::ListModelsRequest { with_graph: false };
    let known = match client.artifacts().list_models(request).await {
        Ok(models) => models.into_inner().models,
        Err(status) => return status.into(),
    };
    let known: Vec<String> = known.into_iter().map(|model| model.name).collect();
    let hint = if known.is_empty() {
        "`furlong models add NAME SOURCE` adds one".to_owned()
    } else {
        format!("the coordinator knows {}", known.join(", "))
    };
    CliError::Invalid(format!("there is no model `{name}`\nhint: {hint}"))
}

fn detail(model: pb::Model) -> Result<ModelDetailView, CliError> {
    let name = model.name.clone();
    ModelDetailView::try_from(model)
        .map_err(|error| anyhow::anyhow!("the coordinator's model `{name}`: {error}").into())
}

/// Puts what a user declares on the card; answers the licence, which stands beside it.
fn declare(args: &DeclaredArgs, card: &mut ModelCard) -> Result<String, CliError> {
    let DeclaredArgs { card: file, task, licence } = args;
    let mut declared = domain::DeclaredCard::default();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::Invalid(format!("cannot read the card `{}`: {error}", path.display())))?;
        declared = domain::DeclaredCard::parse(&path.display().to_string(), &text)
            .map_err(|error| CliError::Invalid(error.to_string()))?;
    }
    declared.task = task.clone().or(declared.task);
    let licence = licence.clone().or(declared.licence.take()).unwrap_or_default();
    declared.declare(card);
    Ok(licence)
}

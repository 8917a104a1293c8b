//! `plan` and `submit`: the campaign file is read, checked and planned here first, so that its errors have their place.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use domain::{
    CampaignId, Digest, FileRef, ModelRef,
    campaign::{CampaignFile, Catalog, Plan},
};
use proto::pb;

use super::{campaigns::show_campaign, watch};
use crate::{
    args::{PlanArgs, SubmitArgs},
    client::{Client, digest_file},
    exit::CliError,
    output::{self, CampaignView, Models, PlanView},
};

/// A campaign file with the files beside it.
pub(super) struct Source {
    /// For messages.
    pub(super) name: String,
    pub(super) text: String,
    file: CampaignFile,
    attachments: BTreeMap<String, (PathBuf, FileRef)>,
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let unreadable =
            |error: std::io::Error| CliError::Invalid(format!("cannot read `{}`: {error}", path.display()));
        let text = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(text).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = String::from_utf8_lossy(valid).lines().count().max(1);
            CliError::Invalid(format!("`{}` is not UTF-8 text: see line {line}", path.display()))
        })?;
        Self::parse(&path.display().to_string(), text, path.parent().unwrap_or(Path::new("")))
    }

    /// `folder` is where the paths in the file start.
    pub(super) fn parse(name: &str, text: String, folder: &Path) -> Result<Self, CliError> {
        let file = CampaignFile::parse(name, &text).map_err(|error| CliError::Invalid(error.to_string()))?;
        let mut attachments = BTreeMap::new();
        for path in file.attachment_paths() {
            let on_disk = folder.join(&path);
            // A missing file is reported by the plan, which knows its place in the campaign file.
            if on_disk.is_file() {
                let (sha256, size_bytes) = digest_file(&on_disk)?;
                attachments.insert(path.clone(), (on_disk, FileRef { path, sha256, size_bytes }));
            }
        }
        Ok(Self { name: name.to_owned(), text, file, attachments })
    }

    async fn plan(&self, client: &Client) -> Result<Plan, CliError> {
        let mut models = BTreeMap::new();
        for model in client.artifacts().list_models(pb::ListModelsRequest {}).await?.into_inner().models {
            let pb::Model { name, sha256, size_bytes, tokenizer_sha256, .. } = model;
            let wire = pb::ModelRef { name: name.clone(), sha256, size_bytes, tokenizer_sha256 };
            let model = ModelRef::try_from(wire)
                .map_err(|error| anyhow::anyhow!("the coordinator's model `{name}`: {error}"))?;
            models.insert(name, model);
        }
        self.resolve(models)
    }

    /// Takes every model name as known: what can be said without a coordinator.
    fn plan_unchecked(&self) -> Result<Plan, CliError> {
        let unknown = Digest::of(b"");
        let model = |name: String| {
            let model =
                ModelRef { name: name.clone(), sha256: unknown, size_bytes: 0, tokenizer_sha256: Some(unknown) };
            (name, model)
        };
        self.resolve(self.file.model_names().into_iter().map(model).collect())
    }

    fn resolve(&self, models: BTreeMap<String, ModelRef>) -> Result<Plan, CliError> {
        let attachments = self.attachments.iter().map(|(path, (_, text))| (path.clone(), text.clone())).collect();
        self.file.plan(&Catalog { models, attachments }).map_err(|error| CliError::Invalid(error.to_string()))
    }

    /// Uploads what is missing, then submits the text once.
    pub(super) async fn submit(&self, client: &Client, idempotency_key: String) -> Result<pb::Campaign, CliError> {
        let _checked = self.plan(client).await?;
        let mut attachments = Vec::new();
        for (path, (on_disk, _)) in &self.attachments {
            let uploaded = client.upload(on_disk).await?;
            attachments.push(pb::Attachment {
                path: path.clone(),
                sha256: uploaded.sha256.as_bytes().to_vec(),
                size_bytes: uploaded.size_bytes,
            });
        }
        let request = pb::SubmitCampaignRequest {
            yaml: self.text.clone(),
            file_name: self.name.clone(),
            attachments,
            idempotency_key,
        };
        let reply = client.campaigns().submit_campaign(request).await?.into_inner();
        reply.campaign.ok_or_else(|| anyhow::anyhow!("the coordinator answered no campaign").into())
    }
}

pub(super) async fn plan(args: PlanArgs) -> Result<(), CliError> {
    let source = Source::read(&args.file)?;
    let view = match Client::connect(&args.connection.coordinator).await {
        Ok(client) => PlanView::new(&source.plan(&client).await?, Models::Known),
        Err(CliError::Unreachable { uri, why }) => {
            output::note(&format!("warning: the models are not checked: no coordinator answers at {uri} ({why})"));
            PlanView::new(&source.plan_unchecked()?, Models::Unchecked)
        }
        Err(error) => return Err(error),
    };
    output::write(&view, args.output.output)
}

pub(super) async fn submit(args: SubmitArgs) -> Result<(), CliError> {
    let source = Source::read(&args.file)?;
    let client = Client::connect(&args.connection.coordinator).await?;
    let campaign = source.submit(&client, args.idempotency_key.unwrap_or_default()).await?;
    let id = CampaignId(campaign.id);
    if !args.wait {
        return output::write(&vec![CampaignView::from(&campaign)], args.output.output);
    }
    output::note(&format!("submitted {id} {} ({} cells)", campaign.name, campaign.cells));
    let ended = watch::follow(&client, id).await?;
    show_campaign(&client, id, args.output.output).await?;
    watch::verdict(&ended)
}

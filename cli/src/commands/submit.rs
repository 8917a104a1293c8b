//! `submit`: the campaign file is read, checked and planned here first, so that its errors have their place; then what it
//! needs is made or uploaded, and its text sent once.

use std::path::Path;

use domain::{CampaignId, campaign::PlanOptions};
use proto::pb;

use super::{campaign_file::Source, campaigns::show_campaign, provide, watch};
use crate::{
    args::SubmitArgs,
    client::Client,
    exit::CliError,
    output::{self, CampaignView},
};

impl Source {
    /// Uploads what is missing, then submits the text once.
    pub(super) async fn submit(
        &self,
        client: &Client,
        options: &PlanOptions,
        idempotency_key: String,
    ) -> Result<pb::Campaign, CliError> {
        let plan = self.plan(&self.catalog(client).await?, options)?;
        for note in &plan.notes {
            output::note(&format!("note: {note}"));
        }
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
            includes: self.includes.clone().into_iter().collect(),
            confirmed: options.ceiling.is_none(),
        };
        let reply = client.campaigns().submit_campaign(request).await?.into_inner();
        reply.campaign.ok_or_else(|| anyhow::anyhow!("the coordinator answered no campaign").into())
    }
}

/// Packs the data sets, if there are any, into a folder that goes with what is returned. It is beside what is downloaded: the
/// system's own place for such files may be small memory.
pub(super) async fn pack(
    source: &mut Source,
    client: &Client,
    data_dir: &Path,
) -> Result<Option<tempfile::TempDir>, CliError> {
    if source.file.dataset_paths().is_empty() {
        return Ok(None);
    }
    let place = data_dir.join("packing");
    std::fs::create_dir_all(&place)?;
    let folder = tempfile::tempdir_in(place)?;
    source.pack(&source.catalog(client).await?, folder.path())?;
    Ok(Some(folder))
}

pub(super) async fn submit(args: SubmitArgs) -> Result<(), CliError> {
    let mut source = Source::read(&args.file)?;
    let client = Client::connect(&args.connection.coordinator).await?;
    let options = if args.yes { PlanOptions { ceiling: None } } else { PlanOptions::default() };
    provide::provide(&client, &source, &options, &args.downloads).await?;
    let packed = pack(&mut source, &client, &args.downloads.data_dir.path()).await?;
    let campaign = source.submit(&client, &options, args.idempotency_key.unwrap_or_default()).await?;
    drop(packed);
    let id = CampaignId(campaign.id);
    if !args.wait {
        return output::write(&vec![CampaignView::from(&campaign)], args.output.output);
    }
    output::note(&format!("submitted {id} {} ({} cells)", campaign.name, campaign.cells));
    let ended = watch::follow(&client, id).await?;
    let missed = show_campaign(&client, id, args.output.output).await?;
    watch::verdict(&ended, missed)
}

//! `ls`, `show`, `cancel`.

use domain::{CampaignId, RunId, campaign::CampaignFile};
use proto::pb;

use crate::{
    args::{CampaignArgs, Format, ListArgs, ShowArgs},
    client::Client,
    exit::CliError,
    output::{self, AccuracyView, CampaignView, CellView, ReferenceView, RunView},
};

pub(super) async fn list(args: ListArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let request = pb::ListCampaignsRequest { limit: 0, before_id: 0 };
    let campaigns = client.campaigns().list_campaigns(request).await?.into_inner().campaigns;
    output::write(&campaigns.iter().map(CampaignView::from).collect::<Vec<_>>(), args.output.output)
}

pub(super) async fn cancel(args: CampaignArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    let request = pb::CancelCampaignRequest { id: args.campaign.0 };
    let campaign = client.campaigns().cancel_campaign(request).await?.into_inner();
    output::write(&vec![CampaignView::from(&campaign)], args.output.output)
}

pub(super) async fn show(args: ShowArgs) -> Result<(), CliError> {
    let client = Client::connect(&args.connection.coordinator).await?;
    if args.id.starts_with("r-") {
        let id: RunId = args.id.parse().map_err(|error| CliError::Invalid(format!("{error}")))?;
        let request = pb::GetRunRequest { id: id.0, with_samples: args.samples };
        let detail = client.results().get_run(request).await?.into_inner();
        return output::write(&RunView::try_from(&detail).map_err(anyhow::Error::from)?, args.output.output);
    }
    let id: CampaignId = args.id.parse().map_err(|error| {
        CliError::Invalid(format!("{error}\nhint: `furlong show c-1` shows a campaign, `furlong show r-1` a run"))
    })?;
    show_campaign(&client, id, args.output.output).await?;
    Ok(())
}

/// A campaign and its table of cells. Answers the cells that are less accurate than the campaign asks for.
pub(super) async fn show_campaign(client: &Client, id: CampaignId, format: Format) -> Result<Vec<u32>, CliError> {
    let campaign = client.campaigns().get_campaign(pb::GetCampaignRequest { id: id.0 }).await?.into_inner();
    let request = pb::SummarizeCampaignRequest { campaign_id: id.0 };
    let cells = client.results().summarize_campaign(request).await?.into_inner().cells;
    if format == Format::Table {
        let view = CampaignView::from(&campaign);
        let failed = if view.failed > 0 { format!(", {} failed", view.failed) } else { String::new() };
        output::line(&format!("{id} {}: {}, {} of {} runs done{failed}", view.name, view.state, view.done, view.runs))?;
        if let Some(reason) = view.waiting_reason {
            output::line(&format!("waiting: {reason}"))?;
        }
    }
    let mut cells: Vec<CellView> = cells.iter().map(CellView::from).collect();
    agreements(client, &mut cells).await?;
    output::write(&cells, format)?;
    if format == Format::Table {
        let accuracies: Vec<AccuracyView> = cells.iter().filter_map(|cell| cell.accuracy.clone()).collect();
        if !accuracies.is_empty() {
            output::line("")?;
            output::write(&accuracies, format)?;
        }
        references(&campaign, &cells)?;
    }
    if format == Format::Table && cells.iter().any(CellView::is_suspect) {
        output::line("~ from suspect runs only: no run of this cell is valid")?;
        if let Some((run, reason)) = first_suspicion(client, id).await? {
            output::line(&format!("  e.g. {run}: {reason}"))?;
        }
    }
    let missed = cells.iter().filter(|cell| cell.accuracy.as_ref().is_some_and(AccuracyView::is_missed));
    Ok(missed.map(|cell| cell.cell).collect())
}

/// Puts beside each variant how it agrees with its original, if it still is the one that was measured.
async fn agreements(client: &Client, cells: &mut [CellView]) -> Result<(), CliError> {
    if cells.iter().all(|cell| cell.precision.is_none()) {
        return Ok(());
    }
    let request = pb::ListModelsRequest { with_graph: false };
    let models = client.artifacts().list_models(request).await?.into_inner().models;
    for cell in cells.iter_mut().filter(|cell| cell.precision.is_some()) {
        let Some(model) = models.iter().find(|model| model.name == cell.model) else { continue };
        cell.cosine = if cell.is_file(&model.sha256) {
            Some(1.0)
        } else {
            let variant = model.variants.iter().find(|variant| cell.is_file(&variant.sha256));
            variant.and_then(|variant| Some(variant.provenance.as_ref()?.agreement?.cosine_mean))
        };
    }
    Ok(())
}

/// Published figures that the campaign's file states, beside the measured ones.
fn references(campaign: &pb::Campaign, cells: &[CellView]) -> Result<(), CliError> {
    let includes = campaign.includes.clone().into_iter().collect();
    // A file that an earlier version took and this one does not has no references that anybody could have meant.
    let Ok(file) = CampaignFile::parse(&campaign.name, &campaign.yaml, &includes) else { return Ok(()) };
    for reference in file.references() {
        output::line("")?;
        output::write(&ReferenceView::new(reference, cells), Format::Table)?;
    }
    Ok(())
}

/// A suspect run of the campaign, and the first reason against it.
async fn first_suspicion(client: &Client, id: CampaignId) -> Result<Option<(RunId, String)>, CliError> {
    let request = pb::QueryRunsRequest { campaign_id: id.0, limit: 0, cursor: 0 };
    let runs = client.results().query_runs(request).await?.into_inner().runs;
    Ok(runs.into_iter().find_map(|run| {
        let verdict = run.verdict.filter(|verdict| verdict.level() == pb::VerdictLevel::Suspect)?;
        Some((RunId(run.id), verdict.reasons.into_iter().next()?.message))
    }))
}

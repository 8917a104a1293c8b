//! `plan`: what a campaign would measure, how long that takes, and what is missing. Submits nothing and makes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::campaign::{Plan, PlanOptions, PlannedCell};
use domain::{CellSpec, Digest};
use proto::pb;

use super::campaign_file::Source;
use crate::{
    args::{PlanArgs, PlanFormat},
    client::Client,
    exit::CliError,
    output::{self, Absent, Known, PlanView},
};

pub(super) async fn plan(args: PlanArgs) -> Result<(), CliError> {
    let source = Source::read(&args.file)?;
    let options = if args.yes { PlanOptions { ceiling: None } } else { PlanOptions::default() };
    let client = match Client::connect(&args.connection.coordinator).await {
        Ok(client) => Some(client),
        Err(CliError::Unreachable { uri, why }) => {
            output::note(&format!(
                "warning: models and devices are not checked: no coordinator answers at {uri} ({why})"
            ));
            None
        }
        Err(error) => return Err(error),
    };
    let catalog = match &client {
        Some(client) => source.catalog(client).await?,
        None => source.alone(),
    };
    let missing = source.file.missing(&catalog);
    let plan = source.plan_ahead(&catalog, &missing, &options)?;
    if let Some(number) = args.cell {
        return show_cell(&plan, number, args.output);
    }
    let seen = match &client {
        Some(client) => history(client, &plan).await?,
        None => BTreeMap::new(),
    };
    let (declared, models) =
        missing.models.into_iter().partition(|name| source.file.declared_models().contains_key(name));
    let absent = Absent { models, declared, variants: missing.variants, devices: missing.devices };
    let known = if client.is_some() { Known::All(&catalog.devices) } else { Known::Nothing };
    let view = PlanView::new(&plan, known, absent, |cell| estimate(cell, &seen));
    match args.output {
        PlanFormat::Table => output::write(&view, crate::args::Format::Table),
        PlanFormat::Json => output::write(&view, crate::args::Format::Json),
        PlanFormat::Yaml => Err(CliError::Invalid("`-o yaml` prints one cell: add --cell N".to_owned())),
    }
}

fn show_cell(plan: &Plan, number: u32, format: PlanFormat) -> Result<(), CliError> {
    let Some(cell) = plan.cells.iter().find(|cell| cell.number == number) else {
        return Err(CliError::Invalid(format!(
            "there is no cell {number}\nhint: the plan has cells 1 to {}",
            plan.cells.len()
        )));
    };
    match format {
        PlanFormat::Json => output::write(&output::ResolvedCellView::new(cell), crate::args::Format::Json),
        // A cell has more settings than a table has columns.
        PlanFormat::Table | PlanFormat::Yaml => output::line(cell.to_yaml().trim_end()),
    }
}

/// How long an attempt at each of the plan's combinations took, for those that were measured before.
async fn history(client: &Client, plan: &Plan) -> Result<BTreeMap<Digest, Duration>, CliError> {
    let keys = plan.cells.iter().map(|cell| cell.key.as_bytes().to_vec()).collect();
    let cells = client.campaigns().estimate_cells(pb::EstimateCellsRequest { keys }).await?.into_inner().cells;
    let cells = cells.into_iter().map(|estimate| {
        let key =
            Digest::try_from(estimate.key.as_slice()).map_err(|error| anyhow::anyhow!("an estimate's key: {error}"))?;
        Ok((key, Duration::from_nanos(estimate.attempt_ns)))
    });
    cells.collect()
}

/// Time of one run: as it was, or the least that its rule allows.
fn estimate(cell: &PlannedCell, seen: &BTreeMap<Digest, Duration>) -> (Duration, bool) {
    match seen.get(&cell.key) {
        Some(known) => (*known, true),
        None => (at_least(&cell.spec), false),
    }
}

/// Warm-up, measuring, and the start and end of a process. What a slow model takes beyond that only its history tells.
fn at_least(spec: &CellSpec) -> Duration {
    /// Loading a model of some 100 MB, and looking at the placement: a second or two on the machine this was written on.
    const AROUND: Duration = Duration::from_secs(2);
    spec.warmup.min_duration + spec.measure.min_duration + AROUND
}

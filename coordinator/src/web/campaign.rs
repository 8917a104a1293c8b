//! One campaign: how far it is, one row a cell, then its runs.

use std::collections::BTreeMap;

use domain::{CampaignId, CampaignState, RunMode, VerdictLevel, units};
use maud::{Markup, html};
use tracing::warn;

use super::{
    accuracy,
    layout::{Page, campaign_badge, page, progress, run_badge, simulated, verdict_badge},
    run::link,
};
use crate::{
    engine::Engine,
    store::{RunFigures, StoreError},
    summary::{CellFigures, CellSummary, summarize},
};

/// Runs listed; the rest is for the command line.
const RUN_LIMIT: usize = 500;

/// `None`: there is no such campaign.
pub(super) async fn render(engine: &Engine, id: CampaignId) -> Result<Option<Markup>, StoreError> {
    let store = engine.store();
    let Some(view) = engine.campaign(id).await? else { return Ok(None) };
    let runs = store.run_figures(id).await?;
    let specs = store.cells(id).await?;
    // The page of latencies is not lost because predictions can't be read.
    let accuracies = engine.accuracies(id, &specs).await.unwrap_or_else(|error| {
        warn!(campaign.id = %id, error = &error as &dyn std::error::Error, "accuracies could not be read");
        BTreeMap::new()
    });
    let cells = summarize(specs, &runs);
    let record = &view.record;
    let body = html! {
        p {
            (campaign_badge(record.state)) " " span.note {
                (record.id) ", submitted " (record.created_at)
                @if let Some(finished) = record.finished_at { ", ended " (finished) }
            }
        }
        (progress(&record.runs))
        @if let Some(reason) = &view.waiting { p.warning { "Waiting: " (reason) } }
        section { h2 { "Cells" } (cell_table(&cells))
            p.note { "Medians over valid runs (~ over suspect runs, where none is valid); spread is the coefficient of variation of the runs' p50; - where a run has too few samples for a percentile. Energy is that of one inference, with how much of the device its readings cover; it is shown only where that of every run may be set beside others." } }
        @if !accuracies.is_empty() {
            section { h2 { "Accuracy" } (accuracy::table(&cells, &accuracies))
                p.note { "Intervals are of 95 %. A verdict compares both models on the same examples." } }
        }
        section { h2 { "Runs" } (run_table(&runs[..runs.len().min(RUN_LIMIT)]))
            @if runs.len() > RUN_LIMIT { p.note { "The first " (RUN_LIMIT) " of " (runs.len()) " runs." } } }
    };
    let refresh = record.state == CampaignState::Running;
    Ok(Some(page(Page { title: &record.name, refresh }, &body)))
}

fn cell_table(cells: &[CellSummary]) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Statistics of each cell" }
            thead { tr {
                th.number scope="col" { "#" } th scope="col" { "Cell" } th scope="col" { "Devices" }
                th.number scope="col" { "p50" } th.number scope="col" { "p90" } th.number scope="col" { "p99" }
                th.number scope="col" { "Samples/s" } th.number scope="col" { "Spread" } th.number scope="col" { "Load" }
                th.number scope="col" { "Peak RSS" } th.number scope="col" { "Energy" } th scope="col" { "Runs" }
            } }
            tbody { @for cell in cells { tr {
                td.number { (cell.cell) }
                th scope="row" { (cell.spec.describe()) }
                td { (cell.devices.join(", ")) @if let Some(board) = &cell.simulated { " " (simulated(board)) } }
                @if let Some(figures) = &cell.figures {
                    @let suspicion = if figures.basis == VerdictLevel::Suspect { "~" } else { "" };
                    td.number { (suspicion) (units::duration_ns(figures.p50_ns)) }
                    @for percentile in [figures.p90_ns, figures.p99_ns] {
                        td.number { @if let Some(ns) = percentile { (suspicion) (units::duration_ns(ns)) } @else { "-" } }
                    }
                    td.number { (units::per_second(figures.throughput_per_s)) }
                    td.number { @if let Some(spread) = figures.spread_p50 { (units::percent(spread)) } @else { span.note { "one run" } } }
                    td.number { (units::duration_ns(u64::try_from(figures.session_load.as_nanos()).unwrap_or(u64::MAX))) }
                    td.number { (units::bytes(figures.peak_rss_bytes)) }
                    (energy(figures, suspicion))
                } @else {
                    td.note colspan="8" { @if cell.done > 0 { "no usable run" } @else { "not measured yet" } }
                }
                td { (verdicts(cell)) @if let Some(failure) = &cell.failure { p.warning { (failure) } } }
            } } }
        } }
    }
}

/// Joules of an inference with their scope, or why there are none.
fn energy(figures: &CellFigures, suspicion: &str) -> Markup {
    html! {
        @match (&figures.energy, &figures.no_energy) {
            (Some(energy), _) => {
                td.number {
                    (suspicion) (units::joules(energy.per_inference_j)) " " span.note { (energy.scope.name()) }
                }
            }
            (None, Some(why)) => { td.note { (why) } }
            (None, None) => { td.number { "-" } }
        }
    }
}

fn verdicts(cell: &CellSummary) -> Markup {
    html! {
        (cell.done) "/" (cell.total)
        @for (count, name) in [(cell.valid, "valid"), (cell.suspect, "suspect"), (cell.invalid, "invalid"), (cell.failed, "failed")] {
            @if count > 0 { " " span class={ "badge " (name) } { (count) " " (name) } }
        }
    }
}

fn run_table(runs: &[RunFigures]) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Runs in plan order, repeats of suspect ones last" }
            thead { tr {
                th scope="col" { "Run" } th.number scope="col" { "Cell" } th.number scope="col" { "Repetition" }
                th scope="col" { "State" } th scope="col" { "Device" } th.number scope="col" { "Attempts" }
                th.number scope="col" { "p50" } th.number scope="col" { "p99" } th scope="col" { "Verdict" }
            } }
            tbody { @for run in runs { tr {
                th scope="row" { (link(run.id)) @if let Some(suspect) = run.repeats { " " span.note { "repeats " (link(suspect)) } } }
                td.number { (run.cell) }
                td.number { @if run.mode == RunMode::Accuracy { "accuracy" } @else { (run.repetition) } }
                td { (run_badge(run.state)) }
                td {
                    (run.device.as_deref().unwrap_or_default())
                    @if let Some(board) = run.measured.as_ref().and_then(|measured| measured.simulated.as_ref()) { " " (simulated(board)) }
                }
                td.number { (run.attempts) }
                @match &run.measured {
                    None => { td {} td {} }
                    Some(measured) => {
                        td.number { (units::duration_ns(measured.p50_ns)) }
                        td.number { (measured.p99_ns.map_or("-".to_owned(), units::duration_ns)) }
                    }
                }
                td {
                    @if let Some(measured) = &run.measured { (verdict_badge(measured.verdict)) }
                    @if let Some(failure) = &run.failure { (failure.kind) ": " (failure.message) }
                }
            } } }
        } }
    }
}

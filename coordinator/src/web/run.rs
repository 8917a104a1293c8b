//! One run: its verdict, its figures, its latencies drawn, its energy and heat, where and under which circumstances it ran, and the evidence of
//! every attempt.

mod attempts;
mod energy;
mod environment;
mod figures;
mod placement;
mod scenario;
mod verdict;

use domain::{RunId, RunMode, units};
use maud::{Markup, html};
use tracing::warn;

use super::{
    accuracy, chart,
    layout::{Page, page, run_badge, simulated, verdict_badge},
};
use crate::{
    engine::Engine,
    store::{MeasurementRecord, RunPage, RunRecord, StoreError},
};

/// `None`: there is no such run.
pub(super) async fn render(engine: &Engine, id: RunId) -> Result<Option<Markup>, StoreError> {
    let store = engine.store();
    let Some(run) = store.runs(RunPage::One(id), 1).await?.pop() else { return Ok(None) };
    let attempts = store.attempts(id).await?;
    let results = match &run.measured {
        Some(measured) => results(engine, &run, measured).await?,
        None => Markup::default(),
    };
    let title = format!("Run {id}");
    let body = html! {
        (heading(&run))
        (results)
        section { h2 { "Attempts" } (attempts::list(&attempts)) }
    };
    Ok(Some(page(Page { title: &title, refresh: !run.state.is_ended() }, &body)))
}

fn heading(run: &RunRecord) -> Markup {
    html! {
        p {
            (run_badge(run.state)) " "
            @if let Some(measured) = &run.measured { (verdict_badge(measured.verdict.level)) " " }
            a href=(format!("/c/{}", run.campaign.0)) { "campaign " (run.campaign) }
            ", cell " (run.cell)
            @match run.mode {
                RunMode::Performance => { ", repetition " (run.repetition) }
                RunMode::Accuracy => ", accuracy over its data set",
            }
            @if let Some(device) = &run.device { ", on " (device) }
            @if let Some(board) = run.measured.as_ref().and_then(|measured| measured.simulated.as_ref()) { " " (simulated(board)) }
        }
        @if let Some(suspect) = run.repeats {
            p.note { "It repeats " (link(suspect)) ", which is suspect." }
        }
        @if let Some(repeat) = run.repeated_by {
            p.note { "It is suspect, and " (link(repeat)) " repeats it." }
        }
        p { (run.spec.describe()) }
    }
}

pub(super) fn link(run: RunId) -> Markup {
    html! { a href=(format!("/r/{}", run.0)) { (run) } }
}

async fn results(engine: &Engine, run: &RunRecord, measured: &MeasurementRecord) -> Result<Markup, StoreError> {
    let latencies = latencies(engine, run.id).await?;
    let placement = engine.store().placement(run.id).await?;
    let energy = energy::section(engine, run.id, measured).await?;
    let steady = measured.statistics.as_ref().map(|statistics| &statistics.steady);
    let MeasurementRecord { measurement, env_id, verdict, .. } = measured;
    Ok(html! {
        (verdict::section(verdict))
        @if let Some(record) = &measurement.accuracy { (accuracy::section(record)) }
        (figures::section(run.spec.scenario, measured))
        @if !latencies.is_empty() {
            section { h2 { "Latency over the run" } (chart::over_time(&latencies, steady)) }
            section { h2 { "Share of queries at most this slow" } (chart::cumulative(&latencies)) }
        }
        (energy)
        (scenario::section(&run.spec, measured))
        (placement::section(run.spec.require.as_ref(), placement.as_ref(), measurement.placement_problem.as_deref()))
        (environment::section(&measurement.environment, env_id.as_ref()))
    })
}

/// In nanoseconds, in issue order; none if they cannot be read, because the rest of the page can.
async fn latencies(engine: &Engine, run: RunId) -> Result<Vec<u64>, StoreError> {
    let Some(samples) = engine.store().samples(run).await? else { return Ok(Vec::new()) };
    match tokio::task::spawn_blocking(move || analysis::samples::decode(&samples)).await {
        Ok(Ok(latencies)) => Ok(latencies),
        Ok(Err(error)) => {
            warn!(run.id = %run, %error, "stored samples cannot be read");
            Ok(Vec::new())
        }
        Err(error) => {
            warn!(run.id = %run, %error, "reading stored samples failed");
            Ok(Vec::new())
        }
    }
}

fn duration(duration: std::time::Duration) -> String {
    units::duration_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// Pairs of a name and a value.
fn facts(facts: &[(&str, String)]) -> Markup {
    html! { dl { @for (name, value) in facts { dt { (name) } dd { (value) } } } }
}

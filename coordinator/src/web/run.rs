//! One run: its figures, its latencies drawn, its environment, and the evidence of every attempt.

use domain::{AttemptState, Environment, Failure, Measurement, RunId, Timestamp, Verdict, units};
use maud::{Markup, html};
use tracing::warn;

use super::{
    campaign::describe,
    chart,
    layout::{Page, page, run_badge, verdict_badge},
};
use crate::{
    engine::{Engine, decode_samples},
    store::{AttemptRecord, RunPage, RunRecord, StoreError},
};

/// `None`: there is no such run.
pub(super) async fn render(engine: &Engine, id: RunId) -> Result<Option<Markup>, StoreError> {
    let store = engine.store();
    let Some(run) = store.runs(RunPage::One(id), 1).await?.pop() else { return Ok(None) };
    let attempts = store.attempts(id).await?;
    let samples = samples(engine, &run).await?;
    let title = format!("Run {id}");
    let body = html! {
        p {
            (run_badge(run.state)) " "
            @if let Some(verdict) = &run.verdict { (verdict_badge(verdict.level)) " " }
            a href=(format!("/c/{}", run.campaign.0)) { "campaign " (run.campaign) }
            ", cell " (run.cell) ", repetition " (run.repetition)
            @if let Some(device) = &run.device { ", on " (device) }
        }
        p { (describe(&run.spec)) }
        @if let Some(verdict) = &run.verdict { (reasons(verdict)) }
        @if let Some(measurement) = &run.measurement {
            (figures(measurement))
            @if !samples.is_empty() {
                section { h2 { "Latency over the run" } (chart::over_time(&samples)) }
                section { h2 { "Share of queries at most this slow" } (chart::cumulative(&samples)) }
            }
            (environment(&measurement.environment))
        }
        section { h2 { "Attempts" } (attempt_list(&attempts)) }
    };
    Ok(Some(page(Page { title: &title, refresh: !run.state.is_ended() }, &body)))
}

async fn samples(engine: &Engine, run: &RunRecord) -> Result<Vec<u64>, StoreError> {
    let Some(measurement) = &run.measurement else { return Ok(Vec::new()) };
    let Some((pco, quantum_ns)) = engine.store().samples(run.id).await? else { return Ok(Vec::new()) };
    let count = measurement.samples.count;
    match tokio::task::spawn_blocking(move || decode_samples(&pco, count, quantum_ns)).await {
        Ok(Ok(samples)) => Ok(samples),
        Ok(Err(error)) => {
            warn!(run.id = %run.id, %error, "stored samples cannot be read");
            Ok(Vec::new())
        }
        Err(error) => {
            warn!(run.id = %run.id, %error, "reading stored samples failed");
            Ok(Vec::new())
        }
    }
}

fn reasons(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.reasons.is_empty() {
            ul.warning { @for reason in &verdict.reasons { li { code { (reason.code) } " " (reason.message) } } }
        }
    }
}

fn figures(measurement: &Measurement) -> Markup {
    let latency = &measurement.latency;
    let nanoseconds =
        |duration: std::time::Duration| units::duration_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    let percentiles = [
        ("min", latency.min_ns),
        ("p50", latency.p50_ns),
        ("p90", latency.p90_ns),
        ("p95", latency.p95_ns),
        ("p99", latency.p99_ns),
        ("p99.9", latency.p999_ns),
        ("max", latency.max_ns),
    ];
    html! {
        section {
            h2 { "Figures" }
            div.scroll { table {
                caption.hidden { "Latency percentiles" }
                thead { tr { @for (name, _) in percentiles { th.number scope="col" { (name) } } } }
                tbody { tr { @for (_, ns) in percentiles { td.number { (units::duration_ns(ns)) } } } }
            } }
            dl {
                dt { "Queries" } dd { (measurement.samples.count) " in " (nanoseconds(measurement.measured)) ", after " (measurement.warmup_iterations) " to warm up" }
                dt { "Throughput" } dd { (units::per_second(measurement.throughput_per_s())) ", batch " (measurement.batch) }
                dt { "Loading" } dd { "runtime " (nanoseconds(measurement.runtime_load)) ", session " (nanoseconds(measurement.session_load)) ", first inference " (nanoseconds(measurement.first_inference)) }
                dt { "Memory" } dd { "peak " (units::bytes(measurement.peak_rss_bytes)) ", at the end " (units::bytes(measurement.end_rss_bytes)) }
                dt { "Began" } dd { (measurement.started_at) " by the device's clock" }
                dt { "Inputs" } dd { @for input in &measurement.inputs { code { (input) } " " } }
                dt { "Outputs" } dd { @for output in &measurement.outputs { code { (output) } " " } }
            }
        }
    }
}

fn environment(environment: &Environment) -> Markup {
    let Environment {
        agent_version,
        runtime_version,
        runtime_build,
        provider,
        cpu_model,
        isa,
        cores,
        kernel,
        governor,
        foreign_cpu_share,
        involuntary_switches,
        load_average,
        autogroup_raised,
    } = environment;
    html! {
        section {
            h2 { "Environment" }
            dl {
                dt { "Processor" } dd { (cpu_model) ", " (cores) " cores" }
                dt { "Instruction set" } dd { (isa.join(", ")) }
                dt { "Runtime" } dd { "onnxruntime " (runtime_version) ", " (provider) @if !runtime_build.is_empty() { p.note { (runtime_build) } } }
                dt { "Kernel" } dd { (kernel) }
                dt { "Governor" } dd { (governor.as_deref().unwrap_or("not known")) }
                dt { "Other processes" } dd { @if let Some(share) = foreign_cpu_share { (units::percent(*share)) " of all processors" } @else { "not known" } }
                dt { "Involuntary switches" } dd { @if let Some(switches) = involuntary_switches { (switches) } @else { "not known" } }
                dt { "Load average" } dd { @if let Some(load) = load_average { (format!("{load:.2}")) } @else { "not known" } }
                dt { "Own scheduling group" } dd { @if *autogroup_raised { "raised" } @else { "not raised" } }
                dt { "Agent" } dd { (agent_version) }
            }
        }
    }
}

fn attempt_list(attempts: &[AttemptRecord]) -> Markup {
    html! {
        @if attempts.is_empty() { p.note { "None yet." } }
        ol.attempts { @for attempt in attempts { li {
            strong { (attempt.id) } " on " (attempt.device_name) ", leased " (attempt.leased_at) ": " (outcome(&attempt.state))
        } } }
    }
}

fn outcome(state: &AttemptState) -> Markup {
    let ended = |word: &str, at: &Timestamp| html! { span class={ "badge " (word) } { (word) } " " (at) };
    match state {
        AttemptState::Leased { .. } => html! { span.badge.active { "leased" } },
        AttemptState::Running { phase, .. } => html! { span.badge.active { (phase) } },
        AttemptState::Done { ended_at, .. } => ended("done", ended_at),
        AttemptState::Lost { ended_at, .. } => ended("lost", ended_at),
        AttemptState::Cancelled { ended_at, .. } => ended("cancelled", ended_at),
        AttemptState::Failed { ended_at, failure, .. } => html! { (ended("failed", ended_at)) (evidence(failure)) },
    }
}

fn evidence(failure: &Failure) -> Markup {
    let Failure { kind, message, stderr_tail, exit_code, signal, peak_rss_bytes, phase } = failure;
    html! {
        p.warning { (kind) " failure while " (phase) ": " (message) }
        p.note {
            @if let Some(code) = exit_code { "exit code " (code) ". " }
            @if let Some(signal) = signal { "signal " (signal) ". " }
            @if let Some(bytes) = peak_rss_bytes { "peak RSS " (units::bytes(*bytes)) "." }
        }
        @if !stderr_tail.is_empty() { details { summary { "Standard error" } pre { (stderr_tail) } } }
    }
}

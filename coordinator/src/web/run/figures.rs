//! Latency with what is known about its certainty, how it developed, and what else was counted.

use domain::{Estimate, LatencySummary, Scenario, Statistics, SteadyClass, SteadyState, units};
use maud::{Markup, html};

use super::{duration, facts};
use crate::store::MeasurementRecord;

pub(super) fn section(scenario: Scenario, measured: &MeasurementRecord) -> Markup {
    let samples = measured.measurement.samples.count;
    html! {
        section {
            h2 { "Figures" }
            @match &measured.statistics {
                Some(statistics) => {
                    (estimates(scenario, &statistics.estimates, samples.into()))
                    (facts(&spread(statistics, samples)))
                }
                None => {
                    (percentiles(&measured.latency))
                    p.note { "Stored by an earlier version, which did not compute how certain these are." }
                }
            }
            (counted(measured))
        }
        @if let Some(statistics) = &measured.statistics {
            section { h2 { "Steadiness" } (facts(&steadiness(&statistics.steady, samples))) }
        }
    }
}

fn estimates(scenario: Scenario, estimates: &[Estimate], samples: u64) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Latency percentiles with their certainty" }
            thead { tr {
                th scope="col" { "Percentile" } th.number scope="col" { "Latency" }
                th.number scope="col" { "95 % interval" } th.number scope="col" { "Early stopping, 99 % sure" }
            } }
            tbody { @for estimate in estimates { tr {
                th scope="row" {
                    (estimate.percentile)
                    @if scenario.headline() == Some(estimate.percentile) { " " span.note { "stated for " (scenario.name()) } }
                }
                @if estimate.is_quotable(samples) {
                    td.number { (units::duration_ns(estimate.value_ns)) }
                    td.number { (interval(estimate)) }
                } @else {
                    td.number { (too_few(samples, estimate.needed)) }
                    td.number { "-" }
                }
                td.number {
                    @if let Some(ns) = estimate.early_stopping_ns { (units::duration_ns(ns)) }
                    @else { (too_few(samples, estimate.early_stopping_needed)) }
                }
            } } }
        } }
    }
}

fn interval(estimate: &Estimate) -> Markup {
    let bound = |bound: Option<u64>| bound.map_or_else(|| "no bound".to_owned(), units::duration_ns);
    html! {
        @if estimate.low_ns.is_none() && estimate.high_ns.is_none() { span.note { "the samples depend too much on each other" } }
        @else { (bound(estimate.low_ns)) " to " (bound(estimate.high_ns)) }
    }
}

fn too_few(samples: u64, needed: u64) -> Markup {
    html! { "- " span.note { "n = " (samples) ", " (needed) " needed" } }
}

/// Of a run that has nothing but them.
fn percentiles(latency: &LatencySummary) -> Markup {
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
        div.scroll { table {
            caption.hidden { "Latency percentiles" }
            thead { tr { @for (name, _) in percentiles { th.number scope="col" { (name) } } } }
            tbody { tr { @for (_, ns) in percentiles { td.number { (units::duration_ns(ns)) } } } }
        } }
    }
}

fn spread(statistics: &Statistics, samples: u32) -> Vec<(&'static str, String)> {
    let latency = &statistics.latency;
    vec![
        ("Range", format!("{} to {}", units::duration_ns(latency.min_ns), units::duration_ns(latency.max_ns))),
        (
            "Spread",
            format!(
                "coefficient of variation {}, median absolute deviation {}",
                units::percent(statistics.coefficient_of_variation()),
                units::duration_ns(latency.mad_ns)
            ),
        ),
        ("Independent samples", format!("n_eff = {:.0} of n = {samples}", statistics.effective_samples)),
    ]
}

fn steadiness(steady: &SteadyState, samples: u32) -> Vec<(&'static str, String)> {
    if steady.class == SteadyClass::TooShort {
        return vec![("Class", format!("{}: {samples} samples are too few to tell", steady.class.name()))];
    }
    vec![
        ("Class", steady.class.name().to_owned()),
        (
            "Burst, sustained",
            format!(
                "{}, {} (x{:.2})",
                units::duration_ns(steady.burst_ns),
                units::duration_ns(steady.sustained_ns),
                steady.throttle_ratio()
            ),
        ),
        ("Pieces", format!("{}, steady from query {}", steady.segments.len(), steady.steady_from + 1)),
        ("Outliers", format!("{} of {samples}; none is removed", steady.outlier_count)),
    ]
}

fn counted(measured: &MeasurementRecord) -> Markup {
    let measurement = &measured.measurement;
    html! {
        dl {
            dt { "Queries" } dd { (measurement.samples.count) " in " (duration(measurement.measured)) ", after " (measurement.warmup_iterations) " inferences to warm up" }
            dt { "Throughput" } dd { (units::per_second(measurement.throughput_per_s())) ", " (measurement.samples_per_query) " in a query" }
            dt { "Loading" } dd { "runtime " (duration(measurement.runtime_load)) ", session " (duration(measurement.session_load)) ", first inference " (duration(measurement.first_inference)) }
            dt { "Memory" } dd { "peak " (units::bytes(measurement.peak_rss_bytes)) ", at the end " (units::bytes(measurement.end_rss_bytes)) }
            dt { "Began" } dd { (measurement.started_at) " by the device's clock" }
            dt { "Inputs" } dd { @for input in &measurement.inputs { code { (input) } " " } }
            dt { "Outputs" } dd { @for output in &measurement.outputs { code { (output) } " " } }
        }
    }
}

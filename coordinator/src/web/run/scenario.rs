//! The load: what was asked for, why it ended, and what a server held.

use domain::{CellSpec, Percentile, Scenario, Trial, units};
use maud::{Markup, html};

use super::facts;
use crate::store::MeasurementRecord;

pub(super) fn section(cell: &CellSpec, measured: &MeasurementRecord) -> Markup {
    let measurement = &measured.measurement;
    let rule = &cell.measure;
    let counted = if cell.scenario == Scenario::Offline { "samples" } else { "queries" };
    let mut lines = vec![
        ("Pattern", cell.scenario.to_string()),
        (
            "Rule",
            format!(
                "at least {} {counted} and {:?}, at most {:?}",
                rule.min_queries, rule.min_duration, rule.max_duration
            ),
        ),
        ("Ended", measurement.stop.name().to_owned()),
    ];
    lines.extend(measurement.rate.map(|rate| ("Offered", rate.to_string())));
    if let Scenario::Server { percentile, .. } = cell.scenario {
        lines.extend(server(percentile, measured));
    }
    html! {
        section {
            h2 { "Scenario" }
            (facts(&lines))
            @if !measurement.trials.is_empty() { (trials(&measurement.trials)) }
        }
    }
}

fn server(percentile: Percentile, measured: &MeasurementRecord) -> Vec<(&'static str, String)> {
    let Some(statistics) = &measured.statistics else { return Vec::new() };
    let queries = measured.measurement.samples.count;
    let mut lines = Vec::new();
    if let Some(over) = statistics.over_latency {
        #[expect(clippy::cast_precision_loss, reason = "a share to a digit")]
        let share = over as f64 / f64::from(queries.max(1));
        let allowed = units::percent(1.0 - percentile.fraction());
        lines.push((
            "Over the target latency",
            format!("{over} of {queries} ({}), {allowed} allowed", units::percent(share)),
        ));
    }
    if let Some(slip) = &statistics.slip {
        let [p50, p99, max] = [slip.p50_ns, slip.p99_ns, slip.max_ns].map(units::duration_ns);
        lines.push(("Issued late by", format!("p50 {p50}, p99 {p99}, at most {max}")));
    }
    lines
}

fn trials(trials: &[Trial]) -> Markup {
    html! {
        div.scroll { table {
            caption { "Search for the greatest rate" }
            thead { tr {
                th.number scope="col" { "Trial" } th.number scope="col" { "Rate" } th.number scope="col" { "Queries" }
                th.number scope="col" { "Over latency" } th scope="col" { "Outcome" }
            } }
            tbody { @for (number, Trial { rate, queries, over_latency, passed }) in (1_u32..).zip(trials) { tr {
                th.number scope="row" { (number) }
                td.number { (rate) }
                td.number { (queries) }
                td.number { (over_latency) }
                td { @if *passed { "held" } @else { "not held" } }
            } } }
        } }
    }
}

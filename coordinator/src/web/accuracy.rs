//! Accuracy: of the cells of a campaign, each beside its reference, and of one run.

use std::collections::BTreeMap;

use domain::{AccuracyRecord, ExampleProblem, Metric, units};
use maud::{Markup, html};
use score::Outcome;

use super::run::link;
use crate::{
    engine::{CellAccuracy, Compared},
    summary::CellSummary,
};

pub(super) fn table(cells: &[CellSummary], accuracies: &BTreeMap<u32, CellAccuracy>) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { "Accuracy of each cell" }
            thead { tr {
                th.number scope="col" { "#" } th scope="col" { "Model" } th scope="col" { "Data set" }
                th scope="col" { "Metric" } th.number scope="col" { "Accuracy" } th.number scope="col" { "95 % interval" }
                th.number scope="col" { "Right" } th.number scope="col" { "Of reference" } th scope="col" { "Verdict" }
                th scope="col" { "Run" }
            } }
            tbody { @for cell in cells { @if let Some(accuracy) = accuracies.get(&cell.cell) {
                @for metric in &accuracy.run.metrics { tr {
                    td.number { (cell.cell) }
                    th scope="row" { (cell.spec.model) }
                    td { (accuracy.dataset) @if accuracy.run.counts.skipped > 0 { " " span.note { (accuracy.run.counts.skipped) " left out" } } }
                    (figures(metric))
                    @match accuracy.compared.as_ref().filter(|compared| compared.comparison.metric == metric.name) {
                        Some(compared) => (comparison(compared)),
                        None => { td.number { "-" } td {} }
                    }
                    td { (link(accuracy.run.run)) }
                } }
            } } }
        } }
    }
}

fn figures(metric: &Metric) -> Markup {
    html! {
        td { (metric.name) }
        td.number { (value(metric.value)) }
        td.number { @if let Some((low, high)) = metric.interval { (value(low)) " to " (value(high)) } @else { "-" } }
        td.number { @if let Some((right, of)) = metric.count { (right) "/" (of) } @else { "-" } }
    }
}

fn comparison(compared: &Compared) -> Markup {
    let Compared { reference, comparison, .. } = compared;
    let missed = compared.reached() == Some(false);
    html! {
        td.number {
            (comparison.ratio.map_or_else(|| "-".to_owned(), |ratio| value(ratio.value)))
            @if missed { " " span class="badge invalid" { "below " (value(compared.min_ratio.unwrap_or_default())) } }
        }
        td {
            @match comparison.outcome {
                Some(Outcome::Better) => { "better than " (reference) }
                Some(Outcome::Worse) => { "worse than " (reference) }
                Some(Outcome::Indistinguishable) => { "indistinguishable from " (reference) }
                None => "-",
            }
            " " span.note {
                (compared.test())
                @if let Some(p) = comparison.p_value() { ", p " (format!("{p:.4}")) }
                @if let Some(discordant) = &comparison.discordant { "; +" (discordant.only_first) " -" (discordant.only_second) }
            }
        }
    }
}

/// Four digits are more than any data set is worth.
fn value(value: f64) -> String {
    format!("{value:.4}")
}

/// Of one run over a data set.
pub(super) fn section(record: &AccuracyRecord) -> Markup {
    let counts = record.counts;
    let share = record.inference.as_secs_f64() / record.elapsed.as_secs_f64().max(1e-9);
    html! {
        section {
            h2 { "Accuracy" }
            div.scroll { table {
                caption.hidden { "Metrics over the data set" }
                thead { tr {
                    th scope="col" { "Metric" } th.number scope="col" { "Value" }
                    th.number scope="col" { "95 % interval" } th.number scope="col" { "Right" }
                } }
                tbody { @for metric in &record.metrics { tr { (figures(metric)) } } }
            } }
            dl {
                dt { "Task" } dd { (record.task) }
                dt { "Data set" } dd { "sha256 " (record.dataset.short()) }
                dt { "Examples" } dd { (counts.seen) " of " (counts.total) ", " (counts.scored) " scored, " (counts.skipped) " left out" }
                dt { "Preprocessing" } dd { (record.preprocessing) }
                dt { "Time" } dd { (format!("{:.1} s", record.elapsed.as_secs_f64())) ", " (units::percent(share)) " of it in the model" }
            }
            @if !record.problems.is_empty() {
                h3 { "Left out" }
                ul { @for ExampleProblem { example, why } in &record.problems { li { (example) ": " (why) } } }
            }
        }
    }
}

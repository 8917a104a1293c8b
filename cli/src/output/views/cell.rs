//! Cells with their statistics, one a row.

use std::io::{self, Write};

use domain::{CellSpec, Digest, units};
use proto::pb;
use serde::Serialize;

use super::AccuracyView;
use crate::output::{Answer, Table};

/// One cell with the statistics over its valid runs.
#[derive(Debug, Serialize)]
pub(crate) struct CellView {
    pub(crate) cell: u32,
    /// As the campaign asks for it; `None` = the model as it was added.
    pub(crate) precision: Option<String>,
    /// Of the variant's output with its original's, the mean over the inputs when it was made; 1 for the original.
    pub(crate) cosine: Option<f64>,
    pub(crate) model: String,
    pub(crate) model_bytes: u64,
    /// SHA-256 of the ONNX file, in hexadecimal.
    pub(crate) model_sha256: String,
    pub(crate) provider: String,
    pub(crate) runtime: String,
    /// With its parameters.
    pub(crate) scenario: String,
    pub(crate) batch: u32,
    pub(crate) sequence_length: Option<u32>,
    pub(crate) intra_threads: u32,
    pub(crate) devices: Vec<String>,
    pub(crate) runs: u32,
    pub(crate) done: u32,
    pub(crate) failed: u32,
    pub(crate) valid: u32,
    pub(crate) suspect: u32,
    pub(crate) invalid: u32,
    /// Which runs the figures stand on: `valid`, or `suspect` if none is valid; `None` = no figures.
    pub(crate) basis: Option<&'static str>,
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p90_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) throughput_per_s: Option<f64>,
    pub(crate) spread_p50: Option<f64>,
    pub(crate) session_load_ns: Option<u64>,
    pub(crate) first_inference_ns: Option<u64>,
    pub(crate) peak_rss_bytes: Option<u64>,
    /// Joules of one sample of the model's input, and its coefficient of variation (0..1) from run to run.
    pub(crate) energy_per_inference_j: Option<f64>,
    pub(crate) energy_spread: Option<f64>,
    pub(crate) energy_mean_w: Option<f64>,
    /// How much of the device the readings cover.
    pub(crate) energy_scope: Option<String>,
    /// Why there is no energy; `None` = there is, or nothing to tell.
    pub(crate) energy_reason: Option<String>,
    /// The simulated board that measured; `None` = a real device.
    pub(crate) simulated: Option<String>,
    pub(crate) failure: Option<String>,
    /// `None` = none was asked for.
    pub(crate) accuracy: Option<AccuracyView>,
}

impl From<&pb::CellSummary> for CellView {
    fn from(summary: &pb::CellSummary) -> Self {
        let wire = summary.spec.clone().unwrap_or_default();
        let model = wire.model.clone().unwrap_or_default();
        let spec = CellSpec::try_from(wire.clone());
        let shown = |text: fn(&CellSpec) -> String| spec.as_ref().map_or_else(ToString::to_string, text);
        let counts = summary.runs.unwrap_or_default();
        let basis = match summary.basis() {
            pb::VerdictLevel::Valid => Some("valid"),
            pb::VerdictLevel::Suspect => Some("suspect"),
            pb::VerdictLevel::Invalid | pb::VerdictLevel::Unspecified => None,
        };
        let measured = |value: u64| basis.map(|_| value);
        Self {
            cell: summary.cell,
            runtime: shown(|spec| spec.runtime.to_string()),
            scenario: shown(|spec| spec.scenario.to_string()),
            cosine: None,
            precision: (!model.precision.is_empty()).then_some(model.precision),
            model: model.name,
            model_sha256: shown(|spec| spec.model.sha256.to_string()),
            model_bytes: model.size_bytes,
            provider: wire.provider,
            batch: wire.batch,
            sequence_length: (wire.sequence_length > 0).then_some(wire.sequence_length),
            intra_threads: wire.intra_threads,
            devices: summary.devices.clone(),
            runs: counts.total,
            done: counts.done,
            failed: counts.failed,
            valid: summary.valid,
            suspect: summary.suspect,
            invalid: summary.invalid,
            basis,
            p50_ns: measured(summary.p50_ns),
            p90_ns: summary.p90_ns.and_then(measured),
            p99_ns: summary.p99_ns.and_then(measured),
            throughput_per_s: basis.map(|_| summary.throughput_per_s),
            spread_p50: summary.spread_p50,
            session_load_ns: measured(summary.session_load_ns),
            first_inference_ns: measured(summary.first_inference_ns),
            peak_rss_bytes: measured(summary.peak_rss_bytes),
            energy_per_inference_j: summary.energy_per_inference_j,
            energy_spread: summary.spread_energy,
            energy_mean_w: summary.energy_mean_w,
            energy_scope: (!summary.energy_scope.is_empty()).then(|| summary.energy_scope.clone()),
            energy_reason: (!summary.energy_reason.is_empty()).then(|| summary.energy_reason.clone()),
            simulated: (!summary.simulated.is_empty()).then(|| summary.simulated.clone()),
            failure: (!summary.failure.is_empty()).then(|| summary.failure.clone()),
            accuracy: AccuracyView::of(summary),
        }
    }
}

/// A heading, and what stands below it.
type Column = (&'static str, fn(&CellView) -> String);

/// Columns that are shown where cells differ in them.
const OPTIONAL: [Column; 7] = [
    ("DEVICE", |cell| if cell.devices.is_empty() { "-".to_owned() } else { cell.devices.join(", ") }),
    ("PRECISION", |cell| cell.precision.clone().unwrap_or_else(|| "-".to_owned())),
    (">COSINE", |cell| cell.cosine.map_or_else(|| "-".to_owned(), |cosine| format!("{cosine:.4}"))),
    ("RUNTIME", |cell| cell.runtime.clone()),
    ("PROVIDER", |cell| cell.provider.clone()),
    ("SCENARIO", |cell| cell.scenario.clone()),
    (">BATCH", |cell| cell.batch.to_string()),
];

impl Answer for Vec<CellView> {
    const SCHEMA: &'static str = "furlong.cells/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        // What all cells have in common is said by the campaign's file.
        let varied: Vec<Column> = OPTIONAL
            .into_iter()
            .filter(|(_, text)| self.windows(2).any(|pair| text(&pair[0]) != text(&pair[1])))
            .collect();
        let mut header = vec![">#", "MODEL"];
        header.extend(varied.iter().map(|(name, _)| *name));
        header.extend([
            ">SIZE",
            ">SEQ",
            ">THREADS",
            ">P50",
            ">P90",
            ">P99",
            ">THROUGHPUT",
            ">SPREAD",
            ">LOAD",
            ">PEAK RSS",
        ]);
        let with_energy = self.iter().any(|cell| cell.energy_per_inference_j.is_some());
        if with_energy {
            header.push(">ENERGY");
        }
        header.push("RUNS");
        let mut table = Table::new(&header);
        let dash = || "-".to_owned();
        for cell in self {
            let suspicion = if cell.is_suspect() { "~" } else { "" };
            let ns =
                |value: Option<u64>| value.map_or_else(dash, |ns| format!("{suspicion}{}", units::duration_ns(ns)));
            let mut row = vec![cell.cell.to_string(), cell.model.clone()];
            row.extend(varied.iter().map(|(_, text)| text(cell)));
            row.extend([
                units::bytes(cell.model_bytes),
                cell.sequence_length.map_or_else(dash, |length| length.to_string()),
                cell.intra_threads.to_string(),
                ns(cell.p50_ns),
                ns(cell.p90_ns),
                ns(cell.p99_ns),
                cell.throughput_per_s.map_or_else(dash, |rate| format!("{suspicion}{}", units::per_second(rate))),
                cell.spread_p50.map_or_else(dash, units::percent),
                ns(cell.session_load_ns),
                cell.peak_rss_bytes.map_or_else(dash, units::bytes),
            ]);
            if with_energy {
                row.push(cell.energy().map_or_else(dash, |energy| format!("{suspicion}{energy}")));
            }
            row.push(verdicts(cell));
            table.row(row);
        }
        table.write(out)?;
        for cell in self {
            if let Some(failure) = &cell.failure {
                writeln!(out, "cell {}: {failure}", cell.cell)?;
            }
        }
        no_energy(self, out)
    }
}

impl CellView {
    /// Whether this is the ONNX file it measures.
    pub(crate) fn is_file(&self, sha256: &[u8]) -> bool {
        Digest::try_from(sha256).is_ok_and(|digest| digest.to_string() == self.model_sha256)
    }

    /// Of one inference, with its scope.
    fn energy(&self) -> Option<String> {
        let scope = self.energy_scope.as_deref().unwrap_or("of unknown scope");
        self.energy_per_inference_j.map(|joules| format!("{} {scope}", units::joules(joules)))
    }

    /// Its figures stand on suspect runs, for want of valid ones.
    pub(crate) fn is_suspect(&self) -> bool {
        self.basis == Some("suspect")
    }
}

/// One line for each reason that cells have no energy, naming the cells unless it is the reason of all.
fn no_energy(cells: &[CellView], out: &mut dyn Write) -> io::Result<()> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for cell in cells {
        let Some(reason) = cell.energy_reason.as_deref() else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, numbers)) => numbers.push(cell.cell.to_string()),
            None => reasons.push((reason, vec![cell.cell.to_string()])),
        }
    }
    for (reason, numbers) in reasons {
        if numbers.len() == cells.len() {
            writeln!(out, "no energy: {reason}")?;
        } else {
            let noun = if numbers.len() == 1 { "cell" } else { "cells" };
            writeln!(out, "no energy of {noun} {}: {reason}", numbers.join(", "))?;
        }
    }
    Ok(())
}

fn verdicts(cell: &CellView) -> String {
    let counts = [
        (cell.valid, "valid"),
        (cell.suspect, "suspect"),
        (cell.invalid, "invalid"),
        (cell.failed, "failed"),
        (cell.runs - cell.done - cell.failed, "not run"),
    ];
    let parts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    let simulated = if cell.simulated.is_some() { " (simulated)" } else { "" };
    format!("{}{simulated}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use domain::{ModelRef, Scenario};

    use super::*;
    use crate::output::views::written;

    fn summary() -> pb::CellSummary {
        let model = ModelRef { name: "minilm".to_owned(), size_bytes: 22_928_619, ..ModelRef::nameless() };
        let spec = CellSpec { sequence_length: Some(128), intra_threads: 2, ..CellSpec::new(model) };
        pb::CellSummary {
            cell: 1,
            spec: Some(spec.into()),
            runs: Some(pb::CellRunCounts { total: 5, done: 3, failed: 1 }),
            p50_ns: 25_400_000,
            p90_ns: Some(29_500_000),
            p99_ns: Some(34_600_000),
            throughput_per_s: 38.3,
            spread_p50: Some(0.11),
            session_load_ns: 210_000_000,
            peak_rss_bytes: 255_852_544,
            valid: 2,
            suspect: 1,
            basis: pb::VerdictLevel::Valid.into(),
            failure: "the runner was killed by signal 11".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_cell_shows_its_figures_and_what_became_of_each_run() {
        insta::assert_snapshot!(written(&vec![CellView::from(&summary())]), @r"
        #  MODEL       SIZE  SEQ  THREADS      P50      P90      P99  THROUGHPUT  SPREAD    LOAD  PEAK RSS  RUNS
        1  minilm  21.9 MiB  128        2  25.4 ms  29.5 ms  34.6 ms      38.3/s  11.0 %  210 ms   244 MiB  2 valid, 1 suspect, 1 failed, 1 not run
        cell 1: the runner was killed by signal 11
        ");
    }

    #[test]
    fn a_cell_without_a_valid_run_shows_no_figure_at_all() {
        let summary = pb::CellSummary { valid: 0, suspect: 0, invalid: 3, basis: 0, spread_p50: None, ..summary() };
        let view = CellView::from(&summary);
        assert_eq!((view.p50_ns, view.throughput_per_s, view.peak_rss_bytes), (None, None, None));
        assert!(written(&vec![view]).contains("3 invalid, 1 failed, 1 not run"));
    }

    #[test]
    fn a_figure_from_suspect_runs_is_marked() {
        let basis = pb::VerdictLevel::Suspect.into();
        let summary = pb::CellSummary { valid: 0, suspect: 3, basis, ..summary() };
        let text = written(&vec![CellView::from(&summary)]);
        assert!(text.contains("~25.4 ms") && text.contains("~38.3/s") && text.contains("3 suspect"), "{text}");
    }

    #[test]
    fn a_setting_in_which_cells_differ_has_a_column() {
        let offline = CellSpec { scenario: Scenario::Offline, ..CellSpec::new(ModelRef::nameless()) };
        let other = pb::CellSummary { cell: 2, spec: Some(offline.into()), p99_ns: None, ..summary() };
        let text = written(&Vec::from([&summary(), &other].map(CellView::from)));
        assert!(text.contains("SCENARIO") && text.contains("single-stream") && text.contains("offline"), "{text}");
        assert!(!text.contains("RUNTIME"), "{text}");
    }

    #[test]
    fn energy_stands_with_its_scope_or_with_the_reason_why_there_is_none() {
        let with = pb::CellSummary {
            energy_per_inference_j: Some(0.0483),
            energy_scope: "dc-input".to_owned(),
            simulated: "rpi5".to_owned(),
            ..summary()
        };
        let without = pb::CellSummary { cell: 2, energy_reason: "two scopes: rail, wall".to_owned(), ..summary() };
        let text = written(&Vec::from([&with, &without].map(CellView::from)));
        assert!(text.contains("ENERGY") && text.contains("48.3 mJ dc-input"), "{text}");
        assert!(text.contains("1 not run (simulated)"), "{text}");
        assert!(text.contains("no energy of cell 2: two scopes: rail, wall"), "{text}");
        let text = written(&vec![CellView::from(&without)]);
        assert!(!text.contains("ENERGY") && text.contains("no energy: two scopes"), "{text}");
    }
}

//! Statistics over the runs of each cell of a campaign: the one place, whoever shows them.
//!
//! The run is the unit: each figure is the median over runs of the run's own figure. Only valid runs enter; a cell that has
//! none shows its suspect runs, marked as such, because on a shared machine that is better than silence. Invalid runs never
//! enter. A percentile that one of the runs has too few samples for is not shown.

use std::{collections::BTreeMap, time::Duration};

use domain::{CellSpec, RunMode, RunState, VerdictLevel};

use crate::store::{MeasuredFigures, RunFigures};

/// Statistics over the runs of one cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellSummary {
    pub(crate) cell: u32,
    pub(crate) spec: CellSpec,
    /// Devices that executed its runs, by name.
    pub(crate) devices: Vec<String>,
    pub(crate) total: u32,
    pub(crate) done: u32,
    pub(crate) failed: u32,
    pub(crate) valid: u32,
    pub(crate) suspect: u32,
    pub(crate) invalid: u32,
    /// `None` if no run is valid or suspect.
    pub(crate) figures: Option<CellFigures>,
    /// First failure's message, if any run failed.
    pub(crate) failure: Option<String>,
}

/// Medians over runs of one verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CellFigures {
    /// The verdict of the runs: valid, or suspect if none is valid.
    pub(crate) basis: VerdictLevel,
    pub(crate) p50_ns: u64,
    /// `None`: not every run has the samples to quote it.
    pub(crate) p90_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) throughput_per_s: f64,
    /// Coefficient of variation (0..1) of the runs' p50; `None` below two runs.
    pub(crate) spread_p50: Option<f64>,
    pub(crate) session_load: Duration,
    pub(crate) first_inference: Duration,
    pub(crate) peak_rss_bytes: u64,
}

/// One summary a cell, in order of the cells.
pub(crate) fn summarize(cells: Vec<(u32, CellSpec)>, runs: &[RunFigures]) -> Vec<CellSummary> {
    let mut by_cell = BTreeMap::<u32, Vec<&RunFigures>>::new();
    for run in runs {
        by_cell.entry(run.cell).or_default().push(run);
    }
    cells
        .into_iter()
        .map(|(number, spec)| summarize_cell(number, spec, by_cell.get(&number).map_or(&[], Vec::as_slice)))
        .collect()
}

fn summarize_cell(cell: u32, spec: CellSpec, runs: &[&RunFigures]) -> CellSummary {
    // Latencies over a data set are no load pattern's: such a run is counted, and enters no figure.
    let measuring: Vec<&RunFigures> = runs.iter().copied().filter(|run| run.mode == RunMode::Performance).collect();
    let in_state = |state| count(runs.iter().filter(|run| run.state == state).count());
    let with_verdict = |runs: &[&RunFigures], level| {
        let measured = runs.iter().filter_map(|run| run.measured);
        count(measured.filter(|figures| figures.verdict == level).count())
    };
    let mut devices: Vec<_> = runs.iter().filter_map(|run| run.device.clone()).collect();
    devices.sort();
    devices.dedup();
    CellSummary {
        cell,
        spec,
        devices,
        total: count(runs.len()),
        done: in_state(RunState::Done),
        failed: in_state(RunState::Failed),
        valid: with_verdict(&measuring, VerdictLevel::Valid),
        suspect: with_verdict(&measuring, VerdictLevel::Suspect),
        invalid: with_verdict(runs, VerdictLevel::Invalid),
        figures: figures(VerdictLevel::Valid, &measuring).or_else(|| figures(VerdictLevel::Suspect, &measuring)),
        failure: runs
            .iter()
            .filter(|run| run.state == RunState::Failed)
            .find_map(|run| run.failure.as_ref().map(|failure| failure.message.clone())),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "nanoseconds and bytes of one run are below 2^52, and a median of unsigned numbers is one"
)]
fn figures(basis: VerdictLevel, runs: &[&RunFigures]) -> Option<CellFigures> {
    let measured = runs.iter().filter_map(|run| run.measured);
    let chosen: Vec<_> = measured.filter(|figures| figures.verdict == basis).collect();
    let unsigned = |figure: &dyn Fn(&_) -> u64| {
        let values: Vec<_> = chosen.iter().map(|run| figure(run) as f64).collect();
        stats::median(&values).map(|median| median.round() as u64)
    };
    // A median over those runs that happen to have one would be of other runs than the rest of the row.
    let quotable = |figure: fn(&MeasuredFigures) -> Option<u64>| {
        let values: Option<Vec<_>> = chosen.iter().map(|run| figure(run).map(|value| value as f64)).collect();
        stats::median(&values?).map(|median| median.round() as u64)
    };
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let throughput: Vec<_> = chosen.iter().map(|run| run.throughput_per_s).collect();
    let p50: Vec<_> = chosen.iter().map(|run| run.p50_ns as f64).collect();
    Some(CellFigures {
        basis,
        p50_ns: unsigned(&|run| run.p50_ns)?,
        p90_ns: quotable(|run| run.p90_ns),
        p99_ns: quotable(|run| run.p99_ns),
        throughput_per_s: stats::median(&throughput)?,
        spread_p50: stats::coefficient_of_variation(&p50),
        session_load: Duration::from_nanos(unsigned(&|run| nanoseconds(run.session_load))?),
        first_inference: Duration::from_nanos(unsigned(&|run| nanoseconds(run.first_inference))?),
        peak_rss_bytes: unsigned(&|run| run.peak_rss_bytes)?,
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use domain::{Digest, FailureKind, ModelRef, RunId};

    use super::*;
    use crate::store::FailureFigures;

    fn spec() -> CellSpec {
        CellSpec::new(ModelRef {
            name: "m".to_owned(),
            sha256: Digest::of(b"m"),
            size_bytes: 1,
            ..ModelRef::nameless()
        })
    }

    fn run(state: RunState, device: &str, measured: Option<MeasuredFigures>) -> RunFigures {
        RunFigures {
            id: RunId(1),
            cell: 1,
            repetition: 1,
            mode: RunMode::Performance,
            state,
            device: Some(device.to_owned()),
            attempts: 1,
            failure: None,
            measured,
            repeats: None,
        }
    }

    fn done(verdict: VerdictLevel, p50_ns: u64) -> RunFigures {
        let measured = MeasuredFigures {
            verdict,
            p50_ns,
            p90_ns: Some(p50_ns * 2),
            p99_ns: Some(p50_ns * 3),
            throughput_per_s: 10.0,
            session_load: Duration::from_millis(5),
            first_inference: Duration::from_millis(2),
            peak_rss_bytes: 1000,
        };
        run(RunState::Done, "desk", Some(measured))
    }

    #[test]
    fn only_valid_runs_enter_and_all_are_counted() {
        let failure = FailureFigures { kind: FailureKind::Model, message: "unknown operator".to_owned() };
        let failed = RunFigures { failure: Some(failure), ..run(RunState::Failed, "attic", None) };
        let runs = [
            done(VerdictLevel::Valid, 100),
            done(VerdictLevel::Suspect, 900),
            done(VerdictLevel::Valid, 300),
            done(VerdictLevel::Invalid, 1),
            failed,
        ];
        let [summary] = summarize(vec![(1, spec())], &runs).try_into().expect("one cell");
        assert_eq!((summary.total, summary.done, summary.failed), (5, 4, 1));
        assert_eq!((summary.valid, summary.suspect, summary.invalid), (2, 1, 1));
        assert_eq!(summary.devices, ["attic", "desk"]);
        assert_eq!(summary.failure.as_deref(), Some("unknown operator"));
        let figures = summary.figures.expect("two runs are valid");
        assert_eq!(figures.basis, VerdictLevel::Valid);
        assert_eq!((figures.p50_ns, figures.p90_ns, figures.p99_ns), (200, Some(400), Some(600)));
        assert!(figures.spread_p50.is_some());
    }

    #[test]
    fn a_cell_without_a_valid_run_stands_on_its_suspect_ones_and_never_on_invalid_ones() {
        let basis = |runs: &[RunFigures]| summarize(vec![(1, spec())], runs)[0].figures.map(|f| (f.basis, f.p50_ns));
        let suspect = [done(VerdictLevel::Suspect, 5), done(VerdictLevel::Invalid, 900)];
        assert_eq!(basis(&suspect), Some((VerdictLevel::Suspect, 5)));
        assert_eq!(basis(&[done(VerdictLevel::Invalid, 5)]), None);
    }

    #[test]
    fn a_percentile_that_one_run_can_not_be_quoted_for_is_left_out() {
        let mut short = done(VerdictLevel::Valid, 100);
        short.measured.as_mut().expect("measured").p99_ns = None;
        let figures = summarize(vec![(1, spec())], &[short, done(VerdictLevel::Valid, 300)])[0].figures;
        let figures = figures.expect("two runs are valid");
        assert_eq!((figures.p50_ns, figures.p90_ns, figures.p99_ns), (200, Some(400), None));
    }
}

//! Statistics over the runs of each cell of a campaign: the one place, whoever shows them.
//!
//! The run is the unit: each figure is the median over runs of the run's own figure. Only valid runs enter; a cell that has
//! none shows its suspect runs, marked as such, because on a shared machine that is better than silence. Invalid runs never
//! enter. A percentile that one of the runs has too few samples for is not shown, and no energy unless that of every run may
//! be set beside others.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{CellSpec, PowerRule, RunMode, RunState, Scope, ThrottleVerdict, VerdictLevel, units};

use crate::store::{MeasuredFigures, RunEnergy, RunFigures};

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
    /// The simulated board that measured; `None` = a real device, or nothing is measured yet.
    pub(crate) simulated: Option<String>,
}

/// Medians over runs of one verdict.
#[derive(Debug, Clone, PartialEq)]
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
    pub(crate) energy: Option<CellEnergy>,
    /// Why there is no energy; `None` = there is, or the campaign asked for none.
    pub(crate) no_energy: Option<String>,
}

/// Medians over runs whose readings cover the same part of the device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CellEnergy {
    pub(crate) scope: Scope,
    /// Joules of one sample of the model's input.
    pub(crate) per_inference_j: f64,
    /// Coefficient of variation (0..1) of it from run to run; `None` below two runs.
    pub(crate) spread: Option<f64>,
    pub(crate) mean_w: f64,
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
        let measured = runs.iter().filter_map(|run| run.measured.as_ref());
        count(measured.filter(|figures| figures.verdict == level).count())
    };
    let mut devices: Vec<_> = runs.iter().filter_map(|run| run.device.clone()).collect();
    devices.sort();
    devices.dedup();
    let boards: BTreeSet<&str> = runs.iter().filter_map(|run| run.measured.as_ref()?.simulated.as_deref()).collect();
    let figures = figures(VerdictLevel::Valid, &measuring).or_else(|| figures(VerdictLevel::Suspect, &measuring));
    let no_power = spec.power.as_ref().is_some_and(|rule| rule.source == PowerRule::OFF);
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
        figures: figures.map(|figures| CellFigures { no_energy: figures.no_energy.filter(|_| !no_power), ..figures }),
        simulated: (!boards.is_empty()).then(|| boards.into_iter().collect::<Vec<_>>().join(", ")),
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
    let measured = runs.iter().filter_map(|run| run.measured.as_ref());
    let chosen: Vec<&MeasuredFigures> = measured.filter(|figures| figures.verdict == basis).collect();
    let unsigned = |figure: &dyn Fn(&MeasuredFigures) -> u64| {
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
    let (energy, no_energy) = match energy(&chosen) {
        Ok(energy) => (energy, None),
        Err(why) => (None, Some(why)),
    };
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
        energy,
        no_energy,
    })
}

/// `None`: of no run. An error in words where a median would be of other things than its row.
fn energy(runs: &[&MeasuredFigures]) -> Result<Option<CellEnergy>, String> {
    let of_runs = runs.iter().map(|run| run.energy.as_ref()).collect::<Result<Vec<_>, _>>().map_err(String::clone)?;
    let joules = of_runs.iter().map(|run| joules(run)).collect::<Result<Vec<_>, _>>()?;
    let watts: Vec<f64> = of_runs.iter().map(|run| run.mean_w).collect();
    let scopes: BTreeSet<Scope> = of_runs.iter().map(|run| run.scope).collect();
    if scopes.len() > 1 {
        let names: Vec<_> = scopes.into_iter().map(Scope::name).collect();
        return Err(format!("two scopes: {}", names.join(", ")));
    }
    let medians = stats::median(&joules).zip(stats::median(&watts)).zip(scopes.first().copied());
    Ok(medians.map(|((per_inference_j, mean_w), scope)| CellEnergy {
        scope,
        per_inference_j,
        spread: stats::coefficient_of_variation(&joules),
        mean_w,
    }))
}

/// Of one inference, if the run's may be set beside others.
fn joules(run: &RunEnergy) -> Result<f64, String> {
    let RunEnergy { scope: _, mean_w: _, per_inference_j, coverage, throttle, rankable } = run;
    let joules = per_inference_j.as_ref().map_err(|refusal| format!("refused: {refusal}"))?;
    if *rankable {
        return Ok(*joules);
    }
    Err(match throttle {
        ThrottleVerdict::Throttled => "throttled".to_owned(),
        ThrottleVerdict::Unknown => "nothing on this device tells whether it was throttled".to_owned(),
        ThrottleVerdict::None | ThrottleVerdict::Light => {
            format!("readings cover only {} of measuring", units::percent(*coverage))
        }
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
            energy: Err("no sensor: none".to_owned()),
            simulated: None,
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
        let basis =
            |runs: &[RunFigures]| summarize(vec![(1, spec())], runs)[0].figures.as_ref().map(|f| (f.basis, f.p50_ns));
        let suspect = [done(VerdictLevel::Suspect, 5), done(VerdictLevel::Invalid, 900)];
        assert_eq!(basis(&suspect), Some((VerdictLevel::Suspect, 5)));
        assert_eq!(basis(&[done(VerdictLevel::Invalid, 5)]), None);
    }

    #[test]
    fn a_percentile_that_one_run_can_not_be_quoted_for_is_left_out() {
        let mut short = done(VerdictLevel::Valid, 100);
        short.measured.as_mut().expect("measured").p99_ns = None;
        let runs = [short, done(VerdictLevel::Valid, 300)];
        let figures = summarize(vec![(1, spec())], &runs).remove(0).figures.expect("two runs are valid");
        assert_eq!((figures.p50_ns, figures.p90_ns, figures.p99_ns), (200, Some(400), None));
    }

    fn rankable(per_inference_j: f64) -> RunEnergy {
        RunEnergy {
            scope: Scope::DcInput,
            mean_w: 6.0,
            per_inference_j: Ok(per_inference_j),
            coverage: 1.0,
            throttle: ThrottleVerdict::None,
            rankable: true,
        }
    }

    /// Energy per inference of a cell of valid runs, or why it has none.
    fn energy_of(runs: &[Result<RunEnergy, String>]) -> Result<f64, String> {
        let runs: Vec<_> = runs
            .iter()
            .map(|energy| {
                let mut run = done(VerdictLevel::Valid, 100);
                run.measured.as_mut().expect("measured").energy = energy.clone();
                run
            })
            .collect();
        let figures = summarize(vec![(1, spec())], &runs).remove(0).figures.expect("they are valid");
        figures.energy.map(|energy| energy.per_inference_j).ok_or_else(|| figures.no_energy.expect("told"))
    }

    #[test]
    fn a_cell_has_an_energy_only_if_that_of_every_run_may_be_set_beside_others() {
        let good = || Ok(rankable(0.2));
        assert_eq!(energy_of(&[good(), Ok(rankable(0.4)), Ok(rankable(0.1))]), Ok(0.2));
        let not = |run: RunEnergy| Ok(RunEnergy { rankable: false, ..run });
        let wall = Ok(RunEnergy { scope: Scope::Wall, ..rankable(0.2) });
        let hot = not(RunEnergy { throttle: ThrottleVerdict::Throttled, ..rankable(0.2) });
        let holes = not(RunEnergy { coverage: 0.9, ..rankable(0.2) });
        let refused = not(RunEnergy { per_inference_j: Err("a counter stood still".to_owned()), ..rankable(0.2) });
        for (run, why) in [
            (wall, "two scopes: dc-input, wall"),
            (hot, "throttled"),
            (holes, "readings cover only 90.0 % of measuring"),
            (refused, "refused: a counter stood still"),
            (Err("no sensor: /sys has none".to_owned()), "no sensor: /sys has none"),
        ] {
            assert_eq!(energy_of(&[good(), run]), Err(why.to_owned()));
        }
    }

    #[test]
    fn a_simulated_board_is_named_whatever_became_of_its_runs() {
        let mut run = done(VerdictLevel::Invalid, 100);
        run.measured.as_mut().expect("measured").simulated = Some("rpi5".to_owned());
        let summary = summarize(vec![(1, spec())], &[run]).remove(0);
        assert_eq!((summary.simulated.as_deref(), summary.figures), (Some("rpi5"), None));
    }
}

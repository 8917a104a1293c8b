//! The publication record of one run's energy: gross first, net beside it, and everything a reader needs to trust neither.

#[cfg(test)]
mod tests;

use domain::energy::flag;
use domain::{
    EnergyFigure, PowerRecord, Quantity, Rail, RailFigure, RailKind, Scenario, Scope, Series, Telemetry, ThrottleCause,
    Window,
};

use crate::integrate::{Integral, Refusal, integrate, integrate_idle};
use crate::mlperf;

/// Share of late polls above which it is said.
const OVERRUNS_LIMIT: f64 = 0.05;
/// Idle powers that differ by more than this share, or by more than three standard errors, have drifted.
const DRIFT_SHARE: f64 = 0.03;
const DRIFT_SIGMAS: f64 = 3.0;
/// Share of polls with more than the board can draw above which the unit is doubted, and not the reading.
const UNIT_SUSPECT_LIMIT: f64 = 0.01;
/// Share of the others' power up to which a rail may stand still throughout.
const STILL_SHARE: f64 = 0.15;
/// Of which the median is an idle device's power.
const IDLE_BLOCK_NS: i64 = 1_000_000_000;

/// What was executed within measuring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    pub scenario: Scenario,
    pub queries: u64,
    pub samples_per_query: u32,
    /// By MLPerf Power's method: two passes.
    pub mlperf: bool,
}

impl Load {
    #[expect(clippy::cast_precision_loss, reason = "queries are below 2^23")]
    fn inferences(&self) -> f64 {
        self.queries as f64 * f64::from(self.samples_per_query)
    }
}

/// The energy of a run; `None` if no source was read.
pub fn figure(telemetry: &Telemetry, series: &[Series], load: Load) -> Option<EnergyFigure> {
    let record = telemetry.power.as_ref()?;
    let source = Source { record, series };
    let mut figure = source.blank();
    let Some(measuring) = telemetry.windows.measuring else {
        figure.refusal = Some("the runner did not say when it measured".to_owned());
        return Some(figure);
    };
    let integrals = source.integrals(measuring);
    figure.rails = integrals.iter().map(|(rail, outcome)| source.rail_figure(rail, outcome)).collect();
    figure.rails.sort_by_key(|rail| !rail.counted);
    match source.doubt() {
        Some(doubt) => figure.refusal = Some(doubt),
        None => source.add_up(&integrals, &mut figure),
    }
    source.idle(telemetry, measuring, &mut figure);
    figure.per_inference_j =
        figure.gross_j.map(|joules| joules / load.inferences()).filter(|joules| joules.is_finite());
    if figure.gross_j.is_some() && figure.per_inference_j.is_none() {
        figure.refusal = Some("there were no inferences to share the energy among".to_owned());
    }
    if load.mlperf {
        let ranging_w = telemetry.windows.ranging.and_then(|window| source.mean_w(window));
        figure.mlperf = mlperf::judge(&figure, ranging_w, measuring, record, load);
    }
    let supply = |signal: &domain::ThrottleSignal| signal.cause == ThrottleCause::Supply && signal.events > 0;
    if telemetry.throttle.iter().any(supply) {
        figure.flags.push(flag::SUPPLY_FAULT.to_owned());
    }
    let mut seen = Vec::new();
    figure.flags.retain(|flag| {
        !seen.contains(flag) && {
            seen.push(flag.clone());
            true
        }
    });
    Some(figure)
}

/// One source with its readings.
struct Source<'a> {
    record: &'a PowerRecord,
    series: &'a [Series],
}

impl Source<'_> {
    /// What is known without a reading.
    fn blank(&self) -> EnergyFigure {
        let PowerRecord { source, poll, polls, overruns, skipped, .. } = self.record;
        let counted = || self.record.rails.iter().filter(|rail| self.counts(rail));
        let all = || self.record.rails.iter();
        let scope = counted().map(|rail| rail.scope).min().or_else(|| all().map(|rail| rail.scope).min());
        let counters =
            counted().next().is_some() && counted().all(|rail| matches!(rail.kind, RailKind::Counter { .. }));
        let gauges = counted().filter(|rail| matches!(rail.kind, RailKind::Gauge { .. }));
        let steps: Option<f64> = gauges.map(|rail| rail.quantum).sum();
        let mut flags = Vec::new();
        #[expect(clippy::cast_precision_loss, reason = "counts of polls")]
        if (overruns + skipped) as f64 > OVERRUNS_LIMIT * *polls as f64 {
            flags.push(flag::OVERRUNS.to_owned());
        }
        if scope == Some(Scope::ModelEstimate) {
            flags.push(flag::ESTIMATE.to_owned());
        }
        EnergyFigure {
            source: source.clone(),
            scope: scope.unwrap_or(Scope::ModelEstimate),
            kind: if counters { "counter" } else { "gauge" }.to_owned(),
            mean_w: 0.0,
            gross_j: None,
            per_inference_j: None,
            net_j: None,
            net_low_j: None,
            net_high_j: None,
            uncertainty: None,
            readings: 0,
            coverage: 0.0,
            overruns: *overruns,
            native: counted().filter_map(|rail| rail.native).max(),
            poll: *poll,
            idle_before_w: None,
            idle_after_w: None,
            quantum_w: steps.filter(|steps| *steps > 0.0),
            flags,
            refusal: None,
            rails: Vec::new(),
            mlperf: None,
        }
    }

    fn counts(&self, rail: &Rail) -> bool {
        self.record.total.contains(&rail.key)
    }

    fn of(&self, rail: &Rail) -> Option<&Series> {
        let quantity = match rail.kind {
            RailKind::Gauge { .. } => Quantity::Power,
            RailKind::Counter { .. } => Quantity::Energy,
        };
        self.series.iter().find(|series| series.name == rail.key && series.quantity == quantity)
    }

    /// What forbids any total, however well its rails were read.
    fn doubt(&self) -> Option<String> {
        let PowerRecord { source, rails, total, polls, faults, .. } = self.record;
        let named = |key: &str| rails.iter().find(|rail| rail.key == key);
        for (index, key) in total.iter().enumerate() {
            let Some(rail) = named(key) else {
                return Some(format!("{key} belongs to the total, and {source} has no such rail"));
            };
            if total[..index].contains(key) {
                return Some(format!("{key} is counted twice in the total"));
            }
            // As many steps up as there are rails, should somebody's parents go in a circle.
            let parents = std::iter::successors(rail.parent.as_deref(), |key| named(key)?.parent.as_deref());
            if let Some(parent) = parents.take(rails.len()).find(|parent| total.iter().any(|key| key == parent)) {
                return Some(format!("{key} is fed by {parent}: the two are never added"));
            }
        }
        let count = |fault: &str| faults.get(fault).copied().unwrap_or(0);
        if count("charging") > 0 {
            let readings = count("charging");
            return Some(format!("the battery was charged, or its charger was moved, in {readings} readings"));
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of polls")]
        let suspect = count("unit-suspect") as f64 / (*polls).max(1) as f64;
        (suspect > UNIT_SUSPECT_LIMIT).then(|| {
            let (share, limit) = (domain::units::percent(suspect), domain::units::percent(UNIT_SUSPECT_LIMIT));
            format!(
                "{share} of the readings are more than this board can draw (limit {limit}): most likely another unit"
            )
        })
    }

    /// Of every rail. One of many that never moves, and is too small for that to matter, is a supply that has nothing to do
    /// with the load, and no sensor that stands still.
    fn integrals(&self, measuring: Window) -> Vec<(&Rail, Result<Integral, Refusal>)> {
        let rails = self.record.rails.iter();
        let mut all: Vec<_> = rails.map(|rail| (rail, self.integrate(rail, measuring))).collect();
        let moving = all.iter().filter(|(rail, _)| self.counts(rail));
        let moving_w: f64 = moving.filter_map(|(_, outcome)| Some(outcome.as_ref().ok()?.mean_w)).sum();
        for (rail, outcome) in &mut all {
            let small = matches!(outcome, Err(Refusal::Stuck { value, .. }) if *value <= STILL_SHARE * moving_w);
            if let (true, RailKind::Gauge { .. }, Some(series)) = (small, rail.kind, self.of(rail)) {
                *outcome = integrate_idle(series, rail, measuring, self.record.poll);
            }
        }
        all
    }

    fn integrate(&self, rail: &Rail, window: Window) -> Result<Integral, Refusal> {
        integrate(self.of(rail).ok_or(Refusal::NoReadings)?, rail, window, self.record.poll)
    }

    fn rail_figure(&self, rail: &Rail, outcome: &Result<Integral, Refusal>) -> RailFigure {
        let integral = outcome.as_ref().ok();
        RailFigure {
            key: rail.key.clone(),
            scope: rail.scope,
            counted: self.counts(rail),
            mean_w: integral.map(|integral| integral.mean_w),
            joules: integral.and_then(|integral| integral.joules),
            problem: outcome.clone().and_then(|integral| integral.energy()).err().map(|refusal| refusal.to_string()),
        }
    }

    /// The rails of the total. One that can't be told leaves the device's energy untold.
    fn add_up(&self, integrals: &[(&Rail, Result<Integral, Refusal>)], figure: &mut EnergyFigure) {
        let counted: Vec<_> = integrals.iter().filter(|(rail, _)| self.counts(rail)).collect();
        if counted.is_empty() {
            let why = "this board's rails are not known, so that nothing adds up to the device; its rails are told one by one";
            figure.refusal = Some(why.to_owned());
            return;
        }
        let (mut joules, mut square_w, mut known) = (Some(0.0), 0.0, true);
        (figure.coverage, figure.readings) = (1.0, u64::MAX);
        for (rail, outcome) in counted {
            let integral = match outcome {
                Ok(integral) => integral,
                Err(refusal) => {
                    (figure.coverage, figure.readings, figure.mean_w) = (0.0, 0, 0.0);
                    if let Refusal::Coverage { coverage } = refusal {
                        figure.coverage = *coverage;
                    }
                    figure.refusal = Some(format!("{}: {refusal}", rail.key));
                    return;
                }
            };
            figure.mean_w += integral.mean_w;
            figure.coverage = figure.coverage.min(integral.coverage);
            figure.readings = figure.readings.min(integral.readings);
            figure.flags.extend(integral.flags.iter().map(|flag| (*flag).to_owned()));
            joules = joules.zip(integral.joules).map(|(sum, joules)| sum + joules);
            known &= integral.uncertainty_w.is_some();
            square_w += integral.uncertainty_w.unwrap_or(0.0).powi(2);
        }
        if figure.mean_w <= 0.0 {
            figure.refusal =
                Some(format!("the sensors told {} of a running device", domain::units::watts(figure.mean_w)));
            return;
        }
        figure.gross_j = joules;
        if joules.is_none() {
            figure.refusal = Some(Refusal::Partial { coverage: figure.coverage }.to_string());
        }
        figure.uncertainty = known.then(|| square_w.sqrt() / figure.mean_w).filter(|share| share.is_finite());
    }

    /// Watts of the total over a window in which nothing need change.
    fn mean_w(&self, window: Window) -> Option<f64> {
        let counted = self.record.rails.iter().filter(|rail| self.counts(rail));
        let means =
            counted.map(|rail| Some(integrate_idle(self.of(rail)?, rail, window, self.record.poll).ok()?.mean_w));
        means.sum::<Option<f64>>().filter(|watts| *watts > 0.0)
    }

    /// Means of each whole second.
    fn idle_means(&self, window: Window) -> Vec<f64> {
        let blocks = (window.end_ns - window.begin_ns) / IDLE_BLOCK_NS;
        let block = |number| {
            let begin_ns = window.begin_ns + number * IDLE_BLOCK_NS;
            self.mean_w(Window { begin_ns, end_ns: begin_ns + IDLE_BLOCK_NS })
        };
        (0..blocks).filter_map(block).collect()
    }

    fn idle(&self, telemetry: &Telemetry, measuring: Window, figure: &mut EnergyFigure) {
        let means = |window: Option<Window>| window.map(|window| self.idle_means(window)).unwrap_or_default();
        let (before, after) = (means(telemetry.windows.idle_before), means(telemetry.windows.idle_after));
        figure.idle_before_w = stats::median(&before);
        figure.idle_after_w = stats::median(&after);
        let known: Vec<f64> = figure.idle_before_w.into_iter().chain(figure.idle_after_w).collect();
        let (Some(gross), Some(idle_w)) = (figure.gross_j, stats::median(&known)) else { return };
        let net = |idle_w: f64| gross - idle_w * measuring.seconds();
        figure.net_j = Some(net(idle_w));
        let limit = (DRIFT_SHARE * idle_w).max(DRIFT_SIGMAS * error_of_difference(&before, &after));
        let range = match (figure.idle_before_w, figure.idle_after_w) {
            (Some(before_w), Some(after_w)) if (before_w - after_w).abs() > limit => {
                figure.flags.push(flag::BASELINE_DRIFT.to_owned());
                Some((before_w.min(after_w), before_w.max(after_w)))
            }
            (Some(_), Some(_)) => None,
            // Of one alone nobody knows whether it drifted: by as much as would not be called a drift, it may have.
            _ => Some((idle_w - limit, idle_w + limit)),
        };
        if let Some((least_w, greatest_w)) = range {
            figure.net_low_j = Some(net(greatest_w));
            figure.net_high_j = Some(net(least_w));
        }
    }
}

/// Standard error of the difference of two means.
#[expect(clippy::cast_precision_loss, reason = "seconds of an idle window")]
fn error_of_difference(first: &[f64], second: &[f64]) -> f64 {
    let square = |values: &[f64]| {
        stats::standard_deviation(values).map_or(0.0, |deviation| deviation.powi(2) / values.len() as f64)
    };
    (square(first) + square(second)).sqrt()
}

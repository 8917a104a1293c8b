//! What one run came to, the same whether a coordinator or this machine tells it.

use std::io::{self, Write};

use domain::{Environment, HeatFigure, Measurement, Pin, Placement, Statistics, Verdict, units};
use serde::Serialize;

use crate::output::{Table, facts};

/// Operators that are listed; the rest is a sum.
const OPERATORS: usize = 8;

/// One measured run for people and programs.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) verdict: Verdict,
    pub(crate) statistics: Statistics,
    pub(crate) queries: u32,
    pub(crate) samples_per_query: u32,
    pub(crate) measured_s: f64,
    pub(crate) stop: &'static str,
    pub(crate) rate_per_s: Option<f64>,
    pub(crate) trials: Vec<domain::Trial>,
    pub(crate) warmup_iterations: u32,
    pub(crate) runtime_load_ns: u64,
    pub(crate) session_load_ns: u64,
    pub(crate) first_inference_ns: u64,
    pub(crate) peak_rss_bytes: u64,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) env_id: String,
    pub(crate) environment: Environment,
    pub(crate) placement: Option<Placement>,
    pub(crate) placement_problem: Option<String>,
    /// Why nothing was read of the device's power; `None` = something was, or nobody listened.
    pub(crate) no_power: Option<String>,
    /// Settings that were made for this run and read back.
    pub(crate) pinned: Vec<Pin>,
    /// The simulated board that was measured; `None` = a real device.
    pub(crate) simulated: Option<String>,
}

impl Figures {
    pub(crate) fn new(measurement: &Measurement, statistics: &Statistics, verdict: &Verdict) -> Self {
        let ns = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let telemetry = measurement.telemetry.as_deref();
        Self {
            verdict: verdict.clone(),
            statistics: statistics.clone(),
            queries: measurement.samples.count,
            samples_per_query: measurement.samples_per_query,
            measured_s: measurement.measured.as_secs_f64(),
            stop: measurement.stop.name(),
            rate_per_s: measurement.rate.map(domain::Rate::per_second),
            trials: measurement.trials.clone(),
            warmup_iterations: measurement.warmup_iterations,
            runtime_load_ns: ns(measurement.runtime_load),
            session_load_ns: ns(measurement.session_load),
            first_inference_ns: ns(measurement.first_inference),
            peak_rss_bytes: measurement.peak_rss_bytes,
            inputs: measurement.inputs.clone(),
            outputs: measurement.outputs.clone(),
            env_id: measurement.environment.stable.id().to_string(),
            environment: measurement.environment.clone(),
            placement: measurement.placement.clone(),
            placement_problem: measurement.placement_problem.clone(),
            no_power: telemetry.and_then(|telemetry| telemetry.no_power.clone()),
            pinned: telemetry.map(|telemetry| telemetry.pinned.clone()).unwrap_or_default(),
            simulated: telemetry.and_then(|telemetry| telemetry.simulated.clone()),
        }
    }

    /// The verdict with its reasons.
    pub(crate) fn verdict_lines(&self) -> Vec<(&'static str, String)> {
        let tier = self.verdict.tier.name();
        let mut lines = vec![("verdict", format!("{} ({tier} tier)", self.verdict.level))];
        let reasons = self.verdict.reasons.iter();
        lines.extend(reasons.map(|reason| ("because", format!("{}: {}", reason.code, reason.message))));
        lines
    }

    /// Everything but environment and placement.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let Statistics { latency, effective_samples, steady, over_latency, slip, throughput_per_s, .. } =
            &self.statistics;
        let mut lines = vec![
            (
                "queries",
                format!(
                    "{} of {} {} in {:.1} s, worth {effective_samples:.0} independent ones; stopped: {}",
                    self.queries,
                    self.samples_per_query,
                    if self.samples_per_query == 1 { "sample" } else { "samples" },
                    self.measured_s,
                    self.stop
                ),
            ),
            ("throughput", format!("{} samples", units::per_second(*throughput_per_s))),
            (
                "spread",
                format!(
                    "min {}  mean {}  max {}  MAD {}  CV {}",
                    units::duration_ns(latency.min_ns),
                    units::duration_ns(rounded(latency.mean_ns)),
                    units::duration_ns(latency.max_ns),
                    units::duration_ns(latency.mad_ns),
                    units::percent(self.statistics.coefficient_of_variation())
                ),
            ),
            (
                "steadiness",
                format!(
                    "{}; burst {}, sustained {}; {} outliers",
                    steady.class.name(),
                    units::duration_ns(steady.burst_ns),
                    units::duration_ns(steady.sustained_ns),
                    steady.outlier_count
                ),
            ),
        ];
        if let Some(rate) = self.rate_per_s {
            let over = over_latency.map(|over| format!(", {over} queries over the target latency")).unwrap_or_default();
            lines.push(("offered", format!("{}{over}", units::per_second(rate))));
        }
        if let Some(slip) = slip {
            let text = format!("p50 {}  p99 {}", units::duration_ns(slip.p50_ns), units::duration_ns(slip.p99_ns));
            lines.push(("schedule slip", text));
        }
        if !self.trials.is_empty() {
            let trials = self.trials.iter().map(|trial| {
                format!(
                    "{} {}",
                    units::per_second(trial.rate.per_second()),
                    if trial.passed { "held" } else { "failed" }
                )
            });
            lines.push(("search", trials.collect::<Vec<_>>().join(", ")));
        }
        lines.push((
            "loading",
            format!(
                "runtime {}, session {}, first inference {}, {} more to warm up",
                units::duration_ns(self.runtime_load_ns),
                units::duration_ns(self.session_load_ns),
                units::duration_ns(self.first_inference_ns),
                self.warmup_iterations
            ),
        ));
        lines.push(("peak RSS", units::bytes(self.peak_rss_bytes)));
        lines.push(("inputs", self.inputs.join("  ")));
        lines.push(("outputs", self.outputs.join("  ")));
        lines
    }

    /// Percentiles with their certainty.
    pub(crate) fn percentiles(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["LATENCY", ">VALUE", ">95 % INTERVAL", ">AT 99 % CONFIDENCE"]);
        let count = u64::from(self.queries);
        for estimate in &self.statistics.estimates {
            let bound = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), units::duration_ns);
            let (value, interval) = if estimate.is_quotable(count) {
                let interval = format!("{} .. {}", bound(estimate.low_ns), bound(estimate.high_ns));
                (units::duration_ns(estimate.value_ns), interval)
            } else {
                ("-".to_owned(), format!("{} queries needed", estimate.needed))
            };
            let confident = estimate
                .early_stopping_ns
                .map_or_else(|| format!("{} queries needed", estimate.early_stopping_needed), units::duration_ns);
            table.row([estimate.percentile.to_string(), value, interval, confident]);
        }
        table.write(out)
    }

    /// Where the operators ran.
    pub(crate) fn placement(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some(placement) = &self.placement else {
            let why = self.placement_problem.as_deref().unwrap_or("not known");
            return facts(out, &[("placement", why.to_owned())]);
        };
        let shares: Vec<String> = placement
            .providers
            .iter()
            .map(|share| {
                let name = &share.provider;
                format!("{name}: {} nodes, {} of the time", share.nodes, units::percent(placement.share_of_time(name)))
            })
            .collect();
        let whole: u64 = placement.providers.iter().map(|share| share.time_ns).sum();
        let mut operators: Vec<String> = placement
            .operators
            .iter()
            .take(OPERATORS)
            .map(|operator| {
                format!("{} x{} {}", operator.operator, operator.nodes, units::percent(part(operator.time_ns, whole)))
            })
            .collect();
        if placement.operators.len() > OPERATORS {
            let rest: u64 = placement.operators.iter().skip(OPERATORS).map(|operator| operator.time_ns).sum();
            operators.push(format!("others {}", units::percent(part(rest, whole))));
        }
        facts(out, &[("placement", shares.join("; ")), ("operators", operators.join(", "))])
    }

    /// Energy, heat and settings; nothing where nobody listened.
    pub(crate) fn energy(&self, out: &mut dyn Write) -> io::Result<()> {
        let Statistics { energy, heat, .. } = &self.statistics;
        let mut lines = Vec::new();
        lines.extend(self.simulated.as_ref().map(|board| ("Simulated", format!("{board}: no real device was read"))));
        match energy {
            Some(figure) => lines.extend(figure.facts()),
            None => lines.extend(self.no_power.as_ref().map(|why| ("Energy", format!("none: {why}")))),
        }
        lines.extend(heat.iter().flat_map(HeatFigure::facts));
        lines.extend(self.pinned.iter().map(|pin| ("Setting", pin.words())));
        if lines.is_empty() {
            return Ok(());
        }
        facts(out, &lines)?;
        writeln!(out)
    }

    /// The circumstances.
    pub(crate) fn environment(&self, out: &mut dyn Write) -> io::Result<()> {
        facts(out, &environment(&self.environment, &self.env_id))
    }
}

/// The circumstances of a run, what is not known left out.
fn environment(environment: &Environment, id: &str) -> Vec<(&'static str, String)> {
    let (stable, volatile) = (&environment.stable, &environment.volatile);
    let facts = stable.facts().into_iter().chain(volatile.facts());
    let drift =
        volatile.drift.iter().map(|drift| ("Changed", format!("{}: {} -> {}", drift.what, drift.before, drift.after)));
    std::iter::once(("Environment", id.get(..12).unwrap_or(id).to_owned()))
        .chain(facts.filter_map(|(name, fact)| Some((name, fact?))))
        .chain(drift)
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share to one digit")]
fn part(some: u64, whole: u64) -> f64 {
    some as f64 / whole.max(1) as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of latencies is positive and fits")]
fn rounded(ns: f64) -> u64 {
    ns.round() as u64
}

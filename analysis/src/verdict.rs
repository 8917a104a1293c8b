//! The judgement: `LoadGen`'s VALID rules, and beyond them the disturbances and claims that they do not know.

mod heat;

use domain::{
    CellSpec, Measurement, Placement, ProviderName, Reason, RunMode, Scenario, Segment, Statistics, SteadyClass,
    SteadyState, Verdict, VerdictLevel,
};
use energy::InvalidTrace;
use loadgen::validity;

/// Other processes' share of all processors above which a widened tail is blamed on them.
const FOREIGN_CPU_LIMIT: f64 = 0.05;
/// p99/p50 above which a run's tail counts as widened.
const TAIL_RATIO_LIMIT: f64 = 1.5;
/// Share of the time that a thread waited for a processor above which others took it away. A neighbour who is always
/// there widens no tail: it shifts the median, too.
const WAIT_LIMIT: f64 = 0.05;
/// Share of flagged samples above which a run is not quiet.
const OUTLIER_LIMIT: f64 = 0.05;
/// Slow over fast above which one percentile would describe several speeds.
const SPEED_LIMIT: f64 = 1.10;

/// Judges a run. Invalid: `LoadGen` would not call it VALID, or a claim about placement does not hold. Suspect: something
/// disturbed it, or its latency has several levels that differ by more than a tenth.
///
/// `problem`: why what the sensors told can't be used.
pub(super) fn judge(
    cell: &CellSpec,
    measurement: &Measurement,
    statistics: &Statistics,
    problem: Option<&InvalidTrace>,
) -> Verdict {
    let mut court = Court::default();
    if measurement.mode() == RunMode::Accuracy {
        // Nobody quotes its latencies, and what its predictions are worth is told with them.
        return Verdict { level: court.level(), tier: cell.measure.tier, reasons: Vec::new() };
    }
    rules(&mut court, cell, measurement, statistics);
    placement(&mut court, cell, measurement);
    machine(&mut court, cell, measurement, statistics);
    steadiness(&mut court, cell, measurement, statistics);
    heat::judge(&mut court, cell, measurement, statistics, problem);
    Verdict { level: court.level(), tier: cell.measure.tier, reasons: court.reasons }
}

#[derive(Default)]
struct Court {
    reasons: Vec<Reason>,
}

impl Court {
    fn object(&mut self, level: VerdictLevel, code: &str, evidence: (f64, f64, &str), message: String) {
        let (value, threshold, unit) = evidence;
        self.reasons.push(Reason { code: code.to_owned(), message, level, value, threshold, unit: unit.to_owned() });
    }

    fn level(&self) -> VerdictLevel {
        self.reasons.iter().map(|reason| reason.level).max().unwrap_or(VerdictLevel::Valid)
    }
}

/// `LoadGen`'s VALID rules.
fn rules(court: &mut Court, cell: &CellSpec, measurement: &Measurement, statistics: &Statistics) {
    let queries = u64::from(measurement.samples.count);
    let tail_ns = cell.scenario.headline().and_then(|percentile| statistics.estimate(percentile));
    let facts = validity::Facts {
        scenario: cell.scenario,
        rule: cell.measure,
        queries,
        samples: queries * u64::from(measurement.samples_per_query),
        duration: match cell.scenario {
            Scenario::Offline => measurement.measured,
            _ => measurement.issuing,
        },
        over_latency: statistics.over_latency.unwrap_or(0),
        tail_ns: tail_ns.map_or(0, |estimate| estimate.value_ns),
        stop: measurement.stop,
    };
    for objection in validity::judge(&facts) {
        let validity::Objection { code, message, value, threshold, unit } = objection;
        court.object(VerdictLevel::Invalid, code, (value, threshold, unit), message);
    }
}

/// What the cell claims about placement, and what no cell may claim in silence: that a provider works which does nothing.
fn placement(court: &mut Court, cell: &CellSpec, measurement: &Measurement) {
    let Some(placement) = &measurement.placement else {
        if let Some(required) = &cell.require {
            let why = measurement.placement_problem.as_deref().unwrap_or("the profiling pass told nothing");
            let least = f64::from(required.min_share_millionths) / 1e6;
            court.object(
                VerdictLevel::Invalid,
                "placement-unknown",
                (0.0, least, "share"),
                format!(
                    "{} of the work is required on {}, and where it ran is not known: {why}",
                    percent(least),
                    required.provider
                ),
            );
        }
        return;
    };
    let (nodes, time) = shares(placement, &cell.provider);
    if !cell.provider.is_cpu() && nodes <= 0.0 {
        let ran_on: Vec<&str> = placement.providers.iter().map(|share| share.provider.as_str()).collect();
        court.object(
            VerdictLevel::Invalid,
            "cpu-fallback",
            (0.0, 0.0, "share"),
            format!(
                "no operator ran on {}: the runtime placed all of them on {} without saying so",
                cell.provider,
                ran_on.join(", ")
            ),
        );
    }
    if let Some(required) = &cell.require {
        let (nodes, time) =
            if required.provider == cell.provider { (nodes, time) } else { shares(placement, &required.provider) };
        let least = f64::from(required.min_share_millionths) / 1e6;
        for (share, of) in [(nodes, "nodes"), (time, "the operators' time")] {
            if share < least {
                court.object(
                    VerdictLevel::Invalid,
                    "offload-share",
                    (share, least, "share"),
                    format!(
                        "{} of {of} ran on {}, at least {} is required",
                        percent(share),
                        required.provider,
                        percent(least)
                    ),
                );
            }
        }
    }
}

fn shares(placement: &Placement, provider: &ProviderName) -> (f64, f64) {
    let name = provider.execution_provider();
    (placement.share_of_nodes(name), placement.share_of_time(name))
}

/// What else happened on the machine.
fn machine(court: &mut Court, cell: &CellSpec, measurement: &Measurement, statistics: &Statistics) {
    let volatile = &measurement.environment.volatile;
    let tail = ratio(statistics.latency.p99_ns, statistics.latency.p50_ns);
    let waited = volatile.processor_wait_share.unwrap_or(0.0);
    // A server's tail is wide by its queue: there the share alone tells.
    let harmed = tail > TAIL_RATIO_LIMIT || waited > WAIT_LIMIT || matches!(cell.scenario, Scenario::Server { .. });
    if let Some(share) = volatile.foreign_cpu_share
        && share > FOREIGN_CPU_LIMIT
        && harmed
    {
        court.object(
            VerdictLevel::Suspect,
            "foreign-cpu",
            (share, FOREIGN_CPU_LIMIT, "share"),
            format!(
                "other processes used {} of the processors (limit {}); p99/p50 is {tail:.2} (limit {TAIL_RATIO_LIMIT}), and a thread waited for a processor {} of the time (limit {})",
                percent(share),
                percent(FOREIGN_CPU_LIMIT),
                percent(waited),
                percent(WAIT_LIMIT)
            ),
        );
    }
    // Here, where verdicts that were stored before there were sensors have it: a replay compares them to the byte.
    heat::throttling(court, cell, measurement, statistics);
    for drift in &volatile.drift {
        court.object(
            VerdictLevel::Suspect,
            "environment-drift",
            (0.0, 0.0, ""),
            format!("{} changed while measuring, from {} to {}", drift.what, drift.before, drift.after),
        );
    }
}

/// Whether one figure can describe the run. A server's latency is its queue's, which has no steadiness to lose.
fn steadiness(court: &mut Court, cell: &CellSpec, measurement: &Measurement, statistics: &Statistics) {
    if matches!(cell.scenario, Scenario::Server { .. }) {
        return;
    }
    let steady = &statistics.steady;
    #[expect(clippy::cast_precision_loss, reason = "a count below 2^23")]
    let flagged = steady.outlier_count as f64 / f64::from(measurement.samples.count.max(1));
    if flagged > OUTLIER_LIMIT {
        court.object(
            VerdictLevel::Suspect,
            "outliers",
            (flagged, OUTLIER_LIMIT, "share"),
            format!(
                "{} of the latencies lie far outside of their neighbours (limit {})",
                percent(flagged),
                percent(OUTLIER_LIMIT)
            ),
        );
    }
    let ratio = match steady.class {
        SteadyClass::Slowdown => steady.throttle_ratio(),
        SteadyClass::NoSteadyState => unrest(steady),
        SteadyClass::Flat | SteadyClass::WarmUp | SteadyClass::TooShort => return,
    };
    if ratio <= SPEED_LIMIT {
        return;
    }
    let code = if steady.class == SteadyClass::Slowdown { "slowdown" } else { "no-steady-state" };
    let what = if steady.class == SteadyClass::Slowdown {
        format!(
            "latency rose from {} to {}",
            domain::units::duration_ns(steady.burst_ns),
            domain::units::duration_ns(steady.sustained_ns)
        )
    } else {
        "latency wandered and did not settle".to_owned()
    };
    let message = format!("{what} (x{ratio:.2}, limit x{SPEED_LIMIT:.2}): one figure would describe several speeds");
    court.object(VerdictLevel::Suspect, code, (ratio, SPEED_LIMIT, "ratio"), message);
}

/// Median of the slowest piece over that of the fastest, of the pieces that are no mere episodes.
fn unrest(steady: &SteadyState) -> f64 {
    let length = |segment: &Segment| segment.end - segment.start;
    let whole: u64 = steady.segments.iter().map(length).sum();
    // As many samples as may be outliers without harm.
    let lasting = steady.segments.iter().filter(|segment| ratio(length(segment), whole) >= OUTLIER_LIMIT);
    let medians = lasting.map(|segment| segment.p50_ns);
    match (medians.clone().min(), medians.max()) {
        (Some(fastest), Some(slowest)) => ratio(slowest, fastest),
        _ => 1.0,
    }
}

fn percent(share: f64) -> String {
    domain::units::percent(share)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio to two digits")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

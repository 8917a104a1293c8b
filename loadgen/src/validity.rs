//! `LoadGen`'s rules of VALID and INVALID (results.cc), and what it advises.
//!
//! `LoadGen` prints one flag for each rule; here each broken rule is an [`Objection`] with its number and its threshold. Two
//! more things make a result invalid there and can't happen here: to run out of generated queries, for they are drawn as
//! needed, and other seeds, for there are no others.

#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::{MeasureRule, Scenario, StopReason};

use crate::early_stopping::{self, Decided};

/// What a finished measurement came to.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    pub scenario: Scenario,
    pub rule: MeasureRule,
    pub queries: u64,
    pub samples: u64,
    /// From the start to the scenario's end of it: single-stream and multi-stream the issue of the last query, server its
    /// scheduled time, offline the last completion.
    pub duration: Duration,
    /// Server: queries strictly over the target latency.
    pub over_latency: u64,
    /// Server: the latency of rank `floor(n * p)` in ascending order.
    pub tail_ns: u64,
    pub stop: StopReason,
}

/// Why a measurement is INVALID.
#[derive(Debug, Clone, PartialEq)]
pub struct Objection {
    /// `min-queries`, `min-duration`, `latency-constraint`, `early-stopping` or `overload`.
    pub code: &'static str,
    /// For people: the number, what it should be, and what to do.
    pub message: String,
    pub value: f64,
    pub threshold: f64,
    /// Of both: `queries`, `samples`, `s` or `ns`.
    pub unit: &'static str,
}

/// All objections to a measurement; none means VALID.
///
/// An overload is the only objection to a measurement that it ended, besides the latency: that queries, time or
/// confidence are missing, too, is its consequence, and `LoadGen`'s advice to run longer would mislead.
pub fn judge(facts: &Facts) -> Vec<Objection> {
    let latency = latency_constraint(facts);
    if let Some(overload) = overload(facts) {
        return [overload].into_iter().chain(latency).collect();
    }
    [min_queries(facts), min_duration(facts), latency, early_stopping(facts)].into_iter().flatten().collect()
}

fn min_queries(facts: &Facts) -> Option<Objection> {
    let (count, unit) = match facts.scenario {
        Scenario::Offline => (facts.samples, "samples"),
        Scenario::SingleStream | Scenario::MultiStream { .. } | Scenario::Server { .. } => (facts.queries, "queries"),
    };
    let needed = u64::from(facts.rule.min_queries);
    (count < needed).then(|| Objection {
        code: "min-queries",
        message: format!("{count} {unit} of at least {needed}: {}", advice(facts)),
        value: float(count),
        threshold: float(needed),
        unit,
    })
}

fn min_duration(facts: &Facts) -> Option<Objection> {
    let needed = facts.rule.min_duration;
    (facts.duration < needed).then(|| Objection {
        code: "min-duration",
        message: format!("lasted {:.1?} of at least {needed:?}: {}", facts.duration, advice(facts)),
        value: facts.duration.as_secs_f64(),
        threshold: needed.as_secs_f64(),
        unit: "s",
    })
}

/// What ended it too early, and so what to change.
fn advice(facts: &Facts) -> String {
    match facts.stop {
        StopReason::MaxQueries => {
            "more queries than one measurement can hold; use larger batches or a shorter `min_duration`".to_owned()
        }
        StopReason::MaxDuration | StopReason::Satisfied | StopReason::Overload => {
            let limit = facts.rule.max_duration;
            match facts.scenario {
                Scenario::Server { .. } => format!("raise `max_duration` ({limit:?}) or the rate"),
                Scenario::Offline => format!("raise `max_duration` ({limit:?}) or use smaller chunks"),
                Scenario::SingleStream | Scenario::MultiStream { .. } => {
                    format!("raise `max_duration` ({limit:?}) or choose a lighter tier")
                }
            }
        }
    }
}

fn latency_constraint(facts: &Facts) -> Option<Objection> {
    let Scenario::Server { target_latency, percentile, .. } = facts.scenario else { return None };
    let (tail, target_ns) = (Duration::from_nanos(facts.tail_ns), target_latency.as_nanos());
    (u128::from(facts.tail_ns) > target_ns).then(|| Objection {
        code: "latency-constraint",
        message: format!("{percentile} is {tail:.1?}, over the target latency of {target_latency:?}: reduce the rate"),
        value: float(facts.tail_ns),
        threshold: target_latency.as_secs_f64() * 1e9,
        unit: "ns",
    })
}

fn early_stopping(facts: &Facts) -> Option<Objection> {
    let queries = facts.queries;
    let percentile = facts.scenario.headline()?;
    let (over, remedy) = match facts.scenario {
        Scenario::Server { .. } => (facts.over_latency, "all within the target latency"),
        Scenario::SingleStream | Scenario::MultiStream { .. } => (1, "by a higher `min_queries` or another tier"),
        Scenario::Offline => return None,
    };
    let Decided { met, needed } = early_stopping::decide(percentile, queries, over);
    (!met).then(|| Objection {
        code: "early-stopping",
        message: format!(
            "{queries} queries{} show no {percentile} at {:.0} % confidence, which takes {needed}: run {} more, {remedy}",
            over_latency(facts),
            early_stopping::CONFIDENCE * 100.0,
            needed - queries
        ),
        value: float(queries),
        threshold: float(needed),
        unit: "queries",
    })
}

fn overload(facts: &Facts) -> Option<Objection> {
    let Scenario::Server { target_latency, percentile, .. } = facts.scenario else { return None };
    if facts.stop != StopReason::Overload {
        return None;
    }
    let forgiven = early_stopping::max_over(percentile, facts.queries).unwrap_or(0);
    Some(Objection {
        code: "overload",
        message: format!(
            "the server could not keep up: {} of {} queries took longer than {target_latency:?}: reduce the rate",
            facts.over_latency, facts.queries
        ),
        value: float(facts.over_latency),
        threshold: float(forgiven),
        unit: "queries",
    })
}

fn over_latency(facts: &Facts) -> String {
    match facts.scenario {
        Scenario::Server { .. } => format!(", {} of them over the latency,", facts.over_latency),
        Scenario::SingleStream | Scenario::MultiStream { .. } | Scenario::Offline => String::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds are for people here")]
fn float(number: u64) -> f64 {
    number as f64
}

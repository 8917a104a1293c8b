//! Judges one run: valid, suspect or invalid, each with machine-readable reasons and the number behind them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{MeasureRule, Measurement};

/// The judgement on one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub level: VerdictLevel,
    /// Empty if and only if the run is valid.
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictLevel {
    Valid,
    /// The figures may be disturbed.
    Suspect,
    /// The figures must not be used.
    Invalid,
}

impl VerdictLevel {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for VerdictLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One reason against a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Machine-readable, e.g. `foreign-cpu`.
    pub code: String,
    /// For people, with the number and the threshold.
    pub message: String,
}

/// Other processes' share of all cores above which a widened tail is blamed on them.
const FOREIGN_CPU_LIMIT: f64 = 0.05;
/// p99/p50 above which a run's tail counts as widened.
const TAIL_RATIO_LIMIT: f64 = 1.5;

/// Judges a measurement by the rule it was taken under.
///
/// Invalid: fewer than `min_queries` queries, or less than `min_duration` measured (`LoadGen`'s VALID rules).
/// Suspect: other processes used more than 5 % of the processors *and* p99/p50 exceeds 1.5.
pub fn judge(measurement: &Measurement, rule: &MeasureRule) -> Verdict {
    let mut level = VerdictLevel::Valid;
    let mut reasons = Vec::new();
    let mut object = |at_least: VerdictLevel, code: &str, message: String| {
        level = level.max(at_least);
        reasons.push(Reason { code: code.to_owned(), message });
    };
    if measurement.samples.count < rule.min_queries {
        let message = format!("{} queries measured, at least {} wanted", measurement.samples.count, rule.min_queries);
        object(VerdictLevel::Invalid, "min-queries", message);
    }
    if measurement.measured < rule.min_duration {
        let message = format!("measured for {:.2?}, at least {:.2?} wanted", measurement.measured, rule.min_duration);
        object(VerdictLevel::Invalid, "min-duration", message);
    }
    let tail = tail_ratio(measurement);
    if let Some(share) = measurement.environment.foreign_cpu_share
        && share > FOREIGN_CPU_LIMIT
        && tail > TAIL_RATIO_LIMIT
    {
        let message = format!(
            "other processes used {:.1} % of the processors (limit {:.0} %) and p99/p50 is {tail:.2} (limit {TAIL_RATIO_LIMIT})",
            share * 100.0,
            FOREIGN_CPU_LIMIT * 100.0,
        );
        object(VerdictLevel::Suspect, "foreign-cpu", message);
    }
    Verdict { level, reasons }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio to two digits")]
fn tail_ratio(measurement: &Measurement) -> f64 {
    measurement.latency.p99_ns as f64 / measurement.latency.p50_ns.max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Environment, LatencySummary, Samples, Timestamp};

    fn measurement(count: u32, measured: Duration, foreign: Option<f64>, p99_ns: u64) -> Measurement {
        let latency = LatencySummary {
            min_ns: 100,
            p50_ns: 100,
            p90_ns: 100,
            p95_ns: 100,
            p99_ns,
            p999_ns: p99_ns,
            max_ns: p99_ns,
            mean_ns: 100.0,
            mad_ns: 1,
        };
        Measurement {
            started_at: Timestamp(0),
            measured,
            samples: Samples { pco: Vec::new(), count, quantum_ns: 1 },
            latency,
            histogram: Vec::new(),
            runtime_load: Duration::ZERO,
            session_load: Duration::ZERO,
            first_inference: Duration::ZERO,
            warmup_iterations: 0,
            peak_rss_bytes: 0,
            end_rss_bytes: 0,
            batch: 1,
            environment: Environment { foreign_cpu_share: foreign, ..Environment::default() },
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    fn verdict(count: u32, seconds: u64, foreign: Option<f64>, p99_ns: u64) -> (VerdictLevel, Vec<String>) {
        let rule = MeasureRule::default();
        let verdict = judge(&measurement(count, Duration::from_secs(seconds), foreign, p99_ns), &rule);
        (verdict.level, verdict.reasons.into_iter().map(|reason| reason.code).collect())
    }

    #[test]
    fn a_quiet_and_complete_run_is_valid() {
        assert_eq!(verdict(64, 2, Some(0.01), 300), (VerdictLevel::Valid, vec![]));
        assert_eq!(verdict(64, 2, None, 300), (VerdictLevel::Valid, vec![]));
        assert_eq!(verdict(64, 2, Some(0.9), 110), (VerdictLevel::Valid, vec![]), "busy, but the tail shows nothing");
    }

    #[test]
    fn a_disturbed_run_is_suspect() {
        assert_eq!(verdict(64, 2, Some(0.30), 300), (VerdictLevel::Suspect, vec!["foreign-cpu".to_owned()]));
    }

    #[test]
    fn a_short_run_is_invalid_whatever_else_holds() {
        let expected = vec!["min-queries".to_owned(), "min-duration".to_owned(), "foreign-cpu".to_owned()];
        assert_eq!(verdict(63, 1, Some(0.30), 300), (VerdictLevel::Invalid, expected));
    }
}

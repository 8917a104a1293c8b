//! One run with its attempts and environment.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use domain::{CampaignId, RunId, Timestamp, units};
use proto::pb;
use serde::Serialize;

use super::describe_cell;
use crate::output::{Answer, Table, facts};

/// One run in full.
#[derive(Debug, Serialize)]
pub(crate) struct RunView {
    pub(crate) id: String,
    pub(crate) campaign: String,
    pub(crate) cell: u32,
    pub(crate) repetition: u32,
    pub(crate) state: &'static str,
    pub(crate) settings: String,
    pub(crate) device: Option<String>,
    pub(crate) verdict: Option<&'static str>,
    pub(crate) reasons: Vec<String>,
    pub(crate) latency_ns: Option<BTreeMap<&'static str, u64>>,
    pub(crate) queries: Option<u32>,
    pub(crate) throughput_per_s: Option<f64>,
    pub(crate) session_load_ns: Option<u64>,
    pub(crate) first_inference_ns: Option<u64>,
    pub(crate) peak_rss_bytes: Option<u64>,
    pub(crate) environment: BTreeMap<&'static str, String>,
    pub(crate) attempts: Vec<AttemptView>,
    pub(crate) failure: Option<FailureView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) samples_ns: Vec<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct AttemptView {
    pub(crate) number: u32,
    pub(crate) device: String,
    pub(crate) state: String,
    pub(crate) leased_at: String,
    pub(crate) ended_at: Option<String>,
    pub(crate) failure: Option<FailureView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct FailureView {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) signal: Option<i32>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) stderr_tail: String,
}

impl From<&pb::AttemptFailure> for FailureView {
    fn from(failure: &pb::AttemptFailure) -> Self {
        Self {
            kind: match failure.kind() {
                pb::FailureKind::Infra => "infra",
                pb::FailureKind::Model => "model",
                pb::FailureKind::Timeout => "timeout",
                pb::FailureKind::OutOfMemory => "out-of-memory",
                pb::FailureKind::Cancelled => "cancelled",
                pb::FailureKind::Lost => "lost",
                pb::FailureKind::Unspecified => "unknown",
            },
            message: failure.message.clone(),
            signal: failure.signal,
            exit_code: failure.exit_code,
            stderr_tail: failure.stderr_tail.clone(),
        }
    }
}

impl From<&pb::RunDetail> for RunView {
    fn from(detail: &pb::RunDetail) -> Self {
        let run = detail.run.clone().unwrap_or_default();
        let measurement = run.measurement.as_ref();
        let verdict = run.verdict.clone();
        Self {
            id: RunId(run.id).to_string(),
            campaign: CampaignId(run.campaign_id).to_string(),
            cell: run.cell,
            repetition: run.repetition,
            state: match run.state() {
                pb::RunState::Ready => "ready",
                pb::RunState::Active => "active",
                pb::RunState::Done => "done",
                pb::RunState::Failed => "failed",
                pb::RunState::Cancelled => "cancelled",
                pb::RunState::Unspecified => "unknown",
            },
            settings: run.spec.as_ref().map(describe_cell).unwrap_or_default(),
            device: (!run.device.is_empty()).then(|| run.device.clone()),
            verdict: verdict.as_ref().map(|verdict| match verdict.level() {
                pb::VerdictLevel::Valid => "valid",
                pb::VerdictLevel::Suspect => "suspect",
                pb::VerdictLevel::Invalid => "invalid",
                pb::VerdictLevel::Unspecified => "unknown",
            }),
            reasons: verdict
                .map(|verdict| {
                    verdict.reasons.into_iter().map(|reason| format!("{}: {}", reason.code, reason.message)).collect()
                })
                .unwrap_or_default(),
            latency_ns: measurement.and_then(|m| m.latency).map(|latency| {
                BTreeMap::from([
                    ("min", latency.min_ns),
                    ("p50", latency.p50_ns),
                    ("p90", latency.p90_ns),
                    ("p95", latency.p95_ns),
                    ("p99", latency.p99_ns),
                    ("p99.9", latency.p999_ns),
                    ("max", latency.max_ns),
                    ("mad", latency.mad_ns),
                ])
            }),
            queries: measurement.map(|m| m.latency_count),
            throughput_per_s: measurement
                .cloned()
                .and_then(|m| domain::Measurement::try_from(m).ok())
                .map(|m| m.throughput_per_s()),
            session_load_ns: measurement.map(|m| m.session_load_ns),
            first_inference_ns: measurement.map(|m| m.first_inference_ns),
            peak_rss_bytes: measurement.map(|m| m.peak_rss_bytes),
            environment: measurement.and_then(|m| m.environment.as_ref()).map(environment).unwrap_or_default(),
            attempts: detail
                .attempts
                .iter()
                .map(|attempt| AttemptView {
                    number: attempt.number,
                    device: attempt.device.clone(),
                    state: attempt.state.clone(),
                    leased_at: Timestamp(attempt.leased_at_us).to_string(),
                    ended_at: (attempt.ended_at_us > 0).then(|| Timestamp(attempt.ended_at_us).to_string()),
                    failure: attempt.failure.as_ref().map(FailureView::from),
                })
                .collect(),
            failure: run.failure.as_ref().map(FailureView::from),
            samples_ns: detail.latency_ns.clone(),
        }
    }
}

fn environment(environment: &pb::Environment) -> BTreeMap<&'static str, String> {
    let mut shown = BTreeMap::from([
        ("agent", environment.agent_version.clone()),
        ("runtime", format!("ONNX Runtime {}", environment.runtime_version)),
        ("provider", environment.provider.clone()),
        ("cpu", format!("{} ({} cores)", environment.cpu_model, environment.cores)),
        ("kernel", environment.kernel.clone()),
        ("governor", environment.governor.clone()),
        ("isa", environment.isa.join(" ")),
    ]);
    if let Some(share) = environment.foreign_cpu_share {
        shown.insert("other processes", units::percent(share));
    }
    if let Some(count) = environment.involuntary_switches {
        shown.insert("involuntary switches", count.to_string());
    }
    shown.retain(|_, value| !value.is_empty());
    shown
}

impl Answer for RunView {
    const SCHEMA: &'static str = "furlong.run/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let ns = |value: Option<u64>| value.map(units::duration_ns).unwrap_or_default();
        let latency = self.latency_ns.as_ref().map_or_else(String::new, |latency| {
            let parts = ["min", "p50", "p90", "p95", "p99", "p99.9", "max"];
            let parts: Vec<String> = parts
                .iter()
                .filter_map(|name| Some(format!("{name} {}", units::duration_ns(*latency.get(name)?))))
                .collect();
            parts.join("  ")
        });
        facts(
            out,
            &[
                (
                    "run",
                    format!("{}  ({}, cell {}, repetition {})", self.id, self.campaign, self.cell, self.repetition),
                ),
                ("state", self.state.to_owned()),
                ("verdict", self.verdict.unwrap_or_default().to_owned()),
                ("because", self.reasons.join("; ")),
                ("settings", self.settings.clone()),
                ("device", self.device.clone().unwrap_or_default()),
                ("latency", latency),
                ("queries", self.queries.map(|queries| queries.to_string()).unwrap_or_default()),
                ("throughput", self.throughput_per_s.map(units::per_second).unwrap_or_default()),
                ("session load", ns(self.session_load_ns)),
                ("first inference", ns(self.first_inference_ns)),
                ("peak RSS", self.peak_rss_bytes.map(units::bytes).unwrap_or_default()),
            ],
        )?;
        let environment: Vec<(&str, String)> = self.environment.iter().map(|(k, v)| (*k, v.clone())).collect();
        if !environment.is_empty() {
            writeln!(out)?;
            facts(out, &environment)?;
        }
        writeln!(out)?;
        let mut table = Table::new(&[">ATTEMPT", "DEVICE", "STATE", "LEASED", "ENDED", "FAILURE"]);
        for attempt in &self.attempts {
            table.row([
                attempt.number.to_string(),
                attempt.device.clone(),
                attempt.state.clone(),
                attempt.leased_at.clone(),
                attempt.ended_at.clone().unwrap_or_default(),
                attempt.failure.as_ref().map(|f| format!("{}: {}", f.kind, f.message)).unwrap_or_default(),
            ]);
        }
        table.write(out)?;
        if let Some(failure) = &self.failure
            && !failure.stderr_tail.trim().is_empty()
        {
            writeln!(out, "\nthe runner's last words:\n{}", failure.stderr_tail.trim_end())?;
        }
        Ok(())
    }
}

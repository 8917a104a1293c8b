//! One run with its attempts and environment.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use domain::{CampaignId, CellSpec, Measurement, RunId, Statistics, Timestamp, Verdict};
use proto::pb;
use serde::Serialize;

use super::{Figures, RecordView};
use crate::output::{Answer, Table, facts};

/// One run in full.
#[derive(Debug, Serialize)]
pub(crate) struct RunView {
    pub(crate) id: String,
    pub(crate) campaign: String,
    pub(crate) cell: u32,
    pub(crate) repetition: u32,
    /// The suspect run that this one repeats.
    pub(crate) repeats: Option<String>,
    /// What it is for.
    pub(crate) mode: &'static str,
    pub(crate) state: &'static str,
    pub(crate) settings: String,
    pub(crate) device: Option<String>,
    /// The simulated board that was measured; `None` = a real device, or nothing is measured yet.
    pub(crate) simulated: Option<String>,
    pub(crate) verdict: Option<&'static str>,
    pub(crate) latency_ns: Option<BTreeMap<&'static str, u64>>,
    pub(crate) figures: Option<Figures>,
    /// Of a run over a data set.
    pub(crate) accuracy: Option<RecordView>,
    pub(crate) attempts: Vec<AttemptView>,
    pub(crate) failure: Option<FailureView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) samples_ns: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) slips_ns: Vec<u64>,
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
    pub(crate) peak_rss_bytes: Option<u64>,
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
                pb::FailureKind::Unsupported => "unsupported",
                pb::FailureKind::Unspecified => "unknown",
            },
            message: failure.message.clone(),
            signal: failure.signal,
            exit_code: failure.exit_code,
            peak_rss_bytes: (failure.peak_rss_bytes > 0).then_some(failure.peak_rss_bytes),
            stderr_tail: failure.stderr_tail.clone(),
        }
    }
}

impl TryFrom<&pb::RunDetail> for RunView {
    type Error = proto::InvalidMessage;

    fn try_from(detail: &pb::RunDetail) -> Result<Self, proto::InvalidMessage> {
        let run = detail.run.clone().unwrap_or_default();
        let figures = figures(&run)?;
        Ok(Self {
            id: RunId(run.id).to_string(),
            campaign: CampaignId(run.campaign_id).to_string(),
            cell: run.cell,
            repetition: run.repetition,
            repeats: (run.repeats_run_id > 0).then(|| RunId(run.repeats_run_id).to_string()),
            mode: proto::run_mode("run.mode", run.mode)?.name(),
            state: match run.state() {
                pb::RunState::Ready => "ready",
                pb::RunState::Active => "active",
                pb::RunState::Done => "done",
                pb::RunState::Failed => "failed",
                pb::RunState::Cancelled => "cancelled",
                pb::RunState::Unspecified => "unknown",
            },
            settings: run
                .spec
                .clone()
                .map(CellSpec::try_from)
                .transpose()?
                .map(|spec| spec.describe())
                .unwrap_or_default(),
            device: (!run.device.is_empty()).then(|| run.device.clone()),
            simulated: figures.as_ref().and_then(|figures| figures.simulated.clone()),
            verdict: figures.as_ref().map(|figures| figures.verdict.level.name()),
            latency_ns: figures.as_ref().map(|figures| {
                let latency = &figures.statistics.latency;
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
            accuracy: run
                .measurement
                .as_ref()
                .and_then(|measurement| measurement.accuracy.as_ref())
                .map(RecordView::from),
            figures,
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
            slips_ns: detail.slip_ns.clone(),
        })
    }
}

impl RunView {
    fn device_words(&self) -> String {
        let simulated = if self.simulated.is_some() { " (simulated)" } else { "" };
        self.device.as_ref().map(|device| format!("{device}{simulated}")).unwrap_or_default()
    }
}

/// `None` while there is no result.
fn figures(run: &pb::Run) -> Result<Option<Figures>, proto::InvalidMessage> {
    let (Some(measurement), Some(statistics), Some(verdict)) = (&run.measurement, &run.statistics, &run.verdict) else {
        return Ok(None);
    };
    let measurement = Measurement::try_from(measurement.clone())?;
    let statistics = Statistics::try_from(statistics.clone())?;
    let verdict = Verdict::try_from(verdict.clone())?;
    Ok(Some(Figures::new(&measurement, &statistics, &verdict)))
}

impl Answer for RunView {
    const SCHEMA: &'static str = "furlong.run/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = vec![
            ("run", format!("{}  ({}, cell {}, repetition {})", self.id, self.campaign, self.cell, self.repetition)),
            ("repeats", self.repeats.as_ref().map(|id| format!("{id}, which is suspect")).unwrap_or_default()),
            ("mode", self.mode.to_owned()),
            ("state", self.state.to_owned()),
            ("settings", self.settings.clone()),
            ("device", self.device_words()),
        ];
        if let Some(figures) = &self.figures {
            lines.extend(figures.verdict_lines());
            facts(out, &lines)?;
            writeln!(out)?;
            if let Some(accuracy) = &self.accuracy {
                facts(out, &accuracy.lines())?;
                writeln!(out)?;
                accuracy.write_metrics(out)?;
                writeln!(out)?;
            }
            figures.percentiles(out)?;
            writeln!(out)?;
            facts(out, &figures.lines())?;
            writeln!(out)?;
            figures.placement(out)?;
            writeln!(out)?;
            figures.energy(out)?;
            figures.environment(out)?;
        } else {
            facts(out, &lines)?;
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

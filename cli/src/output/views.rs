//! What the commands answer, built from the wire's messages: each type is both the JSON form and the table.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use domain::{CampaignId, Digest, RunId, Timestamp, campaign::Plan, units};
use proto::pb;
use serde::Serialize;

use super::{
    Answer,
    table::{Table, facts},
};

#[derive(Debug, Serialize)]
pub(crate) struct CampaignView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) created_at: String,
    pub(crate) finished_at: Option<String>,
    pub(crate) cells: u32,
    pub(crate) runs: u32,
    pub(crate) done: u32,
    pub(crate) failed: u32,
    pub(crate) cancelled: u32,
    pub(crate) waiting_reason: Option<String>,
}

impl From<&pb::Campaign> for CampaignView {
    fn from(campaign: &pb::Campaign) -> Self {
        let counts = campaign.runs.unwrap_or_default();
        Self {
            id: CampaignId(campaign.id).to_string(),
            name: campaign.name.clone(),
            state: match campaign.state() {
                pb::CampaignState::Running => "running",
                pb::CampaignState::Done => "done",
                pb::CampaignState::Cancelled => "cancelled",
                pb::CampaignState::Unspecified => "unknown",
            },
            created_at: Timestamp(campaign.created_at_us).to_string(),
            finished_at: (campaign.finished_at_us > 0).then(|| Timestamp(campaign.finished_at_us).to_string()),
            cells: campaign.cells,
            runs: counts.total,
            done: counts.done,
            failed: counts.failed,
            cancelled: counts.cancelled,
            waiting_reason: (!campaign.waiting_reason.is_empty()).then(|| campaign.waiting_reason.clone()),
        }
    }
}

impl Answer for Vec<CampaignView> {
    const SCHEMA: &'static str = "furlong.campaigns/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return writeln!(out, "no campaign yet; `furlong submit FILE` makes one");
        }
        let mut table = Table::new(&["ID", "NAME", "STATE", ">CELLS", ">RUNS", ">DONE", ">FAILED", "CREATED"]);
        for campaign in self {
            table.row([
                campaign.id.clone(),
                campaign.name.clone(),
                campaign.state.to_owned(),
                campaign.cells.to_string(),
                campaign.runs.to_string(),
                campaign.done.to_string(),
                campaign.failed.to_string(),
                campaign.created_at.clone(),
            ]);
        }
        table.write(out)
    }
}

/// One cell with the statistics over its valid runs.
#[derive(Debug, Serialize)]
pub(crate) struct CellView {
    pub(crate) cell: u32,
    pub(crate) model: String,
    pub(crate) model_bytes: u64,
    pub(crate) provider: String,
    pub(crate) scenario: &'static str,
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
    pub(crate) failure: Option<String>,
}

impl From<&pb::CellSummary> for CellView {
    fn from(summary: &pb::CellSummary) -> Self {
        let spec = summary.spec.clone().unwrap_or_default();
        let model = spec.model.clone().unwrap_or_default();
        let counts = summary.runs.unwrap_or_default();
        let basis = match summary.basis() {
            pb::VerdictLevel::Valid => Some("valid"),
            pb::VerdictLevel::Suspect => Some("suspect"),
            pb::VerdictLevel::Invalid | pb::VerdictLevel::Unspecified => None,
        };
        let measured = |value: u64| basis.map(|_| value);
        Self {
            cell: summary.cell,
            scenario: scenario(&spec),
            model: model.name,
            model_bytes: model.size_bytes,
            provider: spec.provider,
            batch: spec.batch,
            sequence_length: (spec.sequence_length > 0).then_some(spec.sequence_length),
            intra_threads: spec.intra_threads,
            devices: summary.devices.clone(),
            runs: counts.total,
            done: counts.done,
            failed: counts.failed,
            valid: summary.valid,
            suspect: summary.suspect,
            invalid: summary.invalid,
            basis,
            p50_ns: measured(summary.p50_ns),
            p90_ns: measured(summary.p90_ns),
            p99_ns: measured(summary.p99_ns),
            throughput_per_s: basis.map(|_| summary.throughput_per_s),
            spread_p50: summary.spread_p50,
            session_load_ns: measured(summary.session_load_ns),
            first_inference_ns: measured(summary.first_inference_ns),
            peak_rss_bytes: measured(summary.peak_rss_bytes),
            failure: (!summary.failure.is_empty()).then(|| summary.failure.clone()),
        }
    }
}

impl Answer for Vec<CellView> {
    const SCHEMA: &'static str = "furlong.cells/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&[
            ">#",
            "MODEL",
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
            "RUNS",
        ]);
        let dash = || "-".to_owned();
        for cell in self {
            let suspicion = if cell.is_suspect() { "~" } else { "" };
            let ns =
                |value: Option<u64>| value.map_or_else(dash, |ns| format!("{suspicion}{}", units::duration_ns(ns)));
            table.row([
                cell.cell.to_string(),
                cell.model.clone(),
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
                verdicts(cell),
            ]);
        }
        table.write(out)?;
        for cell in self {
            if let Some(failure) = &cell.failure {
                writeln!(out, "cell {}: {failure}", cell.cell)?;
            }
        }
        Ok(())
    }
}

impl CellView {
    /// Its figures stand on suspect runs, for want of valid ones.
    pub(crate) fn is_suspect(&self) -> bool {
        self.basis == Some("suspect")
    }
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
    parts.join(", ")
}

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

#[derive(Debug, Serialize)]
pub(crate) struct DeviceView {
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) run: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) cpu: String,
    pub(crate) cores: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) os: String,
    pub(crate) arch: String,
    pub(crate) runtime: String,
    pub(crate) providers: Vec<String>,
    pub(crate) power_sensors: Vec<String>,
    pub(crate) no_power_reason: Option<String>,
    pub(crate) agent_version: String,
    pub(crate) last_seen: Option<String>,
}

impl From<&pb::Device> for DeviceView {
    fn from(device: &pb::Device) -> Self {
        let facts = device.facts.clone().unwrap_or_default();
        Self {
            name: device.name.clone(),
            state: match device.state() {
                pb::DeviceState::Idle => "idle",
                pb::DeviceState::Busy => "busy",
                pb::DeviceState::Offline => "offline",
                pb::DeviceState::Unspecified => "unknown",
            },
            run: (device.current_run_id > 0).then(|| RunId(device.current_run_id).to_string()),
            labels: device.labels.clone().into_iter().collect(),
            cpu: facts.cpu_model,
            cores: facts.cores,
            memory_bytes: facts.memory_bytes,
            os: facts.os,
            arch: facts.arch,
            runtime: facts.runtime_version,
            providers: facts.providers,
            power_sensors: facts.power_sensors,
            no_power_reason: (!facts.no_power_reason.is_empty()).then_some(facts.no_power_reason),
            agent_version: device.agent_version.clone(),
            last_seen: (device.last_seen_us > 0).then(|| Timestamp(device.last_seen_us).to_string()),
        }
    }
}

impl Answer for Vec<DeviceView> {
    const SCHEMA: &'static str = "furlong.devices/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return writeln!(out, "no device yet; `furlong agent --coordinator URL` on a board makes one");
        }
        let mut table =
            Table::new(&["NAME", "STATE", "RUN", "LABELS", "CPU", ">CORES", ">MEMORY", "RUNTIME", "LAST SEEN"]);
        for device in self {
            let labels: Vec<String> = device.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            table.row([
                device.name.clone(),
                device.state.to_owned(),
                device.run.clone().unwrap_or_else(|| "-".to_owned()),
                labels.join(" "),
                device.cpu.clone(),
                device.cores.to_string(),
                units::bytes(device.memory_bytes),
                device.runtime.clone(),
                device.last_seen.clone().unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        table.write(out)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ModelView {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
    pub(crate) tokenizer: bool,
    pub(crate) source: String,
    pub(crate) licence: String,
    pub(crate) added_at: String,
}

impl From<&pb::Model> for ModelView {
    fn from(model: &pb::Model) -> Self {
        Self {
            name: model.name.clone(),
            sha256: Digest::try_from(model.sha256.as_slice()).map(String::from).unwrap_or_default(),
            size_bytes: model.size_bytes,
            tokenizer: !model.tokenizer_sha256.is_empty(),
            source: model.source.clone(),
            licence: model.licence.clone(),
            added_at: Timestamp(model.added_at_us).to_string(),
        }
    }
}

impl Answer for Vec<ModelView> {
    const SCHEMA: &'static str = "furlong.models/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return writeln!(out, "no model yet; `furlong models add NAME FILE` makes one");
        }
        let mut table = Table::new(&["NAME", ">SIZE", "SHA256", "TOKENIZER", "LICENCE", "SOURCE"]);
        for model in self {
            table.row([
                model.name.clone(),
                units::bytes(model.size_bytes),
                model.sha256.chars().take(12).collect(),
                if model.tokenizer { "yes" } else { "no" }.to_owned(),
                model.licence.clone(),
                model.source.clone(),
            ]);
        }
        table.write(out)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct PlanView {
    pub(crate) name: String,
    pub(crate) repetitions: u32,
    pub(crate) runs: usize,
    pub(crate) cells: Vec<PlannedCellView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PlannedCellView {
    pub(crate) cell: u32,
    pub(crate) key: String,
    pub(crate) device: String,
    pub(crate) settings: String,
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        let cells = plan.cells.iter().map(|cell| PlannedCellView {
            cell: cell.number,
            key: cell.key.to_string(),
            device: cell.device.to_string(),
            settings: describe_cell(&cell.spec.clone().into()),
        });
        Self { name: plan.name.clone(), repetitions: plan.repetitions, runs: plan.runs().len(), cells: cells.collect() }
    }
}

impl Answer for PlanView {
    const SCHEMA: &'static str = "furlong.plan/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {} cells x {} = {} runs", self.name, self.cells.len(), self.repetitions, self.runs)?;
        let mut table = Table::new(&[">#", "DEVICE", "SETTINGS"]);
        for cell in &self.cells {
            table.row([cell.cell.to_string(), cell.device.clone(), cell.settings.clone()]);
        }
        table.write(out)
    }
}

/// A cell's settings in one line.
pub(crate) fn describe_cell(spec: &pb::CellSpec) -> String {
    let model = spec.model.as_ref().map(|model| model.name.as_str()).unwrap_or_default();
    let sequence = if spec.sequence_length > 0 { format!(" seq {}", spec.sequence_length) } else { String::new() };
    let threads = if spec.intra_threads == 1 { "thread" } else { "threads" };
    format!(
        "{model} {}/{} {} batch {}{sequence} {} {threads}",
        spec.runtime,
        spec.provider,
        scenario(spec),
        spec.batch,
        spec.intra_threads,
    )
}

fn scenario(spec: &pb::CellSpec) -> &'static str {
    match spec.scenario() {
        pb::Scenario::SingleStream => "single-stream",
        pb::Scenario::Unspecified => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(answer: &impl Answer) -> String {
        let mut out = Vec::new();
        answer.table(&mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("UTF-8")
    }

    fn summary() -> pb::CellSummary {
        pb::CellSummary {
            cell: 1,
            spec: Some(pb::CellSpec {
                model: Some(pb::ModelRef { name: "minilm".to_owned(), size_bytes: 22_928_619, ..Default::default() }),
                provider: "cpu".to_owned(),
                scenario: pb::Scenario::SingleStream.into(),
                batch: 1,
                sequence_length: 128,
                intra_threads: 2,
                ..Default::default()
            }),
            runs: Some(pb::CellRunCounts { total: 5, done: 3, failed: 1 }),
            p50_ns: 25_400_000,
            p90_ns: 29_500_000,
            p99_ns: 34_600_000,
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
    fn an_empty_list_names_the_next_step() {
        insta::assert_snapshot!(written(&Vec::<ModelView>::new()), @"no model yet; `furlong models add NAME FILE` makes one");
        insta::assert_snapshot!(written(&Vec::<DeviceView>::new()), @"no device yet; `furlong agent --coordinator URL` on a board makes one");
        insta::assert_snapshot!(written(&Vec::<CampaignView>::new()), @"no campaign yet; `furlong submit FILE` makes one");
    }
}

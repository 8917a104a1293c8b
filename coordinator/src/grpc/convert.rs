//! Store and engine records to wire messages, by full destructuring, and the few wire messages that only we read.

use domain::{
    AttemptId, AttemptPhase, AttemptState, CampaignState, DeviceId, DeviceState, Digest, Fence, Labels, RunId,
};
use proto::{InvalidMessage, pb, phase_from_wire};
use score::{Comparison, Outcome};

use crate::{
    engine::{CampaignView, CellAccuracy, Compared, DeviceView, Hello, Settings, ToAgent},
    store::{
        AccuracyRun, AttemptRecord, CampaignRecord, DeviceIdentity, DeviceRecord, EventRecord, Granted,
        MeasurementRecord, RunCounts, RunRecord,
    },
    summary::{CellFigures, CellSummary},
};

/// Greatest number of labels of a device, and of bytes in one name, key or value: labels are for people.
const LABEL_LIMIT: usize = 64;
const TEXT_LIMIT_BYTES: usize = 256;

pub(super) fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, InvalidMessage> {
    if bytes.is_empty() {
        return Err(InvalidMessage::Missing(field));
    }
    Digest::try_from(bytes).map_err(|error| InvalidMessage::Malformed { field, why: error.to_string() })
}

pub(super) fn text(field: &'static str, value: String) -> Result<String, InvalidMessage> {
    let malformed = |why: &str| Err(InvalidMessage::Malformed { field, why: why.to_owned() });
    if value.len() > TEXT_LIMIT_BYTES {
        return malformed("it is longer than 256 bytes");
    }
    if value.chars().any(char::is_control) {
        return malformed("it holds a control character");
    }
    Ok(value)
}

impl TryFrom<pb::Hello> for Hello {
    type Error = InvalidMessage;

    fn try_from(hello: pb::Hello) -> Result<Self, InvalidMessage> {
        let id = DeviceId::try_from(&hello)?;
        let pb::Hello {
            protocol_min: _,
            protocol_max: _,
            agent_version,
            device_id: _,
            device_name,
            labels,
            facts,
            boot_id,
            held,
        } = hello;
        if device_name.is_empty() {
            return Err(InvalidMessage::Missing("hello.device_name"));
        }
        if labels.len() > LABEL_LIMIT {
            let why = format!("{} labels are more than {LABEL_LIMIT}", labels.len());
            return Err(InvalidMessage::Malformed { field: "hello.labels", why });
        }
        let labels = labels
            .into_iter()
            .map(|(key, value)| Ok((text("hello.labels", key)?, text("hello.labels", value)?)))
            .collect::<Result<Labels, InvalidMessage>>()?;
        let identity = DeviceIdentity {
            id,
            name: text("hello.device_name", device_name)?,
            labels,
            facts: facts.ok_or(InvalidMessage::Missing("hello.facts"))?.into(),
            agent_version: text("hello.agent_version", agent_version)?,
            boot_id: text("hello.boot_id", boot_id)?,
        };
        Ok(Self { identity, held: held_attempts(held)? })
    }
}

pub(super) fn held_attempts(
    held: Vec<pb::HeldAttempt>,
) -> Result<Vec<(AttemptId, Fence, AttemptPhase)>, InvalidMessage> {
    held.into_iter()
        .map(|pb::HeldAttempt { attempt_id, fence, phase }| {
            Ok((AttemptId(attempt_id), Fence(fence), phase_from_wire(phase)?))
        })
        .collect()
}

fn wire_ms(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

pub(super) fn welcome(protocol: u32, epoch: i64, settings: Settings, abandon: &[AttemptId]) -> pb::CoordinatorMessage {
    let welcome = pb::Welcome {
        protocol,
        session_epoch: epoch,
        heartbeat_ms: wire_ms(settings.heartbeat),
        abandon: abandon.iter().map(|id| id.0).collect(),
    };
    pb::CoordinatorMessage { message: Some(pb::coordinator_message::Message::Welcome(welcome)) }
}

impl From<ToAgent> for pb::CoordinatorMessage {
    fn from(message: ToAgent) -> Self {
        use pb::coordinator_message::Message;
        let message = match message {
            ToAgent::Assign { granted, lease } => {
                let Granted { attempt, run, campaign: _, device: _, fence, mode, repetition, spec } = *granted;
                let max_runtime_ms = u64::try_from(spec.max_runtime().as_millis()).unwrap_or(u64::MAX);
                Message::Assignment(pb::Assignment {
                    attempt_id: attempt.0,
                    run_id: run.0,
                    fence: fence.0,
                    lease_ms: wire_ms(lease),
                    cell: Some(spec.into()),
                    repetition,
                    max_runtime_ms,
                    mode: pb::RunMode::from(mode).into(),
                })
            }
            ToAgent::Cancel { attempt, reason } => Message::Cancel(pb::CancelAttempt { attempt_id: attempt.0, reason }),
            ToAgent::Renew { renewed, lease } => Message::Renewal(pb::LeaseRenewal {
                attempt_id: renewed.attempt.0,
                fence: renewed.fence.0,
                lease_ms: wire_ms(lease),
            }),
            ToAgent::Goodbye { reason, reconnect_after, superseded } => Message::Goodbye(pb::Goodbye {
                reason: reason.to_owned(),
                reconnect_after_ms: wire_ms(reconnect_after),
                superseded,
            }),
        };
        Self { message: Some(message) }
    }
}

impl From<CampaignView> for pb::Campaign {
    fn from(view: CampaignView) -> Self {
        let CampaignView { record, waiting } = view;
        let CampaignRecord { id, name, state, created_at, finished_at, cells, runs } = record;
        let RunCounts { total, ready, active, done, failed, cancelled } = runs;
        let state = match state {
            CampaignState::Running => pb::CampaignState::Running,
            CampaignState::Done => pb::CampaignState::Done,
            CampaignState::Cancelled => pb::CampaignState::Cancelled,
        };
        Self {
            id: id.0,
            name,
            state: state.into(),
            created_at_us: created_at.0,
            finished_at_us: finished_at.map_or(0, |at| at.0),
            cells,
            runs: Some(pb::RunCounts { total, ready, active, done, failed, cancelled }),
            yaml: String::new(),
            includes: std::collections::BTreeMap::new(),
            waiting_reason: waiting.unwrap_or_default(),
        }
    }
}

impl From<EventRecord> for pb::Event {
    fn from(event: EventRecord) -> Self {
        let EventRecord { id, at, kind, campaign, run, attempt, device, message } = event;
        Self {
            id,
            at_us: at.0,
            kind,
            campaign_id: campaign.0,
            run_id: run.map_or(0, |id| id.0),
            attempt_id: attempt.map_or(0, |id| id.0),
            device: device.unwrap_or_default(),
            message,
        }
    }
}

impl From<DeviceView> for pb::Device {
    fn from(view: DeviceView) -> Self {
        let DeviceView { record, state } = view;
        let DeviceRecord { id, name, labels, facts, agent_version, last_seen, heat, current_run } = record;
        let state = match state {
            DeviceState::Idle => pb::DeviceState::Idle,
            DeviceState::Busy => pb::DeviceState::Busy,
            DeviceState::Offline => pb::DeviceState::Offline,
        };
        Self {
            id: id.0.as_bytes().to_vec(),
            name,
            labels: labels.into_iter().collect(),
            facts: Some(facts.into()),
            state: state.into(),
            last_seen_us: last_seen.0,
            agent_version,
            current_run_id: current_run.map_or(0, |RunId(id)| id),
            heat: heat.map(|(heat, _)| heat.into()),
        }
    }
}

impl From<RunRecord> for pb::Run {
    fn from(run: RunRecord) -> Self {
        let RunRecord {
            id,
            campaign,
            cell,
            repetition,
            mode,
            state,
            spec,
            device,
            attempts,
            measured,
            failure,
            repeats,
            repeated_by: _,
        } = run;
        let (measurement, statistics, verdict, env_id) = match measured {
            None => (None, None, None, None),
            Some(MeasurementRecord { measurement, latency: _, statistics, verdict, env_id, simulated: _ }) => {
                (Some(measurement), statistics, Some(verdict), env_id)
            }
        };
        Self {
            id: id.0,
            campaign_id: campaign.0,
            cell,
            repetition,
            state: pb::RunState::from(state).into(),
            spec: Some(spec.into()),
            device: device.unwrap_or_default(),
            attempts,
            measurement: measurement.map(Into::into),
            failure: failure.map(Into::into),
            verdict: verdict.map(Into::into),
            statistics: statistics.map(Into::into),
            env_id: env_id.map(|digest| digest.to_string()).unwrap_or_default(),
            repeats_run_id: repeats.map_or(0, |RunId(id)| id),
            mode: pb::RunMode::from(mode).into(),
        }
    }
}

impl From<AttemptRecord> for pb::Attempt {
    fn from(attempt: AttemptRecord) -> Self {
        let AttemptRecord { id, number, fence, device_name, state, leased_at } = attempt;
        let name = state_name(&state);
        let (ended_at, failure) = match state {
            AttemptState::Leased { .. } | AttemptState::Running { .. } => (None, None),
            AttemptState::Failed { ended_at, failure, .. } => (Some(ended_at), Some(failure)),
            AttemptState::Done { ended_at, .. }
            | AttemptState::Lost { ended_at, .. }
            | AttemptState::Cancelled { ended_at, .. } => (Some(ended_at), None),
        };
        Self {
            id: id.0,
            number,
            fence: fence.0,
            device: device_name,
            state: name.to_owned(),
            leased_at_us: leased_at.0,
            ended_at_us: ended_at.map_or(0, |at| at.0),
            failure: failure.map(Into::into),
        }
    }
}

fn state_name(state: &AttemptState) -> &'static str {
    match state {
        AttemptState::Leased { .. } => "leased",
        AttemptState::Running { .. } => "running",
        AttemptState::Done { .. } => "done",
        AttemptState::Failed { .. } => "failed",
        AttemptState::Lost { .. } => "lost",
        AttemptState::Cancelled { .. } => "cancelled",
    }
}

impl From<CellSummary> for pb::CellSummary {
    fn from(summary: CellSummary) -> Self {
        let CellSummary {
            cell,
            spec,
            devices,
            total,
            done,
            failed,
            valid,
            suspect,
            invalid,
            figures,
            failure,
            simulated,
        } = summary;
        let wire = Self {
            cell,
            spec: Some(spec.into()),
            devices,
            runs: Some(pb::CellRunCounts { total, done, failed }),
            valid,
            suspect,
            invalid,
            failure: failure.unwrap_or_default(),
            simulated: simulated.unwrap_or_default(),
            ..Self::default()
        };
        let Some(figures) = figures else { return wire };
        let CellFigures {
            basis,
            p50_ns,
            p90_ns,
            p99_ns,
            throughput_per_s,
            spread_p50,
            session_load,
            first_inference,
            peak_rss_bytes,
            energy,
            no_energy,
        } = figures;
        let nanoseconds = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            p50_ns,
            p90_ns,
            p99_ns,
            throughput_per_s,
            spread_p50,
            session_load_ns: nanoseconds(session_load),
            first_inference_ns: nanoseconds(first_inference),
            peak_rss_bytes,
            basis: pb::VerdictLevel::from(basis).into(),
            energy_per_inference_j: energy.map(|energy| energy.per_inference_j),
            spread_energy: energy.and_then(|energy| energy.spread),
            energy_mean_w: energy.map(|energy| energy.mean_w),
            energy_scope: energy.map(|energy| energy.scope.name().to_owned()).unwrap_or_default(),
            energy_reason: no_energy.unwrap_or_default(),
            ..wire
        }
    }
}

impl From<CellAccuracy> for pb::CellAccuracy {
    fn from(accuracy: CellAccuracy) -> Self {
        let CellAccuracy { run, dataset, compared } = accuracy;
        let AccuracyRun { run, cell: _, class: _, task, counts, metrics, preprocessing, predictions: _ } = run;
        Self {
            run_id: run.0,
            task: task.name().to_owned(),
            dataset,
            total: counts.total,
            scored: counts.scored,
            skipped: counts.skipped,
            metrics: metrics.into_iter().map(Into::into).collect(),
            preprocessing,
            comparison: compared.map(Into::into),
        }
    }
}

impl From<Compared> for pb::AccuracyComparison {
    fn from(compared: Compared) -> Self {
        let (reached, test) = (compared.reached(), compared.test());
        let p_value = compared.comparison.p_value();
        let Compared { reference, reference_run, comparison, min_ratio } = compared;
        let Comparison { task: _, metric, examples: _, first: _, second: _, ratio, difference: _, discordant, outcome } =
            comparison;
        let interval = ratio.and_then(|ratio| ratio.interval);
        Self {
            reference,
            reference_run_id: reference_run.0,
            metric,
            ratio: ratio.map(|ratio| ratio.value),
            ratio_low: interval.map(|(low, _)| low),
            ratio_high: interval.map(|(_, high)| high),
            p_value,
            test: test.to_owned(),
            verdict: match outcome {
                Some(Outcome::Better) => "better",
                Some(Outcome::Worse) => "worse",
                Some(Outcome::Indistinguishable) => "indistinguishable",
                None => "",
            }
            .to_owned(),
            only_this: discordant.map(|discordant| discordant.only_first),
            only_reference: discordant.map(|discordant| discordant.only_second),
            min_ratio,
            reached,
        }
    }
}

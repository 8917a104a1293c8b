//! Wire to domain, checked: a missing message is an error, never a default. Domain to wire, by full destructuring, so
//! that a new field breaks the build here.

use std::time::Duration;

use domain::{
    AttemptPhase, CellSpec, DeviceFacts, DeviceId, Digest, Environment, Failure, FailureKind, InputSource,
    LatencySummary, MeasureRule, Measurement, ModelRef, Provider, Reason, ResultUid, RunState, Runtime, Samples,
    Scenario, TextRef, Timestamp, Verdict, VerdictLevel, Warmup,
};
use uuid::Uuid;

use crate::pb;

/// A message that says less, or other, than its contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    #[error("field `{field}` holds {value}, which this version does not know")]
    Unknown { field: &'static str, value: String },
    #[error("field `{field}` is malformed: {why}")]
    Malformed { field: &'static str, why: String },
}

fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, InvalidMessage> {
    if bytes.is_empty() {
        return Err(InvalidMessage::Missing(field));
    }
    Digest::try_from(bytes).map_err(|error| InvalidMessage::Malformed { field, why: error.to_string() })
}

fn optional_digest(field: &'static str, bytes: &[u8]) -> Result<Option<Digest>, InvalidMessage> {
    if bytes.is_empty() { Ok(None) } else { digest(field, bytes).map(Some) }
}

fn uuid(field: &'static str, bytes: &[u8]) -> Result<Uuid, InvalidMessage> {
    Uuid::from_slice(bytes).map_err(|error| InvalidMessage::Malformed { field, why: error.to_string() })
}

/// Reads a device id: 16 bytes.
impl TryFrom<&pb::Hello> for DeviceId {
    type Error = InvalidMessage;

    fn try_from(hello: &pb::Hello) -> Result<Self, InvalidMessage> {
        uuid("hello.device_id", &hello.device_id).map(DeviceId)
    }
}

/// Reads a result uid: 16 bytes.
impl TryFrom<&pb::ReportHeader> for ResultUid {
    type Error = InvalidMessage;

    fn try_from(header: &pb::ReportHeader) -> Result<Self, InvalidMessage> {
        uuid("header.result_uid", &header.result_uid).map(ResultUid)
    }
}

fn wire_ns(duration: Duration) -> u64 {
    // 584 years fit.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl From<ModelRef> for pb::ModelRef {
    fn from(model: ModelRef) -> Self {
        let ModelRef { name, sha256, size_bytes, tokenizer_sha256 } = model;
        Self {
            name,
            sha256: sha256.as_bytes().to_vec(),
            size_bytes,
            tokenizer_sha256: tokenizer_sha256.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::ModelRef> for ModelRef {
    type Error = InvalidMessage;

    fn try_from(model: pb::ModelRef) -> Result<Self, InvalidMessage> {
        let pb::ModelRef { name, sha256, size_bytes, tokenizer_sha256 } = model;
        Ok(Self {
            name,
            sha256: digest("model.sha256", &sha256)?,
            size_bytes,
            tokenizer_sha256: optional_digest("model.tokenizer_sha256", &tokenizer_sha256)?,
        })
    }
}

impl From<CellSpec> for pb::CellSpec {
    fn from(cell: CellSpec) -> Self {
        let CellSpec {
            model,
            runtime,
            provider,
            scenario,
            batch,
            sequence_length,
            intra_threads,
            input,
            warmup,
            measure,
            time_limit,
        } = cell;
        let Warmup { min_iterations, min_duration: warmup_duration } = warmup;
        let MeasureRule { min_queries, min_duration, max_duration } = measure;
        Self {
            model: Some(model.into()),
            runtime: runtime.name().to_owned(),
            provider: provider.name().to_owned(),
            scenario: match scenario {
                Scenario::SingleStream => pb::Scenario::SingleStream.into(),
            },
            batch,
            sequence_length: sequence_length.unwrap_or(0),
            intra_threads,
            input: Some(input.into()),
            warmup: Some(pb::Warmup { min_iterations, min_duration_ns: wire_ns(warmup_duration) }),
            measure: Some(pb::MeasureRule {
                min_queries,
                min_duration_ns: wire_ns(min_duration),
                max_duration_ns: wire_ns(max_duration),
            }),
            time_limit_ns: time_limit.map_or(0, wire_ns),
        }
    }
}

impl TryFrom<pb::CellSpec> for CellSpec {
    type Error = InvalidMessage;

    fn try_from(cell: pb::CellSpec) -> Result<Self, InvalidMessage> {
        let pb::CellSpec {
            model,
            runtime,
            provider,
            scenario,
            batch,
            sequence_length,
            intra_threads,
            input,
            warmup,
            measure,
            time_limit_ns,
        } = cell;
        let warmup = warmup.ok_or(InvalidMessage::Missing("cell.warmup"))?;
        let measure = measure.ok_or(InvalidMessage::Missing("cell.measure"))?;
        Ok(Self {
            model: model.ok_or(InvalidMessage::Missing("cell.model"))?.try_into()?,
            runtime: match runtime.as_str() {
                "onnxruntime" => Runtime::OnnxRuntime,
                _ => return Err(InvalidMessage::Unknown { field: "cell.runtime", value: runtime }),
            },
            provider: match provider.as_str() {
                "cpu" => Provider::Cpu,
                _ => return Err(InvalidMessage::Unknown { field: "cell.provider", value: provider }),
            },
            scenario: match pb::Scenario::try_from(scenario) {
                Ok(pb::Scenario::SingleStream) => Scenario::SingleStream,
                Ok(pb::Scenario::Unspecified) => return Err(InvalidMessage::Missing("cell.scenario")),
                Err(_) => {
                    return Err(InvalidMessage::Unknown { field: "cell.scenario", value: scenario.to_string() });
                }
            },
            batch,
            sequence_length: (sequence_length > 0).then_some(sequence_length),
            intra_threads,
            input: input.ok_or(InvalidMessage::Missing("cell.input"))?.try_into()?,
            warmup: Warmup {
                min_iterations: warmup.min_iterations,
                min_duration: Duration::from_nanos(warmup.min_duration_ns),
            },
            measure: MeasureRule {
                min_queries: measure.min_queries,
                min_duration: Duration::from_nanos(measure.min_duration_ns),
                max_duration: Duration::from_nanos(measure.max_duration_ns),
            },
            time_limit: (time_limit_ns > 0).then(|| Duration::from_nanos(time_limit_ns)),
        })
    }
}

impl From<InputSource> for pb::InputSource {
    fn from(input: InputSource) -> Self {
        let source = match input {
            InputSource::Text(TextRef { path, sha256, size_bytes }) => {
                pb::input_source::Source::Text(pb::TextInput { path, sha256: sha256.as_bytes().to_vec(), size_bytes })
            }
            InputSource::Random { seed } => pb::input_source::Source::Random(pb::RandomInput { seed }),
        };
        Self { source: Some(source) }
    }
}

impl TryFrom<pb::InputSource> for InputSource {
    type Error = InvalidMessage;

    fn try_from(input: pb::InputSource) -> Result<Self, InvalidMessage> {
        match input.source.ok_or(InvalidMessage::Missing("input.source"))? {
            pb::input_source::Source::Text(pb::TextInput { path, sha256, size_bytes }) => {
                Ok(Self::Text(TextRef { path, sha256: digest("input.text.sha256", &sha256)?, size_bytes }))
            }
            pb::input_source::Source::Random(pb::RandomInput { seed }) => Ok(Self::Random { seed }),
        }
    }
}

impl From<Measurement> for pb::Measurement {
    fn from(measurement: Measurement) -> Self {
        let Measurement {
            started_at,
            measured,
            samples: Samples { pco, count, quantum_ns },
            latency,
            histogram,
            runtime_load,
            session_load,
            first_inference,
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            batch,
            environment,
            inputs,
            outputs,
        } = measurement;
        Self {
            started_at_us: started_at.0,
            measured_ns: wire_ns(measured),
            latency_pco: pco,
            latency_count: count,
            quantum_ns,
            latency: Some(latency.into()),
            histogram,
            runtime_load_ns: wire_ns(runtime_load),
            session_load_ns: wire_ns(session_load),
            first_inference_ns: wire_ns(first_inference),
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            batch,
            environment: Some(environment.into()),
            inputs,
            outputs,
        }
    }
}

impl TryFrom<pb::Measurement> for Measurement {
    type Error = InvalidMessage;

    fn try_from(measurement: pb::Measurement) -> Result<Self, InvalidMessage> {
        let pb::Measurement {
            started_at_us,
            measured_ns,
            latency_pco,
            latency_count,
            quantum_ns,
            latency,
            histogram,
            runtime_load_ns,
            session_load_ns,
            first_inference_ns,
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            batch,
            environment,
            inputs,
            outputs,
        } = measurement;
        if latency_count == 0 || quantum_ns == 0 {
            return Err(InvalidMessage::Malformed {
                field: "measurement.latency_count",
                why: "a measurement has at least one sample and a quantum".to_owned(),
            });
        }
        Ok(Self {
            started_at: Timestamp(started_at_us),
            measured: Duration::from_nanos(measured_ns),
            samples: Samples { pco: latency_pco, count: latency_count, quantum_ns },
            latency: latency.ok_or(InvalidMessage::Missing("measurement.latency"))?.into(),
            histogram,
            runtime_load: Duration::from_nanos(runtime_load_ns),
            session_load: Duration::from_nanos(session_load_ns),
            first_inference: Duration::from_nanos(first_inference_ns),
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            batch,
            environment: environment.ok_or(InvalidMessage::Missing("measurement.environment"))?.into(),
            inputs,
            outputs,
        })
    }
}

impl From<LatencySummary> for pb::LatencySummary {
    fn from(summary: LatencySummary) -> Self {
        let LatencySummary { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns } = summary;
        Self { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns }
    }
}

impl From<pb::LatencySummary> for LatencySummary {
    fn from(summary: pb::LatencySummary) -> Self {
        let pb::LatencySummary { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns } = summary;
        Self { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns }
    }
}

impl From<Environment> for pb::Environment {
    fn from(environment: Environment) -> Self {
        let Environment {
            agent_version,
            runtime_version,
            runtime_build,
            provider,
            cpu_model,
            isa,
            cores,
            kernel,
            governor,
            foreign_cpu_share,
            involuntary_switches,
            load_average,
            autogroup_raised,
        } = environment;
        Self {
            agent_version,
            runtime_version,
            runtime_build,
            provider,
            cpu_model,
            isa,
            cores,
            kernel,
            governor: governor.unwrap_or_default(),
            foreign_cpu_share,
            involuntary_switches,
            load_average,
            autogroup_raised,
        }
    }
}

impl From<pb::Environment> for Environment {
    fn from(environment: pb::Environment) -> Self {
        let pb::Environment {
            agent_version,
            runtime_version,
            runtime_build,
            provider,
            cpu_model,
            isa,
            cores,
            kernel,
            governor,
            foreign_cpu_share,
            involuntary_switches,
            load_average,
            autogroup_raised,
        } = environment;
        Self {
            agent_version,
            runtime_version,
            runtime_build,
            provider,
            cpu_model,
            isa,
            cores,
            kernel,
            governor: (!governor.is_empty()).then_some(governor),
            foreign_cpu_share,
            involuntary_switches,
            load_average,
            autogroup_raised,
        }
    }
}

impl From<DeviceFacts> for pb::DeviceFacts {
    fn from(facts: DeviceFacts) -> Self {
        let DeviceFacts {
            arch,
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
            isa,
            runtime_version,
            providers,
            power_sensors,
            no_power_reason,
        } = facts;
        Self {
            arch,
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
            isa,
            runtime_version: runtime_version.unwrap_or_default(),
            providers,
            power_sensors,
            no_power_reason: no_power_reason.unwrap_or_default(),
        }
    }
}

impl From<pb::DeviceFacts> for DeviceFacts {
    fn from(facts: pb::DeviceFacts) -> Self {
        let pb::DeviceFacts {
            arch,
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
            isa,
            runtime_version,
            providers,
            power_sensors,
            no_power_reason,
        } = facts;
        Self {
            arch,
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
            isa,
            runtime_version: (!runtime_version.is_empty()).then_some(runtime_version),
            providers,
            power_sensors,
            no_power_reason: (!no_power_reason.is_empty()).then_some(no_power_reason),
        }
    }
}

impl From<AttemptPhase> for pb::AttemptPhase {
    fn from(phase: AttemptPhase) -> Self {
        match phase {
            AttemptPhase::Preparing => Self::Preparing,
            AttemptPhase::Loading => Self::Loading,
            AttemptPhase::WarmingUp => Self::WarmingUp,
            AttemptPhase::Measuring => Self::Measuring,
            AttemptPhase::Reporting => Self::Reporting,
        }
    }
}

/// Reads the wire's number for a phase.
pub fn phase_from_wire(number: i32) -> Result<AttemptPhase, InvalidMessage> {
    match pb::AttemptPhase::try_from(number) {
        Ok(pb::AttemptPhase::Preparing) => Ok(AttemptPhase::Preparing),
        Ok(pb::AttemptPhase::Loading) => Ok(AttemptPhase::Loading),
        Ok(pb::AttemptPhase::WarmingUp) => Ok(AttemptPhase::WarmingUp),
        Ok(pb::AttemptPhase::Measuring) => Ok(AttemptPhase::Measuring),
        Ok(pb::AttemptPhase::Reporting) => Ok(AttemptPhase::Reporting),
        Ok(pb::AttemptPhase::Unspecified) => Err(InvalidMessage::Missing("phase")),
        Err(_) => Err(InvalidMessage::Unknown { field: "phase", value: number.to_string() }),
    }
}

impl From<FailureKind> for pb::FailureKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Infra => Self::Infra,
            FailureKind::Model => Self::Model,
            FailureKind::Timeout => Self::Timeout,
            FailureKind::OutOfMemory => Self::OutOfMemory,
            FailureKind::Cancelled => Self::Cancelled,
            FailureKind::Lost => Self::Lost,
        }
    }
}

impl From<Failure> for pb::AttemptFailure {
    fn from(failure: Failure) -> Self {
        let Failure { kind, message, stderr_tail, exit_code, signal, peak_rss_bytes, phase } = failure;
        Self {
            kind: pb::FailureKind::from(kind).into(),
            message,
            stderr_tail,
            exit_code,
            signal,
            peak_rss_bytes: peak_rss_bytes.unwrap_or(0),
            phase: pb::AttemptPhase::from(phase).into(),
        }
    }
}

impl TryFrom<pb::AttemptFailure> for Failure {
    type Error = InvalidMessage;

    fn try_from(failure: pb::AttemptFailure) -> Result<Self, InvalidMessage> {
        let pb::AttemptFailure { kind, message, stderr_tail, exit_code, signal, peak_rss_bytes, phase } = failure;
        let kind = match pb::FailureKind::try_from(kind) {
            Ok(pb::FailureKind::Infra) => FailureKind::Infra,
            Ok(pb::FailureKind::Model) => FailureKind::Model,
            Ok(pb::FailureKind::Timeout) => FailureKind::Timeout,
            Ok(pb::FailureKind::OutOfMemory) => FailureKind::OutOfMemory,
            Ok(pb::FailureKind::Cancelled) => FailureKind::Cancelled,
            Ok(pb::FailureKind::Lost) => FailureKind::Lost,
            Ok(pb::FailureKind::Unspecified) => return Err(InvalidMessage::Missing("failure.kind")),
            Err(_) => return Err(InvalidMessage::Unknown { field: "failure.kind", value: kind.to_string() }),
        };
        Ok(Self {
            kind,
            message,
            stderr_tail,
            exit_code,
            signal,
            peak_rss_bytes: (peak_rss_bytes > 0).then_some(peak_rss_bytes),
            phase: phase_from_wire(phase)?,
        })
    }
}

impl From<VerdictLevel> for pb::VerdictLevel {
    fn from(level: VerdictLevel) -> Self {
        match level {
            VerdictLevel::Valid => Self::Valid,
            VerdictLevel::Suspect => Self::Suspect,
            VerdictLevel::Invalid => Self::Invalid,
        }
    }
}

impl From<Verdict> for pb::Verdict {
    fn from(verdict: Verdict) -> Self {
        let Verdict { level, reasons } = verdict;
        let reasons = reasons.into_iter().map(|Reason { code, message }| pb::VerdictReason { code, message }).collect();
        Self { level: pb::VerdictLevel::from(level).into(), reasons }
    }
}

impl From<RunState> for pb::RunState {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Ready => Self::Ready,
            RunState::Active => Self::Active,
            RunState::Done => Self::Done,
            RunState::Failed => Self::Failed,
            RunState::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> CellSpec {
        CellSpec {
            model: ModelRef {
                name: "minilm".to_owned(),
                sha256: Digest::of(b"model"),
                size_bytes: 5,
                tokenizer_sha256: Some(Digest::of(b"tokenizer")),
            },
            runtime: Runtime::OnnxRuntime,
            provider: Provider::Cpu,
            scenario: Scenario::SingleStream,
            batch: 1,
            sequence_length: Some(32),
            intra_threads: 2,
            input: InputSource::Text(TextRef {
                path: "sentences.txt".to_owned(),
                sha256: Digest::of(b"text"),
                size_bytes: 4,
            }),
            warmup: Warmup::default(),
            measure: MeasureRule::default(),
            time_limit: Some(Duration::from_secs(9)),
        }
    }

    #[test]
    fn a_cell_survives_the_wire() {
        assert_eq!(CellSpec::try_from(pb::CellSpec::from(cell())), Ok(cell()));
    }

    #[test]
    fn a_missing_message_is_an_error_and_never_a_default() {
        let mut wire = pb::CellSpec::from(cell());
        wire.warmup = None;
        assert_eq!(CellSpec::try_from(wire), Err(InvalidMessage::Missing("cell.warmup")));
        let mut wire = pb::CellSpec::from(cell());
        wire.scenario = 99;
        assert_eq!(
            CellSpec::try_from(wire),
            Err(InvalidMessage::Unknown { field: "cell.scenario", value: "99".to_owned() })
        );
    }

    #[test]
    fn a_failure_survives_the_wire() {
        let failure = Failure {
            kind: FailureKind::OutOfMemory,
            message: "memory ran out".to_owned(),
            stderr_tail: "bad_alloc".to_owned(),
            exit_code: None,
            signal: Some(9),
            peak_rss_bytes: Some(1 << 30),
            phase: AttemptPhase::Measuring,
        };
        assert_eq!(Failure::try_from(pb::AttemptFailure::from(failure.clone())), Ok(failure));
    }
}

//! How far attempts come, why they fail, and the state of their runs.

use domain::{AttemptPhase, Failure, FailureKind, ResultUid, RunState};

use super::field::{InvalidMessage, enumerator, uuid};
use crate::pb;

/// Reads a result uid: 16 bytes.
impl TryFrom<&pb::ReportHeader> for ResultUid {
    type Error = InvalidMessage;

    fn try_from(header: &pb::ReportHeader) -> Result<Self, InvalidMessage> {
        uuid("header.result_uid", &header.result_uid).map(ResultUid)
    }
}

impl From<AttemptPhase> for pb::AttemptPhase {
    fn from(phase: AttemptPhase) -> Self {
        match phase {
            AttemptPhase::Preparing => Self::Preparing,
            AttemptPhase::Cooling => Self::Cooling,
            AttemptPhase::Loading => Self::Loading,
            AttemptPhase::WarmingUp => Self::WarmingUp,
            AttemptPhase::Measuring => Self::Measuring,
            AttemptPhase::Reporting => Self::Reporting,
        }
    }
}

/// Reads the wire's number for a phase.
pub fn phase_from_wire(number: i32) -> Result<AttemptPhase, InvalidMessage> {
    match enumerator("phase", number)? {
        pb::AttemptPhase::Preparing => Ok(AttemptPhase::Preparing),
        pb::AttemptPhase::Cooling => Ok(AttemptPhase::Cooling),
        pb::AttemptPhase::Loading => Ok(AttemptPhase::Loading),
        pb::AttemptPhase::WarmingUp => Ok(AttemptPhase::WarmingUp),
        pb::AttemptPhase::Measuring => Ok(AttemptPhase::Measuring),
        pb::AttemptPhase::Reporting => Ok(AttemptPhase::Reporting),
        pb::AttemptPhase::Unspecified => Err(InvalidMessage::Missing("phase")),
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
            FailureKind::Unsupported => Self::Unsupported,
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
        let kind = match enumerator("failure.kind", kind)? {
            pb::FailureKind::Infra => FailureKind::Infra,
            pb::FailureKind::Model => FailureKind::Model,
            pb::FailureKind::Timeout => FailureKind::Timeout,
            pb::FailureKind::OutOfMemory => FailureKind::OutOfMemory,
            pb::FailureKind::Cancelled => FailureKind::Cancelled,
            pb::FailureKind::Lost => FailureKind::Lost,
            pb::FailureKind::Unsupported => FailureKind::Unsupported,
            pb::FailureKind::Unspecified => return Err(InvalidMessage::Missing("failure.kind")),
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

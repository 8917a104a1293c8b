//! Why an attempt ended without a measurement, whose fault that is, and the evidence.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::AttemptPhase;

/// Whose fault it is, which decides about retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The device, network, cache or agent.
    Infra,
    /// The model: not ONNX, unknown operator, a crash in the runtime.
    Model,
    /// The runner exceeded its time.
    Timeout,
    OutOfMemory,
    /// A person cancelled it.
    Cancelled,
    /// The lease ran out without a word from the agent.
    Lost,
    /// The device cannot give what the cell asks for: a power mode, a governor.
    Unsupported,
}

impl FailureKind {
    /// Only what the model did not cause is tried again: a second try would tell nothing new about the model.
    pub const fn is_retried(self) -> bool {
        match self {
            Self::Infra | Self::Lost => true,
            Self::Model | Self::Timeout | Self::OutOfMemory | Self::Cancelled | Self::Unsupported => false,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Infra => "infra",
            Self::Model => "model",
            Self::Timeout => "timeout",
            Self::OutOfMemory => "out-of-memory",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One failed attempt's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// One sentence for people.
    pub message: String,
    /// Last bytes of the runner's standard error, at most [`Failure::STDERR_LIMIT_BYTES`].
    pub stderr_tail: String,
    /// How the runner ended, if it was started.
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    /// Bytes; `None` if unknown.
    pub peak_rss_bytes: Option<u64>,
    /// Where the attempt was.
    pub phase: AttemptPhase,
}

impl Failure {
    /// Enough for a runtime's stack trace; small enough for a row.
    pub const STDERR_LIMIT_BYTES: usize = 16 * 1024;

    /// A failure that no runner left traces of.
    pub fn without_runner(kind: FailureKind, phase: AttemptPhase, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            stderr_tail: String::new(),
            exit_code: None,
            signal: None,
            peak_rss_bytes: None,
            phase,
        }
    }
}

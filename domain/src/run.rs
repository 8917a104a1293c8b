//! States of runs and campaigns, and the order in which a campaign's runs are tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::FailureKind;

/// The state of a run: one repetition of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    Ready,
    /// Leased to a device.
    Active,
    Done,
    Failed,
    Cancelled,
}

impl RunState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Active => "active",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// What a run is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunMode {
    /// Latency and throughput under the cell's load.
    #[default]
    Performance,
    /// Every example of the cell's data set, once.
    Accuracy,
}

impl RunMode {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Performance => "performance",
            Self::Accuracy => "accuracy",
        }
    }
}

/// The state of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CampaignState {
    Running,
    /// Every run ended; some may have failed.
    Done,
    Cancelled,
}

impl CampaignState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

/// In which order the runs of a campaign are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// All repetitions of a cell, then the next cell.
    Blocked,
    /// One repetition of every cell, then the next round: slow drift (heat, neighbours) hits all cells alike.
    Interleaved,
    /// All runs in an order drawn from the campaign's seed: nothing that drifts can follow the order of the cells.
    Random,
}

/// Tries a run gets before it fails for good.
pub const MAX_ATTEMPTS: u32 = 3;

/// What becomes of a run whose latest attempt (its `attempts`-th) failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Ready again, not before this much time has passed.
    Retry { after: Duration },
    /// Failed for good.
    GiveUp,
}

/// Decides about a retry: faults that are not the model's are tried again, up to [`MAX_ATTEMPTS`], a little later each
/// time (1 s, 2 s, 4 s, ..), so that a sick device can't eat the queue.
pub fn after_failure(kind: FailureKind, attempts: u32) -> AfterFailure {
    if kind.is_retried() && attempts < MAX_ATTEMPTS {
        AfterFailure::Retry { after: Duration::from_secs(1 << attempts.saturating_sub(1).min(6)) }
    } else {
        AfterFailure::GiveUp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_attempts_are_retried_until_the_limit() {
        assert_eq!(after_failure(FailureKind::Lost, 1), AfterFailure::Retry { after: Duration::from_secs(1) });
        assert_eq!(after_failure(FailureKind::Infra, 2), AfterFailure::Retry { after: Duration::from_secs(2) });
        assert_eq!(after_failure(FailureKind::Lost, MAX_ATTEMPTS), AfterFailure::GiveUp);
    }

    #[test]
    fn a_model_that_fails_is_not_tried_again() {
        assert_eq!(after_failure(FailureKind::Model, 1), AfterFailure::GiveUp);
        assert_eq!(after_failure(FailureKind::Timeout, 1), AfterFailure::GiveUp);
    }
}

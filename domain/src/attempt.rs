//! One try at a run, on one device, under one lease. A retry is a new attempt; the old one keeps its reason.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Failure, Timestamp};

/// The state of an attempt. Transitions are functions that return the new state or say why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptState {
    /// Granted; the agent has not said that it works on it.
    Leased { device: DeviceId, until: Timestamp },
    /// The agent works on it.
    Running { device: DeviceId, until: Timestamp, phase: AttemptPhase },
    /// Its measurement is stored.
    Done { device: DeviceId, ended_at: Timestamp },
    /// It ended without a measurement.
    Failed { device: DeviceId, ended_at: Timestamp, failure: Failure },
    /// The lease ran out without a word.
    Lost { device: DeviceId, ended_at: Timestamp },
    /// A person ended it.
    Cancelled { device: DeviceId, ended_at: Timestamp },
}

/// Why a transition is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransition {
    #[error("the lease is still held")]
    LeaseStillHeld,
    #[error("the attempt holds no lease: it has ended")]
    NoLease,
}

impl AttemptState {
    pub fn holds_lease(&self) -> bool {
        matches!(self, Self::Leased { .. } | Self::Running { .. })
    }

    /// The agent reports a phase, which also renews the lease. Errors if the attempt has ended.
    pub fn advance(self, phase: AttemptPhase, until: Timestamp) -> Result<Self, InvalidTransition> {
        let device = self.leased_to()?;
        Ok(Self::Running { device, until, phase })
    }

    /// Ends a lease whose time is over. Errors if the lease is still held or there is none.
    pub fn expire(self, now: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Leased { device, until } | Self::Running { device, until, .. } if until <= now => {
                Ok(Self::Lost { device, ended_at: now })
            }
            Self::Leased { .. } | Self::Running { .. } => Err(InvalidTransition::LeaseStillHeld),
            Self::Done { .. } | Self::Failed { .. } | Self::Lost { .. } | Self::Cancelled { .. } => {
                Err(InvalidTransition::NoLease)
            }
        }
    }

    /// The measurement is in. Errors if the attempt has ended.
    pub fn complete(self, now: Timestamp) -> Result<Self, InvalidTransition> {
        let device = self.leased_to()?;
        Ok(Self::Done { device, ended_at: now })
    }

    /// The agent reports a failure. Errors if the attempt has ended.
    pub fn fail(self, failure: Failure, now: Timestamp) -> Result<Self, InvalidTransition> {
        let device = self.leased_to()?;
        Ok(Self::Failed { device, ended_at: now, failure })
    }

    /// A person cancels it. Errors if the attempt has ended.
    pub fn cancel(self, now: Timestamp) -> Result<Self, InvalidTransition> {
        let device = self.leased_to()?;
        Ok(Self::Cancelled { device, ended_at: now })
    }

    fn leased_to(&self) -> Result<DeviceId, InvalidTransition> {
        match self {
            Self::Leased { device, .. } | Self::Running { device, .. } => Ok(*device),
            Self::Done { .. } | Self::Failed { .. } | Self::Lost { .. } | Self::Cancelled { .. } => {
                Err(InvalidTransition::NoLease)
            }
        }
    }
}

/// How far an attempt has come on its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptPhase {
    /// Fetching artifacts into the cache.
    Preparing,
    /// Waiting until the device is cool, and looking at it while it idles.
    Cooling,
    /// The runner loads the runtime and the model.
    Loading,
    WarmingUp,
    Measuring,
    /// The report lies in the spool and is being delivered.
    Reporting,
}

impl fmt::Display for AttemptPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preparing => "preparing",
            Self::Cooling => "cooling",
            Self::Loading => "loading",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
            Self::Reporting => "reporting",
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const DEVICE: DeviceId = DeviceId(Uuid::nil());

    fn leased(until: i64) -> AttemptState {
        AttemptState::Leased { device: DEVICE, until: Timestamp(until) }
    }

    #[test]
    fn a_lease_expires_at_its_end_and_not_before() {
        assert_eq!(leased(10).expire(Timestamp(9)), Err(InvalidTransition::LeaseStillHeld));
        assert_eq!(
            leased(10).expire(Timestamp(10)),
            Ok(AttemptState::Lost { device: DEVICE, ended_at: Timestamp(10) })
        );
    }

    #[test]
    fn an_ended_attempt_never_moves_again() {
        let ended = leased(10).complete(Timestamp(5)).expect("leased");
        assert_eq!(ended.clone().expire(Timestamp(99)), Err(InvalidTransition::NoLease));
        assert_eq!(ended.clone().cancel(Timestamp(99)), Err(InvalidTransition::NoLease));
        assert_eq!(ended.advance(AttemptPhase::Loading, Timestamp(99)), Err(InvalidTransition::NoLease));
    }

    #[test]
    fn progress_renews_the_lease() {
        let running = leased(10).advance(AttemptPhase::Measuring, Timestamp(40)).expect("leased");
        assert_eq!(running.expire(Timestamp(20)), Err(InvalidTransition::LeaseStillHeld));
    }
}

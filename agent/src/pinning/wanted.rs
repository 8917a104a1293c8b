//! What a run can ask of its board.

use super::setting::{Setting, governors};
use crate::power::Root;

/// One thing asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) subject: Subject,
    pub(crate) value: String,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    JetsonPowerMode,
    /// Android's one power mode.
    FixedPerformance,
    /// Of every frequency domain there is.
    Governor,
}

impl Subject {
    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::JetsonPowerMode | Self::FixedPerformance => "power mode",
            Self::Governor => "governor",
        }
    }

    /// All of them are to have the value.
    pub(super) fn settings(self, root: &dyn Root) -> Vec<Setting> {
        match self {
            Self::JetsonPowerMode => vec![Setting::JetsonPowerMode],
            Self::FixedPerformance => vec![Setting::FixedPerformance],
            Self::Governor => governors(root),
        }
    }
}

//! The conditions under which a cell's runs may start. What was found is in [`crate::environment`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What must hold on the device before a run starts. `None` = nothing is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvironmentRule {
    /// Of the processors' frequency, in the kernel's words, e.g. `performance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Degrees Celsius of the hottest sensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_start_temp_c: Option<u32>,
    /// Rest between two runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Duration>,
}

impl EnvironmentRule {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

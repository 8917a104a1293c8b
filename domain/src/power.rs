//! How a cell's energy is to be measured. Says nothing of how a sensor is read: that is the agent's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is asked of the power readings of a cell's runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerRule {
    /// `auto` = the best source the device has, else the name of one.
    pub source: String,
    /// Readings per second.
    pub rate_hz: u32,
    /// Time over which the idle device is read before a run, to tell its own consumption from the model's.
    pub idle_window: Duration,
}

impl PowerRule {
    pub const AUTO: &'static str = "auto";
}

impl Default for PowerRule {
    /// 100 Hz resolves a query of 20 ms; the slowest boards settle within half a minute.
    fn default() -> Self {
        Self { source: Self::AUTO.to_owned(), rate_hz: 100, idle_window: Duration::from_secs(30) }
    }
}

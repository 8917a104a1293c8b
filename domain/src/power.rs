//! How a cell's energy is to be measured. Says nothing of how a sensor is read: that is the agent's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is asked of the power readings of a cell's runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerRule {
    /// `auto` = the best source the device has, `off` = none, else the name of one.
    pub source: String,
    /// Readings per second; `None` = what suits the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_hz: Option<u32>,
    /// Time over which the idle device is read before a run, and half of it after, to tell its own consumption from the
    /// model's. Zero = no net energy.
    pub idle_window: Duration,
    #[serde(default, skip_serializing_if = "PowerMethod::is_default")]
    pub method: PowerMethod,
}

impl PowerRule {
    pub const AUTO: &'static str = "auto";
    pub const OFF: &'static str = "off";

    /// Whether the load is carried twice, the first time only to find the range of the readings.
    pub fn measures_twice(&self) -> bool {
        self.method == PowerMethod::Mlperf && self.source != Self::OFF
    }
}

impl Default for PowerRule {
    /// Half a minute: the slowest boards settle within it.
    fn default() -> Self {
        Self {
            source: Self::AUTO.to_owned(),
            rate_hz: None,
            idle_window: Duration::from_secs(30),
            method: PowerMethod::Plain,
        }
    }
}

/// How a run's energy is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerMethod {
    /// One pass.
    #[default]
    Plain,
    /// MLPerf Power's: a ranging pass, then a testing pass of the same load, each with guard intervals around it.
    Mlperf,
}

impl PowerMethod {
    pub const ALL: [Self; 2] = [Self::Plain, Self::Mlperf];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Mlperf => "mlperf",
        }
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

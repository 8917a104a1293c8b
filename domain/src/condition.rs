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
    /// Least rest before a run; `None` = 30 s where the device waits to be cool, else none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Duration>,
    #[serde(skip_serializing_if = "ThermalGate::is_default")]
    pub thermal_gate: ThermalGate,
    #[serde(skip_serializing_if = "Regime::is_default")]
    pub regime: Regime,
}

/// Whether a run waits until the device is at its temperature of rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThermalGate {
    /// Where the device has a thermometer and its temperature of rest is known.
    #[default]
    Auto,
    /// As `Auto`, and no run starts before that temperature is known; devices without a thermometer can't give it.
    Required,
    /// Never.
    Off,
}

impl ThermalGate {
    pub const ALL: [Self; 3] = [Self::Auto, Self::Required, Self::Off];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "required",
            Self::Off => "off",
        }
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which of a device's two speeds is measured. The two are never set beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// From a cool start. A device that throttles has then left what was to be measured: the run is invalid.
    #[default]
    Burst,
    /// Warmed up until the temperature has stopped rising by more than 1 degree within the window. Throttling belongs to it.
    Sustained { plateau: Duration },
}

impl Regime {
    /// Half a minute: the time constant of a board's heat sink is one or two minutes.
    pub const PLATEAU: Duration = Duration::from_secs(30);

    pub const fn name(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Sustained { .. } => "sustained",
        }
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl EnvironmentRule {
    /// How it changes what is measured, for people.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &'static str> {
        let regime = match self.regime {
            Regime::Burst => None,
            Regime::Sustained { .. } => Some("sustained"),
        };
        let gate = match self.thermal_gate {
            ThermalGate::Auto => None,
            ThermalGate::Required => Some("thermal gate required"),
            ThermalGate::Off => Some("no thermal gate"),
        };
        regime.into_iter().chain(gate)
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

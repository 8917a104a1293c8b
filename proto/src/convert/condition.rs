//! What must hold before a run starts.

use std::time::Duration;

use domain::{EnvironmentRule, Regime, ThermalGate};

use super::field::{InvalidMessage, enumerator, optional_text, wire_ns};
use crate::pb;

impl From<EnvironmentRule> for pb::EnvironmentRule {
    fn from(rule: EnvironmentRule) -> Self {
        let EnvironmentRule { governor, max_start_temp_c, cooldown, thermal_gate, regime } = rule;
        let thermal_gate = match thermal_gate {
            ThermalGate::Auto => pb::ThermalGate::Auto,
            ThermalGate::Required => pb::ThermalGate::Required,
            ThermalGate::Off => pb::ThermalGate::Off,
        };
        let (regime, plateau_ns) = match regime {
            Regime::Burst => (pb::Regime::Burst, 0),
            Regime::Sustained { plateau } => (pb::Regime::Sustained, wire_ns(plateau)),
        };
        Self {
            governor: governor.unwrap_or_default(),
            max_start_temp_c: max_start_temp_c.unwrap_or(0),
            cooldown_ns: cooldown.map(wire_ns),
            thermal_gate: thermal_gate.into(),
            regime: regime.into(),
            plateau_ns,
        }
    }
}

impl TryFrom<pb::EnvironmentRule> for EnvironmentRule {
    type Error = InvalidMessage;

    fn try_from(rule: pb::EnvironmentRule) -> Result<Self, InvalidMessage> {
        let pb::EnvironmentRule { governor, max_start_temp_c, cooldown_ns, thermal_gate, regime: number, plateau_ns } =
            rule;
        let thermal_gate = match enumerator("environment.thermal_gate", thermal_gate)? {
            pb::ThermalGate::Unspecified | pb::ThermalGate::Auto => ThermalGate::Auto,
            pb::ThermalGate::Required => ThermalGate::Required,
            pb::ThermalGate::Off => ThermalGate::Off,
        };
        Ok(Self {
            governor: optional_text(governor),
            max_start_temp_c: (max_start_temp_c > 0).then_some(max_start_temp_c),
            cooldown: cooldown_ns.map(Duration::from_nanos),
            thermal_gate,
            regime: regime(number, plateau_ns)?,
        })
    }
}

fn regime(number: i32, plateau_ns: u64) -> Result<Regime, InvalidMessage> {
    const PLATEAU: &str = "environment.plateau_ns";
    match (enumerator("environment.regime", number)?, plateau_ns) {
        (pb::Regime::Unspecified | pb::Regime::Burst, 0) => Ok(Regime::Burst),
        (pb::Regime::Unspecified | pb::Regime::Burst, _) => {
            Err(InvalidMessage::malformed(PLATEAU, "only the sustained regime waits for a plateau"))
        }
        (pb::Regime::Sustained, 0) => Err(InvalidMessage::Missing(PLATEAU)),
        (pb::Regime::Sustained, _) => Ok(Regime::Sustained { plateau: Duration::from_nanos(plateau_ns) }),
    }
}

//! A device's id, facts and heat.

use std::time::Duration;

use domain::{DeviceFacts, DeviceId, Heat};

use super::field::{InvalidMessage, finite, optional_finite, optional_text, uuid};
use crate::pb;

/// Reads a device id: 16 bytes.
impl TryFrom<&pb::Hello> for DeviceId {
    type Error = InvalidMessage;

    fn try_from(hello: &pb::Hello) -> Result<Self, InvalidMessage> {
        uuid("hello.device_id", &hello.device_id).map(DeviceId)
    }
}

impl From<DeviceFacts> for pb::DeviceFacts {
    fn from(facts: DeviceFacts) -> Self {
        let DeviceFacts {
            arch,
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
            isa,
            runtime_version,
            providers,
            power_sensors,
            no_power_reason,
            simulated,
        } = facts;
        Self {
            arch,
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
            isa,
            runtime_version: runtime_version.unwrap_or_default(),
            providers,
            power_sensors,
            no_power_reason: no_power_reason.unwrap_or_default(),
            simulated: simulated.unwrap_or_default(),
        }
    }
}

impl From<pb::DeviceFacts> for DeviceFacts {
    fn from(facts: pb::DeviceFacts) -> Self {
        let pb::DeviceFacts {
            arch,
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
            isa,
            runtime_version,
            providers,
            power_sensors,
            no_power_reason,
            simulated,
        } = facts;
        Self {
            arch,
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
            isa,
            runtime_version: optional_text(runtime_version),
            providers,
            power_sensors,
            no_power_reason: optional_text(no_power_reason),
            simulated: optional_text(simulated),
        }
    }
}

impl From<Heat> for pb::Heat {
    fn from(heat: Heat) -> Self {
        let Heat { temperature_c, reference_c, cool, wait } = heat;
        // Rounded up: whoever looks again after it shall not be too early.
        let wait_ms = wait.map(|wait| u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
        Self { temperature_c, reference_c, cool, wait_ms }
    }
}

impl TryFrom<pb::Heat> for Heat {
    type Error = InvalidMessage;

    fn try_from(heat: pb::Heat) -> Result<Self, InvalidMessage> {
        let pb::Heat { temperature_c, reference_c, cool, wait_ms } = heat;
        Ok(Self {
            temperature_c: finite("heat.temperature_c", temperature_c)?,
            reference_c: optional_finite("heat.reference_c", reference_c)?,
            cool,
            wait: wait_ms.map(Duration::from_millis),
        })
    }
}

//! A device's id and facts.

use domain::{DeviceFacts, DeviceId};

use super::field::{InvalidMessage, optional_text, uuid};
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
        }
    }
}

//! Devices: labels that people set, facts that agents probe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Labels of a device, e.g. `class=orin-nano-8g`.
pub type Labels = BTreeMap<String, String>;

/// What an agent probed on its device. `None` and empty mean: unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// e.g. `aarch64`.
    pub arch: String,
    /// e.g. `linux`.
    pub os: String,
    pub kernel: String,
    pub cpu_model: String,
    /// Logical processors the agent may use.
    pub cores: u32,
    /// Physical memory in bytes.
    pub memory_bytes: u64,
    /// Instruction set extensions that matter to inference.
    pub isa: Vec<String>,
    /// Version of the ONNX Runtime library the agent will load; `None` if none was found.
    pub runtime_version: Option<String>,
    /// Execution providers compiled into that library.
    pub providers: Vec<String>,
    /// Sources of power readings found.
    pub power_sensors: Vec<String>,
    /// Why there is no power reading, if there is none.
    pub no_power_reason: Option<String>,
}

/// Whether a device can take work now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceState {
    /// Connected and free.
    Idle,
    /// Connected, executing an attempt.
    Busy,
    /// No session.
    Offline,
}

impl DeviceState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }
}

/// What a selector sees: the device's own labels, and `name`, `arch` and `os` beneath them.
pub fn effective_labels(name: &str, labels: &Labels, facts: &DeviceFacts) -> Labels {
    let mut effective = Labels::from([
        ("name".to_owned(), name.to_owned()),
        ("arch".to_owned(), facts.arch.clone()),
        ("os".to_owned(), facts.os.clone()),
    ]);
    effective.extend(labels.iter().map(|(key, value)| (key.clone(), value.clone())));
    effective
}

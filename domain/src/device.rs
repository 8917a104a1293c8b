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
    /// The board that this agent pretends to be; `None` = what it runs on.
    #[serde(default)]
    pub simulated: Option<String>,
}

/// How hot a device is, as its agent told last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Heat {
    /// Degrees Celsius of the hottest zone.
    pub temperature_c: f64,
    /// At rest; `None` = not learnt yet.
    pub reference_c: Option<f64>,
    /// False while a run that waits for a cool device would wait.
    pub cool: bool,
    /// Until it is cool, as far as its cooling so far foretells.
    pub wait: Option<std::time::Duration>,
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

/// The label of a simulated board, which only a selector that names it admits.
pub const SIMULATED: &str = "simulated";

/// What a selector sees: the device's own labels, and beneath them its `name` and what its agent found: `arch`, `os`,
/// `cores`, `ram_mb`, `runtime` (its version), and `isa.NAME=yes` for each extension of the instruction set.
pub fn effective_labels(name: &str, labels: &Labels, facts: &DeviceFacts) -> Labels {
    let DeviceFacts { arch, os, cores, memory_bytes, isa, runtime_version, simulated, .. } = facts;
    let mut effective = Labels::from([
        ("name".to_owned(), name.to_owned()),
        ("arch".to_owned(), arch.clone()),
        ("os".to_owned(), os.clone()),
    ]);
    // What is unknown has no label: it is neither more nor less than anything.
    if *cores > 0 {
        effective.insert("cores".to_owned(), cores.to_string());
    }
    if *memory_bytes > 0 {
        effective.insert("ram_mb".to_owned(), (memory_bytes >> 20).to_string());
    }
    effective.extend(runtime_version.iter().map(|version| ("runtime".to_owned(), version.clone())));
    effective.extend(isa.iter().map(|extension| (format!("isa.{extension}"), "yes".to_owned())));
    effective.extend(labels.iter().map(|(key, value)| (key.clone(), value.clone())));
    // No label of a person makes a simulated board a real one, or the other way round.
    effective.remove(SIMULATED);
    effective.extend(simulated.iter().map(|board| (SIMULATED.to_owned(), board.clone())));
    effective
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_labels_beneath_those_of_people() {
        let facts = DeviceFacts {
            arch: "aarch64".to_owned(),
            os: "linux".to_owned(),
            cores: 4,
            memory_bytes: 8 << 30,
            isa: vec!["dotprod".to_owned()],
            ..DeviceFacts::default()
        };
        let labels = Labels::from([("arch".to_owned(), "arm".to_owned())]);
        let effective = effective_labels("rpi", &labels, &facts);
        let text: Vec<String> = effective.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(text, ["arch=arm", "cores=4", "isa.dotprod=yes", "name=rpi", "os=linux", "ram_mb=8192"]);
    }
}

//! The circumstances of one run: what the machine is (stable), and what happened on it meanwhile (volatile).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The circumstances of one run. What a platform does not tell is `None`, never 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    #[serde(flatten)]
    pub stable: StableEnvironment,
    #[serde(flatten)]
    pub volatile: VolatileEnvironment,
}

/// What should be the same in every run that is compared with this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StableEnvironment {
    pub agent_version: String,
    /// From the library itself, e.g. `1.32.0`.
    pub runtime_version: String,
    pub runtime_build: String,
    /// Of the library file, in hexadecimal.
    pub runtime_sha256: String,
    /// Provider the session was made with, e.g. `CPUExecutionProvider`.
    pub provider: String,
    pub provider_options: BTreeMap<String, String>,
    pub cpu_model: String,
    pub isa: Vec<String>,
    pub cores: u32,
    pub memory_bytes: Option<u64>,
    pub kernel: String,
    /// Of each frequency domain, the distinct ones, e.g. `performance` or `powersave, schedutil`.
    pub governor: Option<String>,
    /// Frequency boost, where it can be switched.
    pub boost: Option<bool>,
    /// The kernel's mode of transparent huge pages, e.g. `madvise`.
    pub huge_pages: Option<String>,
    /// Processors the runner was confined to, e.g. `4-7`; `None` = all.
    pub affinity: Option<String>,
    /// Variables of the runner's process that the cell set.
    pub variables: BTreeMap<String, String>,
}

impl StableEnvironment {
    /// Identifies the environment: SHA-256 of its canonical JSON. The same machine, set up alike, has the same id in
    /// every run.
    pub fn id(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("an environment has no map keys that are not strings"))
    }
}

/// What happened on the machine while one run was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolatileEnvironment {
    /// Share (0..1) of all cores' time used by other processes while measuring.
    pub foreign_cpu_share: Option<f64>,
    /// Greatest share (0..1) of the measured time that one thread of the runner, ready to run, waited for a processor.
    pub processor_wait_share: Option<f64>,
    /// Involuntary context switches of the measuring thread while measuring.
    pub involuntary_switches: Option<u64>,
    /// 1-minute load average when measuring began.
    pub load_average: Option<f64>,
    /// The runner could raise its own scheduling group (autogroup nice).
    pub autogroup_raised: bool,
    /// Shares (0..1) of the measured time in which some task of the machine waited for a resource (pressure stall
    /// information).
    pub cpu_pressure: Option<f64>,
    pub memory_pressure: Option<f64>,
    pub io_pressure: Option<f64>,
    /// Mean of all processors' frequencies when measuring began and ended.
    pub frequency_start_mhz: Option<u32>,
    pub frequency_end_mhz: Option<u32>,
    /// Of the hottest zone.
    pub temperature_start_c: Option<f64>,
    pub temperature_end_c: Option<f64>,
    /// Times the hardware throttled while measuring.
    pub throttle_events: Option<u64>,
    /// Memory available when measuring began.
    pub available_bytes: Option<u64>,
    /// Stable facts that were no longer the same when measuring ended.
    pub drift: Vec<Drift>,
}

/// A fact that changed during a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    pub what: String,
    pub before: String,
    pub after: String,
}

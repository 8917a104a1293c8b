//! The circumstances of one run: what the machine is (stable), and what happened on it meanwhile (volatile).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, units};

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

impl StableEnvironment {
    /// Each fact with its name, for people; `None` is what the platform does not tell.
    pub fn facts(&self) -> Vec<(&'static str, Option<String>)> {
        let Self {
            agent_version,
            runtime_version,
            runtime_build,
            runtime_sha256,
            provider,
            provider_options,
            cpu_model,
            isa,
            cores,
            memory_bytes,
            kernel,
            governor,
            boost,
            huge_pages,
            affinity,
            variables,
        } = self;
        vec![
            ("Processor", Some(format!("{cpu_model}, {cores} cores"))),
            ("Instruction set", Some(isa.join(", "))),
            ("Memory", memory_bytes.map(units::bytes)),
            ("Runtime", Some(format!("onnxruntime {runtime_version} {runtime_build}").trim_end().to_owned())),
            ("Runtime library", (!runtime_sha256.is_empty()).then(|| format!("sha256 {runtime_sha256}"))),
            ("Provider", Some([provider.clone(), pairs(provider_options)].join(" ").trim_end().to_owned())),
            ("Kernel", Some(kernel.clone())),
            ("Governor", governor.clone()),
            ("Frequency boost", boost.map(|on| if on { "on" } else { "off" }.to_owned())),
            ("Huge pages", huge_pages.clone()),
            ("Confined to processors", Some(affinity.clone().unwrap_or_else(|| "all".to_owned()))),
            ("Variables", Some(if variables.is_empty() { "none".to_owned() } else { pairs(variables) })),
            ("Agent", Some(agent_version.clone())),
        ]
    }
}

impl VolatileEnvironment {
    /// As [`StableEnvironment::facts`]; drift is told apart.
    pub fn facts(&self) -> Vec<(&'static str, Option<String>)> {
        let Self {
            foreign_cpu_share,
            processor_wait_share,
            involuntary_switches,
            load_average,
            autogroup_raised,
            cpu_pressure,
            memory_pressure,
            io_pressure,
            frequency_start_mhz,
            frequency_end_mhz,
            temperature_start_c,
            temperature_end_c,
            throttle_events,
            available_bytes,
            drift: _,
        } = self;
        let share = |share: &Option<f64>| share.map(units::percent);
        let megahertz = |value: &Option<u32>| value.map(|value| format!("{value} MHz"));
        let celsius = |value: &Option<f64>| value.map(|value| format!("{value:.1} C"));
        vec![
            ("Other processes", foreign_cpu_share.map(|share| format!("{} of all processors", units::percent(share)))),
            ("Runner waited for a processor", share(processor_wait_share)),
            ("Involuntary switches", involuntary_switches.map(|count| count.to_string())),
            ("Load average before", load_average.map(|load| format!("{load:.2}"))),
            ("Own scheduling group", Some(if *autogroup_raised { "raised" } else { "not raised" }.to_owned())),
            ("Tasks waited for processors", share(cpu_pressure)),
            ("Tasks waited for memory", share(memory_pressure)),
            ("Tasks waited for I/O", share(io_pressure)),
            ("Mean frequency", from_to(megahertz(frequency_start_mhz), megahertz(frequency_end_mhz))),
            ("Hottest zone", from_to(celsius(temperature_start_c), celsius(temperature_end_c))),
            ("Throttled", throttle_events.map(|count| format!("{count} times"))),
            ("Memory available before", available_bytes.map(units::bytes)),
        ]
    }
}

fn from_to(from: Option<String>, to: Option<String>) -> Option<String> {
    if from.is_none() && to.is_none() {
        return None;
    }
    let known = |fact: Option<String>| fact.unwrap_or_else(|| "not known".to_owned());
    Some(format!("{} to {}", known(from), known(to)))
}

fn pairs(pairs: &BTreeMap<String, String>) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
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

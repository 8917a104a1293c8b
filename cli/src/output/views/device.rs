//! Devices, one a row.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use domain::{RunId, Timestamp, units};
use proto::pb;
use serde::Serialize;

use crate::output::{Answer, Table};

#[derive(Debug, Serialize)]
pub(crate) struct DeviceView {
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) run: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) cpu: String,
    pub(crate) cores: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) os: String,
    pub(crate) arch: String,
    pub(crate) runtime: String,
    pub(crate) providers: Vec<String>,
    pub(crate) power_sensors: Vec<String>,
    pub(crate) no_power_reason: Option<String>,
    pub(crate) agent_version: String,
    pub(crate) last_seen: Option<String>,
}

impl From<&pb::Device> for DeviceView {
    fn from(device: &pb::Device) -> Self {
        let facts = device.facts.clone().unwrap_or_default();
        Self {
            name: device.name.clone(),
            state: match device.state() {
                pb::DeviceState::Idle => "idle",
                pb::DeviceState::Busy => "busy",
                pb::DeviceState::Offline => "offline",
                pb::DeviceState::Unspecified => "unknown",
            },
            run: (device.current_run_id > 0).then(|| RunId(device.current_run_id).to_string()),
            labels: device.labels.clone().into_iter().collect(),
            cpu: facts.cpu_model,
            cores: facts.cores,
            memory_bytes: facts.memory_bytes,
            os: facts.os,
            arch: facts.arch,
            runtime: facts.runtime_version,
            providers: facts.providers,
            power_sensors: facts.power_sensors,
            no_power_reason: (!facts.no_power_reason.is_empty()).then_some(facts.no_power_reason),
            agent_version: device.agent_version.clone(),
            last_seen: (device.last_seen_us > 0).then(|| Timestamp(device.last_seen_us).to_string()),
        }
    }
}

impl Answer for Vec<DeviceView> {
    const SCHEMA: &'static str = "furlong.devices/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return writeln!(out, "no device yet; `furlong agent --coordinator URL` on a board makes one");
        }
        let mut table =
            Table::new(&["NAME", "STATE", "RUN", "LABELS", "CPU", ">CORES", ">MEMORY", "RUNTIME", "LAST SEEN"]);
        for device in self {
            let labels: Vec<String> = device.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            table.row([
                device.name.clone(),
                device.state.to_owned(),
                device.run.clone().unwrap_or_else(|| "-".to_owned()),
                labels.join(" "),
                device.cpu.clone(),
                device.cores.to_string(),
                units::bytes(device.memory_bytes),
                device.runtime.clone(),
                device.last_seen.clone().unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        table.write(out)
    }
}

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
    /// The board that its agent pretends to be; `None` = it is real.
    pub(crate) simulated: Option<String>,
    /// As it told last; `None` = nothing tells its temperature.
    pub(crate) heat: Option<HeatView>,
    pub(crate) agent_version: String,
    pub(crate) last_seen: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct HeatView {
    /// Degrees Celsius of the hottest zone, and at rest; `None` = not learnt yet.
    pub(crate) temperature_c: f64,
    pub(crate) reference_c: Option<f64>,
    /// False while a run that waits for a cool device would wait.
    pub(crate) cool: bool,
    /// Until then, as far as its cooling foretells.
    pub(crate) wait_ms: Option<u64>,
}

impl HeatView {
    fn words(&self) -> String {
        let temperature = units::celsius(self.temperature_c);
        match (self.cool, self.wait_ms) {
            (true, _) => temperature,
            (false, None) => format!("{temperature}, cooling"),
            (false, Some(wait)) => format!("{temperature}, cooling, ready in ~{} s", wait.div_ceil(1_000)),
        }
    }
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
            simulated: (!facts.simulated.is_empty()).then_some(facts.simulated),
            heat: device.heat.map(|pb::Heat { temperature_c, reference_c, cool, wait_ms }| HeatView {
                temperature_c,
                reference_c,
                cool,
                wait_ms,
            }),
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
            Table::new(&["NAME", "STATE", "RUN", "HEAT", "LABELS", "CPU", ">CORES", ">MEMORY", "RUNTIME", "LAST SEEN"]);
        for device in self {
            let labels: Vec<String> = device.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            table.row([
                device
                    .simulated
                    .as_ref()
                    .map_or_else(|| device.name.clone(), |board| format!("{} (simulated: {board})", device.name)),
                device.state.to_owned(),
                device.run.clone().unwrap_or_else(|| "-".to_owned()),
                // What a device was when it went says nothing of what it is.
                device
                    .heat
                    .as_ref()
                    .filter(|_| device.state != "offline")
                    .map_or_else(|| "-".to_owned(), HeatView::words),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::views::written;

    fn device(state: pb::DeviceState, heat: Option<pb::Heat>) -> pb::Device {
        let facts = pb::DeviceFacts { simulated: "rpi5".to_owned(), cores: 4, ..pb::DeviceFacts::default() };
        let name = "sim-1".to_owned();
        pb::Device { name, state: state.into(), facts: Some(facts), heat, ..pb::Device::default() }
    }

    #[test]
    fn a_device_shows_its_heat_and_that_it_is_none() {
        let hot = pb::Heat { temperature_c: 61.23, reference_c: Some(41.0), cool: false, wait_ms: Some(19_400) };
        let text = written(&vec![DeviceView::from(&device(pb::DeviceState::Idle, Some(hot)))]);
        assert!(text.contains("sim-1 (simulated: rpi5)"), "{text}");
        assert!(text.contains("61.2 °C, cooling, ready in ~20 s"), "{text}");
        let gone = written(&vec![DeviceView::from(&device(pb::DeviceState::Offline, Some(hot)))]);
        assert!(!gone.contains("°C"), "{gone}");
        let cool = pb::Heat { cool: true, ..hot };
        let text = written(&vec![DeviceView::from(&device(pb::DeviceState::Idle, Some(cool)))]);
        assert!(text.contains("61.2 °C") && !text.contains("cooling"), "{text}");
    }
}

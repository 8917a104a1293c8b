//! Clocks of processors, graphics processors and memory.
//!
//! `dcvsh_freq_limit`, by which kernels of Snapdragon's vendor show the hardware's own limit, is never read: a public report
//! tells of a phone that was reset by it.

use std::time::Duration;

use domain::Quantity;

use super::attribute::Number;
use super::board::{Converted, Paced, Survey};
use super::{Role, StateSeries, raspberry};
use crate::power::Root;

const CPU: &str = "/sys/devices/system/cpu";
pub(crate) const DEVFREQ: &str = "/sys/class/devfreq";
const KGSL: &str = "/sys/class/kgsl/kgsl-3d0";
/// Shown to root only.
const EMC: &str = "/sys/kernel/debug/bpmp/debug/clk/emc/rate";

/// Reading a Tegra's real clock occupies that processor for half a millisecond.
const PACE: Duration = Duration::from_millis(900);
/// Where every processor has a policy of its own, the first ones stand for all: each costs a file a look.
const POLICIES: usize = 16;

/// Nodes of graphics processors in the device tree: of Jetsons by the chip's name, of others by what they are.
const GRAPHICS: [&str; 7] = ["gp10b", "gv11b", "ga10b", "gb10b", "gpu", "gpu-gpc-0", "gpu-nvd-0"];

pub(super) fn survey(survey: &mut Survey) {
    // Beside the firmware's clock the kernel's would be what was asked for, and greater.
    if !raspberry::clock(survey) {
        processors(survey);
    }
    graphics(survey);
    clock(survey, "clock/emc", Role::OtherClock, EMC.to_owned(), 1e-6);
}

/// Directories of frequency policies with their names, e.g. `policy0`: old kernels keep them with each processor.
pub(super) fn policies(survey: &Survey) -> Vec<(String, String)> {
    let own = format!("{CPU}/cpufreq");
    let listed = survey.list(&own).into_iter().filter(|name| name.starts_with("policy"));
    let mut found: Vec<_> = listed.map(|name| (format!("{own}/{name}"), name)).collect();
    if found.is_empty() {
        let cores = survey.list(CPU).into_iter().filter_map(|name| name.strip_prefix("cpu")?.parse::<u32>().ok());
        let first = |core: &u32| {
            let members = survey.text(&format!("{CPU}/cpu{core}/cpufreq/related_cpus"));
            members.is_none_or(|members| members.split(' ').next() == Some(&core.to_string()))
        };
        found = cores.filter(first).map(|core| (format!("{CPU}/cpu{core}/cpufreq"), format!("policy{core}"))).collect();
    }
    found.truncate(POLICIES);
    found
}

fn processors(survey: &mut Survey) {
    for (directory, name) in policies(survey) {
        let series = StateSeries::new(format!("clock/{name}"), Quantity::Frequency, Role::ProcessorClock);
        // What the hardware runs at, where that may be read; else what was asked of it.
        let real = Number::open(&survey.root, format!("{directory}/cpuinfo_cur_freq")).ok();
        match real.and_then(|mut number| number.read().and_then(positive).map(|_clock| number)) {
            Some(number) => {
                let pace = survey.pace(PACE);
                survey.add(vec![series], Paced::new(Converted { number, convert: |khz| positive(khz * 1e-3) }, pace));
            }
            None => {
                survey.attribute(series, format!("{directory}/scaling_cur_freq"), |khz| positive(khz * 1e-3));
            }
        }
    }
}

fn graphics(survey: &mut Survey) {
    let mut found = false;
    for device in survey.list(DEVFREQ) {
        let Some(node) = graphics_node(survey.root.as_ref(), &device) else { continue };
        let name = if node.starts_with("gpu-nvd") { "clock/gpu-video" } else { "clock/gpu" };
        found |= clock(survey, name, Role::OtherClock, format!("{DEVFREQ}/{device}/cur_freq"), 1e-6);
    }
    let _told = found
        || ["gpuclk", "devfreq/cur_freq"]
            .iter()
            .any(|file| clock(survey, "clock/gpu", Role::OtherClock, format!("{KGSL}/{file}"), 1e-6));
}

/// A graphics processor's node in the device tree; `None` of another device.
pub(crate) fn graphics_node(root: &dyn Root, device: &str) -> Option<String> {
    let node = root.read(&format!("{DEVFREQ}/{device}/device/of_node/name")).ok().filter(|node| !node.is_empty());
    // Some kernels show no node; their device is called `17000000.gpu`.
    let node = node.unwrap_or_else(|| device.rsplit('.').next().unwrap_or(device).to_owned());
    GRAPHICS.contains(&node.as_str()).then_some(node)
}

fn clock(survey: &mut Survey, name: &str, role: Role, path: String, megahertz: f64) -> bool {
    survey.attribute(StateSeries::new(name, Quantity::Frequency, role), path, move |raw| positive(raw * megahertz))
}

/// 0 stands for a clock that is not known or switched off.
fn positive(value: f64) -> Option<f64> {
    (value > 0.0).then_some(value)
}

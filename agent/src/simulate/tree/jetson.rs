//! A Jetson Orin Nano with a mainline kernel (L4T 34.1 and later): an INA3221 on the module, `soctherm`'s event counters,
//! thermal zones of which those of blocks that are switched off can't be read.

use std::io;

use super::Tree;
use crate::simulate::physics::Look;
use crate::simulate::profile::Profile;

/// Behind 5 mOhm one step of the shunt's converter, 40 uV, is 8 mA.
const SHUNT_UOHM: u32 = 5000;
const STEP_MA: f64 = 8.0;
const INPUT_MV: f64 = 5000.0;
/// Of the dynamic power, what the processors' rail carries; of the idle power, what each rail carries.
const DYNAMIC_ON_CPU: f64 = 0.75;
const IDLE_ON_CPU: f64 = 0.15;
const IDLE_ON_SOC: f64 = 0.30;

pub(super) fn plant(tree: &mut Tree, profile: &'static Profile) -> io::Result<()> {
    power(tree, profile)?;
    over_current(tree)?;
    tree.processors(profile, "tegra194", true)?;
    graphics(tree)?;
    tree.zone(0, "cpu-thermal", |look| look.die_c - 0.3)?;
    tree.zone(1, "gpu-thermal", |look| look.die_c - 1.0)?;
    // Nothing works on the vision accelerators: they are switched off, and reading says so.
    tree.fixed("sys/class/thermal/thermal_zone2/type", "cv0-thermal\n")?;
    tree.fixed("sys/class/thermal/thermal_zone2/temp@errno", "EAGAIN\n")?;
    tree.zone(3, "soc0-thermal", |look| f64::midpoint(look.die_c, look.board_c))?;
    tree.zone(4, "tj-thermal", |look| look.die_c)?;
    tree.cooling_device(0, "pwm-fan", false)?;
    tree.cooling_device(1, "cpu-throttle-alert", true)?;
    tree.cooling_device(2, "gpu-throttle-alert", true)?;
    tree.fixed(
        "etc/nvpmodel.conf",
        "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=7W >\n< PM_CONFIG DEFAULT=0 >\n",
    )?;
    tree.fixed("var/lib/nvpmodel/status", "pmode:0000\n")?;
    tree.fixed("tool/nvpmodel_-q", "NV Power Mode: 15W\n0\n")
}

fn power(tree: &mut Tree, profile: &'static Profile) -> io::Result<()> {
    let bus = "sys/devices/platform/bus@0/c240000.i2c/i2c-1";
    let monitor = format!("{bus}/1-0040/hwmon/hwmon1");
    tree.fixed(&format!("{bus}/1-0040/name"), "ina3221\n")?;
    tree.fixed(&format!("{monitor}/name"), "ina3221\n")?;
    tree.fixed(&format!("{monitor}/samples"), "4\n")?;
    // Milliseconds: three channels, 4 samples, 1.1 ms for each of shunt and bus.
    tree.fixed(&format!("{monitor}/update_interval"), "26\n")?;
    tree.link("sys/class/hwmon/hwmon1", "../../devices/platform/bus@0/c240000.i2c/i2c-1/1-0040/hwmon/hwmon1")?;
    tree.link(&format!("{monitor}/device"), "../../../1-0040")?;
    tree.link("sys/bus/i2c/drivers/ina3221/1-0040", "../../../../devices/platform/bus@0/c240000.i2c/i2c-1/1-0040")?;
    let idle_w = profile.idle_w;
    let dynamic_w = move |look: &Look| (look.watts - idle_w).max(0.0);
    rail(tree, &monitor, 1, "VDD_IN", |look| look.watts)?;
    rail(tree, &monitor, 2, "VDD_CPU_GPU_CV", move |look| idle_w * IDLE_ON_CPU + dynamic_w(look) * DYNAMIC_ON_CPU)?;
    rail(tree, &monitor, 3, "VDD_SOC", move |look| {
        idle_w * IDLE_ON_SOC + dynamic_w(look) * (1.0 - DYNAMIC_ON_CPU) / 2.0
    })?;
    // Channels 4 to 6 are the shunts', 7 and current 4 sums over channels: no rails.
    tree.fixed(&format!("{monitor}/in7_label"), "sum of shunt voltages\n")?;
    tree.number(&format!("{monitor}/in7_input"), |look| look.watts / INPUT_MV * 1e6 * f64::from(SHUNT_UOHM) / 1e3)?;
    tree.number(&format!("{monitor}/curr4_input"), |look| look.watts / INPUT_MV * 1e6)
}

fn rail(
    tree: &mut Tree,
    monitor: &str,
    channel: u32,
    label: &str,
    watts: impl Fn(&Look) -> f64 + Send + 'static,
) -> io::Result<()> {
    tree.fixed(&format!("{monitor}/in{channel}_label"), &format!("{label}\n"))?;
    tree.fixed(&format!("{monitor}/in{channel}_enable"), "1\n")?;
    tree.fixed(&format!("{monitor}/in{channel}_input"), &format!("{INPUT_MV:.0}\n"))?;
    tree.fixed(&format!("{monitor}/shunt{channel}_resistor"), &format!("{SHUNT_UOHM}\n"))?;
    tree.fixed(&format!("{monitor}/curr{channel}_crit"), "6000\n")?;
    tree.fixed(&format!("{monitor}/curr{channel}_crit_alarm"), "0\n")?;
    tree.fixed(&format!("{monitor}/curr{channel}_max_alarm"), "0\n")?;
    tree.number(&format!("{monitor}/curr{channel}_input"), move |look| {
        (watts(look) / INPUT_MV * 1e6 / STEP_MA).round() * STEP_MA
    })
}

/// Nothing over-draws: the counters stand as they stood at boot.
fn over_current(tree: &mut Tree) -> io::Result<()> {
    let monitor = "sys/devices/platform/soctherm-oc-event/hwmon/hwmon2";
    tree.fixed(&format!("{monitor}/name"), "soctherm_oc\n")?;
    for event in 1..=3 {
        tree.fixed(&format!("{monitor}/oc{event}_event_cnt"), if event == 1 { "1\n" } else { "0\n" })?;
        tree.fixed(&format!("{monitor}/oc{event}_throt_en"), "1\n")?;
    }
    tree.link("sys/class/hwmon/hwmon2", "../../devices/platform/soctherm-oc-event/hwmon/hwmon2")
}

/// The graphics processor idles: the work is done by the processors.
fn graphics(tree: &mut Tree) -> io::Result<()> {
    let device = "sys/devices/platform/bus@0/17000000.gpu";
    let devfreq = format!("{device}/devfreq/17000000.gpu");
    tree.fixed(&format!("{device}/load"), "0\n")?;
    tree.fixed(&format!("{device}/of_node/name"), "ga10b\0")?;
    for (file, hertz) in [("cur_freq", 306_000_000), ("min_freq", 306_000_000), ("max_freq", 624_750_000)] {
        tree.fixed(&format!("{devfreq}/{file}"), &format!("{hertz}\n"))?;
    }
    tree.link(&format!("{devfreq}/device"), "../../../17000000.gpu")?;
    tree.link("sys/class/devfreq/17000000.gpu", "../../devices/platform/bus@0/17000000.gpu/devfreq/17000000.gpu")
}

//! A phone on a Snapdragon 8 Gen 3, unplugged: a fuel gauge, thermal zones by core, the graphics processor's driver, and what
//! `dumpsys` prints.

use std::io;

use super::Tree;
use crate::simulate::physics::Look;
use crate::simulate::profile::Profile;

const BATTERY_V: f64 = 3.92;
/// Android's words for heat: 0 = none, 3 = severe.
const SEVERE: u8 = 3;

pub(super) fn plant(tree: &mut Tree, profile: &'static Profile) -> io::Result<()> {
    battery(tree)?;
    // The driver shows what was voted for, whatever the hardware makes of it.
    tree.processors(profile, "qcom-cpufreq-hw", false)?;
    for (number, core) in (0..).zip(["0-0", "0-1", "1-0", "1-1", "1-2", "1-3", "1-4", "2-0"]) {
        let below = f64::from(7 - number) * 0.4;
        tree.zone(number, &format!("cpu-{core}-usr"), move |look| look.die_c - below)?;
    }
    tree.zone(8, "gpuss-0-usr", |look| look.die_c - 4.0)?;
    tree.zone(9, "xo-therm", |look| look.board_c + 0.5)?;
    tree.zone(10, "skin-therm", |look| look.board_c)?;
    tree.zone(11, "battery", |look| look.board_c - 1.0)?;
    tree.cooling_device(0, "cpufreq-cpu7", true)?;
    graphics(tree)?;
    tree.live("tool/dumpsys_thermalservice", 600, thermal_service)
}

fn battery(tree: &mut Tree) -> io::Result<()> {
    let gauge = "sys/class/power_supply/battery";
    for (file, text) in [
        ("type", "Battery"),
        ("present", "1"),
        ("status", "Discharging"),
        ("health", "Good"),
        ("technology", "Li-ion"),
        ("capacity", "78"),
        ("voltage_now", "3920000"),
        ("charge_full", "5000000"),
    ] {
        tree.fixed(&format!("{gauge}/{file}"), &format!("{text}\n"))?;
    }
    // Microamperes; negative while it discharges, as the kernel's interface asks.
    tree.number(&format!("{gauge}/current_now"), |look| -look.watts / BATTERY_V * 1e6)?;
    // A gauge that counts in microampere-hours: it can be read over seconds, where most need minutes.
    tree.number(&format!("{gauge}/charge_counter"), |look| 3.9e6 - look.joules / BATTERY_V / 3600.0 * 1e6)?;
    // Tenths of a degree.
    tree.number(&format!("{gauge}/temp"), |look| (look.board_c - 1.0) * 10.0)?;
    tree.fixed("sys/class/power_supply/usb/type", "USB\n")?;
    tree.fixed("sys/class/power_supply/usb/online", "0\n")
}

fn graphics(tree: &mut Tree) -> io::Result<()> {
    let device = "sys/class/kgsl/kgsl-3d0";
    for (file, text) in [
        ("gpuclk", "231000000"),
        ("gpu_busy_percentage", "0 %"),
        ("gpubusy", "0 0"),
        ("devfreq/cur_freq", "231000000"),
        ("devfreq/min_freq", "231000000"),
        ("devfreq/max_freq", "903000000"),
    ] {
        tree.fixed(&format!("{device}/{file}"), &format!("{text}\n"))?;
    }
    tree.number(&format!("{device}/temp"), |look| (look.die_c - 4.0) * 1e3)?;
    tree.number(&format!("{device}/thermal_pwrlevel"), |look| f64::from(u8::from(look.throttled)))
}

fn thermal_service(look: &Look) -> String {
    let status = if look.throttled { SEVERE } else { 0 };
    let (die_c, skin_c) = (look.die_c, look.board_c);
    format!(
        "IsStatusOverride: false\n\
         ThermalEventListeners:\n\
         Thermal Status: {status}\n\
         Cached temperatures:\n\
         HAL Ready: true\n\
         HAL connection:\n\
         Current temperatures from HAL:\n\
         \tTemperature{{mValue={die_c:.3}, mType=0, mName=CPU0, mStatus={status}}}\n\
         \tTemperature{{mValue={skin_c:.3}, mType=3, mName=skin, mStatus=0}}\n\
         Current cooling devices from HAL:"
    )
}

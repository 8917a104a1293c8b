//! A Raspberry Pi 5: what its firmware answers about the power chip's rails, throttling, temperature and the clock that the
//! kernel is not told of; and the few things that sysfs shows beside that.

use std::fmt::Write as _;
use std::io;

use super::Tree;
use crate::simulate::physics::Look;
use crate::simulate::profile::Profile;

/// Bits of `get_throttled`: the clock is capped, and it is throttled; and, 16 bits above, that it was since boot.
const THROTTLED: u32 = 0b110;
const BEFORE: u32 = 16;

/// The power chip's rails with their volts, the share of the idle power that each carries, and the numbers of their current
/// and voltage. The core carries the rest, and all dynamic power.
const RAILS: [(&str, f64, f64, u32, u32); 11] = [
    ("3V7_WL_SW", 3.8, 0.02, 0, 8),
    ("3V3_SYS", 3.306, 0.15, 1, 9),
    ("1V8_SYS", 1.798, 0.15, 2, 10),
    ("DDR_VDD2", 1.103, 0.08, 3, 11),
    ("DDR_VDDQ", 0.605, 0.03, 4, 12),
    ("1V1_SYS", 1.104, 0.12, 5, 13),
    ("0V8_SW", 0.803, 0.16, 6, 14),
    ("3V3_DAC", 3.305, 0.001, 17, 20),
    ("3V3_ADC", 3.302, 0.001, 18, 21),
    ("0V8_AON", 0.797, 0.002, 16, 19),
    ("HDMI", 5.071, 0.02, 22, 23),
];
const CORE_V: f64 = 0.897;

pub(super) fn plant(tree: &mut Tree, profile: &'static Profile) -> io::Result<()> {
    let idle_w = profile.idle_w;
    tree.live("gencmd/pmic_read_adc", 1200, move |look| rails(look, idle_w))?;
    tree.live("gencmd/get_throttled", 32, |look| {
        let now = if look.throttled { THROTTLED } else { 0 };
        let before = if look.throttle_events > 0 { THROTTLED << BEFORE } else { 0 };
        format!("throttled={:#x}", now | before)
    })?;
    tree.live("gencmd/measure_temp", 24, |look| format!("temp={:.1}'C", look.die_c))?;
    tree.live("gencmd/measure_temp_pmic", 24, |look| format!("temp={:.1}'C", look.board_c))?;
    tree.live("gencmd/measure_clock_arm", 40, |look| format!("frequency(0)={:.0}", look.clock_mhz * 1e6))?;
    tree.fixed("gencmd/measure_volts_core", "volt=0.8970V\n")?;
    tree.fixed("gencmd/version", "simulated\n")?;
    tree.zone(0, "cpu-thermal", |look| look.die_c)?;
    tree.cooling_device(0, "pwm-fan", false)?;
    // The firmware takes the clock down and does not tell the kernel's driver.
    tree.processors(profile, "cpufreq-dt", false)?;
    monitor(tree, 0, "cpu_thermal")?;
    tree.number("sys/class/hwmon/hwmon0/temp1_input", |look| look.die_c * 1e3)?;
    monitor(tree, 1, "rpi_volt")?;
    tree.fixed("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
}

fn monitor(tree: &mut Tree, number: u32, name: &str) -> io::Result<()> {
    tree.fixed(&format!("sys/class/hwmon/hwmon{number}/name"), &format!("{name}\n"))
}

/// All currents, then all voltages, then the two voltages that have no current.
fn rails(look: &Look, idle_w: f64) -> String {
    let elsewhere: f64 = RAILS.iter().map(|(_, _, share, _, _)| share).sum();
    let core_a = (look.watts - idle_w * elsewhere).max(0.0) / CORE_V;
    let mut text = String::new();
    let mut line = |name: &str, kind: &str, number: u32, value: f64| {
        let unit = if kind == "current" { 'A' } else { 'V' };
        let label = format!("{name}_{unit}");
        // Writing to a string can't fail.
        writeln!(text, "{label:>12} {kind}({number})={value:.8}{unit}").unwrap_or_default();
    };
    for (name, volts, share, current, _) in RAILS {
        line(name, "current", current, idle_w * share / volts);
    }
    line("VDD_CORE", "current", 7, core_a);
    for (name, volts, _, _, voltage) in RAILS {
        line(name, "volt", voltage, volts);
    }
    line("VDD_CORE", "volt", 15, CORE_V);
    line("EXT5V", "volt", 24, 5.07);
    line("BATT", "volt", 25, 0.005);
    text.trim_end().to_owned()
}

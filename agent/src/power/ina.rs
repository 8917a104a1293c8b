//! Texas Instruments' INA monitors, as the kernel shows them: three supplies of a Jetson module behind an INA3221, its input
//! behind an INA238, a breadboard meter behind an INA219.
//!
//! Owns which attributes make a rail, and how fine and how right a reading can be. What a rail means on a board: see
//! [`super::jetson`] and [`super::hwmon`].

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::hwmon::Chip;
use super::sysfs::{self, Channel, Integer, Measure, denied, scaled};
use super::{Fault, Root};

/// Names of the chips' drivers, each also a directory under `/sys/bus/i2c/drivers`. The INA3221 has three channels, the
/// others one.
pub(super) const CHIPS: [&str; 10] =
    ["ina3221", "ina238", "ina237", "ina228", "ina226", "ina230", "ina231", "ina219", "ina220", "ina260"];

/// How NVIDIA's kernels before L4T 34 show an INA3221.
const OLD_DRIVER: &str = "/sys/bus/i2c/drivers/ina3221x";

/// Between two polls of a monitor that does not say how fast it is.
const USUAL_POLL: Duration = Duration::from_millis(50);
/// Faster than the first, sysfs costs more than a hundredth of a core, and a thread that is put aside for a moment leaves a
/// gap; slower than the second, a short run has too few.
const POLLS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(100)];

/// INA3221's data sheet: least step of the shunt's voltage, its greatest offset, and the greatest error of gain.
const SHUNT_STEP_V: f64 = 40e-6;
const SHUNT_OFFSET_V: f64 = 80e-6;
const GAIN_ERROR: f64 = 0.0025;

/// What the chips on the buses are, and why some of their channels are no rails.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Scope and parent are still open; keys end in the label.
    pub(super) monitors: Vec<Monitor>,
    pub(super) facts: BTreeMap<String, String>,
    /// Channels that were left out, each with its reason.
    pub(super) dropped: BTreeMap<String, String>,
    /// Whether one was left out for want of permission.
    pub(super) denied: bool,
}

#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) chip: String,
    /// What the board's device tree calls the rail; empty if it does not.
    pub(super) label: String,
    pub(super) channel: Channel,
}

/// Time between two polls that suits all of these.
pub(super) fn poll<'a>(rails: impl Iterator<Item = &'a Rail>) -> Duration {
    let slowest = rails.filter_map(|rail| rail.native).max().unwrap_or(USUAL_POLL);
    slowest.clamp(POLLS[0], POLLS[1])
}

impl Survey {
    /// Adds the channels of one chip of [`CHIPS`].
    pub(super) fn add(&mut self, root: &Arc<dyn Root>, chip: &Chip) {
        for attribute in ["samples", "update_interval", "shunt_resistor"] {
            if let Ok(text) = root.read(&chip.path(attribute)) {
                self.facts.insert(format!("{}/{attribute}", chip.key), text);
            }
        }
        if chip.name == "ina3221" {
            // Beyond the third there are voltages of shunts and sums over channels: no rails.
            (1..=3).for_each(|number| self.add_channel(root, chip, number));
        } else {
            self.add_single(root, chip);
        }
    }

    /// Adds the channels of the INA3221s that NVIDIA's older kernels show as IIO devices.
    pub(super) fn add_old(&mut self, root: &Arc<dyn Root>) {
        for address in root.list(OLD_DRIVER).unwrap_or_default() {
            let directory = format!("{OLD_DRIVER}/{address}");
            for device in root.list(&directory).unwrap_or_default() {
                if device.starts_with("iio:device") {
                    let chip = Chip {
                        name: "ina3221".to_owned(),
                        key: format!("ina3221@{address}"),
                        directory: format!("{directory}/{device}"),
                    };
                    (0..=2).for_each(|number| self.add_old_channel(root, &chip, number));
                }
            }
        }
    }

    fn add_channel(&mut self, root: &Arc<dyn Root>, chip: &Chip, number: u32) {
        let read = |attribute: &str| root.read(&chip.path(attribute));
        let label = read(&format!("in{number}_label")).unwrap_or_default();
        let place = if label.is_empty() { format!("in{number}") } else { label.clone() };
        if label.is_empty() && !is_there(root, chip, number) {
            return;
        }
        if let Some(reason) = no_rail(&label) {
            return self.drop(&chip.key, &place, reason);
        }
        if read(&format!("in{number}_enable")).is_ok_and(|text| text == "0") {
            return self.drop(&chip.key, &place, "switched off");
        }
        let volts = Integer::tried(root, chip.path(&format!("in{number}_input")));
        let amps = Integer::tried(root, chip.path(&format!("curr{number}_input")));
        let ((millivolts, volts), (milliamperes, amps)) = match (volts, amps) {
            (Ok(volts), Ok(amps)) => (volts, amps),
            (Err(error), _) | (_, Err(error)) => return self.refuse(&chip.key, &place, &error),
        };
        let native = self.update_time(&chip.key);
        let mut rail = gauge(&chip.key, &place, native);
        let supply_v = volts.ok().map(|raw| scaled(raw, 1e-3)).filter(|volts| *volts > 0.0);
        let shunt_microvolts = || read(&format!("in{}_input", number + 3)).ok()?.parse::<f64>().ok();
        let shunt_ohm = read(&format!("shunt{number}_resistor"))
            .ok()
            .and_then(|text| Some(text.parse::<f64>().ok()? * 1e-6))
            // What is not told follows from the same measurement in both units, where it is not zero.
            .or_else(|| Some(shunt_microvolts()? * 1e-6 / scaled(amps.ok()?, 1e-3)))
            .filter(|ohm| ohm.is_finite() && *ohm > 0.0);
        if let Some(ohm) = shunt_ohm {
            self.fact(&chip.key, &place, "shunt_uohm", format!("{:.0}", ohm * 1e6));
        }
        if let Some(volts) = supply_v {
            // Whole volts tell a 12 V supply from a 19 V one; more digits would make every run another environment.
            self.fact(&chip.key, &place, "supply_v", format!("{volts:.0}"));
        }
        rail.gain_error = Some(GAIN_ERROR);
        if let (Some(ohm), Some(volts)) = (shunt_ohm, supply_v) {
            rail.quantum = Some(SHUNT_STEP_V / ohm * volts);
            rail.offset_error_w = Some(SHUNT_OFFSET_V / ohm * volts);
        }
        self.push(chip, label, rail, Measure::Product { millivolts, milliamperes });
    }

    /// A chip of one channel: by its own product of power, or by voltage and current where it has none, or where the two do
    /// not agree on the unit.
    fn add_single(&mut self, root: &Arc<dyn Root>, chip: &Chip) {
        let label = ["in1_label", "curr1_label", "power1_label", "label"]
            .iter()
            .find_map(|attribute| root.read(&chip.path(attribute)).ok().filter(|text| !text.is_empty()))
            .unwrap_or_default();
        let place = if label.is_empty() { "in1".to_owned() } else { label.clone() };
        if let Some(reason) = no_rail(&label) {
            return self.drop(&chip.key, &place, reason);
        }
        if root.read(&chip.path("in1_enable")).is_ok_and(|text| text == "0") {
            return self.drop(&chip.key, &place, "switched off");
        }
        let tried = |attribute: &str| Integer::tried(root, chip.path(attribute));
        let parts = match (tried("in1_input"), tried("curr1_input")) {
            (Ok(volts), Ok(amps)) => Ok((volts, amps)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let mut rail = gauge(&chip.key, &place, self.update_time(&chip.key));
        let measure = match (tried("power1_input"), parts) {
            (Ok((power, watts)), Ok(((millivolts, volts), (milliamperes, amps)))) => {
                if let Some(volts) = volts.ok().map(|raw| scaled(raw, 1e-3)).filter(|volts| *volts > 0.0) {
                    self.fact(&chip.key, &place, "supply_v", format!("{volts:.0}"));
                }
                if same_unit(watts, volts, amps) {
                    rail.quantum = self.power_step(chip);
                    Measure::Power { power, unit_w: 1e-6, sign: Some(milliamperes) }
                } else {
                    self.fact(&chip.key, &place, "power1_input", "not in microwatts: voltage times current".to_owned());
                    Measure::Product { millivolts, milliamperes }
                }
            }
            (Ok((power, _)), Err(_)) => Measure::Power { power, unit_w: 1e-6, sign: None },
            (Err(_), Ok(((millivolts, _), (milliamperes, _)))) => Measure::Product { millivolts, milliamperes },
            (Err(error), Err(_)) => return self.refuse(&chip.key, &place, &error),
        };
        self.push(chip, label, rail, measure);
    }

    fn add_old_channel(&mut self, root: &Arc<dyn Root>, chip: &Chip, number: u32) {
        let Ok(label) = root.read(&chip.path(&format!("rail_name_{number}"))) else { return };
        if let Some(reason) = no_rail(&label) {
            return self.drop(&chip.key, &label, reason);
        }
        let tried = |what: &str| Integer::tried(root, chip.path(&format!("in_{what}{number}_input")));
        // The chip's own product comes first: voltage, current and power are read at different instants.
        let measure = match tried("power") {
            Ok((power, _)) => Measure::Power { power, unit_w: 1e-3, sign: None },
            Err(error) => match (tried("voltage"), tried("current")) {
                (Ok((millivolts, _)), Ok((milliamperes, _))) => Measure::Product { millivolts, milliamperes },
                _ => return self.refuse(&chip.key, &label, &error),
            },
        };
        let mut rail = gauge(&chip.key, &label, None);
        rail.gain_error = Some(GAIN_ERROR);
        self.push(chip, label, rail, measure);
    }

    fn push(&mut self, chip: &Chip, label: String, rail: Rail, measure: Measure) {
        let channel = Channel { rail, measure, powered: false };
        self.monitors.push(Monitor { chip: chip.key.clone(), label, channel });
    }

    /// One pass over all channels with all averages, as the driver tells it.
    fn update_time(&self, chip: &str) -> Option<Duration> {
        let text = self.facts.get(&format!("{chip}/update_interval"))?;
        text.parse().ok().filter(|milliseconds| *milliseconds > 0).map(Duration::from_millis)
    }

    /// The least step of power: the kernel's ina2xx driver fixes it by the shunt alone.
    fn power_step(&self, chip: &Chip) -> Option<f64> {
        let (shunt_step_v, per_current) = match chip.name.as_str() {
            "ina219" | "ina220" => (10e-6, 20.0),
            "ina226" | "ina230" | "ina231" => (2.5e-6, 25.0),
            _ => return None,
        };
        let shunt_ohm = self.facts.get(&format!("{}/shunt_resistor", chip.key))?.parse::<f64>().ok()? * 1e-6;
        (shunt_ohm > 0.0).then(|| shunt_step_v / shunt_ohm * per_current)
    }

    fn fact(&mut self, chip: &str, place: &str, what: &str, value: String) {
        self.facts.insert(format!("{chip}/{place}/{what}"), value);
    }

    fn drop(&mut self, chip: &str, place: &str, reason: impl Into<String>) {
        self.dropped.insert(format!("{chip}/{place}"), reason.into());
    }

    fn refuse(&mut self, chip: &str, place: &str, error: &io::Error) {
        self.denied |= denied(error);
        self.drop(chip, place, format!("can't be read ({error})"));
    }
}

fn gauge(chip: &str, place: &str, native: Option<Duration>) -> Rail {
    let kind = RailKind::Gauge { window: native };
    Rail { native, ..Rail::new(format!("{chip}/{place}"), Scope::Rail, kind) }
}

/// Whether the chip shows this channel at all.
fn is_there(root: &Arc<dyn Root>, chip: &Chip, number: u32) -> bool {
    [format!("in{number}_input"), format!("curr{number}_input")]
        .iter()
        .any(|attribute| root.open(&chip.path(attribute)).is_ok())
}

/// Why a channel of this name is none.
fn no_rail(label: &str) -> Option<&'static str> {
    if label == "NC" {
        Some("not connected")
    } else if label.to_ascii_lowercase().contains("shunt") {
        Some("the voltage of shunts, not of a rail")
    } else {
        None
    }
}

/// Whether a power said to be in microwatts goes with its voltage and current. Some are in milliwatts, which is a thousandth;
/// two readings of a changing load are less than five times apart. Near zero nothing can be told.
fn same_unit(microwatts: Result<i64, Fault>, millivolts: Result<i64, Fault>, milliamperes: Result<i64, Fault>) -> bool {
    let (Ok(microwatts), Ok(millivolts), Ok(milliamperes)) = (microwatts, millivolts, milliamperes) else {
        return true;
    };
    let Ok(product_w) = sysfs::product_w(millivolts, milliamperes).map(f64::abs) else { return true };
    product_w < 0.1 || (0.2..=5.0).contains(&(scaled(microwatts, 1e-6) / product_w))
}

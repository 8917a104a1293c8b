//! Power sensors of any Linux machine under `/sys/class/hwmon`: meters that somebody wired to an I2C bus, and what chips and
//! drivers tell of themselves.
//!
//! Pairs a voltage with a current only where the chip is known or both carry one name. INA monitors of a Jetson, and every
//! INA3221, are [`super::jetson`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::ina::{self, Survey};
use super::sysfs::{self, Channel, Found, Integer, Measure, unique};
use super::{Absent, Probed, Root, jetson};

const CLASS: &str = "/sys/class/hwmon";
const DRIVERS: &str = "/sys/bus/i2c/drivers";

/// Drivers renew their values every 0.1 to 2 s; a poll costs some 70 us an attribute.
const POLL: Duration = Duration::from_millis(100);

/// One chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chip {
    /// Its driver's name, e.g. `ina3221`.
    pub(super) name: String,
    /// Name and address, e.g. `ina3221@1-0040`: the same after every boot, as the number of its directory is not.
    pub(super) key: String,
    pub(super) directory: String,
}

impl Chip {
    pub(super) fn path(&self, attribute: &str) -> String {
        format!("{}/{attribute}", self.directory)
    }
}

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    sysfs::probe(root, find)
}

/// Every chip with its name and address, each once.
pub(super) fn chips(root: &dyn Root) -> Vec<Chip> {
    let mut found = Vec::new();
    for number in root.list(CLASS).unwrap_or_default() {
        let directory = format!("{CLASS}/{number}");
        let device = root.link(&format!("{directory}/device")).ok().and_then(|link| link.to_str().map(str::to_owned));
        let of_class = root.link(&directory).ok().and_then(|link| link.to_str().map(str::to_owned));
        // A battery's values are shown here a second time.
        if [&device, &of_class].into_iter().flatten().any(|link| link.contains("power_supply")) {
            continue;
        }
        let driver = || root.link(&format!("{directory}/device/driver")).ok()?.file_name()?.to_str().map(str::to_owned);
        let name = [format!("{directory}/name"), format!("{directory}/device/name")]
            .iter()
            .find_map(|path| root.read(path).ok().filter(|name| !name.is_empty()))
            .or_else(driver)
            .unwrap_or(number);
        let address = device.as_deref().and_then(last).or_else(|| of_class.as_deref().and_then(owner));
        found.push((name, address.map(str::to_owned), directory));
    }
    for driver in ina::CHIPS {
        for address in root.list(&format!("{DRIVERS}/{driver}")).unwrap_or_default() {
            let parent = format!("{DRIVERS}/{driver}/{address}/hwmon");
            let directories = root.list(&parent).unwrap_or_default().into_iter();
            found.extend(directories.map(|own| (driver.to_owned(), Some(address.clone()), format!("{parent}/{own}"))));
        }
    }
    let (mut addresses, mut keys) = (BTreeSet::new(), BTreeMap::new());
    found.retain(|(name, address, _)| {
        address.as_ref().is_none_or(|address| addresses.insert((name.clone(), address.clone())))
    });
    let named = found.into_iter().map(|(name, address, directory)| {
        let key = address.map_or_else(|| name.clone(), |address| format!("{name}@{address}"));
        Chip { key: unique(&mut keys, key), name, directory }
    });
    named.collect()
}

fn last(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|name| !name.is_empty() && !name.starts_with('.'))
}

/// `1-0040` of `../../devices/platform/c240000.i2c/i2c-1/1-0040/hwmon/hwmon3`. A virtual chip has no address.
fn owner(link: &str) -> Option<&str> {
    let (_, device) = link.split_once("devices/")?;
    last(device.rsplit_once("/hwmon/")?.0).filter(|name| *name != "virtual")
}

fn find(root: &Arc<dyn Root>) -> Result<Found, Absent> {
    let on_jetson = jetson::is_jetson(root.as_ref());
    let (mut meters, mut channels) = (Survey::default(), Vec::new());
    for chip in chips(root.as_ref()) {
        if chip.name == "ina3221" || (on_jetson && ina::CHIPS.contains(&chip.name.as_str())) {
            continue;
        }
        // The state of a negotiation about USB power: no measurement.
        if chip.name.starts_with("ucsi") {
            continue;
        }
        if ina::CHIPS.contains(&chip.name.as_str()) {
            meters.add(root, &chip);
        } else {
            channels.extend(own_channels(root, &chip));
        }
    }
    let Survey { monitors, mut facts, dropped, denied } = meters;
    facts.extend(dropped.iter().map(|(place, reason)| (format!("{place}/dropped"), reason.clone())));
    for mut monitor in monitors {
        // Labels come from the device tree of a board that has the chip built in. A meter that its owner wired has none, and
        // stands before the input.
        if monitor.label.is_empty() {
            monitor.channel.rail.scope = Scope::DcInput;
        }
        channels.push(monitor.channel);
    }
    if channels.is_empty() {
        let dropped: Vec<_> = dropped.iter().map(|(place, reason)| format!("{place} {reason}")).collect();
        let why = if dropped.is_empty() { String::new() } else { format!(": {}", dropped.join(", ")) };
        let hint = denied.then(|| "the attributes are root's: a udev rule may open them (chmod a+r)".to_owned());
        return Err(Absent { source: "hwmon", reason: format!("no chip under {CLASS} tells power{why}"), hint });
    }
    // Of two meters at the input nobody knows which feeds what.
    let at_input = |channel: &Channel| channel.rail.scope == Scope::DcInput;
    let total = match channels.iter().filter(|channel| at_input(channel)).count() {
        1 => channels.iter().position(at_input).map(|position| vec![position]),
        _ => None,
    };
    if let Some(&[position]) = total.as_deref() {
        channels[position].powered = true;
    }
    let poll = if total.is_some() { ina::poll(channels.iter().map(|channel| &channel.rail)) } else { POLL };
    Ok(Found { name: "hwmon".to_owned(), poll, facts, channels, total })
}

/// What a chip that is no INA monitor tells: counters of energy before power, power before voltage and current.
fn own_channels(root: &Arc<dyn Root>, chip: &Chip) -> Vec<Channel> {
    let attributes: BTreeSet<String> = root.list(&chip.directory).unwrap_or_default().into_iter().collect();
    let numbers = |kind: &str| -> BTreeSet<u32> {
        let ends = ["_average", "_input"];
        let numbered = attributes.iter().filter_map(|name| name.strip_prefix(kind));
        numbered.filter_map(|rest| ends.iter().find_map(|end| rest.strip_suffix(end)?.parse().ok())).collect()
    };
    let told = |kind: &str, number: u32, what: &str| root.read(&chip.path(&format!("{kind}{number}_{what}"))).ok();
    let enabled = |kind: &str, number: u32| told(kind, number, "enable").as_deref() != Some("0");
    let label = |kind: &str, number: u32| told(kind, number, "label").filter(|label| !label.is_empty());

    let mut channels = Vec::new();
    let mut keys = BTreeMap::new();
    let mut push = |name: String, kind: RailKind, measure: Measure| {
        let rail = Rail::new(unique(&mut keys, format!("{}/{name}", chip.key)), Scope::Rail, kind);
        channels.push(Channel { rail, measure, powered: false });
    };
    let mut counted = BTreeSet::new();
    for number in numbers("energy").into_iter().filter(|&number| enabled("energy", number)) {
        let Ok((energy, _)) = Integer::tried(root, chip.path(&format!("energy{number}_input"))) else { continue };
        let name = label("energy", number).unwrap_or_else(|| format!("energy{number}"));
        counted.insert(name.clone());
        push(name, RailKind::Counter { range_j: None }, Measure::Energy { energy, unit_j: 1e-6 });
    }
    for number in numbers("power").into_iter().filter(|&number| enabled("power", number)) {
        let tried = |what: &str| Integer::tried(root, chip.path(&format!("power{number}_{what}")));
        let Ok((power, _)) = tried("average").or_else(|_| tried("input")) else { continue };
        let name = label("power", number).unwrap_or_else(|| format!("power{number}"));
        if !counted.contains(&name) {
            push(name, RailKind::Gauge { window: None }, Measure::Power { power, unit_w: 1e-6, sign: None });
        }
    }
    // A chip that tells power is not asked for its parts.
    if !numbers("energy").is_empty() || !numbers("power").is_empty() {
        return channels;
    }
    for current in numbers("curr") {
        let voltage = if chip.name == "max20730" { current + 1 } else { current };
        let (name, same) = match (label("in", voltage), label("curr", current)) {
            (Some(volts), Some(amps)) => (amps.clone(), volts == amps),
            _ => (format!("curr{current}"), chip.name == "max20730"),
        };
        if !same || !enabled("in", voltage) || !enabled("curr", current) {
            continue;
        }
        let tried = |kind: &str, number: u32| Integer::tried(root, chip.path(&format!("{kind}{number}_input")));
        if let (Ok((millivolts, _)), Ok((milliamperes, _))) = (tried("in", voltage), tried("curr", current)) {
            push(name, RailKind::Gauge { window: None }, Measure::Product { millivolts, milliamperes });
        }
    }
    channels
}

#[cfg(test)]
mod tests;

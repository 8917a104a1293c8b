//! Energy counters of x86 processors (RAPL), as the kernel's powercap shows them.
//!
//! The total is the sum of the packages: the platform's counter covers more, and what it covers differs by maker. A package is
//! the processor and no more, so its scope is that of a rail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::sysfs::{self, Channel, Found, Integer, Measure, denied};
use super::{Absent, Probed, Root};

const CLASS: &str = "/sys/class/powercap";

/// Once a second sees every wrap: the smallest counters, 65.5 kJ, last for minutes.
const POLL: Duration = Duration::from_secs(1);
/// The hardware counts on about every millisecond, in steps of 61 uJ.
const NATIVE: Duration = Duration::from_millis(1);
const QUANTUM_J: f64 = 61e-6;

/// The next step for an owner: the agent never changes rights by itself.
const HINT: &str = "the counters are root's: a udev rule may open them to a group: SUBSYSTEM==\"powercap\", \
                    ACTION==\"add\", RUN+=\"/bin/chgrp furlong /sys%p/energy_uj\", RUN+=\"/bin/chmod g+r /sys%p/energy_uj\"";

/// A zone by its directory: `intel-rapl:0`, or `intel-rapl:0:1` within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Zone {
    package: u32,
    part: Option<u32>,
}

impl Zone {
    /// `None` for the control type itself, the same counters by way of MMIO, and what is no number.
    fn parse(directory: &str) -> Option<Self> {
        let mut numbers = directory.strip_prefix("intel-rapl:")?.split(':');
        let package = numbers.next()?.parse().ok()?;
        let part = numbers.next().map(str::parse).transpose().ok()?;
        numbers.next().is_none().then_some(Self { package, part })
    }
}

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    sysfs::probe(root, find)
}

fn find(root: &Arc<dyn Root>) -> Result<Found, Absent> {
    let absent = |reason: String, hint: Option<&str>| Absent { source: "rapl", reason, hint: hint.map(str::to_owned) };
    let Ok(directories) = root.list(CLASS) else { return Err(absent(format!("no {CLASS}"), None)) };
    let mut zones: Vec<_> =
        directories.into_iter().filter_map(|directory| Some((Zone::parse(&directory)?, directory))).collect();
    zones.sort();
    let mut channels: Vec<Channel> = Vec::new();
    let (mut packages, mut refused, mut broken) = (BTreeMap::new(), None, None);
    for (zone, directory) in zones {
        let attribute = |name: &str| format!("{CLASS}/{directory}/{name}");
        let Ok(name) = root.read(&attribute("name")) else { continue };
        let parent: Option<String> = zone.part.and_then(|_| packages.get(&zone.package).cloned());
        if zone.part.is_some() && parent.is_none() {
            // A part of what could not be read, or of nothing.
            continue;
        }
        let key = parent.as_ref().map_or_else(|| format!("rapl/{name}"), |parent| format!("{parent}/{name}"));
        if channels.iter().any(|channel| channel.rail.key == key) {
            continue;
        }
        let energy = match Integer::tried(root, attribute("energy_uj")) {
            Ok((energy, Ok(_))) => energy,
            // The sum does without a part, but not without a package.
            _ if zone.part.is_some() => continue,
            Ok((_, Err(fault))) => {
                broken = Some(format!("{} ({})", attribute("energy_uj"), fault.name()));
                continue;
            }
            Err(error) if denied(&error) => {
                refused = Some(attribute("energy_uj"));
                continue;
            }
            Err(error) => {
                broken = Some(format!("{} ({error})", attribute("energy_uj")));
                continue;
            }
        };
        let range_j = root.read(&attribute("max_energy_range_uj")).ok().and_then(|text| text.parse::<f64>().ok());
        let range_j = range_j.filter(|range| *range > 0.0).map(|range| range * 1e-6);
        let scope = if name.starts_with("psys") { Scope::Module } else { Scope::Rail };
        let mut rail = Rail::new(key.clone(), scope, RailKind::Counter { range_j });
        rail.parent = parent;
        rail.native = Some(NATIVE);
        rail.quantum = Some(QUANTUM_J);
        if zone.part.is_none() {
            packages.insert(zone.package, key);
        }
        channels.push(Channel { rail, measure: Measure::Energy { energy, unit_j: 1e-6 }, powered: false });
    }
    let is_package = |rail: &Rail| rail.parent.is_none() && rail.key.starts_with("rapl/package");
    let total: Vec<usize> =
        channels.iter().enumerate().filter(|(_, channel)| is_package(&channel.rail)).map(|(index, _)| index).collect();
    if channels.is_empty() {
        return Err(match (refused, broken) {
            (Some(path), _) => absent(format!("permission to read {path} is denied"), Some(HINT)),
            (None, Some(what)) => absent(format!("a counter can't be read: {what}"), None),
            (None, None) => absent(format!("no zone of RAPL under {CLASS}"), None),
        });
    }
    // A package of which the counter can't be read is missing from the sum: then there is none.
    let whole = refused.is_none() && broken.is_none() && !total.is_empty();
    let psys = channels.iter().map(|channel| channel.rail.key.clone()).find(|key| key.starts_with("rapl/psys"));
    for &index in &total {
        channels[index].rail.parent.clone_from(&psys);
    }
    let facts = BTreeMap::new();
    Ok(Found { name: "rapl".to_owned(), poll: POLL, facts, channels, total: whole.then_some(total) })
}

#[cfg(test)]
mod tests;

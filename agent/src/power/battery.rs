//! Batteries' own gauges, of laptops and phones: what a device without any other sensor draws while it is unplugged.
//!
//! A battery tells something about the device only while it discharges and nothing charges it. Drivers do not agree about units
//! and signs: where the kernel's interface is known to hold (laptops), it is read so; a phone's gauge is used only as somebody
//! calibrated it, and never guessed. A Snapdragon laptop's battery (`qcom-battmgr-bat`) tells a power whose sign means nothing.

mod calibration;
mod pack;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Rail;

use self::calibration::Calibration;
use self::pack::Pack;
use super::{Absent, Attribute, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

const NAME: &str = "battery";
const SUPPLIES: &str = "/sys/class/power_supply";
/// Gauges renew their values a few times a second at best.
const POLL: Duration = Duration::from_millis(500);
/// Laptops and phones draw less.
const GREATEST_W: f64 = 250.0;

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let Found { rails, total, facts, packs, chargers } = find(root)?;
    let info = SourceInfo { name: NAME.to_owned(), poll: POLL, facts, remote: false };
    Ok(Box::new(Battery { root: Arc::clone(root), info, rails, total, packs, chargers }))
}

/// Why a battery's readings are of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Useless {
    reason: String,
    hint: Option<&'static str>,
}

impl Useless {
    fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }
}

struct Found {
    rails: Vec<Rail>,
    total: Vec<usize>,
    facts: BTreeMap<String, String>,
    packs: Vec<Pack>,
    /// Whether each supply delivers: 0 = no, 1 = yes, 2 = yes, with a voltage that was agreed upon.
    chargers: Vec<Attribute>,
}

fn find(root: &Arc<dyn Root>) -> Result<Found, Absent> {
    let absent = |reason: String, hint: Option<&str>| Absent { source: NAME, reason, hint: hint.map(str::to_owned) };
    let read = |path: String| root.read(&path).ok();
    let supplies = root.list(SUPPLIES).unwrap_or_default();
    let is_battery = |name: &&String| {
        read(format!("{SUPPLIES}/{name}/type")).is_some_and(|kind| kind == "Battery")
            // A mouse's battery is no supply of this device, and a bay may be empty.
            && read(format!("{SUPPLIES}/{name}/scope")).is_none_or(|scope| scope != "Device")
            && read(format!("{SUPPLIES}/{name}/present")).is_none_or(|present| present != "0")
    };
    let batteries: Vec<&String> = supplies.iter().filter(is_battery).collect();
    // Android's drivers differ in unit and sign from phone to phone.
    let phone = root.list("/system/bin").is_ok();
    let calibration = Calibration::of(root).map_err(|useless| absent(useless.reason, useless.hint))?;
    let (mut rails, mut total, mut facts, mut packs, mut why) =
        (Vec::new(), Vec::new(), BTreeMap::new(), Vec::new(), None);
    for name in batteries {
        let path = format!("{SUPPLIES}/{name}");
        let pack = match Pack::open(root, name, calibration.as_ref(), phone) {
            Ok(pack) => pack,
            Err(useless) => {
                why.get_or_insert(absent(format!("{name}: {}", useless.reason), useless.hint));
                continue;
            }
        };
        for fact in ["manufacturer", "model_name", "technology", "cycle_count"] {
            facts.extend(read(format!("{path}/{fact}")).map(|text| (format!("{name}/{fact}"), text)));
        }
        // A counter knows what lay between two readings, which a gauge does not.
        total.push(rails.len() + usize::from(pack.counts()));
        rails.extend(pack.rails());
        packs.push(pack);
        if phone {
            // One battery under several names (`battery`, `bms`): the first is the system's.
            break;
        }
    }
    if packs.is_empty() {
        return Err(why.unwrap_or_else(|| absent("no battery".to_owned(), None)));
    }
    let chargers = supplies.iter().filter_map(|name| root.open(&format!("{SUPPLIES}/{name}/online")).ok()).collect();
    Ok(Found { rails, total, facts, packs, chargers })
}

struct Battery {
    root: Arc<dyn Root>,
    info: SourceInfo,
    rails: Vec<Rail>,
    total: Vec<usize>,
    packs: Vec<Pack>,
    chargers: Vec<Attribute>,
}

impl PowerSource for Battery {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        Some(&self.total)
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let online = |charger: &Attribute| charger.read().is_ok_and(|online| online != "0");
        let charged = self.chargers.iter().any(online);
        for pack in &mut self.packs {
            pack.look()?;
        }
        // Of two packs one rests while the other delivers.
        let delivers = self.packs.iter().any(Pack::discharges);
        let mut rail = 0;
        for pack in &mut self.packs {
            let begin_ns = stopwatch::monotonic_ns();
            let values = if charged || !delivers { pack.rest(Fault::Charging) } else { pack.read()? };
            let end_ns = stopwatch::monotonic_ns();
            for value in values {
                readings.push(Reading { rail, begin_ns, end_ns, value });
                rail += 1;
            }
        }
        Ok(())
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        let Found { rails, total: _, facts: _, packs, chargers } =
            find(&self.root).map_err(|absent| ReadError::Gone(absent.reason))?;
        if rails.iter().map(|rail| &rail.key).ne(self.rails.iter().map(|rail| &rail.key)) {
            return Err(ReadError::Gone("the batteries are no longer the same".to_owned()));
        }
        (self.packs, self.chargers) = (packs, chargers);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

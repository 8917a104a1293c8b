//! Batteries' own gauges, of laptops and phones: what a device without any other sensor draws while it is unplugged.
//!
//! A battery tells something about the device only while it discharges and nothing charges it. Drivers do not agree about units
//! and signs: where the kernel's interface is known to hold (laptops), it is read so; a phone's current is used only with a
//! calibration, and never guessed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::{Absent, Attribute, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

const NAME: &str = "battery";
const SUPPLIES: &str = "/sys/class/power_supply";
/// Gauges renew their values a few times a second at best.
const POLL: Duration = Duration::from_millis(500);
/// Laptops and phones draw less.
const GREATEST_W: f64 = 250.0;
/// Of one cell; a pack has some in a row. Outside, the battery is not one: set-top boxes tell 13 mV.
const CELL_V: std::ops::RangeInclusive<f64> = 2.5..=20.0;
/// What stands for an error: -EINVAL, -ENODATA, a register of all ones or of the lowest value.
const SENTINELS: [f64; 5] = [-22.0, -61.0, 65_535.0, 4_294_967_295.0, -2_147_483_648.0];

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let absent = |reason: &str, hint: Option<&str>| Absent {
        source: NAME,
        reason: reason.to_owned(),
        hint: hint.map(str::to_owned),
    };
    let read = |path: String| root.read(&path).ok();
    let supplies = root.list(SUPPLIES).unwrap_or_default();
    let of_kind = |kind: &str| {
        let is = |name: &&String| read(format!("{SUPPLIES}/{name}/type")).is_some_and(|found| found == kind);
        supplies.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    let batteries: Vec<String> = of_kind("Battery")
        .into_iter()
        // A mouse's battery is no supply of this device.
        .filter(|name| read(format!("{SUPPLIES}/{name}/scope")).is_none_or(|scope| scope != "Device"))
        .collect();
    let Some(battery) = batteries.first() else { return Err(absent("no battery", None)) };
    let path = format!("{SUPPLIES}/{battery}");
    let how = How::of(root, &path).map_err(|why| absent(&format!("{battery}: {}", why.reason), why.hint))?;
    let chargers = supplies.iter().filter_map(|name| root.open(&format!("{SUPPLIES}/{name}/online")).ok()).collect();
    let status = root
        .open(&format!("{path}/status"))
        .map_err(|_unreadable| absent(&format!("{battery} tells no status"), None))?;
    let mut facts = BTreeMap::new();
    for fact in ["manufacturer", "model_name", "technology", "cycle_count"] {
        facts.extend(read(format!("{path}/{fact}")).map(|text| (format!("{battery}/{fact}"), text)));
    }
    let rail = Rail {
        greatest_w: Some(GREATEST_W),
        ..Rail::new(format!("{NAME}/{battery}"), Scope::Battery, RailKind::Gauge { window: None })
    };
    let info = SourceInfo { name: NAME.to_owned(), poll: POLL, facts, remote: false };
    Ok(Box::new(Battery { info, rails: vec![rail], status, chargers, how }))
}

struct Battery {
    info: SourceInfo,
    rails: Vec<Rail>,
    status: Attribute,
    /// Whether each supply delivers.
    chargers: Vec<Attribute>,
    how: How,
}

/// What power is made of.
enum How {
    /// Microwatts. The sign means nothing: drivers do not agree.
    Power(Attribute),
    /// Microvolts, and a current whose unit is so many microamperes.
    Product { voltage: Attribute, current: Attribute, unit_ua: f64 },
}

/// Why a battery's readings are of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Useless {
    reason: &'static str,
    hint: Option<&'static str>,
}

impl How {
    fn of(root: &Arc<dyn Root>, path: &str) -> Result<Self, Useless> {
        let number = |file: &str| root.read(&format!("{path}/{file}")).ok()?.parse::<f64>().ok();
        if number("power_now").is_some() {
            let power = root.open(&format!("{path}/power_now"));
            return power
                .map(Self::Power)
                .map_err(|_unreadable| Useless { reason: "its power can't be read", hint: None });
        }
        let (Some(microvolts), Some(_)) = (number("voltage_now"), number("current_now")) else {
            return Err(Useless { reason: "tells neither power nor current and voltage", hint: None });
        };
        if !CELL_V.contains(&(microvolts / 1e6)) {
            return Err(Useless { reason: "its voltage is none of a battery", hint: None });
        }
        // Android's drivers differ in unit and sign from phone to phone: somebody has to have found out.
        let phone = root.list("/system/bin").is_ok();
        let unit_ua = match (phone, calibration(root)) {
            (_, Some(unit)) => unit,
            (false, None) => 1.0,
            (true, None) => {
                return Err(Useless {
                    reason: "a phone's current is not calibrated, and its unit is not guessed",
                    hint: Some(
                        "write `current_unit=uA` or `current_unit=mA` to /data/local/tmp/furlong/battery once it is known",
                    ),
                });
            }
        };
        let open = |file: &str| root.open(&format!("{path}/{file}"));
        match (open("voltage_now"), open("current_now")) {
            (Ok(voltage), Ok(current)) => Ok(Self::Product { voltage, current, unit_ua }),
            _ => Err(Useless { reason: "its current and voltage can't be read", hint: None }),
        }
    }

    /// Watts without a sign: which way it flows, the status says.
    fn watts(&self) -> Result<f64, Fault> {
        match self {
            Self::Power(power) => Ok(number(power)?.abs() / 1e6),
            Self::Product { voltage, current, unit_ua } => {
                Ok((number(voltage)? / 1e6) * (number(current)?.abs() * unit_ua / 1e6))
            }
        }
    }
}

/// Microamperes in a unit of `current_now`, as somebody wrote down for this device.
fn calibration(root: &Arc<dyn Root>) -> Option<f64> {
    let text = root.read("/data/local/tmp/furlong/battery").ok()?;
    match text.lines().find_map(|line| line.trim().strip_prefix("current_unit="))?.trim() {
        "uA" => Some(1.0),
        "mA" => Some(1e3),
        _ => None,
    }
}

fn number(attribute: &Attribute) -> Result<f64, Fault> {
    let text = attribute.read().or_else(|_| attribute.read()).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted => Fault::Interrupted,
        _ => Fault::Broken,
    })?;
    let value: f64 = text.parse().map_err(|_unreadable| Fault::NotANumber)?;
    if SENTINELS.iter().any(|sentinel| sentinel.to_bits() == value.to_bits()) {
        Err(Fault::Sentinel)
    } else {
        Ok(value)
    }
}

impl PowerSource for Battery {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        Some(&[0])
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let begin_ns = stopwatch::monotonic_ns();
        let value = self.value();
        readings.push(Reading { rail: 0, begin_ns, end_ns: stopwatch::monotonic_ns(), value });
        Ok(())
    }
}

impl Battery {
    fn value(&self) -> Result<f64, Fault> {
        let discharging = self.status.read().is_ok_and(|status| status == "Discharging");
        let charged = self.chargers.iter().any(|charger| charger.read().is_ok_and(|online| online == "1"));
        if !discharging || charged {
            return Err(Fault::Charging);
        }
        let watts = self.how.watts()?;
        match watts {
            _ if !watts.is_finite() => Err(Fault::NotANumber),
            _ if watts <= 0.0 => Err(Fault::Zero),
            _ if watts > GREATEST_W => Err(Fault::UnitSuspect),
            _ => Ok(watts),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::power::DirectoryRoot;

    struct Tree(TempDir);

    impl Tree {
        fn new(files: &[(&str, &str)]) -> Self {
            let tree = Self(tempfile::tempdir().expect("a directory"));
            for (path, text) in files {
                tree.put(path, text);
            }
            tree
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, text).expect("written");
        }

        fn probe(&self) -> Probed {
            let root: Arc<dyn Root> = Arc::new(DirectoryRoot::tree(self.0.path()));
            probe(&root)
        }

        fn reason(&self) -> String {
            self.probe().map(|_| ()).expect_err("of no use").reason
        }

        fn value(&self) -> Result<f64, Fault> {
            let mut source = self.probe().map_err(|absent| absent.reason).expect("a battery");
            let mut readings = Vec::new();
            source.read(&mut readings).expect("read");
            readings[0].value
        }
    }

    const LAPTOP: [(&str, &str); 6] = [
        ("sys/class/power_supply/AC/type", "Mains\n"),
        ("sys/class/power_supply/AC/online", "0\n"),
        ("sys/class/power_supply/BAT0/type", "Battery\n"),
        ("sys/class/power_supply/BAT0/status", "Discharging\n"),
        ("sys/class/power_supply/BAT0/voltage_now", "11660000\n"),
        ("sys/class/power_supply/BAT0/current_now", "429000\n"),
    ];

    #[test]
    fn a_laptop_that_discharges_tells_current_times_voltage() {
        let watts = Tree::new(&LAPTOP).value().expect("a value");
        assert!((watts - 5.002).abs() < 0.001, "{watts}");
    }

    #[test]
    fn a_battery_that_is_charged_tells_nothing_of_the_device() {
        let tree = Tree::new(&LAPTOP);
        tree.put("sys/class/power_supply/AC/online", "1\n");
        assert_eq!(tree.value(), Err(Fault::Charging));
        tree.put("sys/class/power_supply/AC/online", "0\n");
        tree.put("sys/class/power_supply/BAT0/status", "Charging\n");
        assert_eq!(tree.value(), Err(Fault::Charging));
    }

    #[test]
    fn a_negative_power_is_read_by_the_status_alone() {
        let tree = Tree::new(&LAPTOP);
        tree.put("sys/class/power_supply/BAT0/power_now", "-8597000\n");
        assert!((tree.value().expect("a value") - 8.597).abs() < 1e-9);
        // As an X13s shows it: charging, with a negative power.
        tree.put("sys/class/power_supply/BAT0/status", "Charging\n");
        assert_eq!(tree.value(), Err(Fault::Charging));
    }

    #[test]
    fn errors_that_look_like_values_are_none() {
        let tree = Tree::new(&LAPTOP);
        for (text, fault) in [("-22\n", Fault::Sentinel), ("0\n", Fault::Zero), ("9999000000\n", Fault::UnitSuspect)] {
            tree.put("sys/class/power_supply/BAT0/current_now", text);
            assert_eq!(tree.value(), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_phones_current_is_not_guessed() {
        let tree = Tree::new(&LAPTOP);
        tree.put("system/bin/sh", "");
        tree.put("sys/class/power_supply/BAT0/voltage_now", "3920000\n");
        assert!(tree.reason().contains("not calibrated"));
        tree.put("data/local/tmp/furlong/battery", "current_unit=mA\n");
        tree.put("sys/class/power_supply/BAT0/current_now", "-500\n");
        assert!((tree.value().expect("a value") - 1.96).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_supply_of_this_device_does_not_count() {
        assert_eq!(Tree::new(&LAPTOP[..2]).reason(), "no battery");
        let mouse = Tree::new(&LAPTOP);
        mouse.put("sys/class/power_supply/BAT0/scope", "Device\n");
        assert_eq!(mouse.reason(), "no battery");
        let set_top_box = Tree::new(&LAPTOP);
        set_top_box.put("sys/class/power_supply/BAT0/voltage_now", "13000\n");
        assert!(set_top_box.reason().contains("voltage"));
    }

    #[test]
    fn a_real_laptops_battery_is_read() {
        let tree = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/linux-generic/node-exporter-sys");
        let root: Arc<dyn Root> = Arc::new(DirectoryRoot::tree(tree));
        if root.list("/class/power_supply").is_err() && root.list(SUPPLIES).is_err() {
            println!("skipped: no shared fixtures");
            return;
        }
        let copy = Tree::new(&[]);
        let supplies = root.list("/class/power_supply").map(|names| (names, "/class/power_supply"));
        let (names, below) = supplies.or_else(|_| root.list(SUPPLIES).map(|names| (names, SUPPLIES))).expect("listed");
        for name in names {
            for file in ["type", "status", "online", "voltage_now", "current_now", "power_now"] {
                if let Ok(text) = root.read(&format!("{below}/{name}/{file}")) {
                    copy.put(&format!("sys/class/power_supply/{name}/{file}"), &text);
                }
            }
        }
        // It was charged when it was recorded; unplugged, it tells 5.002 W.
        copy.put("sys/class/power_supply/AC/online", "0");
        let watts = copy.value();
        assert!(watts.is_ok_and(|watts| (watts - 5.002).abs() < 0.001), "{watts:?}");
    }
}

//! Sources of power readings: which there are, and why there is none. Reads names only; the readings are another module's.

use std::path::Path;

use super::{entries, read};

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sensors {
    /// e.g. `rapl:package-0`, `hwmon:ina3221`, `battery:BAT0`.
    pub(super) found: Vec<String>,
    /// A reason for each place that was looked at, if nothing was found.
    pub(super) why_none: Option<String>,
}

/// Looks at every place a Linux kernel offers power or energy.
#[cfg(target_os = "linux")]
pub(super) fn sensors(root: &Path) -> Sensors {
    let places = [rapl(root), hwmon(root), battery(root)];
    let mut sensors = Sensors::default();
    let mut reasons = Vec::new();
    for place in places {
        match place {
            Ok(mut names) => sensors.found.append(&mut names),
            Err(reason) => reasons.push(reason),
        }
    }
    if sensors.found.is_empty() {
        sensors.why_none = Some(format!("no power sensor found: {}", reasons.join(", ")));
    }
    sensors
}

/// Elsewhere nothing is read yet.
#[cfg(not(target_os = "linux"))]
pub(super) fn sensors(_root: &Path) -> Sensors {
    let reason = "no power sensor found: on this system readings need a privileged tool, which is not used yet";
    Sensors { found: Vec::new(), why_none: Some(reason.to_owned()) }
}

/// Intel's and AMD's energy counters.
#[cfg(target_os = "linux")]
fn rapl(root: &Path) -> Result<Vec<String>, String> {
    let zones = root.join("sys/class/powercap");
    let counters: Vec<String> =
        entries(&zones).into_iter().filter(|zone| zones.join(zone).join("energy_uj").exists()).collect();
    if counters.is_empty() {
        return Err("no RAPL counter under /sys/class/powercap".to_owned());
    }
    // Since CVE-2020-8694 the counters are root's.
    let readable = counters.iter().filter(|zone| read(&zones.join(zone).join("energy_uj")).is_some());
    let names: Vec<String> = readable
        .map(|zone| format!("rapl:{}", read(&zones.join(zone).join("name")).unwrap_or_else(|| zone.clone())))
        .collect();
    if names.is_empty() {
        return Err(format!("the RAPL counter {} is readable by root only", counters[0]));
    }
    Ok(names)
}

/// Monitors of a board's rails: the INA family's, and whatever else reports power, or a current beside a voltage.
#[cfg(target_os = "linux")]
fn hwmon(root: &Path) -> Result<Vec<String>, String> {
    let monitors = root.join("sys/class/hwmon");
    let names: Vec<String> = entries(&monitors)
        .iter()
        .filter_map(|monitor| {
            let directory = monitors.join(monitor);
            let name = read(&directory.join("name"))?;
            let measures = entries(&directory).iter().any(|file| {
                let is = |prefix: &str, suffix: &str| file.starts_with(prefix) && file.ends_with(suffix);
                is("power", "_input") || is("power", "_average") || is("curr", "_input")
            });
            measures.then(|| format!("hwmon:{name}"))
        })
        .collect();
    if names.is_empty() {
        Err("no INA2xx, INA3221 or other power monitor under /sys/class/hwmon".to_owned())
    } else {
        Ok(names)
    }
}

#[cfg(target_os = "linux")]
fn battery(root: &Path) -> Result<Vec<String>, String> {
    let supplies = root.join("sys/class/power_supply");
    let names: Vec<String> = entries(&supplies)
        .iter()
        .filter(|supply| read(&supplies.join(supply).join("type")).is_some_and(|kind| kind == "Battery"))
        .map(|supply| format!("battery:{supply}"))
        .collect();
    if names.is_empty() { Err("no battery".to_owned()) } else { Ok(names) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let root = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = root.path().join("sys/class").join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, text).expect("written");
        }
        let sensors = sensors(root.path());
        assert_eq!(sensors.found, expected);
        assert_eq!(sensors.why_none.is_some(), expected.is_empty(), "{:?}", sensors.why_none);
    }

    #[test]
    fn a_server_has_rapl() {
        check(
            &[("powercap/intel-rapl:0/name", "package-0\n"), ("powercap/intel-rapl:0/energy_uj", "12345\n")],
            &["rapl:package-0"],
        );
    }

    #[test]
    fn a_jetson_has_an_ina3221_and_its_temperature_sensors_do_not_count() {
        check(
            &[
                ("hwmon/hwmon0/name", "cpu_thermal\n"),
                ("hwmon/hwmon0/temp1_input", "45000\n"),
                ("hwmon/hwmon1/name", "ina3221\n"),
                ("hwmon/hwmon1/curr1_input", "1200\n"),
                ("hwmon/hwmon1/in1_input", "5000\n"),
            ],
            &["hwmon:ina3221"],
        );
    }

    #[test]
    fn a_laptop_has_a_battery_and_its_charger_does_not_count() {
        check(&[("power_supply/AC/type", "Mains\n"), ("power_supply/BAT0/type", "Battery\n")], &["battery:BAT0"]);
    }

    #[test]
    fn a_virtual_machine_has_nothing_and_says_why() {
        check(&[], &[]);
        let reason = sensors(Path::new("/nonexistent")).why_none.expect("a reason");
        assert!(reason.contains("RAPL") && reason.contains("hwmon") && reason.contains("battery"), "{reason}");
    }
}

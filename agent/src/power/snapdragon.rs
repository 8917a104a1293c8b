//! Boards and laptops of Qualcomm. The laptops' battery manager tells what the machine draws while nothing charges it; the
//! boards have no sensor upstream of their rails, and an external meter is all there is.
//!
//! The manager's power has a sign that means nothing: one laptop charges with a negative one, another discharges with it. So the
//! status decides, and it is asked at every look. The manager answers only once its firmware is up, which may be after the agent:
//! each look therefore opens its files anew.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::sysfs::{denied, judged, number, scaled};
use super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

const NAME: &str = "qcom-battmgr";
const BATTERY: &str = "/sys/class/power_supply/qcom-battmgr-bat";
/// Mains, USB, and wireless; a laptop may lack some.
const CHARGERS: [&str; 3] = [
    "/sys/class/power_supply/qcom-battmgr-ac/online",
    "/sys/class/power_supply/qcom-battmgr-usb/online",
    "/sys/class/power_supply/qcom-battmgr-wls/online",
];
/// A gauge's own rate is not known; once a second is what batteries' gauges come to.
const POLL: Duration = Duration::from_secs(1);
/// Laptops of this kind draw less.
const GREATEST_W: f64 = 130.0;

pub(super) fn probe(root: &Arc<dyn Root>) -> Probed {
    let absent = |reason: &str, hint: Option<&str>| Absent {
        source: NAME,
        reason: reason.to_owned(),
        hint: hint.map(str::to_owned),
    };
    match root.read(&format!("{BATTERY}/power_now")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && root.list(BATTERY).is_err() => {
            let compatible = root.read("/proc/device-tree/compatible").unwrap_or_default();
            return Err(if compatible.split('\0').any(|board| board.starts_with("qcom,")) {
                absent(
                    "boards of Qualcomm have no sensor of what they draw",
                    Some("connect an external meter, see --power-meter"),
                )
            } else {
                absent("no board or laptop of Qualcomm", None)
            });
        }
        Err(error) if denied(&error) => {
            return Err(absent("the battery manager's power may not be read", Some("run the agent as root")));
        }
        // A manager that is not up yet answers later.
        Ok(_) | Err(_) => {}
    }
    let rail = Rail {
        greatest_w: Some(GREATEST_W),
        ..Rail::new(format!("{NAME}/bat"), Scope::Battery, RailKind::Gauge { window: None })
    };
    let info = SourceInfo { name: NAME.to_owned(), poll: POLL, facts: BTreeMap::new(), remote: false };
    Ok(Box::new(BatteryManager { root: Arc::clone(root), info, rails: [rail] }))
}

struct BatteryManager {
    root: Arc<dyn Root>,
    info: SourceInfo,
    rails: [Rail; 1],
}

impl PowerSource for BatteryManager {
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

impl BatteryManager {
    fn value(&self) -> Result<f64, Fault> {
        let status = self.text(&format!("{BATTERY}/status"))?.ok_or(Fault::Broken)?;
        if status != "Discharging" {
            return Err(Fault::Charging);
        }
        for charger in CHARGERS {
            // One that can't be read may be charging: then the battery tells nothing.
            let online = self.text(charger)?;
            if online.is_some_and(|online| online != "0") {
                return Err(Fault::Charging);
            }
        }
        let microwatts = number(&self.text(&format!("{BATTERY}/power_now"))?.ok_or(Fault::Broken)?)?;
        judged(scaled(microwatts.saturating_abs(), 1e-6), &self.rails[0], true)
    }

    /// `None` if there is no such file.
    fn text(&self, path: &str) -> Result<Option<String>, Fault> {
        let transient =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
        let mut text = self.root.read(path);
        if text.as_ref().is_err_and(transient) {
            text = self.root.read(path);
        }
        match text {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if transient(&error) => Err(Fault::Interrupted),
            Err(_broken) => Err(Fault::Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::sysfs::tree::{Tree, near, poll};

    const SUPPLIES: &str = "/sys/class/power_supply";

    fn laptop(status: &str, power: &str, online: &str) -> Tree {
        let files = [("status", status), ("power_now", power), ("voltage_now", "11660000\n")];
        Tree::of(BATTERY, &files)
            .with(&format!("{SUPPLIES}/qcom-battmgr-ac"), &[("online", online)])
            .with(&format!("{SUPPLIES}/qcom-battmgr-usb"), &[("online", "0\n")])
    }

    fn value(tree: &Tree) -> Result<f64, Fault> {
        let mut source = probe(&tree.root()).map_err(|absent| absent.reason).expect("a laptop");
        poll(source.as_mut()).expect("read")[0].1
    }

    #[test]
    fn a_sign_means_nothing_and_the_status_decides() {
        near(value(&laptop("Discharging\n", "-8597000\n", "0\n")).expect("watts"), 8.597);
        near(value(&laptop("Discharging\n", "8597000\n", "0\n")).expect("watts"), 8.597);
        assert_eq!(value(&laptop("Charging\n", "-5723000\n", "0\n")), Err(Fault::Charging));
        assert_eq!(value(&laptop("Not charging\n", "5723000\n", "0\n")), Err(Fault::Charging));
        assert_eq!(
            value(&laptop("Discharging\n", "-5723000\n", "1\n")),
            Err(Fault::Charging),
            "a charger is plugged in"
        );
    }

    #[test]
    fn what_is_no_power_is_named() {
        for (power, fault) in [
            ("0\n", Fault::Zero),
            ("-22\n", Fault::Sentinel),
            ("900000000\n", Fault::UnitSuspect),
            ("5 W\n", Fault::NotANumber),
        ] {
            assert_eq!(value(&laptop("Discharging\n", power, "0\n")), Err(fault), "{power}");
        }
    }

    #[test]
    fn a_manager_that_is_not_up_yet_answers_later() {
        let tree = laptop("Discharging\n", "8597000\n", "0\n");
        let late = ["power_now", "status"].map(|file| format!("{BATTERY}/{file}@errno"));
        for path in &late {
            tree.put(path, "EAGAIN");
        }
        let mut source = probe(&tree.root()).map_err(|absent| absent.reason).expect("a laptop");
        assert_eq!(poll(source.as_mut()).expect("read")[0].1, Err(Fault::Interrupted));
        for path in &late {
            tree.remove(path);
        }
        near(poll(source.as_mut()).expect("read")[0].1.expect("watts"), 8.597);
    }

    #[test]
    fn a_charger_that_cannot_be_asked_counts_as_one() {
        let tree = laptop("Discharging\n", "8597000\n", "0\n");
        tree.put(&format!("{SUPPLIES}/qcom-battmgr-usb/online@errno"), "EAGAIN");
        assert_eq!(value(&tree), Err(Fault::Interrupted));
    }

    #[test]
    fn a_board_needs_an_external_meter_and_others_are_told_apart() {
        let absent = |tree: &Tree| probe(&tree.root()).map(|_| ()).expect_err("no sensor");
        let board = Tree::of("/proc/device-tree", &[("compatible", "qcom,qcs6490-rb3gen2\0qcom,qcm6490\0")]);
        assert!(absent(&board).hint.is_some_and(|hint| hint.contains("external meter")));
        let other = Tree::of("/proc/device-tree", &[("compatible", "nvidia,p3768-0000\0nvidia,tegra234\0")]);
        assert_eq!(absent(&other).hint, None);
        let closed = Tree::of(BATTERY, &[("power_now@errno", "EACCES")]);
        assert!(absent(&closed).reason.contains("may not be read"));
    }
}

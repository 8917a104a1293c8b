use domain::RailKind;

use super::*;
use crate::power::sysfs::tree::{Told, Tree, near, poll, recorded};

const BATTERY: &str = "/sys/class/power_supply/BAT0";
const CHARGER: &str = "/sys/class/power_supply/AC/online";

fn laptop() -> Tree {
    Tree::of("/sys/class/power_supply/AC", &[("type", "Mains\n"), ("online", "0\n")]).with(
        BATTERY,
        &[
            ("type", "Battery\n"),
            ("status", "Discharging\n"),
            ("voltage_now", "11660000\n"),
            ("current_now", "429000\n"),
        ],
    )
}

fn phone(calibration: &str) -> Tree {
    let gauge = [
        ("type", "Battery\n"),
        ("status", "Discharging\n"),
        ("voltage_now", "4000000\n"),
        ("current_now", "-500000\n"),
        ("charge_counter", "3000000\n"),
    ];
    let tree = Tree::of("/sys/class/power_supply/battery", &gauge).with("/system/bin", &[("sh", "")]);
    if calibration.is_empty() { tree } else { tree.with("/data/local/tmp/furlong", &[("battery", calibration)]) }
}

fn source(tree: &Tree) -> Box<dyn PowerSource> {
    probe(&tree.root()).map_err(|absent| absent.reason).expect("a battery")
}

fn reason(tree: &Tree) -> String {
    probe(&tree.root()).map(|_| ()).expect_err("of no use").reason
}

fn told(source: &mut dyn PowerSource) -> Vec<Result<f64, Fault>> {
    poll(source).expect("read").into_iter().map(|(_, value): Told| value).collect()
}

/// What a source that is probed now reads first.
fn value(tree: &Tree) -> Result<f64, Fault> {
    told(source(tree).as_mut())[0]
}

#[test]
fn a_laptop_that_discharges_tells_current_times_voltage() {
    near(value(&laptop()).expect("a value"), 5.002_14);
}

#[test]
fn a_battery_that_is_charged_tells_nothing_of_the_device() {
    let tree = laptop();
    // 2: with a voltage that was agreed upon.
    for online in ["1\n", "2\n"] {
        tree.put(CHARGER, online);
        assert_eq!(value(&tree), Err(Fault::Charging));
    }
    tree.put(CHARGER, "0\n");
    for status in ["Charging\n", "Full\n", "Not charging\n", "Unknown\n"] {
        tree.put(&format!("{BATTERY}/status"), status);
        assert_eq!(value(&tree), Err(Fault::Charging), "{status}");
    }
}

#[test]
fn a_status_that_changed_since_the_last_look_voids_the_reading() {
    let tree = laptop();
    let mut source = source(&tree);
    let mut look = |status: &str| {
        tree.put(&format!("{BATTERY}/status"), status);
        told(source.as_mut())[0].map(|_| ())
    };
    assert_eq!(look("Discharging\n"), Ok(()));
    assert_eq!(look("Charging\n"), Err(Fault::Charging));
    assert_eq!(look("Discharging\n"), Err(Fault::Charging), "it was charged a moment ago");
    assert_eq!(look("Discharging\n"), Ok(()));
}

#[test]
fn a_snapdragon_laptops_power_is_read_by_the_status_alone() {
    let path = "/sys/class/power_supply/qcom-battmgr-bat";
    let tree = Tree::of(path, &[("type", "Battery\n"), ("status", "Discharging\n"), ("power_now", "-8597000\n")]);
    near(value(&tree).expect("a value"), 8.597);
    // As an X13s shows it: charging, with a power below zero.
    let x13s = tree.with(path, &[("status", "Charging\n"), ("power_now", "-5723000\n")]);
    assert_eq!(value(&x13s), Err(Fault::Charging));
    // Nothing is told before the battery's own processor is up.
    let early = x13s.with(path, &[("status", "Discharging\n"), ("power_now@errno", "EAGAIN")]);
    assert_eq!(value(&early), Err(Fault::Interrupted));
}

#[test]
fn of_two_batteries_one_rests_and_both_count() {
    let other = [("type", "Battery\n"), ("status", "Not charging\n"), ("power_now", "0\n")];
    let tree = laptop().with("/sys/class/power_supply/BAT1", &other);
    let mut source = source(&tree);
    assert_eq!(source.total(), Some(&[0, 1][..]));
    let first = told(source.as_mut());
    near(first[0].expect("a value"), 5.002_14);
    assert_eq!(first[1], Ok(0.0));
    // A battery that says it rests and does not is not understood.
    tree.put("/sys/class/power_supply/BAT1/power_now", "3000000\n");
    assert_eq!(told(source.as_mut())[1], Err(Fault::Charging));
}

#[test]
fn an_errno_or_a_slip_of_units_is_no_value() {
    let tree = laptop();
    for (text, fault) in [
        ("-22\n", Fault::Sentinel),
        ("2147483648\n", Fault::Sentinel),
        ("0\n", Fault::Zero),
        ("9999000000\n", Fault::UnitSuspect),
        ("429 mA\n", Fault::NotANumber),
    ] {
        tree.put(&format!("{BATTERY}/current_now"), text);
        assert_eq!(value(&tree), Err(fault), "{text}");
    }
}

#[test]
fn a_battery_that_is_gone_is_looked_for_again() {
    let tree = laptop();
    let mut source = source(&tree);
    tree.put(&format!("{BATTERY}/status@errno"), "ENODEV");
    assert!(matches!(poll(source.as_mut()), Err(ReadError::Gone(_))));
    tree.remove(&format!("{BATTERY}/status@errno"));
    source.recheck().expect("found");
    near(told(source.as_mut())[0].expect("a value"), 5.002_14);
}

#[test]
fn a_phones_current_is_not_guessed() {
    let absent = probe(&phone("").root()).map(|_| ()).expect_err("not calibrated");
    assert!(absent.reason.contains("not calibrated") && absent.hint.is_some(), "{absent:?}");
    near(value(&phone("current_unit=uA\n")).expect("a value"), 2.0);
    assert!(reason(&phone("current_unit=oranges\n")).contains("oranges"));
    let other = phone("current_unit=uA\ndevice=oriole\n").with("/tool", &[("getprop_ro.product.device", "raven\n")]);
    assert!(reason(&other).contains("another"), "{}", reason(&other));
}

#[test]
fn a_current_against_the_calibrated_sign_is_a_fault() {
    near(value(&phone("current_unit=uA\ndischarging=negative\n")).expect("a value"), 2.0);
    // As a Mi 6 shows it: below zero while it is charged.
    assert_eq!(value(&phone("current_unit=uA\ndischarging=positive\n")), Err(Fault::Negative));
}

#[test]
fn a_calibrated_counter_of_charge_comes_before_the_current() {
    let tree = phone("current_unit=uA\ncharge_step_uah=1000\n");
    let mut source = source(&tree);
    assert_eq!(source.total(), Some(&[1][..]));
    assert!(matches!(source.rails()[1].kind, RailKind::Counter { .. }));
    let mut look = |uah: &str| {
        tree.put("/sys/class/power_supply/battery/charge_counter", uah);
        told(source.as_mut())[1]
    };
    assert_eq!(look("3000000\n"), Ok(0.0));
    // 10 mAh at 4 V.
    near(look("2990000\n").expect("a value"), 144.0);
    assert_eq!(look("2995000\n"), Err(Fault::Negative), "a battery that discharges gains nothing");
    assert_eq!(look("-110\n"), Err(Fault::Sentinel), "as a Moto shows it");
    near(look("2990000\n").expect("a value"), 216.0);
}

#[test]
fn a_counter_in_another_unit_is_left_out() {
    let tree = phone("current_unit=uA\ncharge_step_uah=1000\n");
    for charge in ["220\n", "-110\n", "-22\n"] {
        tree.put("/sys/class/power_supply/battery/charge_counter", charge);
        assert_eq!(source(&tree).rails().len(), 1, "{charge}");
    }
}

#[test]
fn what_is_no_supply_of_this_device_does_not_count() {
    assert_eq!(reason(&Tree::of("/sys/class/power_supply/AC", &[("type", "Mains\n")])), "no battery");
    assert_eq!(reason(&laptop().with(BATTERY, &[("scope", "Device\n")])), "no battery", "a mouse's");
    assert_eq!(reason(&laptop().with(BATTERY, &[("present", "0\n")])), "no battery", "an empty bay");
    let set_top_box = reason(&laptop().with(BATTERY, &[("voltage_now", "13000\n")]));
    assert!(set_top_box.contains("voltage"), "{set_top_box}");
}

#[test]
fn a_real_laptops_battery_is_read() {
    let Some(tree) = Tree::new().recorded("linux-generic/node-exporter-sys/class", "/sys/class") else { return };
    near(value(&tree).expect("a value"), 5.002);
}

/// The values of a `uevent`, as attributes of a supply.
fn of_uevent(file: &str) -> Option<Tree> {
    let text = std::fs::read_to_string(recorded(&format!("android/uevent-{file}.txt"))?).expect("read");
    let tree = phone("current_unit=uA\n");
    for (key, value) in text.lines().filter_map(|line| line.strip_prefix("POWER_SUPPLY_")?.split_once('=')) {
        tree.put(&format!("/sys/class/power_supply/battery/{}", key.to_lowercase()), value);
    }
    Some(tree)
}

#[test]
fn real_phones_that_do_not_discharge_tell_no_energy() {
    for (file, status) in [("moto", None), ("pixel3a", None), ("xiaomi-mi6-bms", Some("Charging\n"))] {
        let Some(tree) = of_uevent(file) else { return };
        // The Mi 6 was charged, and its gauge has no status of its own.
        if let Some(status) = status {
            tree.put("/sys/class/power_supply/battery/status", status);
        }
        assert_eq!(value(&tree), Err(Fault::Charging), "{file}");
    }
}

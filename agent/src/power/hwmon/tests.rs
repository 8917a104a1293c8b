use super::*;
use crate::power::Fault;
use crate::power::sysfs::tree::{Tree, near, poll, total, values};

const CHIP: &str = "/sys/class/hwmon/hwmon0";

/// The chips of kepler's test tree that are named, each under its own number.
fn kepler(chips: &[&str]) -> Option<Tree> {
    chips.iter().enumerate().try_fold(Tree::new(), |tree, (number, chip)| {
        let recorded = format!("linux-generic/kepler-sys/class/hwmon/{chip}");
        tree.recorded(&recorded, &format!("/sys/class/hwmon/hwmon{number}"))
    })
}

fn expect(chips: &[&str], expected: &[(&str, f64)]) {
    let Some(tree) = kepler(chips) else { return };
    let mut source = probe(&tree.root()).expect("found");
    let values = values(source.as_mut());
    let values: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    assert_eq!(values, expected);
}

#[test]
fn a_mean_comes_before_the_moment_and_a_name_is_made_where_there_is_none() {
    expect(
        &["hwmon0", "hwmon1", "hwmon2"],
        &[("k10temp/Package", 45.0), ("k10temp/Core", 15.0), ("amdgpu/GPU", 118.0), ("platform_sensor/power1", 30.0)],
    );
}

#[test]
fn channel_disabled_is_left_out() {
    expect(&["hwmon_disabled_power"], &[("test_power_chip/PSU_Rail_A", 45.0), ("test_power_chip/PSU_Rail_B", 15.0)]);
    expect(&["hwmon_energy_disabled"], &[("energy_with_enable/Rail_A", 500.0), ("energy_with_enable/Rail_B", 200.0)]);
    let Some(tree) = kepler(&["hwmon_disabled_channel"]) else { return };
    let mut source = jetson::probe(&tree.root()).expect("found");
    assert_eq!(
        values(source.as_mut()),
        [("ina3221/channel_1".to_owned(), 12.0), ("ina3221/channel_2".to_owned(), 10.0)]
    );
}

#[test]
fn volts_and_amperes_are_paired_by_chip_and_never_by_number_alone() {
    expect(&["hwmon_max20730"], &[("max20730/curr1", 120.0)]);
    expect(&["hwmon_ina226"], &[("ina226/in1", 60.0)]);
    for unpaired in ["hwmon_same_index", "hwmon_voltage_current_no_labels"] {
        let Some(tree) = kepler(&[unpaired]) else { return };
        assert!(probe(&tree.root()).is_err(), "{unpaired}");
    }
    let Some(tree) = kepler(&["hwmon_ina3221"]) else { return };
    let mut source = jetson::probe(&tree.root()).expect("found");
    let values: Vec<f64> = values(source.as_mut()).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [12.0, 2.5, 0.66]);
    // Of an unknown chip, one name on both is enough.
    let named = [
        ("name", "other"),
        ("in2_label", "CPU"),
        ("in2_input", "1000"),
        ("curr2_label", "CPU"),
        ("curr2_input", "3000"),
    ];
    let mut source = probe(&Tree::of(CHIP, &named).root()).expect("found");
    near(poll(source.as_mut()).expect("read")[0].1.expect("a value"), 3.0);
    let named =
        [("name", "other"), ("in1_label", "CPU"), ("in1_input", "1"), ("curr1_label", "GPU"), ("curr1_input", "1")];
    assert!(probe(&Tree::of(CHIP, &named).root()).is_err(), "two names");
}

#[test]
fn two_rails_of_one_name_and_chips_without_one_are_kept_apart() {
    expect(
        &["hwmon_aggregate", "hwmon_dir_fallback"],
        &[("multi_sensor/package", 50.0), ("multi_sensor/package#2", 30.0), ("hwmon1/dir_fallback_test", 35.0)],
    );
}

#[test]
fn energy_is_a_counter_and_hides_the_power_of_the_same_name() {
    expect(&["hwmon_energy"], &[("energy_meter/Total", 500.0)]);
    let both = [
        ("name", "card"),
        ("energy1_label", "card"),
        ("energy1_input", "7000000"),
        ("power1_label", "card"),
        ("power1_input", "1"),
    ];
    let source = probe(&Tree::of(CHIP, &both).root()).expect("found");
    assert_eq!(source.rails().len(), 1);
    assert_eq!(source.rails()[0].kind, RailKind::Counter { range_j: None });
    assert_eq!(source.total(), None, "a part is not the machine");
}

/// A breadboard INA219 behind a shunt of 0.1 Ohm.
fn meter(milliamperes: &str) -> Tree {
    let chip = [
        ("name", "ina219"),
        ("in0_input", "4"),
        ("in1_input", "4360"),
        ("curr1_input", milliamperes),
        ("power1_input", "176000"),
        ("shunt_resistor", "100000"),
    ];
    let tree = Tree::of(CHIP, &chip);
    tree.link(&format!("{CHIP}/device"), "../../../1-0045");
    tree
}

#[test]
fn a_wired_meter_stands_before_the_input() {
    let mut source = probe(&meter("40").root()).expect("found");
    near(total(source.as_mut()).expect("the only meter"), 0.176);
    let rail = &source.rails()[0];
    assert_eq!((rail.key.as_str(), rail.scope), ("ina219@1-0045/in1", Scope::DcInput));
    // 20 steps of 10 uV over 0.1 Ohm.
    near(rail.quantum.expect("known"), 0.002);
    assert_eq!(source.info().facts["ina219@1-0045/shunt_resistor"], "100000");
}

#[test]
fn negative_current_of_reversed_leads_is_flagged_though_power_is_a_magnitude() {
    near(sysfs::product_w(4360, -40).expect("no sentinel"), -0.174);
    let mut source = probe(&meter("-40").root()).expect("found");
    assert_eq!(poll(source.as_mut()).expect("read")[0].1, Err(Fault::Negative));
}

#[test]
fn two_meters_leave_open_which_is_the_device() {
    let tree = meter("40").with(
        "/sys/class/hwmon/hwmon1",
        &[("name", "ina260"), ("in1_input", "5000"), ("curr1_input", "100"), ("power1_input", "500000")],
    );
    let source = probe(&tree.root()).expect("found");
    assert_eq!((source.rails().len(), source.total()), (2, None));
}

#[test]
fn what_is_no_measurement_or_belongs_to_another_source_is_left_alone() {
    let tree = Tree::of(CHIP, &[("name", "ucsi_source_psy_USBC000:001"), ("power1_input", "1")])
        .with("/sys/class/hwmon/hwmon1", &[("name", "BAT0"), ("power1_input", "5000000")])
        .with("/sys/class/hwmon/hwmon2", &[("name", "ina3221"), ("in1_input", "1"), ("curr1_input", "1")])
        .with("/sys/class/hwmon/hwmon3", &[("name", "ina226"), ("in1_input", "1"), ("curr1_input", "1")])
        .model("NVIDIA Jetson AGX Orin Developer Kit");
    tree.link("/sys/class/hwmon/hwmon1/device", "../../../power_supply/BAT0");
    let absent = probe(&tree.root()).err().expect("nothing of its own");
    assert_eq!(absent.reason, "no chip under /sys/class/hwmon tells power");
}

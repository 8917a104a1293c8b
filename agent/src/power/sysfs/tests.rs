//! The rows of the fault catalogue that concern every reader of sysfs, shown on a module with one rail.

use super::tree::{Tree, poll};
use super::*;
use crate::power::jetson;

const CHIP: &str = "/sys/class/hwmon/hwmon1";

fn orin_nano() -> Tree {
    let files = [("name", "ina3221\n"), ("in1_label", "VDD_IN\n"), ("in1_input", "4984\n"), ("curr1_input", "1856\n")];
    let tree = Tree::of(CHIP, &files).model("NVIDIA Jetson Orin Nano Developer Kit");
    tree.link(&format!("{CHIP}/device"), "../../../1-0040");
    tree
}

fn one(source: &mut dyn PowerSource) -> Result<f64, Fault> {
    poll(source).expect("read").remove(0).1
}

/// What the rail reads when its current reads `text`.
fn with_current(text: &str) -> Result<f64, Fault> {
    let tree = orin_nano();
    let mut source = jetson::probe(&tree.root()).expect("found");
    tree.put(&format!("{CHIP}/curr1_input"), text);
    one(source.as_mut())
}

#[test]
fn transient_eagain_is_a_gap_and_block_gated_is_told_after_three() {
    let tree = orin_nano();
    let mut source = jetson::probe(&tree.root()).expect("found");
    tree.put(&format!("{CHIP}/curr1_input@errno"), "EAGAIN");
    let refused: Vec<_> = (0..4).map(|_| one(source.as_mut()).expect_err("refused")).collect();
    assert_eq!(refused, [Fault::Interrupted, Fault::Interrupted, Fault::Gated, Fault::Gated]);
    tree.remove(&format!("{CHIP}/curr1_input@errno"));
    assert!(one(source.as_mut()).is_ok(), "it came back");
    tree.put(&format!("{CHIP}/curr1_input@errno"), "EINTR");
    assert_eq!(one(source.as_mut()), Err(Fault::Interrupted), "the count began again");
}

#[test]
fn a_block_that_is_gated_at_first_is_read_when_it_wakes() {
    let tree = orin_nano();
    tree.put(&format!("{CHIP}/curr1_input@errno"), "EAGAIN");
    let mut source = jetson::probe(&tree.root()).expect("found though gated");
    assert!(one(source.as_mut()).is_err());
    tree.remove(&format!("{CHIP}/curr1_input@errno"));
    assert!(one(source.as_mut()).is_ok());
}

#[test]
fn zero_while_powered_is_no_reading() {
    assert_eq!(with_current("0"), Err(Fault::Zero));
}

#[test]
fn negative_is_flagged_and_not_made_positive() {
    assert_eq!(with_current("-1856"), Err(Fault::Negative));
}

#[test]
fn errno_as_value_is_a_sentinel() {
    for text in ["-22", "-61", "2147483648", "32760"] {
        assert_eq!(with_current(text), Err(Fault::Sentinel), "{text}");
    }
    let rail = Rail::new("any", domain::Scope::Rail, domain::RailKind::Gauge { window: None });
    assert_eq!(judged(65_535.0, &rail, false), Err(Fault::Sentinel));
}

#[test]
fn nan_and_infinity_are_missing() {
    for text in ["nan", "inf", ""] {
        assert_eq!(with_current(text), Err(Fault::NotANumber), "{text}");
    }
}

#[test]
fn value_with_suffix_is_missing() {
    for text in ["32760 ma", "12 %", "1856x", "1 2"] {
        assert_eq!(with_current(text), Err(Fault::NotANumber), "{text}");
    }
}

#[test]
fn unit_slip_beyond_the_board_is_flagged() {
    assert_eq!(with_current("1856000"), Err(Fault::UnitSuspect), "9 kW");
    assert!(with_current("5000").is_ok(), "25 W");
}

#[test]
fn an_error_of_the_bus_is_a_gap() {
    for errno in ["EIO", "ENODATA", "ENXIO"] {
        let tree = orin_nano();
        let mut source = jetson::probe(&tree.root()).expect("found");
        tree.put(&format!("{CHIP}/in1_input@errno"), errno);
        assert_eq!(one(source.as_mut()), Err(Fault::Broken), "{errno}");
    }
}

#[test]
fn device_renamed_is_found_again_by_its_key() {
    let tree = orin_nano();
    let mut source = jetson::probe(&tree.root()).expect("found");
    tree.rename(CHIP, "/sys/class/hwmon/hwmon7");
    // What the kernel answers on the path that is gone.
    tree.put(&format!("{CHIP}/in1_input@errno"), "ENODEV");
    assert!(matches!(poll(source.as_mut()), Err(ReadError::Gone(_))));
    source.recheck().expect("found again");
    assert!(one(source.as_mut()).is_ok());
    assert_eq!(source.rails()[0].key, "ina3221@1-0040/VDD_IN");
}

#[test]
fn a_device_that_is_removed_stays_gone() {
    let tree = orin_nano();
    let mut source = jetson::probe(&tree.root()).expect("found");
    tree.rename("/sys/class/hwmon", "/sys/class/elsewhere");
    assert!(matches!(source.recheck(), Err(ReadError::Gone(_))));
}

#[test]
fn a_reading_is_stamped_before_and_after() {
    let tree = orin_nano();
    let mut source = jetson::probe(&tree.root()).expect("found");
    let (mut readings, before) = (Vec::new(), stopwatch::monotonic_ns());
    source.read(&mut readings).expect("read");
    let Reading { begin_ns, end_ns, .. } = readings[0];
    assert!(before <= begin_ns && begin_ns < end_ns && end_ns <= stopwatch::monotonic_ns());
}

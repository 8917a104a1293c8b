use super::*;
use crate::power::sysfs::tree::{Tree, near, poll, recorded};
use crate::power::{DirectoryRoot, discover};
use crate::simulate::{Board, Profile};

const HEADING: &str = "Current Battery Service state:\n";

/// A phone with 80 % of 5 Ah left, less what was drawn.
fn phone(powered: bool, status: u8, drawn_uah: u32) -> String {
    format!(
        "{HEADING}  AC powered: false\n  USB powered: {powered}\n  Charge counter: {}\n  status: {status}\n  present: true\n  \
         level: 80\n  scale: 100\n  voltage: 4000\n  temperature: 274\n",
        4_000_000 - drawn_uah
    )
}

fn tree(text: &str) -> Tree {
    Tree::of("/tool", &[("dumpsys_battery", text)])
}

fn refused(text: &str) -> Absent {
    probe(&tree(text).root()).map(|_| ()).expect_err("of no use")
}

#[test]
fn charge_times_voltage_is_counted_while_nothing_charges() {
    let tree = tree(&phone(false, 3, 0));
    let mut source = probe(&tree.root()).map_err(|absent| absent.reason).expect("a phone");
    let mut look = |text: &str| {
        tree.put("/tool/dumpsys_battery", text);
        poll(source.as_mut()).expect("read")[0].1
    };
    near(look(&phone(false, 3, 0)).expect("joules"), 0.0);
    // 10 mAh are 36 C: at 4 V, 144 J.
    near(look(&phone(false, 3, 10_000)).expect("joules"), 144.0);
    near(look(&phone(false, 3, 30_000)).expect("joules"), 432.0);
    assert_eq!(look(&phone(true, 2, 20_000)), Err(Fault::Charging));
    assert_eq!(look(&phone(true, 3, 20_000)), Err(Fault::Charging), "plugged in, whatever the status");
    assert_eq!(look(&phone(false, 4, 20_000)), Err(Fault::Charging));
    // What the charger brought is no energy of the phone's.
    near(look(&phone(false, 3, 5_000)).expect("joules"), 432.0);
    near(look(&phone(false, 3, 15_000)).expect("joules"), 576.0);
}

#[test]
fn what_a_service_tells_of_no_battery_is_no_reading() {
    let tree = tree(&phone(false, 3, 0));
    let mut source = probe(&tree.root()).map_err(|absent| absent.reason).expect("a phone");
    let mut look = |text: &str| {
        tree.put("/tool/dumpsys_battery", text);
        poll(source.as_mut()).expect("read")[0].1
    };
    assert_eq!(look("Can't find service: battery\n"), Err(Fault::Broken));
    assert_eq!(look(&phone(false, 3, 0).replace("4000000", "-22")), Err(Fault::UnitSuspect));
    let stopped =
        phone(false, 3, 0).replace(HEADING, &format!("{HEADING}  (UPDATES STOPPED -- use 'reset' to restart)\n"));
    assert_eq!(look(&stopped), Err(Fault::Stale), "somebody set it");
    tree.remove("/tool/dumpsys_battery");
    assert!(matches!(poll(source.as_mut()), Err(ReadError::Gone(_))));
}

#[test]
fn a_unit_is_checked_by_the_capacity_it_makes() {
    // Milliampere-hours and nanoampere-hours make batteries that nobody builds.
    for charge in ["4000", "4000000000", "0", "-110", "none"] {
        let absent = refused(&phone(false, 3, 0).replace("4000000", charge));
        assert!(absent.reason.contains("unit") && absent.hint.is_some(), "{charge}: {absent:?}");
    }
}

#[test]
fn a_state_that_somebody_set_is_told_with_the_way_back() {
    let stopped =
        phone(false, 3, 0).replace(HEADING, &format!("{HEADING}  (UPDATES STOPPED -- use 'reset' to restart)\n"));
    assert!(refused(&stopped).hint.is_some_and(|hint| hint.contains("dumpsys battery reset")));
    assert!(refused("error: no devices\n").reason.contains("no state"));
    assert!(probe(&Tree::new().root()).map(|_| ()).expect_err("no Android").reason.contains("no Android"));
}

#[test]
fn a_gauge_that_can_be_read_is_better() {
    let tree = tree(&phone(false, 3, 0)).with(
        "/sys/class/power_supply/battery",
        &[("type", "Battery"), ("status", "Discharging"), ("voltage_now", "4000000"), ("current_now", "-500000")],
    );
    assert!(probe(&tree.root()).map(|_| ()).expect_err("not needed").reason.contains("not needed"));
}

#[test]
fn a_simulated_phone_is_read_by_its_gauge() {
    let directory = tempfile::tempdir().expect("a directory");
    let phone = Board::start(Profile::named("snapdragon-8g3").expect("a board"), directory.path()).expect("started");
    let root: Arc<dyn Root> = Arc::new(DirectoryRoot::tree(&phone.simulated().tree));
    let mut found = discover(&root, &[]);
    let names: Vec<&str> = found.sources.iter().map(|source| source.info().name.as_str()).collect();
    assert_eq!(names, ["battery"]);
    let watts = poll(found.sources[0].as_mut()).expect("read")[0].1.expect("watts");
    assert!((0.3..12.0).contains(&watts), "{watts} W");
    let told: Vec<&str> = found.absent.iter().map(|absent| absent.source).collect();
    assert!([NAME, "odpm", "qcom-battmgr"].iter().all(|name| told.contains(name)), "{told:?}");
}

#[test]
fn the_first_line_of_a_name_counts_and_none_of_a_log() {
    let text = format!(
        "{}  current now: 321\n  charge counter: 7\n  status: 2\nLLB CURRENT: YEAR2018M9D15\n[EventLogBuffer]\n  voltage: 1\n",
        phone(false, 3, 0)
    );
    assert_eq!(State::parse(&text), State::parse(&phone(false, 3, 0)));
    // What stands in the log only, is not told.
    assert_eq!(State::parse("  status: 3\n[EventLogBuffer]\n  voltage: 4000\n"), None);
}

#[test]
fn real_phones_states_are_told_apart() {
    for (fixture, expected) in [
        ("usb", Ok((3_270_000.0, 4.352))),
        ("samsung-tail", Ok((3_270_000.0, 4.352))),
        // 220 of whatever, at 15 %.
        ("badunits", Err(Useless::NoCharge)),
        ("samsung-current-now", Err(Useless::NoCharge)),
        ("tvbox", Err(Useless::NoBattery)),
    ] {
        let Some(path) = recorded(&format!("android/dumpsys-battery-{fixture}.txt")) else { return };
        let state = State::parse(&std::fs::read_to_string(path).expect("read")).expect("a state");
        let charge = state.charge().map(|charge| ((charge.coulombs / UNIT_C).round(), charge.volts));
        assert_eq!(charge, expected, "{fixture}");
        assert_eq!(state.powered, fixture != "tvbox", "{fixture}");
    }
}

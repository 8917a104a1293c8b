//! Boards as they were recorded, and types of zones as real phones list them.

use super::tree::{Tree, recorded};
use crate::thermal::Role;
use crate::thermal::StateProbe as _;

#[test]
fn an_orin_nano_tells_heat_events_and_an_alarm() {
    let Some(tree) = Tree::new().recorded("jetson-orin-nano-super/sys", "/sys") else { return };
    let mut board = tree.board();
    assert_eq!(
        board.told(),
        [
            ("zone/cpu-thermal", Some(63.625)),
            ("zone/tj-thermal", Some(63.781)),
            ("throttle/over-current/VDD_IN", Some(0.0)),
            ("throttle/soctherm/oc1", Some(1.0)),
            ("throttle/soctherm/oc2", Some(0.0)),
            ("throttle/soctherm/oc3", Some(2.0)),
        ]
    );
}

#[test]
fn an_agx_orin_with_broken_files_tells_the_rest() {
    let Some(tree) = Tree::new().recorded("jetson-agx-orin/sys-19V-ch3-unreadable", "/sys") else { return };
    let mut board = tree.board();
    let told = board.told();
    let expected = [
        ("zone/cpu-thermal", Some(37.718)),
        ("zone/cv0-thermal", None),
        ("zone/tj-thermal", Some(37.781)),
        ("clock/policy0", Some(1420.8)),
        ("clock/policy1", Some(729.6)),
        ("throttle/cooling/cpufreq-cpu0", Some(0.0)),
        ("throttle/cooling/devfreq-17000000.gpu", Some(4.0)),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_raspberry_pi_5_has_one_zone_and_its_alarm_proves_no_cool_run() {
    let Some(tree) = Tree::new().recorded("pi5/sys-hwmon-rebuilt", "/sys") else { return };
    let mut board = tree.board();
    let expected = [("zone/cpu-thermal", Some(46.3)), ("throttle/rpi-volt/under-voltage", Some(0.0))];
    assert_eq!(board.told(), expected);
    let looks = vec![board.values.clone(); 3];
    assert_eq!(crate::thermal::throttle_signals(board.board.series(), &looks), []);
}

#[test]
fn a_servers_zone_and_monitor_are_read() {
    let Some(tree) =
        Tree::new().recorded("linux-generic/node-exporter-sys/devices/virtual/thermal", "/sys/class/thermal")
    else {
        return;
    };
    let Some(tree) =
        tree.recorded("linux-generic/node-exporter-sys/devices/platform/coretemp.0/hwmon", "/sys/class/hwmon")
    else {
        return;
    };
    let mut board = tree.board();
    assert!(board.told().contains(&("zone/coretemp", Some(55.0))), "{:?}", board.told());
}

#[test]
fn phones_zones_are_told_apart_by_their_types() {
    for (fixture, chips) in [("sony-maple-msm8998", 9), ("sony-kugo-msm8956", 8)] {
        let Some(path) = recorded(&format!("android/thermal-types-{fixture}.txt")) else { return };
        let text = std::fs::read_to_string(path).expect("read");
        let mut tree = Tree::new();
        for (zone, kind) in text.lines().filter_map(|line| line.split_once(char::is_whitespace)) {
            tree = tree.with(&format!("/sys/class/thermal/{zone}"), &[("type", kind), ("temp", "30000")]);
        }
        let mut board = tree.board();
        let names: Vec<_> = board.told().iter().map(|(name, _)| (*name).to_owned()).collect();
        let counted = board.board.series().iter().filter(|series| series.role == Role::Zone);
        assert_eq!(counted.count(), chips, "{fixture}: {names:?}");
        assert!(names.iter().any(|name| name == "other-zone/battery"), "{names:?}");
    }
}

#[test]
fn the_shields_thermal_service_tells_what_its_hardware_says_now() {
    let told = |fixture: &str| {
        let text =
            std::fs::read_to_string(recorded(&format!("android/dumpsys-thermalservice-{fixture}.txt"))?).expect("read");
        let tree = Tree::new().with("/tool", &[("dumpsys_thermalservice", &text)]);
        let mut board = tree.board();
        Some(board.told().iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Vec<_>>())
    };
    let Some(shield) = told("shield") else { return };
    let status = "throttle/android/thermal-status".to_owned();
    assert_eq!(shield, [("zone/CPU0".to_owned(), Some(62.500_004)), (status.clone(), Some(0.0))]);
    assert_eq!(told("nohal").expect("there"), [(status.clone(), Some(0.0))]);
    let odd = told("odd").expect("there");
    let expected =
        [("zone/skin", Some(41.5)), ("zone/CPU7", None), ("zone/TPU", Some(55.0)), (status.as_str(), Some(2.0))];
    assert_eq!(odd, expected.map(|(name, value)| (name.to_owned(), value)));
}

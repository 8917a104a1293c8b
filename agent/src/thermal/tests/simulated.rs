//! The simulated boards' own files, at rest.

use super::tree::Looked;
use crate::simulate::{Board, Profile};
use crate::thermal::{Role, StateProbe as _, throttle_signals};

/// What a board at rest tells: its zones and processors' clocks, and the signals, none of which happened.
fn check(name: &str, zones: usize, clocks: &[&str], signals: &[&str]) {
    let directory = tempfile::tempdir().expect("a directory");
    let simulated = Board::start(Profile::named(name).expect("a board"), directory.path()).expect("started");
    let mut looked = Looked::of(&simulated.simulated().tree);
    let told: Vec<_> = looked.told().iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let of = |role: Role| {
        let with = looked.board.series().iter().zip(&told).filter(move |(series, _)| series.role == role);
        with.map(|(_, told)| told).collect::<Vec<_>>()
    };
    let warm = of(Role::Zone)
        .iter()
        .filter(|(_, degrees)| degrees.is_some_and(|degrees| (15.0..60.0).contains(&degrees)))
        .count();
    assert_eq!(warm, zones, "{name}: {told:?}");
    let names: Vec<_> = of(Role::ProcessorClock).iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, clocks, "{name}");
    assert!(of(Role::ProcessorClock).iter().all(|(_, megahertz)| megahertz.is_some_and(|megahertz| megahertz > 400.0)));
    let looks = vec![looked.values.clone(); 2];
    let found = throttle_signals(looked.board.series(), &looks);
    assert_eq!(found.iter().map(|signal| signal.name.as_str()).collect::<Vec<_>>(), signals, "{name}");
    assert!(found.iter().all(|signal| signal.events == 0), "{name}: {found:?}");
}

#[test]
fn a_simulated_jetson_tells_its_heat_clocks_and_signals() {
    check(
        "jetson-orin-nano",
        4,
        &["clock/policy0", "clock/policy4"],
        &[
            "cooling/cpu-throttle-alert",
            "cooling/gpu-throttle-alert",
            "over-current/VDD_IN",
            "over-current/VDD_CPU_GPU_CV",
            "over-current/VDD_SOC",
            "soctherm/oc1",
            "soctherm/oc2",
            "soctherm/oc3",
        ],
    );
}

#[test]
fn a_simulated_raspberry_pi_tells_by_its_firmware() {
    check("rpi5", 1, &["clock/arm"], &["pi/under-voltage", "pi/frequency-capped", "pi/throttled", "pi/soft-limit"]);
}

#[test]
fn a_simulated_phone_tells_by_core_and_by_service() {
    check(
        "snapdragon-8g3",
        10,
        &["clock/policy0", "clock/policy2", "clock/policy5", "clock/policy7"],
        &["cooling/cpufreq-cpu7", "kgsl/thermal-pwrlevel", "android/thermal-status"],
    );
}

#[test]
fn a_simulated_mac_tells_its_thermal_pressure() {
    check("mac-m2", 0, &[], &["apple/thermal-pressure"]);
}

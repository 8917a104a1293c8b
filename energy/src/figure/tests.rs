use std::time::Duration;

use domain::{ThrottleSignal, Windows};

use super::*;

const SECOND: i64 = 1_000_000_000;

/// 10 Hz from 12 s before measuring to 36 s after its begin: idle at 3 W, 9 W while the device works for 30 s.
fn waved(key: &str, share: f64) -> Series {
    let times_ns: Vec<i64> = (-120..360).map(|number| number * SECOND / 10).collect();
    let power = |at: i64| {
        let ripple = if at / (SECOND / 10) % 2 == 0 { 0.02 } else { -0.02 };
        share * (if (-SECOND..=30 * SECOND).contains(&at) { 9.0 } else { 3.0 } + ripple)
    };
    Series {
        name: key.to_owned(),
        quantity: Quantity::Power,
        values: times_ns.iter().map(|&at| power(at)).collect(),
        times_ns,
    }
}

fn rail(key: &str, parent: Option<&str>) -> Rail {
    Rail {
        parent: parent.map(str::to_owned),
        gain_error: Some(0.0025),
        quantum: Some(0.04),
        ..Rail::new(key, Scope::Module, RailKind::Gauge { window: None })
    }
}

fn told(rails: Vec<Rail>, total: &[&str]) -> Telemetry {
    Telemetry {
        power: Some(PowerRecord {
            source: "ina3221".to_owned(),
            rails,
            total: total.iter().map(|key| (*key).to_owned()).collect(),
            poll: Duration::from_millis(100),
            polls: 480,
            overruns: 0,
            skipped: 0,
            cost: Duration::ZERO,
            faults: std::collections::BTreeMap::new(),
            facts: std::collections::BTreeMap::new(),
            clock_offset_ns: None,
        }),
        windows: Windows {
            idle_before: Some(Window { begin_ns: -11 * SECOND, end_ns: -3 * SECOND }),
            idle_after: Some(Window { begin_ns: 31 * SECOND, end_ns: 35 * SECOND }),
            measuring: Some(Window { begin_ns: 0, end_ns: 30 * SECOND }),
            ..Windows::default()
        },
        ..Telemetry::default()
    }
}

const LOAD: Load = Load { scenario: Scenario::SingleStream, queries: 1500, samples_per_query: 2, mlperf: false };

fn near(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found / expected - 1.0).abs() < 0.005)
}

#[test]
fn gross_net_and_per_inference_follow_from_the_readings() {
    let figure =
        figure(&told(vec![rail("VDD_IN", None)], &["VDD_IN"]), &[waved("VDD_IN", 1.0)], LOAD).expect("a source");
    assert!(near(figure.gross_j, 270.0) && near(figure.per_inference_j, 0.09), "{figure:#?}");
    assert!(near(figure.idle_before_w, 3.0) && near(figure.idle_after_w, 3.0), "{figure:#?}");
    assert!(near(figure.net_j, 180.0) && figure.net_low_j.is_none(), "{figure:#?}");
    assert_eq!((figure.scope, figure.kind.as_str(), figure.refusal.as_deref()), (Scope::Module, "gauge", None));
    assert!(figure.uncertainty.is_some_and(|share| (0.002..0.01).contains(&share)), "{figure:#?}");
    assert!(figure.is_rankable(domain::ThrottleVerdict::None, domain::Regime::Burst));
    assert!(
        !figure.is_rankable(domain::ThrottleVerdict::Unknown, domain::Regime::Burst),
        "who does not know whether it throttled does not rank"
    );
}

#[test]
fn a_parent_is_never_added_to_its_child() {
    let rails = vec![rail("VDD_SOC", Some("VDD_IN")), rail("VDD_IN", None)];
    let figure =
        figure(&told(rails, &["VDD_IN"]), &[waved("VDD_IN", 1.0), waved("VDD_SOC", 0.3)], LOAD).expect("a source");
    assert!(near(figure.gross_j, 270.0), "{figure:#?}");
    assert_eq!(
        figure.rails.iter().map(|rail| (rail.key.as_str(), rail.counted)).collect::<Vec<_>>(),
        [("VDD_IN", true), ("VDD_SOC", false)]
    );
    assert!(near(figure.rails[1].joules, 81.0), "{figure:#?}");
}

#[test]
fn rails_of_a_total_add_up_and_one_that_is_silent_leaves_it_untold() {
    let total = told(vec![rail("A", None), rail("B", None)], &["A", "B"]);
    let both = figure(&total, &[waved("A", 0.6), waved("B", 0.4)], LOAD).expect("a source");
    assert!(near(both.gross_j, 270.0), "{both:#?}");
    let one = figure(&total, &[waved("A", 0.6)], LOAD).expect("a source");
    assert_eq!(one.gross_j, None);
    assert!(one.refusal.as_deref().is_some_and(|why| why.starts_with("B: ")), "{one:#?}");
}

#[track_caller]
fn check_refused(telemetry: &Telemetry, series: &[Series], words: &str) {
    let found = figure(telemetry, series, LOAD).expect("a source");
    assert!(found.gross_j.is_none() && found.per_inference_j.is_none() && found.net_j.is_none(), "{found:#?}");
    assert!(found.refusal.as_deref().is_some_and(|why| why.contains(words)), "{found:#?}");
}

#[test]
fn a_total_that_is_none_is_refused() {
    let (a, b) = (waved("A", 0.6), waved("B", 0.4));
    check_refused(&told(vec![rail("A", None)], &["A", "B"]), std::slice::from_ref(&a), "no such rail");
    check_refused(&told(vec![rail("A", None)], &["A", "A"]), std::slice::from_ref(&a), "twice");
    let nested = told(vec![rail("A", None), rail("M", Some("A")), rail("B", Some("M"))], &["A", "B"]);
    check_refused(&nested, &[a.clone(), b], "B is fed by A");
    let circle = told(vec![rail("A", Some("M")), rail("M", Some("A"))], &["A"]);
    check_refused(&circle, std::slice::from_ref(&a), "A is fed by A");
    let zone = Series { quantity: Quantity::Temperature, ..a };
    check_refused(&told(vec![rail("A", None)], &["A"]), &[zone], "no reading");
}

#[test]
fn a_charger_that_was_moved_and_a_unit_that_slipped_leave_no_energy() {
    let with = |fault: &str, count| {
        let mut telemetry = told(vec![rail("A", None)], &["A"]);
        telemetry.power.as_mut().expect("a source").faults.insert(fault.to_owned(), count);
        telemetry
    };
    check_refused(&with("charging", 1), &[waved("A", 1.0)], "charge");
    check_refused(&with("unit-suspect", 48), &[waved("A", 1.0)], "another unit");
    let glitch = figure(&with("unit-suspect", 1), &[waved("A", 1.0)], LOAD).expect("a source");
    assert!(near(glitch.gross_j, 270.0), "one of 480: {glitch:#?}");
}

#[test]
fn a_running_device_that_draws_nothing_has_a_broken_sensor() {
    let mut silent = waved("A", 1.0);
    silent.values.iter_mut().for_each(|value| *value = 0.0);
    check_refused(&told(vec![rail("A", None)], &["A"]), &[silent], "of a running device");
}

#[test]
fn readings_that_miss_a_part_of_measuring_give_watts_and_no_joules() {
    let mut holed = waved("A", 1.0);
    let kept = |at: i64| !(10 * SECOND..11 * SECOND).contains(&at);
    holed.values =
        holed.times_ns.iter().zip(&holed.values).filter(|(at, _)| kept(**at)).map(|(_, value)| *value).collect();
    holed.times_ns.retain(|&at| kept(at));
    let telemetry = told(vec![rail("A", None)], &["A"]);
    check_refused(&telemetry, &[holed.clone()], "joules need 98.0 %");
    let found = figure(&telemetry, &[holed], LOAD).expect("a source");
    assert!(near(Some(found.mean_w), 9.0) && found.rails[0].problem.is_some(), "{found:#?}");
}

#[test]
fn an_idle_power_known_from_one_side_alone_leaves_a_range() {
    let mut telemetry = told(vec![rail("A", None)], &["A"]);
    telemetry.windows.idle_after = None;
    let found = figure(&telemetry, &[waved("A", 1.0)], LOAD).expect("a source");
    // 3 % of 3 W over 30 s are 2.7 J to each side.
    assert!(near(found.net_j, 180.0) && near(found.net_low_j, 177.3) && near(found.net_high_j, 182.7), "{found:#?}");
    assert!(!found.flags.iter().any(|word| word == flag::BASELINE_DRIFT));
}

#[test]
fn an_unknown_board_has_rails_and_no_total() {
    let unknown = figure(&told(vec![rail("A", None)], &[]), &[waved("A", 1.0)], LOAD).expect("a source");
    assert!(
        unknown.gross_j.is_none() && unknown.refusal.is_some() && near(unknown.rails[0].joules, 270.0),
        "{unknown:#?}"
    );
    assert!(!unknown.is_rankable(domain::ThrottleVerdict::None, domain::Regime::Burst));
}

#[test]
fn an_idle_power_that_drifted_leaves_a_range() {
    let mut drifted = waved("VDD_IN", 1.0);
    for (at, value) in drifted.times_ns.iter().zip(&mut drifted.values) {
        if *at > 30 * SECOND {
            *value += 1.0;
        }
    }
    let figure = figure(&told(vec![rail("VDD_IN", None)], &["VDD_IN"]), &[drifted], LOAD).expect("a source");
    assert!(figure.flags.iter().any(|word| word == flag::BASELINE_DRIFT), "{figure:#?}");
    assert!(near(figure.net_low_j, 150.0) && near(figure.net_high_j, 180.0), "{figure:#?}");
}

#[test]
fn mlperfs_method_compares_its_passes() {
    let mut telemetry = told(vec![Rail { scope: Scope::Wall, ..rail("plug", None) }], &["plug"]);
    // The device worked for one second before: that is the ranging pass here.
    telemetry.windows.ranging = Some(Window { begin_ns: -SECOND, end_ns: 0 });
    let load = Load { mlperf: true, ..LOAD };
    let found = figure(&telemetry, &[waved("plug", 1.0)], load).expect("a source").mlperf.expect("two passes");
    assert!(
        near(Some(found.ranging_w), 9.0) && near(Some(found.value), 180.0) && found.unit == "mJ/query",
        "{found:?}"
    );
    assert_eq!(found.objections.len(), 1, "{:?}", found.objections);
    assert!(found.objections[0].contains("30 s"), "{:?}", found.objections);
    let offline = Load { scenario: Scenario::Offline, ..load };
    let found = figure(&telemetry, &[waved("plug", 1.0)], offline).expect("a source").mlperf.expect("two passes");
    assert!(near(Some(found.value), 9.0) && found.unit == "W", "{found:?}");
}

#[test]
fn a_sagging_supply_is_told_with_the_energy() {
    let mut telemetry = told(vec![rail("VDD_IN", None)], &["VDD_IN"]);
    let signal = ThrottleSignal { name: "oc1".to_owned(), cause: ThrottleCause::Supply, events: 3, share: None };
    telemetry.throttle.push(signal);
    let figure = figure(&telemetry, &[waved("VDD_IN", 1.0)], LOAD).expect("a source");
    assert!(figure.flags.iter().any(|word| word == flag::SUPPLY_FAULT), "{figure:#?}");
}

#[test]
fn without_a_source_or_a_window_there_is_no_figure_to_show() {
    assert_eq!(figure(&Telemetry::default(), &[], LOAD), None);
    let mut telemetry = told(vec![rail("VDD_IN", None)], &["VDD_IN"]);
    telemetry.windows.measuring = None;
    assert!(figure(&telemetry, &[], LOAD).expect("a source").refusal.is_some());
}

#[test]
fn a_small_supply_that_never_moves_does_not_leave_the_total_untold() {
    let still = |key: &str, watts: f64| {
        let mut series = waved(key, 1.0);
        series.values.fill(watts);
        series
    };
    let total = told(vec![rail("CORE", None), rail("ALWAYS_ON", None)], &["CORE", "ALWAYS_ON"]);
    let small = figure(&total, &[waved("CORE", 1.0), still("ALWAYS_ON", 0.5)], LOAD).expect("a source");
    assert!(near(small.gross_j, 285.0), "{small:#?}");
    let large = figure(&total, &[waved("CORE", 1.0), still("ALWAYS_ON", 2.0)], LOAD).expect("a source");
    assert!(large.refusal.as_deref().is_some_and(|why| why.starts_with("ALWAYS_ON: ")), "{large:#?}");
}

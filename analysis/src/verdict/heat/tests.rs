use std::collections::BTreeMap;
use std::time::Duration;

use domain::{
    CellSpec, Cooldown, CooldownOutcome, EnvironmentRule, Measurement, ModelRef, Pin, PowerRecord, Quantity, Rail,
    RailKind, Reason, Regime, Scope, Series, Telemetry, ThermalGate, ThrottleCause, ThrottleSignal, ThrottleVerdict,
    VerdictLevel, Window, Windows,
};

use crate::{Analysis, analyse, samples};

const SECOND: i64 = 1_000_000_000;

fn cell(environment: EnvironmentRule) -> CellSpec {
    CellSpec { environment, ..CellSpec::new(ModelRef::nameless()) }
}

fn burst() -> CellSpec {
    cell(EnvironmentRule::default())
}

fn sustained() -> CellSpec {
    cell(EnvironmentRule { regime: Regime::Sustained { plateau: Regime::PLATEAU }, ..EnvironmentRule::default() })
}

fn required() -> CellSpec {
    cell(EnvironmentRule { thermal_gate: ThermalGate::Required, ..EnvironmentRule::default() })
}

/// A quiet run of 400 queries of about 10 ms, of which the sensors told this.
fn run(telemetry: Option<Telemetry>) -> Measurement {
    let latencies: Vec<u64> = (0..400_u64).map(|index| 10_000_000 + (index * 7919 % 97) * 1_000).collect();
    let measured = Duration::from_nanos(latencies.iter().sum());
    Measurement {
        measured,
        issuing: measured,
        telemetry: telemetry.map(Box::new),
        ..Measurement::of(samples::encode(&latencies).expect("samples"))
    }
}

fn throttled(cause: ThrottleCause, events: u64) -> Telemetry {
    let signal = ThrottleSignal { name: "soctherm/oc2".to_owned(), cause, events, share: None };
    Telemetry { throttle: vec![signal], ..Telemetry::default() }
}

fn waited(outcome: CooldownOutcome) -> Telemetry {
    let cooldown = Cooldown { reference_c: Some(41.0), start_c: Some(58.5), waited: Duration::from_mins(10), outcome };
    Telemetry { cooldown: Some(cooldown), ..Telemetry::default() }
}

/// 2 W while idle and 5 W while the run of about 4 s goes on, told ten times a second.
fn metered() -> Telemetry {
    let rail = Rail::new("VDD_IN", Scope::Module, RailKind::Gauge { window: None });
    let times_ns: Vec<i64> = (-50..100).map(|number| number * SECOND / 10).collect();
    let values = times_ns.iter().map(|at| if (-SECOND..5 * SECOND).contains(at) { 5.0 } else { 2.0 }).collect();
    let series = [Series { name: "VDD_IN".to_owned(), quantity: Quantity::Power, times_ns, values }];
    Telemetry {
        power: Some(PowerRecord {
            source: "ina3221".to_owned(),
            rails: vec![rail],
            total: vec!["VDD_IN".to_owned()],
            poll: Duration::from_millis(100),
            polls: 150,
            overruns: 0,
            skipped: 0,
            cost: Duration::ZERO,
            faults: BTreeMap::new(),
            facts: BTreeMap::new(),
            clock_offset_ns: None,
        }),
        trace: energy::trace::encode(&series).expect("encoded"),
        windows: Windows { measuring: Some(Window { begin_ns: 0, end_ns: 4 * SECOND }), ..Windows::default() },
        ..Telemetry::default()
    }
}

fn of(cell: &CellSpec, telemetry: Telemetry) -> Analysis {
    analyse(cell, &run(Some(telemetry))).expect("sound")
}

#[track_caller]
fn check(cell: &CellSpec, telemetry: Telemetry, level: VerdictLevel, codes: &[&str]) -> Vec<Reason> {
    let verdict = of(cell, telemetry).verdict;
    let found: Vec<&str> = verdict.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert_eq!((verdict.level, found.as_slice()), (level, codes));
    verdict.reasons
}

#[test]
fn a_device_that_was_held_back_invalidates_a_burst_and_belongs_to_a_sustained_run() {
    let reasons = check(&burst(), throttled(ThrottleCause::Thermal, 41), VerdictLevel::Invalid, &["throttled"]);
    assert!(reasons[0].message.contains("soctherm/oc2") && reasons[0].message.contains("41"), "{reasons:?}");
    assert!((reasons[0].value - 41.0).abs() < 1e-9, "{reasons:?}");
    check(&burst(), throttled(ThrottleCause::Supply, 1), VerdictLevel::Invalid, &["throttled"]);
    check(&burst(), throttled(ThrottleCause::Thermal, 0), VerdictLevel::Valid, &[]);
    check(&sustained(), throttled(ThrottleCause::Thermal, 41), VerdictLevel::Valid, &[]);
}

#[test]
fn the_processors_own_count_speaks_where_the_sensors_do_not() {
    let with = |telemetry| {
        let mut measurement = run(telemetry);
        measurement.environment.volatile.throttle_events = Some(3);
        measurement
    };
    let level = |cell: &CellSpec, telemetry| analyse(cell, &with(telemetry)).expect("sound").verdict.level;
    assert_eq!(level(&burst(), None), VerdictLevel::Suspect);
    assert_eq!(level(&burst(), Some(Telemetry::default())), VerdictLevel::Suspect, "nothing tells");
    assert_eq!(level(&burst(), Some(throttled(ThrottleCause::Thermal, 0))), VerdictLevel::Valid);
    assert_eq!(level(&sustained(), None), VerdictLevel::Valid);
}

#[test]
fn a_wait_in_vain_is_suspect_and_one_that_was_required_and_not_made_is_invalid() {
    let reasons = check(&burst(), waited(CooldownOutcome::Timeout), VerdictLevel::Suspect, &["not-cool"]);
    assert!(reasons[0].message.contains("58.5 °C") && reasons[0].message.contains("41.0 °C"), "{reasons:?}");
    for outcome in
        [CooldownOutcome::Cool, CooldownOutcome::NoReference, CooldownOutcome::NoSensor, CooldownOutcome::Off]
    {
        check(&burst(), waited(outcome), VerdictLevel::Valid, &[]);
    }
    check(&required(), waited(CooldownOutcome::Cool), VerdictLevel::Valid, &[]);
    for outcome in [CooldownOutcome::NoReference, CooldownOutcome::NoSensor] {
        check(&required(), waited(outcome), VerdictLevel::Invalid, &["not-cool"]);
    }
    check(&required(), Telemetry::default(), VerdictLevel::Invalid, &["not-cool"]);
    assert_eq!(analyse(&required(), &run(None)).expect("sound").verdict.level, VerdictLevel::Invalid);
}

#[test]
fn a_setting_that_did_not_hold_is_named() {
    let pinned = |after: &str| {
        let text = str::to_owned;
        let pin = Pin {
            what: text("governor"),
            found: text("schedutil"),
            wanted: text("performance"),
            before: text("performance"),
            after: text(after),
        };
        Telemetry { pinned: vec![pin], ..Telemetry::default() }
    };
    check(&burst(), pinned("performance"), VerdictLevel::Valid, &[]);
    let reasons = check(&burst(), pinned("powersave"), VerdictLevel::Suspect, &["environment-drift"]);
    assert!(reasons[0].message.contains("governor") && reasons[0].message.contains("powersave"), "{reasons:?}");
}

#[test]
fn readings_become_joules_and_missing_ones_are_no_objection() {
    let metered_run = of(&burst(), metered());
    let energy = metered_run.statistics.energy.expect("a source");
    assert!(energy.gross_j.is_some_and(|joules| (joules - 20.0).abs() < 0.1), "{energy:#?}");
    assert!(energy.per_inference_j.is_some_and(|joules| (joules - 0.05).abs() < 0.001), "{energy:#?}");
    assert_eq!(metered_run.statistics.heat.map(|heat| heat.throttle), Some(ThrottleVerdict::Unknown));
    assert_eq!(metered_run.verdict.level, VerdictLevel::Valid);
    let refused = of(&burst(), Telemetry { trace: Vec::new(), ..metered() });
    let energy = refused.statistics.energy.expect("a source");
    assert!(energy.gross_j.is_none() && energy.refusal.is_some(), "{energy:#?}");
    assert_eq!(refused.verdict.level, VerdictLevel::Valid);
    let without = of(&burst(), Telemetry { no_power: Some("no sensor".to_owned()), ..Telemetry::default() });
    assert_eq!((without.statistics.energy, without.verdict.level), (None, VerdictLevel::Valid));
}

#[test]
fn a_trace_that_cannot_be_read_is_a_reason_and_hides_no_throttling() {
    let garbage = Telemetry { trace: b"no trace".to_vec(), ..metered() };
    let analysis = of(&burst(), garbage.clone());
    assert_eq!(analysis.statistics.energy, None);
    check(&burst(), garbage.clone(), VerdictLevel::Suspect, &["telemetry-unreadable"]);
    let hot = Telemetry { throttle: throttled(ThrottleCause::Thermal, 2).throttle, ..garbage };
    check(&burst(), hot, VerdictLevel::Invalid, &["throttled", "telemetry-unreadable"]);
}

#[test]
fn what_follows_from_sensors_follows_again_to_the_byte() {
    let measurement = run(Some(Telemetry { throttle: throttled(ThrottleCause::Thermal, 2).throttle, ..metered() }));
    let text = || {
        let Analysis { statistics, verdict } = analyse(&burst(), &measurement).expect("sound");
        (serde_json::to_string(&statistics).expect("JSON"), serde_json::to_string(&verdict).expect("JSON"))
    };
    let stored: domain::Statistics = serde_json::from_str(&text().0).expect("JSON");
    assert_eq!(text(), text());
    assert_eq!(serde_json::to_string(&stored).expect("JSON"), text().0);
}

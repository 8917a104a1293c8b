//! Power, heat and clocks: what was recorded, what follows from it, and what is asked of it.

use std::time::Duration;

use domain::{
    CellSpec, Cooldown, CooldownOutcome, EnergyFigure, EnvironmentRule, Heat, HeatFigure, MlperfPower, Pin,
    PowerMethod, PowerRecord, PowerRule, Rail, RailFigure, RailKind, Regime, Scope, Telemetry, ThermalGate,
    ThrottleCause, ThrottleSignal, ThrottleVerdict, Window, Windows,
};
use furlong_proto::{TRACE_LIMIT_BYTES, pb};
use prost::Message as _;

use super::{check_refused, check_survives, full_cell, text, texts};

fn cooldown() -> Cooldown {
    Cooldown {
        reference_c: Some(34.5),
        start_c: Some(36.25),
        waited: Duration::from_nanos(61_000_000_001),
        outcome: CooldownOutcome::Cool,
    }
}

const NAN: Option<f64> = Some(f64::NAN);

/// Everything that can be told.
pub(super) fn telemetry() -> Telemetry {
    let window = |begin_ns, end_ns| Some(Window { begin_ns, end_ns });
    Telemetry {
        power: Some(power()),
        no_power: Some(text("the meter fell silent")),
        trace: vec![1, 2, 3],
        windows: Windows {
            idle_before: window(-90_000_000_000, -60_000_000_000),
            idle_after: window(61_000_000_000, 76_000_000_000),
            warm_up: window(-5, 0),
            ranging: window(-4, -1),
            measuring: window(0, 60_000_000_000),
        },
        cooldown: Some(cooldown()),
        throttle: vec![ThrottleSignal {
            name: text("soctherm/oc3"),
            cause: ThrottleCause::PowerLimit,
            events: 41,
            share: Some(0.25),
        }],
        pinned: vec![Pin {
            what: text("governor"),
            found: text("schedutil"),
            wanted: text("performance"),
            before: text("performance"),
            after: text("powersave"),
        }],
        simulated: Some(text("jetson-orin-nano")),
    }
}

fn power() -> PowerRecord {
    let whole = Rail {
        key: text("ina3221@1-0040/VDD_IN"),
        scope: Scope::DcInput,
        kind: RailKind::Gauge { window: Some(Duration::from_micros(2_200)) },
        parent: None,
        native: Some(Duration::from_millis(5)),
        quantum: Some(0.04),
        gain_error: Some(0.01),
        offset_error_w: Some(0.08),
        greatest_w: Some(60.0),
    };
    let part = Rail {
        parent: Some(whole.key.clone()),
        ..Rail::new("package", Scope::Rail, RailKind::Counter { range_j: Some(262_143.5) })
    };
    PowerRecord {
        source: text("ina3221"),
        total: vec![whole.key.clone()],
        rails: vec![whole, part],
        poll: Duration::from_millis(50),
        polls: 1_300,
        overruns: 2,
        skipped: 1,
        cost: Duration::from_micros(90_500),
        faults: [(text("gated"), 3)].into(),
        facts: texts(&[("samples", "512")]),
        clock_offset_ns: Some(250_000),
    }
}

pub(super) fn energy() -> EnergyFigure {
    EnergyFigure {
        source: text("ina3221"),
        scope: Scope::DcInput,
        kind: text("gauge"),
        mean_w: 6.5,
        gross_j: Some(390.0),
        per_inference_j: Some(0.0125),
        net_j: Some(120.5),
        net_low_j: Some(119.0),
        net_high_j: Some(122.0),
        uncertainty: Some(0.0125),
        readings: 1_200,
        coverage: 0.998,
        overruns: 2,
        native: Some(Duration::from_millis(5)),
        poll: Duration::from_millis(50),
        idle_before_w: Some(4.5),
        idle_after_w: Some(4.75),
        quantum_w: Some(0.04),
        flags: vec![text("gaps"), text("baseline-drift")],
        refusal: Some(text("the readings cover 42 % of measuring")),
        rails: vec![RailFigure {
            key: text("ina3221@1-0040/VDD_IN"),
            scope: Scope::DcInput,
            counted: true,
            mean_w: Some(6.5),
            joules: Some(390.0),
            problem: Some(text("it wrapped")),
        }],
        mlperf: Some(MlperfPower {
            ranging_w: 6.25,
            testing_w: 6.5,
            value: 12.5,
            unit: text("mJ"),
            objections: vec![text("the run is shorter than 60 s")],
        }),
    }
}

pub(super) fn heat() -> HeatFigure {
    HeatFigure {
        throttle: ThrottleVerdict::Light,
        evidence: vec![text("soctherm/oc3: 41 events")],
        cooldown: Some(cooldown()),
        start_c: Some(36.25),
        end_c: Some(71.5),
        max_c: Some(72.0),
        clock_median_mhz: Some(1_510.5),
        clock_p5_mhz: Some(1_190.0),
    }
}

#[test]
fn telemetry_survives_the_wire_full_and_empty() {
    check_survives::<Telemetry, pb::Telemetry>(&telemetry());
    check_survives::<Telemetry, pb::Telemetry>(&Telemetry::default());
    for scope in Scope::ALL {
        for kind in [RailKind::Gauge { window: None }, RailKind::Counter { range_j: None }] {
            let rails = vec![Rail::new("r", scope, kind)];
            let power = PowerRecord { rails, total: vec![], clock_offset_ns: None, ..power() };
            check_survives::<PowerRecord, pb::PowerRecord>(&power);
        }
    }
    for outcome in CooldownOutcome::ALL {
        let cooldown = Cooldown { reference_c: None, start_c: None, waited: Duration::ZERO, outcome };
        check_survives::<Cooldown, pb::Cooldown>(&cooldown);
    }
    for cause in ThrottleCause::ALL {
        let signal = ThrottleSignal { name: text("pi/under-voltage"), cause, events: 0, share: None };
        check_survives::<ThrottleSignal, pb::ThrottleSignal>(&signal);
    }
}

/// Nothing told is not 0: an absent figure must not arrive as one.
#[test]
fn figures_survive_the_wire_full_and_without_what_is_not_known() {
    check_survives::<EnergyFigure, pb::EnergyFigure>(&energy());
    check_survives::<HeatFigure, pb::HeatFigure>(&heat());
    check_survives::<EnergyFigure, pb::EnergyFigure>(&EnergyFigure {
        gross_j: None,
        per_inference_j: None,
        net_j: Some(0.0),
        net_low_j: None,
        net_high_j: None,
        uncertainty: None,
        native: None,
        idle_before_w: Some(0.0),
        idle_after_w: None,
        quantum_w: None,
        refusal: None,
        rails: vec![RailFigure { mean_w: None, joules: Some(0.0), problem: None, ..energy().rails[0].clone() }],
        mlperf: None,
        ..energy()
    });
    for throttle in [ThrottleVerdict::None, ThrottleVerdict::Throttled, ThrottleVerdict::Unknown] {
        check_survives::<HeatFigure, pb::HeatFigure>(&HeatFigure {
            throttle,
            evidence: vec![],
            cooldown: None,
            start_c: None,
            end_c: None,
            max_c: None,
            clock_median_mhz: None,
            clock_p5_mhz: None,
        });
    }
}

#[test]
fn a_devices_heat_survives_the_wire_and_its_wait_is_never_shortened() {
    let heat = Heat { temperature_c: -4.5, reference_c: None, cool: false, wait: Some(Duration::from_millis(1_500)) };
    check_survives::<Heat, pb::Heat>(&heat);
    check_survives::<Heat, pb::Heat>(&Heat { reference_c: Some(34.0), cool: true, wait: None, ..heat });
    let sent = pb::Heat::from(Heat { wait: Some(Duration::from_nanos(1)), ..heat });
    assert_eq!(sent.wait_ms, Some(1));
    let spoil = |wire: &mut pb::Heat| wire.temperature_c = f64::NAN;
    check_refused(heat, spoil, "field `heat.temperature_c` is malformed: NaN is not a finite number");
}

#[test]
fn every_gate_regime_and_method_survives_the_wire() {
    for thermal_gate in ThermalGate::ALL {
        for regime in [Regime::Burst, Regime::Sustained { plateau: Duration::from_nanos(1) }] {
            let rule = EnvironmentRule { thermal_gate, regime, ..EnvironmentRule::default() };
            check_survives::<EnvironmentRule, pb::EnvironmentRule>(&rule);
        }
    }
    for method in PowerMethod::ALL {
        for rate_hz in [None, Some(1)] {
            let rule = PowerRule { rate_hz, method, idle_window: Duration::ZERO, ..PowerRule::default() };
            check_survives::<PowerRule, pb::PowerRule>(&rule);
        }
    }
}

/// The bytes that the version before energy and heat sends: none of the new fields.
#[test]
fn what_an_older_sender_leaves_out_is_the_default() {
    let old = pb::EnvironmentRule { governor: text("performance"), cooldown_ns: Some(5), ..Default::default() };
    let expected = EnvironmentRule {
        governor: Some(text("performance")),
        cooldown: Some(Duration::from_nanos(5)),
        ..EnvironmentRule::default()
    };
    assert_eq!(EnvironmentRule::try_from(old), Ok(expected));
    let old = pb::PowerRule { source: text("auto"), rate_hz: 100, idle_window_ns: 30_000_000_000, method: 0 };
    assert_eq!(PowerRule::try_from(old), Ok(PowerRule { rate_hz: Some(100), ..PowerRule::default() }));
    let old = pb::Measurement { telemetry: None, ..super::measurement().into() };
    assert_eq!(domain::Measurement::try_from(old).expect("an older report").telemetry, None);
}

#[test]
fn a_plateau_goes_with_the_sustained_regime_alone() {
    let check = |spoil: fn(&mut pb::EnvironmentRule), refusal: &str| {
        let spoil = |cell: &mut pb::CellSpec| spoil(cell.environment.as_mut().expect("full"));
        check_refused::<CellSpec, pb::CellSpec>(full_cell(), spoil, refusal);
    };
    check(|rule| rule.plateau_ns = 0, "field `environment.plateau_ns` is missing");
    let no_plateau = "field `environment.plateau_ns` is malformed: only the sustained regime waits for a plateau";
    check(|rule| rule.regime = 1, no_plateau);
    check(|rule| rule.regime = 0, no_plateau);
    check(|rule| rule.regime = 9, "field `environment.regime` holds 9, which this version does not know");
    check(|rule| rule.thermal_gate = 9, "field `environment.thermal_gate` holds 9, which this version does not know");
}

#[test]
fn a_power_rule_names_its_source_and_a_known_method() {
    let check = |spoil: fn(&mut pb::PowerRule), refusal: &str| check_refused(PowerRule::default(), spoil, refusal);
    check(|rule| rule.source.clear(), "field `power.source` is missing");
    check(|rule| rule.method = 3, "field `power.method` holds 3, which this version does not know");
}

#[test]
fn telemetry_that_lacks_a_part_is_refused() {
    let check = |spoil: fn(&mut pb::Telemetry), field: &str| {
        check_refused(telemetry(), spoil, &format!("field `{field}` is missing"));
    };
    check(|it| it.windows = None, "telemetry.windows");
    check(|it| it.cooldown.as_mut().expect("full").outcome = 0, "cooldown.outcome");
    check(|it| it.throttle[0].cause = 0, "throttle.cause");
    check(|it| it.throttle[0].name.clear(), "throttle.name");
    check(|it| it.pinned[0].what.clear(), "pinned.what");
    check(|it| it.power.as_mut().expect("full").source.clear(), "power.source");
    check(|it| it.power.as_mut().expect("full").rails[0].key.clear(), "rail.key");
    check(|it| it.power.as_mut().expect("full").rails[0].scope = 0, "rail.scope");
    check(|it| it.power.as_mut().expect("full").rails[0].kind = None, "rail.kind");
}

#[test]
fn telemetry_beyond_its_bounds_is_refused() {
    let check = |spoil: &dyn Fn(&mut pb::Telemetry), field: &str, why: &str| {
        check_refused(telemetry(), spoil, &format!("field `{field}` is malformed: {why}"));
    };
    check(&|it| it.trace.resize(TRACE_LIMIT_BYTES + 1, 0), "telemetry.trace", "33554433 bytes are more than 33554432");
    check(
        &|it| it.throttle.resize(257, pb::ThrottleSignal::default()),
        "telemetry.throttle",
        "257 signals are more than 256",
    );
    check(&|it| it.pinned.resize(257, pb::Pin::default()), "telemetry.pinned", "257 settings are more than 256");
    let check_power = |spoil: &dyn Fn(&mut pb::PowerRecord), field: &str, why: &str| {
        check(&|it| spoil(it.power.as_mut().expect("full")), field, why);
    };
    check_power(&|it| it.rails.resize(257, pb::Rail::default()), "power.rails", "257 rails are more than 256");
    check_power(&|it| it.total.resize(257, text("r")), "power.total", "257 rails are more than 256");
    check(&|it| it.throttle[0].share = Some(1.5), "throttle.share", "1.5 does not lie between 0 and 1");
    check(&|it| it.throttle[0].share = Some(-0.5), "throttle.share", "-0.5 does not lie between 0 and 1");
    let counter = |range_j| {
        let counter = pb::rail::Kind::Counter(pb::rail::Counter { range_j: Some(range_j) });
        move |it: &mut pb::PowerRecord| it.rails[1].kind = Some(counter)
    };
    check_power(&counter(0.0), "rail.counter.range_j", "0 is not above 0");
    check_power(&counter(f64::INFINITY), "rail.counter.range_j", "inf is not a finite number");
}

#[test]
fn a_total_counts_each_of_its_rails_once() {
    let check = |spoil: fn(&mut pb::PowerRecord), why: &str| {
        check_refused(power(), spoil, &format!("field `power.total` is malformed: {why}"));
    };
    check(|it| it.total = vec![text("VDD")], "`VDD` is the key of 0 rails, and must be that of one");
    check(
        |it| it.rails.push(it.rails[0].clone()),
        "`ina3221@1-0040/VDD_IN` is the key of 2 rails, and must be that of one",
    );
    check(|it| it.total.push(it.total[0].clone()), "`ina3221@1-0040/VDD_IN` is counted twice");
}

#[test]
fn a_window_ends_no_earlier_than_it_begins() {
    type Part = fn(&mut pb::Windows) -> &mut Option<pb::Window>;
    let parts: [(&str, Part); 5] = [
        ("idle_before", |windows| &mut windows.idle_before),
        ("idle_after", |windows| &mut windows.idle_after),
        ("warm_up", |windows| &mut windows.warm_up),
        ("ranging", |windows| &mut windows.ranging),
        ("measuring", |windows| &mut windows.measuring),
    ];
    for (name, part) in parts {
        let check = |begin_ns, end_ns, why: &str| {
            let spoil = |it: &mut pb::Telemetry| {
                *part(it.windows.as_mut().expect("full")) = Some(pb::Window { begin_ns, end_ns });
            };
            check_refused(telemetry(), spoil, &format!("field `windows.{name}` is malformed: {why}"));
        };
        check(8, 7, "its end 7 is before its beginning 8");
        check(-1, i64::MAX, "-1 to 9223372036854775807 ns is longer than 292 years");
    }
    let empty = Windows { measuring: Some(Window { begin_ns: 0, end_ns: 0 }), ..Windows::default() };
    check_survives::<Windows, pb::Windows>(&empty);
}

#[test]
fn a_reading_that_is_no_number_is_refused() {
    let check = |spoil: fn(&mut pb::Telemetry), field: &str| {
        check_refused(telemetry(), spoil, &format!("field `{field}` is malformed: NaN is not a finite number"));
    };
    check(|it| it.cooldown.as_mut().expect("full").reference_c = NAN, "cooldown.reference_c");
    check(|it| it.cooldown.as_mut().expect("full").start_c = NAN, "cooldown.start_c");
    check(|it| it.throttle[0].share = NAN, "throttle.share");
    check(|it| it.power.as_mut().expect("full").rails[0].quantum = NAN, "rail.quantum");
    check(|it| it.power.as_mut().expect("full").rails[0].gain_error = NAN, "rail.gain_error");
    check(|it| it.power.as_mut().expect("full").rails[0].offset_error_w = NAN, "rail.offset_error_w");
    check(|it| it.power.as_mut().expect("full").rails[0].greatest_w = NAN, "rail.greatest_w");
}

#[test]
fn a_figure_that_is_no_number_is_refused() {
    let refusal = |field: &str| format!("field `{field}` is malformed: NaN is not a finite number");
    let check = |spoil: fn(&mut pb::EnergyFigure), field: &str| check_refused(energy(), spoil, &refusal(field));
    check(|it| it.mean_w = f64::NAN, "energy.mean_w");
    check(|it| it.gross_j = NAN, "energy.gross_j");
    check(|it| it.per_inference_j = NAN, "energy.per_inference_j");
    check(|it| it.net_j = NAN, "energy.net_j");
    check(|it| it.net_low_j = NAN, "energy.net_low_j");
    check(|it| it.net_high_j = NAN, "energy.net_high_j");
    check(|it| it.uncertainty = NAN, "energy.uncertainty");
    check(|it| it.coverage = f64::NAN, "energy.coverage");
    check(|it| it.idle_before_w = NAN, "energy.idle_before_w");
    check(|it| it.idle_after_w = NAN, "energy.idle_after_w");
    check(|it| it.quantum_w = NAN, "energy.quantum_w");
    check(|it| it.rails[0].mean_w = NAN, "energy.rails.mean_w");
    check(|it| it.rails[0].joules = NAN, "energy.rails.joules");
    check(|it| it.mlperf.as_mut().expect("full").ranging_w = f64::NAN, "mlperf.ranging_w");
    check(|it| it.mlperf.as_mut().expect("full").testing_w = f64::NAN, "mlperf.testing_w");
    check(|it| it.mlperf.as_mut().expect("full").value = f64::NAN, "mlperf.value");
    let check = |spoil: fn(&mut pb::HeatFigure), field: &str| check_refused(heat(), spoil, &refusal(field));
    check(|it| it.start_c = NAN, "heat.start_c");
    check(|it| it.end_c = NAN, "heat.end_c");
    check(|it| it.max_c = NAN, "heat.max_c");
    check(|it| it.clock_median_mhz = NAN, "heat.clock_median_mhz");
    check(|it| it.clock_p5_mhz = NAN, "heat.clock_p5_mhz");
}

#[test]
fn a_figure_names_its_source_scope_and_verdict() {
    let check = |spoil: fn(&mut pb::EnergyFigure), refusal: &str| check_refused(energy(), spoil, refusal);
    check(|it| it.source.clear(), "field `energy.source` is missing");
    check(|it| it.kind.clear(), "field `energy.kind` is missing");
    check(|it| it.scope = 0, "field `energy.scope` is missing");
    check(|it| it.scope = 7, "field `energy.scope` holds 7, which this version does not know");
    check(|it| it.coverage = 1.001, "field `energy.coverage` is malformed: 1.001 does not lie between 0 and 1");
    check(|it| it.rails[0].key.clear(), "field `energy.rails.key` is missing");
    check(|it| it.rails[0].scope = 0, "field `energy.rails.scope` is missing");
    check(|it| it.mlperf.as_mut().expect("full").unit.clear(), "field `mlperf.unit` is missing");
    let check = |spoil: fn(&mut pb::HeatFigure), refusal: &str| check_refused(heat(), spoil, refusal);
    check(|it| it.throttle = 0, "field `heat.throttle` is missing");
    check(|it| it.throttle = 5, "field `heat.throttle` holds 5, which this version does not know");
}

/// A full trace and as many samples as one measurement may hold still make a report that the coordinator takes.
#[test]
fn the_greatest_trace_fits_into_a_report() {
    let telemetry = Telemetry { trace: vec![7; TRACE_LIMIT_BYTES], ..telemetry() };
    // 8 M samples at 2 bytes each.
    let samples = domain::Samples { pco: vec![7; 16 << 20], count: 1, quantum_ns: 1 };
    let measurement =
        domain::Measurement { slip: None, samples, telemetry: Some(Box::new(telemetry)), ..super::measurement() };
    let bytes = pb::Measurement::from(measurement).encoded_len() as u64;
    assert!(bytes < furlong_proto::REPORT_LIMIT_BYTES, "{bytes}");
}

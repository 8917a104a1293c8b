//! Power, heat and what follows from them, kept and read again.

use domain::{
    Cooldown, CooldownOutcome, EnergyFigure, Heat, HeatFigure, Pin, PowerRecord, Rail, RailKind, Scope, Telemetry,
    ThermalGate, ThrottleCause, ThrottleSignal, ThrottleVerdict, Window, Windows,
};

use super::*;

fn telemetry() -> Telemetry {
    let rail = Rail {
        quantum: Some(0.1 + 0.2),
        native: Some(Duration::from_micros(1_100)),
        ..Rail::new("ina3221@1-0040/VDD_IN", Scope::DcInput, RailKind::Counter { range_j: Some(262_143.328_125) })
    };
    let power = PowerRecord {
        source: "ina3221".to_owned(),
        total: vec![rail.key.clone()],
        rails: vec![rail],
        poll: Duration::from_millis(20),
        polls: 500,
        overruns: 1,
        skipped: 2,
        cost: Duration::from_micros(731),
        faults: BTreeMap::from([("gated".to_owned(), 3)]),
        facts: BTreeMap::from([("shunt1_uohm".to_owned(), "5000".to_owned())]),
        clock_offset_ns: Some(900),
    };
    Telemetry {
        power: Some(power),
        no_power: None,
        trace: vec![7; 300_000],
        windows: Windows {
            idle_before: Some(Window { begin_ns: -30_000_000_000, end_ns: -1 }),
            measuring: Some(Window { begin_ns: 0, end_ns: 3_000_000_000 }),
            ..Windows::default()
        },
        cooldown: Some(Cooldown {
            reference_c: Some(40.1),
            start_c: None,
            waited: Duration::from_millis(35_001),
            outcome: CooldownOutcome::Cool,
        }),
        throttle: vec![ThrottleSignal {
            name: "soctherm/oc3".to_owned(),
            cause: ThrottleCause::PowerLimit,
            events: 2,
            share: None,
        }],
        pinned: vec![Pin {
            what: "governor".to_owned(),
            found: "schedutil".to_owned(),
            wanted: "performance".to_owned(),
            before: "performance".to_owned(),
            after: "performance".to_owned(),
        }],
        simulated: Some("rpi5".to_owned()),
    }
}

fn figure() -> EnergyFigure {
    EnergyFigure {
        source: "ina3221".to_owned(),
        scope: Scope::DcInput,
        kind: "counter".to_owned(),
        mean_w: 6.1,
        gross_j: Some(18.3),
        per_inference_j: Some(0.183),
        net_j: None,
        net_low_j: None,
        net_high_j: None,
        uncertainty: Some(0.02),
        readings: 150,
        // A rounding error above one.
        coverage: 1.000_000_000_000_000_2,
        overruns: 0,
        native: None,
        poll: Duration::from_millis(20),
        idle_before_w: None,
        idle_after_w: None,
        quantum_w: None,
        flags: Vec::new(),
        refusal: None,
        rails: Vec::new(),
        mlperf: None,
    }
}

fn heat(throttle: ThrottleVerdict) -> HeatFigure {
    HeatFigure {
        throttle,
        evidence: Vec::new(),
        cooldown: None,
        start_c: None,
        end_c: None,
        max_c: None,
        clock_median_mhz: None,
        clock_p5_mhz: None,
    }
}

/// Stores a run with this telemetry and figure on a simulated board; its figures in brief.
async fn stored(telemetry: Option<Telemetry>, energy: Option<EnergyFigure>) -> (Fixture, RunId, MeasuredFigures) {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(1).await;
    let mut desk = fixture.device(1).await;
    desk.identity.facts.simulated = Some("rpi5".to_owned());
    desk.epoch = fixture.store.open_session(&desk.identity, NOW).await.expect("opens");
    let granted = fixture.grant(runs[0], &desk).await.expect("granted");
    assert_eq!(fixture.context(granted.attempt).await.simulated.as_deref(), Some("rpi5"));
    let sent = Measurement { telemetry: telemetry.map(Box::new), ..measurement() };
    let mut analysis = analyse(&spec(), &Measurement { telemetry: None, ..sent.clone() }).expect("sound");
    (analysis.statistics.energy, analysis.statistics.heat) = (energy, Some(heat(ThrottleVerdict::Light)));
    assert_eq!(fixture.stored(&granted, 1, &sent, &analysis).await, Accepted::Stored);
    let figures = fixture.store.run_figures(campaign).await.expect("reads").remove(0).measured.expect("measured");
    (fixture, runs[0], figures)
}

#[tokio::test]
async fn telemetry_comes_back_as_it_was_sent_and_its_trace_apart() {
    let (fixture, run, figures) = stored(Some(telemetry()), Some(figure())).await;
    assert_eq!(fixture.store.trace(run).await.expect("reads"), telemetry().trace);
    let read = fixture.store.telemetry(run).await.expect("reads").expect("kept");
    assert_eq!(read, Telemetry { trace: Vec::new(), ..telemetry() });
    let measured = fixture.run(run).await.measured.expect("measured");
    assert_eq!(measured.measurement.telemetry, None, "lists stay light");
    assert_eq!(measured.simulated.as_deref(), Some("rpi5"));
    assert_eq!(measured.statistics.expect("kept").energy, Some(figure()), "to the last bit");
    let energy = RunEnergy {
        scope: Scope::DcInput,
        mean_w: 6.1,
        per_inference_j: Ok(0.183),
        coverage: 1.0,
        throttle: ThrottleVerdict::Light,
        rankable: true,
    };
    assert_eq!((figures.energy, figures.simulated.as_deref()), (Ok(energy), Some("rpi5")));
}

#[tokio::test]
async fn a_run_without_an_energy_says_why() {
    let refused =
        EnergyFigure { gross_j: None, per_inference_j: None, refusal: Some("a gap of 2 s".to_owned()), ..figure() };
    let (_, _, figures) = stored(Some(telemetry()), Some(refused)).await;
    let energy = figures.energy.expect("it has a mean power");
    assert_eq!((energy.per_inference_j, energy.rankable), (Err("a gap of 2 s".to_owned()), false));

    let blind =
        Telemetry { power: None, no_power: Some("rapl is closed".to_owned()), trace: Vec::new(), ..telemetry() };
    let (fixture, run, figures) = stored(Some(blind), None).await;
    assert_eq!(figures.energy, Err("no sensor: rapl is closed".to_owned()));
    assert!(fixture.store.trace(run).await.expect("reads").is_empty());
    let (_, _, figures) = stored(Some(telemetry()), None).await;
    assert_eq!(figures.energy, Err("the readings were of no use".to_owned()));
    let (fixture, run, figures) = stored(None, None).await;
    assert_eq!(figures.energy, Err("none was recorded".to_owned()));
    assert_eq!(fixture.store.telemetry(run).await.expect("reads"), None);
}

#[tokio::test]
async fn a_device_keeps_the_heat_it_told_last() {
    let fixture = Fixture::new().await;
    let (one, two) = (fixture.device(1).await, fixture.device(2).await);
    let hot =
        Heat { temperature_c: 61.25, reference_c: Some(40.0), cool: false, wait: Some(Duration::from_millis(20_500)) };
    let later = Timestamp(NOW.0 + 5_000_000);
    let seen = |device: &DeviceSession, heat| Seen { device: device.id, at: later, heat };
    fixture.store.note_seen(&[seen(&one, Some((hot, NOW))), seen(&two, None)]).await.expect("notes");
    fixture.store.note_seen(&[seen(&one, None)]).await.expect("notes");
    let devices = fixture.store.devices().await.expect("reads");
    let heats: Vec<_> = devices.iter().map(|device| (device.last_seen, device.heat)).collect();
    assert_eq!(heats, [(later, Some((hot, NOW))), (later, None)]);
}

#[tokio::test]
async fn runs_that_wait_for_a_hot_device_do_not_stand_before_those_that_need_not() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(2).await;
    let desk = fixture.device(1).await;
    let class = fixture.store.ready_classes().await.expect("reads")[0].id;
    let ready = async |hot: &[DeviceId]| {
        let ready = fixture.store.ready_runs(&[class], &[desk.id], hot, 10).await.expect("reads");
        ready.into_iter().map(|run| (run.id, run.gate)).collect::<Vec<_>>()
    };
    assert_eq!(ready(&[desk.id]).await, [(runs[0], ThermalGate::Auto)], "another device may take it");
    let granted = fixture.grant(runs[0], &desk).await.expect("granted");
    fixture.measured(&granted, 1).await;
    assert_eq!(ready(&[]).await, [(runs[1], ThermalGate::Auto)]);
    assert_eq!(ready(&[desk.id]).await, [], "its only device is hot");
    for gate in [ThermalGate::Off, ThermalGate::Required] {
        sqlx::query(
            "update cell set spec = jsonb_set(spec, '{environment}', jsonb_build_object('thermal_gate', $1::text))",
        )
        .bind(gate.name())
        .execute(&fixture.store.pool)
        .await
        .expect("sets the gate");
        let expected = if gate == ThermalGate::Off { vec![(runs[1], gate)] } else { Vec::new() };
        assert_eq!(ready(&[desk.id]).await, expected, "{gate:?}");
        assert_eq!(ready(&[]).await, [(runs[1], gate)], "{gate:?}");
    }
}

#[tokio::test]
async fn an_attempt_that_waits_until_its_device_is_cool_keeps_its_lease() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    let desk = fixture.device(1).await;
    let granted = fixture.grant(runs[0], &desk).await.expect("granted");
    let held = [(granted.attempt, granted.fence, AttemptPhase::Cooling)];
    assert_eq!(fixture.store.renew(desk.id, &held, LEASE).await.expect("renews").len(), 1);
    let attempt = fixture.store.attempts(runs[0]).await.expect("reads").remove(0);
    assert!(matches!(attempt.state, AttemptState::Running { phase: AttemptPhase::Cooling, .. }));
}

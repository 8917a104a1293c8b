//! What is sent is what arrives, and what is missing, unknown or out of range is refused with the field's name.

#[path = "conversions/telemetry.rs"]
mod telemetry;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use domain::{
    AccuracyRecord, AccuracyRule, Affinity, AttemptPhase, CellSpec, DeviceFacts, Digest, Drift, Environment,
    EnvironmentRule, Estimate, Evaluation, ExampleCounts, ExampleProblem, Failure, FailureKind, FileRef, Fingerprint,
    InputSource, LatencySummary, MeasureRule, Measurement, Metric, ModelFile, ModelRef, OnBadExample, OperatorTime,
    Optimization, OutputCheck, Percentile, PlacedNode, Placement, Postprocessing, PowerMethod, PowerRule, Precision,
    Preprocessing, ProviderName, ProviderShare, Rate, Reason, Regime, Requirement, Runtime, Samples, Scenario, Segment,
    ServerLoad, Settings, StableEnvironment, Statistics, SteadyClass, SteadyState, StopReason, Task,
    TensorPreprocessing, ThermalGate, Tier, Timestamp, Trial, Verdict, VerdictLevel, VolatileEnvironment, Warmup,
};
use furlong_proto::{InvalidMessage, pb};
use prost::Message;

/// Sends a value over the wire, bytes included, and compares what arrives.
fn check_survives<T, W>(value: &T)
where
    T: Clone + PartialEq + Debug + TryFrom<W, Error = InvalidMessage>,
    W: Message + Default + From<T>,
{
    let bytes = W::from(value.clone()).encode_to_vec();
    let wire = W::decode(bytes.as_slice()).expect("our own bytes");
    assert_eq!(T::try_from(wire).as_ref(), Ok(value));
}

/// Spoils a value's message and compares the refusal.
fn check_refused<T, W>(value: T, spoil: impl FnOnce(&mut W), refusal: &str)
where
    T: Debug + TryFrom<W, Error = InvalidMessage>,
    W: From<T>,
{
    let mut wire = W::from(value);
    spoil(&mut wire);
    assert_eq!(T::try_from(wire).expect_err("spoilt").to_string(), refusal);
}

fn text(value: &str) -> String {
    value.to_owned()
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn file(path: &str) -> FileRef {
    FileRef { path: text(path), sha256: Digest::of(path.as_bytes()), size_bytes: 4 }
}

fn plain_cell() -> CellSpec {
    CellSpec::new(ModelRef {
        name: text("minilm"),
        sha256: Digest::of(b"model"),
        size_bytes: 5,
        tokenizer_sha256: Some(Digest::of(b"tokenizer")),
        ..ModelRef::nameless()
    })
}

fn server(load: ServerLoad) -> Scenario {
    Scenario::Server { load, target_latency: Duration::from_millis(200), percentile: Percentile::P97 }
}

/// Every setting other than its default.
fn full_cell() -> CellSpec {
    CellSpec {
        model: ModelRef {
            precision: Some(Precision::FP32),
            files: vec![ModelFile { path: text("weights/a.bin"), sha256: Digest::of(b"weights"), size_bytes: 9 }],
            ..plain_cell().model
        },
        runtime: Runtime::File(file("libonnxruntime.so")),
        provider: ProviderName::parse("qnn").expect("known"),
        provider_options: texts(&[("backend_path", "libQnnHtp.so")]),
        provider_library: Some(text("/opt/qnn/libonnxruntime_providers_qnn.so")),
        fallback: vec![ProviderName::parse("xnnpack").expect("known")],
        scenario: server(ServerLoad::Fixed(Rate::from_millis(20_500).expect("a rate"))),
        batch: 4,
        sequence_length: Some(32),
        dims: [(text("past"), 0), (text("height"), 224)].into(),
        shapes: [(text("image"), vec![1, 3, 224, 224]), (text("scalar"), vec![])].into(),
        intra_threads: 2,
        settings: Settings {
            inter_threads: 3,
            spinning: false,
            optimization: Optimization::Extended,
            arena: false,
            affinity: Affinity::Cpus(vec![0, 1, 6]),
            variables: texts(&[("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")]),
        },
        input: InputSource::Random { seed: 7, ranges: [(text("input_ids"), (-1.5, 30_000.0))].into() },
        state: texts(&[("present", "past")]),
        require: Some(Requirement {
            provider: ProviderName::parse("FpgaExecutionProvider").expect("well formed"),
            min_share_millionths: 900_000,
        }),
        warmup: Warmup { min_iterations: 3, min_duration: Duration::from_millis(250) },
        measure: MeasureRule {
            tier: Tier::Official,
            min_queries: 1024,
            min_duration: Duration::from_mins(10),
            max_duration: Duration::from_secs(700),
        },
        time_limit: Some(Duration::from_mins(15)),
        power_mode: Some(text("15W")),
        environment: EnvironmentRule {
            governor: Some(text("performance")),
            max_start_temp_c: Some(45),
            cooldown: Some(Duration::from_mins(1)),
            thermal_gate: ThermalGate::Required,
            regime: Regime::Sustained { plateau: Duration::from_secs(45) },
        },
        power: Some(PowerRule {
            source: text("ina3221"),
            rate_hz: Some(200),
            idle_window: Duration::from_secs(10),
            method: PowerMethod::Mlperf,
        }),
        accuracy: Some(AccuracyRule {
            min_ratio_millionths: Some(990_000),
            evaluation: Some(evaluation()),
            ..AccuracyRule::default()
        }),
    }
}

fn environment() -> Environment {
    Environment {
        stable: StableEnvironment {
            agent_version: text("0.1.0"),
            runtime_version: text("1.32.0"),
            runtime_build: text("git-commit-id=abc"),
            runtime_sha256: Digest::of(b"library").to_string(),
            provider: text("CPUExecutionProvider"),
            provider_options: texts(&[("use_arena", "1")]),
            cpu_model: text("Cortex-A76"),
            isa: vec![text("asimddp"), text("i8mm")],
            cores: 4,
            memory_bytes: Some(8 << 30),
            kernel: text("6.12.1"),
            governor: Some(text("powersave, schedutil")),
            boost: Some(false),
            huge_pages: Some(text("madvise")),
            affinity: Some(text("4-7")),
            variables: texts(&[("GLIBC_TUNABLES", "x")]),
        },
        volatile: VolatileEnvironment {
            foreign_cpu_share: Some(0.0),
            processor_wait_share: Some(0.25),
            involuntary_switches: Some(0),
            load_average: Some(0.5),
            autogroup_raised: true,
            cpu_pressure: Some(0.25),
            memory_pressure: Some(0.125),
            io_pressure: Some(0.0),
            frequency_start_mhz: Some(2400),
            frequency_end_mhz: Some(1800),
            temperature_start_c: Some(-4.5),
            temperature_end_c: Some(81.25),
            throttle_events: Some(2),
            available_bytes: Some(6 << 30),
            drift: vec![Drift { what: text("governor"), before: text("performance"), after: text("powersave") }],
        },
    }
}

fn placement() -> Placement {
    let provider = || text("CPUExecutionProvider");
    Placement {
        calls: 5,
        nodes: vec![PlacedNode {
            name: text("/MatMul"),
            operator: text("MatMul"),
            provider: provider(),
            time_ns: 1_200,
        }],
        nodes_left_out: 1,
        providers: vec![ProviderShare { provider: provider(), nodes: 2, time_ns: 1_500 }],
        operators: vec![OperatorTime { operator: text("MatMul"), provider: provider(), nodes: 2, time_ns: 1_500 }],
    }
}

fn measurement() -> Measurement {
    let rate = Rate::from_millis(20_500).expect("a rate");
    Measurement {
        started_at: Timestamp(1_700_000_000_000_000),
        measured: Duration::from_nanos(61_000_000_001),
        issuing: Duration::from_mins(1),
        stop: StopReason::Overload,
        samples: Samples { pco: vec![1, 2, 3], count: 3, quantum_ns: 100 },
        slip: Some(Samples { pco: vec![4], count: 3, quantum_ns: 10 }),
        rate: Some(rate),
        trials: vec![Trial { rate, queries: 300, over_latency: 2, passed: true }],
        histogram: vec![9, 8],
        runtime_load: Duration::from_millis(1),
        session_load: Duration::from_millis(2),
        first_inference: Duration::from_millis(3),
        warmup_iterations: 10,
        peak_rss_bytes: 1 << 30,
        end_rss_bytes: 1 << 29,
        samples_per_query: 8,
        environment: environment(),
        placement: Some(placement()),
        placement_problem: Some(text("the profile was cut short")),
        inputs: vec![text("input_ids: int64[1,32]")],
        outputs: vec![text("logits: float32[1,2]")],
        accuracy: Some(Box::new(accuracy())),
        check: OutputCheck {
            inputs: Some(Digest::of(b"inputs")),
            fingerprints: vec![Fingerprint { output: text("logits"), elements: 2, sketch: vec![0.5, -1.25] }],
            predictions: vec![5, 6],
        },
        telemetry: Some(Box::new(telemetry::telemetry())),
    }
}

fn accuracy() -> AccuracyRecord {
    AccuracyRecord {
        task: Task::Mrpc,
        dataset: Digest::of(b"data"),
        counts: ExampleCounts { total: 10, seen: 9, scored: 8, skipped: 1 },
        problems: vec![ExampleProblem { example: text("line 7"), why: text("it has no label") }],
        metrics: vec![
            Metric { name: text("f1"), value: 0.75, interval: Some((0.5, 0.875)), count: None },
            Metric { name: text("accuracy"), value: 0.5, interval: None, count: Some((4, 8)) },
        ],
        predictions: vec![1, 2],
        preprocessing: text("text: cut to 128 tokens"),
        elapsed: Duration::from_secs(3),
        inference: Duration::from_secs(2),
    }
}

fn evaluation() -> Evaluation {
    Evaluation {
        task: Task::ImageClassification,
        dataset: FileRef { path: text("val"), sha256: Digest::of(b"val"), size_bytes: 9 },
        examples: Some(100),
        checked_examples: 16,
        on_bad_example: OnBadExample::Skip,
        preprocessing: Preprocessing {
            tensor: Some(TensorPreprocessing { zero: 0.1, scale: 3.0 }),
            ..Preprocessing::default()
        },
        postprocessing: Postprocessing { label_offset: -1, ..Postprocessing::default() },
    }
}

fn latency() -> LatencySummary {
    LatencySummary {
        min_ns: 1,
        p50_ns: 2,
        p90_ns: 3,
        p95_ns: 4,
        p99_ns: 5,
        p999_ns: 6,
        max_ns: 7,
        mean_ns: 2.5,
        mad_ns: 1,
    }
}

fn statistics() -> Statistics {
    Statistics {
        version: Statistics::VERSION,
        latency: latency(),
        effective_samples: 812.5,
        standard_deviation_ns: 0.75,
        throughput_per_s: 400.0,
        estimates: vec![
            Estimate {
                percentile: Percentile::P50,
                value_ns: 2,
                low_ns: Some(1),
                high_ns: Some(3),
                needed: 6,
                early_stopping_ns: Some(4),
                early_stopping_needed: 11,
            },
            Estimate {
                percentile: Percentile::P999,
                value_ns: 6,
                low_ns: None,
                high_ns: None,
                needed: 3688,
                early_stopping_ns: None,
                early_stopping_needed: 6636,
            },
        ],
        over_latency: Some(0),
        steady: SteadyState {
            class: SteadyClass::Slowdown,
            segments: vec![Segment { start: 0, end: 3, mean_ns: 2.5, p50_ns: 2 }],
            steady_from: 1,
            burst_ns: 2,
            sustained_ns: 3,
            outlier_count: 2,
            outliers: vec![0, 2],
        },
        slip: Some(latency()),
        energy: Some(telemetry::energy()),
        heat: Some(telemetry::heat()),
    }
}

fn verdict() -> Verdict {
    let reason = |code: &str, level| Reason {
        code: text(code),
        message: text("others took 12 % of the processors' time, 5 % are allowed"),
        level,
        value: 0.12,
        threshold: 0.05,
        unit: text("share"),
    };
    Verdict {
        level: VerdictLevel::Invalid,
        tier: Tier::Quick,
        reasons: vec![reason("foreign-cpu", VerdictLevel::Suspect), reason("too-few", VerdictLevel::Invalid)],
    }
}

#[test]
fn a_models_file_stays_in_the_models_folder() {
    for path in ["", "/etc/passwd", "../weights", "a/../../b", "a//b", "a\\b", "./a"] {
        let spoil = |wire: &mut pb::CellSpec| {
            wire.model.as_mut().expect("a model").files[0].path = text(path);
        };
        let refusal = format!("field `model.files.path` is malformed: `{path}` leaves the model's folder");
        check_refused::<CellSpec, pb::CellSpec>(full_cell(), spoil, &refusal);
    }
}

#[test]
fn rules_of_a_cell_are_within_their_bounds() {
    let check = |spoil: fn(&mut pb::CellSpec), refusal: &str| {
        check_refused::<CellSpec, pb::CellSpec>(full_cell(), spoil, refusal);
    };
    let above_one = |wire: &mut pb::CellSpec| {
        wire.accuracy.as_mut().expect("a rule").min_ratio_millionths = Some(1_000_001);
    };
    check(above_one, "field `accuracy.min_ratio_millionths` is malformed: 1000001 is more than the whole");
    let no_provider = |wire: &mut pb::CellSpec| wire.fallback = vec![text("gpu")];
    check(no_provider, "field `cell.fallback` holds gpu, which this version does not know");
}

#[test]
fn a_cell_survives_the_wire_plain_and_with_every_setting() {
    check_survives::<CellSpec, pb::CellSpec>(&plain_cell());
    check_survives::<CellSpec, pb::CellSpec>(&full_cell());
}

#[test]
fn a_cell_keeps_its_key_over_the_wire() {
    let device = "class=orin".parse().expect("a selector");
    let arrived = CellSpec::try_from(pb::CellSpec::from(full_cell())).expect("our own message");
    assert_eq!(arrived.key(&device), full_cell().key(&device));
}

#[test]
fn every_scenario_survives_the_wire() {
    for scenario in [
        Scenario::SingleStream,
        Scenario::MultiStream { samples_per_query: 8 },
        server(ServerLoad::Fixed(Rate::from_millis(1).expect("a rate"))),
        server(ServerLoad::Search),
        Scenario::Offline,
    ] {
        check_survives::<Scenario, pb::Scenario>(&scenario);
    }
}

#[test]
fn every_runtime_input_and_setting_survives_the_wire() {
    for runtime in [Runtime::Managed, Runtime::Release(text("1.23.2")), Runtime::File(file("lib.so"))] {
        check_survives::<Runtime, pb::Runtime>(&runtime);
    }
    for input in [InputSource::random(0), InputSource::Text(file("a.txt")), InputSource::Tensors(file("b.npz"))] {
        check_survives::<InputSource, pb::InputSource>(&input);
    }
    for affinity in [Affinity::Any, Affinity::Big, Affinity::Little, Affinity::Cpus(vec![3])] {
        check_survives::<Settings, pb::Settings>(&Settings { affinity, ..Settings::default() });
    }
    for optimization in [Optimization::Disabled, Optimization::Basic, Optimization::Extended, Optimization::All] {
        check_survives::<Settings, pb::Settings>(&Settings { optimization, ..Settings::default() });
    }
    for tier in [Tier::Smoke, Tier::Quick, Tier::Standard, Tier::Official, Tier::Custom] {
        check_survives::<MeasureRule, pb::MeasureRule>(&MeasureRule { tier, ..MeasureRule::default() });
    }
}

#[test]
fn a_measurement_survives_the_wire() {
    check_survives::<Measurement, pb::Measurement>(&measurement());
    for stop in [StopReason::Satisfied, StopReason::MaxDuration, StopReason::MaxQueries] {
        check_survives::<Measurement, pb::Measurement>(&Measurement { stop, ..measurement() });
    }
}

#[test]
fn what_a_platform_does_not_tell_stays_untold() {
    check_survives::<Measurement, pb::Measurement>(&Measurement {
        slip: None,
        rate: None,
        trials: vec![],
        environment: Environment::default(),
        placement: None,
        placement_problem: None,
        telemetry: None,
        ..measurement()
    });
}

#[test]
fn statistics_survive_the_wire() {
    check_survives::<Statistics, pb::Statistics>(&statistics());
    for class in [SteadyClass::Flat, SteadyClass::WarmUp, SteadyClass::NoSteadyState] {
        let steady = SteadyState { class, ..statistics().steady };
        check_survives::<Statistics, pb::Statistics>(&Statistics {
            steady,
            over_latency: None,
            slip: None,
            energy: None,
            heat: None,
            ..statistics()
        });
    }
}

#[test]
fn a_verdict_survives_the_wire() {
    check_survives::<Verdict, pb::Verdict>(&verdict());
    check_survives::<Verdict, pb::Verdict>(&Verdict { level: VerdictLevel::Valid, reasons: vec![], ..verdict() });
}

#[test]
fn a_failure_survives_the_wire() {
    check_survives::<Failure, pb::AttemptFailure>(&Failure {
        kind: FailureKind::OutOfMemory,
        message: text("memory ran out"),
        stderr_tail: text("bad_alloc"),
        exit_code: None,
        signal: Some(9),
        peak_rss_bytes: Some(1 << 30),
        phase: AttemptPhase::Measuring,
    });
}

#[test]
fn every_phase_survives_the_wire() {
    for phase in [
        AttemptPhase::Preparing,
        AttemptPhase::Cooling,
        AttemptPhase::Loading,
        AttemptPhase::WarmingUp,
        AttemptPhase::Measuring,
        AttemptPhase::Reporting,
    ] {
        assert_eq!(furlong_proto::phase_from_wire(pb::AttemptPhase::from(phase).into()), Ok(phase));
    }
}

#[test]
fn facts_survive_the_wire_and_nothing_told_stays_nothing() {
    let facts = DeviceFacts {
        arch: text("aarch64"),
        os: text("linux"),
        kernel: text("5.15.148-tegra"),
        cpu_model: text("Cortex-A78AE"),
        cores: 6,
        memory_bytes: 8 << 30,
        isa: vec![text("asimddp")],
        runtime_version: Some(text("1.32.0")),
        providers: vec![text("CPUExecutionProvider")],
        power_sensors: vec![text("ina3221")],
        no_power_reason: Some(text("no meter")),
        simulated: Some(text("jetson-orin-nano")),
    };
    for facts in [facts, DeviceFacts::default()] {
        assert_eq!(DeviceFacts::from(pb::DeviceFacts::from(facts.clone())), facts);
    }
}

#[test]
fn a_missing_message_is_an_error_and_never_a_default() {
    let check = |spoil: fn(&mut pb::CellSpec), field: &str| {
        check_refused(full_cell(), spoil, &format!("field `{field}` is missing"));
    };
    check(|cell| cell.model = None, "cell.model");
    check(|cell| cell.runtime = None, "cell.runtime");
    check(|cell| cell.runtime = Some(pb::Runtime { source: None }), "runtime.source");
    check(|cell| cell.scenario = None, "cell.scenario");
    check(|cell| cell.scenario = Some(pb::Scenario { pattern: None }), "scenario.pattern");
    check(|cell| cell.settings = None, "cell.settings");
    check(
        |cell| cell.settings = Some(pb::Settings { inter_threads: 1, ..Default::default() }),
        "settings.optimization",
    );
    check(|cell| cell.input = None, "cell.input");
    check(|cell| cell.input = Some(pb::InputSource { source: None }), "input.source");
    check(|cell| cell.warmup = None, "cell.warmup");
    check(|cell| cell.measure = None, "cell.measure");
    check(|cell| cell.measure = Some(pb::MeasureRule::default()), "measure.tier");
    check(|cell| cell.provider.clear(), "cell.provider");

    let check = |spoil: fn(&mut pb::Measurement), field: &str| {
        check_refused(measurement(), spoil, &format!("field `{field}` is missing"));
    };
    check(|measurement| measurement.samples = None, "measurement.samples");
    check(|measurement| measurement.stop = 0, "measurement.stop");
    check(|measurement| measurement.environment = None, "measurement.environment");
    check(|measurement| measurement.environment = Some(pb::Environment::default()), "environment.stable");

    let check = |spoil: fn(&mut pb::Statistics), field: &str| {
        check_refused(statistics(), spoil, &format!("field `{field}` is missing"));
    };
    check(|statistics| statistics.latency = None, "statistics.latency");
    check(|statistics| statistics.steady = None, "statistics.steady");
    check(|statistics| statistics.steady = Some(pb::SteadyState::default()), "steady.class");

    let check = |spoil: fn(&mut pb::Verdict), field: &str| {
        check_refused(verdict(), spoil, &format!("field `{field}` is missing"));
    };
    check(|verdict| verdict.level = 0, "verdict.level");
    check(|verdict| verdict.tier = 0, "verdict.tier");
    check(|verdict| verdict.reasons[0].level = 0, "reason.level");
}

#[test]
fn what_this_version_does_not_know_is_refused() {
    let refusal = |field: &str, value: &str| format!("field `{field}` holds {value}, which this version does not know");
    let check = |spoil: fn(&mut pb::CellSpec), field: &str, value: &str| {
        check_refused(full_cell(), spoil, &refusal(field, value));
    };
    check(|cell| cell.provider = text("abacus"), "cell.provider", "abacus");
    check(|cell| cell.measure.as_mut().expect("full").tier = 99, "measure.tier", "99");
    check(|cell| cell.settings.as_mut().expect("full").optimization = 99, "settings.optimization", "99");
    check(|cell| cell.settings.as_mut().expect("full").affinity = text("huge"), "settings.affinity", "huge");
    check_refused(measurement(), |wire: &mut pb::Measurement| wire.stop = 99, &refusal("measurement.stop", "99"));
    check_refused(verdict(), |wire: &mut pb::Verdict| wire.level = -1, &refusal("verdict.level", "-1"));
    assert_eq!(furlong_proto::phase_from_wire(99), Err(InvalidMessage::Unknown { field: "phase", value: text("99") }));
}

#[test]
fn what_is_out_of_range_is_refused() {
    let check_cell = |spoil: fn(&mut pb::CellSpec), refusal: &str| check_refused(full_cell(), spoil, refusal);
    let server = |spoil: fn(&mut pb::scenario::Server), refusal: &str| {
        let spoil = |cell: &mut pb::CellSpec| match cell.scenario.as_mut().and_then(|it| it.pattern.as_mut()) {
            Some(pb::scenario::Pattern::Server(server)) => spoil(server),
            other => panic!("the full cell is a server's: {other:?}"),
        };
        check_refused(full_cell(), spoil, refusal);
    };
    check_cell(|cell| cell.batch = 0, "field `cell.batch` is malformed: it is 0, it must be at least 1");
    check_cell(
        |cell| cell.require.as_mut().expect("full").min_share_millionths = 1_000_001,
        "field `require.min_share_millionths` is malformed: 1000001 is more than the whole",
    );
    check_cell(
        |cell| {
            let ranges = [(text("x"), pb::ValueRange { low: 2.0, high: 1.0 })].into();
            let source = Some(pb::input_source::Source::Random(pb::RandomInput { seed: 0, ranges }));
            cell.input = Some(pb::InputSource { source });
        },
        "field `input.random.ranges` is malformed: the least value 2 is above the greatest, 1",
    );
    server(
        |server| server.percentile_millionths = 1_000_000,
        "field `scenario.percentile_millionths` is malformed: 1000000 does not lie between 0 and 1000000",
    );
    server(
        |server| server.load = Some(pb::scenario::server::Load::RateMillis(0)),
        "field `scenario.rate_millis` is malformed: a rate is above 0",
    );

    let check = |spoil: fn(&mut pb::Measurement), refusal: &str| check_refused(measurement(), spoil, refusal);
    check(
        |measurement| measurement.samples.as_mut().expect("full").count = 0,
        "field `samples.count` is malformed: it is 0, it must be at least 1",
    );
    check(
        |measurement| {
            let nodes = &mut measurement.placement.as_mut().expect("full").nodes;
            nodes.resize(Placement::NODE_LIMIT + 1, pb::PlacedNode::default());
        },
        "field `placement.nodes` is malformed: 4097 nodes are more than 4096",
    );
}

#[test]
fn a_number_that_json_cannot_say_is_refused() {
    let volatile = |spoil: fn(&mut pb::VolatileEnvironment), refusal: &str| {
        let spoil = |measurement: &mut pb::Measurement| {
            spoil(measurement.environment.as_mut().and_then(|it| it.volatile.as_mut()).expect("full"));
        };
        check_refused(measurement(), spoil, refusal);
    };
    volatile(
        |volatile| volatile.foreign_cpu_share = Some(f64::NAN),
        "field `environment.foreign_cpu_share` is malformed: NaN is not a finite number",
    );
    volatile(
        |volatile| volatile.temperature_end_c = Some(f64::INFINITY),
        "field `environment.temperature_end_c` is malformed: inf is not a finite number",
    );
    check_refused(
        verdict(),
        |verdict: &mut pb::Verdict| verdict.reasons[0].threshold = f64::NAN,
        "field `reason.threshold` is malformed: NaN is not a finite number",
    );
    check_refused(
        statistics(),
        |statistics: &mut pb::Statistics| statistics.effective_samples = f64::NEG_INFINITY,
        "field `statistics.effective_samples` is malformed: -inf is not a finite number",
    );
}

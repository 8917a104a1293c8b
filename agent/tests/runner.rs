//! The runner as a process, on the real ONNX Runtime: what it reports for a model that works and for models that do not.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use domain::{
    AttemptPhase, CellSpec, Failure, FailureKind, InputSource, MeasureRule, Measurement, ModelRef, Percentile, Rate,
    Scenario, ServerLoad, StopReason, Warmup,
};
use onnx::samples;
use prost::Message as _;
use proto::pb;
use toolchain::{Package, Source, Toolchain};

const RUNNER: &str = env!("CARGO_BIN_EXE_furlong-agent");

/// Installed once, below the target directory, the way a clean clone does it.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let toolchain = Toolchain::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("toolchain"));
    let installed = toolchain.install(Package::OnnxRuntime, &Source::pip(), &mut |_| {}).expect("can be installed");
    installed.library().expect("a library")
});

fn cell() -> CellSpec {
    CellSpec {
        input: InputSource::random(1),
        warmup: Warmup { min_iterations: 3, min_duration: Duration::ZERO },
        measure: MeasureRule {
            min_queries: 64,
            min_duration: Duration::ZERO,
            max_duration: Duration::from_secs(30),
            ..MeasureRule::default()
        },
        ..CellSpec::new(ModelRef { name: "model".to_owned(), ..ModelRef::nameless() })
    }
}

/// A job on the bytes of a model; the directory must outlive the runner.
fn job(model: &[u8]) -> (tempfile::TempDir, pb::RunnerJob) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("model.onnx");
    std::fs::write(&path, model).expect("written");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let job = pb::RunnerJob {
        cell: Some(cell().into()),
        runtime_library: text(&LIBRARY),
        model: text(&path),
        ..pb::RunnerJob::default()
    };
    (directory, job)
}

fn start(job: &pb::RunnerJob) -> Child {
    let mut runner = Command::new(RUNNER)
        .arg("runner")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let stdin = runner.stdin.as_mut().expect("piped");
    stdin.write_all(&job.encode_length_delimited_to_vec()).expect("written");
    runner
}

/// Runs a job to its end: the phases it went through, its report, its exit.
fn run(job: &pb::RunnerJob) -> (Vec<AttemptPhase>, Result<Measurement, Failure>, ExitStatus) {
    let mut runner = start(job);
    // Kept open: its end would mean that the agent is gone, and `wait` would close it.
    let _stdin = runner.stdin.take();
    let mut bytes = Vec::new();
    runner.stdout.take().expect("piped").read_to_end(&mut bytes).expect("read");
    let status = runner.wait().expect("waited for");
    let (mut phases, mut report, mut rest) = (Vec::new(), None, bytes.as_slice());
    while !rest.is_empty() {
        let event = pb::RunnerEvent::decode_length_delimited(&mut rest).expect("whole").event.expect("not empty");
        match event {
            pb::runner_event::Event::Phase(phase) => phases.push(proto::phase_from_wire(phase).expect("known")),
            pb::runner_event::Event::Marks(marks) => assert!(
                marks.warm_up_begin_ns.is_some_and(|begin| begin <= marks.begin_ns) && marks.begin_ns < marks.end_ns,
                "{marks:?}"
            ),
            pb::runner_event::Event::Measurement(wire) => report = Some(Ok(wire.try_into().expect("valid"))),
            pb::runner_event::Event::Failure(wire) => report = Some(Err(wire.try_into().expect("valid"))),
        }
    }
    (phases, report.expect("a report"), status)
}

fn check_failure(job: &pb::RunnerJob, kind: FailureKind, words: &[&str]) {
    let (_, report, status) = run(job);
    let failure = report.expect_err("a failure");
    assert_eq!((failure.kind, failure.phase), (kind, AttemptPhase::Loading), "{}", failure.message);
    assert!(words.iter().all(|word| failure.message.contains(word)), "{}", failure.message);
    assert!(status.success(), "a delivered report ends with code 0, not {status}");
}

#[test]
fn a_model_that_works_is_measured() {
    let (_directory, job) = job(&samples::matmul(32));
    let (phases, report, status) = run(&job);
    let measurement = report.expect("a measurement");
    assert_eq!(phases, [AttemptPhase::Loading, AttemptPhase::WarmingUp, AttemptPhase::Measuring]);
    assert!(status.success());
    assert_eq!((measurement.samples.count, measurement.warmup_iterations), (64, 3));
    assert_eq!(measurement.inputs, ["x: float32[32,32]"]);
    assert_eq!(measurement.outputs, ["y: float32[32,32]"]);
    let analysis = analysis::analyse(&cell(), &measurement).expect("sound");
    let latency = analysis.statistics.latency;
    assert!(0 < latency.min_ns && latency.min_ns <= latency.p50_ns && latency.p99_ns <= latency.max_ns, "{latency:?}");
    assert!(measurement.measured >= Duration::from_nanos(latency.min_ns * 64), "{:?}", measurement.measured);
    let stable = &measurement.environment.stable;
    assert_eq!((stable.provider.as_str(), stable.runtime_sha256.len()), ("CPUExecutionProvider", 64));
    assert_eq!(stable.runtime_version, Package::OnnxRuntime.version());
    let placement = measurement.placement.expect("profiled");
    assert!((placement.share_of_nodes("CPUExecutionProvider") - 1.0).abs() < 1e-9, "{placement:?}");
    assert!(placement.operators.iter().any(|operator| operator.operator.contains("MatMul")), "{placement:?}");
    assert!(measurement.peak_rss_bytes > 1 << 20);
}

fn with(job: pb::RunnerJob, cell: CellSpec) -> pb::RunnerJob {
    pb::RunnerJob { cell: Some(cell.into()), ..job }
}

#[test]
fn every_scenario_records_what_it_is_judged_by() {
    let load = ServerLoad::Fixed(Rate::from_millis(500_000).expect("a rate"));
    let server = Scenario::Server { load, target_latency: Duration::from_millis(50), percentile: Percentile::P90 };
    for scenario in [Scenario::SingleStream, Scenario::MultiStream { samples_per_query: 4 }, Scenario::Offline, server]
    {
        let (_directory, job) = job(&samples::dynamic_batch());
        let (_, report, _) = run(&with(job, CellSpec { scenario, batch: 1, ..cell() }));
        let measurement = report.unwrap_or_else(|failure| panic!("{scenario}: {}", failure.message));
        assert_eq!(measurement.stop, StopReason::Satisfied, "{scenario}");
        assert!(measurement.samples.count >= 64, "{scenario}");
        let is_server = matches!(scenario, Scenario::Server { .. });
        assert_eq!((measurement.slip.is_some(), measurement.rate.is_some()), (is_server, is_server), "{scenario}");
        let samples = if matches!(scenario, Scenario::MultiStream { .. }) { 4 } else { 1 };
        assert_eq!(measurement.samples_per_query, samples, "{scenario}");
        assert!(measurement.inputs[0].contains(&format!("[{samples}")), "{:?}", measurement.inputs);
        assert!(measurement.issuing <= measurement.measured, "{scenario}");
    }
}

#[test]
fn a_search_ends_at_the_greatest_rate_that_holds() {
    let (_directory, job) = job(&samples::matmul(64));
    let rule = MeasureRule {
        max_duration: Duration::from_secs(2),
        min_duration: Duration::from_millis(100),
        ..cell().measure
    };
    let scenario = Scenario::Server {
        load: ServerLoad::Search,
        target_latency: Duration::from_millis(5),
        percentile: Percentile::P90,
    };
    let (_, report, _) = run(&with(job, CellSpec { scenario, measure: rule, ..cell() }));
    let measurement = report.expect("a measurement");
    let passed = measurement.trials.iter().filter(|trial| trial.passed).map(|trial| trial.rate).max();
    assert!(measurement.trials.len() > 2 && measurement.rate == passed, "{:?}", measurement.trials);
}

/// Writes a model's side files.
fn write_beside(directory: &tempfile::TempDir, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
}

#[test]
fn odd_models_run() {
    let odd = samples::odd();
    assert!(odd.len() >= 20);
    let mut failed = Vec::new();
    for odd in odd {
        let (directory, job) = job(&odd.model);
        write_beside(&directory, &odd.side_files);
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let cell = CellSpec {
            dims: odd.dims.iter().map(|(axis, length)| ((*axis).to_owned(), *length)).collect(),
            shapes: odd.shapes.iter().map(|(input, shape)| ((*input).to_owned(), shape.clone())).collect(),
            state: owned(&odd.state),
            ..cell()
        };
        let (_, report, _) = run(&with(job, cell));
        match report {
            Ok(measurement) if measurement.samples.count >= 64 && measurement.placement_problem.is_none() => {}
            Ok(measurement) => failed.push(format!("{}: {:?}", odd.name, measurement.placement_problem)),
            Err(failure) => failed.push(format!("{} ({}): {}", odd.name, odd.note, failure.message)),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn models_that_cannot_be_measured_are_refused_with_the_reason() {
    let mut wrong = Vec::new();
    for refused in samples::refused() {
        let (directory, job) = job(&refused.model);
        write_beside(&directory, &refused.side_files);
        let (_, report, _) = run(&job);
        match report {
            Err(failure) if failure.kind == FailureKind::Model && failure.message.contains(refused.mentions) => {}
            Err(failure) => wrong.push(format!("{}: {} {}", refused.name, failure.kind, failure.message)),
            Ok(_) => wrong.push(format!("{} was measured", refused.name)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn faults_of_the_model_are_the_models_with_the_runtimes_own_words() {
    let (_directory, unknown) = job(&samples::unknown_operator());
    check_failure(&unknown, FailureKind::Model, &["No Op registered for FurlongUnknown"]);
    let (_directory, text) = job(b"not a model");
    check_failure(&text, FailureKind::Model, &["not an ONNX model"]);
    let whole = samples::matmul(64);
    let (_directory, truncated) = job(&whole[..whole.len() / 2]);
    check_failure(&truncated, FailureKind::Model, &["not an ONNX model"]);
}

#[test]
fn an_allocation_beyond_the_machine_or_the_limit_is_out_of_memory() {
    let (_directory, huge) = job(&samples::huge_allocation());
    check_failure(&huge, FailureKind::OutOfMemory, &["first inference"]);
    if cfg!(target_os = "linux") {
        // 1 GiB where 512 MiB are allowed.
        let (_directory, large) = job(&samples::large_allocation(1 << 28));
        let limited = pb::RunnerJob { memory_limit_bytes: 1 << 29, ..large };
        check_failure(&limited, FailureKind::OutOfMemory, &["first inference"]);
    }
}

#[test]
fn a_missing_or_other_library_is_the_devices_fault_and_names_the_way_out() {
    let (directory, job) = job(&samples::add(1));
    let missing = pb::RunnerJob { runtime_library: "/nonexistent/libonnxruntime.so".to_owned(), ..job.clone() };
    check_failure(&missing, FailureKind::Infra, &["furlong toolchain install", "--onnxruntime FILE"]);
    let model = directory.path().join("model.onnx");
    let other = pb::RunnerJob { runtime_library: model.to_str().expect("UTF-8").to_owned(), ..job };
    check_failure(&other, FailureKind::Infra, &["cannot load the library"]);
}

#[test]
fn a_runner_ends_with_its_agent_even_inside_an_endless_inference() {
    let (_directory, job) = job(&samples::endless_loop());
    let mut runner = start(&job);
    // Loading has begun when the first byte is here; without the end of its input the runner would then never end.
    let mut first = [0];
    runner.stdout.as_mut().expect("piped").read_exact(&mut first).expect("a message");
    drop(runner.stdin.take());
    assert!(!runner.wait().expect("waited for").success());
}

#[test]
fn the_probe_prints_version_and_providers_and_nothing_else() {
    let output = Command::new(RUNNER).args(["runner", "probe"]).arg(&*LIBRARY).output().expect("started");
    let facts: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(facts["version"], Package::OnnxRuntime.version());
    assert!(facts["providers"].as_array().expect("a list").contains(&"CPUExecutionProvider".into()));
}

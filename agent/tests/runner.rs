//! The runner as a process, on the real ONNX Runtime: what it reports for a model that works and for models that do not.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use domain::{
    AttemptPhase, CellSpec, Digest, Failure, FailureKind, InputSource, MeasureRule, Measurement, ModelRef, Provider,
    Runtime, Scenario, Warmup,
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
    let model = ModelRef { name: "model".to_owned(), sha256: Digest::of(b""), size_bytes: 0, tokenizer_sha256: None };
    CellSpec {
        model,
        runtime: Runtime::OnnxRuntime,
        provider: Provider::Cpu,
        scenario: Scenario::SingleStream,
        batch: 1,
        sequence_length: None,
        intra_threads: 1,
        input: InputSource::Random { seed: 1 },
        warmup: Warmup { min_iterations: 3, min_duration: Duration::ZERO },
        measure: MeasureRule { min_queries: 64, min_duration: Duration::ZERO, max_duration: Duration::from_secs(30) },
        time_limit: None,
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
    let latency = measurement.latency;
    assert!(0 < latency.min_ns && latency.min_ns <= latency.p50_ns && latency.p99_ns <= latency.max_ns, "{latency:?}");
    assert!(measurement.measured >= Duration::from_nanos(latency.min_ns * 64), "{:?}", measurement.measured);
    assert_eq!(measurement.environment.provider, "CPUExecutionProvider");
    assert_eq!(measurement.environment.runtime_version, Package::OnnxRuntime.version());
    assert!(measurement.peak_rss_bytes > 1 << 20);
}

#[test]
fn faults_of_the_model_are_the_models_with_the_runtimes_own_words() {
    let (_directory, unknown) = job(&samples::unknown_operator());
    check_failure(&unknown, FailureKind::Model, &["No Op registered for FurlongUnknown"]);
    let (_directory, text) = job(b"not a model");
    check_failure(&text, FailureKind::Model, &["Protobuf parsing failed"]);
    let whole = samples::matmul(64);
    let (_directory, truncated) = job(&whole[..whole.len() / 2]);
    check_failure(&truncated, FailureKind::Model, &["Protobuf parsing failed"]);
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

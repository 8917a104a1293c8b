//! A whole agent, from its configuration on, against a coordinator in the same process. Shell scripts are its runners.

use std::fs;
use std::path::PathBuf;

use domain::{CellSpec, Measurement, Samples, Timestamp};
use prost::Message as _;
use proto::pb;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::Status;

use super::*;
use crate::config::RunnerCommand;
use crate::fake_coordinator::FakeCoordinator;
use crate::session::tests::cell;

/// A device with its data directory, and a coordinator for it.
struct Bench {
    data_dir: TempDir,
    fake: FakeCoordinator,
    agent: JoinSet<Result<(), AgentError>>,
    shutdown: CancellationToken,
}

/// Says what a library says, or else does what `$1` says.
const RUNNER: &str = r#"
if [ "$1" = probe ]; then echo '{"version":"1.32.0","providers":["CPUExecutionProvider"]}'; exit; fi
"#;

impl Bench {
    fn new() -> Self {
        let bench = Self {
            data_dir: tempfile::tempdir().unwrap(),
            fake: FakeCoordinator::start(),
            agent: JoinSet::new(),
            shutdown: CancellationToken::new(),
        };
        let event = pb::RunnerEvent { event: Some(pb::runner_event::Event::Measurement(measurement().into())) };
        fs::write(bench.file("report"), event.encode_length_delimited_to_vec()).unwrap();
        bench
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data_dir.path().join(name)
    }

    fn config(&self, runner: &str) -> Config {
        let script = format!("{RUNNER}\ncd '{}'\n{runner}", self.data_dir.path().display());
        Config {
            coordinator: format!("http://{}", self.fake.address),
            name: "bench-1".to_owned(),
            labels: [("class".to_owned(), "test".to_owned())].into(),
            data_dir: self.file("agent"),
            onnxruntime: Some(self.file("libonnxruntime.so")),
            toolchain_root: self.file("toolchain"),
            cache_limit: None,
            readings: None,
            runner_command: RunnerCommand {
                program: "sh".into(),
                arguments: vec!["-c".into(), script.into(), "runner".into()],
            },
            meters: Vec::new(),
            may_pin: false,
            simulate: None,
        }
    }

    /// Starts an agent whose runner is this script; returns what it says first.
    async fn start(&mut self, runner: &str) -> pb::Hello {
        self.shutdown = CancellationToken::new();
        self.agent.spawn(run(self.config(runner), self.shutdown.clone()));
        self.fake.hello().await
    }

    async fn end(&mut self) -> Result<(), AgentError> {
        self.agent.join_next().await.unwrap().unwrap()
    }

    async fn stop(&mut self) {
        self.shutdown.cancel();
        self.end().await.unwrap();
    }

    fn assign(&self, attempt: i64) {
        let mut cell: CellSpec = cell();
        cell.model.sha256 = self.fake.hold(b"model");
        self.fake.say(pb::coordinator_message::Message::Assignment(pb::Assignment {
            attempt_id: attempt,
            run_id: attempt,
            fence: attempt + 100,
            lease_ms: 30_000,
            cell: Some(cell.into()),
            repetition: 1,
            max_runtime_ms: 60_000,
            mode: pb::RunMode::Performance.into(),
        }));
    }

    /// Waits until everything in the spool is acknowledged.
    async fn emptied(&self) {
        let wait = async {
            while self.spooled() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), wait).await.expect("the spool empties");
    }

    /// Result directories in the spool.
    fn spooled(&self) -> usize {
        // `tmp` and `corrupt` are always there.
        fs::read_dir(self.file("agent/spool")).unwrap().count() - 2
    }
}

fn measurement() -> Measurement {
    Measurement {
        started_at: Timestamp(1),
        measured: std::time::Duration::from_secs(1),
        ..Measurement::of(Samples { pco: vec![7; 600_000], count: 3, quantum_ns: 1 })
    }
}

fn is_measured(report: &pb::AttemptReport) -> bool {
    report.outcome == Some(pb::attempt_report::Outcome::Measurement(measurement().into()))
}

fn failure(report: &pb::AttemptReport) -> (pb::FailureKind, String) {
    match report.outcome.clone() {
        Some(pb::attempt_report::Outcome::Failure(failure)) => (failure.kind(), failure.message),
        other => panic!("not a failure: {other:?}"),
    }
}

const MEASURES: &str = "cat report";
const MEASURES_WHEN_TOLD: &str = "while [ ! -e go ]; do sleep 0.02; done; cat report";
const HANGS: &str = "exec sleep 1000";

#[tokio::test]
async fn an_assignment_becomes_a_stored_report() {
    let mut bench = Bench::new();
    let hello = bench.start(MEASURES).await;
    assert_eq!((hello.device_name.as_str(), hello.held.len()), ("bench-1", 0));
    assert_eq!(hello.labels["class"], "test");
    assert_eq!(hello.facts.unwrap().runtime_version, "1.32.0");
    for attempt in 1..=2 {
        bench.assign(attempt);
        let reports = bench.fake.reports(usize::try_from(attempt).unwrap()).await;
        let (header, report) = reports.last().unwrap();
        assert_eq!((header.attempt_id, header.fence), (attempt, attempt + 100));
        assert!(is_measured(report));
    }
    bench.stop().await;
    assert_eq!(bench.spooled(), 0, "acknowledged");
    assert_eq!(bench.fake.state().fetches, [0], "the model was fetched once");
}

#[tokio::test]
async fn a_measurement_outlives_its_coordinator() {
    let mut bench = Bench::new();
    bench.start(MEASURES_WHEN_TOLD).await;
    bench.assign(1);
    bench.fake.phase(1, pb::AttemptPhase::Loading).await;
    bench.fake.kill();
    fs::write(bench.file("go"), "").unwrap();
    bench.fake.restart();
    let hello = bench.fake.hello().await;
    assert_eq!((hello.held.len(), hello.held[0].attempt_id, hello.held[0].fence), (1, 1, 101));
    assert!(is_measured(&bench.fake.reports(1).await[0].1));
    bench.stop().await;
}

#[tokio::test]
async fn a_report_outlives_its_agent() {
    let mut bench = Bench::new();
    bench.fake.state().deaf = true;
    bench.start(MEASURES).await;
    bench.assign(1);
    bench.fake.phase(1, pb::AttemptPhase::Reporting).await;
    // As abrupt as a kill: every task of the agent is dropped where it stands.
    bench.agent.shutdown().await;
    assert_eq!(bench.spooled(), 1);
    bench.fake.state().deaf = false;
    let hello = bench.start(HANGS).await;
    assert_eq!(
        hello.held.iter().map(|held| (held.attempt_id, held.phase())).collect::<Vec<_>>(),
        [(1, pb::AttemptPhase::Reporting)]
    );
    bench.emptied().await;
    bench.stop().await;
    // A delivery of the first life may have come through without its acknowledgement: then the second is a repetition.
    let reports = bench.fake.reports(1).await;
    assert!(reports.iter().all(|(header, report)| header == &reports[0].0 && is_measured(report)));
}

#[tokio::test]
async fn a_cancelled_attempt_is_reported_as_such() {
    let mut bench = Bench::new();
    bench.start(HANGS).await;
    bench.assign(1);
    bench.fake.phase(1, pb::AttemptPhase::Loading).await;
    let reason = "campaign c-4 was cancelled".to_owned();
    bench
        .fake
        .say(pb::coordinator_message::Message::Cancel(pb::CancelAttempt { attempt_id: 1, reason: reason.clone() }));
    assert_eq!(failure(&bench.fake.reports(1).await[0].1), (pb::FailureKind::Cancelled, reason));
    bench.stop().await;
}

#[tokio::test]
async fn a_stopped_agent_hands_its_attempt_back() {
    let mut bench = Bench::new();
    bench.start(HANGS).await;
    bench.assign(1);
    bench.fake.phase(1, pb::AttemptPhase::Loading).await;
    bench.stop().await;
    let (kind, message) = failure(&bench.fake.reports(1).await[0].1);
    assert_eq!((kind, message.as_str()), (pb::FailureKind::Infra, "the agent was stopped"));
    assert_eq!(fs::read_dir(bench.file("agent/scratch")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_missing_model_is_the_infrastructures_fault() {
    let mut bench = Bench::new();
    bench.start(MEASURES).await;
    bench.assign(1);
    bench.fake.state().artifacts.clear();
    let (kind, message) = failure(&bench.fake.reports(1).await[0].1);
    assert_eq!(kind, pb::FailureKind::Infra);
    assert!(message.contains("the coordinator does not have it"), "{message}");
    bench.stop().await;
}

#[tokio::test]
async fn an_agent_whose_name_is_taken_ends_with_the_reason() {
    let mut bench = Bench::new();
    bench.fake.state().refuse = Some(Status::already_exists("device `bench-1` has another id"));
    bench.agent.spawn(run(bench.config(MEASURES), CancellationToken::new()));
    let error = bench.end().await.unwrap_err().to_string();
    assert!(error.contains("device `bench-1` has another id"), "{error}");
}

#[tokio::test]
async fn a_superseded_agent_ends_and_says_so() {
    let mut bench = Bench::new();
    bench.start(MEASURES).await;
    let goodbye = pb::Goodbye { reason: "a newer session".to_owned(), reconnect_after_ms: 0, superseded: true };
    bench.fake.say(pb::coordinator_message::Message::Goodbye(goodbye));
    assert!(matches!(bench.end().await, Err(AgentError::Superseded { .. })));
}

#[tokio::test]
async fn a_second_agent_on_the_same_data_is_turned_away() {
    let mut bench = Bench::new();
    bench.start(MEASURES).await;
    let second = run(bench.config(MEASURES), CancellationToken::new()).await;
    assert!(matches!(second, Err(AgentError::Identity(identity::IdentityError::InUse { .. }))));
    bench.stop().await;
}

#[tokio::test]
async fn without_a_runtime_library_no_agent_starts() {
    let bench = Bench::new();
    let config = Config { onnxruntime: None, ..bench.config(MEASURES) };
    let error = run(config, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, AgentError::NoRuntime { .. } | AgentError::Toolchain(_)), "{error}");
    let mut config = bench.config(MEASURES);
    config.runner_command.arguments[1] = "echo 'too old' >&2; exit 1".into();
    let error = run(config, CancellationToken::new()).await.unwrap_err().to_string();
    assert!(error.contains("too old") && error.contains("--onnxruntime"), "{error}");
}

#[test]
fn an_address_that_is_none_is_explained() {
    for (text, why) in [("https://h:1", "TLS"), ("http://h", "no port"), ("ftp://h:1", "scheme"), ("http://", "")] {
        let error = Address::parse(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(Address::parse("localhost:1").unwrap().is_loopback());
    assert!(Address::parse("http://[::1]:1").unwrap().is_loopback());
    assert!(!Address::parse("10.0.0.1:1").unwrap().is_loopback());
}

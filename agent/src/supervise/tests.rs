//! The supervisor against little shell scripts in the runner's place.

use std::sync::LazyLock;

use tempfile::TempDir;

use super::*;

/// Longer than any of these scripts takes; a test that reaches it has failed.
const LONG: Duration = Duration::from_mins(1);

static SCRATCH: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

struct Ended {
    outcome: Outcome,
    phases: Vec<AttemptPhase>,
}

async fn run_within(script: &str, max_runtime: Duration, kill: Option<KillReason>) -> Ended {
    let command = RunnerCommand { program: "sh".into(), arguments: vec!["-c".into(), script.into()] };
    let launch = Launch {
        command: &command,
        scratch: SCRATCH.path(),
        variables: &BTreeMap::new(),
        job: pb::RunnerJob::default(),
        max_runtime,
    };
    let (tell, mut phases) = mpsc::channel(16);
    let (tell_why, mut kill_reason) = oneshot::channel();
    if let Some(why) = kill {
        tell_why.send(why).unwrap();
        return Ended { outcome: supervise(launch, &tell, &mut kill_reason).await.outcome, phases: vec![] };
    }
    let outcome = supervise(launch, &tell, &mut kill_reason).await.outcome;
    drop((tell_why, tell));
    let mut heard = Vec::new();
    while let Some(phase) = phases.recv().await {
        heard.push(phase);
    }
    Ended { outcome, phases: heard }
}

async fn failure(script: &str) -> Failure {
    run_within(script, LONG, None).await.outcome.expect_err("no script measures")
}

/// A shell command that writes this message to the agent.
fn writes(event: pb::runner_event::Event) -> String {
    let bytes = pb::RunnerEvent { event: Some(event) }.encode_length_delimited_to_vec();
    let octal: Vec<_> = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("printf '{}'", octal.concat())
}

fn own_failure() -> pb::runner_event::Event {
    let failure = Failure::without_runner(FailureKind::Model, AttemptPhase::Loading, "not ONNX");
    pb::runner_event::Event::Failure(failure.into())
}

#[tokio::test]
async fn an_exit_without_a_report_is_the_models_fault() {
    for code in [0, 7] {
        let failure = failure(&format!("echo some words >&2; exit {code}")).await;
        assert_eq!(failure.kind, FailureKind::Model);
        assert_eq!(failure.message, format!("the runner exited with code {code} without a report"));
        assert_eq!((failure.exit_code, failure.signal), (Some(code), None));
        assert_eq!(failure.stderr_tail, "some words");
    }
}

#[tokio::test]
async fn a_kill_from_outside_is_nobodys_fault() {
    let failure = failure("kill -9 $$").await;
    assert_eq!((failure.kind, failure.signal), (FailureKind::Infra, Some(9)));
    assert!(failure.message.contains("from outside"), "{}", failure.message);
}

#[tokio::test]
async fn a_crash_is_the_models_fault() {
    for (name, number) in [("SEGV", 11), ("ABRT", 6), ("BUS", 7), ("ILL", 4), ("FPE", 8)] {
        let failure = failure(&format!("ulimit -c 0; kill -{name} $$")).await;
        assert_eq!((failure.kind, failure.signal), (FailureKind::Model, Some(number)), "{name}");
    }
}

#[tokio::test]
async fn an_abort_that_speaks_of_memory_is_out_of_memory() {
    let failure = failure("echo 'terminate called: std::bad_alloc' >&2; ulimit -c 0; kill -ABRT $$").await;
    assert_eq!(failure.kind, FailureKind::OutOfMemory);
}

#[tokio::test]
async fn a_runner_that_hangs_and_hears_no_signal_times_out() {
    let script = "trap '' TERM INT; while :; do read line; done";
    let failure = run_within(script, Duration::from_millis(200), None).await.outcome.expect_err("hangs");
    assert_eq!((failure.kind, failure.signal), (FailureKind::Timeout, Some(9)));
}

#[tokio::test]
async fn a_kill_says_why() {
    for (why, kind) in [
        (KillReason::Cancelled("enough".to_owned()), FailureKind::Cancelled),
        (KillReason::LeaseLost, FailureKind::Infra),
        (KillReason::Stopped, FailureKind::Infra),
    ] {
        let failure = run_within("exec sleep 1000", LONG, Some(why)).await.outcome.expect_err("killed");
        assert_eq!((failure.kind, failure.signal), (kind, Some(9)));
    }
}

#[tokio::test]
async fn endless_words_neither_block_nor_fill_memory() {
    let failure = failure("head -c 100000000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 3").await;
    assert_eq!(failure.exit_code, Some(3));
    assert!(failure.stderr_tail.ends_with("the end"));
    assert!(failure.stderr_tail.len() <= Failure::STDERR_LIMIT_BYTES);
}

#[tokio::test]
async fn words_that_are_no_text_are_kept_as_text() {
    let failure = failure("printf 'a\\377b\\000c' >&2; exit 1").await;
    assert_eq!(failure.stderr_tail, "a\u{fffd}b\u{fffd}c");
}

#[tokio::test]
async fn garbage_on_the_report_pipe_ends_the_runner() {
    for script in
        ["printf '\\003abc'; exec sleep 1000", "head -c 1000000 /dev/zero | tr '\\0' '\\377'; exec sleep 1000"]
    {
        let failure = failure(script).await;
        assert_eq!(failure.kind, FailureKind::Infra);
        assert!(failure.message.contains("report pipe"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_message_that_would_fill_memory_is_refused_unread() {
    // A varint of 2^40.
    let failure = failure("printf '\\200\\200\\200\\200\\200\\040'; exec sleep 1000").await;
    assert!(failure.message.contains("1099511627776 bytes"), "{}", failure.message);
}

#[tokio::test]
async fn phases_are_told_and_the_last_one_is_in_the_failure() {
    let phase = |phase| writes(pb::runner_event::Event::Phase(pb::AttemptPhase::from(phase).into()));
    let script = format!("{}; {}; exit 1", phase(AttemptPhase::WarmingUp), phase(AttemptPhase::Measuring));
    let ended = run_within(&script, LONG, None).await;
    assert_eq!(ended.phases, [AttemptPhase::Loading, AttemptPhase::WarmingUp, AttemptPhase::Measuring]);
    assert_eq!(ended.outcome.expect_err("no report").phase, AttemptPhase::Measuring);
}

#[tokio::test]
async fn a_phase_said_again_is_progress_and_silence_after_it_is_not() {
    let said = |phase: AttemptPhase| writes(pb::runner_event::Event::Phase(pb::AttemptPhase::from(phase).into()));
    let measuring = said(AttemptPhase::Measuring);
    // Four times the limit, and never as long as it without a word.
    let script = format!("for i in 1 2 3 4 5 6 7 8; do {measuring}; sleep 0.5; done; echo enough >&2; exit 5");
    let Ended { outcome, phases } = run_within(&script, Duration::from_secs(1), None).await;
    let failure = outcome.expect_err("no measurement");
    assert_eq!((failure.exit_code, failure.stderr_tail.as_str()), (Some(5), "enough"));
    assert_eq!(phases, [AttemptPhase::Loading, AttemptPhase::Measuring], "it is told once");
    let script = format!("{measuring}; {measuring}; sleep 30");
    let failure = run_within(&script, Duration::from_millis(500), None).await.outcome.expect_err("hangs");
    assert_eq!(failure.kind, FailureKind::Timeout);
}

#[tokio::test]
async fn the_runners_own_failure_is_kept_and_completed() {
    let failure = failure(&format!("echo words >&2; {}; exit 2", writes(own_failure()))).await;
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Model, "not ONNX"));
    assert_eq!((failure.stderr_tail.as_str(), failure.exit_code), ("words", Some(2)));
}

#[tokio::test]
async fn a_report_counts_even_if_the_runner_crashes_after_it() {
    let failure = failure(&format!("{}; ulimit -c 0; kill -SEGV $$", writes(own_failure()))).await;
    assert_eq!((failure.message.as_str(), failure.signal), ("not ONNX", Some(11)));
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipes_open_holds_up_nobody() {
    let failure = failure("sleep 30 & exit 5").await;
    assert_eq!(failure.exit_code, Some(5));
}

#[tokio::test]
async fn the_whole_session_dies_with_its_runner() {
    let marker = SCRATCH.path().join("grandchild");
    let script = format!("setsid sh -c 'sleep 1000 & echo $! > {}; echo ready >&2; wait' ", marker.display());
    // The shell that the supervisor knows becomes the leader of a session, like a runner does.
    let script = format!("exec {script}");
    let failure = run_within(&script, Duration::from_millis(500), None).await.outcome.expect_err("hangs");
    assert_eq!((failure.kind, failure.stderr_tail.as_str()), (FailureKind::Timeout, "ready"));
    let pid = std::fs::read_to_string(marker).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
    assert!(status.is_empty() || status.contains("Z (zombie)"), "{status}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let command = RunnerCommand { program: "/no/such/runner".into(), arguments: vec![] };
    let job = pb::RunnerJob::default();
    let launch =
        Launch { command: &command, scratch: SCRATCH.path(), variables: &BTreeMap::new(), job, max_runtime: LONG };
    let (tell, _phases) = mpsc::channel(16);
    let (_tell_why, mut kill_reason) = oneshot::channel();
    let failure = supervise(launch, &tell, &mut kill_reason).await.outcome.expect_err("nothing to start");
    assert_eq!(failure.kind, FailureKind::Infra);
    assert!(failure.message.contains("/no/such/runner"), "{}", failure.message);
}

//! `kill -9` of each process in the middle of a campaign: it completes after the restart, with one result a run.

use std::{fs, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::farm::{Farm, wait_until};

/// Four cells of three runs; each run measures for a second, so that there is a middle to kill in.
const CAMPAIGN: &str = "\
apiVersion: furlong/v1
kind: Campaign
name: kills
defaults:
  input: { random: { seed: 7 } }
  warmup: { min_iterations: 1, min_duration: 10ms }
  measure: { min_queries: 64, min_duration: 1s, repetitions: 3 }
matrix:
  model: [add]
  intra_threads: [1, 2, 3, 4]
";
const RUNS: u64 = 12;

/// Submits the campaign and waits until two runs are stored and one is on its way.
fn in_the_middle(farm: &Farm) -> String {
    farm.add_model("add", &onnx::samples::add(16));
    let id = farm.submit(CAMPAIGN);
    farm.wait_for(&id, "in its middle", |campaign| campaign["done"].as_u64() >= Some(2));
    wait_until("a device is at work", || (farm.json(&["devices", "ls"])[0]["state"] == "busy").then_some(()));
    id
}

/// Every run of the campaign is done, has one measurement, and exactly one of its attempts is done.
#[expect(clippy::print_stderr, reason = "what a kill cost is worth reading in the log of a test run")]
fn check_one_result_a_run(farm: &Farm, id: &str) {
    let campaign = farm.wait_until_done(id);
    // A run that the other tests disturbed is suspect, and repeated once.
    let runs = campaign["runs"].as_u64().expect("a count");
    assert!((RUNS..=2 * RUNS).contains(&runs), "{campaign:#}");
    assert_eq!(campaign["done"], runs, "{campaign:#}\n{}", farm.logs());
    let mut done_attempts = 0;
    let mut lost_attempts = 0;
    // Repetitions have ids beyond these; a crash of PostgreSQL leaves a gap before them.
    for run in 1..=RUNS {
        let run = farm.json(&["show", &format!("r-{run}")]);
        assert_eq!(run["state"], "done", "{run:#}");
        assert!(run["latency_ns"]["p50"].as_u64() > Some(0), "{run:#}");
        let attempts = run["attempts"].as_array().expect("a list");
        let in_state = |state: &str| attempts.iter().filter(|attempt| attempt["state"] == state).count();
        assert_eq!(in_state("done"), 1, "{run:#}");
        done_attempts += in_state("done");
        lost_attempts += attempts.len() - in_state("done");
    }
    assert_eq!(done_attempts as u64, RUNS);
    eprintln!("{done_attempts} results, {lost_attempts} attempts lost on the way");
}

#[test]
fn a_killed_coordinator_loses_nothing() {
    let mut farm = Farm::with_agent("board");
    let id = in_the_middle(&farm);
    farm.kill_coordinator();
    farm.start_coordinator();
    check_one_result_a_run(&farm, &id);
}

#[test]
fn a_killed_agent_loses_no_finished_measurement_and_the_rest_is_measured_again() {
    let mut farm = Farm::with_agent("board");
    let id = in_the_middle(&farm);
    let before = farm.campaign(&id)["done"].as_u64().expect("a count");
    farm.kill_agent("board");
    farm.start_agent("board", &[]);
    check_one_result_a_run(&farm, &id);
    assert!(before >= 2);
}

#[test]
fn a_killed_runner_is_tried_again() {
    let farm = Farm::with_agent("board");
    let id = in_the_middle(&farm);
    let runner = wait_until("a runner is at work", || child_of(farm.agent_pid("board")));
    kill(Pid::from_raw(runner), Signal::SIGKILL).expect("our own runner");
    check_one_result_a_run(&farm, &id);
    let failed = all_attempts(&farm).iter().filter(|attempt| attempt["failure"]["kind"] == "infra").count();
    assert_eq!(failed, 1, "the killed runner is one failed attempt, charged to the infrastructure");
}

#[test]
fn a_killed_postgresql_is_started_again_and_loses_nothing() {
    let farm = Farm::with_agent("board");
    let id = in_the_middle(&farm);
    farm.kill_postgres();
    check_one_result_a_run(&farm, &id);
}

#[test]
fn everything_killed_at_once_completes_after_the_restart() {
    let mut farm = Farm::with_agent("board");
    let id = in_the_middle(&farm);
    farm.kill_postgres();
    farm.kill_coordinator();
    farm.kill_agent("board");
    farm.start_coordinator();
    farm.start_agent("board", &[]);
    check_one_result_a_run(&farm, &id);
}

#[test]
fn a_silent_agent_loses_its_lease_and_another_device_takes_over() {
    let mut farm = Farm::with_agent("first");
    let id = in_the_middle(&farm);
    // Stopped, not dead: its connection stays open, and only its heartbeats end.
    let first = Pid::from_raw(i32::try_from(farm.agent_pid("first")).expect("a pid"));
    kill(first, Signal::SIGSTOP).expect("our own agent");
    farm.start_agent("second", &[]);
    farm.wait_until_done(&id);
    kill(first, Signal::SIGCONT).expect("our own agent");
    check_one_result_a_run(&farm, &id);
    assert!(all_attempts(&farm).iter().any(|attempt| attempt["device"] == "second" && attempt["state"] == "done"));
}

fn all_attempts(farm: &Farm) -> Vec<Value> {
    let attempts = |run: u64| farm.json(&["show", &format!("r-{run}")])["attempts"].as_array().expect("a list").clone();
    (1..=RUNS).flat_map(attempts).collect()
}

/// A child process of `parent` that has lived long enough to be past its own start.
fn child_of(parent: u32) -> Option<i32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).ok()?;
    let children =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok()).collect::<String>();
    let child = children.split_whitespace().next()?.parse().ok()?;
    std::thread::sleep(Duration::from_millis(300));
    fs::exists(format!("/proc/{child}")).ok()?.then_some(child)
}

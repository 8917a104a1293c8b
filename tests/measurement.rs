//! Measurements that can be quoted: every scenario through the whole farm, verdicts, repeats, and the replay of a stored
//! run from its raw samples.

use serde_json::{Value, json};

use crate::farm::{Farm, furlong, text};

const SCENARIOS: &str = "\
apiVersion: furlong/v1
kind: Campaign
name: scenarios
defaults:
  warmup: { min_iterations: 3, min_duration: 50ms }
  measure: { min_queries: 128, min_duration: 500ms, max_duration: 20s, repetitions: 1 }
matrix:
  model: [matmul]
  scenario:
    - single-stream
    - { multi-stream: { samples_per_query: 1 } }
    - offline
    - { server: { target_qps: 200, target_latency: 50ms, percentile: 90 } }
";

/// Readings of a quiet machine, and of one whose other processes took a core of two meanwhile.
fn readings(foreign_ticks: u64) -> Value {
    let at = |ticks: u64, own_us: u64| json!({ "machine": { "busy": { "ticks": ticks, "processors": 2 } }, "own_cpu_us": own_us, "involuntary_switches": 0 });
    json!([at(1000, 0), at(1000 + foreign_ticks, 0)])
}

#[test]
fn every_scenario_is_measured_judged_and_placed() {
    let farm = Farm::with_agent("board");
    farm.add_model("matmul", &onnx::samples::matmul(64));
    let id = farm.submit(SCENARIOS);
    let campaign = farm.wait_until_done(&id);
    assert_eq!(campaign["failed"], 0, "{campaign:#}\n{}", farm.logs());
    for (number, scenario) in [(1, "single-stream"), (2, "multi-stream"), (3, "offline"), (4, "server")] {
        let run = farm.json(&["show", &format!("r-{number}")]);
        assert!(run["settings"].as_str().is_some_and(|settings| settings.contains(scenario)), "{run:#}");
        let figures = &run["figures"];
        assert_ne!(figures["verdict"]["level"], "invalid", "{run:#}");
        assert!(figures["queries"].as_u64() >= Some(128), "{run:#}");
        assert_eq!(figures["placement"]["providers"][0]["provider"], "CPUExecutionProvider", "{run:#}");
        assert_eq!(figures["env_id"].as_str().map(str::len), Some(64), "{run:#}");
        assert_eq!(figures["statistics"]["slip"].is_object(), scenario == "server", "{run:#}");
    }
}

/// The samples of a stored run, and everything recorded beside them, give the stored statistics and verdict again.
#[test]
fn a_stored_run_replayed_from_its_samples_is_the_same_to_the_byte() {
    let farm = Farm::with_agent("board");
    farm.add_model("matmul", &onnx::samples::matmul(64));
    let id = farm.submit(&SCENARIOS.replace("    - { multi-stream: { samples_per_query: 1 } }\n", ""));
    farm.wait_until_done(&id);
    for run in ["r-1", "r-2", "r-3"] {
        let output = farm.run(&["verify", run, "-o", "json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(answer["data"]["identical"], true, "{answer:#}");
        assert!(answer["data"]["samples"].as_u64() >= Some(128), "{answer:#}");
    }
}

#[test]
fn a_run_beside_a_busy_neighbour_is_suspect_and_repeated_once() {
    let mut farm = Farm::start();
    // 200 ticks of 10 ms are two seconds of a core, of which half a second on two cores is but one.
    let busy = farm.write("readings.json", readings(200).to_string());
    farm.start_agent_with("board", &["--readings", busy.to_str().expect("UTF-8")]);
    farm.add_model("matmul", &onnx::samples::matmul(64));
    // A server's tail is wide by its queue, so that the neighbour's share alone decides, and the test with it.
    let only_server =
        SCENARIOS.replace("    - single-stream\n    - { multi-stream: { samples_per_query: 1 } }\n    - offline\n", "");
    let id = farm.submit(&only_server);
    let campaign = farm.wait_until_done(&id);
    assert_eq!(campaign["done"], 2, "the run and its one repetition: {campaign:#}");
    let (first, second) = (farm.json(&["show", "r-1"]), farm.json(&["show", "r-2"]));
    for run in [&first, &second] {
        let verdict = &run["figures"]["verdict"];
        assert_eq!(verdict["level"], "suspect", "{run:#}");
        let reason = &verdict["reasons"][0];
        assert_eq!(reason["code"], "foreign-cpu", "{run:#}");
        assert!(reason["value"].as_f64() > reason["threshold"].as_f64(), "{run:#}");
    }
    assert_eq!((&first["repeats"], &second["repeats"]), (&Value::Null, &"r-1".into()));
}

#[test]
fn run_measures_without_a_coordinator() {
    let farm = Farm::start();
    let model = farm.write("matmul.onnx", onnx::samples::matmul(64));
    let output = furlong()
        .args(["run", model.to_str().expect("UTF-8"), "--min-duration", "300ms", "--min-queries", "64", "--json"])
        .args(["--launches", "2", "--compare", model.to_str().expect("UTF-8")])
        .arg("--data-dir")
        .arg(farm.data_dir())
        .arg("--onnxruntime")
        .arg(crate::farm::onnxruntime())
        .output()
        .expect("furlong runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let models = answer["data"]["models"].as_array().expect("a list");
    assert_eq!(models.len(), 2);
    for launch in models.iter().flat_map(|model| model["launches"].as_array().expect("a list")) {
        assert!(launch["queries"].as_u64() >= Some(64), "{launch:#}");
        assert!(launch["statistics"]["latency"]["p50_ns"].as_u64() > Some(0), "{launch:#}");
    }
    let comparison = &answer["data"]["comparison"];
    assert!(comparison["low"].as_f64() <= comparison["ratio"].as_f64(), "{comparison:#}");
}

//! Models and campaign files that are wrong: each is named with its reason, and the next campaign is unaffected.

use serde_json::Value;

use crate::farm::{Farm, text};

fn campaign(model: &str, device: &str) -> String {
    format!(
        "\
apiVersion: furlong/v1
kind: Campaign
name: {model}
defaults:
  device: {device}
  input: {{ random: {{ seed: 7 }} }}
  time_limit: 20s
  warmup: {{ min_iterations: 1, min_duration: 1ms }}
  measure: {{ min_queries: 64, min_duration: 100ms, repetitions: 1 }}
matrix:
  model: [{model}]
"
    )
}

/// Measures one run of the model; returns it in full.
fn measure(farm: &Farm, model: &str) -> Value {
    let id = farm.submit(&campaign(model, "any"));
    farm.wait_until_done(&id);
    farm.json(&["show", &format!("r-{}", id.trim_start_matches("c-"))])
}

fn check_failure(farm: &Farm, model: &str, kind: &str, words: &[&str]) {
    let run = measure(farm, model);
    assert_eq!(run["state"], "failed", "{run:#}");
    let failure = &run["failure"];
    assert_eq!(failure["kind"], kind, "{run:#}");
    let message = failure["message"].as_str().expect("a message").to_lowercase();
    for word in words {
        assert!(message.contains(word), "{model}: {message:?} does not say {word:?}");
    }
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(1), "a model's own fault is not tried again: {run:#}");
}

#[test]
fn every_bad_model_is_classed_and_the_agent_stays_healthy() {
    let farm = Farm::with_agent("board");
    let good = onnx::samples::add(16);
    let matmul = onnx::samples::matmul(64);
    farm.add_model("not-onnx", b"this is no model at all, only a sentence that is long enough");
    farm.add_model("truncated", &matmul[..matmul.len() / 2]);
    farm.add_model("unknown-operator", &onnx::samples::unknown_operator());
    farm.add_model("endless", &onnx::samples::endless_loop());
    farm.add_model("huge", &onnx::samples::huge_allocation());
    farm.add_model("good", &good);
    // One campaign at a time, so that campaign c-N has run r-N.
    check_failure(&farm, "not-onnx", "model", &[]);
    check_failure(&farm, "truncated", "model", &[]);
    check_failure(&farm, "unknown-operator", "model", &["op"]);
    check_failure(&farm, "endless", "timeout", &["20"]);
    check_failure(&farm, "huge", "out-of-memory", &["memory"]);
    let run = measure(&farm, "good");
    assert_eq!(run["state"], "done", "{run:#}\n{}", farm.logs());
    let devices = farm.json(&["devices", "ls"]);
    assert_eq!(devices[0]["state"], "idle", "{devices:#}");
}

#[test]
fn a_device_label_that_matches_nothing_is_named_and_can_be_cancelled() {
    let farm = Farm::with_agent("board");
    farm.add_model("good", &onnx::samples::add(16));
    let id = farm.submit(&campaign("good", "class=orin"));
    let waiting = farm.wait_for(&id, "waiting with a reason", |campaign| campaign["waiting_reason"].is_string());
    let reason = waiting["waiting_reason"].as_str().expect("a reason");
    assert!(reason.contains("class=orin") && reason.contains("board"), "{reason}");
    let cancelled = farm.json(&["cancel", &id]);
    assert_eq!(cancelled[0]["state"], "cancelled");
    let again = farm.json(&["cancel", &id]);
    assert_eq!(again[0]["state"], "cancelled", "cancelling twice changes nothing");
    let watched = farm.run(&["watch", &id]);
    assert_eq!(watched.status.code(), Some(3), "{}", text(&watched.stderr));
}

#[test]
fn a_bad_campaign_file_is_refused_with_its_place_and_submits_nothing() {
    let farm = Farm::start();
    let good = campaign("good", "any");
    farm.add_model("good", &onnx::samples::add(16));
    for (from, to, words) in [
        ("matrix:", "matrxi:", "campaign.yaml:10:1"),
        ("min_queries: 64", "min_queries: lots", "campaign.yaml:9:27"),
        ("name: good", "name: good\nname: better", "duplicate key `name`"),
        ("model: [good]", "model: [god]", "did you mean `good`?"),
    ] {
        let bad = good.replacen(from, to, 1);
        let path = farm.write("campaign.yaml", &bad);
        let output = farm.run(&["submit", path.to_str().expect("UTF-8")]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
        assert!(stderr.contains(" | "), "no snippet:\n{stderr}");
    }
    assert_eq!(farm.json(&["ls"]).as_array().map(Vec::len), Some(0));
}

//! Every way a runner or a model may go wrong, on the real path from agent to database: classed, with its evidence, and
//! without harm to what comes next.

use serde_json::Value;

use crate::farm::Farm;

/// A fault, and what it must come to.
struct Fault {
    model: &'static str,
    /// Of the runner, where no model can show it.
    runner: Option<&'static str>,
    bytes: Vec<u8>,
    kind: &'static str,
    /// Words of the message, or of standard error's end.
    mentions: &'static str,
    signal: Option<i64>,
}

fn faults() -> Vec<Fault> {
    let of_runner = |model, fault, kind, mentions, signal| Fault {
        model,
        runner: Some(fault),
        bytes: onnx::samples::add(16),
        kind,
        mentions,
        signal,
    };
    let of_model = |model, bytes, kind, mentions| Fault { model, runner: None, bytes, kind, mentions, signal: None };
    vec![
        of_runner("segfault", "segfault", "model", "crashed with SIGSEGV", Some(11)),
        of_runner("abort", "abort", "model", "crashed with SIGABRT", Some(6)),
        of_runner("silent", "exit", "model", "code 0 without a report", None),
        of_runner("deaf", "deaf", "timeout", "killed after", Some(9)),
        Fault { signal: Some(9), ..of_model("endless", onnx::samples::endless_loop(), "timeout", "killed after") },
        of_model("huge", onnx::samples::huge_allocation(), "out-of-memory", "first inference"),
        of_model("nan", onnx::samples::faulty::nan(), "model", "NaN"),
        of_model("unknown", onnx::samples::unknown_operator(), "model", "FurlongUnknown"),
    ]
}

const HEADER: &str = "\
apiVersion: furlong/v1
kind: Campaign
name: faults
defaults:
  input: { random: { seed: 7 } }
  time_limit: 4s
  warmup: { min_iterations: 1, min_duration: 10ms }
  measure: { min_queries: 64, min_duration: 200ms, repetitions: 1, order: blocked }
";

/// Runs of a campaign by the model's name.
fn run_of<'a>(runs: &'a [Value], model: &str) -> &'a Value {
    let names =
        |run: &Value| run["settings"].as_str().is_some_and(|settings| settings.starts_with(&format!("{model}, ")));
    runs.iter().find(|run| names(run)).unwrap_or_else(|| panic!("no run of {model} in {runs:#?}"))
}

#[test]
fn every_fault_is_classed_with_its_evidence_and_the_next_run_is_unaffected() {
    let mut farm = Farm::start();
    let faults = faults();
    let mut flags = vec!["--runner-fault".to_owned(), "flood=stderr".to_owned()];
    for fault in &faults {
        farm.add_model(fault.model, &fault.bytes);
        if let Some(of_runner) = fault.runner {
            flags.extend(["--runner-fault".to_owned(), format!("{}={of_runner}", fault.model)]);
        }
    }
    farm.start_agent_with("board", &flags.iter().map(String::as_str).collect::<Vec<_>>());
    farm.add_model("good", &onnx::samples::add(16));
    farm.add_model("flood", &onnx::samples::add(16));
    // The good one stands last: whatever the others did to the agent, it is measured by the same one.
    let names: Vec<&str> = faults.iter().map(|fault| fault.model).chain(["good"]).collect();
    let id = farm.submit(&format!("{HEADER}matrix:\n  model: [{}]\n", names.join(", ")));
    farm.wait_until_done(&id);
    let runs: Vec<Value> = (1..=names.len()).map(|run| farm.json(&["show", &format!("r-{run}")])).collect();
    for fault in &faults {
        let run = run_of(&runs, fault.model);
        let failure = &run["failure"];
        assert_eq!((&run["state"], &failure["kind"]), (&"failed".into(), &fault.kind.into()), "{run:#}");
        let message = failure["message"].as_str().expect("a message");
        assert!(message.contains(fault.mentions), "{}: {message}", fault.model);
        assert_eq!(failure["signal"].as_i64(), fault.signal, "{}: {failure:#}", fault.model);
        assert_eq!(run["attempts"].as_array().map(Vec::len), Some(1), "{} is tried once: {run:#}", fault.model);
        assert!(failure["peak_rss_bytes"].as_u64() > Some(1 << 20), "{}: {failure:#}", fault.model);
    }
    assert_eq!(run_of(&runs, "good")["state"], "done", "{}", farm.logs());
    // Gigabytes on standard error take their time, and nothing else.
    let id = farm.submit(&format!("{}matrix:\n  model: [flood]\n", HEADER.replace("  time_limit: 4s\n", "")));
    let campaign = farm.wait_until_done(&id);
    assert_eq!(campaign["failed"], 0, "{campaign:#}\n{}", farm.logs());
    assert_eq!(farm.json(&["devices", "ls"])[0]["state"], "idle");
}

/// The counter that the model feeds back to itself is a valid index in the first call only.
#[test]
fn a_model_whose_second_call_fails_is_the_models_fault() {
    let farm = Farm::with_agent("board");
    farm.add_model("twice", &onnx::samples::faulty::fails_on_second_call());
    let (output, input) = onnx::samples::faulty::COUNTER;
    let id = farm.submit(&format!("{HEADER}  state: {{ {output}: {input} }}\nmatrix:\n  model: [twice]\n"));
    farm.wait_until_done(&id);
    let run = farm.json(&["show", "r-1"]);
    let failure = &run["failure"];
    assert_eq!(failure["kind"], "model", "{run:#}");
    let message = failure["message"].as_str().expect("a message");
    assert!(message.contains("inference") && message.contains("Gather"), "{message}");
}

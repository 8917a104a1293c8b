//! Energy and heat, end to end: simulated boards through the readers of real ones, and a machine that has no sensor.

use serde_json::Value;

use crate::farm::{Farm, furlong, text, wait_until};

/// A board of a Jetson's rails, which never gets hot in this time.
const JETSON: &str = "
apiVersion: furlong/v1
kind: Campaign
name: energy
models: { digits-vit: builtin:digits-vit }
defaults:
  input: { random: { seed: 0 } }
  batch: 16
  warmup: { min_iterations: 5, min_duration: 300ms }
  measure: { min_queries: 64, min_duration: 3s, repetitions: 2 }
  power: { idle_window: 2s }
matrix:
  device: [simulated=jetson-orin-nano]
  model: [digits-vit]
";

/// A board without a cooler: one run after the other makes it throttle, unless each waits until it is cool.
const HOT: &str = "
apiVersion: furlong/v1
kind: Campaign
name: heat
models: { digits-vit: builtin:digits-vit }
defaults:
  input: { random: { seed: 0 } }
  batch: 16
  warmup: { min_iterations: 5, min_duration: 300ms }
  measure: { min_queries: 64, min_duration: 4s, repetitions: 4, order: blocked }
  environment: GATE
matrix:
  device: [simulated=rpi5]
  model: [digits-vit]
";

fn with_board(board: &str) -> Farm {
    let mut farm = Farm::start();
    farm.start_agent_with("sim-1", &["--simulate", board]);
    wait_until("the board has learnt its temperature of rest", || {
        let devices = farm.json(&["devices", "ls"]);
        devices[0]["heat"]["reference_c"].as_f64()
    });
    farm
}

/// The runs of a campaign, in order; `before`: those of the farm's earlier campaigns.
fn runs(farm: &Farm, id: &str, before: u64) -> Vec<Value> {
    let count = farm.campaign(id)["runs"].as_u64().expect("a count");
    (before + 1..=before + count).map(|number| farm.json(&["show", &format!("r-{number}")])).collect()
}

#[test]
fn a_simulated_jetson_tells_the_energy_of_an_inference_with_its_scope() {
    let farm = with_board("jetson-orin-nano");
    let id = farm.submit(JETSON);
    farm.wait_until_done(&id);
    let cells = farm.json(&["show", &id]);
    let cell = &cells[0];
    assert_eq!((&cell["simulated"], &cell["energy_scope"]), (&"jetson-orin-nano".into(), &"module".into()), "{cell:#}");
    let per_inference_j = cell["energy_per_inference_j"].as_f64().expect("joules");
    let mean_w = cell["energy_mean_w"].as_f64().expect("watts");
    // The model's board draws 4.8 W idle and some 10 W at work.
    assert!((6.0..14.0).contains(&mean_w) && per_inference_j > 0.0, "{cell:#}");
    let shown = farm.json(&["show", "r-1"]);
    let energy = &shown["figures"]["statistics"]["energy"];
    assert_eq!(energy["source"], "ina3221", "{shown:#}");
    let number = |name: &str| energy[name].as_f64().unwrap_or_else(|| panic!("no {name} in {energy:#}"));
    assert!(number("coverage") > 0.98 && number("idle_before_w") < mean_w, "{energy:#}");
    assert!(number("net_j") < number("gross_j") && number("uncertainty") > 0.0, "{energy:#}");
    let table = text(&farm.run(&["show", &id]).stdout);
    assert!(table.contains("ENERGY") && table.contains("module") && table.contains("(simulated)"), "{table}");
    assert!(farm.run(&["verify", "r-1"]).status.success(), "joules follow from the readings that were kept");
    let trace = text(&farm.run(&["trace", "r-1"]).stdout);
    assert!(trace.contains("ina3221@1-0040/VDD_IN") && trace.contains("zone/tj-thermal"), "{trace}");
}

#[test]
fn a_simulated_board_takes_no_run_that_did_not_ask_for_it() {
    let farm = with_board("jetson-orin-nano");
    let any = JETSON.replace("  device: [simulated=jetson-orin-nano]\n", "");
    let id = farm.submit(&any);
    let asked = farm.submit(JETSON);
    farm.wait_until_done(&asked);
    assert_eq!(farm.campaign(&id)["done"], 0, "{}", farm.logs());
}

#[test]
fn a_hot_board_is_waited_for_and_one_that_is_not_throttles() {
    let farm = with_board("rpi5");
    let of = |gate: &str, before: u64| {
        let id = farm.submit(&HOT.replace("GATE", gate));
        farm.wait_until_done(&id);
        runs(&farm, &id, before)
    };
    let patient = of("{ cooldown: 1s }", 0);
    for run in &patient {
        let heat = &run["figures"]["statistics"]["heat"];
        assert_eq!(heat["cooldown"]["outcome"], "cool", "{run:#}");
        assert_eq!(heat["throttle"], "none", "{run:#}");
    }
    let hasty = of("{ cooldown: 0s, thermal_gate: off }", patient.len() as u64);
    let throttled = hasty.iter().filter(|run| {
        let reasons = run["figures"]["verdict"]["reasons"].as_array().expect("reasons");
        reasons.iter().any(|reason| reason["code"] == "throttled" && reason["level"] == "invalid")
    });
    assert!(throttled.count() > 0, "{hasty:#?}");
    let starts: Vec<f64> = hasty
        .iter()
        .map(|run| run["figures"]["statistics"]["heat"]["start_c"].as_f64().expect("a temperature"))
        .collect();
    assert!(starts.last() > starts.first(), "it drifts: {starts:?}");
}

#[test]
fn a_machine_without_sensors_says_why_and_everything_else_is_valid() {
    let farm = Farm::with_agent("desk");
    let id = farm.submit(&JETSON.replace("  device: [simulated=jetson-orin-nano]\n", ""));
    let ended = farm.wait_until_done(&id);
    assert_eq!(ended["failed"], 0, "{ended:#}");
    let cell = &farm.json(&["show", &id])[0];
    let devices = farm.json(&["devices", "ls"]);
    if devices[0]["power_sensors"].as_array().is_some_and(|sensors| !sensors.is_empty()) {
        println!("skipped: this machine has a power sensor");
        return;
    }
    assert_eq!(cell["energy_per_inference_j"], Value::Null);
    assert!(cell["energy_reason"].as_str().is_some_and(|why| why.contains("no power sensor found")), "{cell:#}");
    assert!(cell["p50_ns"].is_number(), "{cell:#}");
}

#[test]
fn the_sensors_of_a_board_are_listed_with_a_reading_and_the_reasons_of_the_others() {
    let sensors = |board: &str| {
        furlong().args(["agent", "sensors", "--simulate", board, "-o", "json"]).output().expect("furlong runs")
    };
    let listed: Value = serde_json::from_slice(&sensors("jetson-orin-nano").stdout).expect("JSON");
    let listed = &listed["data"];
    let source = &listed["sources"][0];
    assert_eq!((&source["name"], &source["scope"]), (&"ina3221".into(), &"module".into()), "{listed:#}");
    assert!(source["rails"][0]["watts"].as_f64().is_some_and(|watts| watts > 1.0), "{listed:#}");
    assert!(listed["absent"].as_array().is_some_and(|absent| !absent.is_empty()), "{listed:#}");
    let unknown = sensors("toaster");
    let complaint = text(&unknown.stderr);
    assert!(!unknown.status.success() && complaint.contains("jetson-orin-nano"), "{complaint}");
}

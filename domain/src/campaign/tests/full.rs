use std::{collections::BTreeMap, time::Duration};

use super::{catalog, file, plan};
use crate::{
    Affinity, CellSpec, EnvironmentRule, InputSource, MeasureRule, Optimization, Percentile, PowerMethod, PowerRule,
    ProviderName, Rate, Regime, Requirement, Runtime, Scenario, ServerLoad, Settings, ThermalGate, Tier, Warmup,
    campaign::{CampaignFile, Includes},
};

const FULL: &str = "\
apiVersion: furlong/v1
kind: Campaign
name: full
labels: { board: any }
defaults:
  device: class=orin
  runtime: { file: lib/libonnxruntime.so }
  provider: { qnn: { library: /opt/qnn/libonnxruntime_providers_qnn.so, options: { backend_type: htp, device_id: 0 } } }
  scenario: { server: { target_qps: 12.5, target_latency: 200ms, percentile: 99.9 } }
  batch: 4
  sequence_length: 128
  dims: { height: 224, width: 320 }
  shapes: { x: [1, 3, 224, 224] }
  intra_threads: 2
  inter_threads: 3
  spinning: false
  optimization: extended
  arena: false
  affinity: 0-3,6
  variables: { GLIBC_TUNABLES: glibc.malloc.hugetlb=1, OMP_NUM_THREADS: 1 }
  input: { tensors: inputs.npz }
  state: { present: past }
  require: { provider: qnn, min_share: 0.95 }
  time_limit: 1h
  environment: { governor: performance, max_start_temp_c: 45, cooldown: 90s, thermal_gate: required,
                 regime: sustained, plateau_window: 1m }
  power: { source: ina3221, rate_hz: 200, idle_window: 10s, method: mlperf }
  warmup: { min_iterations: 3, min_duration: 1s }
  measure: { tier: standard, repetitions: 2, order: blocked }
matrix:
  model: [mobilenet]
";

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn every_setting_of_a_file_reaches_the_cell() {
    let expected = CellSpec {
        model: catalog().models["mobilenet"].original.clone(),
        runtime: Runtime::File(file("lib/libonnxruntime.so")),
        provider: ProviderName::parse("qnn").expect("a short name"),
        provider_options: texts([("backend_type", "htp"), ("device_id", "0")]),
        provider_library: Some("/opt/qnn/libonnxruntime_providers_qnn.so".to_owned()),
        scenario: Scenario::Server {
            load: ServerLoad::Fixed(Rate::from_millis(12_500).expect("a rate")),
            target_latency: Duration::from_millis(200),
            percentile: Percentile::P999,
        },
        batch: 4,
        sequence_length: Some(128),
        dims: [("height".to_owned(), 224), ("width".to_owned(), 320)].into(),
        shapes: [("x".to_owned(), vec![1, 3, 224, 224])].into(),
        intra_threads: 2,
        settings: Settings {
            inter_threads: 3,
            spinning: false,
            optimization: Optimization::Extended,
            arena: false,
            affinity: Affinity::Cpus(vec![0, 1, 2, 3, 6]),
            variables: texts([("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"), ("OMP_NUM_THREADS", "1")]),
        },
        input: InputSource::Tensors(file("inputs.npz")),
        state: texts([("present", "past")]),
        require: Some(Requirement {
            provider: ProviderName::parse("qnn").expect("a short name"),
            min_share_millionths: 950_000,
        }),
        warmup: Warmup { min_iterations: 3, min_duration: Duration::from_secs(1) },
        measure: MeasureRule {
            tier: Tier::Standard,
            min_queries: 1024,
            min_duration: Duration::from_mins(1),
            // At 12.5 a second, 20 / (1 - 0.999) arrivals.
            max_duration: Duration::from_secs(1600),
        },
        time_limit: Some(Duration::from_hours(1)),
        environment: EnvironmentRule {
            governor: Some("performance".to_owned()),
            max_start_temp_c: Some(45),
            cooldown: Some(Duration::from_secs(90)),
            thermal_gate: ThermalGate::Required,
            regime: Regime::Sustained { plateau: Duration::from_mins(1) },
        },
        power: Some(PowerRule {
            source: "ina3221".to_owned(),
            rate_hz: Some(200),
            idle_window: Duration::from_secs(10),
            method: PowerMethod::Mlperf,
        }),
        ..CellSpec::new(catalog().models["mobilenet"].original.clone())
    };
    let plan = plan(FULL).expect("a good file");
    assert_eq!(plan.cells[0].spec, expected);
    assert_eq!((plan.cells[0].device.to_string().as_str(), plan.repetitions), ("class=orin", 2));
}

#[test]
fn a_file_that_states_nothing_takes_the_defaults() {
    let cell = &plan(&with_defaults("{}", "")).expect("a good file").cells[0];
    assert_eq!(cell.spec, CellSpec::new(catalog().models["mobilenet"].original.clone()));
}

/// `defaults` in one line, and lines of the matrix beside the model.
fn with_defaults(defaults: &str, matrix: &str) -> String {
    let matrix = if matrix.is_empty() { String::new() } else { format!("  {matrix}\n") };
    format!(
        "apiVersion: furlong/v1\nkind: Campaign\nname: t\ndefaults: {defaults}\nmatrix:\n  model: [mobilenet]\n{matrix}"
    )
}

fn cells(defaults: &str, matrix: &str) -> Vec<CellSpec> {
    let plan = plan(&with_defaults(defaults, matrix)).unwrap_or_else(|error| panic!("{error}"));
    plan.cells.into_iter().map(|cell| cell.spec).collect()
}

#[test]
fn every_axis_varies_its_own_setting() {
    type Setting = fn(&CellSpec) -> String;
    let axes: [(&str, Setting, [&str; 2]); 8] = [
        (
            "runtime: [onnxruntime, onnxruntime==1.30.0]",
            |cell| cell.runtime.to_string(),
            ["onnxruntime", "onnxruntime==1.30.0"],
        ),
        (
            "scenario: [offline, { server: { target_qps: max, target_latency: 2ms, percentile: 50 } }]",
            |cell| cell.scenario.to_string(),
            ["offline", "server at its greatest rate, p50 <= 2ms"],
        ),
        (
            "scenario: [multi-stream, { multi-stream: { samples_per_query: 3 } }]",
            |cell| cell.scenario.to_string(),
            ["multi-stream of 8", "multi-stream of 3"],
        ),
        (
            "provider: [{ webgpu: }, SomeExecutionProvider]",
            |cell| cell.provider.to_string(),
            ["webgpu", "SomeExecutionProvider"],
        ),
        (
            "provider: [{ qnn: { options: { a: 1 } } }, { QNNExecutionProvider: { options: { a: 2 } } }]",
            |cell| format!("{}{}", cell.provider, cell.provider_options["a"]),
            ["qnn1", "qnn2"],
        ),
        ("spinning: [true, false]", |cell| cell.settings.spinning.to_string(), ["true", "false"]),
        ("optimization: [basic, disabled]", |cell| cell.settings.optimization.name().to_owned(), ["basic", "disabled"]),
        ("affinity: [big, \"4,5\"]", |cell| cell.settings.affinity.to_string(), ["big", "4,5"]),
    ];
    for (axis, setting, expected) in axes {
        let settings: Vec<String> = cells("{}", axis).iter().map(setting).collect();
        assert_eq!(settings, expected, "{axis}");
    }
}

#[test]
fn what_is_not_said_of_power_and_heat_is_the_default() {
    assert_eq!(cells("{ power: {} }", "")[0].power, Some(PowerRule::default()));
    // What is said and is the default makes no other cell.
    let said = cells("{ environment: { thermal_gate: auto, regime: burst } }", "");
    assert_eq!(said[0], cells("{}", "")[0]);
    let sustained = &cells("{ environment: { regime: sustained } }", "")[0];
    assert_eq!(sustained.environment.regime, Regime::Sustained { plateau: Duration::from_secs(30) });
    let off = &cells("{ environment: { thermal_gate: off }, power: { source: off, idle_window: 0s } }", "")[0];
    assert_eq!(off.environment.thermal_gate, ThermalGate::Off);
    let power = off.power.as_ref().expect("stated");
    assert_eq!((power.source.as_str(), power.idle_window), (PowerRule::OFF, Duration::ZERO));
}

#[test]
fn random_input_has_a_seed_and_ranges() {
    let ranges = [("x".to_owned(), (-0.5, 255.0))].into();
    let cell = &cells("{ input: { random: { seed: 7, ranges: { x: [-0.5, 255] } } } }", "")[0];
    assert_eq!(cell.input, InputSource::Random { seed: 7, ranges });
    assert_eq!(cells("{ input: { random: {} } }", "")[0].input, InputSource::random(0));
}

#[test]
fn a_file_lists_each_attachment_that_it_needs_once() {
    let paths =
        |text: &str| CampaignFile::parse("test.yaml", text, &Includes::new()).expect("a good file").attachment_paths();
    assert_eq!(paths(FULL), ["inputs.npz", "lib/libonnxruntime.so"]);
    // The axis replaces the default, whose file is then not needed.
    assert_eq!(paths(&format!("{FULL}  runtime: [onnxruntime, {{ file: other.so }}]\n")), ["inputs.npz", "other.so"]);
}

#[test]
fn cpu_may_be_required_of_every_provider() {
    let cells = cells("{ require: { provider: CPUExecutionProvider, min_share: 1 } }", "provider: [cpu, cuda]");
    let require = Requirement { provider: ProviderName::CPU, min_share_millionths: 1_000_000 };
    assert!(cells.iter().all(|cell| cell.require.as_ref() == Some(&require)));
}

const SCENARIOS: &str = "scenario: [single-stream, multi-stream, offline, \
                         { server: { target_qps: 5, target_latency: 2ms, percentile: 99 } }]";

/// Tier, queries, and least and greatest seconds of each scenario.
fn rules(measure: &str) -> Vec<(&'static str, u32, u64, u64)> {
    let rule = |MeasureRule { tier, min_queries, min_duration, max_duration }| {
        (tier.name(), min_queries, min_duration.as_secs(), max_duration.as_secs())
    };
    cells(&format!("{{ measure: {measure} }}"), SCENARIOS).iter().map(|cell| rule(cell.measure)).collect()
}

#[test]
fn a_tier_stands_for_numbers_that_depend_on_the_scenario() {
    for (tier, expected) in [
        ("smoke", [(64, 6, 60), (662, 6, 60), (64, 6, 60), (64, 6, 400)]),
        ("quick", [(128, 10, 60), (662, 10, 60), (128, 10, 60), (128, 10, 400)]),
        ("standard", [(1024, 60, 600); 4]),
        ("official", [(100, 600, 7200), (662, 600, 7200), (24_576, 600, 7200), (100, 600, 7200)]),
        ("custom", [(64, 2, 120); 4]),
    ] {
        let expected = expected.map(|(queries, least, greatest)| (tier, queries, least, greatest));
        assert_eq!(rules(&format!("{{ tier: {tier} }}")), expected);
    }
    assert_eq!(rules("{}"), [("custom", 64, 2, 120); 4]);
}

#[test]
fn a_number_beside_a_tier_makes_it_custom() {
    for (measure, expected) in [
        ("{ tier: standard, min_queries: 2000 }", ("custom", 2000, 60, 600)),
        ("{ tier: standard, min_duration: 20m }", ("custom", 1024, 1200, 2400)),
        ("{ tier: standard, max_duration: 20m }", ("custom", 1024, 60, 1200)),
        // The tier's own number changes nothing, so its name stays true.
        ("{ tier: standard, min_queries: 1024, max_duration: 10m }", ("standard", 1024, 60, 600)),
    ] {
        assert_eq!(rules(measure)[0], expected, "{measure}");
    }
    // It is true of each cell on its own: 662 queries are official in one of four scenarios.
    let tiers: Vec<&str> = rules("{ tier: official, min_queries: 662 }").iter().map(|rule| rule.0).collect();
    assert_eq!(tiers, ["custom", "official", "custom", "custom"]);
}

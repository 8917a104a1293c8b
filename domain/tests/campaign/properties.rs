//! What holds for every campaign.

use std::collections::{BTreeMap, BTreeSet};

use furlong_domain::{
    Digest,
    campaign::{Catalog, Plan},
};
use proptest::prelude::*;

use crate::plan;

const HEAD: &str = "apiVersion: furlong/v1\nkind: Campaign\nname: t\n";

/// Axes with values that all go together.
const AXES: [(&str, &[&str]); 9] = [
    ("model", &["mobilenet", "bert-base", "quantised"]),
    ("device", &["orin-nano-8g", "any", "\"class=rpi5,os!=macos\"", "{ match: rpi5, count: all }"]),
    ("runtime", &["onnxruntime", "onnxruntime==1.30.0", "{ file: lib/libonnxruntime.so }"]),
    (
        "provider",
        &["cpu", "[cuda, xnnpack]", "{ qnn: { library: /opt/a.so, options: { a: \"b: c\", version: 1.10 } } }"],
    ),
    (
        "scenario",
        &["single-stream", "offline", "{ server: { target_qps: 12.5, target_latency: 1500us, percentile: 99.9 } }"],
    ),
    ("batch", &["1", "8", "32"]),
    ("spinning", &["true", "false"]),
    ("affinity", &["any", "big", "\"0-3,6\""]),
    ("power_mode", &["15W", "MAXN", "\"30 W: all\""]),
];

const DEFAULTS: [&str; 12] = [
    "warmup: { min_iterations: 3, min_duration: 1s }",
    "measure: { tier: quick, repetitions: 2, order: random }",
    "measure: { min_queries: 100, max_duration: 3m, repetitions: 2 }",
    "input: { tensors: inputs.npz }",
    "input: { random: { seed: 18446744073709551615, ranges: { \"x: y\": [-0.125, 1e3] } } }",
    "variables: { A: \"quo\\\"te\", B: yes, C: \"tab\\tand\\e\", D: '' }",
    "environment: { governor: performance, max_start_temp_c: 45, cooldown: 90s }",
    "environment: { thermal_gate: off, regime: sustained, plateau_window: 90s }",
    "power: { rate_hz: 1000 }",
    "power: { source: off, idle_window: 0s, method: mlperf }",
    "accuracy: { task: sts, min_ratio: 0.99 }",
    "shapes: { \"in.0\": [1, 3, 8] }\n  dims: { \"no\": 4 }\n  time_limit: 1h 1ms",
];

/// Axes, each with some of its values, and defaults; every choice by number.
type Choice = (Vec<(usize, Vec<usize>)>, BTreeSet<usize>);

fn choice() -> impl Strategy<Value = Choice> {
    let axes = proptest::sample::subsequence((1..AXES.len()).collect::<Vec<_>>(), 0..4).prop_shuffle();
    let axes = axes.prop_flat_map(|mut axes| {
        axes.insert(axes.len() / 2, 0);
        axes.into_iter().map(|axis| (Just(axis), values(AXES[axis].1.len()))).collect::<Vec<_>>()
    });
    // Two ways to write the same key don't go together.
    let defaults = proptest::collection::btree_set(0..DEFAULTS.len(), 0..5).prop_filter("twice", |chosen| {
        let mut keys = BTreeSet::new();
        chosen.iter().all(|number| keys.insert(DEFAULTS[*number].split(':').next()))
    });
    (axes, defaults)
}

fn values(most: usize) -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..most).collect::<Vec<_>>(), 1..=most).prop_shuffle()
}

fn text((axes, defaults): &Choice) -> String {
    let lines: Vec<String> = defaults.iter().map(|number| format!("  {}\n", DEFAULTS[*number])).collect();
    let axes = axes.iter().map(|(axis, values)| {
        let (key, known) = AXES[*axis];
        let values: Vec<&str> = values.iter().map(|value| known[*value]).collect();
        format!("  {key}: [{}]\n", values.join(", "))
    });
    let none = if lines.is_empty() { " {}" } else { "" };
    format!("{HEAD}defaults:{none}\n{}matrix:\n{}", lines.concat(), axes.collect::<String>())
}

fn planned(text: &str) -> Plan {
    plan("t.yaml", text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn keys(plan: &Plan) -> BTreeSet<Digest> {
    plan.cells.iter().map(|cell| cell.key).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_the_same_each_time_and_has_every_combination(choice in choice()) {
        let text = text(&choice);
        let plan = planned(&text);
        prop_assert_eq!(&planned(&text), &plan);
        let product: usize = choice.0.iter().map(|(_, values)| values.len()).product();
        prop_assert_eq!(plan.product, product);
        prop_assert_eq!(keys(&plan).len(), product);
        prop_assert_eq!(plan.runs().len(), product * plan.repetitions as usize);
    }

    #[test]
    fn cells_keep_their_keys_when_axes_values_and_keys_change_places(choice in choice(), turn in 1_usize..4) {
        let mut turned = choice.clone();
        let axes = turned.0.len();
        turned.0.rotate_left(turn % axes);
        for (_, values) in &mut turned.0 {
            values.reverse();
        }
        let text = text(&turned);
        // Defaults after the matrix.
        let (head, matrix) = text.split_once("matrix:").expect("a matrix");
        let moved = head.replacen("defaults:", "\u{0}", 1);
        let (head, defaults) = moved.split_once('\u{0}').expect("defaults");
        let text = format!("{head}matrix:{matrix}defaults:{defaults}");
        prop_assert_eq!(keys(&planned(&text)), keys(&planned(&self::text(&choice))));
    }

    #[test]
    fn an_exclude_only_takes_away_and_an_overlay_keeps_the_number(choice in choice()) {
        let text = text(&choice);
        let all = planned(&text);
        let (axis, values) = &choice.0[choice.0.len() - 1];
        let (key, known) = AXES[*axis];
        let value = known[values[0]];
        let one = if value.starts_with('[') { format!("[{value}]") } else { value.to_owned() };
        if values.len() > 1 {
            let less = planned(&format!("{text}exclude:\n  - {{ {key}: {one} }}\n"));
            prop_assert!(keys(&less).is_subset(&keys(&all)));
            prop_assert_eq!(all.cells.len() - less.cells.len(), less.rules[0].cells);
            prop_assert_eq!(less.cells.len(), all.cells.len() / values.len() * (values.len() - 1));
        }
        let overlaid = planned(&format!("{text}overlay:\n  - {{ when: {{ {key}: {one} }}, with: {{ inter_threads: 9 }} }}\n"));
        prop_assert_eq!(overlaid.cells.len(), all.cells.len());
        let changed = overlaid.cells.iter().filter(|cell| cell.spec.settings.inter_threads == 9).count();
        prop_assert_eq!(changed, overlaid.rules[0].cells);
    }

    #[test]
    fn a_cell_as_yaml_makes_the_same_cell_again(choice in choice(), pick in any::<proptest::sample::Index>()) {
        let plan = planned(&text(&choice));
        let cell = &plan.cells[pick.index(plan.cells.len())];
        let yaml = cell.to_yaml();
        let entry: Vec<String> = yaml.lines().enumerate().map(|(number, line)| {
            format!("  {} {line}\n", if number == 0 { "-" } else { " " })
        }).collect();
        let again = planned(&format!("{HEAD}extra:\n{}", entry.concat()));
        prop_assert_eq!(&again.cells[0].spec, &cell.spec, "{}", yaml);
        prop_assert_eq!(again.cells[0].key, cell.key);
        prop_assert_eq!(&again.cells[0].device, &cell.device);
        prop_assert_eq!(&again.cells[0].tag, &cell.tag);
    }
}

#[test]
fn a_catalog_that_is_empty_is_no_panic() {
    let files = crate::fixture::corpus("good");
    for (name, text) in files {
        let file =
            furlong_domain::campaign::CampaignFile::parse(&name, &text, &crate::fixture::includes()).expect("good");
        let catalog = Catalog { models: BTreeMap::new(), ..Catalog::default() };
        let missing = file.missing(&catalog);
        assert_eq!(missing.models, {
            let mut names = file.model_names();
            names.sort();
            names
        });
        assert!(file.plan(&catalog, &furlong_domain::campaign::PlanOptions::default()).is_err());
    }
}

//! Excludes, overlays, extras, includes, devices and precisions: what they do to cells, and where values come from.

use std::time::Duration;

use furlong_domain::{
    ProviderName, Regime,
    campaign::{CampaignFile, Ceiling, Includes, Missing, Plan, PlanOptions, includes},
};

use crate::{
    fixture::{self, catalog, precision},
    plan,
};

const HEAD: &str = "apiVersion: furlong/v1\nkind: Campaign\nname: t\n";

fn planned(body: &str) -> Plan {
    plan("t.yaml", &format!("{HEAD}{body}")).unwrap_or_else(|error| panic!("{error}"))
}

fn parsed(body: &str) -> CampaignFile {
    CampaignFile::parse("t.yaml", &format!("{HEAD}{body}"), &fixture::includes())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn described(plan: &Plan) -> Vec<String> {
    plan.cells.iter().map(|cell| cell.spec.describe()).collect()
}

#[test]
fn a_rule_selects_by_meaning() {
    let plan = planned(
        "matrix:\n  model: [mobilenet]\n  batch: [1, 8]\n  provider: [cpu, { qnn: { options: { a: b } } }, [tensorrt, cuda]]\n\
         exclude:\n  - { batch: 08, provider: [CPUExecutionProvider, QNNExecutionProvider] }\n  - { provider: tensorrt, batch: 1 }\n",
    );
    let left = [
        "mobilenet, onnxruntime/cpu, single-stream, batch 1, 1 thread",
        "mobilenet, onnxruntime/qnn, single-stream, batch 1, 1 thread, a=b",
        "mobilenet, onnxruntime/tensorrt+cuda, single-stream, batch 8, 1 thread",
    ];
    assert_eq!(described(&plan), left);
}

#[test]
fn a_later_overlay_wins_and_keeps_what_it_does_not_say() {
    let plan = planned(
        "defaults: { warmup: { min_iterations: 3 }, provider: { qnn: { options: { a: 1, b: 1 } } } }\n\
         matrix: { model: [mobilenet], batch: [1, 8] }\n\
         overlay:\n  - { when: { batch: 8 }, with: { warmup: { min_duration: 2s }, intra_threads: 2, provider: { qnn: { options: { b: 2 } } } } }\n  \
         - { when: { model: mobilenet, batch: 8 }, with: { intra_threads: 4 } }\n",
    );
    assert_eq!(plan.cells.len(), 2);
    let (untouched, overlaid) = (&plan.cells[0].spec, &plan.cells[1].spec);
    assert_eq!((untouched.warmup.min_iterations, untouched.intra_threads), (3, 1));
    assert_eq!(
        (overlaid.warmup.min_iterations, overlaid.warmup.min_duration.as_secs(), overlaid.intra_threads),
        (3, 2, 4)
    );
    let options: Vec<&str> = overlaid.provider_options.values().map(String::as_str).collect();
    assert_eq!(options, ["1", "2"]);
}

#[test]
fn every_value_tells_its_origin() {
    let plan = planned(
        "include: [common/more.yaml]\ndefaults: { warmup: { min_iterations: 3 } }\nmatrix: { model: [mobilenet], batch: [8] }\n\
         overlay:\n  - { when: { batch: 8 }, with: { arena: true } }\nextra:\n  - { model: mobilenet, tag: mine }\n",
    );
    let origin =
        |cell: usize, path: &str| plan.cells[cell].origins.get(path).map_or("built in".to_owned(), ToString::to_string);
    assert_eq!(origin(0, "spinning"), "include, common/more.yaml:2");
    assert_eq!(origin(0, "power.rate_hz"), "include, common/power.yaml:3");
    assert_eq!(origin(0, "warmup.min_iterations"), "defaults, t.yaml:5");
    assert_eq!(origin(0, "batch"), "matrix, t.yaml:6");
    assert_eq!(origin(0, "arena"), "overlay 1, t.yaml:8");
    assert_eq!(origin(0, "affinity"), "built in");
    assert_eq!(origin(1, "tag"), "extra 1, t.yaml:10");
    let yaml = plan.cells[0].to_yaml();
    assert!(
        yaml.lines().any(|line| line.starts_with("arena: true ") && line.ends_with("# from overlay 1, t.yaml:8")),
        "{yaml}"
    );
}

#[test]
fn includes_are_listed_one_file_at_a_time() {
    assert_eq!(
        includes("include: [a.yaml, common/b.yaml, ../out.yaml, /etc/passwd]\nwhatever: 1\n"),
        ["a.yaml", "common/b.yaml"]
    );
    assert!(includes("include: [a.yaml").is_empty());
    assert_eq!(
        parsed("include: [common/more.yaml]\nmatrix: { model: [mobilenet] }\n").include_paths(),
        ["common/more.yaml", "common/power.yaml"]
    );
    let text = format!("{HEAD}include: [a.yaml]\nmatrix: {{ model: [mobilenet] }}\n");
    assert!(
        CampaignFile::parse("t.yaml", &text, &Includes::new())
            .expect_err("not handed in")
            .to_string()
            .contains("t.yaml:4:11")
    );
}

#[test]
fn a_device_that_is_counted_becomes_cells_of_its_own() {
    let devices = |device: &str| -> Vec<String> {
        let plan = planned(&format!("matrix: {{ model: [mobilenet], device: [{device}] }}\n"));
        plan.cells.iter().map(|cell| cell.device.to_string()).collect()
    };
    assert_eq!(devices("orin-nano-8g"), ["orin-nano-8g"]);
    assert_eq!(devices("{ match: orin-nano-8g, count: all }"), ["name=orin-1", "name=orin-2"]);
    assert_eq!(devices("{ match: 'jetpack>=6.3', count: all }"), ["name=orin-2"]);
    assert_eq!(devices("{ match: any, count: 2 }"), ["name=orin-1", "name=orin-2"]);
    assert_eq!(devices("{ match: 'ram_mb<8100', count: one }"), ["ram_mb<8100"]);
}

#[test]
fn a_precision_is_that_of_a_variant() {
    let plan = planned("matrix: { model: [bert-base], precision: [fp32, fp16] }\n");
    let known = &catalog().models["bert-base"];
    assert_eq!(plan.cells[0].spec.model.sha256, known.original.sha256);
    assert_eq!(plan.cells[1].spec.model, known.variants[&precision("fp16")]);
}

#[test]
fn what_can_be_made_is_missing_and_what_cannot_is_not() {
    let file = parsed(
        "defaults: { input: { text: nowhere.txt } }\n\
         matrix: { model: [bert-base, quantised, nobody], precision: [fp32, fp16, int4-weight, int8-static], device: [any, { match: thor, count: all }] }\n",
    );
    let expected = Missing {
        models: vec!["nobody".to_owned()],
        variants: vec![("bert-base".to_owned(), precision("int4-weight"))],
        attachments: vec!["nowhere.txt".to_owned()],
        devices: vec!["thor".to_owned()],
    };
    assert_eq!(file.missing(&catalog()), expected);
}

#[test]
fn the_cpu_at_the_end_of_a_list_is_implied() {
    let one = |provider: &str| {
        let plan = planned(&format!("defaults: {{ provider: {provider} }}\nmatrix: {{ model: [mobilenet] }}\n"));
        plan.cells[0].clone()
    };
    assert_eq!(one("[cuda, cpu]").key, one("cuda").key);
    assert_eq!(one("[cpu]").key, one("cpu").key);
    assert_ne!(one("[cuda, xnnpack]").key, one("cuda").key);
    assert_eq!(one("[cuda, xnnpack]").spec.fallback, [ProviderName::parse("xnnpack").expect("known")]);
}

#[test]
fn a_tag_does_not_change_what_is_measured() {
    let key = |tag: &str| planned(&format!("extra:\n  - {{ model: mobilenet{tag} }}\n")).cells[0].key;
    assert_eq!(key(""), key(", tag: mine"));
}

#[test]
fn a_random_order_is_drawn_once_and_for_all() {
    let order = |measure: &str| {
        let plan = planned(&format!(
            "defaults: {{ measure: {{ repetitions: 3, {measure} }} }}\nmatrix: {{ model: [mobilenet], batch: [1, 2, 3, 4] }}\n"
        ));
        let runs = plan.runs();
        (plan.seed, runs.iter().map(|run| (run.cell, run.repetition)).collect::<Vec<_>>())
    };
    let (seed, drawn) = order("order: random, seed: 7");
    assert_eq!(seed, Some(7));
    assert_eq!(order("order: random, seed: 7").1, drawn);
    assert_ne!(order("order: random, seed: 8").1, drawn);
    let (seed, from_text) = order("order: random");
    assert!(seed.is_some() && from_text != drawn);
    let mut sorted = drawn.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, order("order: blocked").1);
    assert_eq!(order("order: interleaved").0, None);
}

#[test]
fn the_ceiling_is_lifted_by_whoever_means_it() {
    let threads: Vec<String> = (1..=80).map(|number| number.to_string()).collect();
    let file =
        parsed(&format!("matrix: {{ model: [mobilenet], intra_threads: [{0}], batch: [{0}] }}\n", threads.join(", ")));
    assert!(file.plan(&catalog(), &PlanOptions::default()).is_err());
    assert_eq!(file.plan(&catalog(), &PlanOptions { ceiling: None }).expect("meant").cells.len(), 6400);
    let tight = PlanOptions { ceiling: Some(Ceiling { cells: 6400, runs: 31_999 }) };
    assert!(file.plan(&catalog(), &tight).expect_err("32,000 runs").to_string().contains("32000 runs"));
}

#[test]
fn what_is_not_acted_upon_is_said() {
    let plan =
        planned("defaults: { accuracy: {} }\nmatrix: { model: [mobilenet] }\nnotify: [{ email: a@b, on: [done] }]\n");
    let about = |word: &str| plan.notes.iter().filter(|note| note.contains(word)).count();
    assert_eq!((plan.notes.len(), about("accuracy"), about("notify")), (2, 1, 1));
    let acted_upon = "defaults: { power: {}, environment: { cooldown: 5s, regime: sustained } }\n";
    assert!(planned(&format!("{acted_upon}matrix: {{ model: [mobilenet] }}\n")).notes.is_empty());
}

#[test]
fn a_later_rule_may_turn_a_sustained_cell_into_a_burst() {
    let plan = planned(
        "defaults: { environment: { regime: sustained, plateau_window: 1m } }\nmatrix: { model: [mobilenet], batch: [1, 8] }\n\
         overlay:\n  - { when: { batch: 8 }, with: { environment: { regime: burst } } }\n",
    );
    let regimes: Vec<Regime> = plan.cells.iter().map(|cell| cell.spec.environment.regime).collect();
    assert_eq!(regimes, [Regime::Sustained { plateau: Duration::from_mins(1) }, Regime::Burst]);
}

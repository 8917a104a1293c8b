//! Compares with figures of the official scripts on whole data sets: GLUE's by scikit-learn and scipy (`glue_expected.json`), and
//! `SQuAD`'s by `evaluate-v1.1.py` (`*.expected.json`). The files are shared between projects and are no part of a clone; without
//! them the tests say so and end.

use std::{collections::BTreeMap, fs, path::Path};

use domain::{Metric, Task};
use furlong_score::{Output, Prediction, Truth, answer_metrics, metrics, predictions};
use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

/// A file of the shared data, or `None` where there is none.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn shared(path: &str) -> Option<Value> {
    let path = Path::new(DATA).join(path);
    if !path.exists() {
        println!("skipped: no shared data");
        return None;
    }
    Some(serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON"))
}

#[track_caller]
fn close(found: &[Metric], name: &str, expected: &Value) {
    let found = found.iter().find(|metric| metric.name == name).expect("a metric of the task");
    let expected = expected.as_f64().expect("a number");
    assert!((found.value - expected).abs() < 1e-9, "{name}: {}, not {expected}", found.value);
    let (low, high) = found.interval.expect("it has one");
    assert!(low < expected && expected < high && high - low < 0.25 * expected, "{name}: {low} to {high}");
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "labels are small whole numbers")]
fn glue(task: Task, file: &str) -> Option<Vec<Prediction>> {
    let stored = shared(&format!("golden/glue_{file}_pred.json"))?;
    let pairs = numbers(&stored["pred"]).into_iter().zip(numbers(&stored["gold"]));
    let of = |(index, (predicted, truth)): (usize, (f64, f64))| {
        let (output, truth) = match task {
            Task::Stsb => (Output::Value(predicted), Truth::Value(truth)),
            _ => (Output::Labels(vec![predicted as u32]), Truth::Label(truth as u32)),
        };
        Prediction { index: index as u64, id: index.to_string(), output, truth }
    };
    Some(pairs.enumerate().map(of).collect())
}

#[test]
fn glue_agrees_with_scikit_learn_and_scipy() {
    let Some(expected) = shared("golden/glue_expected.json") else { return };
    for (task, file, names) in [
        (Task::Sst2, "sst2", &[("accuracy", "accuracy")][..]),
        (Task::Mrpc, "mrpc", &[("f1", "f1"), ("accuracy", "accuracy")]),
        (Task::Qqp, "mrpc", &[("f1", "f1"), ("accuracy", "accuracy")]),
        (Task::Cola, "cola", &[("matthews", "mcc")]),
        (Task::Ax, "sst2", &[("matthews", "mcc")]),
        (Task::Ax, "qnli", &[("matthews", "mcc")]),
        (Task::Qqp, "qnli", &[("f1", "f1")]),
        (Task::Qnli, "qnli", &[("accuracy", "accuracy")]),
        (Task::Rte, "rte", &[("accuracy", "accuracy")]),
        (Task::Stsb, "stsb", &[("spearman", "spearman"), ("pearson", "pearson")]),
    ] {
        let predictions = glue(task, file).expect("beside the expected figures");
        assert_eq!(predictions.len() as u64, expected[file]["n"].as_u64().expect("a count"));
        let found = metrics(task, &predictions).expect("scorable");
        for (ours, theirs) in names {
            close(&found, ours, &expected[file][theirs]);
        }
    }
}

/// The answered questions, and how many are not.
fn squad(file: &str) -> Option<(Vec<Prediction>, u64)> {
    let set = shared(&format!("squad/{file}.json"))?;
    let answers = shared(&format!("squad/{file}.predictions.json")).expect("beside the set");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut questions = Vec::new();
    for article in list(&set["data"]) {
        for paragraph in list(&article["paragraphs"]) {
            questions.extend(list(&paragraph["qas"]));
        }
    }
    let of = |(index, question): (usize, &Value)| {
        let id = text(&question["id"]);
        let output = Output::Answer(text(answers.get(&id)?));
        let truth = Truth::Answers(list(&question["answers"]).iter().map(|answer| text(&answer["text"])).collect());
        Some(Prediction { index: index as u64, id, output, truth })
    };
    let predictions: Vec<Prediction> = questions.iter().enumerate().filter_map(of).collect();
    let unanswered = (questions.len() - predictions.len()) as u64;
    Some((predictions, unanswered))
}

#[test]
fn squad_agrees_with_the_official_script() {
    for file in ["xquad.en.dev40", "xquad.en.devtest4"] {
        let Some((predictions, unanswered)) = squad(file) else { return };
        let expected = shared(&format!("squad/{file}.expected.json")).expect("beside the set");
        assert_eq!(predictions.len() as u64, expected["answered"].as_u64().expect("a count"));
        assert_eq!(predictions.len() as u64 + unanswered, expected["n"].as_u64().expect("a count"));
        let found = answer_metrics(&predictions, unanswered).expect("scorable");
        for (ours, theirs) in [("f1", "f1"), ("exact-match", "exact_match")] {
            let found = found.iter().find(|metric| metric.name == ours).expect("a metric of the task");
            let expected = expected[theirs].as_f64().expect("a number");
            assert!((found.value - expected).abs() < 1e-9, "{file} {ours}: {}, not {expected}", found.value);
        }
    }
}

#[test]
fn the_best_of_several_right_answers_counts() {
    let Some((predictions, unanswered)) = squad("squad_multi_answer6") else { return };
    let expected = shared("squad/squad_multi_answer6.expected.json").expect("beside the set");
    let found = answer_metrics(&predictions, unanswered).expect("scorable");
    for (found, expected) in found.iter().zip([&expected["f1"], &expected["exact_match"]]) {
        assert!((found.value - expected.as_f64().expect("a number")).abs() < 1e-9, "{found:?}, not {expected}");
    }
    assert_eq!(found[1].count, Some((3, 6)));
}

#[test]
fn metrics_of_stored_predictions_are_the_devices_to_the_last_bit() {
    let mut devices = BTreeMap::new();
    for (task, file) in [(Task::Stsb, "stsb"), (Task::Cola, "cola"), (Task::Mrpc, "mrpc")] {
        let Some(list) = glue(task, file) else { return };
        let stored = predictions::write(task, &list).expect("memory");
        let (read_task, read) = predictions::read(&stored).expect("just written");
        assert_eq!((read_task, &read), (task, &list));
        devices.insert(task, metrics(task, &list).expect("scorable"));
        assert_eq!(metrics(task, &read).expect("scorable"), devices[&task]);
    }
}

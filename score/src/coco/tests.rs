//! Against pycocotools 2.0.11: its published example, recorded detections of a model (both shared between projects and not
//! part of a clone), and small cases of `golden/cases.py`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::*;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

#[derive(Deserialize)]
struct Annotations {
    images: Vec<ImageEntry>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct ImageEntry {
    id: u64,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u32,
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Detection {
    image_id: u64,
    category_id: u32,
    bbox: [f64; 4],
    score: f64,
}

#[derive(Deserialize)]
struct Case {
    images: Vec<CaseImage>,
    expected: [f64; 12],
}

#[derive(Deserialize)]
struct CaseImage {
    boxes: Vec<(u32, [f64; 4], f64)>,
    objects: Vec<(u32, [f64; 4], f64, bool)>,
}

fn prediction(index: u64, boxes: Vec<ScoredBox>, objects: Vec<TruthBox>) -> Prediction {
    Prediction { index, id: index.to_string(), output: Output::Boxes(boxes), truth: Truth::Boxes(objects) }
}

/// Predictions of the images of an annotation file, in the order of their ids.
fn predictions(annotations: &Path, detections: &Path) -> Vec<Prediction> {
    let text = |path: &Path| fs::read_to_string(path).expect("readable");
    let Annotations { mut images, annotations } = serde_json::from_str(&text(annotations)).expect("annotations");
    let detections: Vec<Detection> = serde_json::from_str(&text(detections)).expect("detections");
    images.sort_by_key(|image| image.id);
    let mut found: HashMap<u64, (Vec<ScoredBox>, Vec<TruthBox>)> = HashMap::new();
    for Detection { image_id, category_id: category, bbox, score } in detections {
        found.entry(image_id).or_default().0.push(ScoredBox { category, bbox, score });
    }
    for Annotation { image_id, category_id: category, bbox, area, iscrowd } in annotations {
        found.entry(image_id).or_default().1.push(TruthBox { category, bbox, area, crowd: iscrowd == 1 });
    }
    let image = |(index, image): (u64, &ImageEntry)| {
        let (boxes, objects) = found.remove(&image.id).unwrap_or_default();
        prediction(index, boxes, objects)
    };
    (0..).zip(&images).map(image).collect()
}

fn check(name: &str, predictions: &[Prediction], expected: &[f64]) {
    let metrics = metrics(predictions).expect("boxes");
    assert_eq!(metrics.len(), expected.len(), "{name}");
    for (metric, expected) in metrics.iter().zip(expected) {
        let apart = (metric.value - expected).abs();
        assert!(apart < 1e-9, "{name}: {} is {}, and pycocotools says {expected}", metric.name, metric.value);
    }
}

fn check_recorded(folder: &str, annotations: &str, detections: &str, expected: &str) {
    let folder = PathBuf::from(DATA).join(folder);
    if !folder.exists() {
        println!("skipped: no shared data");
        return;
    }
    let text = fs::read_to_string(folder.join(expected)).expect("readable");
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    let names = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"];
    let expected: Vec<f64> = names.iter().map(|name| golden[name].as_f64().expect("a number")).collect();
    check(detections, &predictions(&folder.join(annotations), &folder.join(detections)), &expected);
}

#[test]
fn published_example_gives_the_published_figures() {
    let results = "instances_val2014_fakebbox100_results.json";
    check_recorded("cocoapi_fake100", "instances_val2014_100.json", results, "expected.json");
}

#[test]
fn recorded_detections_give_the_figures_of_pycocotools() {
    for run in ["bgrnorm", "bgrnormkeep"] {
        let (detections, expected) =
            (format!("dets_nanodet_{run}_val2017.json"), format!("expected_nanodet_{run}.json"));
        check_recorded("coco_val80", "instances_val2017.json", &detections, &expected);
    }
}

#[test]
fn small_cases_give_the_figures_of_pycocotools() {
    let cases: BTreeMap<String, Case> = serde_json::from_str(include_str!("golden/cases.json")).expect("cases");
    assert!(!cases.is_empty());
    for (name, Case { images, expected }) in cases {
        let image = |(index, CaseImage { boxes, objects }): (u64, CaseImage)| {
            let boxes = boxes.into_iter().map(|(category, bbox, score)| ScoredBox { category, bbox, score });
            let objects =
                objects.into_iter().map(|(category, bbox, area, crowd)| TruthBox { category, bbox, area, crowd });
            prediction(index, boxes.collect(), objects.collect())
        };
        let mut predictions: Vec<Prediction> = (0..).zip(images).map(image).collect();
        check(&name, &predictions, &expected);
        predictions.reverse();
        check(&format!("{name}, images in another order"), &predictions, &expected);
    }
}

#[test]
fn thresholds_are_those_of_numpy() {
    // numpy 2.4.6: numpy.linspace(0.5, 0.95, 10).tolist()
    let numpy = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.899_999_999_999_999_9, 0.95];
    assert_eq!(thresholds().map(f64::to_bits), numpy.map(f64::to_bits), "{:?}", thresholds());
    assert_eq!((thresholds()[HALF], thresholds()[THREE_QUARTERS]), (0.5, 0.75));
}

#[test]
fn without_objects_every_figure_is_minus_one() {
    let scored = ScoredBox { category: 1, bbox: [0.0, 0.0, 9.0, 9.0], score: 0.5 };
    check("no objects", &[prediction(0, vec![scored], Vec::new())], &[-1.0; 12]);
    check("no images", &[], &[-1.0; 12]);
}

#[test]
fn predictions_that_are_no_boxes_are_refused() {
    let mut other = prediction(3, Vec::new(), Vec::new());
    other.output = Output::Value(0.5);
    let error = metrics(&[other]).expect_err("no boxes").to_string();
    assert!(error.contains("example 3") && error.contains("wants boxes"), "{error}");
}

#[test]
fn boxes_that_are_no_numbers_are_refused() {
    let scored = |bbox, score| ScoredBox { category: 1, bbox, score };
    for scored in [scored([0.0, 0.0, 9.0, 9.0], f64::NAN), scored([0.0, f64::INFINITY, 9.0, 9.0], 0.5)] {
        let error = metrics(&[prediction(3, vec![scored], Vec::new())]).expect_err("no number");
        assert_eq!(error, ScoreError::NotFinite { index: 3, id: "3".to_owned() });
    }
}

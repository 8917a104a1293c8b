//! What a card's author sees: what can be said, and where each mistake is found.

mod roundtrip;

use super::*;
use crate::{
    Activation, Categories, Detector, Head, Interpolation, Level, Resize, Spans, TensorPreprocessing, TextPreprocessing,
};

const PHOTO: &str = "\
task: image-classification
licence: Apache-2.0
preprocessing:
  image: { colours: rgb, resize: { short-side: 256 }, interpolation: bicubic, crop: 224, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], layout: nchw }
postprocessing: { output: 461, label-offset: -1 }
expected_accuracy:
  - { dataset: imagenet-1k/val, metric: top-1, value: 0.792, source: authors }
";

const DETECTOR: &str = "\
task: object-detection
preprocessing:
  image:
    resize: { letterbox: { width: 416, height: 416 } }
    interpolation: bilinear-no-antialias
    colours: bgr
    mean: [103.53, 116.28, 123.675]
    std: [57.375, 57.12, 58.395]
postprocessing:
  detector:
    head:
      distribution:
        levels:
          - { classes: cls_8, sides: dis_8, stride: 8 }
          - { classes: cls_16, sides: dis_16, stride: 16 }
        bins: 11
        activation: none
    nms-iou: 0.6
";

const TEXT: &str = "\
task: question-answering
preprocessing: { text: { max-length: 384 } }
postprocessing:
  spans: { start: start, end: end, n-best: 20 }
  pooling: none
  labels: [2, null, 0]
";

fn read(text: &str) -> DeclaredCard {
    DeclaredCard::parse("card.yaml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    DeclaredCard::parse("card.yaml", text).expect_err(text).to_string()
}

/// One change to a card, and the beginning of the problem that it makes with its place.
fn check(card: &str, from: &str, to: &str, problem: &str, place: &str) {
    let text = card.replacen(from, to, 1);
    assert_ne!(text, card, "{from} does not occur");
    let error = refused(&text);
    let (told, rest) = error.split_once('\n').expect("more than a line");
    assert!(told.starts_with(&format!("error: {problem}")), "{to}: {error}");
    assert!(rest.starts_with(&format!("  --> card.yaml:{place}\n  = hint: ")), "{to}: {error}");
    assert_eq!(error.matches("error: ").count(), 1, "{to}: {error}");
}

#[test]
fn everything_can_be_declared_and_lands_on_the_card() {
    let declared = read(PHOTO);
    assert_eq!(declared.licence.as_deref(), Some("Apache-2.0"));
    let mut card = ModelCard { task: Some("guessed".to_owned()), ..ModelCard::default() };
    declared.declare(&mut card);
    assert_eq!(card.task.as_deref(), Some("image-classification"));
    let image = card.preprocessing.and_then(|prepared| prepared.image).expect("declared");
    assert_eq!((image.resize, image.crop), (Resize::ShortSide(256), Some(224)));
    let read = card.postprocessing.expect("declared");
    assert_eq!((read.output.as_deref(), read.label_offset), (Some("461"), -1));
    assert_eq!(card.expected_accuracy[0].value.to_bits(), 0.792_f64.to_bits());
}

#[test]
fn what_is_not_declared_is_left_as_it_was() {
    let post = Some(Postprocessing { label_offset: 1, ..Postprocessing::default() });
    let known = ModelCard { task: Some("ranking".to_owned()), postprocessing: post, ..ModelCard::default() };
    let mut card = known.clone();
    read("licence: MIT\n").declare(&mut card);
    assert_eq!(card, known);
}

#[test]
fn a_detector_says_what_its_outputs_are() {
    let declared = read(DETECTOR);
    let image = declared.preprocessing.and_then(|prepared| prepared.image).expect("declared");
    assert_eq!(image.resize, Resize::Letterbox { width: 416, height: 416, fill: [0; 3] });
    assert_eq!(image.interpolation, Interpolation::BilinearNoAntialias);
    let level = |stride| Level { classes: format!("cls_{stride}"), sides: format!("dis_{stride}"), stride };
    let head = Head::Distribution { levels: vec![level(8), level(16)], bins: 11, activation: Activation::None };
    let (score_threshold, categories) = (0.05, Categories::Sorted);
    let detector = Detector { head, score_threshold, nms_iou: Some(0.6), max_boxes: 100, categories };
    assert_eq!(declared.postprocessing.and_then(|read| read.detector), Some(detector));
}

#[test]
fn what_a_section_leaves_out_is_at_its_default() {
    let declared = read(TEXT);
    let text = TextPreprocessing { max_length: 384, ..TextPreprocessing::default() };
    assert_eq!(declared.preprocessing, Some(Preprocessing { text: Some(text), ..Preprocessing::default() }));
    let spans = Spans { start: "start".to_owned(), end: "end".to_owned(), ..Spans::default() };
    let expected = Postprocessing {
        spans: Some(spans),
        pooling: Some(crate::Pooling::None),
        labels: vec![Some(2), None, Some(0)],
        ..Postprocessing::default()
    };
    assert_eq!(declared.postprocessing, Some(expected));
    let tensor = read("preprocessing: { tensor: {}, text: null }").preprocessing.and_then(|prepared| prepared.tensor);
    assert_eq!(tensor, Some(TensorPreprocessing::default()));
}

#[test]
fn a_task_may_be_any_word() {
    assert_eq!(read("task: language-modelling").task.as_deref(), Some("language-modelling"));
}

#[test]
fn a_mistake_of_form_is_found_where_it_stands() {
    for (from, to, problem, place) in [
        ("task:", "tsak:", "unknown key `tsak`", "1:1"),
        ("rgb", "rbg", "unknown word `rbg`", "4:21"),
        ("short-side: 256", "long-side: 256", "unknown word `long-side`", "4:36"),
        ("{ short-side: 256 }", "short-side", "`short-side` needs a value", "4:34"),
        ("{ short-side: 256 }", "{ none: 256 }", "`none` takes no value", "4:42"),
        ("short-side: 256", "short-side: 256, none: 1", "expected one of `short-side`, `stretch`", "4:34"),
        ("{ short-side: 256 }", "", "expected one of `short-side`, `stretch`", "4:32"),
        ("resize: { short-side: 256 }, ", "", "`resize` is missing", "4:10"),
        ("crop:", "corp:", "unknown key `corp`", "4:79"),
        ("crop: 224", "crop: -1", "expected a whole number, 0 or more, found `-1`", "4:85"),
        ("crop: 224", "crop: \"224\"", "expected a whole number, 0 or more, found the text `224`", "4:85"),
        ("123.675", ".nan", "expected a finite number, found the text `.nan`", "4:97"),
        ("123.675, ", "", "expected a list of 3, found 2", "4:96"),
        ("123.675, ", "1, 2, ", "expected a list of 3, found 4", "4:96"),
        ("-1", "yes", "expected a whole number, found the text `yes`", "5:46"),
        ("output: 461", "output: [461]", "expected text, found a list", "5:27"),
        ("0.792", ".nan", "expected a number", "7:55"),
        ("0.792", "good", "expected a number", "7:55"),
    ] {
        check(PHOTO, from, to, problem, place);
    }
    check(DETECTOR, "stride: 16", "strid: 16", "unknown key `strid`", "15:47");
    check(DETECTOR, "sides: dis_16, ", "", "`sides` is missing", "15:13");
    check(DETECTOR, "bins: 11", "bins: 11.5", "expected a whole number, 0 or more, found `11.5`", "16:15");
    check(DETECTOR, "distribution:", "distributon:", "unknown word `distributon`", "12:7");
    check(TEXT, "null", "none", "expected a whole number, 0 or more, found the text `none`", "6:15");
}

#[test]
fn a_value_without_sense_is_found_where_it_stands() {
    for (from, to, problem, place) in [
        ("crop: 224", "crop: 257", "`image.crop` is larger than what `resize` leaves", "4:85"),
        ("crop: 224", "crop: 0", "`image.crop` leaves no pixels", "4:85"),
        ("57.12", "-57.12", "`image.std.1` divides", "4:137"),
        ("output: 461", "output: \"\"", "`output` is empty", "5:27"),
        ("output: 461", "labels: [0, 1]", "`label-offset` says what `labels` says", "5:49"),
        ("output: 461, label-offset: -1", "labels: [null, ~]", "`labels` are all `null`", "5:27"),
    ] {
        check(PHOTO, from, to, problem, place);
    }
    check(DETECTOR, "width: 416", "width: 0", "`image.resize` leaves no pixels", "4:13");
    check(DETECTOR, "stride: 16", "stride: 0", "`detector.head.distribution.levels.1.stride` is 0", "15:55");
    check(DETECTOR, "cls_8", "' '", "`detector.head.distribution.levels.0.classes` is empty", "14:24");
    check(DETECTOR, "bins: 11", "bins: 1", "`detector.head.distribution.bins` must be at least 2", "16:15");
    check(DETECTOR, "nms-iou: 0.6", "nms-iou: 60", "`detector.nms-iou` is a share", "18:14");
    check(DETECTOR, "nms-iou: 0.6", "max-boxes: 0", "`detector.max-boxes` is 0", "18:16");
    check(DETECTOR, "nms-iou: 0.6", "score-threshold: -0.1", "`detector.score-threshold` is a share", "18:22");
    check(TEXT, "max-length: 384", "max-length: 0", "`text.max-length` is 0", "2:38");
    check(TEXT, "end: end", "end: start", "`spans.end` is the output that `start` is", "4:31");
    check(TEXT, "n-best: 20", "n-best: 0", "`spans.n-best` is 0", "4:44");
    check(TEXT, "text: { max-length: 384 }", "tensor: { scale: 0 }", "`tensor.scale` is 0", "2:35");
}

#[test]
fn an_empty_list_of_levels_has_no_boxes() {
    let text = "postprocessing: { detector: { head: { distribution: { levels: [], bins: 8, activation: none } } } }";
    assert!(refused(text).starts_with("error: `detector.head.distribution.levels` is empty\n  --> card.yaml:1:63\n"));
}

#[test]
fn problems_of_different_sections_are_told_at_once() {
    let error = refused(&PHOTO.replacen("rgb", "rbg", 1).replacen("-1", "one", 1).replacen("value", "vlaue", 1));
    insta::assert_snapshot!(error, @"
    error: unknown word `rbg`
      --> card.yaml:4:21
      = hint: known are `rgb`, `bgr`
    error: expected a whole number, found the text `one`
      --> card.yaml:5:46
      = hint: `postprocessing` has `output`, `labels`, `label-offset`, `pooling`, `spans` and `detector`
    error: unknown key `vlaue`
      --> card.yaml:7:48
      = hint: did you mean `value`?
    error: `value` is missing
      --> card.yaml:7:5
      = hint: `expected_accuracy` is a list of `{ dataset: .., metric: .., value: .., source: .. }`
    ");
}

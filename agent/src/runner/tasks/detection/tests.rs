//! Outputs small enough to be worked out by hand. Where a logit is 100 above its neighbours, a softmax is all but 1 there.

use domain::{
    Activation, BoxForm, BoxUnit, Categories, Digest, FileRef, Head, ImagePreprocessing, Level, OnBadExample,
    Postprocessing, Preprocessing, Resize, Task,
};
use score::Truth;

use super::super::super::input::{Axis, Element};
use super::super::OutputTensor;
use super::super::image::sample;
use super::*;

fn tensor(name: &str, shape: &[usize], values: &[f32]) -> OutputTensor {
    assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
    OutputTensor { name: name.to_owned(), shape: shape.to_vec(), values: values.to_vec() }
}

/// An image that is the model's input.
fn unscaled(width: u32, height: u32) -> Placed {
    Placed {
        image_width: width,
        image_height: height,
        input_width: width,
        input_height: height,
        scale: (1.0, 1.0),
        offset: (0.0, 0.0),
    }
}

fn detector(head: Head) -> Detector {
    Detector { head, score_threshold: 0.5, nms_iou: None, max_boxes: 100, categories: Categories::Sorted }
}

/// Classes 0 to 3 are the categories 10, 20, 30 and 40.
fn classes(detector: &Detector) -> Classes {
    Classes::new(&Postprocessing::default(), detector.categories, &[10, 20, 30, 40])
}

fn try_read(detector: &Detector, placed: Placed, tensors: &[OutputTensor]) -> Result<Vec<ScoredBox>, String> {
    read(detector, &classes(detector), &placed, &RowOutputs { tensors: tensors.to_vec() })
}

/// Category, score and box, rounded to a thousandth.
fn boxes(detector: &Detector, placed: Placed, tensors: &[OutputTensor]) -> Vec<(u32, f64, [f64; 4])> {
    let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
    let boxes = try_read(detector, placed, tensors).expect("readable");
    boxes.into_iter().map(|ScoredBox { category, bbox, score }| (category, rounded(score), bbox.map(rounded))).collect()
}

fn rows(unit: BoxUnit, form: BoxForm) -> Detector {
    detector(Head::Rows { output: "dets".to_owned(), form, unit })
}

/// Rows of corners, score and class.
fn row_outputs(rows: &[[f32; 6]]) -> [OutputTensor; 1] {
    [tensor("dets", &[rows.len(), 6], rows.as_flattened())]
}

fn distribution() -> Detector {
    let level = Level { classes: "cls".to_owned(), sides: "reg".to_owned(), stride: 8 };
    detector(Head::Distribution { levels: vec![level], bins: 3, activation: Activation::None })
}

/// Sides of one cell: left 1, top 1 as the mean of three equals, right 0, bottom 2; times the stride.
const SIDES: [f32; 12] = [0.0, 100.0, 0.0, 7.0, 7.0, 7.0, 100.0, 0.0, 0.0, -50.0, -50.0, 50.0];

#[test]
fn distribution_over_bins_gives_sides_from_the_middle_of_a_cell() {
    // Two cells beside one another; the second one's middle is at 12, 4.
    let sides: Vec<f32> = [[0.0; 12], SIDES].concat();
    let outputs = [tensor("cls", &[1, 2, 2], &[0.1, 0.2, 0.3, 0.9]), tensor("reg", &[1, 2, 12], &sides)];
    let expected = [(20, 0.9, [4.0, 0.0, 8.0, 8.0])];
    assert_eq!(boxes(&distribution(), unscaled(16, 8), &outputs), expected);

    // The same as planes: all cells of a channel lie together.
    let planes: Vec<f32> = (0..12).flat_map(|channel| [sides[channel], sides[12 + channel]]).collect();
    let outputs = [tensor("cls", &[1, 2, 1, 2], &[0.1, 0.3, 0.2, 0.9]), tensor("reg", &[1, 12, 1, 2], &planes)];
    assert_eq!(boxes(&distribution(), unscaled(16, 8), &outputs), expected);
}

#[test]
fn points_of_a_level_lie_row_by_row_in_a_grid_that_covers_the_input() {
    // 20 by 12 pixels are three by two cells of 8; the fifth one's middle is at 12, 12.
    let mut sides = [0.0; 72];
    sides[48..60].copy_from_slice(&SIDES);
    let outputs = [tensor("cls", &[1, 6, 1], &[0.0, 0.0, 0.0, 0.0, 0.6, 0.0]), tensor("reg", &[1, 6, 12], &sides)];
    let placed = Placed { image_width: 99, image_height: 99, ..unscaled(20, 12) };
    assert_eq!(boxes(&distribution(), placed, &outputs), [(10, 0.6, [4.0, 4.0, 8.0, 24.0])]);

    let error = try_read(&distribution(), unscaled(16, 8), &outputs).expect_err("two cells");
    assert!(error.contains("`cls`") && error.contains("1 times 2 cells"), "{error}");
}

#[test]
fn sides_of_another_number_of_bins_are_an_error() {
    let outputs = [tensor("cls", &[1, 1, 1], &[0.9]), tensor("reg", &[1, 1, 44], &[0.0; 44])];
    let error = try_read(&distribution(), unscaled(8, 8), &outputs).expect_err("eleven bins");
    assert!(error.contains("`reg`") && error.contains("four times 3"), "{error}");
}

#[test]
fn centres_are_peaks_of_the_heat_map() {
    let named = |name: &str| name.to_owned();
    let (heatmap, sizes, offsets) = (named("hm"), named("wh"), named("off"));
    let head = Head::Centres { heatmap, sizes, offsets, stride: 4, activation: Activation::Sigmoid };
    // Class 1 has a peak at x = 2, y = 1, and a slope up to it; in class 0 nothing reaches the threshold.
    let peaks = [[-9.0; 6], [-9.0, 1.0, 0.5, -9.0, 2.0, 3.0]].concat();
    let (mut size, mut offset) = ([1.0; 12], [0.0; 12]);
    (size[5], size[11], offset[5], offset[11]) = (2.0, 1.0, 0.25, 0.5);
    let outputs = [
        tensor("hm", &[1, 2, 2, 3], &peaks),
        tensor("wh", &[1, 2, 2, 3], &size),
        tensor("off", &[1, 2, 2, 3], &offset),
    ];
    // 4 * (2.25 -+ 1), 4 * (1.5 -+ 0.5); the sigmoid of 3 is 0.953.
    let expected = [(20, 0.953, [5.0, 4.0, 8.0, 4.0])];
    assert_eq!(boxes(&detector(head.clone()), unscaled(100, 100), &outputs), expected);

    let outputs = [outputs[0].clone(), tensor("wh", &[1, 2, 3, 2], &size), outputs[2].clone()];
    let error = try_read(&detector(head), unscaled(100, 100), &outputs).expect_err("another grid");
    assert!(error.contains("`wh`") && error.contains("[1, 2, 2, 3]"), "{error}");
}

#[test]
fn queries_are_of_their_most_likely_class_and_nothing_is_no_class() {
    let (logits, boxes_name) = ("logits".to_owned(), "pred_boxes".to_owned());
    let head = Head::Queries { logits, boxes: boxes_name, form: BoxForm::CxcyWh, unit: BoxUnit::Shares };
    // ln 6, ln 1 and ln 1: shares of 6/8, 1/8 and 1/8. The second query is most likely nothing, the third is below half.
    let ln_6 = 6.0_f32.ln();
    let outputs = [
        tensor("logits", &[1, 3, 3], &[0.0, ln_6, 0.0, 0.0, 1.0, 50.0, 0.0, 0.1, 0.0]),
        tensor("pred_boxes", &[1, 3, 4], &[0.5, 0.5, 0.25, 0.5, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2]),
    ];
    let expected = [(20, 0.75, [75.0, 25.0, 50.0, 50.0])];
    assert_eq!(boxes(&detector(head), unscaled(200, 100), &outputs), expected);
}

#[test]
fn every_class_of_a_candidate_counts() {
    let (scores, boxes_name) = ("scores".to_owned(), "boxes".to_owned());
    let (form, unit, activation) = (BoxForm::Xywh, BoxUnit::Pixels, Activation::None);
    let head = Head::Candidates { scores, boxes: boxes_name, form, unit, activation };
    let outputs = [
        tensor("boxes", &[1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 1.0, 1.0]),
        tensor("scores", &[1, 2, 3], &[0.625, 0.1, 0.75, 0.2, 0.5, 0.3]),
    ];
    let (first, second) = ([1.0, 2.0, 3.0, 4.0], [5.0, 5.0, 1.0, 1.0]);
    // A score at the threshold counts, too.
    let expected = [(30, 0.75, first), (10, 0.625, first), (20, 0.5, second)];
    assert_eq!(boxes(&detector(head.clone()), unscaled(9, 9), &outputs), expected);

    let outputs = [outputs[0].clone(), tensor("scores", &[1, 3, 2], &[0.0; 6])];
    let error = try_read(&detector(head), unscaled(9, 9), &outputs).expect_err("three scores for two boxes");
    assert!(error.contains("`scores`") && error.contains("`boxes`") && error.contains("3 and 2"), "{error}");
}

#[test]
fn only_as_many_chosen_boxes_as_the_model_counts_are_read() {
    let named = |name: &str| name.to_owned();
    let head = |count: Option<&str>| Head::Chosen {
        boxes: named("boxes"),
        scores: named("scores"),
        classes: named("classes"),
        count: count.map(named),
        form: BoxForm::Yxyx,
        unit: BoxUnit::Shares,
    };
    let outputs = [
        tensor("boxes", &[1, 2, 4], &[0.1, 0.2, 0.3, 0.6, 0.0, 0.0, 1.0, 1.0]),
        tensor("scores", &[1, 2], &[0.75, 0.875]),
        tensor("classes", &[1, 2], &[3.0, 1.0]),
        tensor("count", &[1], &[1.0]),
    ];
    let (first, second) = ((40, 0.75, [20.0, 5.0, 40.0, 10.0]), (20, 0.875, [0.0, 0.0, 100.0, 50.0]));
    assert_eq!(boxes(&detector(head(Some("count"))), unscaled(100, 50), &outputs), [first]);
    assert_eq!(boxes(&detector(head(None)), unscaled(100, 50), &outputs), [second, first]);

    let error = try_read(&detector(head(Some("number"))), unscaled(9, 9), &outputs).expect_err("another name");
    assert!(error.contains("`number`") && error.contains("count"), "{error}");
}

#[test]
fn rows_may_have_an_axis_of_the_batch() {
    let values = [1.0, 2.0, 4.0, 6.0, 0.5, 3.0];
    let expected = [(40, 0.5, [1.0, 2.0, 3.0, 4.0])];
    for shape in [&[1, 6][..], &[1, 1, 6]] {
        let outputs = [tensor("dets", shape, &values)];
        assert_eq!(boxes(&rows(BoxUnit::Pixels, BoxForm::Xyxy), unscaled(9, 9), &outputs), expected);
    }
    assert_eq!(boxes(&rows(BoxUnit::Pixels, BoxForm::Xyxy), unscaled(9, 9), &row_outputs(&[])), []);
    let outputs = [tensor("dets", &[1, 7], &[0.0; 7])];
    let error = try_read(&rows(BoxUnit::Pixels, BoxForm::Xyxy), unscaled(9, 9), &outputs).expect_err("seven numbers");
    assert!(error.contains("`dets`") && error.contains("[1, 7]") && error.contains("6]"), "{error}");
}

#[test]
fn boxes_are_scaled_back_from_the_letter_box_and_cut_off_at_the_image() {
    // 640x480 in 416x416: scaled by 0.65, with 52 rows above and below.
    let placed = Placed {
        image_width: 640,
        image_height: 480,
        input_width: 416,
        input_height: 416,
        scale: (0.65, 0.65),
        offset: (0.0, 52.0),
    };
    let outputs = row_outputs(&[[65.0, 117.0, 130.0, 182.0, 0.9, 0.0], [-5.0, 20.0, 500.0, 400.0, 0.8, 0.0]]);
    let expected = [(10, 0.9, [100.0, 100.0, 100.0, 100.0]), (10, 0.8, [0.0, 0.0, 640.0, 480.0])];
    assert_eq!(boxes(&rows(BoxUnit::Pixels, BoxForm::Xyxy), placed, &outputs), expected);
}

#[test]
fn of_two_boxes_of_one_category_that_overlap_the_better_one_is_kept() {
    // The second lies half in the first: an overlap of 1/3. The third is of another class.
    let outputs = row_outputs(&[
        [0.0, 0.0, 10.0, 10.0, 0.75, 0.0],
        [5.0, 0.0, 15.0, 10.0, 0.875, 0.0],
        [5.0, 0.0, 15.0, 10.0, 0.625, 1.0],
    ]);
    let scores = |nms_iou| {
        let detector = Detector { nms_iou, ..rows(BoxUnit::Pixels, BoxForm::Xyxy) };
        boxes(&detector, unscaled(99, 99), &outputs).into_iter().map(|(_, score, _)| score).collect::<Vec<_>>()
    };
    assert_eq!(scores(Some(0.3)), [0.875, 0.625]);
    assert_eq!(scores(Some(1.0 / 3.0)), [0.875, 0.75, 0.625], "an overlap at the limit is none above it");
    assert_eq!(scores(None), [0.875, 0.75, 0.625]);
}

#[test]
fn overlaps_are_taken_before_boxes_are_cut_off() {
    // Within the image both are the same.
    let outputs = row_outputs(&[[0.0, 0.0, 10.0, 10.0, 0.9, 0.0], [0.0, 0.0, 100.0, 10.0, 0.8, 0.0]]);
    let detector = Detector { nms_iou: Some(0.5), ..rows(BoxUnit::Pixels, BoxForm::Xyxy) };
    assert_eq!(boxes(&detector, unscaled(10, 10), &outputs).len(), 2);
}

#[test]
fn the_best_boxes_are_kept_and_equal_ones_stay_in_order() {
    let outputs = row_outputs(&[
        [0.0, 0.0, 1.0, 1.0, 0.5, 0.0],
        [0.0, 0.0, 2.0, 2.0, 0.75, 1.0],
        [0.0, 0.0, 3.0, 3.0, 0.75, 2.0],
        [0.0, 0.0, 4.0, 4.0, 0.25, 3.0],
    ]);
    let detector = |max_boxes| Detector { max_boxes, ..rows(BoxUnit::Pixels, BoxForm::Xyxy) };
    let categories = |max_boxes| {
        boxes(&detector(max_boxes), unscaled(9, 9), &outputs).into_iter().map(|(category, ..)| category).collect()
    };
    let (two, all): (Vec<u32>, Vec<u32>) = (categories(2), categories(100));
    assert_eq!((two, all), (vec![20, 30], vec![20, 30, 10]));
}

#[test]
fn numbers_that_are_none_are_the_models_fault() {
    let detector = rows(BoxUnit::Pixels, BoxForm::Xyxy);
    for row in [[0.0, 0.0, 1.0, 1.0, f32::NAN, 0.0], [0.0, f32::NAN, 1.0, 1.0, 0.9, 0.0]] {
        let error = try_read(&detector, unscaled(9, 9), &row_outputs(&[row])).expect_err("NaN");
        assert!(error.contains("not a number"), "{error}");
    }
    let error = try_read(&detector, unscaled(9, 9), &row_outputs(&[[0.0, 0.0, 1.0, 1.0, 0.9, 1.5]]));
    assert!(error.expect_err("half a class").contains("1.5"));
    // Of a candidate that is not wanted, nothing is looked at.
    let outputs = row_outputs(&[[0.0, f32::NAN, 1.0, 1.0, 0.1, -1.0]]);
    assert_eq!(try_read(&detector, unscaled(9, 9), &outputs), Ok(Vec::new()));
}

fn check_category(postprocessing: &Postprocessing, rule: Categories, class: u32, expected: Result<Option<u32>, &str>) {
    let category = Classes::new(postprocessing, rule, &[10, 20]).category(class);
    match (category, expected) {
        (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
        (category, expected) => assert_eq!(category, expected.map_err(str::to_owned), "class {class}"),
    }
}

#[test]
fn classes_become_categories_as_the_card_says() {
    let plain = Postprocessing::default();
    check_category(&plain, Categories::Sorted, 1, Ok(Some(20)));
    check_category(&plain, Categories::Sorted, 2, Err("class 2, and the categories of the data set are 2"));
    check_category(&plain, Categories::Ids, 20, Ok(Some(20)));
    let background = Postprocessing { label_offset: -1, ..Postprocessing::default() };
    check_category(&background, Categories::Sorted, 0, Ok(None));
    check_category(&background, Categories::Sorted, 2, Ok(Some(20)));
    let from_one = Postprocessing { label_offset: 1, ..Postprocessing::default() };
    check_category(&from_one, Categories::Ids, 0, Ok(Some(1)));
    let labels = Postprocessing { labels: vec![Some(20), None], ..Postprocessing::default() };
    check_category(&labels, Categories::Sorted, 0, Ok(Some(20)));
    check_category(&labels, Categories::Sorted, 1, Ok(None));
    check_category(&labels, Categories::Sorted, 2, Err("class 2, and the labels on its card are 2"));
}

#[test]
fn what_is_no_category_takes_no_place_from_others() {
    let outputs = row_outputs(&[[0.0, 0.0, 1.0, 1.0, 0.9, 0.0], [0.0, 0.0, 2.0, 2.0, 0.8, 1.0]]);
    let detector = Detector { max_boxes: 1, ..rows(BoxUnit::Pixels, BoxForm::Xyxy) };
    let background = Postprocessing { label_offset: -1, ..Postprocessing::default() };
    let classes = Classes::new(&background, Categories::Sorted, &[10, 20]);
    let outputs = RowOutputs { tensors: outputs.to_vec() };
    let boxes = read(&detector, &classes, &unscaled(9, 9), &outputs).expect("readable");
    assert_eq!(boxes, [ScoredBox { category: 10, bbox: [0.0, 0.0, 2.0, 2.0], score: f64::from(0.8_f32) }]);
}

fn evaluation(detector: Option<Detector>) -> Evaluation {
    let image = ImagePreprocessing {
        resize: Resize::Stretch { width: 8, height: 8 },
        interpolation: domain::Interpolation::default(),
        crop: None,
        colours: domain::Colours::default(),
        mean: [0.0; 3],
        std: [1.0; 3],
        layout: domain::Layout::Nchw,
    };
    Evaluation {
        task: Task::ObjectDetection,
        dataset: FileRef { path: "photos.zip".to_owned(), sha256: Digest::of(b"photos"), size_bytes: 6 },
        examples: None,
        checked_examples: 0,
        on_bad_example: OnBadExample::Fail,
        preprocessing: Preprocessing { image: Some(image), ..Preprocessing::default() },
        postprocessing: Postprocessing { detector, ..Postprocessing::default() },
    }
}

fn input(name: &str) -> InputSpec {
    let axes = vec![Axis::Symbol("batch".to_owned()), Axis::Fixed(3), Axis::Fixed(8), Axis::Fixed(8)];
    InputSpec { name: name.to_owned(), element: Element::Float32, axes }
}

#[test]
fn a_photo_goes_in_and_its_boxes_come_out_in_its_own_pixels() {
    let task = DetectionTask::new(&evaluation(Some(rows(BoxUnit::Shares, BoxForm::Xyxy))), &[input("x")], &[10, 20]);
    let task = task.expect("an evaluation of photos");
    let photo = sample::png(40, 20, [1, 2, 3]);
    let (id, truth) = ("1.png".to_owned(), Truth::Boxes(Vec::new()));
    let example = Example { index: 0, id, input: Input::Image(photo), truth };

    let made = task.rows(&example).expect("a row");
    let query = task.query(&[&made[0], &made[0]], None).expect("a batch of two");
    assert_eq!(query.tensors[0].shape, [2, 3, 8, 8]);

    let outputs = RowOutputs { tensors: row_outputs(&[[0.25, 0.5, 0.75, 1.0, 0.75, 1.0]]).to_vec() };
    let expected = [ScoredBox { category: 20, bbox: [10.0, 10.0, 20.0, 10.0], score: 0.75 }];
    assert_eq!(task.read(&example, &made, &[outputs]), Ok(Output::Boxes(expected.to_vec())));

    let text = Example { input: Input::Text { first: "no photo".to_owned(), second: None }, ..example };
    assert_eq!(task.rows(&text), Err("it is no image".to_owned()));
}

#[test]
fn a_model_without_a_declared_detector_or_of_two_inputs_is_refused() {
    let error = DetectionTask::new(&evaluation(None), &[input("x")], &[]).expect_err("no detector").to_string();
    assert!(error.contains("`postprocessing.detector`"), "{error}");
    let inputs = [input("x"), input("sizes")];
    let evaluation = evaluation(Some(rows(BoxUnit::Pixels, BoxForm::Xyxy)));
    let error = DetectionTask::new(&evaluation, &inputs, &[]).expect_err("two inputs").to_string();
    assert!(error.contains("images, through one input") && error.contains("sizes: float32"), "{error}");
}

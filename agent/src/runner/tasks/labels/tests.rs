use domain::{Colours, ImagePreprocessing, Interpolation, Layout, Resize, Task, TensorPreprocessing};
use score::Truth;

use super::super::OutputTensor;
use super::super::text::sample;
use super::*;
use crate::runner::input::{Axis, Element};

/// A model's input, whose batch is free.
fn input(element: Element, lengths: &[i64]) -> InputSpec {
    let lengths = lengths.iter().map(|&length| Axis::Fixed(length));
    let axes = std::iter::once(Axis::Symbol("batch".to_owned())).chain(lengths).collect();
    InputSpec { name: "x".to_owned(), element, axes }
}

fn evaluation(task: Task, preprocessing: Preprocessing, label_offset: i32) -> Evaluation {
    let postprocessing = Postprocessing { label_offset, ..Postprocessing::default() };
    Evaluation { preprocessing, ..sample::evaluation(task, None, postprocessing) }
}

fn digits() -> LabelTask {
    let tensor = Some(TensorPreprocessing { zero: 0.0, scale: 0.5 });
    let evaluation = evaluation(Task::TensorClassification, Preprocessing { tensor, ..Preprocessing::default() }, 0);
    LabelTask::new(&evaluation, &[input(Element::Float32, &[2])]).expect("a model of values")
}

fn photos(inputs: &[InputSpec]) -> Result<LabelTask, TaskError> {
    let image = ImagePreprocessing {
        resize: Resize::Stretch { width: 2, height: 1 },
        interpolation: Interpolation::Bilinear,
        crop: None,
        colours: Colours::Rgb,
        mean: [0.0; 3],
        std: [1.0; 3],
        layout: Layout::Nhwc,
    };
    let preprocessing = Preprocessing { image: Some(image), ..Preprocessing::default() };
    LabelTask::new(&evaluation(Task::ImageClassification, preprocessing, -1), inputs)
}

fn example(input: Input) -> Example {
    Example { index: 0, id: "first".to_owned(), input, truth: Truth::Label(0) }
}

fn outputs(shape: &[usize], values: &[f32]) -> [RowOutputs; 1] {
    let (name, shape, values) = ("scores".to_owned(), shape.to_vec(), values.to_vec());
    [RowOutputs { tensors: vec![OutputTensor { name, shape, values }] }]
}

#[test]
fn values_of_several_examples_become_one_query() {
    let task = digits();
    let rows: Vec<Row> = [[2.0, 4.0], [6.0, 8.0]]
        .into_iter()
        .flat_map(|values| task.rows(&example(Input::Values(values.to_vec()))).expect("two values"))
        .collect();
    let query = task.query(&rows.iter().collect::<Vec<_>>(), None).expect("one shape");
    assert_eq!(query.tensors[0].shape, [2, 2]);
    let floats = query.tensors[0].bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_ne_bytes(*bytes));
    assert!(floats.eq([1.0, 2.0, 3.0, 4.0]));
}

#[test]
fn a_photo_becomes_a_tensor_and_its_background_no_label() {
    let task = photos(&[input(Element::Uint8, &[1, 2, 3])]).expect("a model of photos");
    let photo = example(Input::Image(include_bytes!("../image/golden/rgb.png").to_vec()));
    let rows = task.rows(&photo).expect("a photo");
    assert_eq!(task.query(&[&rows[0]], None).expect("one row").tensors[0].shape, [1, 1, 2, 3]);
    let read = task.read(&photo, &rows, &outputs(&[1, 4, 1, 1], &[9.0, 1.0, 3.0, 3.0]));
    assert_eq!(read, Ok(Output::Labels(vec![1, 2, 0])));
}

#[test]
fn an_output_of_more_than_one_number_for_a_class_is_an_error() {
    let message =
        digits().read(&example(Input::Values(Vec::new())), &[], &outputs(&[1, 2, 2], &[0.0; 4])).expect_err("a table");
    assert!(message.contains("scores") && message.contains("[1, 2, 2]"), "{message}");
}

#[test]
fn an_example_of_another_kind_is_an_error() {
    assert!(digits().rows(&example(Input::Image(Vec::new()))).is_err());
    let photos = photos(&[input(Element::Uint8, &[1, 2, 3])]).expect("a model of photos");
    assert!(photos.rows(&example(Input::Values(vec![0.0; 6]))).is_err());
}

#[test]
fn models_of_other_inputs_are_refused() {
    let two = [input(Element::Uint8, &[1, 2, 3]), input(Element::Int64, &[1])];
    let message = photos(&two).expect_err("two inputs").to_string();
    assert!(message.contains("one input") && message.contains("int64[batch,1]"), "{message}");
    let message = photos(&[]).expect_err("no input").to_string();
    assert!(message.contains("no inputs"), "{message}");
    let undeclared = evaluation(Task::ImageClassification, Preprocessing::default(), 0);
    let error = LabelTask::new(&undeclared, &two[..1]).expect_err("no preprocessing");
    assert!(error.to_string().contains("preprocessing.image"), "{error}");
}

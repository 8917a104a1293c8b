use domain::{AccuracyRule, Digest, FileRef, ModelRef, Task};

use super::super::input::{Axis, Element};
use super::*;

/// A model of eight values that answers with the values themselves: the label is the place of the greatest.
fn echo(asked: &mut Vec<usize>) -> impl FnMut(&Query) -> Result<(Vec<OutputTensor>, Duration), RuntimeError> {
    |query| {
        let input = &query.tensors[0];
        let values: Vec<f32> = input.bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect();
        let rows = values.len() / 8;
        asked.push(rows);
        let output = OutputTensor { name: "y".to_owned(), shape: vec![rows, 8], values };
        Ok((vec![output], Duration::from_millis(2)))
    }
}

fn inputs() -> Vec<InputSpec> {
    let axes = vec![Axis::Symbol("batch".to_owned()), Axis::Fixed(8)];
    vec![InputSpec { name: "x".to_owned(), element: Element::Float32, axes }]
}

fn cell(batch: u32, policy: OnBadExample, examples: Option<u32>) -> CellSpec {
    let evaluation = Evaluation {
        task: Task::TensorClassification,
        dataset: FileRef { path: "d.csv".to_owned(), sha256: Digest::of(b""), size_bytes: 0 },
        examples,
        checked_examples: 4,
        on_bad_example: policy,
        preprocessing: domain::Preprocessing::default(),
        postprocessing: domain::Postprocessing::default(),
    };
    let accuracy = Some(AccuracyRule { evaluation: Some(evaluation), ..AccuracyRule::default() });
    CellSpec { batch, accuracy, ..CellSpec::new(ModelRef::nameless()) }
}

/// Of example i the greatest value is at i modulo 8, and every fourth label is wrong.
fn data(count: usize, bad: Option<usize>) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let row = |index: usize| {
        let values: Vec<&str> = (0..8).map(|place| if place == index % 8 { "1" } else { "0" }).collect();
        let label = if index.is_multiple_of(4) { (index + 1) % 8 } else { index % 8 };
        if bad == Some(index) {
            format!("{},none\n", values.join(","))
        } else {
            format!("{},{label}\n", values.join(","))
        }
    };
    std::fs::write(file.path(), (0..count).map(row).collect::<String>()).expect("written");
    file
}

fn bench(cell: &CellSpec, data: &tempfile::NamedTempFile) -> Bench {
    Bench::new(cell, &inputs(), Files { dataset: data.path(), tokenizer: None }).expect("a bench")
}

#[test]
fn every_example_is_asked_once_in_batches_of_one_size() {
    for batch in [1, 3, 8, 50] {
        let (data, mut asked) = (data(20, None), Vec::new());
        let evaluated =
            bench(&cell(batch, OnBadExample::Fail, None), &data).evaluate(&mut echo(&mut asked), &mut || Ok(()));
        let Evaluated { record, latencies_ns } = evaluated.expect("evaluates");
        assert!(asked.iter().all(|rows| *rows == batch as usize), "the last batch is filled up: {asked:?}");
        assert_eq!((asked.len(), latencies_ns.len()), (20_usize.div_ceil(batch as usize), asked.len()));
        let ExampleCounts { total, seen, scored, skipped } = record.counts;
        assert_eq!((total, seen, scored, skipped), (20, 20, 20, 0));
        assert_eq!(record.metrics[0].count, Some((15, 20)), "{:?}", record.metrics);
        assert_eq!(record.inference, Duration::from_millis(2) * u32::try_from(asked.len()).expect("few"));
        let (_, stored) = predictions::read(&record.predictions).expect("reads");
        assert!(stored.iter().enumerate().all(|(index, prediction)| prediction.index == index as u64));
    }
}

#[test]
fn a_bad_example_ends_it_by_name_or_is_counted_and_left_out() {
    let data = data(20, Some(7));
    let error = bench(&cell(4, OnBadExample::Fail, None), &data).evaluate(&mut echo(&mut Vec::new()), &mut || Ok(()));
    let error = error.expect_err("a bad example").to_string();
    assert!(error.contains("d.csv") && error.contains("none") && error.contains("hint: "), "{error}");
    let evaluated =
        bench(&cell(4, OnBadExample::Skip, None), &data).evaluate(&mut echo(&mut Vec::new()), &mut || Ok(()));
    let record = evaluated.expect("evaluates").record;
    assert_eq!((record.counts.seen, record.counts.scored, record.counts.skipped), (20, 19, 1));
    assert_eq!(record.problems.len(), 1);
}

#[test]
fn a_limit_takes_the_first_and_says_how_many_there_are() {
    let data = data(20, None);
    let evaluated =
        bench(&cell(4, OnBadExample::Fail, Some(6)), &data).evaluate(&mut echo(&mut Vec::new()), &mut || Ok(()));
    let record = evaluated.expect("evaluates").record;
    assert_eq!((record.counts.total, record.counts.seen, record.counts.scored), (20, 6, 6));
}

#[test]
fn checked_examples_come_evenly_from_all_of_them_and_say_what_the_whole_run_says() {
    let data = data(20, None);
    let bench = bench(&cell(3, OnBadExample::Fail, None), &data);
    let checked = bench.check(&mut echo(&mut Vec::new())).expect("checks");
    let (_, found) = predictions::read(&checked).expect("reads");
    assert_eq!(found.iter().map(|prediction| prediction.index).collect::<Vec<_>>(), [0, 5, 10, 15]);
    let whole = bench.evaluate(&mut echo(&mut Vec::new()), &mut || Ok(())).expect("evaluates").record;
    let (_, whole) = predictions::read(&whole.predictions).expect("reads");
    assert!(found.iter().all(|prediction| whole.contains(prediction)));
}

#[test]
fn an_error_of_the_model_stops_the_thread_that_prepares() {
    let data = data(200, None);
    let mut calls = 0;
    let mut ask = |query: &Query| {
        calls += 1;
        let rows = query.tensors[0].bytes.len() / 32;
        // Of other rows than it was asked for.
        Ok((
            vec![OutputTensor { name: "y".to_owned(), shape: vec![rows + 1, 8], values: vec![0.0; 8] }],
            Duration::ZERO,
        ))
    };
    let error =
        bench(&cell(4, OnBadExample::Fail, None), &data).evaluate(&mut ask, &mut || Ok(())).expect_err("not its batch");
    assert!(error.to_string().contains("batch 1"), "{error}");
    assert_eq!(calls, 1);
}

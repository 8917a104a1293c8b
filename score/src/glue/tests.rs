//! Held against scikit-learn 1.9.1 and scipy 1.17.1, which made the expected values.

use super::*;
use crate::{Output, Truth, metrics};

fn labelled(predicted: &[u32], truth: &[u32]) -> Vec<Prediction> {
    let of = |(index, (&predicted, &truth)): (usize, (&u32, &u32))| Prediction {
        index: index as u64,
        id: index.to_string(),
        output: Output::Labels(vec![predicted]),
        truth: Truth::Label(truth),
    };
    predicted.iter().zip(truth).enumerate().map(of).collect()
}

fn graded(predicted: &[f64], truth: &[f64]) -> Vec<Prediction> {
    let of = |(index, (&predicted, &truth)): (usize, (&f64, &f64))| Prediction {
        index: index as u64,
        id: index.to_string(),
        output: Output::Value(predicted),
        truth: Truth::Value(truth),
    };
    predicted.iter().zip(truth).enumerate().map(of).collect()
}

#[track_caller]
fn check(task: Task, predictions: &[Prediction], expected: &[f64]) {
    let found: Vec<f64> = metrics(task, predictions).expect("scorable").iter().map(|metric| metric.value).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{task}: {found}, not {expected}");
    }
}

/// `matthews_corrcoef(truth, predicted)`.
#[test]
fn matthews_agrees_with_scikit_learn_for_any_number_of_classes() {
    for (predicted, truth, expected) in [
        (&[1, 1, 0, 1, 0, 0, 1, 1][..], &[1, 0, 0, 1, 1, 0, 1, 1][..], 0.466_666_666_666_666_7),
        (&[0, 0, 1, 1], &[1, 1, 0, 0], -1.0),
        (&[1, 1, 1, 1], &[1, 0, 1, 0], 0.0),
        (&[2, 0, 1, 1, 2, 0, 2, 1, 0], &[2, 0, 1, 2, 2, 1, 2, 1, 0], 0.679_366_220_486_757_4),
        (&[5, 9, 9, 5, 7], &[5, 9, 7, 5, 9], 0.375),
    ] {
        check(Task::Ax, &labelled(predicted, truth), &[expected]);
    }
}

/// `f1_score(truth, predicted, labels=[1], average=None, zero_division=0)`; accuracy by counting.
#[test]
fn f1_is_of_class_1_and_0_without_a_positive() {
    for (predicted, truth, f1, accuracy) in [
        (&[1, 1, 0, 1, 0, 0, 1, 1][..], &[1, 0, 0, 1, 1, 0, 1, 1][..], 0.8, 0.75),
        (&[0, 0, 0], &[0, 0, 0], 0.0, 1.0),
        (&[0, 0, 0], &[1, 1, 0], 0.0, 1.0 / 3.0),
        (&[2, 1, 2, 1], &[1, 1, 2, 2], 0.5, 0.5),
    ] {
        check(Task::Mrpc, &labelled(predicted, truth), &[f1, accuracy]);
    }
}

/// `spearmanr(predicted, truth)` and `pearsonr(predicted, truth)`.
#[test]
fn correlations_agree_with_scipy_ties_and_all() {
    for (predicted, truth, spearman, pearson) in [
        (
            &[4.28, 4.03, 5.99, 3.01, 3.83, 0.1][..],
            &[5.0, 4.75, 5.0, 2.4, 2.75, 0.0][..],
            0.985_610_760_609_162_3,
            0.916_220_142_124_515_4,
        ),
        (
            &[1.0, 1.0, 1.0, 2.0, 2.0, 3.0],
            &[0.5, 0.25, 0.5, 0.5, 0.75, 0.25],
            -0.033_333_333_333_333_34,
            -0.108_465_228_909_328_05,
        ),
        (&[1e-9, 2e-9, 3e-9], &[-5.0, 0.0, -1.0], 0.5, 0.755_928_946_018_454_5),
        (&[1e6 + 1.0, 1e6 + 2.0, 1e6 + 4.0, 1e6 + 3.0], &[1.0, 2.0, 3.0, 4.0], 0.8, 0.8),
        (&[3.0, 2.0, 1.0], &[1.0, 2.0, 3.0], -1.0, -1.0),
    ] {
        check(Task::Stsb, &graded(predicted, truth), &[spearman, pearson]);
        check(Task::SentenceSimilarity, &graded(predicted, truth), &[spearman, pearson]);
    }
}

#[test]
fn a_side_that_does_not_vary_has_no_correlation() {
    check(Task::Stsb, &graded(&[0.5; 7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), &[0.0, 0.0]);
    check(Task::Stsb, &graded(&[1.0, 2.0, 3.0], &[0.0, -0.0, 0.0]), &[0.0, 0.0]);
    // The mean of three tenths is not a tenth: what rounding leaves of both sides would agree perfectly.
    check(Task::Stsb, &graded(&[0.1; 3], &[0.1; 3]), &[0.0, 0.0]);
}

fn named(task: Task, values: &[f64]) -> Vec<Metric> {
    let of = |(name, &value): (&&str, &f64)| Metric { name: (*name).to_owned(), value, interval: None, count: None };
    task.metrics().iter().zip(values).map(of).collect()
}

#[test]
fn the_average_is_over_nine_tasks_with_pairs_averaged_first() {
    let all: BTreeMap<Task, Vec<Metric>> = [
        (Task::Cola, &[0.5][..]),
        (Task::Sst2, &[0.9]),
        (Task::Mrpc, &[0.9, 0.8]),
        (Task::Stsb, &[0.7, 0.9]),
        (Task::Qqp, &[0.6, 0.8]),
        (Task::MnliMatched, &[0.82]),
        (Task::MnliMismatched, &[0.84]),
        (Task::Qnli, &[0.9]),
        (Task::Rte, &[0.6]),
        (Task::Wnli, &[0.56]),
    ]
    .into_iter()
    .map(|(task, values)| (task, named(task, values)))
    .collect();
    // 0.5 + 0.9 + 0.85 + 0.8 + 0.7 + 0.83 + 0.9 + 0.6 + 0.56 = 6.64.
    let average = glue_average(&all).expect("all nine are there");
    assert!((average - 6.64 / 9.0).abs() < 1e-12, "{average}");

    let mut more = all.clone();
    more.insert(Task::Ax, named(Task::Ax, &[0.1]));
    assert_eq!(glue_average(&more), Some(average), "the diagnostic set does not count");
    for task in all.keys() {
        let mut less = all.clone();
        less.remove(task);
        assert_eq!(glue_average(&less), None, "without {task}");
    }
    let mut half = all;
    half.insert(Task::Mrpc, named(Task::Mrpc, &[0.9]));
    assert_eq!(glue_average(&half), None, "without MRPC's accuracy");
}

#[test]
fn an_interval_is_around_its_figure_and_narrows_with_examples() {
    let width = |examples: u64| {
        let truth: Vec<u32> = (0..examples).map(|index| u32::from(index.is_multiple_of(2))).collect();
        let predicted: Vec<u32> =
            (0..).zip(&truth).map(|(index, &class)| class ^ u32::from(index % 10 == 3_u64)).collect();
        let found = metrics(Task::Cola, &labelled(&predicted, &truth)).expect("scorable");
        let (low, high) = found[0].interval.expect("more than one example");
        assert!(low < found[0].value && found[0].value < high, "{:?}", found[0]);
        high - low
    };
    // A hundredth of the examples, ten times the width.
    let quotient = width(100) / width(10_000);
    assert!((7.0..14.0).contains(&quotient), "{quotient}");
}

#[test]
fn a_single_example_has_a_figure_and_no_interval() {
    let found = metrics(Task::Mrpc, &labelled(&[1], &[1])).expect("scorable");
    assert_eq!((found[0].value.to_bits(), found[0].interval), (1.0_f64.to_bits(), None));
    let found = metrics(Task::Stsb, &graded(&[1.0], &[1.0])).expect("scorable");
    assert_eq!((found[0].value.to_bits(), found[0].interval), (0.0_f64.to_bits(), None));
}

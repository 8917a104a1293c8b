//! Comparisons of made-up predictions whose differences are known.

use super::*;
use crate::{Output, ScoredBox, Truth, TruthBox};

fn labelled(index: u64, label: u32, truth: u32) -> Prediction {
    Prediction { index, id: format!("n{index}"), output: Output::Labels(vec![label]), truth: Truth::Label(truth) }
}

/// Of `examples` examples of two classes, those with an index below `wrong` wrong.
fn wrong_below(wrong: u64, examples: u64) -> Vec<Prediction> {
    let of = |index: u64| {
        let truth = u32::from(index.is_multiple_of(3));
        labelled(index, if index < wrong { 1 - truth } else { truth }, truth)
    };
    (0..examples).map(of).collect()
}

#[test]
fn eight_more_right_ones_are_better_and_seven_against_one_are_not() {
    // scipy 1.17.1: binomtest(0, 8).pvalue is 0.0078125, binomtest(1, 8).pvalue is 0.0703125.
    let found = compare(Task::Sst2, &wrong_below(2, 100), &wrong_below(10, 100)).expect("the same examples");
    let discordant = found.discordant.expect("right or wrong");
    assert_eq!((discordant.only_first, discordant.only_second), (8, 0));
    assert!((discordant.p_value - 0.007_812_5).abs() < 1e-12, "{discordant:?}");
    assert_eq!((found.outcome, found.p_value()), (Some(Outcome::Better), Some(discordant.p_value)));
    assert_eq!((found.metric.as_str(), found.examples, found.first, found.second), ("accuracy", 100, 0.98, 0.9));

    let mut seven = wrong_below(2, 100);
    seven[2] = wrong_below(3, 100)[2].clone();
    seven[50] = wrong_below(51, 100)[50].clone();
    let found = compare(Task::Sst2, &seven, &wrong_below(10, 100)).expect("the same examples");
    let discordant = found.discordant.expect("right or wrong");
    assert_eq!((discordant.only_first, discordant.only_second), (7, 1));
    assert!((discordant.p_value - 0.070_312_5).abs() < 1e-12, "{discordant:?}");
    assert_eq!(found.outcome, Some(Outcome::Indistinguishable));
}

#[test]
fn swapping_the_models_turns_the_comparison_round() {
    for task in [Task::Sst2, Task::Mrpc, Task::Cola] {
        let (good, bad) = (wrong_below(5, 400), wrong_below(60, 400));
        let one = compare(task, &good, &bad).expect("the same examples");
        let other = compare(task, &bad, &good).expect("the same examples");
        assert_eq!((one.outcome, other.outcome), (Some(Outcome::Better), Some(Outcome::Worse)), "{task}");
        let (one, other) = (one.difference.expect("tested"), other.difference.expect("tested"));
        assert!((one.value + other.value).abs() < 1e-12 && (one.p_value - other.p_value).abs() < 1e-12);
        assert!((one.interval.0 + other.interval.1).abs() < 1e-12, "{task}: {one:?} {other:?}");
    }
}

#[test]
fn a_model_is_indistinguishable_from_itself() {
    for task in [Task::Sst2, Task::Mrpc, Task::Cola] {
        let found = compare(task, &wrong_below(20, 200), &wrong_below(20, 200)).expect("the same examples");
        assert_eq!(found.outcome, Some(Outcome::Indistinguishable), "{task}");
        assert_eq!(found.p_value(), Some(1.0), "{task}");
        assert_eq!(found.difference.map(|difference| difference.interval), Some((0.0, 0.0)), "{task}");
        assert_eq!(found.ratio, Some(Quotient { value: 1.0, interval: Some((1.0, 1.0)) }), "{task}");
    }
}

#[test]
fn interval_of_the_ratio_is_paired_and_about_as_wide_as_the_delta_method_says() {
    // The first is wrong in 40 of 1000, the second in those and 60 more: only the 60 make the ratio vary.
    let found = compare(Task::Rte, &wrong_below(40, 1000), &wrong_below(100, 1000)).expect("the same examples");
    let ratio = found.ratio.expect("the second is above 0");
    assert!((ratio.value - 0.96 / 0.9).abs() < 1e-12, "{ratio:?}");
    // Delta method: of the influences a/0.9 - 0.96 b/0.81, standard deviation 0.2779, over sqrt(1000), times 1.96.
    let (low, high) = ratio.interval.expect("resampled");
    let half = 1.96 * influence_deviation() / 1000.0_f64.sqrt();
    assert!(
        (low - (ratio.value - half)).abs() < 0.003 && (high - (ratio.value + half)).abs() < 0.003,
        "{low} {high} {half}"
    );
}

/// Over 40 examples that both get wrong, 60 that only the first gets right, 900 that both do.
fn influence_deviation() -> f64 {
    let influence = |a: f64, b: f64| (a - 0.96) / 0.9 - 0.96 * (b - 0.9) / 0.81;
    let squares =
        40.0 * influence(0.0, 0.0).powi(2) + 60.0 * influence(1.0, 0.0).powi(2) + 900.0 * influence(1.0, 1.0).powi(2);
    (squares / 1000.0).sqrt()
}

#[test]
fn correlations_and_answers_are_compared_by_the_bootstrap() {
    let graded = |noise: f64| -> Vec<Prediction> {
        let of = |index: u64| {
            let truth = f64::from(u32::try_from(index % 50).expect("small"));
            let off = if index.is_multiple_of(2) { noise } else { -noise };
            Prediction { output: Output::Value(truth + off), truth: Truth::Value(truth), ..labelled(index, 0, 0) }
        };
        (0..200).map(of).collect()
    };
    let found = compare(Task::Stsb, &graded(2.0), &graded(20.0)).expect("the same examples");
    assert_eq!((found.metric.as_str(), found.discordant, found.outcome), ("spearman", None, Some(Outcome::Better)));

    let answered = |wrong: u64| -> Vec<Prediction> {
        let of = |index: u64| {
            let answer = if index < wrong { "a dog" } else { "the cat" };
            let (output, truth) = (Output::Answer(answer.into()), Truth::Answers(vec!["cat".into()]));
            Prediction { output, truth, ..labelled(index, 0, 0) }
        };
        (0..100).map(of).collect()
    };
    let found = compare(Task::QuestionAnswering, &answered(30), &answered(10)).expect("the same examples");
    assert_eq!((found.metric.as_str(), found.outcome), ("f1", Some(Outcome::Worse)));
    assert!((found.difference.expect("tested").value + 20.0).abs() < 1e-9);
}

#[test]
fn boxes_have_a_ratio_and_no_test() {
    let boxed = |side: f64| {
        let output = Output::Boxes(vec![ScoredBox { category: 1, bbox: [0.0, 0.0, side, 40.0], score: 0.5 }]);
        let truth =
            Truth::Boxes(vec![TruthBox { category: 1, bbox: [0.0, 0.0, 40.0, 40.0], area: 1600.0, crowd: false }]);
        vec![Prediction { output, truth, ..labelled(0, 0, 0) }]
    };
    // Overlaps 1 and 0.76: all ten thresholds, and six of them.
    let found = compare(Task::ObjectDetection, &boxed(30.4), &boxed(40.0)).expect("the same examples");
    let ratio = found.ratio.expect("the second is above 0");
    assert!((ratio.value - 0.6).abs() < 1e-9 && ratio.interval.is_none(), "{ratio:?}");
    assert_eq!((found.difference, found.discordant, found.outcome), (None, None, None));
}

#[test]
fn a_ratio_over_nothing_is_none() {
    let found = compare(Task::Wnli, &wrong_below(3, 10), &wrong_below(10, 10)).expect("the same examples");
    assert_eq!(found.ratio, None);
    // Of two right ones at times neither is drawn.
    let found = compare(Task::Wnli, &wrong_below(3, 10), &wrong_below(8, 10)).expect("the same examples");
    assert_eq!(found.ratio.map(|ratio| ratio.interval), Some(None));
}

#[test]
fn one_example_decides_nothing() {
    let found = compare(Task::Sst2, &wrong_below(0, 1), &wrong_below(1, 1)).expect("the same example");
    assert_eq!((found.difference, found.outcome), (None, Some(Outcome::Indistinguishable)));
    let found = compare(Task::Mrpc, &wrong_below(0, 1), &wrong_below(1, 1)).expect("the same example");
    assert_eq!(found.outcome, None);
}

#[test]
fn order_does_not_matter() {
    let mut turned = wrong_below(9, 50);
    turned.reverse();
    let straight = compare(Task::Qqp, &wrong_below(9, 50), &wrong_below(3, 50)).expect("the same examples");
    assert_eq!(compare(Task::Qqp, &turned, &wrong_below(3, 50)).expect("the same examples"), straight);
}

#[test]
fn other_examples_are_named() {
    let five = || wrong_below(1, 5);
    let change = |change: &dyn Fn(&mut Vec<Prediction>)| {
        let mut other = five();
        change(&mut other);
        compare(Task::Sst2, &five(), &other).expect_err("other examples").to_string()
    };
    for (found, expected) in [
        (change(&|other| drop(other.pop())), "the second model has no prediction of example 4 (`n4`)"),
        (change(&|other| drop(other.remove(2))), "the second model has no prediction of example 2 (`n2`)"),
        (change(&|other| other.push(labelled(9, 0, 0))), "the first model has no prediction of example 9 (`n9`)"),
        (change(&|other| other[1].id = "m".to_owned()), "example 1 is `n1` for the first model and `m` for the second"),
        (change(&|other| other[1].truth = Truth::Label(7)), "example 1 (`n1`) has another truth"),
        (change(&|other| other.push(labelled(3, 0, 0))), "the second model has two predictions of example 3 (`n3`)"),
        (change(&|other| other[2].output = Output::Value(1.0)), "of the second model can't be scored"),
    ] {
        assert!(found.starts_with(expected) || found.contains(expected), "{found:?}, not {expected:?}");
    }
    assert!(compare(Task::Sst2, &[], &[]).is_err());
}

#[test]
fn a_stored_comparison_is_read_as_it_was() {
    let found = compare(Task::Mrpc, &wrong_below(7, 60), &wrong_below(13, 60)).expect("the same examples");
    let text = serde_json::to_string(&found).expect("JSON");
    assert!(text.starts_with(r#"{"task":"glue/mrpc","metric":"f1","examples":60,"first":"#), "{text}");
    assert_eq!(serde_json::from_str::<Comparison>(&text).expect("just written"), found);
}

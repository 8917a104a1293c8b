//! Figures of labels that are right or wrong: accuracy, top-1 and top-5.
//!
//! Ties are not broken here: the order of a prediction's labels is the device's, equal ones by the lower class.

use domain::{Metric, Task};

use crate::{
    Output, Prediction, ScoreError, Truth,
    resampled::{CONFIDENCE, Mean},
};

/// Labels of a prediction, the best first and at least one, and the right one.
pub(crate) fn labels(task: Task, prediction: &Prediction) -> Result<(&[u32], u32), ScoreError> {
    match (&prediction.output, &prediction.truth) {
        (Output::Labels(labels), Truth::Label(truth)) if !labels.is_empty() => Ok((labels, *truth)),
        _ => Err(ScoreError::unfit(task, prediction)),
    }
}

/// Whether the right label is among the first `k`.
pub(crate) fn within(task: Task, prediction: &Prediction, k: usize) -> Result<bool, ScoreError> {
    let (labels, truth) = labels(task, prediction)?;
    Ok(labels.iter().take(k).any(|&label| label == truth))
}

/// Whether each first label is right, as 1 and 0.
pub(crate) fn rights<'a>(
    task: Task,
    predictions: impl IntoIterator<Item = &'a Prediction>,
) -> Result<Mean, ScoreError> {
    let right = |prediction| within(task, prediction, 1).map(|right| if right { 1.0 } else { 0.0 });
    Ok(Mean { values: predictions.into_iter().map(right).collect::<Result<_, _>>()?, unit: 1.0 })
}

/// The share of predictions with the right label among the first `k`.
pub(crate) fn top(name: &str, k: usize, task: Task, predictions: &[Prediction]) -> Result<Metric, ScoreError> {
    let mut right = 0;
    for prediction in predictions {
        right += u64::from(within(task, prediction, k)?);
    }
    Ok(share(name, right, predictions.len() as u64, 1.0))
}

/// A share as a metric, times a unit, with Wilson's interval. `all` is at least one.
#[expect(clippy::cast_precision_loss, reason = "no data set has 2^53 examples")]
pub(crate) fn share(name: &str, right: u64, all: u64, unit: f64) -> Metric {
    let interval = stats::wilson(right, all, CONFIDENCE).map(|bounds| (unit * bounds.low, unit * bounds.high));
    Metric { name: name.to_owned(), value: unit * right as f64 / all as f64, interval, count: Some((right, all)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    fn labelled(index: u64, labels: &[u32], truth: u32) -> Prediction {
        Prediction { index, id: index.to_string(), output: Output::Labels(labels.to_vec()), truth: Truth::Label(truth) }
    }

    #[test]
    fn top_5_looks_at_five_labels_and_top_1_at_one() {
        let predictions = [
            labelled(0, &[7, 1, 2, 3, 4], 7),
            labelled(1, &[7, 1, 2, 3, 4], 4),
            labelled(2, &[7, 1, 2, 3, 4], 5),
            labelled(3, &[7, 1, 2, 3, 4, 5], 5),
        ];
        let found = metrics(Task::ImageClassification, &predictions).expect("labels");
        let counts: Vec<_> = found.iter().map(|metric| (metric.name.as_str(), metric.count)).collect();
        assert_eq!(counts, [("top-1", Some((1, 4))), ("top-5", Some((2, 4)))]);
        assert_eq!(found.iter().map(|metric| metric.value).collect::<Vec<_>>(), [0.25, 0.5]);
    }

    #[test]
    fn an_interval_is_wilsons() {
        let predictions: Vec<Prediction> = (0..10).map(|index| labelled(index, &[u32::from(index > 0)], 1)).collect();
        let found = metrics(Task::Sst2, &predictions).expect("labels");
        // scipy 1.17.1: binomtest(9, 10).proportion_ci(method="wilson").
        let (low, high) = found[0].interval.expect("a share has one");
        assert!((low - 0.596).abs() < 1e-3 && (high - 0.982).abs() < 1e-3, "{low} {high}");
    }

    #[test]
    fn a_prediction_of_another_kind_is_named() {
        let mut wrong = labelled(4, &[1], 1);
        wrong.output = Output::Value(1.0);
        for prediction in [wrong, labelled(4, &[], 1)] {
            let error = metrics(Task::Sst2, &[labelled(0, &[1], 1), prediction]).expect_err("not labels");
            assert!(
                error.to_string().contains("example 4 (`4`)") && error.to_string().contains("glue/sst2"),
                "{error}"
            );
        }
    }
}

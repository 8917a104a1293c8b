//! Which figures belong to which task, and what one example counts in them.

use domain::{Metric, Task};

use crate::{
    Prediction, ScoreError, coco, glue,
    labels::{self, top},
    resampled::Resampled,
    squad,
};

/// The metrics of a task, named and ordered as [`Task::metrics`] has them, each with its 95 % interval but those of `COCO`.
///
/// Shares have Wilson's interval and their counts; the others the percentile interval of a bootstrap with a fixed seed, which
/// is `None` for a single example. Order of the predictions matters to no value (but to `COCO`'s ties).
pub fn metrics(task: Task, predictions: &[Prediction]) -> Result<Vec<Metric>, ScoreError> {
    if predictions.is_empty() {
        return Err(ScoreError::Nothing { task });
    }
    if let Some(prediction) = predictions.iter().find(|prediction| !prediction.is_finite()) {
        return Err(ScoreError::not_finite(prediction));
    }
    match task {
        Task::Cola | Task::Ax => Ok(vec![figure("matthews", &glue::Matthews::new(task, predictions)?)]),
        Task::Sst2 | Task::MnliMatched | Task::MnliMismatched | Task::Qnli | Task::Rte | Task::Wnli => {
            Ok(vec![top("accuracy", 1, task, predictions)?])
        }
        Task::Mrpc | Task::Qqp => {
            Ok(vec![figure("f1", &glue::F1::new(task, predictions)?), top("accuracy", 1, task, predictions)?])
        }
        Task::Stsb | Task::SentenceSimilarity => {
            let grades = glue::Grades::new(task, predictions)?;
            Ok(vec![figure("spearman", &grades.spearman()), figure("pearson", &grades.pearson())])
        }
        Task::QuestionAnswering => squad::answer_metrics(predictions, 0),
        Task::ImageClassification | Task::TensorClassification => {
            Ok(vec![top("top-1", 1, task, predictions)?, top("top-5", 5, task, predictions)?])
        }
        Task::ObjectDetection => coco::metrics(predictions),
    }
}

/// The first of a task's metrics, ready to be taken of draws; `None` for `COCO`'s, whose cost forbids it.
pub(crate) fn headline(task: Task, predictions: &[&Prediction]) -> Result<Option<Box<dyn Resampled>>, ScoreError> {
    let all = predictions.iter().copied();
    Ok(Some(match task {
        Task::Cola | Task::Ax => Box::new(glue::Matthews::new(task, all)?),
        Task::Mrpc | Task::Qqp => Box::new(glue::F1::new(task, all)?),
        Task::Stsb | Task::SentenceSimilarity => Box::new(glue::Grades::new(task, all)?.spearman()),
        Task::QuestionAnswering => Box::new(squad::overlaps(all)?),
        Task::ObjectDetection => return Ok(None),
        Task::Sst2
        | Task::MnliMatched
        | Task::MnliMismatched
        | Task::Qnli
        | Task::Rte
        | Task::Wnli
        | Task::ImageClassification
        | Task::TensorClassification => Box::new(labels::rights(task, all)?),
    }))
}

fn figure(name: &str, statistic: &impl Resampled) -> Metric {
    Metric { name: name.to_owned(), value: statistic.value(), interval: statistic.interval(), count: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Output, ScoredBox, Truth, TruthBox};

    /// A prediction for the task that is wholly right.
    fn right(task: Task, index: u64) -> Prediction {
        let class = u32::try_from(index % 2).expect("small");
        let bbox = [1.0, 1.0, 20.0, 20.0];
        let (output, truth) = match task {
            Task::Stsb | Task::SentenceSimilarity => {
                (Output::Value(f64::from(class)), Truth::Value(f64::from(class) * 5.0))
            }
            Task::QuestionAnswering => (Output::Answer("the cat".into()), Truth::Answers(vec!["Cat".into()])),
            Task::ObjectDetection => (
                Output::Boxes(vec![ScoredBox { category: 1, bbox, score: 0.9 }]),
                Truth::Boxes(vec![TruthBox { category: 1, bbox, area: 400.0, crowd: false }]),
            ),
            _ => (Output::Labels(vec![class]), Truth::Label(class)),
        };
        Prediction { index, id: format!("number {index}"), output, truth }
    }

    #[test]
    fn every_task_has_its_metrics_in_their_order_and_right_ones_are_perfect() {
        for task in Task::ALL {
            let predictions: Vec<Prediction> = (0..8).map(|index| right(task, index)).collect();
            let found = metrics(task, &predictions).expect("scorable");
            let names: Vec<&str> = found.iter().map(|metric| metric.name.as_str()).collect();
            assert_eq!(names, task.metrics(), "{task}");
            let best = if task == Task::QuestionAnswering { 100.0 } else { 1.0 };
            assert!((found[0].value - best).abs() < 1e-9, "{task}: {:?}", found[0]);
            assert_eq!(found[0].interval.is_none(), task == Task::ObjectDetection, "{task}");
        }
    }

    #[test]
    fn no_predictions_have_no_metrics() {
        for task in Task::ALL {
            assert_eq!(metrics(task, &[]), Err(ScoreError::Nothing { task }));
        }
    }

    #[test]
    fn a_number_that_is_none_is_an_error_and_not_a_figure() {
        for number in [f64::NAN, f64::INFINITY] {
            let mut predictions: Vec<Prediction> = (0..8).map(|index| right(Task::Stsb, index)).collect();
            predictions[3].output = Output::Value(number);
            let error = ScoreError::NotFinite { index: 3, id: "number 3".into() };
            assert_eq!(metrics(Task::Stsb, &predictions), Err(error));
        }
    }

    #[test]
    fn order_of_predictions_does_not_matter() {
        for task in [Task::Cola, Task::Mrpc, Task::Stsb, Task::QuestionAnswering] {
            let mut predictions: Vec<Prediction> = (0..9).map(|index| right(task, index)).collect();
            predictions[2].truth = right(task, 1).truth;
            let value = |predictions: &[Prediction]| metrics(task, predictions).expect("scorable")[0].value;
            let forward = value(&predictions);
            predictions.reverse();
            assert!((forward - value(&predictions)).abs() < 1e-12, "{task}");
        }
    }
}

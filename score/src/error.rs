//! Why predictions can't be scored.

use domain::Task;

use crate::Prediction;

/// Predictions that have no metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    #[error("there is no prediction to score for the task {task}")]
    Nothing { task: Task },
    #[error("the prediction for example {index} (`{id}`) can't be scored: the task {task} wants {}", wanted(*.task))]
    Unfit { task: Task, index: u64, id: String },
    #[error(
        "the prediction for example {index} (`{id}`) has a number that is infinite or none at all\nhint: look at the model's output for it; a precision too low for a layer overflows like this"
    )]
    NotFinite { index: u64, id: String },
}

impl ScoreError {
    /// An output or a truth of another kind than the task's.
    pub(crate) fn unfit(task: Task, prediction: &Prediction) -> Self {
        Self::Unfit { task, index: prediction.index, id: prediction.id.clone() }
    }

    pub(crate) fn not_finite(prediction: &Prediction) -> Self {
        Self::NotFinite { index: prediction.index, id: prediction.id.clone() }
    }
}

/// Output and truth, for people.
const fn wanted(task: Task) -> &'static str {
    match task {
        Task::Stsb | Task::SentenceSimilarity => "a number, and the right one",
        Task::QuestionAnswering => "an answer, and at least one that is right",
        Task::ObjectDetection => "boxes, and the right ones",
        _ => "at least one label, and the right one",
    }
}

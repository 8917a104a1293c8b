//! Accuracy: what is asked of a cell, and what a run over a data set reports. Computes no metric: see crate `score`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Digest, FileRef, Postprocessing, Precision, Preprocessing, Task};

/// How good a cell's model must be, next to its reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccuracyRule {
    /// `None` = the task on the model's card.
    pub task: Option<String>,
    /// Least share of the reference's accuracy, in parts per million; `None` = it is told and not judged.
    pub min_ratio_millionths: Option<u32>,
    /// Precision of the same model that it is compared with.
    pub reference: Precision,
    /// What is evaluated; `None` = nothing, because the campaign names no data set, or the model is not trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

impl AccuracyRule {
    /// How campaign files spell the task of the model's card.
    pub const FROM_MODEL: &'static str = "from-model";
}

impl Default for AccuracyRule {
    fn default() -> Self {
        Self { task: None, min_ratio_millionths: None, reference: Precision::FP32, evaluation: None }
    }
}

/// A data set, and everything that decides what a model makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub task: Task,
    /// The data set's one file, or an archive of its folder.
    pub dataset: FileRef,
    /// Only so many examples, the first ones; `None` = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<u32>,
    /// Examples whose outputs every performance run shows as well.
    pub checked_examples: u32,
    pub on_bad_example: OnBadExample,
    #[serde(default)]
    pub preprocessing: Preprocessing,
    #[serde(default)]
    pub postprocessing: Postprocessing,
}

impl Evaluation {
    /// Enough for a wrong device to show, and few enough to take no time.
    pub const CHECKED_EXAMPLES: u32 = 16;
}

/// What becomes of an example that can't be used: an unreadable image, a missing label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadExample {
    /// The run fails and names it.
    #[default]
    Fail,
    /// It is named and counted, and the others are scored.
    Skip,
}

impl OnBadExample {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// What a run over a data set reports.
#[derive(Debug, Clone, PartialEq)]
pub struct AccuracyRecord {
    pub task: Task,
    pub dataset: Digest,
    pub counts: ExampleCounts,
    /// The first of those that were skipped.
    pub problems: Vec<ExampleProblem>,
    /// As the device computed them; the coordinator computes them again from `predictions`.
    pub metrics: Vec<Metric>,
    /// One prediction for each scored example: gzip of JSON lines, see `score::predictions`.
    pub predictions: Vec<u8>,
    /// What was done to each example, for people.
    pub preprocessing: String,
    /// From the first example to the last prediction, and what of it the model took.
    pub elapsed: Duration,
    pub inference: Duration,
}

impl AccuracyRecord {
    /// Examples that are named, at most.
    pub const PROBLEMS: usize = 100;
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExampleCounts {
    /// In the data set.
    pub total: u64,
    /// Looked at: `total`, unless the rule limits them.
    pub seen: u64,
    /// With a prediction that the metrics count.
    pub scored: u64,
    /// Bad ones.
    pub skipped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExampleProblem {
    /// The data set's name of it: a line, a question's id, an image file.
    pub example: String,
    pub why: String,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// See [`Task::metrics`].
    pub name: String,
    pub value: f64,
    /// 95 % interval; `None` = there is none for this metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Right ones of all, where the metric is such a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<(u64, u64)>,
}

/// What a performance run shows of its outputs, taken after measuring, in the session that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OutputCheck {
    /// SHA-256 of the inputs' bytes: only fingerprints of the same inputs and the same model file can be compared.
    pub inputs: Option<Digest>,
    /// Of each output on the first query.
    pub fingerprints: Vec<Fingerprint>,
    /// Predictions of the checked examples, as in [`AccuracyRecord`]; empty if the cell has no data set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predictions: Vec<u8>,
}

/// A linear sketch of an output: for two outputs, the length of the difference of their sketches over the length of one
/// sketch estimates the relative difference of the outputs (Johnson-Lindenstrauss).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub output: String,
    pub elements: u64,
    /// Projections on fixed random directions.
    pub sketch: Vec<f64>,
}

impl Fingerprint {
    /// Projections of each output.
    pub const PROJECTIONS: usize = 32;

    /// Relative difference of the outputs; infinite if they differ in kind.
    pub fn difference(&self, other: &Self) -> f64 {
        if self.elements != other.elements || self.sketch.len() != other.sketch.len() {
            return f64::INFINITY;
        }
        let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        let apart = length(&mut self.sketch.iter().zip(&other.sketch).map(|(a, b)| a - b));
        let scale = length(&mut other.sketch.iter().copied()).max(length(&mut self.sketch.iter().copied()));
        if apart == 0.0 { 0.0 } else { apart / scale }
    }
}

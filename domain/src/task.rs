//! What a model is asked to do with a data set, and by which metrics it is judged. Computes none: see crate `score`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A task with its official metrics. GLUE's are those of its benchmark (Wang et al. 2019).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Task {
    Cola,
    Sst2,
    Mrpc,
    Stsb,
    Qqp,
    MnliMatched,
    MnliMismatched,
    Qnli,
    Rte,
    Wnli,
    /// GLUE's diagnostic set.
    Ax,
    /// STS by the cosine of two sentences' vectors, each of its own inference.
    SentenceSimilarity,
    /// `SQuAD` v1.1.
    QuestionAnswering,
    /// One label of many for a photo, as in ImageNet-1K.
    ImageClassification,
    /// `COCO`'s boxes.
    ObjectDetection,
    /// One label of many for a tensor that comes ready-made: keywords, digits, sensors.
    TensorClassification,
}

/// Text that names no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown task `{0}`; known are {known}", known = Task::names())]
pub struct UnknownTask(pub String);

impl Task {
    pub const ALL: [Self; 16] = [
        Self::Cola,
        Self::Sst2,
        Self::Mrpc,
        Self::Stsb,
        Self::Qqp,
        Self::MnliMatched,
        Self::MnliMismatched,
        Self::Qnli,
        Self::Rte,
        Self::Wnli,
        Self::Ax,
        Self::SentenceSimilarity,
        Self::QuestionAnswering,
        Self::ImageClassification,
        Self::ObjectDetection,
        Self::TensorClassification,
    ];

    /// As campaign files and model cards spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cola => "glue/cola",
            Self::Sst2 => "glue/sst2",
            Self::Mrpc => "glue/mrpc",
            Self::Stsb => "glue/stsb",
            Self::Qqp => "glue/qqp",
            Self::MnliMatched => "glue/mnli",
            Self::MnliMismatched => "glue/mnli-mm",
            Self::Qnli => "glue/qnli",
            Self::Rte => "glue/rte",
            Self::Wnli => "glue/wnli",
            Self::Ax => "glue/ax",
            Self::SentenceSimilarity => "sentence-similarity",
            Self::QuestionAnswering => "question-answering",
            Self::ImageClassification => "image-classification",
            Self::ObjectDetection => "object-detection",
            Self::TensorClassification => "tensor-classification",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownTask> {
        Self::ALL.into_iter().find(|task| task.name() == text).ok_or_else(|| UnknownTask(text.to_owned()))
    }

    /// All names, for messages.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Its metrics by name, the one that stands for it first. `exact-match` and `f1` of [`Task::QuestionAnswering`] are in
    /// percent, as its script prints them; all others are shares or coefficients.
    pub const fn metrics(self) -> &'static [&'static str] {
        match self {
            Self::Cola | Self::Ax => &["matthews"],
            Self::Sst2 | Self::MnliMatched | Self::MnliMismatched | Self::Qnli | Self::Rte | Self::Wnli => {
                &["accuracy"]
            }
            Self::Mrpc | Self::Qqp => &["f1", "accuracy"],
            Self::Stsb | Self::SentenceSimilarity => &["spearman", "pearson"],
            Self::QuestionAnswering => &["f1", "exact-match"],
            Self::ImageClassification | Self::TensorClassification => &["top-1", "top-5"],
            Self::ObjectDetection => {
                &["ap", "ap50", "ap75", "ap-s", "ap-m", "ap-l", "ar1", "ar10", "ar100", "ar-s", "ar-m", "ar-l"]
            }
        }
    }

    /// What its model takes.
    pub const fn takes(self) -> Takes {
        match self {
            Self::ImageClassification | Self::ObjectDetection => Takes::Images,
            Self::TensorClassification => Takes::Tensors,
            _ => Takes::Text,
        }
    }
}

/// The kind of an example's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Takes {
    Text,
    Images,
    Tensors,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Task {
    type Error = UnknownTask;

    fn try_from(text: String) -> Result<Self, UnknownTask> {
        Self::parse(&text)
    }
}

impl From<Task> for &'static str {
    fn from(task: Task) -> Self {
        task.name()
    }
}

//! What is asked of a cell's accuracy. Knows no data set and no metric.

use serde::{Deserialize, Serialize};

use crate::Precision;

/// How good a cell's model must be, next to its reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccuracyRule {
    /// `None` = the task on the model's card.
    pub task: Option<String>,
    /// Least share of the reference's accuracy, in parts per million; `None` = it is told and not judged.
    pub min_ratio_millionths: Option<u32>,
    /// Precision of the same model that it is compared with.
    pub reference: Precision,
}

impl AccuracyRule {
    /// How campaign files spell the task of the model's card.
    pub const FROM_MODEL: &'static str = "from-model";
}

impl Default for AccuracyRule {
    fn default() -> Self {
        Self { task: None, min_ratio_millionths: None, reference: Precision::FP32 }
    }
}

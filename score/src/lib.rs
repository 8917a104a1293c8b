//! Metrics of predictions, exactly as the official scripts count them: GLUE, `SQuAD` v1.1, top-k, `COCO`; their intervals; and
//! how two models compare on the same examples.
//!
//! Pure: it reads no file, no clock and no random numbers but seeded ones. The device computes metrics with it, and the
//! coordinator computes them again from the stored predictions.

mod coco;
mod compare;
mod error;
mod glue;
mod labels;
mod metrics;
pub mod predictions;
mod resampled;
mod squad;

pub use compare::{CompareError, Comparison, Difference, Discordant, Outcome, Quotient, compare};
pub use error::ScoreError;
pub use glue::glue_average;
pub use metrics::metrics;
pub use predictions::{Output, Prediction, ScoredBox, Truth, TruthBox};
pub use squad::answer_metrics;

//! Statistics, pure and small: order statistics of one run, location and spread over several runs.
//!
//! Depends on nothing, reads no clock and no random numbers, and never panics: a statistic that is not defined for its
//! input is `None`.

mod order;
mod spread;

pub use order::{Summary, percentile, summarize};
pub use spread::{coefficient_of_variation, median};

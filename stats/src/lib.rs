//! Statistics, pure and small: order statistics of one run and their intervals, location and spread over several runs, and
//! the steady state of a run; shares, paired tests and resampling for accuracy.
//!
//! Performs no I/O, reads no clock and no random numbers but those of a seed it is given, and never panics: a statistic that
//! is not defined for its input is `None`. Every result is the same, bit by bit, on each call.

mod bootstrap;
mod cast;
mod distribution;
mod effective;
mod interval;
mod order;
mod paired;
mod ratio;
mod share;
mod spread;
pub mod steady;

pub use bootstrap::{Resamples, bootstrap, resample};
pub use distribution::{ecdf, harrell_davis};
pub use effective::effective_sample_size;
pub use interval::{Interval, OrderInterval, min_count, min_count_upper, order_interval, percentile_interval};
pub use order::{Summary, percentile, summarize};
pub use paired::{McNemar, mcnemar};
pub use ratio::{Ratio, log_ratio};
pub use share::{Bounds, wilson};
pub use spread::{coefficient_of_variation, mad, mad_scaled, median, standard_deviation};

//! Early stopping: how many queries a percentile needs at 99 % confidence.
//!
//! The source is the appendix "Early Stopping" of `MLPerf`'s `inference_rules.adoc` and `LoadGen`'s `early_stopping.cc`, with a
//! tolerance of 0: `over` queries of `n` over the latency show that the percentile `p` holds if a system in which a query
//! is good with probability `p` only would do so well with a chance of at most 1 - [`CONFIDENCE`]. The least such `n` is
//! called `n_min(over)`. `LoadGen` sums a hypergeometric series up to 200 000 terms long for each; here see
//! [`min_queries`] for single answers and [`Boundary`] for a measurement in progress.

mod binomial;
mod boundary;
#[cfg(test)]
mod tests;

use domain::Percentile;

pub use boundary::Boundary;

/// `LoadGen`'s confidence (results.cc).
pub const CONFIDENCE: f64 = 0.99;

/// `n_min(over)`: the fewest queries that show `p` to hold when `over` of them were over the latency.
///
/// Takes time in proportion to the square root of the result: less than a millisecond at 8 Mi.
pub fn min_queries(p: Percentile, over: u64) -> u64 {
    // Not even all of them: with as many queries as are over, nothing is shown.
    let least = over.saturating_add(1);
    binomial::first(binomial::queries_estimate(p, over), least, |queries| binomial::is_improbable(p, queries, over))
}

/// The most queries that may be over the latency among so many; `None` if these are too few even without any.
pub fn max_over(p: Percentile, queries: u64) -> Option<u64> {
    let too_many =
        binomial::first(binomial::over_estimate(p, queries), 0, |over| !binomial::is_improbable(p, queries, over));
    too_many.checked_sub(1)
}

/// What single-stream and multi-stream report for their percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Estimate {
    /// The latency of this 0-based rank among all in ascending order; the percentile is no greater, at 99 % confidence.
    Value {
        rank: u64,
        /// The greatest number for which `queries` suffice: the `over - 1` greatest latencies are discarded.
        over: u64,
    },
    TooFew {
        needed: u64,
    },
}

/// The rank of `LoadGen`'s early-stopping estimate (results.cc) of `p`; depends on the number of queries alone.
pub fn estimate(p: Percentile, queries: u64) -> Estimate {
    match max_over(p, queries) {
        Some(over @ 1..) => Estimate::Value { rank: queries - over, over },
        None | Some(0) => Estimate::TooFew { needed: min_queries(p, 1) },
    }
}

/// What early stopping says of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    pub met: bool,
    /// `n_min(over)`: so many queries would have shown that the latency holds.
    pub needed: u64,
}

/// `LoadGen`'s rule for the server scenario (results.cc), after so many queries of which `over` were over the latency.
pub fn decide(p: Percentile, queries: u64, over: u64) -> Decided {
    let needed = min_queries(p, over);
    Decided { met: queries >= needed, needed }
}

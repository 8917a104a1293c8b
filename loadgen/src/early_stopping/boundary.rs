//! Early stopping for a measurement in progress.

use domain::Percentile;

use super::binomial::{bad_fraction, float};
use super::{CONFIDENCE, max_over, min_queries};

/// Follows `n_min` as a measurement grows, in constant time for each query.
///
/// It walks along the boundary between decided and undecided and keeps P[X = over] and P[X <= over] for X bad queries of `n`;
/// going one query on, or one over-latency query up, takes one recurrence each. All values stay near 1 - [`CONFIDENCE`], so
/// that nothing under- or overflows, and rounding adds up to no more than 1e-9 of it in 8 Mi queries.
///
/// Any question is answered rightly; only one that goes back behind an earlier one is answered the slow way.
#[derive(Debug, Clone)]
pub struct Boundary {
    percentile: Percentile,
    queries: u64,
    /// The least number for which `queries` have not proved enough.
    over: u64,
    /// `n_min(over - 1)`, or 0.
    reached: u64,
    /// P[X = over].
    mass: f64,
    /// P[X <= over].
    tail: f64,
}

impl Boundary {
    pub const fn new(percentile: Percentile) -> Self {
        Self { percentile, queries: 0, over: 0, reached: 0, mass: 1.0, tail: 1.0 }
    }

    /// As [`max_over`]; in constant time where `queries` grows by one from call to call.
    #[inline]
    pub fn max_over(&mut self, queries: u64) -> Option<u64> {
        if queries < self.reached {
            return max_over(self.percentile, queries);
        }
        while self.queries < queries {
            self.advance();
        }
        self.over.checked_sub(1)
    }

    /// As [`min_queries`]; where `over` grows from call to call, in constant time for each query of the result's growth.
    pub fn min_queries_for(&mut self, over: u64) -> u64 {
        while self.over <= over {
            self.advance();
        }
        if self.over == over + 1 { self.reached } else { min_queries(self.percentile, over) }
    }

    /// One more query, and one more over-latency query if that becomes possible.
    #[inline]
    fn advance(&mut self) {
        let (good, bad) = (self.percentile.fraction(), bad_fraction(self.percentile));
        let (queries, over) = (float(self.queries), float(self.over));
        // The new query moves X from `over` to `over + 1` if it is bad.
        self.tail -= bad * self.mass;
        self.mass *= good * (queries + 1.0) / (queries + 1.0 - over);
        self.queries += 1;
        if self.tail <= 1.0 - CONFIDENCE {
            self.reached = self.queries;
            self.mass *= (queries + 1.0 - over) / (over + 1.0) * bad / good;
            self.tail += self.mass;
            self.over += 1;
        }
    }
}

//! When a measurement ends: what all load patterns share.

use std::time::Duration;

use domain::{MeasureRule, StopReason};

/// The most queries of one measurement: 8 Mi latencies take 64 MiB in memory and some 8 MiB in the store.
pub const MAX_QUERIES: u32 = 8 << 20;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Issue one more query.
    Issue,
    Stop(StopReason),
}

/// True if `count` queries (samples, offline) over the `tested` duration are what the rule asks for.
#[inline]
pub(crate) fn is_enough(rule: &MeasureRule, count: u32, tested: Duration) -> bool {
    count >= rule.min_queries && tested >= rule.min_duration
}

/// The limit that a query issued at `now`, after `queries` others, would break.
#[inline]
pub(crate) fn limit(rule: &MeasureRule, queries: u32, now: Duration) -> Option<StopReason> {
    if now >= rule.max_duration {
        Some(StopReason::MaxDuration)
    } else if queries >= MAX_QUERIES {
        Some(StopReason::MaxQueries)
    } else {
        None
    }
}

//! When a server can't keep up: a measurement that would only confirm it is ended.

use std::time::Duration;

use domain::{MeasureRule, Percentile, Rate};

use crate::MAX_QUERIES;
use crate::early_stopping;

/// A backlog that a server which holds its latency has with a smaller chance than this proves that it does not. Small, for
/// it is tried on up to 8 Mi queries.
const BACKLOG_CHANCE: f64 = 1e-20;
/// Standard deviations by which the arrivals of a Poisson process may exceed their mean: beyond six, one in 1e9.
const ARRIVAL_SIGMAS: f64 = 6.0;

/// Two rules, each of which ends a measurement that can't be won:
///
/// 1. **Certain failure.** More queries were over the latency than early stopping forgives among all that can arrive until
///    `max_duration`, even if every further one is good.
/// 2. **Growing backlog.** The waiting time of the next query exceeds the target latency `ln(1e-20) / ln(1 - p)` times: 10
///    times for p99, 20 times for p90. The wait behind a stable queue of Poisson arrivals has an exponential tail
///    (Cramér-Lundberg; Kingman's bound): if it exceeds the target once in 100 queries, it exceeds ten targets about once
///    in 100^10. The wait obeys Lindley's recursion, wait' = max(0, wait + service - gap), which is also Page's CUSUM test
///    for a mean that has become positive, here for a utilisation above 1. In it one query counts for at most the target
///    latency, so that a single hiccup, however long, is no proof: what waits behind it may be caught up.
///
/// Rule 2 ends a hopeless rate within seconds, where rule 1 needs thousands of late queries if `max_duration` is long. Rule 1
/// ends what is too slow without a queue, and what is only a little too slow.
#[derive(Debug, Clone)]
pub(super) struct Overload {
    forgiven: Option<u64>,
    target_latency: Duration,
    limit: Duration,
    backlog: Duration,
}

impl Overload {
    pub(super) fn new(rule: &MeasureRule, rate: Rate, target_latency: Duration, percentile: Percentile) -> Self {
        let targets = BACKLOG_CHANCE.ln() / (1.0 - percentile.fraction()).ln();
        Self {
            forgiven: early_stopping::max_over(percentile, most_arrivals(rule, rate)),
            target_latency,
            limit: Duration::try_from_secs_f64(target_latency.as_secs_f64() * targets).unwrap_or(Duration::MAX),
            backlog: Duration::ZERO,
        }
    }

    /// Notes that a query took `service` without its wait, and that the next one arrives `gap` after it.
    #[inline]
    pub(super) fn observe(&mut self, service: Duration, gap: Duration) {
        self.backlog = (self.backlog + service.min(self.target_latency)).saturating_sub(gap);
    }

    /// After so many over-latency queries. Where `max_duration` is too short for early stopping, whatever the server does,
    /// rule 1 says nothing of it.
    #[inline]
    pub(super) fn is_hopeless(&self, over: u64) -> bool {
        self.backlog > self.limit || self.forgiven.is_some_and(|forgiven| over > forgiven)
    }
}

/// The most queries that can be expected to arrive until `max_duration`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; the cast saturates")]
fn most_arrivals(rule: &MeasureRule, rate: Rate) -> u64 {
    let mean = rate.per_second() * rule.max_duration.as_secs_f64();
    let most = (mean + ARRIVAL_SIGMAS * (1.0 + mean.sqrt())).ceil();
    (most as u64).min(u64::from(MAX_QUERIES))
}

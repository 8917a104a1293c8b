//! Offline: all samples are there from the start; only throughput counts.

use std::time::Duration;

use domain::{MeasureRule, StopReason};

use crate::ending::{self, Decision};

/// Decides when an offline measurement ends.
///
/// `LoadGen` hands over all samples as one query, whose size it takes from a hint of the expected rate, and which
/// `max_duration` can't interrupt (loadgen.cc). Here one query is one chunk of so many samples, issued when the previous
/// one completes: samples go on until there are `min_queries` of them and the last completion (`LoadGen`'s duration of this
/// scenario) is at least `min_duration` after the start, and `max_duration` is checked between chunks. At least one chunk
/// is issued.
#[derive(Debug, Clone, Copy)]
pub struct Offline {
    rule: MeasureRule,
    samples_per_chunk: u32,
}

impl Offline {
    pub const fn new(rule: MeasureRule, samples_per_chunk: u32) -> Self {
        Self { rule, samples_per_chunk }
    }

    /// Decides after so many chunks, the last of which completed at `now`.
    #[inline]
    pub fn next(&self, chunks: u32, now: Duration) -> Decision {
        if chunks == 0 {
            return Decision::Issue;
        }
        let samples = chunks.saturating_mul(self.samples_per_chunk);
        if ending::is_enough(&self.rule, samples, now) {
            return Decision::Stop(StopReason::Satisfied);
        }
        ending::limit(&self.rule, chunks, now).map_or(Decision::Issue, Decision::Stop)
    }
}

#[cfg(test)]
mod tests {
    use domain::Tier;

    use super::*;
    use crate::MAX_QUERIES;

    fn check(chunks: u32, now_ms: u64, expected: Decision) {
        let rule = MeasureRule {
            tier: Tier::Custom,
            min_queries: 1000,
            min_duration: Duration::from_secs(2),
            max_duration: Duration::from_secs(10),
        };
        let decision = Offline::new(rule, 32).next(chunks, Duration::from_millis(now_ms));
        assert_eq!(decision, expected, "{chunks} chunks, now {now_ms} ms");
    }

    #[test]
    fn samples_count_not_chunks() {
        check(0, 0, Decision::Issue);
        check(31, 5_000, Decision::Issue);
        check(32, 5_000, Decision::Stop(StopReason::Satisfied));
    }

    #[test]
    fn duration_is_that_of_the_last_completion() {
        check(1_000, 1_999, Decision::Issue);
        check(1_000, 2_000, Decision::Stop(StopReason::Satisfied));
    }

    #[test]
    fn max_duration_ends_between_chunks() {
        check(5, 9_999, Decision::Issue);
        check(5, 10_000, Decision::Stop(StopReason::MaxDuration));
    }

    #[test]
    fn a_trivial_model_stops_at_the_greatest_number_of_chunks() {
        check(MAX_QUERIES, 1_000, Decision::Stop(StopReason::MaxQueries));
        check(u32::MAX, 1_000, Decision::Stop(StopReason::MaxQueries));
    }
}

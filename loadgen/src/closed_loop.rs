//! Single-stream and multi-stream: the next query is issued when the previous one completes.

use std::time::Duration;

use domain::{MeasureRule, StopReason};

use crate::ending::{self, Decision};

/// Decides when a single-stream or multi-stream measurement ends.
///
/// As `LoadGen` does (loadgen.cc): after a query was issued, stop when at least `min_queries` were issued and the *issue*
/// time of the last one is at least `min_duration` after the start. Unlike there, `max_duration` is enforced against the
/// time of the last completion, so that a slow model can't overrun it by one more query; at least one query is issued;
/// and as no queries are generated beforehand, they never run out.
#[derive(Debug, Clone, Copy)]
pub struct ClosedLoop {
    rule: MeasureRule,
}

impl ClosedLoop {
    pub const fn new(rule: MeasureRule) -> Self {
        Self { rule }
    }

    /// Decides after `issued` queries, the last of which was issued at `last_issue` and completed at `now`; both since the
    /// issue of the first query.
    #[inline]
    pub fn next(&self, issued: u32, last_issue: Duration, now: Duration) -> Decision {
        if issued == 0 {
            return Decision::Issue;
        }
        if ending::is_enough(&self.rule, issued, last_issue) {
            return Decision::Stop(StopReason::Satisfied);
        }
        ending::limit(&self.rule, issued, now).map_or(Decision::Issue, Decision::Stop)
    }
}

#[cfg(test)]
mod tests {
    use domain::Tier;
    use proptest::prelude::*;

    use super::*;
    use crate::MAX_QUERIES;

    const RULE: MeasureRule = MeasureRule {
        tier: Tier::Custom,
        min_queries: 64,
        min_duration: Duration::from_secs(2),
        max_duration: Duration::from_secs(10),
    };

    fn check(issued: u32, last_issue_ms: u64, now_ms: u64, expected: Decision) {
        let decision =
            ClosedLoop::new(RULE).next(issued, Duration::from_millis(last_issue_ms), Duration::from_millis(now_ms));
        assert_eq!(decision, expected, "{issued} issued, last at {last_issue_ms} ms, now {now_ms} ms");
    }

    #[test]
    fn goes_on_until_both_count_and_duration_are_met() {
        check(0, 0, 0, Decision::Issue);
        check(63, 5_000, 5_001, Decision::Issue);
        check(64, 1_999, 2_100, Decision::Issue);
        check(64, 2_000, 2_100, Decision::Stop(StopReason::Satisfied));
    }

    #[test]
    fn duration_is_that_of_the_last_issue_not_of_its_completion() {
        check(1000, 1_999, 2_500, Decision::Issue);
    }

    #[test]
    fn max_duration_ends_a_slow_model_early() {
        check(3, 9_000, 12_000, Decision::Stop(StopReason::MaxDuration));
        check(3, 6_000, 9_999, Decision::Issue);
    }

    #[test]
    fn a_rule_that_allows_no_time_still_issues_one_query() {
        let rule = MeasureRule { min_duration: Duration::ZERO, max_duration: Duration::ZERO, ..RULE };
        assert_eq!(ClosedLoop::new(rule).next(0, Duration::ZERO, Duration::ZERO), Decision::Issue);
        assert_eq!(
            ClosedLoop::new(rule).next(1, Duration::ZERO, Duration::from_millis(1)),
            Decision::Stop(StopReason::MaxDuration)
        );
    }

    #[test]
    fn a_trivial_model_stops_at_the_greatest_number_of_queries() {
        check(MAX_QUERIES - 1, 1_000, 1_001, Decision::Issue);
        check(MAX_QUERIES, 1_000, 1_001, Decision::Stop(StopReason::MaxQueries));
    }

    proptest! {
        /// Whatever the latencies, a simulated run meets its rule or says that it does not.
        #[test]
        fn every_run_ends_satisfied_or_at_max_duration(latencies_ms in prop::collection::vec(1_u64..500, 1..50), min_queries in 0_u32..200) {
            let rule = MeasureRule { min_queries, ..RULE };
            let pattern = ClosedLoop::new(rule);
            let (mut issued, mut last_issue, mut now) = (0, Duration::ZERO, Duration::ZERO);
            let reason = loop {
                match pattern.next(issued, last_issue, now) {
                    Decision::Issue => {
                        last_issue = now;
                        now += Duration::from_millis(latencies_ms[issued as usize % latencies_ms.len()]);
                        issued += 1;
                    }
                    Decision::Stop(reason) => break reason,
                }
            };
            match reason {
                StopReason::Satisfied => prop_assert!(issued >= min_queries && last_issue >= rule.min_duration),
                StopReason::MaxDuration => prop_assert!(now >= rule.max_duration),
                StopReason::MaxQueries | StopReason::Overload => prop_assert!(false, "{reason:?} in a short run"),
            }
            prop_assert!(last_issue < rule.max_duration);
        }
    }
}

//! Simulated queues: Poisson arrivals, one server.

use domain::Tier;
use proptest::prelude::*;

use super::*;
use crate::MAX_QUERIES;
use crate::early_stopping::{Decided, decide};

const MS: Duration = Duration::from_millis(1);
const RULE: MeasureRule = MeasureRule {
    tier: Tier::Custom,
    min_queries: 64,
    min_duration: Duration::from_secs(10),
    max_duration: Duration::from_mins(10),
};

#[derive(Debug)]
struct End {
    reason: StopReason,
    queries: u64,
    over: u64,
    last_scheduled: Duration,
    now: Duration,
}

struct Simulation {
    rule: MeasureRule,
    rate: Rate,
    target: Duration,
    percentile: Percentile,
    seed: u64,
}

impl Default for Simulation {
    /// 50 a second, p99 within 100 ms.
    fn default() -> Self {
        Self {
            rule: RULE,
            rate: Rate::from_millis(50_000).unwrap(),
            target: 100 * MS,
            percentile: Percentile::P99,
            seed: SCHEDULE_SEED,
        }
    }
}

impl Simulation {
    /// Serves the query of this number in so much time.
    fn run(&self, mut service: impl FnMut(u64) -> Duration) -> End {
        let mut server = Server::new(self.rule, self.rate, self.target, self.percentile, self.seed);
        let mut end = End {
            reason: StopReason::Satisfied,
            queries: 0,
            over: 0,
            last_scheduled: Duration::ZERO,
            now: Duration::ZERO,
        };
        loop {
            match server.next(end.now) {
                Arrival::Issue { scheduled } => {
                    end.now = end.now.max(scheduled) + service(end.queries);
                    let latency = end.now.saturating_sub(scheduled);
                    server.complete(latency);
                    end.queries += 1;
                    end.over += u64::from(latency > self.target);
                    end.last_scheduled = scheduled;
                }
                Arrival::Stop(reason) => return End { reason, ..end },
            }
        }
    }
}

#[test]
fn a_server_at_half_its_capacity_is_satisfied() {
    let end = Simulation::default().run(|_| 10 * MS);
    assert_eq!(end.reason, StopReason::Satisfied, "{end:?}");
    assert!(end.last_scheduled >= RULE.min_duration && end.last_scheduled < 2 * RULE.min_duration, "{end:?}");
    assert!(decide(Percentile::P99, end.queries, end.over).met);
}

#[test]
fn a_server_beyond_its_capacity_is_overloaded_within_seconds() {
    for (rate_per_s, service) in [(50, 30 * MS), (150, 10 * MS), (1_500, MS), (15_000, MS / 10)] {
        for seed in 0..20 {
            let rate = Rate::from_millis(rate_per_s * 1_000).unwrap();
            let end = Simulation { rate, seed, ..Simulation::default() }.run(|_| service);
            assert_eq!(end.reason, StopReason::Overload, "{rate}, seed {seed}: {end:?}");
            assert!(end.now < Duration::from_secs(10), "{rate}, seed {seed}: {end:?}");
        }
    }
}

/// Each query is too slow by itself, at whatever rate: no queue need form.
#[test]
fn a_server_that_is_slower_than_its_target_is_overloaded() {
    let rate = Rate::from_millis(2_000).unwrap();
    let end = Simulation { rate, ..Simulation::default() }.run(|_| 200 * MS);
    assert_eq!(end.reason, StopReason::Overload, "{end:?}");
    assert!(end.now < Duration::from_secs(30), "{end:?}");
}

/// At 90 % utilisation (M/D/1), waits exceed x with a chance of some 0.95 exp(-0.207 x / 18 ms): 600 ms once in 900 queries.
#[test]
fn a_long_queue_that_holds_its_latency_is_no_overload() {
    let rule = MeasureRule { min_duration: Duration::from_mins(2), ..RULE };
    for seed in 0..20 {
        let end = Simulation { rule, target: 600 * MS, seed, ..Simulation::default() }.run(|_| 18 * MS);
        assert_eq!(end.reason, StopReason::Satisfied, "seed {seed}: {end:?}");
    }
}

/// The same queue, which never exceeds ten targets, exceeds one eleven times in 100 queries.
#[test]
fn a_stable_server_that_misses_its_latency_is_overloaded() {
    let rule = MeasureRule { min_duration: Duration::from_mins(2), ..RULE };
    for seed in 0..20 {
        let end = Simulation { rule, target: 200 * MS, seed, ..Simulation::default() }.run(|_| 18 * MS);
        assert_eq!(end.reason, StopReason::Overload, "seed {seed}: {end:?}");
    }
}

/// Fifteen times the target, and some 150 late queries: as many good ones as mend them follow by themselves.
#[test]
fn a_hiccup_extends_the_measurement_and_does_not_end_it() {
    let end = Simulation::default().run(|query| if query == 300 { 1_500 * MS } else { 10 * MS });
    assert_eq!(end.reason, StopReason::Satisfied, "{end:?}");
    assert!(end.over > 100, "{end:?}");
    assert_eq!(decide(Percentile::P99, end.queries, end.over), Decided { met: true, needed: end.queries });
}

#[test]
fn a_server_that_slows_down_for_good_is_overloaded() {
    let rule = MeasureRule { min_duration: Duration::from_mins(1), ..RULE };
    let end = Simulation { rule, ..Simulation::default() }.run(|query| if query < 2_000 { 10 * MS } else { 30 * MS });
    assert_eq!(end.reason, StopReason::Overload, "{end:?}");
    assert!(end.queries < 2_500, "{end:?}");
}

#[test]
fn a_rate_too_low_for_early_stopping_ends_at_max_duration() {
    let rate = Rate::from_millis(500).unwrap();
    let end = Simulation { rate, ..Simulation::default() }.run(|_| 10 * MS);
    assert_eq!(end.reason, StopReason::MaxDuration, "{end:?}");
    assert!(end.now < RULE.max_duration);
}

#[test]
fn a_trivial_model_stops_at_the_greatest_number_of_queries() {
    let rate = Rate::from_millis(1_000_000_000).unwrap();
    let end = Simulation { rate, ..Simulation::default() }.run(|_| Duration::ZERO);
    assert_eq!((end.reason, end.queries), (StopReason::MaxQueries, u64::from(MAX_QUERIES)));
}

#[test]
fn a_rule_that_allows_no_time_still_issues_one_query() {
    let rule = MeasureRule { min_duration: Duration::ZERO, max_duration: Duration::ZERO, ..RULE };
    let end = Simulation { rule, ..Simulation::default() }.run(|_| 10 * MS);
    assert_eq!((end.reason, end.queries), (StopReason::MaxDuration, 1));
}

proptest! {
    /// Whatever the server does, its measurement ends, and for the reason it gives.
    #[test]
    fn every_run_ends_for_a_reason_that_holds(services_ms in prop::collection::vec(0_u64..150, 1..50), rate_per_s in 1_u64..200, seed: u64) {
        let rule = MeasureRule { min_duration: Duration::from_secs(2), max_duration: Duration::from_mins(1), ..RULE };
        let simulation = Simulation { rule, rate: Rate::from_millis(rate_per_s * 1_000).unwrap(), percentile: Percentile::P90, seed, ..Simulation::default() };
        let end = simulation.run(|query| Duration::from_millis(services_ms[usize::try_from(query).unwrap() % services_ms.len()]));
        let decided = decide(Percentile::P90, end.queries, end.over);
        match end.reason {
            StopReason::Satisfied => {
                prop_assert!(decided.met && end.queries >= 64 && end.last_scheduled >= rule.min_duration, "{end:?}");
            }
            StopReason::Overload => prop_assert!(end.over > 0, "{end:?}"),
            StopReason::MaxDuration => prop_assert!(!decided.met || end.queries < 64, "{end:?}"),
            StopReason::MaxQueries => prop_assert!(false, "{end:?}"),
        }
        prop_assert!(end.last_scheduled < rule.max_duration);
    }
}

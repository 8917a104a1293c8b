use domain::{Percentile, Rate, ServerLoad, Tier};

use super::*;

const MULTI_STREAM: Scenario = Scenario::MultiStream { samples_per_query: 8 };

fn server() -> Scenario {
    Scenario::Server {
        load: ServerLoad::Fixed(Rate::from_millis(20_000).unwrap()),
        target_latency: Duration::from_millis(200),
        percentile: Percentile::P99,
    }
}

/// 1000 queries in the time that the rule asks for: VALID in every scenario.
fn facts(scenario: Scenario) -> Facts {
    Facts {
        scenario,
        rule: MeasureRule {
            tier: Tier::Custom,
            min_queries: 100,
            min_duration: Duration::from_secs(10),
            max_duration: Duration::from_mins(1),
        },
        queries: 1_000,
        samples: 1_000,
        duration: Duration::from_secs(10),
        over_latency: 2,
        tail_ns: 200_000_000,
        stop: StopReason::Satisfied,
    }
}

/// The codes, in order.
fn check(facts: Facts, expected: &[&str]) {
    let objections = judge(&facts);
    assert_eq!(objections.iter().map(|objection| objection.code).collect::<Vec<_>>(), expected, "{objections:#?}");
}

fn message(facts: Facts) -> String {
    judge(&facts).into_iter().map(|objection| objection.message).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_rule_asks_for_is_valid() {
    for scenario in [Scenario::SingleStream, MULTI_STREAM, server(), Scenario::Offline] {
        check(facts(scenario), &[]);
    }
}

#[test]
fn too_few_queries_are_said_so() {
    let few = Facts { queries: 99, stop: StopReason::MaxDuration, ..facts(Scenario::SingleStream) };
    check(few, &["min-queries"]);
    assert_eq!(message(few), "99 queries of at least 100: raise `max_duration` (60s) or choose a lighter tier");
    check(Facts { samples: 99, ..facts(Scenario::Offline) }, &["min-queries"]);
    check(Facts { samples: 99, ..facts(Scenario::SingleStream) }, &[]);
}

#[test]
fn too_short_a_time_is_said_so() {
    let short =
        Facts { duration: Duration::from_millis(9_960), stop: StopReason::MaxQueries, ..facts(Scenario::SingleStream) };
    check(short, &["min-duration"]);
    let objection = judge(&short).remove(0);
    assert_eq!((objection.value, objection.threshold, objection.unit), (9.96, 10.0, "s"));
    assert!(objection.message.contains("larger batches"), "{}", objection.message);
}

/// The percentile itself may be met where it is not shown to be.
#[test]
fn early_stopping_asks_for_queries() {
    check(Facts { queries: 661, ..facts(MULTI_STREAM) }, &["early-stopping"]);
    check(Facts { queries: 662, ..facts(MULTI_STREAM) }, &[]);
    check(Facts { over_latency: 3, ..facts(server()) }, &["early-stopping"]);
    assert_eq!(
        message(Facts { over_latency: 3, ..facts(server()) }),
        "1000 queries, 3 of them over the latency, show no p99 at 99 % confidence, which takes 1001: \
         run 1 more, all within the target latency"
    );
    assert_eq!(
        message(Facts { queries: 500, ..facts(MULTI_STREAM) }),
        "500 queries show no p99 at 99 % confidence, which takes 662: \
         run 162 more, by a higher `min_queries` or another tier"
    );
}

#[test]
fn a_tail_over_the_target_is_no_valid_server() {
    let slow = Facts { tail_ns: 200_000_001, over_latency: 11, ..facts(server()) };
    check(slow, &["latency-constraint", "early-stopping"]);
    check(Facts { scenario: Scenario::SingleStream, ..slow }, &[]);
    let objection = judge(&slow).remove(0);
    assert_eq!((objection.value, objection.threshold, objection.unit), (200_000_001.0, 200_000_000.0, "ns"));
}

#[test]
fn an_overload_is_not_advised_to_run_longer() {
    let overload = Facts {
        queries: 80,
        over_latency: 60,
        tail_ns: 3_456_000_000,
        duration: Duration::from_secs(3),
        stop: StopReason::Overload,
        ..facts(server())
    };
    check(overload, &["overload", "latency-constraint"]);
    assert_eq!(
        message(overload),
        "the server could not keep up: 60 of 80 queries took longer than 200ms: reduce the rate\n\
         p99 is 3.5s, over the target latency of 200ms: reduce the rate"
    );
}

use std::time::Duration;

use domain::{
    CellSpec, MeasureRule, Measurement, ModelRef, Percentile, Placement, ProviderName, ProviderShare, Rate,
    Requirement, Scenario, ServerLoad, VerdictLevel,
};
use proptest::prelude::*;

use super::*;

fn cell() -> CellSpec {
    CellSpec::new(ModelRef::nameless())
}

/// A run of latencies one after the other, on a quiet machine.
fn measurement(latencies_ns: &[u64]) -> Measurement {
    let measured = Duration::from_nanos(latencies_ns.iter().sum());
    Measurement {
        measured,
        issuing: measured.saturating_sub(Duration::from_nanos(latencies_ns.last().copied().unwrap_or(0))),
        ..Measurement::of(samples::encode(latencies_ns).expect("samples"))
    }
}

/// Around 10 ms, with a little spread that repeats.
fn steady(count: usize) -> Vec<u64> {
    (0..count as u64).map(|index| 10_000_000 + (index * 7919 % 97) * 1_000).collect()
}

fn judged(cell: &CellSpec, measurement: &Measurement) -> (VerdictLevel, Vec<String>) {
    let verdict = analyse(cell, measurement).expect("sound").verdict;
    assert_eq!(verdict.reasons.is_empty(), verdict.level == VerdictLevel::Valid);
    assert_eq!(verdict.reasons.iter().map(|reason| reason.level).max().unwrap_or(VerdictLevel::Valid), verdict.level);
    (verdict.level, verdict.reasons.into_iter().map(|reason| reason.code).collect())
}

fn with_foreign_share(share: f64, latencies: &[u64]) -> Measurement {
    let mut measurement = measurement(latencies);
    measurement.environment.volatile.foreign_cpu_share = Some(share);
    measurement
}

#[test]
fn a_quiet_and_complete_run_is_valid() {
    assert_eq!(judged(&cell(), &measurement(&steady(400))), (VerdictLevel::Valid, vec![]));
    let busy_but_harmless = with_foreign_share(0.9, &steady(400));
    assert_eq!(judged(&cell(), &busy_but_harmless), (VerdictLevel::Valid, vec![]), "the tail shows nothing");
}

#[test]
fn a_busy_neighbour_who_widens_the_tail_makes_a_run_suspect() {
    let mut latencies = steady(400);
    for latency in latencies.iter_mut().step_by(50) {
        *latency *= 3;
    }
    let (level, codes) = judged(&cell(), &with_foreign_share(0.3, &latencies));
    assert_eq!((level, codes), (VerdictLevel::Suspect, vec!["foreign-cpu".to_owned()]));
    let (level, _) = judged(&cell(), &with_foreign_share(0.01, &latencies));
    assert_eq!(level, VerdictLevel::Valid);
}

#[test]
fn a_neighbour_who_is_always_there_shifts_the_median_and_is_found_by_the_wait() {
    let mut beside = with_foreign_share(0.5, &steady(400));
    beside.environment.volatile.processor_wait_share = Some(0.4);
    assert_eq!(judged(&cell(), &beside), (VerdictLevel::Suspect, vec!["foreign-cpu".to_owned()]));
    // Waiting for one's own threads is nobody else's doing.
    beside.environment.volatile.foreign_cpu_share = Some(0.01);
    assert_eq!(judged(&cell(), &beside), (VerdictLevel::Valid, vec![]));
}

#[test]
fn loadgens_rules_make_a_run_invalid() {
    let (level, codes) = judged(&cell(), &measurement(&steady(63)));
    assert_eq!(level, VerdictLevel::Invalid);
    assert!(codes.contains(&"min-queries".to_owned()) && codes.contains(&"min-duration".to_owned()), "{codes:?}");
}

#[test]
fn a_run_that_slows_down_describes_two_speeds() {
    let mut latencies = steady(800);
    for latency in &mut latencies[300..] {
        *latency += 3_000_000;
    }
    let measured = measurement(&latencies);
    let statistics = analyse(&cell(), &measured).expect("sound").statistics;
    assert!(statistics.steady.throttle_ratio() > 1.25, "{:?}", statistics.steady);
    assert_eq!(judged(&cell(), &measured), (VerdictLevel::Suspect, vec!["slowdown".to_owned()]));
}

/// Levels in turn, each of a hundred samples, so that the last does not last.
fn wandering(levels_ns: [u64; 2]) -> Vec<u64> {
    (0..800_usize).map(|index| levels_ns[index / 100 % 2] + (index as u64 * 7919 % 97) * 1_000).collect()
}

#[test]
fn a_run_that_wanders_far_is_suspect_and_a_little_is_how_machines_are() {
    let unrest = vec!["no-steady-state".to_owned()];
    let far = measurement(&wandering([10_000_000, 12_000_000]));
    assert_eq!(judged(&cell(), &far), (VerdictLevel::Suspect, unrest));
    let little = measurement(&wandering([10_000_000, 10_500_000]));
    assert_eq!(analyse(&cell(), &little).expect("sound").statistics.steady.class, domain::SteadyClass::NoSteadyState);
    assert_eq!(judged(&cell(), &little), (VerdictLevel::Valid, vec![]));
}

#[test]
fn drift_and_throttling_are_reasons() {
    let mut measured = measurement(&steady(400));
    measured.environment.volatile.throttle_events = Some(3);
    measured.environment.volatile.drift.push(domain::Drift {
        what: "the frequency governor".to_owned(),
        before: "performance".to_owned(),
        after: "powersave".to_owned(),
    });
    let expected = vec!["throttled".to_owned(), "environment-drift".to_owned()];
    assert_eq!(judged(&cell(), &measured), (VerdictLevel::Suspect, expected));
}

fn on(shares: &[(&str, u32, u64)]) -> Measurement {
    let providers = shares.iter().map(|&(provider, nodes, time_ns)| ProviderShare {
        provider: provider.to_owned(),
        nodes,
        time_ns,
    });
    Measurement {
        placement: Some(Placement { providers: providers.collect(), ..Placement::default() }),
        ..measurement(&steady(400))
    }
}

#[test]
fn a_provider_that_does_nothing_is_named() {
    let cuda = CellSpec { provider: ProviderName::parse("cuda").expect("known"), ..cell() };
    let fallback = on(&[("CPUExecutionProvider", 217, 35_000_000)]);
    assert_eq!(judged(&cuda, &fallback), (VerdictLevel::Invalid, vec!["cpu-fallback".to_owned()]));
    let message = &analyse(&cuda, &fallback).expect("sound").verdict.reasons[0].message;
    assert!(message.contains("cuda") && message.contains("CPUExecutionProvider"), "{message}");
    assert_eq!(judged(&cuda, &on(&[("CUDAExecutionProvider", 9, 9)])).0, VerdictLevel::Valid);
}

#[test]
fn a_claim_about_placement_is_held_against_nodes_and_time() {
    let provider = ProviderName::parse("cuda").expect("known");
    let require = Some(Requirement { provider: provider.clone(), min_share_millionths: 950_000 });
    let claims = CellSpec { provider, require, ..cell() };
    let mixed = |nodes, time_ns| on(&[("CUDAExecutionProvider", nodes, time_ns), ("CPUExecutionProvider", 1, 10)]);
    assert_eq!(judged(&claims, &mixed(99, 990)).0, VerdictLevel::Valid);
    let short = vec!["offload-share".to_owned()];
    assert_eq!(judged(&claims, &mixed(99, 90)), (VerdictLevel::Invalid, short.clone()), "too little of the time");
    assert_eq!(judged(&claims, &mixed(9, 990)), (VerdictLevel::Invalid, short), "too few of the nodes");
    let unknown = vec!["placement-unknown".to_owned()];
    assert_eq!(judged(&claims, &measurement(&steady(400))), (VerdictLevel::Invalid, unknown));
}

#[test]
fn a_server_is_held_to_its_latency() {
    let target_latency = Duration::from_millis(15);
    let load = ServerLoad::Fixed(Rate::from_millis(50_000).expect("a rate"));
    let server =
        CellSpec { scenario: Scenario::Server { load, target_latency, percentile: Percentile::P90 }, ..cell() };
    let with_slow = |every: usize| {
        let mut latencies = steady(400);
        for latency in latencies.iter_mut().step_by(every) {
            *latency = 15_100_000;
        }
        let slip = samples::encode(&vec![100; latencies.len()]).expect("samples");
        Measurement { slip: Some(slip), issuing: Duration::from_secs(8), ..measurement(&latencies) }
    };
    assert_eq!(judged(&server, &with_slow(40)).0, VerdictLevel::Valid);
    let (level, codes) = judged(&server, &with_slow(5));
    assert_eq!(level, VerdictLevel::Invalid);
    assert!(codes.contains(&"latency-constraint".to_owned()), "{codes:?}");
    let statistics = analyse(&server, &with_slow(40)).expect("sound").statistics;
    assert_eq!(statistics.over_latency, Some(10));
    assert_eq!(statistics.slip.map(|slip| slip.p50_ns), Some(100));
}

#[test]
fn slips_that_belong_to_other_latencies_are_a_flaw() {
    let slip = samples::encode(&[1, 2]).expect("samples");
    let measured = Measurement { slip: Some(slip), ..measurement(&steady(64)) };
    assert!(matches!(analyse(&cell(), &measured), Err(Flaw::Unlike { slips: 2, latencies: 64 })));
}

#[test]
fn too_few_samples_are_not_quoted() {
    let statistics = analyse(&cell(), &measurement(&steady(200))).expect("sound").statistics;
    let quotable = |percentile| statistics.estimate(percentile).is_some_and(|estimate| estimate.is_quotable(200));
    assert!(quotable(Percentile::P50) && quotable(Percentile::P90));
    assert!(!quotable(Percentile::P99) && !quotable(Percentile::P999));
    let p90 = statistics.estimate(Percentile::P90).expect("reported");
    assert!(p90.early_stopping_ns >= Some(p90.value_ns), "{p90:?}");
}

proptest! {
    /// What is stored gives the same bytes again: through the blob, and through JSON and back.
    #[test]
    fn a_replay_is_identical_to_the_byte(latencies in prop::collection::vec(1_000_u64..50_000_000, 64..400)) {
        let measured = measurement(&latencies);
        let first = analyse(&cell(), &measured).expect("sound");
        let decoded = samples::decode(&measured.samples).expect("decodable");
        let again = replay(&cell(), &measured, &decoded, None).expect("sound");
        let text = |analysis: &Analysis| {
            (serde_json::to_string(&analysis.statistics).expect("JSON"), serde_json::to_string(&analysis.verdict).expect("JSON"))
        };
        prop_assert_eq!(text(&first), text(&again));
        let stored: Statistics = serde_json::from_str(&text(&first).0).expect("JSON");
        prop_assert_eq!(serde_json::to_string(&stored).expect("JSON"), text(&first).0);
        prop_assert_eq!(stored, first.statistics);
    }
}

#[test]
fn the_rule_of_the_tier_is_what_is_judged() {
    let rule = MeasureRule { min_queries: 1000, ..MeasureRule::default() };
    let (level, codes) = judged(&CellSpec { measure: rule, ..cell() }, &measurement(&steady(400)));
    assert_eq!((level, codes), (VerdictLevel::Invalid, vec!["min-queries".to_owned()]));
}

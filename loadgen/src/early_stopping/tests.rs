use proptest::prelude::*;

use super::*;
use crate::MAX_QUERIES;

const PERCENTILES: [Percentile; 6] =
    [Percentile::P50, Percentile::P90, Percentile::P95, Percentile::P97, Percentile::P99, Percentile::P999];

/// Two independent ways gave the same numbers: exact binomial sums, and `LoadGen`'s own series in `early_stopping.cc`.
#[test]
fn min_queries_are_those_of_loadgen() {
    let overs = [0, 1, 2, 3, 5, 10, 20, 50];
    for (p, expected) in [
        (Percentile::P90, [44, 64, 81, 97, 127, 197, 325, 681]),
        (Percentile::P95, [90, 130, 165, 198, 259, 398, 656, 1372]),
        (Percentile::P97, [152, 219, 277, 332, 433, 667, 1097, 2293]),
        (Percentile::P99, [459, 662, 838, 1001, 1307, 2010, 3304, 6898]),
        (Percentile::P999, [4603, 6636, 8403, 10_042, 13_105, 20_140, 33_097, 69_058]),
    ] {
        assert_eq!(overs.map(|over| min_queries(p, over)), expected, "{p}");
    }
}

/// Generated with scipy 1.17.1: the least n with `scipy.stats.binom.cdf(over, n, 1 - p) <= 0.01`.
#[test]
fn min_queries_are_exact_for_millions_of_queries() {
    let overs = [1_000, 8_000, 80_000, 800_000];
    for (p, expected) in [
        (Percentile::P50, [2_108, 16_298, 160_935, 1_602_947]),
        (Percentile::P90, [10_722, 81_998, 806_266, 8_019_764]),
        (Percentile::P97, [35_831, 273_580, 2_688_350, 26_735_058]),
        (Percentile::P99, [107_569, 820_951, 8_065_716, 80_207_278]),
        (Percentile::P999, [1_076_032, 8_210_453, 80_660_135, 802_082_179]),
    ] {
        assert_eq!(overs.map(|over| min_queries(p, over)), expected, "{p}");
    }
}

#[test]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn without_any_over_latency_there_is_a_closed_form() {
    for millionths in [1_000, 300_000, 500_000, 777_777, 900_000, 990_000, 999_000, 999_900, 999_999] {
        let p = Percentile::from_millionths(millionths).unwrap();
        let expected = ((1.0 - CONFIDENCE).ln() / p.fraction().ln()).ceil() as u64;
        assert_eq!(min_queries(p, 0), expected.max(1), "{p}");
    }
}

#[test]
fn no_estimate_below_the_queries_of_one_over_latency() {
    assert_eq!(estimate(Percentile::P90, 0), Estimate::TooFew { needed: 64 });
    assert_eq!(estimate(Percentile::P90, 63), Estimate::TooFew { needed: 64 });
    assert_eq!(estimate(Percentile::P90, 64), Estimate::Value { rank: 63, over: 1 });
    assert_eq!(estimate(Percentile::P90, 81), Estimate::Value { rank: 79, over: 2 });
    assert_eq!(estimate(Percentile::P99, 661), Estimate::TooFew { needed: 662 });
    assert_eq!(estimate(Percentile::P99, 662), Estimate::Value { rank: 661, over: 1 });
}

/// Rules out both a wrong search and a wrong start of it.
#[test]
fn the_estimate_is_that_of_a_linear_scan() {
    for p in PERCENTILES {
        let thresholds: Vec<u64> =
            (1..3_000).map(|over| min_queries(p, over)).take_while(|&needed| needed <= 3_000).collect();
        for queries in 1..=3_000 {
            let scanned = thresholds.iter().filter(|&&needed| needed <= queries).count() as u64;
            let expected = match scanned {
                0 => Estimate::TooFew { needed: min_queries(p, 1) },
                over => Estimate::Value { rank: queries - over, over },
            };
            assert_eq!(estimate(p, queries), expected, "{p}, {queries}");
        }
    }
}

#[test]
fn the_boundary_says_what_single_answers_say() {
    for p in PERCENTILES {
        let mut boundary = Boundary::new(p);
        for queries in 0..5_000 {
            assert_eq!(boundary.max_over(queries), max_over(p, queries), "{p}, {queries}");
        }
        let mut boundary = Boundary::new(p);
        for over in 0..100 {
            assert_eq!(boundary.min_queries_for(over), min_queries(p, over), "{p}, {over}");
        }
    }
}

#[test]
fn the_boundary_is_exact_up_to_the_most_queries() {
    let mut boundary = Boundary::new(Percentile::P90);
    for (over, expected) in [(1_000, 10_722), (8_000, 81_998), (80_000, 806_266), (800_000, 8_019_764)] {
        assert_eq!(boundary.max_over(expected - 1), Some(over - 1));
        assert_eq!(boundary.max_over(expected), Some(over));
        assert_eq!(boundary.min_queries_for(over), expected);
    }
    let most = u64::from(MAX_QUERIES);
    for p in PERCENTILES {
        assert_eq!(Boundary::new(p).max_over(most), max_over(p, most), "{p}");
    }
}

fn percentile() -> impl Strategy<Value = Percentile> {
    (1_u32..1_000_000).prop_filter_map("0 < p < 1", Percentile::from_millionths)
}

proptest! {
    #[test]
    fn min_queries_strictly_increase_with_over(p in percentile(), over in 0_u64..20_000) {
        prop_assert!(min_queries(p, over) < min_queries(p, over + 1));
        prop_assert!(min_queries(p, over) > over);
    }

    #[test]
    fn max_over_never_decreases_and_is_the_inverse_of_min_queries(p in percentile(), queries in 0_u64..1_000_000) {
        let over = max_over(p, queries);
        prop_assert!(over <= max_over(p, queries + 1));
        prop_assert!(over.is_none_or(|over| min_queries(p, over) <= queries));
        prop_assert!(min_queries(p, over.map_or(0, |over| over + 1)) > queries);
    }

    #[test]
    fn met_stays_met_when_good_queries_are_added(p in percentile(), queries in 1_u64..10_000, share in 0.0..1.0, more in 0_u64..10_000) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a count")]
        let over = (queries as f64 * share * (1.0 - p.fraction())) as u64;
        let before = decide(p, queries, over);
        let after = decide(p, queries + more, over);
        prop_assert_eq!(before.needed, after.needed);
        prop_assert!(after.met || !before.met);
        prop_assert!(decide(p, queries.max(before.needed), over).met);
    }

    /// Going back is slow and right.
    #[test]
    fn a_boundary_answers_in_any_order(p in percentile(), questions in prop::collection::vec((any::<bool>(), 0_u64..2_000), 1..20)) {
        let mut boundary = Boundary::new(p);
        for (asks_for_over, number) in questions {
            if asks_for_over {
                prop_assert_eq!(boundary.max_over(number), max_over(p, number));
            } else {
                let over = number.min(20);
                prop_assert_eq!(boundary.min_queries_for(over), min_queries(p, over));
            }
        }
    }
}

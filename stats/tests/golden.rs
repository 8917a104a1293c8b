//! Compares with numbers from independent implementations: `stats.json`, computed by numpy, scipy and ruptures
//! (`stats_golden.py`). The file is shared between projects and is not part of a clone; without it the tests say so and end.

use std::{fs, path::Path};

use furlong_stats::{
    Interval, OrderInterval, harrell_davis, mad_scaled, median, min_count_upper, order_interval, percentile,
    percentile_interval, steady::pelt,
};
use serde_json::Value;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/golden/stats.json");

/// The numbers of one key, or `None` where there is no file.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn golden(key: &str) -> Option<Value> {
    if !Path::new(GOLDEN).exists() {
        println!("skipped: there is no {GOLDEN}");
        return None;
    }
    // Python's json writes NaN, which JSON does not know.
    let text = fs::read_to_string(GOLDEN).expect("readable").replace("NaN", "null");
    let mut golden: Value = serde_json::from_str(&text).expect("JSON");
    Some(golden[key].take())
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("list").iter().map(|value| value.as_f64().expect("number")).collect()
}

/// The sample x, as it is and sorted in ten thousandths.
fn sample() -> Option<(Vec<f64>, Vec<u64>)> {
    let x = numbers(&golden("x")?);
    let mut sorted: Vec<u64> = x.iter().copied().map(ten_thousandths).collect();
    sorted.sort_unstable();
    Some((x, sorted))
}

/// Calls `check` with p and the value of each entry of a map from p.
fn for_each_p(map: &Value, check: impl Fn(f64, &Value)) {
    for (p, expected) in map.as_object().expect("map") {
        check(p.parse().expect("number"), expected);
    }
}

#[track_caller]
fn close(value: Option<f64>, expected: &Value, tolerance: f64) {
    let (value, expected) = (value.expect("defined"), expected.as_f64().expect("number"));
    assert!((value / expected - 1.0).abs() < tolerance, "{value} is not {expected}");
}

/// The golden values have four decimals.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the values are positive and small")]
fn ten_thousandths(value: f64) -> u64 {
    (value * 1e4).round() as u64
}

#[test]
fn percentiles_agree_with_numpy() {
    let (Some((x, sorted)), Some(expected)) = (sample(), golden("quantile_inverted_cdf")) else { return };
    // Where n * p is no integer, floor(n * p) (0-based) is the same rank as ceil(n * p) (1-based), numpy's inverted_cdf.
    for_each_p(&expected, |p, expected| {
        let expected = ten_thousandths(expected.as_f64().expect("number"));
        assert_eq!(percentile(&sorted, p), Some(expected), "p = {p}, n = {}", sorted.len());
    });
    let Some(expected) = golden("quantile_r7") else { return };
    close(median(&x), &expected["0.5"], 1e-12);
}

#[test]
fn spread_and_smooth_percentiles_agree_with_scipy() {
    let (Some((x, sorted)), Some(expected)) = (sample(), golden("mad_x")) else { return };
    close(mad_scaled(&x), &expected, 1e-12);
    let Some(expected) = golden("harrell_davis") else { return };
    for_each_p(&expected, |p, expected| close(harrell_davis(&sorted, p).map(|value| value / 1e4), expected, 1e-10));
}

#[test]
fn intervals_agree_with_scipy() {
    let (Some((_, sorted)), Some(expected)) = (sample(), golden("order_stat_ci")) else { return };
    for_each_p(&expected, |p, expected| {
        // A rank above n is no bound.
        let upper = expected["u"].as_u64().filter(|&rank| rank <= 101);
        assert_eq!(order_interval(101.0, p, 0.95), OrderInterval { lower: expected["l"].as_u64(), upper }, "p = {p}");
        let end = |key: &str| expected[key].as_f64().map(ten_thousandths);
        let interval = Interval { low: end("lo"), high: end("hi") };
        assert_eq!(percentile_interval(&sorted, 101.0, p, 0.95), interval, "p = {p}");
    });
}

#[test]
fn least_counts_agree_with_scipy() {
    let Some(expected) = golden("min_n_upper_95") else { return };
    for_each_p(&expected, |p, expected| assert_eq!(Some(min_count_upper(p, 0.95)), expected.as_u64(), "p = {p}"));
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn change_points_agree_with_ruptures() {
    let Some(expected) = golden("pelt_normal") else { return };
    let series = numbers(&expected["z"]);
    for (key, factor) in [("pen15", 15.0), ("pen3", 3.0)] {
        let ends = pelt(&series, factor * (series.len() as f64).ln(), 3);
        let expected = numbers(&expected[key]);
        assert_eq!(ends.len(), expected.len(), "{key}: {ends:?}");
        // ruptures adds 1e-6 to each variance, which may move a change by one.
        assert!(ends.iter().zip(expected).all(|(&end, golden)| (end as f64 - golden).abs() <= 1.0), "{key}: {ends:?}");
    }
}

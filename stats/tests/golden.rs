//! Compares with numbers from an independent implementation: `stats.json`, computed by numpy and scipy (`stats_golden.py`). The file is shared
//! between projects and is not part of a clone; without it the test says so and ends.

use std::{fs, path::Path};

use furlong_stats::{median, percentile};
use serde_json::Value;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/golden/stats.json");

#[test]
fn agrees_with_numpy() {
    if !Path::new(GOLDEN).exists() {
        println!("skipped: there is no {GOLDEN}");
        return;
    }
    // Python's json writes NaN, which JSON does not know.
    let text = fs::read_to_string(GOLDEN).expect("readable").replace("NaN", "null");
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    let x: Vec<f64> = golden["x"].as_array().expect("list").iter().map(|v| v.as_f64().expect("number")).collect();
    let mut sorted: Vec<u64> = x.iter().copied().map(ten_thousandths).collect();
    sorted.sort_unstable();

    // Where n * p is no integer, floor(n * p) (0-based) is the same rank as ceil(n * p) (1-based), numpy's inverted_cdf.
    for (p, expected) in golden["quantile_inverted_cdf"].as_object().expect("map") {
        let p: f64 = p.parse().expect("number");
        let expected = ten_thousandths(expected.as_f64().expect("number"));
        assert_eq!(percentile(&sorted, p), Some(expected), "p = {p}, n = {}", sorted.len());
    }
    let expected = golden["quantile_r7"]["0.5"].as_f64().expect("number");
    assert!((median(&x).expect("finite") - expected).abs() < 1e-12);
}

/// The golden values have four decimals.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the values are positive and small")]
fn ten_thousandths(value: f64) -> u64 {
    (value * 1e4).round() as u64
}

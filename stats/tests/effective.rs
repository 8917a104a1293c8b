//! Effective sample sizes of series whose correlation is known.

mod noise;

use furlong_stats::effective_sample_size;
use noise::Noise;

/// Each value is rho times the one before, and noise; the effective size of n values is n (1 - rho) / (1 + rho).
fn autoregressive(n: usize, rho: f64, seed: u64) -> Vec<f64> {
    let mut noise = Noise(seed);
    let mut value = noise.normal() / (1.0 - rho * rho).sqrt();
    let mut next = || {
        value = rho * value + noise.normal();
        1e6 + 1e4 * value
    };
    (0..n).map(|_| next()).collect()
}

#[track_caller]
fn check(n: u32, rho: f64, tolerance: f64) {
    let expected = f64::from(n) * (1.0 - rho) / (1.0 + rho);
    for seed in 1..=5 {
        let size = effective_sample_size(&autoregressive(n as usize, rho, seed));
        assert!((size / expected - 1.0).abs() < tolerance, "rho {rho}, seed {seed}: {size}, not {expected}");
    }
}

#[test]
fn independent_samples_are_worth_their_count() {
    check(1000, 0.0, 0.2);
    check(20_000, 0.0, 0.05);
}

#[test]
fn autoregressive_samples_are_worth_what_theory_says() {
    check(20_000, 0.3, 0.1);
    check(20_000, 0.7, 0.15);
    check(50_000, 0.95, 0.25);
}

#[test]
fn block_means_agree_with_single_samples() {
    check(200_000, 0.0, 0.05);
    check(200_000, 0.7, 0.1);
    check(200_000, 0.99, 0.3);
}

#[test]
fn the_unit_does_not_matter() {
    let values = autoregressive(3000, 0.5, 9);
    let scaled: Vec<f64> = values.iter().map(|value| value * 1024.0).collect();
    assert_eq!(effective_sample_size(&values).to_bits(), effective_sample_size(&scaled).to_bits());
}

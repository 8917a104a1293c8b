//! Runs of a known shape, and what a user is told about them.

mod noise;

use furlong_stats::steady::{MIN_SAMPLES, Steady, SteadyClass, analyse_steady};
use noise::Noise;
use proptest::prelude::*;

/// One sample for each level (in us), with normal noise of the given share, in ns.
fn run(levels_us: impl IntoIterator<Item = f64>, noise_share: f64, seed: u64) -> Vec<u64> {
    let mut noise = Noise(seed);
    levels_us.into_iter().map(|level| ns(1000.0 * level * (1.0 + noise_share * noise.normal()))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "latencies are positive and small")]
fn ns(latency: f64) -> u64 {
    latency.round() as u64
}

fn analysed(latencies: &[u64]) -> Steady {
    analyse_steady(latencies).expect("enough samples")
}

fn levels(parts: &[(usize, f64)]) -> impl Iterator<Item = f64> {
    parts.iter().flat_map(|&(count, level)| std::iter::repeat_n(level, count))
}

fn boundaries(steady: &Steady) -> Vec<usize> {
    steady.segments.iter().map(|segment| segment.end).collect()
}

#[test]
fn a_steady_run_is_flat_at_any_length() {
    for n in [MIN_SAMPLES, 100, 300, 500, 501, 1999, 2000, 2001, 30_000] {
        for noise in [0.0, 0.0002, 0.01, 0.05] {
            let steady = analysed(&run(levels(&[(n, 5000.0)]), noise, 3));
            assert_eq!((steady.class, steady.steady_from), (SteadyClass::Flat, 0), "{n} samples, noise {noise}");
            assert!(
                (steady.throttle_ratio - 1.0).abs() < 0.01,
                "{n} samples, noise {noise}: {}",
                steady.throttle_ratio
            );
        }
    }
}

#[test]
fn too_few_samples_are_not_analysed() {
    assert_eq!(analyse_steady(&[5; MIN_SAMPLES - 1]), None);
    assert!(analyse_steady(&[5; MIN_SAMPLES]).is_some());
}

#[test]
fn extreme_latencies_do_not_overflow() {
    for value in [0, 1, u64::MAX] {
        let steady = analysed(&[value; 300]);
        assert_eq!((steady.class, steady.sustained_ns, steady.outlier_count), (SteadyClass::Flat, value, 0));
        assert!((steady.throttle_ratio - 1.0).abs() < f64::EPSILON);
    }
}

#[test]
fn a_decaying_start_is_warm_up() {
    for n in [400, 2000, 50_000_u32] {
        let decay = (0..n).map(|i| 1000.0 * (1.0 + 2.0 * (-20.0 * f64::from(i) / f64::from(n)).exp()));
        let steady = analysed(&run(decay, 0.01, 5));
        let from = steady.steady_from * 100 / n as usize;
        assert_eq!(steady.class, SteadyClass::WarmUp, "{n} samples: {:?}", steady.segments);
        assert!((5..40).contains(&from), "steady from {from} % of {n}");
        assert!((990_000..1_020_000).contains(&steady.sustained_ns), "{}", steady.sustained_ns);
        assert!((steady.throttle_ratio - 1.0).abs() < 0.02, "{}", steady.throttle_ratio);
    }
}

#[test]
fn a_few_slow_samples_at_the_start_are_warm_up() {
    let steady = analysed(&run(levels(&[(5, 3000.0), (1000, 1000.0)]), 0.01, 5));
    assert_eq!((steady.class, steady.steady_from), (SteadyClass::WarmUp, 5));
}

#[test]
fn throttling_is_a_slowdown() {
    let steady = analysed(&run(levels(&[(1200, 1000.0), (1200, 1200.0)]), 0.02, 7));
    assert_eq!(steady.class, SteadyClass::Slowdown);
    // Blocks of two samples.
    assert!(steady.steady_from.abs_diff(1200) <= 2, "{}", steady.steady_from);
    assert!((steady.throttle_ratio - 1.2).abs() < 0.01, "{}", steady.throttle_ratio);
}

#[test]
fn burst_is_after_warm_up_and_before_throttling() {
    let steady = analysed(&run(levels(&[(100, 2000.0), (900, 1000.0), (1000, 1300.0)]), 0.01, 7));
    assert_eq!((steady.class, steady.steady_from), (SteadyClass::Slowdown, 1000));
    assert!((steady.throttle_ratio - 1.3).abs() < 0.01, "{}", steady.throttle_ratio);
}

#[test]
fn alternation_has_no_steady_state() {
    let parts: Vec<(usize, f64)> = (0..10).map(|i| (200, if i % 2 == 0 { 1000.0 } else { 1300.0 })).collect();
    let steady = analysed(&run(levels(&parts), 0.01, 11));
    assert_eq!((steady.class, steady.steady_from, steady.segments.len()), (SteadyClass::NoSteadyState, 0, 10));
}

#[test]
fn a_late_change_leaves_no_steady_state() {
    for (n, tail) in [(200, 60), (1000, 300), (10_000, 2400)] {
        let steady = analysed(&run(levels(&[(n - tail, 1000.0), (tail, 1200.0)]), 0.01, 11));
        assert_eq!(steady.class, SteadyClass::NoSteadyState, "the last {tail} of {n}");
    }
}

#[test]
fn spikes_are_flagged_and_change_nothing() {
    for shape in [&[(2000, 1000.0)][..], &[(300, 1500.0), (1700, 1000.0)], &[(900, 1000.0), (1100, 1200.0)]] {
        let quiet = run(levels(shape), 0.01, 13);
        let mut spiky = quiet.clone();
        for index in [450, 800, 1500, 1999] {
            spiky[index] *= 20;
        }
        let (before, after) = (analysed(&quiet), analysed(&spiky));
        assert_eq!((after.class, boundaries(&after)), (before.class, boundaries(&before)));
        assert_eq!((before.outlier_count, after.outlier_count), (0, 4));
        assert_eq!(after.outliers, [450, 800, 1500, 1999]);
    }
}

#[test]
fn all_outliers_are_counted_and_a_thousand_kept() {
    let mut latencies = run(levels(&[(60_000, 1000.0)]), 0.01, 17);
    latencies.iter_mut().step_by(40).for_each(|latency| *latency *= 3);
    let steady = analysed(&latencies);
    assert_eq!((steady.outlier_count, steady.outliers.len()), (1500, 1000));
    assert_eq!((steady.outliers[0], steady.outliers[999]), (0, 999 * 40));
    assert_eq!(steady.class, SteadyClass::Flat);
}

#[test]
fn the_unit_does_not_matter() {
    // The original implementation of the method finds another class here, as it adds a variance to a time.
    for shape in
        [&[(1500, 1000.0)][..], &[(300, 1100.0), (1500, 1000.0)], &[(700, 1000.0), (900, 1050.0)], &[(64, 3.0)]]
    {
        let latencies = run(levels(shape), 0.02, 19);
        let scaled: Vec<u64> = latencies.iter().map(|latency| latency * 1000).collect();
        let (a, b) = (analysed(&latencies), analysed(&scaled));
        assert_eq!((a.class, a.steady_from, boundaries(&a)), (b.class, b.steady_from, boundaries(&b)), "{shape:?}");
        assert_eq!((a.sustained_ns * 1000, a.outliers), (b.sustained_ns, b.outliers));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn segments_cover_the_run_and_hold_its_medians(
        parts in prop::collection::vec((1_usize..900, 1.0..5.0), 1..6),
        seed in any::<u64>(),
        noise in 0.0..0.2,
    ) {
        let latencies = run(levels(&parts), noise, seed);
        let Some(steady) = analyse_steady(&latencies) else {
            prop_assert!(latencies.len() < MIN_SAMPLES);
            return Ok(());
        };
        let mut next = 0;
        for segment in &steady.segments {
            prop_assert_eq!(segment.start, next);
            let mut samples = latencies[segment.start..segment.end].to_vec();
            samples.sort_unstable();
            prop_assert_eq!(Some(segment.p50_ns), furlong_stats::percentile(&samples, 0.5));
            next = segment.end;
        }
        prop_assert_eq!(next, latencies.len());
        prop_assert!(steady.steady_from == 0 || steady.segments.iter().any(|segment| segment.start == steady.steady_from));
        prop_assert_eq!(&steady, &analysed(&latencies));
    }
}

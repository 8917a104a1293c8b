//! Synthetic waveforms whose energy is known in closed form, and what no waveform may break.

use domain::{Quantity, Scope};
use proptest::prelude::*;

use super::*;

const POLL: Duration = Duration::from_millis(100);

fn gauge() -> Rail {
    Rail::new("in", Scope::DcInput, RailKind::Gauge { window: None })
}

fn counter(range_j: Option<f64>) -> Rail {
    Rail::new("in", Scope::DcInput, RailKind::Counter { range_j })
}

fn window(begin_s: f64, end_s: f64) -> Window {
    Window { begin_ns: ns(begin_s), end_ns: ns(end_s) }
}

#[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
fn ns(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

/// 7.5 W, after an idle device's 3 W.
fn steady(at: f64) -> f64 {
    if at < -0.5 { 3.0 } else { 7.5 }
}

/// A reading at each of the moments.
fn sampled(moments_s: &[f64], power: impl Fn(f64) -> f64) -> Series {
    Series {
        name: "in".to_owned(),
        quantity: Quantity::Power,
        times_ns: moments_s.iter().map(|&at| ns(at)).collect(),
        values: moments_s.iter().map(|&at| power(at)).collect(),
    }
}

/// From 1 s before to 1 s after `length_s`, jittered by up to a tenth of the poll.
fn moments(length_s: f64) -> Vec<f64> {
    let mut at = -1.0;
    let mut seed = 1_u64;
    let mut all = Vec::new();
    while at < length_s + 1.0 {
        all.push(at);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        at += 0.1 * (0.9 + 0.2 * f64::from(u32::try_from(seed >> 33).unwrap_or(0)) / f64::from(u32::MAX >> 1));
    }
    all
}

/// The energy of `power` over 0..length by the closed form, against the integrator's, within 0.5 %.
#[track_caller]
fn check(power: impl Fn(f64) -> f64, length_s: f64, expected_j: f64) {
    let found =
        integrate(&sampled(&moments(length_s), power), &gauge(), window(0.0, length_s), POLL).expect("integrated");
    let joules = found.joules.expect("covered");
    assert!((joules / expected_j - 1.0).abs() < 0.005, "{joules} J instead of {expected_j} J");
    assert!((found.coverage - 1.0).abs() < 1e-9 && !found.flags.contains(&flag::EDGE), "{found:?}");
}

#[test]
fn waveforms_give_their_analytic_energy() {
    check(steady, 30.0, 225.0);
    check(|at| 5.0 + 0.2 * at, 30.0, 150.0 + 0.1 * 900.0);
    // A sine of 1 Hz over whole periods.
    check(|at| 6.0 + 2.0 * (std::f64::consts::TAU * at).sin(), 30.0, 180.0);
    // A square wave of 0.1 Hz; each of its edges lies anywhere within a poll.
    let square = |at: f64| if (at * 0.1).rem_euclid(1.0) < 0.5 { 10.0 } else { 4.0 };
    check(square, 60.0, 420.0);
    // Noise of 5 % that has no mean.
    let noisy = |at: f64| 8.0 * (1.0 + 0.05 * (at * 12_345.678).sin());
    check(noisy, 60.0, 480.0);
}

#[test]
fn a_trailing_mean_is_moved_back_by_half_its_window() {
    let rail = Rail { kind: RailKind::Gauge { window: Some(Duration::from_secs(1)) }, ..gauge() };
    // The mean over the last second of a ramp is the ramp half a second ago.
    let series = sampled(&moments(30.0), |at| 5.0 + 0.2 * (at - 0.5));
    let found = integrate(&series, &rail, window(0.0, 30.0), POLL).expect("integrated");
    assert!((found.joules.expect("covered") - 240.0).abs() < 0.05, "{found:?}");
}

#[test]
fn a_gap_is_not_filled() {
    let holed =
        |from: f64, to: f64| -> Vec<f64> { moments(30.0).into_iter().filter(|at| !(from..to).contains(at)).collect() };
    let of = |moments: Vec<f64>| integrate(&sampled(&moments, steady), &gauge(), window(0.0, 30.0), POLL);
    // 0.4 s of 30 s: still joules, scaled by what is covered.
    let short = of(holed(10.0, 10.3)).expect("integrated");
    assert!(short.coverage < 1.0 && short.joules.is_some_and(|joules| (joules - 225.0).abs() < 0.1), "{short:?}");
    // 1.5 s: the mean, and no joules.
    let longer = of(holed(10.0, 11.4)).expect("integrated");
    assert!(longer.joules.is_none() && longer.flags.contains(&flag::GAPS), "{longer:?}");
    assert!((longer.mean_w - 7.5).abs() < 1e-9);
    assert!(matches!(of(holed(10.0, 15.0)), Err(Refusal::Coverage { coverage }) if coverage < 0.9));
    assert!(matches!(of(Vec::new()), Err(Refusal::NoReadings)));
}

#[test]
fn an_edge_is_held_for_one_period_at_most() {
    let from = |begin: f64| -> Vec<f64> { moments(30.0).into_iter().filter(|&at| at >= begin).collect() };
    let of = |begin| integrate(&sampled(&from(begin), |_| 7.5), &gauge(), window(0.0, 30.0), POLL).expect("integrated");
    let near = of(0.05);
    assert!(near.flags.contains(&flag::EDGE) && near.coverage > 0.999, "{near:?}");
    let far = of(0.5);
    assert!((far.coverage - 1.0).abs() > 0.01 && far.joules.is_some(), "{far:?}");
}

#[test]
fn a_sensor_that_stands_still_has_no_energy() {
    let stuck = integrate(&sampled(&moments(30.0), |_| 7.5), &gauge(), window(0.0, 30.0), POLL);
    // A constant is what a sensor that works would also show, but for the change from idle to load before.
    assert!(matches!(stuck, Err(Refusal::Stuck { .. })), "{stuck:?}");
    let alive = integrate(&sampled(&moments(30.0), steady), &gauge(), window(0.0, 30.0), POLL);
    assert!(alive.is_ok(), "{alive:?}");
}

#[test]
fn a_sensor_that_freezes_and_sleeps_through_the_end_of_the_load_has_no_energy() {
    let lively = |at: f64| if (0.0..30.0).contains(&at) { 7.5 + 0.3 * (at * 7.0).sin() } else { 3.0 };
    let moments = || -> Vec<f64> { moments(36.0) };
    let of = |power: &dyn Fn(f64) -> f64| integrate(&sampled(&moments(), power), &gauge(), window(0.0, 30.0), POLL);
    assert!(of(&lively).is_ok());
    let frozen = of(&|at| lively(at.min(20.0)));
    assert!(matches!(frozen, Err(Refusal::Stuck { .. })), "{frozen:?}");
}

#[test]
fn a_small_rail_of_one_step_may_stand_still() {
    // AGX Orin: 20 mA of a 20 mA step at 12 V.
    let of = |quantum| {
        let rail = Rail { quantum: Some(quantum), ..gauge() };
        integrate(&sampled(&moments(30.0), |_| 0.24), &rail, window(0.0, 30.0), POLL)
    };
    assert!(of(0.24).is_ok());
    assert!(matches!(of(0.01), Err(Refusal::Stuck { .. })));
}

#[test]
fn a_coarse_counter_stands_between_its_steps_and_does_not_count_as_stuck() {
    // 36 J a step at 7.5 W are 4.8 s.
    let stepped = |at: f64| ((100.0 + 7.5 * at) / 36.0).floor() * 36.0;
    let of = |quantum| {
        let rail = Rail { quantum, ..counter(None) };
        integrate(&sampled(&moments(60.0), stepped), &rail, window(0.0, 60.0), POLL)
    };
    let coarse = of(Some(36.0)).expect("integrated");
    assert!(
        (coarse.joules.expect("covered") - 450.0).abs() <= 36.0 && coarse.flags.contains(&flag::SHORT),
        "{coarse:?}"
    );
    assert!(matches!(of(None), Err(Refusal::Stuck { .. })), "without its step nobody knows");
}

#[test]
fn a_hole_across_a_mark_belongs_to_neither_side_of_a_counter() {
    let energy = |at: f64| 100.0 + if at < 0.0 { 3.0 * at } else { 9.0 * at };
    let without =
        |from: f64, to: f64| -> Vec<f64> { moments(30.0).into_iter().filter(|at| !(from..to).contains(at)).collect() };
    let of = |moments: Vec<f64>| integrate(&sampled(&moments, energy), &counter(None), window(0.0, 30.0), POLL);
    // Interpolated from the idle device's readings it would lose 1 J.
    let short = of(without(-0.5, 0.45)).expect("integrated");
    assert!((short.joules.expect("covered") - 270.0).abs() < 0.1 && short.flags.contains(&flag::EDGE), "{short:?}");
    assert!(matches!(of(without(-0.5, 5.0)), Err(Refusal::Coverage { .. })));
    // Between the marks the counter knows.
    let between = of(without(10.0, 20.0)).expect("integrated");
    assert!(
        (between.joules.expect("covered") - 270.0).abs() < 1.0 && (between.coverage - 1.0).abs() < 1e-9,
        "{between:?}"
    );
}

#[test]
fn a_counter_polled_seldom_is_short_by_its_edges() {
    let every_second: Vec<f64> = (-2..13).map(|number| f64::from(number) + 0.3).collect();
    let rail = Rail { native: Some(Duration::from_millis(1)), gain_error: Some(0.0), ..counter(None) };
    let poll = Duration::from_secs(1);
    let of = |moments: &[f64]| {
        integrate(&sampled(moments, |at| 100.0 + 9.0 * at), &rail, window(0.0, 10.0), poll).expect("integrated")
    };
    let between = of(&every_second);
    assert!(
        between.flags.contains(&flag::SHORT) && between.uncertainty_w.is_some_and(|watts| watts > 0.3),
        "{between:?}"
    );
    // Read at the marks themselves it is as good as the counter.
    let on_marks: Vec<f64> = (-2..13).map(f64::from).collect();
    assert!(!of(&on_marks).flags.contains(&flag::SHORT));
}

#[test]
fn more_than_a_rail_can_carry_is_no_power() {
    let rail = Rail { greatest_w: Some(5.0), ..gauge() };
    let slip = integrate(&sampled(&moments(30.0), steady), &rail, window(0.0, 30.0), POLL);
    assert!(matches!(slip, Err(Refusal::TooMuch { .. })), "{slip:?}");
    // A reset from beyond the half of the range would count as a wrap of some hundred joules in a tenth of a second.
    let rail = Rail { greatest_w: Some(50.0), ..counter(Some(1000.0)) };
    let reset = |at: f64| if at < 15.0 { 600.0 + 7.5 * at } else { 7.5 * (at - 15.0) };
    let found = integrate(&sampled(&moments(30.0), reset), &rail, window(0.0, 30.0), Duration::from_millis(100));
    assert!(matches!(found, Err(Refusal::Reset { .. })), "{found:?}");
}

#[test]
fn a_counter_that_wraps_is_continued_and_one_that_is_reset_is_refused() {
    let range = 262.0;
    let of = |value: &dyn Fn(f64) -> f64, range| {
        integrate(&sampled(&moments(30.0), value), &counter(range), window(0.0, 30.0), POLL)
    };
    let plain = of(&|at| 100.0 + 7.5 * at, Some(range)).expect("integrated");
    assert!(plain.joules.is_some_and(|joules| (joules - 225.0).abs() < 1e-6), "{plain:?}");
    let wrapped = of(&|at| (200.0 + 7.5 * at).rem_euclid(range), Some(range)).expect("integrated");
    assert!(wrapped.joules.is_some_and(|joules| (joules - 225.0).abs() < 1e-6), "{wrapped:?}");
    assert!(wrapped.flags.contains(&flag::WRAPPED));
    let reset = of(&|at| if at < 15.0 { 50.0 + at } else { at - 15.0 }, Some(range));
    assert!(matches!(reset, Err(Refusal::Reset { .. })), "{reset:?}");
    let stuck = of(&|at| 100.0 + 7.5 * at.min(12.0), None);
    assert!(matches!(stuck, Err(Refusal::Stuck { .. })), "{stuck:?}");
}

#[test]
fn a_counter_that_may_have_wrapped_twice_is_refused() {
    let rail = Rail { greatest_w: Some(100.0), ..counter(Some(65.5)) };
    let sparse = integrate(&sampled(&[-1.0, 31.0], |at| 10.0 + at), &rail, window(0.0, 30.0), POLL);
    assert!(matches!(sparse, Err(Refusal::Ambiguous { .. })), "{sparse:?}");
}

#[test]
fn disorder_is_refused() {
    let mut series = sampled(&[0.0, 0.1, 0.2], |_| 1.0);
    series.times_ns.swap(0, 2);
    assert_eq!(integrate(&series, &gauge(), window(0.0, 0.2), POLL), Err(Refusal::Disorder));
    assert_eq!(integrate(&sampled(&[0.0], |_| 1.0), &gauge(), window(1.0, 1.0), POLL), Err(Refusal::EmptyWindow));
}

#[test]
fn uncertainty_grows_with_the_sensors_errors_and_is_unknown_without_them() {
    let varied = |at: f64| 8.0 + 0.5 * (at * 3.0).sin();
    let of = |rail: Rail| {
        integrate(&sampled(&moments(60.0), varied), &rail, window(0.0, 60.0), POLL).expect("integrated").uncertainty_w
    };
    assert_eq!(of(gauge()), None);
    let known = Rail { gain_error: Some(0.0025), offset_error_w: Some(0.04), quantum: Some(0.04), ..gauge() };
    let uncertainty = of(known.clone()).expect("known");
    // 0.25 % of 8 W, 40 mW of offset and 40 mW / sqrt(12) are 46 mW together; block means of a sine add a little.
    assert!((0.045..0.06).contains(&uncertainty), "{uncertainty}");
    assert!(of(Rail { offset_error_w: Some(0.4), ..known }).expect("known") > 0.4);
}

#[test]
fn a_window_too_short_for_its_sensor_says_so() {
    let short =
        integrate(&sampled(&moments(1.0), |at| 7.5 + at), &gauge(), window(0.0, 1.0), POLL).expect("integrated");
    assert!(short.flags.contains(&flag::SHORT), "{short:?}");
    let rail = Rail { native: Some(Duration::from_millis(50)), ..counter(None) };
    let of = |length| integrate(&sampled(&moments(length), |at| 9.0 * at + 90.0), &rail, window(0.0, length), POLL);
    assert!(of(1.0).expect("integrated").flags.contains(&flag::SHORT));
    assert!(!of(10.0).expect("integrated").flags.contains(&flag::SHORT));
}

/// Distinct moments from -1 s to 11 s, none further than 0.25 s from the next.
fn any_moments() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.02_f64..0.25, 100..140).prop_map(|steps| {
        let all = steps.iter().scan(-1.0, |at, step| {
            *at += step;
            Some(*at)
        });
        std::iter::once(-1.0).chain(all).collect()
    })
}

proptest! {
    #[test]
    fn a_constant_gives_power_times_time_whatever_the_jitter(moments in any_moments(), power in 0.5_f64..50.0) {
        // Idle before and after: a constant from the one to the other would be a sensor that stands still.
        let series = sampled(&moments, |at| if (-0.7..=9.6).contains(&at) { power } else { power / 2.0 });
        let found = integrate(&series, &gauge(), window(0.0, 9.0), Duration::from_millis(250)).expect("integrated");
        prop_assert!((found.mean_w / power - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_ramp_is_exact(moments in any_moments(), begin in 1.0_f64..20.0, slope in -0.05_f64..2.0) {
        let series = sampled(&moments, |at| begin + slope * at);
        let found = integrate(&series, &gauge(), window(0.0, 9.0), Duration::from_millis(250));
        if slope.abs() > 1e-6 {
            let expected = begin * 9.0 + slope * 40.5;
            let joules = found.expect("integrated").joules.unwrap_or(expected);
            prop_assert!((joules / expected - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn parts_sum_to_the_whole(moments in any_moments(), split in 1.0_f64..8.0) {
        let series = sampled(&moments, |at| 5.0 + (at * 2.0).sin());
        let of = |begin, end| {
            let found = integrate(&series, &gauge(), window(begin, end), Duration::from_millis(250)).expect("integrated");
            found.joules.expect("covered")
        };
        let (whole, parts) = (of(0.0, 9.0), of(0.0, split) + of(split, 9.0));
        prop_assert!((whole - parts).abs() < 1e-6, "{} and {}", whole, parts);
    }

    #[test]
    fn a_shift_in_time_changes_nothing(moments in any_moments(), shift in -1000_i64..1000) {
        let series = sampled(&moments, |at| 5.0 + (at * 2.0).sin());
        let moved = Series { times_ns: series.times_ns.iter().map(|at| at + shift * 1_000_000).collect(), ..series.clone() };
        let frame = window(0.0, 9.0);
        let moved_frame = Window { begin_ns: frame.begin_ns + shift * 1_000_000, end_ns: frame.end_ns + shift * 1_000_000 };
        let poll = Duration::from_millis(250);
        let (a, b) = (integrate(&series, &gauge(), frame, poll), integrate(&moved, &gauge(), moved_frame, poll));
        prop_assert!((a.expect("integrated").mean_w - b.expect("integrated").mean_w).abs() < 1e-6);
    }

    #[test]
    fn a_duplicate_changes_nothing_and_nan_never_comes_through(moments in any_moments(), at in 0_usize..100) {
        let series = sampled(&moments, |at| 5.0 + (at * 2.0).sin());
        let mut doubled = series.clone();
        doubled.times_ns.insert(at, doubled.times_ns[at]);
        doubled.values.insert(at, f64::NAN);
        doubled.times_ns.insert(at, doubled.times_ns[at]);
        doubled.values.insert(at, doubled.values[at + 1]);
        let of = |series: &Series| integrate(series, &gauge(), window(0.0, 9.0), Duration::from_millis(250));
        prop_assert_eq!(of(&series), of(&doubled));
    }

    #[test]
    fn a_gauge_and_a_counter_of_one_waveform_agree(moments in any_moments()) {
        let power = |at: f64| 6.0 + 2.0 * at.sin();
        let energy = |at: f64| 100.0 + 6.0 * at - 2.0 * at.cos();
        let of = |series: Series, rail: &Rail| {
            let found = integrate(&series, rail, window(0.0, 9.0), Duration::from_millis(250)).expect("integrated");
            found.joules.expect("covered")
        };
        let (by_gauge, by_counter) = (of(sampled(&moments, power), &gauge()), of(sampled(&moments, energy), &counter(None)));
        prop_assert!((by_gauge / by_counter - 1.0).abs() < 0.005, "{} and {}", by_gauge, by_counter);
    }

    #[test]
    fn garbage_never_panics(
        times in prop::collection::vec(any::<i64>(), 0..20),
        values in prop::collection::vec(any::<f64>(), 0..20),
        ends in any::<(i64, i64)>(),
    ) {
        let series = Series { name: String::new(), quantity: Quantity::Power, times_ns: times, values };
        let frame = Window { begin_ns: ends.0, end_ns: ends.1 };
        for rail in [gauge(), counter(Some(10.0)), counter(None)] {
            if let Ok(found) = integrate(&series, &rail, frame, POLL) {
                prop_assert!(found.mean_w.is_finite() && found.coverage.is_finite());
                prop_assert!(found.joules.is_none_or(f64::is_finite));
            }
        }
    }
}

//! How a board cools: Newton's law, with one time constant a board.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Fewer readings, or a smaller fall, show no law.
const READINGS_LEAST: usize = 5;
const FALL_LEAST_C: f64 = 1.0;
/// Weight of a new cool-down against what was known: the surroundings change slowly.
const WEIGHT: f64 = 0.3;
/// Range of readings that are at rest.
const REST_RANGE_C: f64 = 2.0;
/// Time constants of anything that is called a board.
const TIME_CONSTANT_S: RangeInclusive<f64> = 0.5..=3600.0;
/// They are tried 5 % apart, and the best one is then narrowed down to a millionth.
const GRID: u32 = 180;
const THIRDS: u32 = 30;
/// A board that is that close to its ambient temperature is as good as there.
const REACHED_C: f64 = 0.1;

/// What was learnt of one board. Kept by its agent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cooling {
    /// Temperature it falls to, and the time in which the distance falls to 1/e.
    pub ambient_c: f64,
    pub time_constant: Duration,
    /// Cool-downs it was fitted from.
    pub fitted_from: u32,
}

impl Cooling {
    /// Fits one cool-down, `(seconds since its begin, degrees)` in ascending order, into what was known before. `None` if
    /// there is too little to see: fewer than 5 readings, or less than 1 degree of fall.
    pub fn learn(known: Option<Self>, readings: &[(f64, f64)]) -> Option<Self> {
        let (ambient_c, time_constant_s) = fit(readings)?;
        let Some(known) = known else {
            let time_constant = Duration::from_secs_f64(time_constant_s);
            return Some(Self { ambient_c, time_constant, fitted_from: 1 });
        };
        let blend = |old: f64, new: f64| old + WEIGHT * (new - old);
        Some(Self {
            ambient_c: blend(known.ambient_c, ambient_c),
            time_constant: Duration::from_secs_f64(blend(known.time_constant.as_secs_f64(), time_constant_s)),
            fitted_from: known.fitted_from.saturating_add(1),
        })
    }

    /// Time until a board at `now_c` is at `target_c`; zero if it is. `None` if it never will be.
    pub fn wait(&self, now_c: f64, target_c: f64) -> Option<Duration> {
        if now_c <= target_c {
            return Some(Duration::ZERO);
        }
        let (now, target) = (now_c - self.ambient_c, target_c - self.ambient_c);
        if target <= REACHED_C {
            return None;
        }
        Duration::try_from_secs_f64(self.time_constant.as_secs_f64() * (now / target).ln()).ok()
    }
}

/// Ambient temperature and time constant of `T = ambient + rise e^(-t / constant)`, by least squares in degrees: for each time
/// constant the rest is a straight line, so that only one number is searched for. Logarithms would be simpler, and would weigh
/// the last tenths of a degree above everything else.
fn fit(readings: &[(f64, f64)]) -> Option<(f64, f64)> {
    let readings: Vec<(f64, f64)> =
        readings.iter().copied().filter(|(at, t)| at.is_finite() && t.is_finite()).collect();
    let (lowest, highest) =
        readings.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, temperature)| {
            (low.min(*temperature), high.max(*temperature))
        });
    if readings.len() < READINGS_LEAST || highest - lowest < FALL_LEAST_C {
        return None;
    }
    // A board rarely cools to the very end: its ambient may lie as far below the last reading as it fell.
    let ambient = (2.0 * lowest - highest)..=(lowest + FALL_LEAST_C / 2.0);
    let at = |log_s: f64| line(&readings, log_s.exp(), &ambient);
    let residual = |log_s: f64| at(log_s).map_or(f64::INFINITY, |(_, residual)| residual);
    let (first, last) = (TIME_CONSTANT_S.start().ln(), TIME_CONSTANT_S.end().ln());
    let step = (last - first) / f64::from(GRID);
    let grid = (0..=GRID).map(|number| first + f64::from(number) * step);
    let coarse = grid.min_by(|a, b| residual(*a).total_cmp(&residual(*b)))?;
    let (mut low, mut high) = ((coarse - step).max(first), (coarse + step).min(last));
    for _ in 0..THIRDS {
        let third = (high - low) / 3.0;
        if residual(low + third) <= residual(high - third) { high -= third } else { low += third }
    }
    let log_s = f64::midpoint(low, high);
    at(log_s).map(|(ambient_c, _)| (ambient_c, log_s.exp()))
}

/// Ambient temperature within its bounds, and the sum of squared residuals in degrees, for one time constant. `None` of a board
/// that does not fall.
fn line(readings: &[(f64, f64)], constant_s: f64, ambient: &RangeInclusive<f64>) -> Option<(f64, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "at most some hundred readings")]
    let count = readings.len() as f64;
    let begin = readings.first()?.0;
    let points = || readings.iter().map(|(at, temperature)| ((-(at - begin) / constant_s).exp(), *temperature));
    let mean_x = points().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = points().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = points().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let free = mean_y - covariance / variance * mean_x;
    if !free.is_finite() {
        return None;
    }
    let ambient_c = free.clamp(*ambient.start(), *ambient.end());
    let rise = points().map(|(x, y)| x * (y - ambient_c)).sum::<f64>() / points().map(|(x, _)| x * x).sum::<f64>();
    let residual: f64 = points().map(|(x, y)| (y - ambient_c - rise * x).powi(2)).sum();
    (covariance > 0.0 && rise > 0.0 && residual.is_finite()).then_some((ambient_c, residual))
}

/// Temperature of rest: the median of readings one second apart, if they are at rest, which is to say that their range is at
/// most 2 degrees.
pub fn reference(readings_c: &[f64]) -> Option<f64> {
    let finite: Vec<f64> = readings_c.iter().copied().filter(|reading| reading.is_finite()).collect();
    let (lowest, highest) = finite
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    if highest - lowest > REST_RANGE_C { None } else { stats::median(&finite) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cool_down(from: f64, ambient: f64, constant: f64, seconds: u32, step_c: f64) -> Vec<(f64, f64)> {
        let at = |second: u32| ambient + (from - ambient) * (-f64::from(second) / constant).exp();
        let rounded = |value: f64| if step_c > 0.0 { (value / step_c).round() * step_c } else { value };
        (0..seconds).map(|second| (f64::from(second), rounded(at(second)))).collect()
    }

    #[test]
    fn a_cool_down_gives_its_time_constant() {
        let learnt = Cooling::learn(None, &cool_down(80.0, 40.0, 60.0, 180, 0.0)).expect("learnt");
        assert!((learnt.time_constant.as_secs_f64() / 60.0 - 1.0).abs() < 0.1, "{learnt:?}");
        // 40 K above ambient to 4 K above takes ln(10) time constants.
        let wait = learnt.wait(80.0, 44.0).expect("reached").as_secs_f64();
        assert!((wait / (60.0 * 10.0_f64.ln()) - 1.0).abs() < 0.15, "{wait} s");
    }

    #[test]
    fn a_thermometer_of_half_degrees_is_good_enough() {
        let learnt = Cooling::learn(None, &cool_down(70.0, 42.0, 45.0, 120, 0.5)).expect("learnt");
        assert!((learnt.time_constant.as_secs_f64() / 45.0 - 1.0).abs() < 0.3, "{learnt:?}");
    }

    #[test]
    fn there_must_be_something_to_see() {
        assert_eq!(Cooling::learn(None, &[]), None);
        assert_eq!(Cooling::learn(None, &cool_down(40.5, 40.0, 60.0, 100, 0.0)), None, "half a degree is noise");
        let rising: Vec<(f64, f64)> = (0..50_u32).map(|second| (f64::from(second), 40.0 + f64::from(second))).collect();
        assert_eq!(Cooling::learn(None, &rising), None);
    }

    #[test]
    fn a_new_cool_down_moves_what_was_known_a_little() {
        let first = Cooling::learn(None, &cool_down(80.0, 40.0, 60.0, 180, 0.0)).expect("learnt");
        let second = Cooling::learn(Some(first), &cool_down(80.0, 40.0, 120.0, 360, 0.0)).expect("learnt");
        assert!(second.time_constant > first.time_constant && second.time_constant < Duration::from_secs(90));
        assert_eq!(second.fitted_from, 2);
    }

    #[test]
    fn a_target_below_the_surroundings_is_never_reached() {
        let cooling = Cooling { ambient_c: 40.0, time_constant: Duration::from_mins(1), fitted_from: 1 };
        assert_eq!(cooling.wait(50.0, 39.0), None);
        assert_eq!(cooling.wait(38.0, 39.0), Some(Duration::ZERO));
        assert_eq!((cooling.wait(f64::INFINITY, 45.0), cooling.wait(f64::NAN, 45.0)), (None, None));
    }

    #[test]
    fn the_temperature_of_rest_is_a_median_of_a_board_at_rest() {
        assert_eq!(reference(&[41.0, 41.5, 41.0, 42.0, 41.0]), Some(41.0));
        assert_eq!(reference(&[41.0, 44.0, 41.0]), None, "not at rest");
        assert_eq!(reference(&[f64::NAN]), None);
        assert_eq!(reference(&[]), None);
    }

    proptest! {
        #[test]
        fn the_wait_of_an_exact_board_is_foretold(
            ambient in 20.0_f64..50.0, rise in 8.0_f64..60.0, constant in 3.0_f64..200.0,
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test")]
            let seconds = (constant * 3.0) as u32 + 8;
            let readings = cool_down(ambient + rise, ambient, constant, seconds, 0.0);
            let learnt = Cooling::learn(None, &readings).expect("learnt");
            let wait = learnt.wait(ambient + rise, ambient + rise / 4.0).expect("reached").as_secs_f64();
            let exact = constant * 4.0_f64.ln();
            prop_assert!((wait / exact - 1.0).abs() < 0.01, "{} s instead of {} s", wait, exact);
        }
    }
}

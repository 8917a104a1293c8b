//! From one rail's readings to the energy of a window. Pure: what is missing stays missing, and nothing is filled in.

mod counter;
mod gauge;
#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::energy::flag;
use domain::{Rail, RailKind, Series, Window};

/// Least share of a window that readings must cover for joules, and for a mean power that is worth showing.
pub const COVERAGE_JOULES: f64 = 0.98;
pub const COVERAGE_MEAN: f64 = 0.90;
/// Relative error at which a window counts as too short for its sensor.
const SHORT_AT: f64 = 0.01;
/// Standard deviation of a uniformly distributed edge on both sides: sqrt(2/12).
const EDGE_SIGMA: f64 = 0.41;
/// Windows of a gauge that a measurement must span, so that what its first and last one smear does not count.
const WINDOWS_LEAST: f64 = 20.0;
/// A value that never changes over so many polls, and so many of the sensor's own periods, belongs to a sensor that stands
/// still; unless it is of so few steps that a small load may not move it.
const STUCK_POLLS: f64 = 20.0;
const STUCK_PERIODS: f64 = 5.0;
const STUCK_STEPS: f64 = 3.0;
/// A counter that stands still for longer while the device works.
const STUCK_COUNTER_S: f64 = 2.0;
/// Periods without a reading that make a gap, and the least gap whatever the period: a thread may be put aside for that long.
const GAP_PERIODS: f64 = 3.0;
const GAP_LEAST_S: f64 = 0.1;

/// The energy of one rail over one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Integral {
    /// Watts over the covered time.
    pub mean_w: f64,
    /// `None`: too little is covered to speak of the whole window.
    pub joules: Option<f64>,
    /// Share (0..1) of the window that readings cover.
    pub coverage: f64,
    /// Readings within the window.
    pub readings: u64,
    /// Words of [`domain::energy::flag`].
    pub flags: Vec<&'static str>,
    /// Standard uncertainty of `mean_w` in watts, from the sensor's data sheet, its step, the edges and the scatter of block
    /// means; `None` = the sensor's errors are not known.
    pub uncertainty_w: Option<f64>,
}

/// Why there is no energy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no reading around measuring")]
    NoReadings,
    #[error("measuring has no length")]
    EmptyWindow,
    #[error("the readings are not in the order of time")]
    Disorder,
    #[error(
        "readings cover {} of measuring, at least {} are needed",
        domain::units::percent(*coverage),
        domain::units::percent(COVERAGE_MEAN)
    )]
    Coverage { coverage: f64 },
    #[error("the sensor stood still at {value:.3} W or J for {seconds:.1} s while the device worked")]
    Stuck { value: f64, seconds: f64 },
    #[error("the counter fell from {from:.3} J to {to:.3} J: it was reset")]
    Reset { from: f64, to: f64 },
    #[error(
        "{seconds:.1} s without a reading are enough for the counter to wrap more than once (limit {limit_s:.1} s)"
    )]
    Ambiguous { seconds: f64, limit_s: f64 },
    #[error(
        "{} on average are more than the {} that this rail can carry: most likely another unit",
        domain::units::watts(*mean_w),
        domain::units::watts(*greatest_w)
    )]
    TooMuch { mean_w: f64, greatest_w: f64 },
    #[error("readings cover {} of measuring, joules need {}", domain::units::percent(*coverage), domain::units::percent(COVERAGE_JOULES))]
    Partial { coverage: f64 },
}

/// Readings in seconds since measuring began, without duplicates and without what is not finite.
#[derive(Debug, Clone, PartialEq)]
struct Readings {
    at_s: Vec<f64>,
    values: Vec<f64>,
}

/// The window, and the time between two readings one may expect.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the unit comes last")]
struct Frame {
    begin_s: f64,
    end_s: f64,
    /// The slower one of the poll and the sensor's own period.
    period_s: f64,
}

impl Frame {
    fn length_s(&self) -> f64 {
        self.end_s - self.begin_s
    }

    /// A longer time without a reading is a gap. The rule of three periods holds for every rate: a floor of seconds, as some
    /// tools have, would hide twenty lost readings of a fast sensor.
    fn gap_s(&self) -> f64 {
        (GAP_PERIODS * self.period_s).max(GAP_LEAST_S)
    }
}

impl Integral {
    /// The joules, or why the mean power does not speak of the whole window.
    pub fn energy(&self) -> Result<f64, Refusal> {
        self.joules.ok_or(Refusal::Partial { coverage: self.coverage })
    }
}

/// Integrates one series over `window`, in which the device works; `poll` is the time between two polls.
pub fn integrate(series: &Series, rail: &Rail, window: Window, poll: Duration) -> Result<Integral, Refusal> {
    inspect(series, rail, window, poll, true)
}

/// As [`integrate`], over a window in which nothing need change: an idle device's.
pub fn integrate_idle(series: &Series, rail: &Rail, window: Window, poll: Duration) -> Result<Integral, Refusal> {
    inspect(series, rail, window, poll, false)
}

fn inspect(series: &Series, rail: &Rail, window: Window, poll: Duration, works: bool) -> Result<Integral, Refusal> {
    let native_s = rail.native.map_or(0.0, |native| native.as_secs_f64());
    let frame = Frame {
        begin_s: seconds(window.begin_ns),
        end_s: seconds(window.end_ns),
        period_s: poll.as_secs_f64().max(native_s),
    };
    if frame.length_s() <= 0.0 {
        return Err(Refusal::EmptyWindow);
    }
    let mut readings = Readings::of(series)?;
    let integral = match rail.kind {
        RailKind::Gauge { window } => {
            let averaged_s = window.map_or(0.0, |window| window.as_secs_f64());
            // A trailing mean tells of the middle of its window.
            readings.at_s.iter_mut().for_each(|at| *at -= averaged_s / 2.0);
            if works {
                gauge::stuck(&readings, rail, &frame, poll.as_secs_f64())?;
            }
            gauge::integrate(&readings, rail, &frame, averaged_s)
        }
        RailKind::Counter { range_j } => counter::integrate(&readings, rail, &frame, range_j, works),
    }?;
    match rail.greatest_w {
        Some(greatest_w) if integral.mean_w > greatest_w => {
            Err(Refusal::TooMuch { mean_w: integral.mean_w, greatest_w })
        }
        // The readings of a broken sensor may add up to more than a number holds.
        _ if !integral.mean_w.is_finite() || !integral.joules.unwrap_or(0.0).is_finite() => Err(Refusal::NoReadings),
        _ => Ok(integral),
    }
}

impl Readings {
    fn of(series: &Series) -> Result<Self, Refusal> {
        if series.times_ns.len() != series.values.len() || !series.times_ns.is_sorted() {
            return Err(Refusal::Disorder);
        }
        let (mut at_s, mut values) = (Vec::with_capacity(series.values.len()), Vec::with_capacity(series.values.len()));
        let mut last = None;
        for (&at_ns, &value) in series.times_ns.iter().zip(&series.values) {
            if value.is_finite() && last != Some(at_ns) {
                at_s.push(seconds(at_ns));
                values.push(value);
                last = Some(at_ns);
            }
        }
        if values.is_empty() { Err(Refusal::NoReadings) } else { Ok(Self { at_s, values }) }
    }

    fn within(&self, frame: &Frame) -> std::ops::Range<usize> {
        let begin = self.at_s.partition_point(|&at| at < frame.begin_s);
        let end = self.at_s.partition_point(|&at| at <= frame.end_s);
        begin..end.max(begin)
    }
}

/// Of energy and covered time, as far as the coverage allows. Power and coverage are what the flags and uncertainty of both
/// kinds are told of.
fn conclude(
    energy_j: f64,
    covered_s: f64,
    frame: &Frame,
    readings: usize,
    mut flags: Vec<&'static str>,
) -> Result<Integral, Refusal> {
    let coverage = (covered_s / frame.length_s()).min(1.0);
    if coverage < COVERAGE_MEAN || covered_s <= 0.0 {
        return Err(if coverage > 0.0 { Refusal::Coverage { coverage } } else { Refusal::NoReadings });
    }
    let mean_w = energy_j / covered_s;
    if coverage < COVERAGE_JOULES {
        flags.push(flag::GAPS);
    }
    let joules = (coverage >= COVERAGE_JOULES).then(|| mean_w * frame.length_s());
    Ok(Integral { mean_w, joules, coverage, readings: readings as u64, flags, uncertainty_w: None })
}

/// Square root of the sum of squares.
fn combined(parts: &[f64]) -> f64 {
    parts.iter().map(|part| part * part).sum::<f64>().sqrt()
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run are below 2^53")]
fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

//! Energy counters: the difference between the window's end and its begin, whatever lies between.

use domain::Rail;
use domain::energy::flag;

use super::{
    EDGE_SIGMA, Frame, Integral, Readings, Refusal, SHORT_AT, STUCK_COUNTER_S, STUCK_PERIODS, STUCK_STEPS, combined,
    conclude,
};

pub(super) fn integrate(
    readings: &Readings,
    rail: &Rail,
    frame: &Frame,
    range_j: Option<f64>,
    works: bool,
) -> Result<Integral, Refusal> {
    let (unwrapped, wrapped) = unwrap(readings, rail, range_j)?;
    let native_s = rail.native.map_or(0.0, |native| native.as_secs_f64());
    if works {
        stuck(readings, &unwrapped, rail, frame)?;
    }
    let at = &readings.at_s;
    let (Some(&first), Some(&last)) = (at.first(), at.last()) else { return Err(Refusal::NoReadings) };
    // Between the first and the last reading the counter knows everything; beyond them nothing is known. Nor is it where a gap
    // lies across a mark: how much of its energy belongs to which side is anybody's guess.
    let (mut begin, mut end) = (frame.begin_s.max(first), frame.end_s.min(last));
    let ((before_begin, after_begin), (before_end, after_end)) = (around(at, begin), around(at, end));
    if after_begin - before_begin > frame.gap_s() {
        begin = after_begin;
    }
    if after_end - before_end > frame.gap_s() {
        end = before_end;
    }
    // The load begins and ends anywhere between two readings, or between two steps of the counter.
    let edge_s = native_s.max(after_begin - before_begin).max(after_end - before_end).min(frame.gap_s());
    if begin >= end {
        return Err(Refusal::NoReadings);
    }
    let energy_j = value_at(at, &unwrapped, end) - value_at(at, &unwrapped, begin);
    let (mut energy_j, mut covered_s) = (energy_j, end - begin);
    let mut flags = Vec::new();
    let missing = (frame.length_s() - covered_s).max(0.0);
    if missing > 0.0 {
        let held = missing.min(frame.period_s);
        energy_j += energy_j / covered_s * held;
        covered_s += held;
        flags.push(flag::EDGE);
    }
    if wrapped {
        flags.push(flag::WRAPPED);
    }
    let mean_w = energy_j / covered_s;
    let step_j = rail.quantum.unwrap_or(0.0);
    let needed_s = (EDGE_SIGMA * edge_s / SHORT_AT).max(if mean_w > 0.0 { step_j / (SHORT_AT * mean_w) } else { 0.0 });
    if frame.length_s() < needed_s {
        flags.push(flag::SHORT);
    }
    let mut integral = conclude(energy_j, covered_s, frame, readings.within(frame).len(), flags)?;
    let length_s = frame.length_s();
    integral.uncertainty_w = rail.gain_error.map(|gain| {
        combined(&[
            gain * mean_w,
            rail.offset_error_w.unwrap_or(0.0),
            // Two readings, each off by up to a step.
            step_j * (2.0 / 12.0_f64).sqrt() / length_s,
            EDGE_SIGMA * edge_s * mean_w / length_s,
        ])
    });
    Ok(integral)
}

/// The counter as if it never wrapped, and whether it did. One wrap between two readings is told from a reset by where it
/// came from: a counter wraps near its end, and no further beyond it than the rail can carry (over a second at least, since a
/// counter of a few steps a second is early or late by one).
fn unwrap(readings: &Readings, rail: &Rail, range_j: Option<f64>) -> Result<(Vec<f64>, bool), Refusal> {
    let (mut unwrapped, mut carried, mut wrapped) = (Vec::with_capacity(readings.values.len()), 0.0, false);
    for (index, &value) in readings.values.iter().enumerate() {
        if let Some(before) = index.checked_sub(1) {
            let from = readings.values[before];
            let elapsed = readings.at_s[index] - readings.at_s[before];
            if let (Some(range), Some(greatest)) = (range_j, rail.greatest_w)
                && elapsed * greatest > range
            {
                return Err(Refusal::Ambiguous { seconds: elapsed, limit_s: range / greatest });
            }
            if value < from {
                let possible = |range: f64| {
                    from > range / 2.0
                        && rail.greatest_w.is_none_or(|greatest| range - from + value <= greatest * elapsed.max(1.0))
                };
                match range_j {
                    Some(range) if possible(range) => {
                        carried += range;
                        wrapped = true;
                    }
                    _ => return Err(Refusal::Reset { from, to: value }),
                }
            }
        }
        unwrapped.push(value + carried);
    }
    Ok((unwrapped, wrapped))
}

/// A counter that stands still while the device works counts nothing; one of coarse steps stands still between them.
fn stuck(readings: &Readings, unwrapped: &[f64], rail: &Rail, frame: &Frame) -> Result<(), Refusal> {
    let within = readings.within(frame);
    let native_s = rail.native.map_or(0.0, |native| native.as_secs_f64());
    let (first, last) = (within.start, within.end.saturating_sub(1).max(within.start));
    let counted = unwrapped.get(last).zip(unwrapped.get(first)).map_or(0.0, |(last, first)| last - first);
    let step_s = match rail.quantum {
        Some(quantum) if counted > 0.0 => quantum / counted * (readings.at_s[last] - readings.at_s[first]),
        _ => 0.0,
    };
    let limit_s = STUCK_COUNTER_S.max(STUCK_PERIODS * native_s).max(STUCK_STEPS * step_s);
    let mut since = within.start;
    for index in within {
        if unwrapped[index] > unwrapped[since] {
            since = index;
        }
        let seconds = readings.at_s[index] - readings.at_s[since];
        if seconds > limit_s {
            return Err(Refusal::Stuck { value: readings.values[index], seconds });
        }
    }
    Ok(())
}

/// The times of the readings around a moment between the first and the last; the same twice if one was taken just then.
fn around(at: &[f64], moment: f64) -> (f64, f64) {
    let after = at.partition_point(|&at| at < moment).min(at.len() - 1);
    if at[after] <= moment { (at[after], at[after]) } else { (at[after.saturating_sub(1)], at[after]) }
}

/// By linear interpolation between the readings around it.
fn value_at(at: &[f64], values: &[f64], moment: f64) -> f64 {
    let after = at.partition_point(|&at| at < moment).min(at.len() - 1);
    let before = after.saturating_sub(1);
    let span = at[after] - at[before];
    if span <= 0.0 {
        return values[after];
    }
    values[before] + (values[after] - values[before]) * ((moment - at[before]) / span).clamp(0.0, 1.0)
}

//! Power readings: the trapezoidal rule between neighbours, edges by linear interpolation, gaps left out.

use domain::Rail;
use domain::energy::flag;

use super::{
    EDGE_SIGMA, Frame, Integral, Readings, Refusal, SHORT_AT, STUCK_PERIODS, STUCK_POLLS, STUCK_STEPS, WINDOWS_LEAST,
    combined, conclude,
};

/// Blocks over which the scatter is looked at: shorter ones are not independent of each other.
const BLOCK_S: f64 = 10.0;

/// A sensor that showed one value, to the last bit, on both sides of a change of load.
///
/// A value that repeats itself while the load does not change proves nothing: a steady load and a coarse step look the same. But
/// a trace begins on the idle device, and it ends there if it goes on for long enough. A sensor that froze while measuring and
/// thawed before its end is not found.
pub(super) fn stuck(readings: &Readings, rail: &Rail, frame: &Frame, poll_s: f64) -> Result<(), Refusal> {
    let (at, values) = (&readings.at_s, &readings.values);
    let native_s = rail.native.map_or(0.0, |native| native.as_secs_f64());
    let limit_s = (STUCK_POLLS * poll_s).max(STUCK_PERIODS * native_s);
    let (Some(&first), Some(&last)) = (at.first(), at.last()) else { return Ok(()) };
    let same = |one: &f64, other: f64| one.to_bits() == other.to_bits();
    let from_begin = values.iter().take_while(|value| same(value, values[0])).count();
    let to_end = values.len() - values.iter().rev().take_while(|value| same(value, values[values.len() - 1])).count();
    let upto = readings.within(frame).end;
    let since_idle = from_begin >= upto && first < frame.begin_s;
    let into_idle = at[to_end] + limit_s < frame.end_s && last > frame.end_s + limit_s;
    let (value, seconds) = if since_idle {
        (values[0], at[..upto].last().map_or(0.0, |last| last - first))
    } else if into_idle {
        (values[to_end], frame.end_s - at[to_end].max(frame.begin_s))
    } else {
        return Ok(());
    };
    // One step of a small rail is what a little load more or less does not change, and a part that is switched off shows 0.
    let small = value.abs() <= STUCK_STEPS * rail.quantum.unwrap_or(0.0);
    if seconds > limit_s && !small { Err(Refusal::Stuck { value, seconds }) } else { Ok(()) }
}

pub(super) fn integrate(readings: &Readings, rail: &Rail, frame: &Frame, averaged_s: f64) -> Result<Integral, Refusal> {
    let (at, values) = (&readings.at_s, &readings.values);
    let (mut energy_j, mut covered_s) = (0.0, 0.0);
    let mut flags = Vec::new();
    for index in 1..at.len() {
        let (from, to) = (at[index - 1], at[index]);
        let (begin, end) = (from.max(frame.begin_s), to.min(frame.end_s));
        if begin >= end || to - from > frame.gap_s() {
            continue;
        }
        let power =
            |moment: f64| values[index - 1] + (values[index] - values[index - 1]) * (moment - from) / (to - from);
        energy_j += f64::midpoint(power(begin), power(end)) * (end - begin);
        covered_s += end - begin;
    }
    // Beyond the first and the last reading their power is taken to hold, for one period at most.
    let within = readings.within(frame);
    for (reading, edge) in [(at.first().zip(values.first()), true), (at.last().zip(values.last()), false)] {
        let Some((&at, &power)) = reading else { continue };
        let missing = if edge { at - frame.begin_s } else { frame.end_s - at };
        if missing > 0.0 && missing < frame.length_s() {
            let held = missing.min(frame.period_s);
            energy_j += power * held;
            covered_s += held;
            flags.push(flag::EDGE);
        }
    }
    flags.dedup();
    let edge_s = averaged_s.max(frame.period_s);
    let shortest_s = (WINDOWS_LEAST * averaged_s).max(EDGE_SIGMA * edge_s / SHORT_AT);
    if frame.length_s() < shortest_s {
        flags.push(flag::SHORT);
    }
    let mut integral = conclude(energy_j, covered_s, frame, within.len(), flags)?;
    integral.uncertainty_w = rail.gain_error.map(|gain| {
        combined(&[
            gain * integral.mean_w,
            rail.offset_error_w.unwrap_or(0.0),
            // A step is the same on every reading of a steady load: a bias, which more readings do not take away.
            rail.quantum.unwrap_or(0.0) / 12.0_f64.sqrt(),
            // The load begins and ends anywhere between two readings, or within what one of them averages over.
            EDGE_SIGMA * edge_s / frame.length_s() * integral.mean_w,
            scatter(&at[within.clone()], &values[within.clone()]),
        ])
    });
    Ok(integral)
}

/// Standard error of the mean from the means of blocks of 10 s; of a shorter window from the readings themselves, which
/// follow each other too closely for that and are counted as four times fewer.
fn scatter(at_s: &[f64], values: &[f64]) -> f64 {
    let Some(&begin) = at_s.first() else { return 0.0 };
    let mut blocks: Vec<(f64, u32)> = Vec::new();
    for (at, value) in at_s.iter().zip(values) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of blocks")]
        let block = ((at - begin) / BLOCK_S) as usize;
        blocks.resize(blocks.len().max(block + 1), (0.0, 0));
        blocks[block].0 += value;
        blocks[block].1 += 1;
    }
    let means: Vec<f64> =
        blocks.iter().filter(|(_, count)| *count > 0).map(|(sum, count)| sum / f64::from(*count)).collect();
    let error = |values: &[f64], worth: f64| {
        #[expect(clippy::cast_precision_loss, reason = "a count of readings")]
        let count = values.len() as f64 / worth;
        stats::standard_deviation(values).map_or(0.0, |deviation| deviation / count.max(1.0).sqrt())
    };
    if means.len() >= 3 { error(&means, 1.0) } else { error(values, 4.0) }
}

//! Operators that join, cut and pad.

use super::axes::{position, replaced, sum};
use super::number::{length, of_length, whole};
use super::{Call, Length, Lengths, MOST_AXES, MOST_NUMBERS, Numbers, Value};

pub(super) fn concat(call: &Call) -> Option<Vec<Value>> {
    let first = call.dims(0)?;
    let axis = call.axis(1, first.len())?;
    let mut dims = first.to_vec();
    for input in 1..call.inputs.len() {
        let other = call.dims(input)?;
        if other.len() != dims.len() {
            return None;
        }
        for (known, other) in dims.iter_mut().zip(other).enumerate().filter(|(at, _)| *at != axis).map(|(_, pair)| pair)
        {
            *known = known.or(*other);
        }
    }
    dims[axis] = sum((0..call.inputs.len()).map(|input| call.dims(input).and_then(|dims| dims[axis])));
    let numbers =
        (dims.len() == 1 && dims[0].is_some_and(|length| length <= MOST_NUMBERS)).then(|| joined(call)).flatten();
    Some(vec![Value::of(call.element(0), dims).with_numbers(numbers)])
}

/// The inputs' numbers one after the other; those of an unknown list of known length are unknown one by one.
fn joined(call: &Call) -> Option<Numbers> {
    let mut numbers = Vec::new();
    for input in 0..call.inputs.len() {
        match call.numbers(input) {
            Some(some) => numbers.extend_from_slice(some),
            None => numbers.resize(numbers.len() + usize::try_from(call.dims(input)?[0]?).ok()?, None),
        }
    }
    call.computes.then(|| numbers.into())
}

pub(super) fn split(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let axis = call.axis(0, dims.len())?;
    let parts: Lengths = if call.has_ints_or_input("split", 1) {
        let parts = call.ints_or_input("split", 1)?;
        parts.iter().map(|&part| u64::try_from(part).ok()).collect()
    } else {
        let count = call.int("num_outputs").map_or(Some(call.outputs as u64), |count| u64::try_from(count).ok())?;
        equal_parts(dims[axis], count).take(call.outputs).collect()
    };
    let mut start = Some(0_u64);
    let mut outputs = Vec::new();
    for &part in parts.iter().take(call.outputs) {
        let numbers = call.numbers(0).filter(|_| dims.len() == 1).and_then(|numbers| {
            let start = usize::try_from(start?).ok()?;
            Some(numbers.get(start..start.checked_add(usize::try_from(part?).ok()?)?)?.into())
        });
        outputs.push(Value::of(call.element(0), replaced(dims, axis, part)).with_numbers(numbers));
        start = sum([start, part]);
    }
    Some(outputs)
}

/// All as long as the first, but for the last.
fn equal_parts(length: Length, count: u64) -> impl Iterator<Item = Length> {
    let part = length.filter(|_| count > 0).map(|length| length.div_ceil(count));
    (0..count).map(move |at| Some(part?.min(length?.saturating_sub(part?.saturating_mul(at)))))
}

/// Start, end and step along one axis.
struct Range {
    axis: usize,
    start: Option<f64>,
    end: Option<f64>,
    step: Option<f64>,
}

pub(super) fn slice(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let Some(ranges) = ranges(call, dims.len()) else {
        return Some(call.one(vec![None; dims.len()]));
    };
    let mut sliced = dims.to_vec();
    let mut picked = None;
    for Range { axis, start, end, step } in ranges {
        let indices =
            start.zip(end).zip(step).and_then(|((start, end), step)| Indices::of(dims[axis]?, start, end, step));
        sliced[axis] = indices.as_ref().map(|indices| indices.count);
        picked = indices;
    }
    let numbers = call.numbers(0).filter(|_| dims.len() == 1).zip(picked);
    let numbers =
        numbers.and_then(|(numbers, indices)| indices.positions().map(|at| numbers.get(at).copied()).collect());
    Some(vec![Value::of(call.element(0), sliced).with_numbers(numbers)])
}

fn ranges(call: &Call, rank: usize) -> Option<Vec<Range>> {
    let list = |name: &str, input: usize| -> Option<Vec<Option<f64>>> {
        match call.ints(name) {
            Some(ints) => Some(ints.iter().map(|&int| Some(super::number::approximately(int))).collect()),
            None => call.numbers(input).map(|numbers| numbers.to_vec()),
        }
    };
    let (starts, ends) = (list("starts", 1)?, list("ends", 2)?);
    let count = starts.len();
    let axes = if call.has_ints_or_input("axes", 3) {
        call.ints_or_input("axes", 3)?.iter().map(|&axis| position(axis, rank)).collect::<Option<Vec<_>>>()?
    } else {
        (0..count).collect()
    };
    let steps = if call.has(4) { list("steps", 4)? } else { vec![Some(1.0); count] };
    let fits = ends.len() == count && axes.len() == count && steps.len() == count && count <= MOST_AXES;
    (fits && axes.iter().all(|axis| *axis < rank)).then_some(())?;
    let range = |at: usize| Range { axis: axes[at], start: starts[at], end: ends[at], step: steps[at] };
    Some((0..count).map(range).collect())
}

/// Which elements of an axis a slice takes.
struct Indices {
    start: i64,
    step: i64,
    count: u64,
}

impl Indices {
    /// As numpy does: negative places are counted from the end, and what lies outside is clamped.
    fn of(length: u64, start: f64, end: f64, step: f64) -> Option<Self> {
        let length = i64::try_from(length).ok().filter(|length| *length <= 1 << 48)?;
        let step = whole(step).filter(|step| *step != 0)?;
        let place = |number: f64| {
            Some(match whole(number)? {
                place if place < 0 => place.saturating_add(length),
                place => place,
            })
        };
        let (start, end) = (place(start)?, place(end)?);
        let (start, end) = if step > 0 {
            (start.clamp(0, length), end.clamp(0, length))
        } else {
            (start.clamp(-1, length - 1), end.clamp(-1, length - 1))
        };
        let distance = if step > 0 { end - start } else { start - end };
        let count = u64::try_from(distance).unwrap_or(0).div_ceil(step.unsigned_abs());
        Some(Self { start, step, count })
    }

    fn positions(&self) -> impl Iterator<Item = usize> {
        let Self { start, step, count } = *self;
        let at = move |turn: u64| i64::try_from(turn).ok()?.checked_mul(step)?.checked_add(start);
        // What is no place at all is one behind every list.
        (0..count).map(move |turn| at(turn).and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX))
    }
}

pub(super) fn pad(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let rank = dims.len();
    let name = if call.attributes.get("paddings").is_some() { "paddings" } else { "pads" };
    let Some(pads) = call.ints_or_input(name, 1) else { return Some(call.one(vec![None; rank])) };
    let axes = if call.has(3) {
        let axes = call.whole_numbers(3)?;
        (axes.len() <= rank).then_some(())?;
        axes.iter().map(|&axis| position(axis, rank)).collect::<Option<Vec<_>>>()?
    } else {
        (0..rank).collect()
    };
    (pads.len() == 2 * axes.len()).then_some(())?;
    let mut padded = dims.to_vec();
    for (at, &axis) in axes.iter().enumerate() {
        let (before, after) = (pads[at], pads[at + axes.len()]);
        padded[axis] = dims[axis].and_then(|length| length.checked_add_signed(before)?.checked_add_signed(after));
    }
    Some(call.one(padded))
}

/// The largest elements along an axis, and where they are.
pub(super) fn top_k(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let axis = call.axis(-1, dims.len())?;
    let count = match call.int("k") {
        Some(k) => u64::try_from(k).ok(),
        None => call.number(1).and_then(length),
    };
    let dims = replaced(dims, axis, count);
    Some(vec![Value::of(call.element(0), dims.clone()), Value::of(crate::element::ElementType::INT64, dims)])
}

/// Lengths as a list of numbers.
pub(super) fn lengths_as_numbers(dims: &[Length]) -> Numbers {
    dims.iter().map(|length| length.map(of_length)).collect()
}

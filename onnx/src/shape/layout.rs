//! Operators that give the same elements another shape or order.

use super::axes::{position, positions, product};
use super::elementwise::stretched;
use super::number::length;
use super::{Call, Length, Lengths, MOST_AXES, MOST_NUMBERS, Numbers, Value, elements};

/// With the first input's numbers in the same order.
fn same_numbers(call: &Call, dims: Lengths) -> Vec<Value> {
    vec![Value::of(call.element(0), dims).with_numbers(call.numbers(0).cloned())]
}

pub(super) fn reshape(call: &Call) -> Option<Vec<Value>> {
    let input = call.dims(0);
    let target: Vec<Option<i64>> = match call.ints("shape") {
        Some(shape) => shape.iter().copied().map(Some).collect(),
        None => match call.numbers(1) {
            Some(numbers) => numbers.iter().map(|number| super::number::whole((*number)?)).collect(),
            // The shape is computed from what is unknown, but how many axes there will be may be known.
            None => return Some(call.one(vec![None; rank_of_list(call, 1)?])),
        },
    };
    if target.len() > MOST_AXES {
        return None;
    }
    let keeps_zero = call.flag("allowzero");
    let mut dims: Lengths = target
        .iter()
        .enumerate()
        .map(|(axis, &length)| match length? {
            0 if !keeps_zero => input?.get(axis).copied().flatten(),
            length => u64::try_from(length).ok(),
        })
        .collect();
    if let [rest] = unknown_axes(&dims)[..] {
        dims[rest] = input.and_then(|input| rest_length(input, &dims));
    }
    Some(same_numbers(call, dims))
}

fn unknown_axes(dims: &[Length]) -> Vec<usize> {
    (0..dims.len()).filter(|&axis| dims[axis].is_none()).collect()
}

/// The length of the only unknown axis: what the others leave of the elements.
fn rest_length(input: &[Length], dims: &[Length]) -> Length {
    let known: Lengths = dims.iter().copied().flatten().map(Some).collect();
    let (all, others) = (product(input)?, product(&known)?);
    all.checked_div(others).filter(|rest| rest * others == all)
}

/// How many numbers a list of unknown ones has.
fn rank_of_list(call: &Call, input: usize) -> Option<usize> {
    let [length] = call.dims_of(input)?;
    usize::try_from(length?).ok().filter(|rank| *rank <= MOST_AXES)
}

pub(super) fn flatten(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    // Here alone an axis may lie behind the last.
    let axis = match call.int("axis").unwrap_or(1) {
        axis if usize::try_from(axis) == Ok(dims.len()) => dims.len(),
        axis => position(axis, dims.len())?,
    };
    let (rows, columns) = dims.split_at(axis);
    Some(same_numbers(call, vec![product(rows), product(columns)]))
}

pub(super) fn squeeze(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let axes = if call.has_ints_or_input("axes", 1) {
        positions(&call.ints_or_input("axes", 1)?, dims.len())?
    } else {
        // All of length one: every length must be known for that.
        let lengths: Vec<u64> = dims.iter().copied().collect::<Option<_>>()?;
        (0..dims.len()).filter(|&axis| lengths[axis] == 1).collect()
    };
    Some(same_numbers(call, (0..dims.len()).filter(|axis| !axes.contains(axis)).map(|axis| dims[axis]).collect()))
}

pub(super) fn unsqueeze(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let axes = call.ints_or_input("axes", 1)?;
    let rank = dims.len() + axes.len();
    let axes = positions(&axes, rank)?;
    let mut rest = dims.iter().copied();
    let dims =
        (0..rank).map(|axis| if axes.contains(&axis) { Some(Some(1)) } else { rest.next() }).collect::<Option<_>>()?;
    Some(same_numbers(call, dims))
}

pub(super) fn transpose(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let order: Vec<usize> = match call.ints("perm") {
        Some(order) if order.len() == dims.len() => {
            order.iter().map(|&axis| position(axis, dims.len())).collect::<Option<_>>()?
        }
        Some(_) => return None,
        None => (0..dims.len()).rev().collect(),
    };
    let moved: Lengths = order.iter().map(|&axis| dims[axis]).collect();
    // Lists of numbers lie along one axis; wherever that goes, their order stays.
    let is_list = dims.iter().filter(|&&length| length != Some(1)).count() <= 1;
    let numbers = call.numbers(0).filter(|_| is_list).cloned();
    Some(vec![Value::of(call.element(0), moved).with_numbers(numbers)])
}

pub(super) fn expand(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let target: Lengths = match call.numbers(1) {
        Some(numbers) if numbers.len() <= MOST_AXES => numbers.iter().map(|number| length((*number)?)).collect(),
        Some(_) => return None,
        None => vec![None; rank_of_list(call, 1)?],
    };
    let dims = super::axes::broadcast(dims, &target)?;
    let numbers = stretched(call, 0, &dims);
    Some(vec![Value::of(call.element(0), dims).with_numbers(numbers)])
}

pub(super) fn tile(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let Some(repeats) = call.numbers(1).filter(|repeats| repeats.len() == dims.len()) else {
        return Some(call.one(vec![None; dims.len()]));
    };
    let tiled = dims.iter().zip(repeats.iter()).map(|(&dim, &times)| dim?.checked_mul(length(times?)?));
    let tiled: Lengths = tiled.collect();
    let numbers = call.numbers(0).filter(|_| dims.len() == 1).and_then(|numbers| {
        let count = elements(&tiled).filter(|count| *count <= MOST_NUMBERS)?;
        (!numbers.is_empty())
            .then(|| numbers.iter().copied().cycle().take(usize::try_from(count).unwrap_or(0)).collect::<Numbers>())
    });
    Some(vec![Value::of(call.element(0), tiled).with_numbers(numbers)])
}

/// Channels to a square of `blocksize` pixels, or the other way round.
pub(super) fn depth_and_space(call: &Call, to_space: bool) -> Option<Vec<Value>> {
    let [n, c, h, w] = call.dims_of(0)?;
    let block = u64::try_from(call.int("blocksize")?).ok().filter(|block| *block > 0)?;
    let square = block.checked_mul(block)?;
    let grown = |length: Length, by: u64| length.and_then(|length| length.checked_mul(by));
    let shrunk = |length: Length, by: u64| length.map(|length| length / by);
    Some(call.one(if to_space {
        vec![n, shrunk(c, square), grown(h, block), grown(w, block)]
    } else {
        vec![n, grown(c, square), shrunk(h, block), shrunk(w, block)]
    }))
}

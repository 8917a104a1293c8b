//! Operators that make one element of many.

use super::axes::{position, positions};
use super::{Call, Lengths, MOST_NUMBERS, Numbers, Value};
use crate::element::ElementType;

pub(super) fn reduce(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let keeps = call.int("keepdims") != Some(0);
    let axes = if call.has_ints_or_input("axes", 1) {
        match call.ints_or_input("axes", 1) {
            Some(axes) if axes.is_empty() => all_or_none(call, dims.len()),
            Some(axes) => positions(&axes, dims.len())?,
            // Which axes is unknown; with `keepdims` at least their number stays.
            None => return keeps.then(|| call.one(vec![None; dims.len()])),
        }
    } else {
        all_or_none(call, dims.len())
    };
    let reduced: Lengths = (0..dims.len())
        .filter_map(|axis| if axes.contains(&axis) { keeps.then_some(Some(1)) } else { Some(dims[axis]) })
        .collect();
    let numbers = (axes.len() == dims.len()).then(|| total(call)).flatten();
    Some(vec![Value::of(call.element(0), reduced).with_numbers(numbers)])
}

/// No axes mean all of them, unless the operator is told that they mean none.
fn all_or_none(call: &Call, rank: usize) -> Vec<usize> {
    if call.flag("noop_with_empty_axes") { Vec::new() } else { (0..rank).collect() }
}

/// All numbers of a short list in one.
fn total(call: &Call) -> Option<Numbers> {
    let numbers: Vec<f64> = call.numbers(0)?.iter().copied().collect::<Option<_>>()?;
    let numbers = numbers.into_iter();
    let total = match call.operator.as_str() {
        "ReduceSum" => numbers.sum(),
        "ReduceProd" => numbers.product(),
        "ReduceMax" => numbers.reduce(f64::max)?,
        "ReduceMin" => numbers.reduce(f64::min)?,
        _ => return None,
    };
    Some([super::number::held(call.element(0), total)].into())
}

/// The place of the largest or smallest element along an axis.
pub(super) fn place(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let axis = position(call.int("axis").unwrap_or(0), dims.len())?;
    let mut dims = dims.to_vec();
    if call.int("keepdims") == Some(0) {
        dims.remove(axis);
    } else {
        dims[axis] = Some(1);
    }
    Some(vec![Value::of(ElementType::INT64, dims)])
}

/// Sums so far along an axis.
pub(super) fn running_sum(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let plain = dims.len() == 1 && !call.flag("exclusive") && !call.flag("reverse");
    let numbers = call.numbers(0).filter(|numbers| plain && numbers.len() as u64 <= MOST_NUMBERS).map(|numbers| {
        let mut sum = Some(0.0);
        numbers
            .iter()
            .map(|&number| {
                sum = sum.zip(number).map(|(sum, number)| sum + number);
                sum
            })
            .collect::<Numbers>()
    });
    Some(vec![Value::of(call.element(0), dims.to_vec()).with_numbers(numbers)])
}

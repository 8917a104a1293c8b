//! Operators that pick elements by their places.

use super::axes::replaced;
use super::number::whole;
use super::{Call, Length, Lengths, MOST_AXES, MOST_NUMBERS, Numbers, Value};
use crate::element::ElementType;

pub(super) fn gather(call: &Call) -> Option<Vec<Value>> {
    let (data, indices) = (call.dims(0)?, call.dims(1)?);
    let axis = call.axis(0, data.len())?;
    let dims = [&data[..axis], indices, &data[axis + 1..]].concat();
    let numbers = (data.len() == 1).then(|| picked(call)).flatten();
    Some(vec![Value::of(call.element(0), dims).with_numbers(numbers)])
}

fn picked(call: &Call) -> Option<Numbers> {
    let (list, indices) = (call.numbers(0)?, call.numbers(1)?);
    let length = i64::try_from(list.len()).ok()?;
    let pick = |index: Option<f64>| {
        let index = whole(index?)?;
        let index = if index < 0 { index.checked_add(length)? } else { index };
        *list.get(usize::try_from(index).ok()?)?
    };
    Some(indices.iter().map(|&index| pick(index)).collect())
}

pub(super) fn gather_nd(call: &Call) -> Option<Vec<Value>> {
    let (data, indices) = (call.dims(0)?, call.dims(1)?);
    let (&depth, batch_and_places) = indices.split_last()?;
    let batched = usize::try_from(call.int("batch_dims").unwrap_or(0)).ok()?;
    let rest = data.get(usize::try_from(depth?).ok()?.checked_add(batched)?..)?;
    Some(call.one([batch_and_places, rest].concat()))
}

pub(super) fn gather_elements(call: &Call) -> Option<Vec<Value>> {
    Some(call.one(call.dims(1)?.to_vec()))
}

/// A row of classes for each index.
pub(super) fn one_hot(call: &Call) -> Option<Vec<Value>> {
    let indices = call.dims(0)?;
    let depth = call.number(1).and_then(super::number::length);
    let axis = call.axis(-1, indices.len() + 1)?;
    let (before, after) = indices.split_at(axis);
    Some(call.typed_as(2, [before, &[depth], after].concat()))
}

/// Places of the elements that are not zero; how many there are depends on values.
pub(super) fn non_zero(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let rank = dims.len() as u64;
    let places = (dims.len() == 1).then(|| places(call)).flatten();
    let count: Length = places.as_ref().map(|places| places.len() as u64);
    Some(vec![Value::of(ElementType::INT64, vec![Some(rank), count]).with_numbers(places)])
}

fn places(call: &Call) -> Option<Numbers> {
    let numbers: Vec<f64> = call.numbers(0)?.iter().copied().collect::<Option<_>>()?;
    let places = (0_u32..).zip(numbers).filter(|(_, number)| *number != 0.0);
    Some(places.map(|(place, _)| Some(f64::from(place))).collect())
}

/// As many as a condition selects.
pub(super) fn compress(call: &Call) -> Option<Vec<Value>> {
    if call.attributes.get("axis").is_none() {
        return Some(call.one(vec![None]));
    }
    let dims = call.dims(0)?;
    Some(call.one(replaced(dims, call.axis(0, dims.len())?, None)))
}

/// Numbers at given places of a short list replaced by others.
pub(super) fn scatter_nd(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?.to_vec();
    let numbers = || {
        let mut list = call.numbers(0)?.to_vec();
        let (places, updates) = (call.whole_numbers(1)?, call.numbers(2)?);
        (dims.len() == 1 && places.len() == updates.len() && call.text("reduction").is_none_or(|kind| kind == "none"))
            .then_some(())?;
        for (place, update) in places.into_iter().zip(updates.iter()) {
            let place = super::axes::position(place, list.len())?;
            list[place] = *update;
        }
        Some(list.into())
    };
    let numbers = numbers();
    Some(vec![Value::of(call.element(0), dims).with_numbers(numbers)])
}

/// The lengths that a list of numbers means, as long as a shape may be.
pub(super) fn as_lengths(numbers: &Numbers) -> Option<Lengths> {
    (numbers.len() <= MOST_AXES).then(|| numbers.iter().map(|number| super::number::length((*number)?)).collect())
}

/// So many times the same number.
pub(super) fn repeated(number: Option<f64>, count: Option<u64>) -> Option<Numbers> {
    let count = count.filter(|count| *count <= MOST_NUMBERS)?;
    Some((0..count).map(|_| number).collect())
}

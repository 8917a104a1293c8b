//! Operators that make values of their own: constants, shapes, ranges.

use super::gather::{as_lengths, repeated};
use super::number::{approximately, held, length, of_length};
use super::parts::lengths_as_numbers;
use super::{Call, Length, MOST_NUMBERS, Numbers, Value, elements};
use crate::element::ElementType;
use crate::format::read::Tensor;

pub(super) fn constant(call: &Call) -> Option<Vec<Value>> {
    let value = if let Some(tensor) = call.tensor("value") {
        Value::from(tensor)
    } else if let Some(int) = call.int("value_int") {
        scalar(ElementType::INT64, approximately(int))
    } else if let Some(ints) = call.ints("value_ints") {
        Value::list(ElementType::INT64, ints.iter().map(|&int| Some(approximately(int))).collect::<Numbers>())
    } else if let Some(float) = call.attributes.get("value_float") {
        scalar(ElementType::FLOAT32, f64::from(float.f))
    } else if let Some(floats) = call.floats("value_floats") {
        Value::list(ElementType::FLOAT32, floats.iter().map(|&float| Some(f64::from(float))).collect::<Numbers>())
    } else {
        let sparse = call.attributes.get("sparse_value")?.sparse_tensor.as_deref()?;
        let dims = sparse.dims.all()?.iter().map(|&length| u64::try_from(length).ok()).collect();
        Value::of(sparse.values.as_deref()?.element(), dims)
    };
    Some(vec![value])
}

fn scalar(element: ElementType, number: f64) -> Value {
    Value::of(element, Vec::new()).with_numbers(Some([Some(number)].into()))
}

pub(super) fn shape(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let rank = i64::try_from(dims.len()).ok()?;
    let place = |name: &str, default: i64| {
        let place = call.int(name).unwrap_or(default);
        let place = if place < 0 { place.saturating_add(rank) } else { place };
        usize::try_from(place.clamp(0, rank)).ok()
    };
    let (start, end) = (place("start", 0)?, place("end", rank)?);
    Some(vec![Value::list(ElementType::INT64, lengths_as_numbers(dims.get(start..end.max(start))?))])
}

pub(super) fn size(call: &Call) -> Option<Vec<Value>> {
    let numbers: Numbers = [elements(call.dims(0)?).map(of_length)].into();
    Some(vec![Value::of(ElementType::INT64, Vec::new()).with_numbers(Some(numbers))])
}

pub(super) fn constant_of_shape(call: &Call) -> Option<Vec<Value>> {
    let dims = as_lengths(call.numbers(0)?)?;
    let fill = call.tensor("value");
    let element = fill.map_or(ElementType::FLOAT32, Tensor::element);
    let number = fill.map_or(Some(0.0), |fill| fill.numbers()?.first().copied());
    let numbers = repeated(number, elements(&dims));
    Some(vec![Value::of(element, dims).with_numbers(numbers)])
}

pub(super) fn range(call: &Call) -> Vec<Value> {
    let element = call.element(0);
    let [Some(start), Some(limit), Some(step)] = [0, 1, 2].map(|input| call.number(input)) else {
        return call.one(vec![None]);
    };
    let count = length(((limit - start) / step).ceil().max(0.0));
    let places = count.filter(|count| *count <= MOST_NUMBERS);
    let number = |place: u64| held(element, start + step * of_length(place));
    let numbers = places.map(|count| (0..count).map(number).collect());
    vec![Value::of(element, vec![count]).with_numbers(numbers)]
}

/// Random numbers and identity matrices: an attribute tells the type, and an input or an attribute the shape.
pub(super) fn filled(call: &Call) -> Option<Vec<Value>> {
    let declared = call.int("dtype").and_then(|number| i32::try_from(number).ok()).map(ElementType::of_number);
    if call.operator.ends_with("Like") || call.operator == "Bernoulli" {
        return Some(vec![Value::of(declared.unwrap_or(call.element(0)), call.dims(0)?.to_vec())]);
    }
    let dims = call.ints("shape")?.iter().map(|&length| u64::try_from(length).ok()).collect();
    Some(vec![Value::of(declared.unwrap_or(ElementType::FLOAT32), dims)])
}

/// As many numbers as one says, e.g. of a window that a signal is seen through.
pub(super) fn window(call: &Call) -> Vec<Value> {
    let size: Length = call.number(0).and_then(length);
    let element = call.int("output_datatype").and_then(|number| i32::try_from(number).ok());
    vec![Value::of(element.map_or(ElementType::FLOAT32, ElementType::of_number), vec![size])]
}

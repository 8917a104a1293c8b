//! Types of elements and declarations of inputs, in the runner's words and in `ort`'s.

use ort::value::{TensorElementType, ValueType};

use super::RuntimeError;
use crate::runner::input::{Axis, Element, InputSpec};

/// What can be fed; an error for everything else.
pub(super) fn input_spec(name: &str, value: &ValueType) -> Result<InputSpec, RuntimeError> {
    let unfit = || RuntimeError::Input { name: name.to_owned(), found: describe(value) };
    let ValueType::Tensor { ty, shape, dimension_symbols } = value else { return Err(unfit()) };
    let symbols = dimension_symbols.iter().map(Some).chain(std::iter::repeat(None));
    let axes = shape.iter().zip(symbols).map(|(&length, symbol)| {
        if length >= 0 { Axis::Fixed(length) } else { Axis::Symbol(symbol.cloned().unwrap_or_default()) }
    });
    Ok(InputSpec { name: name.to_owned(), element: element(*ty).ok_or_else(unfit)?, axes: axes.collect() })
}

/// What can't be fed, in words of ONNX's.
fn describe(value: &ValueType) -> String {
    match value {
        ValueType::Tensor { ty, .. } => format!("a tensor of type {}", ty.to_string().to_lowercase()),
        ValueType::Sequence(_) => "a sequence".to_owned(),
        ValueType::Map { .. } => "a map".to_owned(),
        ValueType::Optional(_) => "an optional value".to_owned(),
    }
}

/// The types that can be fed; strings, complex and sub-byte numbers can't.
pub(super) fn element(element: TensorElementType) -> Option<Element> {
    Some(match element {
        TensorElementType::Float32 => Element::Float32,
        TensorElementType::Float64 => Element::Float64,
        TensorElementType::Float16 => Element::Float16,
        TensorElementType::Bfloat16 => Element::Bfloat16,
        TensorElementType::Int8 => Element::Int8,
        TensorElementType::Int16 => Element::Int16,
        TensorElementType::Int32 => Element::Int32,
        TensorElementType::Int64 => Element::Int64,
        TensorElementType::Uint8 => Element::Uint8,
        TensorElementType::Uint16 => Element::Uint16,
        TensorElementType::Uint32 => Element::Uint32,
        TensorElementType::Uint64 => Element::Uint64,
        TensorElementType::Bool => Element::Bool,
        _ => return None,
    })
}

/// The other way round, for tensors that are made.
pub(super) const fn element_type(element: Element) -> TensorElementType {
    match element {
        Element::Float32 => TensorElementType::Float32,
        Element::Float64 => TensorElementType::Float64,
        Element::Float16 => TensorElementType::Float16,
        Element::Bfloat16 => TensorElementType::Bfloat16,
        Element::Int8 => TensorElementType::Int8,
        Element::Int16 => TensorElementType::Int16,
        Element::Int32 => TensorElementType::Int32,
        Element::Int64 => TensorElementType::Int64,
        Element::Uint8 => TensorElementType::Uint8,
        Element::Uint16 => TensorElementType::Uint16,
        Element::Uint32 => TensorElementType::Uint32,
        Element::Uint64 => TensorElementType::Uint64,
        Element::Bool => TensorElementType::Bool,
    }
}

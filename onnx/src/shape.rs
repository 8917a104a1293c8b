//! What can be known of a graph's values without running it: types, lengths of axes, and the numbers of the short lists
//! with which exporters compute shapes.
//!
//! Follows the operators' definitions (onnx/onnx, docs/Operators.md; onnxruntime, docs/ContribOperators.md) and decides
//! nothing about work: see [`cost`](crate::cost()). Partial knowledge is kept: an axis may have no length while its
//! neighbours have one, and a list may lack single numbers. Whatever a file says, what is not known is said to be unknown.

mod axes;
mod call;
mod elementwise;
mod fused;
mod gather;
mod generate;
mod infer;
mod layout;
mod number;
mod parts;
mod product;
mod recurrent;
mod reduce;
mod resize;
mod window;

use std::rc::Rc;

pub(crate) use self::call::{Attributes, Call};
pub(crate) use self::elementwise::{Elementwise, elementwise};
pub(crate) use self::fused::{Attention, attends};
pub(crate) use self::infer::infer;
pub(crate) use self::number::length;
pub(crate) use self::product::{einsum_lengths, gemm_depth, matmul_depth};
pub(crate) use self::recurrent::{Recurrence, recurrence};
use crate::element::ElementType;
use crate::format::read::{Axis, Tensor, TensorType};

/// The length of an axis, if it is known.
pub(crate) type Length = Option<u64>;
/// The lengths of all axes.
pub(crate) type Lengths = Vec<Length>;
/// The elements of a short list, each if it is known.
pub(crate) type Numbers = Rc<[Option<f64>]>;

/// Longer lists are not computed with: a shape has a few numbers, a table of positions some hundred.
pub(crate) const MOST_NUMBERS: u64 = 4096;
/// Tensors have eight axes at most; runtimes refuse a few more.
pub(crate) const MOST_AXES: usize = 32;
/// 2^48: more elements than any memory holds, and far from what overflows.
const MOST_ELEMENTS: u64 = 1 << 48;

/// What is known of a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Value {
    pub(crate) element: ElementType,
    /// Nothing if even the number of axes is unknown, or if it is no tensor.
    pub(crate) dims: Option<Lengths>,
    /// As many as the tensor has elements.
    pub(crate) numbers: Option<Numbers>,
}

impl Value {
    pub(crate) fn unknown() -> Self {
        Self::default()
    }

    pub(crate) fn of(element: ElementType, dims: Lengths) -> Self {
        Self { element, dims: (dims.len() <= MOST_AXES).then_some(dims), numbers: None }
    }

    /// A list whose numbers are known at least in part.
    pub(crate) fn list(element: ElementType, numbers: impl Into<Numbers>) -> Self {
        let numbers = numbers.into();
        Self { numbers: Some(numbers.clone()), ..Self::of(element, vec![Some(numbers.len() as u64)]) }
    }

    pub(crate) fn with_numbers(self, numbers: Option<Numbers>) -> Self {
        let fits = |numbers: &Numbers| self.elements() == Some(numbers.len() as u64);
        Self { numbers: numbers.filter(fits), ..self }
    }

    /// How many elements it has; nothing if an axis is unknown, or for more than any memory holds.
    pub(crate) fn elements(&self) -> Option<u64> {
        elements(self.dims.as_deref()?)
    }

    /// Its size in memory; text, of which nobody knows the size, counts nothing.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let elements = self.elements()?;
        Some(self.element.bytes(elements).unwrap_or(0))
    }
}

impl From<&Tensor<'_>> for Value {
    fn from(tensor: &Tensor) -> Self {
        let Some(lengths) = tensor.lengths() else { return Self { element: tensor.element(), ..Self::unknown() } };
        let numbers = tensor.numbers().map(|numbers| numbers.into_iter().map(Some).collect());
        Self::of(tensor.element(), lengths.into_iter().map(Some).collect()).with_numbers(numbers)
    }
}

/// The product of lengths, see [`Value::elements`].
pub(crate) fn elements(dims: &[Length]) -> Option<u64> {
    let product = dims.iter().try_fold(1_u64, |product, &length| product.checked_mul(length?))?;
    (product <= MOST_ELEMENTS).then_some(product)
}

/// What a file declares of a value, with lengths for its named axes.
pub(crate) fn declared(tensor: &TensorType, length_of: impl Fn(&str) -> Length) -> Value {
    let element = ElementType::of_number(tensor.element);
    let Some(shape) = &tensor.shape else { return Value { element, ..Value::unknown() } };
    if shape.axes.len() > MOST_AXES {
        return Value { element, ..Value::unknown() };
    }
    let length = |axis: &Axis| match axis {
        Axis::Length(length) => u64::try_from(*length).ok(),
        Axis::Symbol(symbol) => length_of(symbol),
        Axis::Anonymous => None,
    };
    Value::of(element, shape.axes.iter().map(length).collect())
}

#[cfg(test)]
mod tests;

//! Inputs and outputs, as the file declares them.

use std::collections::HashSet;
use std::fmt;

use crate::element::ElementType;
use crate::format::read::{self, Axis, TensorType, Type};
use crate::graph::Dim;

/// Name, type and shape of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueInfo {
    pub name: String,
    /// e.g. `int64[batch,sequence]`; `?` for an axis without length and name.
    pub tensor: String,
    /// Nothing for what is not a tensor: sequences, maps, optionals.
    pub element: Option<ElementType>,
    /// The axes of a tensor; nothing if even their number is unknown.
    pub dims: Option<Vec<Dim>>,
}

impl fmt::Display for ValueInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.tensor)
    }
}

impl From<&read::ValueInfo<'_>> for ValueInfo {
    fn from(value: &read::ValueInfo) -> Self {
        let kind = value.kind.as_deref();
        let tensor = kind.and_then(|kind| kind.tensor.as_deref());
        Self {
            name: value.name.to_owned(),
            tensor: kind.and_then(describe_type).unwrap_or_else(|| "not a tensor".to_owned()),
            element: tensor.map(|tensor| ElementType::of_number(tensor.element)),
            dims: tensor.and_then(|tensor| Some(tensor.shape.as_deref()?.axes.iter().map(Dim::from).collect())),
        }
    }
}

impl From<&Axis<'_>> for Dim {
    fn from(axis: &Axis) -> Self {
        match axis {
            Axis::Length(length) => Self::Fixed(*length),
            Axis::Symbol("") | Axis::Anonymous => Self::Anonymous,
            Axis::Symbol(symbol) => Self::Symbol((*symbol).to_owned()),
        }
    }
}

/// Names of axes, each once and in order of mention.
pub(super) fn free_axes(inputs: &[ValueInfo]) -> Vec<String> {
    let mut known = HashSet::new();
    let symbols = inputs.iter().flat_map(|input| input.dims.iter().flatten()).filter_map(|dim| match dim {
        Dim::Symbol(symbol) => Some(symbol),
        Dim::Fixed(_) | Dim::Anonymous => None,
    });
    symbols.filter(|symbol| known.insert(*symbol)).cloned().collect()
}

fn describe_type(kind: &Type) -> Option<String> {
    let mut kind = kind;
    let mut text = String::new();
    while let Some(sequence) = &kind.sequence {
        text.push_str("sequence of ");
        kind = sequence.element.as_deref()?;
    }
    describe_tensor(kind.tensor.as_deref()?, &mut text);
    Some(text)
}

fn describe_tensor(tensor: &TensorType, text: &mut String) {
    text.push_str(ElementType::of_number(tensor.element).name());
    let Some(shape) = &tensor.shape else { return text.push_str("[..]") };
    let axes = shape.axes.iter().map(|axis| match Dim::from(axis) {
        Dim::Fixed(length) => length.to_string(),
        Dim::Symbol(symbol) => symbol,
        Dim::Anonymous => "?".to_owned(),
    });
    text.push('[');
    text.push_str(&axes.collect::<Vec<_>>().join(","));
    text.push(']');
}

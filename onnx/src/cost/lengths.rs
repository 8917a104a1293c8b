//! Lengths for the axes that a model leaves open.

use std::collections::BTreeMap;

use super::CostError;
use crate::format::read::ValueInfo;
use crate::graph::Dim;
use crate::inspect;
use crate::shape::{Value, declared};

/// What the inputs are to be. Names that a model doesn't have are ignored, so that one set serves several models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lengths {
    /// A length for each named axis, by its name; `batch` is one like any other.
    pub dims: BTreeMap<String, u64>,
    /// A whole shape, by the input's name; it goes before [`Lengths::dims`].
    pub shapes: BTreeMap<String, Vec<u64>>,
}

impl Lengths {
    pub(super) fn of_axis(&self, symbol: &str) -> Option<u64> {
        self.dims.get(symbol).copied()
    }

    /// What an input of the model is; unknown if it is no tensor.
    pub(super) fn bind(&self, input: &ValueInfo) -> Result<Value, CostError> {
        let Some(tensor) = input.kind.as_ref().and_then(|kind| kind.tensor.as_deref()) else {
            return Ok(Value::unknown());
        };
        let value = declared(tensor, |symbol| self.of_axis(symbol));
        if let Some(given) = self.shapes.get(input.name) {
            // Named axes don't bind a whole shape: only what the model itself fixes has to agree.
            let fixed = declared(tensor, |_| None);
            let agrees = fixed.dims.as_ref().is_none_or(|dims| {
                dims.len() == given.len()
                    && dims.iter().zip(given).all(|(dim, given)| dim.is_none_or(|dim| dim == *given))
            });
            return if agrees {
                Ok(Value::of(value.element, given.iter().copied().map(Some).collect()))
            } else {
                let declared = inspect::ValueInfo::from(input).tensor;
                Err(CostError::WrongShape { input: input.name.to_owned(), given: given.clone(), declared })
            };
        }
        let Some(dims) = &value.dims else {
            return Err(CostError::NoShape { input: input.name.to_owned(), open: "number of axes" });
        };
        match dims.iter().position(Option::is_none) {
            None => Ok(value),
            Some(axis) => Err(missing(input, axis)),
        }
    }
}

fn missing(input: &ValueInfo, axis: usize) -> CostError {
    let name = input.name.to_owned();
    match inspect::ValueInfo::from(input).dims.and_then(|mut dims| dims.drain(..).nth(axis)) {
        Some(Dim::Symbol(axis)) => CostError::NoLength { input: name, axis },
        _ => CostError::NoShape { input: name, open: "axes without names" },
    }
}

//! What a model costs by its file alone: multiplications, operations and bytes, operator by operator, for inputs of given
//! lengths.
//!
//! Shapes come from [`shape`](crate::shape), work from formulas; nothing runs. One multiply-accumulate (MAC) is two
//! operations (FLOP). Conventions, an element being one of the output where nothing else is said:
//!
//! - products of matrices and convolutions: 2 FLOP a MAC, biases not counted;
//! - Softmax 5 an element, normalizations of layers and groups 8, GELU in one operator 8, batch normalization 2;
//! - what works element by element: 1, a GELU in parts therefore as many as it has parts;
//! - pooling and reductions: 1 an input element; interpolation by lines 7, by cubes 31;
//! - quantizing and the way back 1, quantizing by the values at hand 3: their smallest, their largest, and the scaling;
//! - recurrent layers: their products, and 1 a gate; attention in one operator: its products, and its Softmax;
//! - what only moves or converts: 0.
//!
//! Whole-number arithmetic, which is that of quantized operators, is counted apart as integer operations. A quantized model
//! that is written with `QuantizeLinear` and `DequantizeLinear` around float operators counts as what is written, although a
//! runtime may fuse them.
//!
//! Of an If the branch counts that a constant condition says, else the first; of a Loop or Scan one turn: how many there are
//! depends on values. A function of the model counts wherever it is called. What isn't understood counts nothing and is listed.

mod budget;
mod control;
mod formula;
mod lengths;
mod order;
mod scope;
mod tally;
mod walk;

use std::collections::BTreeMap;

pub use self::lengths::Lengths;
use crate::inspect::{InspectError, open};

/// Work and traffic of one inference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cost {
    /// Multiply-accumulates of floating point products.
    pub macs: u64,
    /// Floating point operations, at least two for each MAC.
    pub flops: u64,
    /// Operations on whole numbers, two for each multiply-accumulate.
    pub integer_ops: u64,
    /// Memory traffic if nothing between input and output ever left the caches: every weight, input and output once.
    pub bytes_lower: u64,
    /// Memory traffic if every operator read all its inputs from memory and wrote all its outputs there, views included.
    pub bytes_upper: u64,
    /// How many operators there are, those of the bodies that count included.
    pub nodes: u64,
    /// How often each operator was not counted, because there is no formula for it or its shapes can't be told.
    pub uncovered: BTreeMap<String, u32>,
    /// How often a branch or a single turn was counted for an operator whose course depends on values.
    pub assumed: BTreeMap<String, u32>,
    /// The counted operators, those with the most operations first.
    pub nodes_by_cost: Vec<NodeCost>,
    /// The counted operators by kind.
    pub by_operator: BTreeMap<String, OperatorCost>,
}

impl Cost {
    /// How many operators were counted.
    pub fn covered(&self) -> u64 {
        self.nodes - self.uncovered.values().copied().map(u64::from).sum::<u64>()
    }
}

/// Work and traffic of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCost {
    /// As the file has it, perhaps empty; cut after 128 characters.
    pub name: String,
    /// `Operator`, or `domain.Operator` if not standard.
    pub operator: String,
    pub macs: u64,
    pub flops: u64,
    pub integer_ops: u64,
    /// Its inputs and outputs, each once.
    pub bytes: u64,
}

/// Sum over all operators of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OperatorCost {
    pub nodes: u64,
    pub macs: u64,
    pub flops: u64,
    pub integer_ops: u64,
    pub bytes: u64,
}

/// Why there are no costs.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(
        "the length of axis `{axis}` of input `{input}` is not given\nhint: name a length for every free axis of the model's inputs"
    )]
    NoLength { input: String, axis: String },
    #[error(
        "the shape of input `{input}` is not given, and the model leaves open its {open}\nhint: name a whole shape for it"
    )]
    NoShape { input: String, open: &'static str },
    #[error("input `{input}` can't have the shape {given:?}: the model says {declared}")]
    WrongShape { input: String, given: Vec<u64>, declared: String },
}

/// Counts the work of a model from the bytes of its file. Whatever the bytes are, time and memory are bounded.
pub fn cost(bytes: &[u8], lengths: &Lengths) -> Result<Cost, CostError> {
    walk::count(&open(bytes)?, lengths)
}

#[cfg(test)]
mod tests;

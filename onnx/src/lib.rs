//! Reads and writes the part of the ONNX format that Furlong needs: small graphs for tests and benchmarks, and a look at a
//! model's inputs, outputs and operators.
//!
//! It executes nothing and never interprets weights: that is the runtime's work.

mod format;
mod graph;
mod inspect;
pub mod samples;

pub use graph::{Attribute, DataType, Dim, Graph, Node, Tensor};
pub use inspect::{InspectError, Inspection, ValueInfo, inspect};

//! Reads and writes the part of the ONNX format that Furlong needs: small graphs for tests and benchmarks, and a look at a
//! model's inputs, outputs, operators and side files.
//!
//! It executes nothing and never interprets weights: that is the runtime's work.

mod confine;
mod format;
mod graph;
mod inspect;
pub mod samples;
mod tensor;

pub use confine::confined;
pub use graph::{Attribute, Dim, Graph, Node};
pub use inspect::{InspectError, Inspection, ValueInfo, check_size, inspect};
pub use tensor::{DataType, Tensor};

//! Reads and writes the part of the ONNX format that Furlong needs: graphs for tests, benchmarks and the zoo, a look at a
//! model's inputs, outputs, operators and side files, and what one inference costs in operations and bytes.
//!
//! It executes nothing and never interprets weights: that is the runtime's work. Whatever a file's bytes are, looking at it
//! takes bounded time and memory.

mod confine;
mod cost;
mod element;
mod format;
mod graph;
mod inspect;
pub mod samples;
mod shape;
mod tensor;

pub use confine::confined;
pub use cost::{Cost, CostError, Lengths, NodeCost, OperatorCost, cost};
pub use element::ElementType;
pub use format::read::wire::FormatError;
pub use graph::{Attribute, Dim, Graph, Node};
pub use inspect::{InspectError, Inspection, ValueInfo, check_size, inspect};
pub use tensor::{DataType, Tensor};

//! The architectures of the survey as ONNX graphs: their published shapes, written by our own writer, with random or
//! trained weights.
//!
//! It executes nothing and fetches nothing. Random weights are for latency, memory and energy: a model with them predicts
//! noise, and its accuracy must be reported as not applicable.

mod architectures;
mod error;
mod net;
mod random;
mod text;
mod vision;
mod weights;

pub use architectures::{Architecture, Axis, Input, Published, Task, architecture, architectures, build};
pub use error::BuildError;
pub use net::Built;
pub use weights::{Safetensors, Source, Weights};

//! Ready-made models for tests and benchmarks: one that does almost nothing, one that works, and the unusual ones.
//!
//! Every model of [`odd()`] runs, every model of [`refused()`] must be turned away with a clear error, and [faulty] has those
//! that load and then misbehave.

pub mod faulty;
mod odd;
mod refused;
mod shapes;

pub use faulty::{endless_loop, huge_allocation, large_allocation, unknown_operator};
pub use odd::{Odd, odd};
pub use refused::{Refused, refused};
pub use shapes::shapes;

use crate::{DataType, Graph, Node, Tensor};

/// `y = x + x` on `n` floats: almost nothing, so that what remains is the cost of the call.
pub fn add(n: i64) -> Vec<u8> {
    Graph::new("add")
        .input("x", DataType::Float, [n])
        .output("y", DataType::Float, [n])
        .node(Node::new("Add", &["x", "x"], &["y"]))
        .to_model()
}

/// `y = x * w` on square matrices of `n` rows: 2 n^3 floating point operations.
pub fn matmul(n: i64) -> Vec<u8> {
    let count = usize::try_from(n * n).unwrap_or(0);
    // Any values do; these have no zeros and no denormals, which some kernels treat apart.
    let weights: Vec<f32> = [0.5, -0.25, 0.125].into_iter().cycle().take(count).collect();
    Graph::new("matmul")
        .input("x", DataType::Float, [n, n])
        .output("y", DataType::Float, [n, n])
        .initializer("w", Tensor::of_f32(&[n, n], &weights))
        .node(Node::new("MatMul", &["x", "w"], &["y"]))
        .to_model()
}

/// `y = max(x, 0)` on any number of rows of eight floats.
pub fn dynamic_batch() -> Vec<u8> {
    let dims = || [crate::Dim::from("batch"), crate::Dim::from(8)];
    Graph::new("dynamic_batch")
        .input("x", DataType::Float, dims())
        .output("y", DataType::Float, dims())
        .node(Node::new("Relu", &["x"], &["y"]))
        .to_model()
}

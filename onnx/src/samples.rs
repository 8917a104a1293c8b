//! Ready-made models for tests and benchmarks: one that does almost nothing, one that works, and three that misbehave.

use crate::{Attribute, DataType, Graph, Node, Tensor};

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

/// Needs an operator that no runtime has: loading fails.
pub fn unknown_operator() -> Vec<u8> {
    Graph::new("unknown_operator")
        .input("x", DataType::Float, [1])
        .output("y", DataType::Float, [1])
        .node(Node::new("FurlongUnknown", &["x"], &["y"]))
        .to_model()
}

/// Loads, and its first inference never ends.
pub fn endless_loop() -> Vec<u8> {
    let body = Graph::new("body")
        .input("iteration", DataType::Int64, [0; 0])
        .input("go_on", DataType::Bool, [0; 0])
        .input("state", DataType::Float, [1])
        .output("go_on_next", DataType::Bool, [0; 0])
        .output("state_next", DataType::Float, [1])
        .node(Node::new("Identity", &["go_on"], &["go_on_next"]))
        .node(Node::new("Sqrt", &["state"], &["state_next"]));
    Graph::new("endless_loop")
        .input("x", DataType::Float, [1])
        .output("y", DataType::Float, [1])
        .initializer("trips", Tensor::of_i64(&[], &[i64::MAX]))
        .initializer("go_on_first", Tensor::of_bool(true))
        .node(Node::new("Loop", &["trips", "go_on_first", "x"], &["y"]).with("body", Attribute::Graph(body)))
        .to_model()
}

/// Loads, and its first inference asks for 4 PiB, more than any address space of today holds.
pub fn huge_allocation() -> Vec<u8> {
    large_allocation(1 << 50)
}

/// Loads, and each inference fills one tensor of `n` floats: memory runs out where less than 4 n bytes are allowed.
pub fn large_allocation(n: i64) -> Vec<u8> {
    // The shape is constant but the value is not, so that no optimizer computes it while loading.
    Graph::new("large_allocation")
        .input("x", DataType::Float, [1])
        .output("y", DataType::Float, ["reduced"])
        .initializer("shape", Tensor::of_i64(&[1], &[n]))
        .node(Node::new("Expand", &["x", "shape"], &["large"]))
        .node(Node::new("ReduceMax", &["large"], &["y"]).with("keepdims", Attribute::Int(1)))
        .to_model()
}

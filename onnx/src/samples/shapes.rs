//! A graph as exporters of transformers write it: shapes are computed from the input's shape, step by step.

use crate::{Attribute, DataType, Dim, Graph, Node, Tensor};

/// Heads and the width of one, of the attention in [`shapes`].
const HEADS: i64 = 2;
const WIDTH: i64 = 4;

/// Self-attention on `x: float32[batch,sequence,8]` with two heads of four, split and joined by computed shapes, and with a
/// mask that is cut out of a larger one by the computed length.
pub fn shapes() -> Vec<u8> {
    let all = HEADS * WIDTH;
    let dims = || [Dim::from("batch"), Dim::from("sequence"), Dim::from(all)];
    let weights: Vec<f32> = [0.5, -0.25, 0.125].into_iter().cycle().take(64).collect();
    let order = |order: &[i64]| Attribute::Ints(order.to_vec());
    let graph = Graph::new("shapes")
        .input("x", DataType::Float, dims())
        .output("y", DataType::Float, dims())
        .initializer("w", Tensor::of_f32(&[all, all], &weights))
        .initializer("i0", Tensor::of_i64(&[], &[0]))
        .initializer("i1", Tensor::of_i64(&[], &[1]))
        .initializer("axis", Tensor::of_i64(&[1], &[0]))
        .initializer("one", Tensor::of_i64(&[1], &[1]))
        .initializer("rest", Tensor::of_i64(&[1], &[-1]))
        .initializer("heads", Tensor::of_i64(&[1], &[HEADS]))
        .initializer("scale", Tensor::of_f32(&[], &[0.5]))
        .initializer("places", Tensor::of_f32(&[1, 1, 16, 1], &[0.25; 16]))
        .node(Node::new("Shape", &["x"], &["shape"]))
        .node(Node::new("Gather", &["shape", "i0"], &["batch"]).with("axis", Attribute::Int(0)))
        .node(Node::new("Gather", &["shape", "i1"], &["sequence"]).with("axis", Attribute::Int(0)))
        .node(Node::new("Unsqueeze", &["batch", "axis"], &["batches"]))
        .node(Node::new("Unsqueeze", &["sequence", "axis"], &["length"]))
        .node(Node::new("Concat", &["batches", "length", "heads", "rest"], &["split"]).with("axis", Attribute::Int(0)))
        .node(Node::new("MatMul", &["x", "w"], &["projected"]))
        .node(Node::new("Reshape", &["projected", "split"], &["by_head"]))
        .node(Node::new("Transpose", &["by_head"], &["q"]).with("perm", order(&[0, 2, 1, 3])))
        .node(Node::new("Transpose", &["by_head"], &["k"]).with("perm", order(&[0, 2, 3, 1])))
        .node(Node::new("MatMul", &["q", "k"], &["scores"]))
        .node(Node::new("Mul", &["scores", "scale"], &["scaled"]))
        .initializer("third", Tensor::of_i64(&[1], &[2]))
        .node(Node::new("Slice", &["places", "axis", "length", "third", "one"], &["mask"]))
        .node(Node::new("Add", &["scaled", "mask"], &["masked"]))
        .node(Node::new("Softmax", &["masked"], &["shares"]).with("axis", Attribute::Int(-1)))
        .node(Node::new("MatMul", &["shares", "q"], &["mixed"]))
        .node(Node::new("Transpose", &["mixed"], &["rows"]).with("perm", order(&[0, 2, 1, 3])));
    graph
        .node(Node::new("Concat", &["batches", "length", "rest"], &["join"]).with("axis", Attribute::Int(0)))
        .node(Node::new("Reshape", &["rows", "join"], &["joined"]))
        .node(Node::new("MatMul", &["joined", "w"], &["y"]))
        .to_model()
}

//! Unusual shapes.

use super::Odd;
use crate::{Attribute, DataType, Dim, Graph, Node, Tensor};

pub(super) fn odd() -> Vec<Odd> {
    vec![
        Odd::new("dynamic-batch", "the first axis is free", relu(&[Dim::from("batch"), Dim::from(4)])),
        Odd { dims: vec![("sequence", 7)], ..Odd::new("batch-and-sequence", "two free axes", batch_and_sequence()) },
        Odd {
            shapes: vec![("x", vec![2, 5])],
            ..Odd::new("anonymous-axes", "free axes without names", relu(&[Dim::Anonymous, Dim::Anonymous]))
        },
        Odd {
            dims: vec![("height", 8), ("width", 12)],
            ..Odd::new("named-axes", "free axes that are neither batch nor sequence", image())
        },
        Odd {
            dims: vec![("seq_len", 6)],
            ..Odd::new(
                "batch-second",
                "the batch is not the first axis",
                relu(&[Dim::from("seq_len"), Dim::from("batch")]),
            )
        },
        Odd {
            dims: vec![("left", 3), ("right", 5)],
            ..Odd::new("sum-of-axes", "an output's axis is the sum of two inputs' axes", concat())
        },
        Odd::new("six-axes", "more axes than images have", relu(&[1, 2, 1, 2, 1, 2].map(Dim::from))),
        Odd::new("scalar-input", "an input without axes", relu(&[])),
        Odd::new("scalar-output", "an output without axes", scalar_output()),
        Odd::new("data-dependent-shape", "the output's length depends on values", non_zero("zero")),
        Odd::new("empty-output", "the output has no elements", non_zero("two")),
        Odd::new("misdeclared-output", "the output's declared length is not its real one", misdeclared_output()),
        Odd::new("unranked-output", "the output's number of axes is unknown until run", unranked_output()),
    ]
}

fn relu(dims: &[Dim]) -> Vec<u8> {
    Graph::new("relu")
        .input("x", DataType::Float, dims.iter().cloned())
        .output("y", DataType::Float, dims.iter().cloned())
        .node(Node::new("Relu", &["x"], &["y"]))
        .to_model()
}

/// As text models have it: ids, a mask and a vector for each word.
fn batch_and_sequence() -> Vec<u8> {
    let axes = ["batch", "sequence"].map(Dim::from);
    Graph::new("batch_and_sequence")
        .input("input_ids", DataType::Int64, axes.clone())
        .input("attention_mask", DataType::Int64, axes)
        .output("y", DataType::Float, [Dim::from("batch"), Dim::from("sequence"), Dim::from(2)])
        .initializer("last", Tensor::of_i64(&[1], &[-1]))
        .initializer("weights", Tensor::of_f32(&[2], &[0.5, -0.25]))
        .node(Node::new("Mul", &["input_ids", "attention_mask"], &["masked"]))
        .node(Node::new("Cast", &["masked"], &["words"]).with("to", Attribute::Int(DataType::Float as i64)))
        .node(Node::new("Unsqueeze", &["words", "last"], &["columns"]))
        .node(Node::new("Mul", &["columns", "weights"], &["y"]))
        .to_model()
}

fn image() -> Vec<u8> {
    let dims = [Dim::from("batch"), Dim::from(3), Dim::from("height"), Dim::from("width")];
    Graph::new("image")
        .input("image", DataType::Float, dims)
        .output("y", DataType::Float, [Dim::from("batch"), Dim::from(3), Dim::from(1), Dim::from(1)])
        .node(Node::new("GlobalAveragePool", &["image"], &["y"]))
        .to_model()
}

fn concat() -> Vec<u8> {
    Graph::new("concat")
        .input("a", DataType::Float, ["batch", "left"])
        .input("b", DataType::Float, ["batch", "right"])
        .output("y", DataType::Float, ["batch", "both"])
        .node(Node::new("Concat", &["a", "b"], &["y"]).with("axis", Attribute::Int(1)))
        .to_model()
}

fn scalar_output() -> Vec<u8> {
    Graph::new("scalar_output")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [0; 0])
        .node(Node::new("ReduceSum", &["x"], &["y"]).with("keepdims", Attribute::Int(0)))
        .to_model()
}

/// Positions of values above a limit; of those in [-1, 1) about half are above `zero` and none above `two`.
fn non_zero(limit: &str) -> Vec<u8> {
    Graph::new("non_zero")
        .input("x", DataType::Float, [Dim::from("batch"), Dim::from(8)])
        .output("y", DataType::Int64, [Dim::from(2), Dim::from("found")])
        .initializer("zero", Tensor::of_f32(&[], &[0.0]))
        .initializer("two", Tensor::of_f32(&[], &[2.0]))
        .node(Node::new("Greater", &["x", limit], &["above"]))
        .node(Node::new("NonZero", &["above"], &["y"]))
        .to_model()
}

/// Exporters that trace one example write its batch into the outputs. Runtimes warn and go on.
fn misdeclared_output() -> Vec<u8> {
    Graph::new("misdeclared_output")
        .input("x", DataType::Float, [Dim::from("batch"), Dim::from(4)])
        .output("y", DataType::Float, [16, 4])
        .node(Node::new("Relu", &["x"], &["y"]))
        .to_model()
}

/// The branches' results have one axis and two, so that no runtime can tell beforehand.
fn unranked_output() -> Vec<u8> {
    let flat = Graph::new("flat").output("flat", DataType::Float, [4]).node(Node::new("Identity", &["x"], &["flat"]));
    let square = Graph::new("square")
        .output("square", DataType::Float, [2, 2])
        .initializer("shape", Tensor::of_i64(&[2], &[2, 2]))
        .node(Node::new("Reshape", &["x", "shape"], &["square"]));
    Graph::new("unranked_output")
        .input("x", DataType::Float, [4])
        .unranked_output("y", DataType::Float)
        .initializer("zero", Tensor::of_f32(&[], &[0.0]))
        .node(Node::new("ReduceSum", &["x"], &["sum"]).with("keepdims", Attribute::Int(0)))
        .node(Node::new("Greater", &["sum", "zero"], &["is_positive"]))
        .node(
            Node::new("If", &["is_positive"], &["y"])
                .with("then_branch", Attribute::Graph(flat))
                .with("else_branch", Attribute::Graph(square)),
        )
        .to_model()
}

//! Every element type that can be fed, and outputs of unusual types.

use super::Odd;
use crate::{Attribute, DataType, Dim, Graph, Node, Tensor};

pub(super) fn odd() -> Vec<Odd> {
    vec![
        Odd::new("float32", "float32 in and out", echo(DataType::Float)),
        Odd::new("float64", "float64 in and out", echo(DataType::Double)),
        Odd::new("float16", "float16 in and out", echo(DataType::Float16)),
        Odd::new("bfloat16", "bfloat16 in and out", echo(DataType::Bfloat16)),
        Odd::new("int8", "int8 in and out", echo(DataType::Int8)),
        Odd::new("int16", "int16 in and out", echo(DataType::Int16)),
        Odd::new("int32", "int32 in and out", echo(DataType::Int32)),
        Odd::new("int64", "int64 in and out", echo(DataType::Int64)),
        Odd::new("uint8", "uint8 in and out", echo(DataType::Uint8)),
        Odd::new("uint16", "uint16 in and out", echo(DataType::Uint16)),
        Odd::new("uint32", "uint32 in and out", echo(DataType::Uint32)),
        Odd::new("uint64", "uint64 in and out", echo(DataType::Uint64)),
        Odd::new("bool", "bool in and out", echo(DataType::Bool)),
        Odd::new("several-outputs", "outputs of four types", several_outputs()),
        Odd::new("string-output", "the output is text", string_output()),
        Odd::new("sequence-output", "the output is a sequence of tensors", sequence_output()),
    ]
}

/// `y` is the input as floats, `same` the input itself. These two operators take every type; arithmetic ones do not.
fn echo(data_type: DataType) -> Vec<u8> {
    let dims = [Dim::from("batch"), Dim::from(8)];
    Graph::new("echo")
        .input("x", data_type, dims.clone())
        .output("y", DataType::Float, dims.clone())
        .output("same", data_type, dims)
        .node(Node::new("Cast", &["x"], &["y"]).with("to", Attribute::Int(DataType::Float as i64)))
        .node(Node::new("Identity", &["x"], &["same"]))
        .to_model()
}

/// As a classifier has them: scores, the class, whether it is sure, and a copy in less precision.
fn several_outputs() -> Vec<u8> {
    Graph::new("several_outputs")
        .input("x", DataType::Float, [Dim::from("batch"), Dim::from(4)])
        .output("scores", DataType::Float, [Dim::from("batch"), Dim::from(4)])
        .output("class", DataType::Int64, ["batch"])
        .output("is_sure", DataType::Bool, [Dim::from("batch"), Dim::from(4)])
        .output("half", DataType::Float16, [Dim::from("batch"), Dim::from(4)])
        .initializer("limit", Tensor::of_f32(&[], &[0.5]))
        .node(Node::new("Softmax", &["x"], &["scores"]))
        .node(
            Node::new("ArgMax", &["scores"], &["class"])
                .with("axis", Attribute::Int(1))
                .with("keepdims", Attribute::Int(0)),
        )
        .node(Node::new("Greater", &["scores", "limit"], &["is_sure"]))
        .node(Node::new("Cast", &["scores"], &["half"]).with("to", Attribute::Int(DataType::Float16 as i64)))
        .to_model()
}

fn string_output() -> Vec<u8> {
    Graph::new("string_output")
        .input("x", DataType::Int64, [4])
        .output("y", DataType::String, [4])
        .node(Node::new("Cast", &["x"], &["y"]).with("to", Attribute::Int(DataType::String as i64)))
        .to_model()
}

fn sequence_output() -> Vec<u8> {
    Graph::new("sequence_output")
        .input("x", DataType::Float, [4, 2])
        .sequence_output("y", DataType::Float)
        .node(Node::new("SplitToSequence", &["x"], &["y"]).with("axis", Attribute::Int(0)))
        .to_model()
}

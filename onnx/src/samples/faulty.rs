//! Models that misbehave while loading or running, each in one way.

use crate::{Attribute, DataType, Dim, Graph, Node, Tensor};

/// Output and input of [`fails_on_second_call`] between which its counter is carried from call to call.
pub const COUNTER: (&str, &str) = ("counter_out", "counter_in");

const SCALAR: [i64; 0] = [];

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
        .input("iteration", DataType::Int64, SCALAR)
        .input("go_on", DataType::Bool, SCALAR)
        .input("state", DataType::Float, [1])
        .output("go_on_next", DataType::Bool, SCALAR)
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

/// Loads, and gives NaN for every finite input: the logarithm of a negative number.
pub fn nan() -> Vec<u8> {
    Graph::new("nan")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .initializer("one", Tensor::of_f32(&[], &[1.0]))
        .node(Node::new("Abs", &["x"], &["size"]))
        .node(Node::new("Add", &["size", "one"], &["positive"]))
        .node(Node::new("Neg", &["positive"], &["negative"]))
        .node(Node::new("Log", &["negative"], &["y"]))
        .to_model()
}

/// Loads, and gives infinity for every finite input: a positive number over zero.
pub fn inf() -> Vec<u8> {
    Graph::new("inf")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .initializer("one", Tensor::of_f32(&[], &[1.0]))
        .initializer("zero", Tensor::of_f32(&[], &[0.0]))
        .node(Node::new("Abs", &["x"], &["size"]))
        .node(Node::new("Add", &["size", "one"], &["positive"]))
        .node(Node::new("Div", &["positive", "zero"], &["y"]))
        .to_model()
}

/// Loads, and gives NaN for negative inputs only: its first query may hide what a later one shows.
pub fn nan_when_negative() -> Vec<u8> {
    Graph::new("nan_when_negative")
        .input("x", DataType::Float, [1])
        .output("y", DataType::Float, [1])
        .node(Node::new("Sqrt", &["x"], &["y"]))
        .to_model()
}

/// Loads, and fails at run time for a negative input: it then looks up the second row of a table of one.
pub fn fails_when_negative() -> Vec<u8> {
    Graph::new("fails_when_negative")
        .input("x", DataType::Float, [1])
        .output("y", DataType::Float, [1])
        .initializer("zero", Tensor::of_f32(&[], &[0.0]))
        .initializer("table", Tensor::of_f32(&[1], &[1.0]))
        .node(Node::new("Less", &["x", "zero"], &["is_negative"]))
        .node(Node::new("Cast", &["is_negative"], &["row"]).with("to", Attribute::Int(DataType::Int64 as i64)))
        .node(Node::new("Gather", &["table", "row"], &["y"]))
        .to_model()
}

/// Loads, and fails at run time for an id of `limit` or more, as a text model does for a word outside of its vocabulary.
pub fn fails_from(limit: u16) -> Vec<u8> {
    let table = vec![1.0; limit.into()];
    Graph::new("fails_from")
        .input("ids", DataType::Int64, [Dim::from("batch"), Dim::from("sequence")])
        .output("y", DataType::Float, ["batch", "sequence"])
        .initializer("table", Tensor::of_f32(&[limit.into()], &table))
        .node(Node::new("Gather", &["table", "ids"], &["y"]))
        .to_model()
}

/// Loads, and with its [`COUNTER`] carried on from zero its first call succeeds and its second fails.
pub fn fails_on_second_call() -> Vec<u8> {
    let (counter_out, counter_in) = COUNTER;
    Graph::new("fails_on_second_call")
        .input("x", DataType::Float, [1])
        .input(counter_in, DataType::Int64, [1])
        .output("y", DataType::Float, [1])
        .output(counter_out, DataType::Int64, [1])
        .initializer("one", Tensor::of_i64(&[1], &[1]))
        .initializer("table", Tensor::of_f32(&[1], &[1.0]))
        .node(Node::new("Gather", &["table", counter_in], &["found"]))
        .node(Node::new("Add", &["x", "found"], &["y"]))
        .node(Node::new("Add", &[counter_in, "one"], &[counter_out]))
        .to_model()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect;

    #[test]
    fn faulty_models_are_well_formed() {
        // What is wrong with them shows only when a runtime loads or runs them.
        for model in [
            unknown_operator(),
            endless_loop(),
            huge_allocation(),
            large_allocation(16),
            nan(),
            inf(),
            nan_when_negative(),
            fails_when_negative(),
            fails_from(3),
            fails_on_second_call(),
        ] {
            inspect(&model).expect("a model");
        }
    }

    #[test]
    fn the_counter_is_an_output_and_an_input_of_one_type() {
        let inspection = inspect(&fails_on_second_call()).expect("a model");
        let (counter_out, counter_in) = COUNTER;
        let output = inspection.outputs.iter().find(|value| value.name == counter_out).expect("an output");
        let input = inspection.inputs.iter().find(|value| value.name == counter_in).expect("an input");
        assert_eq!((output.tensor.as_str(), input.tensor.as_str()), ("int64[1]", "int64[1]"));
    }
}

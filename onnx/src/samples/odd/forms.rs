//! Unusual structure: state, side files, defaults, bodies, other operator sets, old formats, names.

use super::Odd;
use crate::{Attribute, DataType, Dim, Graph, Node, Tensor};

const SCALAR: [i64; 0] = [];

fn no_inputs() -> Vec<u8> {
    Graph::new("no_inputs")
        .output("y", DataType::Float, [1])
        .initializer("a", Tensor::of_f32(&[1], &[0.5]))
        .node(Node::new("Add", &["a", "a"], &["y"]))
        .to_model()
}

pub(super) fn odd() -> Vec<Odd> {
    vec![
        Odd { state: vec![("present", "past")], ..Odd::new("stateful", "an output is the next input", stateful()) },
        Odd {
            state: vec![("h_out", "h_in"), ("steps_out", "steps_in")],
            ..Odd::new("two-states", "two outputs of different types are the next inputs", two_states())
        },
        with_side_file("external-data", "weights in a file beside the model", "weights.bin"),
        with_side_file("external-data-in-folder", "weights in a file in a folder", "./data/weights 1.bin"),
        external_data_shared(),
        Odd::new("no-inputs", "nothing to feed: a runtime computes it once, while loading", no_inputs()),
        Odd::new("default-input", "an input with a default, which nobody needs to feed", default_input().to_model()),
        // IR 3 is the last that lists every constant as an input; set 8 is of the same time.
        Odd::new("old-format", "IR 3 and operator set 8", default_input().to_model_of(3, 8)),
        Odd::new("branches", "an If with two bodies", branches()),
        Odd::new("loop", "a Loop of three turns", three_turns()),
        Odd::new("contrib-operator", "an operator of com.microsoft", contrib_operator()),
        Odd::new("constant-nodes", "constants as operators, with their values as attributes", constant_nodes()),
        Odd::new("unused-input", "an input that no operator reads", unused_input()),
        Odd::new("input-is-output", "an output that is an input, untouched", input_is_output()),
        Odd::new("constant-output", "an output that is a constant", constant_output()),
        Odd::new("odd-names", "names with separators, blanks and letters beyond ASCII", odd_names()),
    ]
}

/// `y = 2 x` and `present = past / 2 + x`.
fn stateful() -> Vec<u8> {
    Graph::new("stateful")
        .input("x", DataType::Float, [1, 4])
        .input("past", DataType::Float, [1, 4])
        .output("y", DataType::Float, [1, 4])
        .output("present", DataType::Float, [1, 4])
        .initializer("half", Tensor::of_f32(&[], &[0.5]))
        .node(Node::new("Add", &["x", "x"], &["y"]))
        .node(Node::new("Mul", &["past", "half"], &["faded"]))
        .node(Node::new("Add", &["faded", "x"], &["present"]))
        .to_model()
}

fn two_states() -> Vec<u8> {
    let vector = [Dim::from("batch"), Dim::from(3)];
    Graph::new("two_states")
        .input("x", DataType::Float, vector.clone())
        .input("h_in", DataType::Float, vector.clone())
        .input("steps_in", DataType::Int64, SCALAR)
        .output("steps_out", DataType::Int64, SCALAR)
        .output("h_out", DataType::Float, vector)
        .initializer("one", Tensor::of_i64(&[], &[1]))
        .node(Node::new("Add", &["x", "h_in"], &["sum"]))
        .node(Node::new("Tanh", &["sum"], &["h_out"]))
        .node(Node::new("Add", &["steps_in", "one"], &["steps_out"]))
        .to_model()
}

/// `y = x w + b` with both constants in one side file.
fn with_side_file(name: &'static str, note: &'static str, location: &str) -> Odd {
    let (model, side_file) = Graph::new("external_data")
        .input("x", DataType::Float, [Dim::from("batch"), Dim::from(4)])
        .output("y", DataType::Float, [Dim::from("batch"), Dim::from(2)])
        .initializer("w", Tensor::of_f32(&[4, 2], &[0.5, -0.25, 0.125, 1.0, -1.0, 0.75, 0.25, -0.5]))
        .initializer("b", Tensor::of_f32(&[2], &[0.5, 0.25]))
        .node(Node::new("MatMul", &["x", "w"], &["product"]))
        .node(Node::new("Add", &["product", "b"], &["y"]))
        .to_model_with_side_file(location);
    Odd { side_files: vec![(location.to_owned(), side_file)], ..Odd::new(name, note, model) }
}

/// Two side files, of which one has bytes before and behind those that count.
fn external_data_shared() -> Odd {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let model = Graph::new("external_data_shared")
        .input("x", DataType::Float, [2])
        .output("y", DataType::Float, [2])
        .external_initializer("a", DataType::Float, &[2], "a.bin", 0, 8)
        .external_initializer("b", DataType::Float, &[2], "b.bin", 8, 8)
        .node(Node::new("Mul", &["x", "a"], &["product"]))
        .node(Node::new("Add", &["product", "b"], &["y"]))
        .to_model();
    let side_files =
        vec![("a.bin".to_owned(), bytes(&[0.5, 0.25])), ("b.bin".to_owned(), bytes(&[9.0, 9.0, 1.0, 2.0, 9.0]))];
    Odd { side_files, ..Odd::new("external-data-in-two-files", "two side files, one read in part", model) }
}

fn default_input() -> Graph {
    Graph::new("default_input")
        .input("x", DataType::Float, [4])
        .input("scale", DataType::Float, [1])
        .output("y", DataType::Float, [4])
        .initializer("scale", Tensor::of_f32(&[1], &[0.5]))
        .node(Node::new("Mul", &["x", "scale"], &["y"]))
}

fn branches() -> Vec<u8> {
    let body = |name: &str, operator: &str| {
        Graph::new(name).output(name, DataType::Float, [4]).node(Node::new(operator, &["x"], &[name]))
    };
    Graph::new("branches")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .initializer("zero", Tensor::of_f32(&[], &[0.0]))
        .node(Node::new("ReduceSum", &["x"], &["sum"]).with("keepdims", Attribute::Int(0)))
        .node(Node::new("Greater", &["sum", "zero"], &["is_positive"]))
        .node(
            Node::new("If", &["is_positive"], &["y"])
                .with("then_branch", Attribute::Graph(body("kept", "Identity")))
                .with("else_branch", Attribute::Graph(body("negated", "Neg"))),
        )
        .to_model()
}

fn three_turns() -> Vec<u8> {
    let body = Graph::new("body")
        .input("turn", DataType::Int64, SCALAR)
        .input("go_on", DataType::Bool, SCALAR)
        .input("state", DataType::Float, [4])
        .output("go_on_next", DataType::Bool, SCALAR)
        .output("state_next", DataType::Float, [4])
        .output("seen", DataType::Float, [4])
        .node(Node::new("Identity", &["go_on"], &["go_on_next"]))
        .node(Node::new("Add", &["state", "x"], &["state_next"]))
        .node(Node::new("Neg", &["state"], &["seen"]));
    Graph::new("three_turns")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .output("seen_all", DataType::Float, [Dim::from("turns"), Dim::from(4)])
        .initializer("turns", Tensor::of_i64(&[], &[3]))
        .initializer("go_on_first", Tensor::of_bool(true))
        .node(
            Node::new("Loop", &["turns", "go_on_first", "x"], &["y", "seen_all"]).with("body", Attribute::Graph(body)),
        )
        .to_model()
}

fn contrib_operator() -> Vec<u8> {
    Graph::new("contrib_operator")
        .input("x", DataType::Float, [Dim::from("batch"), Dim::from(4)])
        .output("y", DataType::Float, [Dim::from("batch"), Dim::from(4)])
        .node(Node::new("Gelu", &["x"], &["y"]).of_domain("com.microsoft"))
        .to_model()
}

fn constant_nodes() -> Vec<u8> {
    let constant = |output: &str, key: &str, value: Attribute| Node::new("Constant", &[], &[output]).with(key, value);
    Graph::new("constant_nodes")
        .input("x", DataType::Float, [2])
        .output("y", DataType::Float, [2])
        .node(constant("factor", "value", Attribute::Tensor(Tensor::of_f32(&[2], &[0.5, 0.25]))))
        .node(constant("summand", "value_floats", Attribute::Floats(vec![1.0, 2.0])))
        .node(constant("shape", "value_ints", Attribute::Ints(vec![2])))
        .node(Node::new("Mul", &["x", "factor"], &["product"]))
        .node(Node::new("Add", &["product", "summand"], &["sum"]))
        .node(Node::new("Reshape", &["sum", "shape"], &["y"]))
        .to_model()
}

fn unused_input() -> Vec<u8> {
    Graph::new("unused_input")
        .input("x", DataType::Float, [4])
        .input("unused", DataType::Int64, [Dim::from("batch"), Dim::from(2)])
        .output("y", DataType::Float, [4])
        .node(Node::new("Relu", &["x"], &["y"]))
        .to_model()
}

fn input_is_output() -> Vec<u8> {
    Graph::new("input_is_output")
        .input("x", DataType::Float, [4])
        .output("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .node(Node::new("Relu", &["x"], &["y"]))
        .to_model()
}

fn constant_output() -> Vec<u8> {
    Graph::new("constant_output")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .output("threshold", DataType::Float, [1])
        .initializer("threshold", Tensor::of_f32(&[1], &[0.5]))
        .node(Node::new("Add", &["x", "threshold"], &["y"]))
        .to_model()
}

fn odd_names() -> Vec<u8> {
    Graph::new("odd names: größe/χ")
        .input("serving_default/größe:0", DataType::Float, [Dim::from("batch"), Dim::from(4)])
        .output("Stateful Partitioned\tCall:0", DataType::Float, [Dim::from("batch"), Dim::from(4)])
        .node(Node::new("Relu", &["serving_default/größe:0"], &["Stateful Partitioned\tCall:0"]))
        .to_model()
}

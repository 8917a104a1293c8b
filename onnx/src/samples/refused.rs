//! Models that can't be measured. Some are no models, some no runtime loads, some a runtime would run but nobody should.

use crate::{Attribute, DataType, Graph, Node, Tensor};

/// A model that must be turned away.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Unique, of lower-case letters, digits and hyphens.
    pub name: &'static str,
    pub model: Vec<u8>,
    /// Path from the model's folder, and bytes.
    pub side_files: Vec<(String, Vec<u8>)>,
    /// What the error says at least.
    pub mentions: &'static str,
}

/// All models that must be turned away.
pub fn refused() -> Vec<Refused> {
    let refused = |name, model, mentions| Refused { name, model, side_files: Vec::new(), mentions };
    let mut all = vec![
        refused("string-input", string_input(), "string"),
        refused("sequence-input", sequence_input(), "sequence"),
        refused("zero-size-batch", zero_size_batch(), "axis"),
        refused("unknown-operator", super::unknown_operator(), "FurlongUnknown"),
        refused("empty-file", Vec::new(), "not an ONNX model"),
        refused("text-file", b"no model, but a sentence\n".to_vec(), "not an ONNX model"),
        refused("truncated", truncated(), "not an ONNX model"),
        refused("no-operators", Graph::new("empty").input("x", DataType::Float, [1]).to_model(), "operators"),
        refused("missing-side-file", external("weights.bin"), "weights.bin"),
        Refused {
            side_files: vec![("weights.bin".to_owned(), vec![0; 4])],
            ..refused("short-side-file", external("weights.bin"), "External initializer: w")
        },
        refused("side-file-in-body", external_in_body("../weights.bin"), "../weights.bin"),
    ];
    all.extend(
        [
            ("side-file-outside", "../weights.bin"),
            ("side-file-outside-by-detour", "data/../../weights.bin"),
            ("side-file-absolute", "/weights.bin"),
            ("side-file-with-drive", "C:weights.bin"),
            ("side-file-with-backslash", "data\\weights.bin"),
            ("side-file-in-memory", "*/_ORT_MEM_ADDR_/*"),
        ]
        .map(|(name, location)| refused(name, external(location), "the model stores weights at")),
    );
    all.push(refused("side-file-without-name", external(""), "names no file"));
    all
}

fn string_input() -> Vec<u8> {
    Graph::new("string_input")
        .input("x", DataType::String, [1])
        .output("y", DataType::String, [1])
        .node(Node::new("Identity", &["x"], &["y"]))
        .to_model()
}

fn sequence_input() -> Vec<u8> {
    Graph::new("sequence_input")
        .sequence_input("x", DataType::Float)
        .output("y", DataType::Int64, [0; 0])
        .node(Node::new("SequenceLength", &["x"], &["y"]))
        .to_model()
}

/// A runtime runs it and does no work.
fn zero_size_batch() -> Vec<u8> {
    Graph::new("zero_size_batch")
        .input("x", DataType::Float, [0, 4])
        .output("y", DataType::Float, [0, 4])
        .node(Node::new("Relu", &["x"], &["y"]))
        .to_model()
}

fn truncated() -> Vec<u8> {
    let mut model = super::matmul(8);
    model.truncate(model.len() / 2);
    model
}

fn external(location: &str) -> Vec<u8> {
    Graph::new("external")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .external_initializer("w", DataType::Float, &[4], location, 0, 16)
        .node(Node::new("Add", &["x", "w"], &["y"]))
        .to_model()
}

/// As [`external`], out of sight of who looks at the outermost graph only.
fn external_in_body(location: &str) -> Vec<u8> {
    let body = Graph::new("shifted")
        .output("shifted", DataType::Float, [4])
        .external_initializer("w", DataType::Float, &[4], location, 0, 16)
        .node(Node::new("Add", &["x", "w"], &["shifted"]));
    let other = Graph::new("same").output("same", DataType::Float, [4]).node(Node::new("Identity", &["x"], &["same"]));
    Graph::new("external_in_body")
        .input("x", DataType::Float, [4])
        .output("y", DataType::Float, [4])
        .initializer("zero", Tensor::of_f32(&[], &[0.0]))
        .node(Node::new("ReduceSum", &["x"], &["sum"]).with("keepdims", Attribute::Int(0)))
        .node(Node::new("Greater", &["sum", "zero"], &["is_positive"]))
        .node(
            Node::new("If", &["is_positive"], &["y"])
                .with("then_branch", Attribute::Graph(body))
                .with("else_branch", Attribute::Graph(other)),
        )
        .to_model()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InspectError, confined, inspect};

    /// The first thing that inspection finds wrong, side files included.
    fn refusal(model: &Refused) -> Option<String> {
        let judge = || -> Result<(), InspectError> {
            let inspection = inspect(&model.model)?;
            inspection.external_data.iter().try_for_each(|location| confined(location).map(drop))
        };
        judge().err().map(|error| error.to_string())
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = refused().iter().map(|model| model.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), refused().len());
    }

    #[test]
    fn what_inspection_refuses_says_why() {
        let mut left = Vec::new();
        for model in refused() {
            match refusal(&model) {
                Some(message) => assert!(message.contains(model.mentions), "{}: {message}", model.name),
                None => left.push(model.name),
            }
        }
        // What inspection leaves to the runner, which alone knows how inputs are made and which files there are.
        assert_eq!(
            left,
            [
                "string-input",
                "sequence-input",
                "zero-size-batch",
                "unknown-operator",
                "missing-side-file",
                "short-side-file"
            ]
        );
    }
}

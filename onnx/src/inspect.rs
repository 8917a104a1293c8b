//! A look at an ONNX file without a runtime: what goes in, what comes out, which operators it needs.

use std::{collections::BTreeMap, fmt};

use prost::Message;

use crate::format::{DimensionValue, TensorTypeProto, ValueInfoProto, read};

/// What an ONNX file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Without those that have an initializer, which nobody needs to feed.
    pub inputs: Vec<ValueInfo>,
    pub outputs: Vec<ValueInfo>,
    /// Version of the standard operator set.
    pub opset: i64,
    /// How often each operator occurs, bodies of loops and branches included; named `domain.Operator` if not standard.
    pub operators: BTreeMap<String, u32>,
    /// Name and version of the program that wrote the file, as far as it says.
    pub producer: String,
}

/// Name, type and shape of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueInfo {
    pub name: String,
    /// e.g. `int64[batch,sequence]`; `?` for an axis without length and name.
    pub tensor: String,
}

impl fmt::Display for ValueInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.tensor)
    }
}

/// Bytes that are no usable ONNX model.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("not an ONNX model: the bytes are no ModelProto (cut off, or another format)")]
    Malformed(#[source] prost::DecodeError),
    #[error("not an ONNX model: it has no {0}")]
    Incomplete(&'static str),
}

/// Reads the description of a model from the bytes of its file.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    let read::Model { ir_version, producer_name, producer_version, graph, opset_import } =
        read::Model::decode(bytes).map_err(InspectError::Malformed)?;
    // Many byte strings decode as some message, so what every model has is asked for by name.
    if ir_version < 1 {
        return Err(InspectError::Incomplete("IR version"));
    }
    let graph = graph.ok_or(InspectError::Incomplete("graph"))?;
    if graph.node.is_empty() {
        return Err(InspectError::Incomplete("operators"));
    }
    if graph.output.is_empty() {
        return Err(InspectError::Incomplete("outputs"));
    }
    let opset = opset_import
        .iter()
        .find(|set| is_standard(&set.domain))
        .map(|set| set.version)
        .ok_or(InspectError::Incomplete("operator set version"))?;
    let mut operators = BTreeMap::new();
    count_operators(&graph, &mut operators);
    let inputs = graph
        .input
        .iter()
        .filter(|input| graph.initializer.iter().all(|initializer| initializer.name != input.name))
        .map(describe)
        .collect();
    Ok(Inspection {
        inputs,
        outputs: graph.output.iter().map(describe).collect(),
        opset,
        operators,
        producer: format!("{producer_name} {producer_version}").trim().to_owned(),
    })
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

fn count_operators(graph: &read::Graph, operators: &mut BTreeMap<String, u32>) {
    for node in &graph.node {
        let name =
            if is_standard(&node.domain) { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
        *operators.entry(name).or_default() += 1;
        for body in node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
            count_operators(body, operators);
        }
    }
}

fn describe(value: &ValueInfoProto) -> ValueInfo {
    let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.map_or_else(|| "not a tensor".to_owned(), describe_tensor);
    ValueInfo { name: value.name.clone(), tensor }
}

fn describe_tensor(tensor: &TensorTypeProto) -> String {
    let element = element_name(tensor.elem_type);
    let Some(shape) = &tensor.shape else { return format!("{element}[..]") };
    let dims: Vec<String> = shape
        .dim
        .iter()
        .map(|dim| match &dim.value {
            Some(DimensionValue::Value(length)) => length.to_string(),
            Some(DimensionValue::Parameter(symbol)) if !symbol.is_empty() => symbol.clone(),
            _ => "?".to_owned(),
        })
        .collect();
    format!("{element}[{}]", dims.join(","))
}

/// numpy's names for onnx.proto's `TensorProto.DataType`.
fn element_name(number: i32) -> &'static str {
    match number {
        1 => "float32",
        2 => "uint8",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        8 => "string",
        9 => "bool",
        10 => "float16",
        11 => "float64",
        12 => "uint32",
        13 => "uint64",
        14 => "complex64",
        15 => "complex128",
        16 => "bfloat16",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Graph, Node, samples};

    #[test]
    fn a_written_model_reads_back() {
        let model = Graph::new("test")
            .input("x", DataType::Float, ["batch", "length"])
            .output("y", DataType::Float, ["batch", "length"])
            .node(Node::new("Relu", &["x"], &["y"]))
            .to_model();
        let inspection = inspect(&model).expect("a model");
        assert_eq!(inspection.inputs[0].to_string(), "x: float32[batch,length]");
        assert_eq!(inspection.outputs[0].to_string(), "y: float32[batch,length]");
        assert_eq!((inspection.opset, inspection.producer.as_str()), (17, "furlong"));
        assert_eq!(inspection.operators, BTreeMap::from([("Relu".to_owned(), 1)]));
    }

    #[test]
    fn bodies_of_loops_are_counted_and_initializers_are_no_inputs() {
        let inspection = inspect(&samples::endless_loop()).expect("a model");
        assert_eq!(inspection.operators["Loop"], 1);
        assert!(inspection.operators.contains_key("Sqrt"), "{:?}", inspection.operators);
        assert_eq!(inspection.inputs.len(), 1);
    }

    #[test]
    fn other_bytes_are_rejected() {
        for bytes in
            [&b""[..], b"hello, world", b"%PDF-1.7\n", b"\x7fELF\x02\x01\x01", b"PK\x03\x04", &[0xff; 64], b"{}"]
        {
            assert!(inspect(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn every_truncation_is_rejected_without_a_panic() {
        let model = samples::matmul(4);
        for length in 0..model.len() {
            assert!(inspect(&model[..length]).is_err(), "{length} of {} bytes", model.len());
        }
    }
}

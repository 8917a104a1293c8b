//! A look at an ONNX file without a runtime: what goes in, what comes out, which operators and which other files it needs.

use std::{collections::BTreeMap, fmt};

use prost::Message;

use crate::format::{DataLocation, DimensionValue, TensorTypeProto, TypeProto, ValueInfoProto, read};

/// Most bytes of one protobuf message, <https://protobuf.dev/programming-guides/proto-limits/>.
const MESSAGE_LIMIT_BYTES: u64 = (1 << 31) - 1;

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
    /// Files that hold values of the model's constants, each once and in order of mention: paths from the model's folder.
    /// They are as the model has them, an empty one where it names no file, and may lead anywhere: see [`confined`].
    ///
    /// [`confined`]: crate::confined
    pub external_data: Vec<String>,
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
    #[error(
        "the file has {size_bytes} bytes, and an ONNX file is one protobuf message, at most 2 GiB ({MESSAGE_LIMIT_BYTES} bytes)\nhint: store weights as external data (onnx.save_model with save_as_external_data=True)"
    )]
    TooLarge { size_bytes: u64 },
    #[error(
        "the model stores weights at {location:?}, and that {reason}; weights must lie in the model's folder or below\nhint: save the model again with its weights beside it (onnx.save_model with save_as_external_data=True)"
    )]
    Unconfined { location: String, reason: &'static str },
}

/// Refuses a file that is larger than the format allows, by its size alone.
pub fn check_size(size_bytes: u64) -> Result<(), InspectError> {
    if size_bytes > MESSAGE_LIMIT_BYTES { Err(InspectError::TooLarge { size_bytes }) } else { Ok(()) }
}

/// Reads the description of a model from the bytes of its file.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    check_size(bytes.len() as u64)?;
    let read::Model { ir_version, producer_name, producer_version, graph, opset_import, functions } =
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
    let mut external_data = Vec::new();
    add_locations(&graph, &mut external_data);
    for function in &functions {
        add_locations_of_nodes(&function.node, &mut external_data);
    }
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
        external_data,
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

/// Adds the files of a graph's constants and of its bodies' constants.
fn add_locations(graph: &read::Graph, locations: &mut Vec<String>) {
    for tensor in graph.initializer.iter().chain(graph.sparse_initializer.iter().flat_map(parts)) {
        add_locations_of_tensor(tensor, locations);
    }
    add_locations_of_nodes(&graph.node, locations);
}

fn add_locations_of_nodes(nodes: &[read::Node], locations: &mut Vec<String>) {
    for attribute in nodes.iter().flat_map(|node| &node.attribute) {
        let read::Attribute { t, g, tensors, graphs, sparse_tensor, sparse_tensors } = attribute;
        let sparse = sparse_tensor.iter().chain(sparse_tensors).flat_map(parts);
        for tensor in t.iter().chain(tensors).chain(sparse) {
            add_locations_of_tensor(tensor, locations);
        }
        for body in g.iter().chain(graphs) {
            add_locations(body, locations);
        }
    }
}

fn parts(sparse: &read::SparseTensor) -> impl Iterator<Item = &read::Tensor> {
    sparse.values.iter().chain(&sparse.indices)
}

fn add_locations_of_tensor(tensor: &read::Tensor, locations: &mut Vec<String>) {
    // By number: of a number that onnx.proto does not have, readers differ in whether it overrides an earlier `External`.
    if tensor.data_location == DataLocation::Default as i32 {
        return;
    }
    // Of a key that occurs twice, readers differ in which one counts; so all do.
    let entries = tensor.external_data.iter().filter(|entry| entry.key == "location");
    let mut named: Vec<&str> = entries.map(|entry| entry.value.as_str()).collect();
    if named.is_empty() {
        named.push("");
    }
    for location in named {
        if locations.iter().all(|known| known != location) {
            locations.push(location.to_owned());
        }
    }
}

fn describe(value: &ValueInfoProto) -> ValueInfo {
    let tensor = value.r#type.as_ref().and_then(describe_type).unwrap_or_else(|| "not a tensor".to_owned());
    ValueInfo { name: value.name.clone(), tensor }
}

fn describe_type(kind: &TypeProto) -> Option<String> {
    let TypeProto { tensor_type, sequence_type } = kind;
    match (tensor_type, sequence_type) {
        (Some(tensor), _) => Some(describe_tensor(tensor)),
        (None, Some(sequence)) => Some(format!("sequence of {}", describe_type(sequence.elem_type.as_deref()?)?)),
        (None, None) => None,
    }
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
mod tests;

//! A builder of graphs. It checks nothing beyond types: the runtime is the judge of a graph.

use std::collections::BTreeSet;

use crate::format::{
    AttributeProto, AttributeType, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, SequenceTypeProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto, encode,
};
use crate::tensor::{DataType, Tensor, set_external};

/// IR 8 with operator set 17: understood by every ONNX Runtime since 1.12.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
/// Of every operator set but the standard one; `com.microsoft` has no other.
const OTHER_OPSET: i64 = 1;
/// A page, so that a runtime can map a constant into memory (onnx.proto, `external_data`).
const SIDE_FILE_ALIGNMENT: usize = 4096;

/// One axis of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    Fixed(i64),
    /// Known only when the graph runs.
    Symbol(String),
    /// As a symbol, but without a name.
    Anonymous,
}

impl From<i64> for Dim {
    fn from(length: i64) -> Self {
        Self::Fixed(length)
    }
}

impl From<&str> for Dim {
    fn from(symbol: &str) -> Self {
        Self::Symbol(symbol.to_owned())
    }
}

/// The value of a node's attribute.
#[derive(Debug, Clone)]
pub enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Floats(Vec<f32>),
    String(String),
    Strings(Vec<String>),
    Tensor(Tensor),
    /// A body, for Loop and If.
    Graph(Graph),
}

/// One operator of a graph.
#[derive(Debug, Clone)]
pub struct Node(NodeProto);

impl Node {
    /// An operator of the ONNX standard, from and to named values.
    pub fn new(operator: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        Self(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            op_type: operator.to_owned(),
            ..NodeProto::default()
        })
    }

    /// Takes the operator from another operator set than the standard one, e.g. `com.microsoft`.
    #[must_use]
    pub fn of_domain(mut self, domain: &str) -> Self {
        domain.clone_into(&mut self.0.domain);
        self
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: Attribute) -> Self {
        let mut attribute = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
        match value {
            Attribute::Int(i) => {
                attribute.set_type(AttributeType::Int);
                attribute.i = Some(i);
            }
            Attribute::Ints(ints) => {
                attribute.set_type(AttributeType::Ints);
                attribute.ints = ints;
            }
            Attribute::Float(f) => {
                attribute.set_type(AttributeType::Float);
                attribute.f = Some(f);
            }
            Attribute::Floats(floats) => {
                attribute.set_type(AttributeType::Floats);
                attribute.floats = floats;
            }
            Attribute::String(s) => {
                attribute.set_type(AttributeType::String);
                attribute.s = Some(s.into_bytes());
            }
            Attribute::Strings(strings) => {
                attribute.set_type(AttributeType::Strings);
                attribute.strings = strings.into_iter().map(String::into_bytes).collect();
            }
            Attribute::Tensor(tensor) => {
                attribute.set_type(AttributeType::Tensor);
                attribute.t = Some(tensor.into_proto(name));
            }
            Attribute::Graph(graph) => {
                attribute.set_type(AttributeType::Graph);
                attribute.g = Some(graph.0);
            }
        }
        self.0.attribute.push(attribute);
        self
    }
}

/// A graph under construction, in the order of execution.
#[derive(Debug, Clone)]
pub struct Graph(GraphProto);

impl Graph {
    pub fn new(name: &str) -> Self {
        Self(GraphProto { name: name.to_owned(), ..GraphProto::default() })
    }

    #[must_use]
    pub fn input(mut self, name: &str, data_type: DataType, dims: impl IntoIterator<Item = impl Into<Dim>>) -> Self {
        self.0.input.push(value_info(name, data_type, dims));
        self
    }

    #[must_use]
    pub fn output(mut self, name: &str, data_type: DataType, dims: impl IntoIterator<Item = impl Into<Dim>>) -> Self {
        self.0.output.push(value_info(name, data_type, dims));
        self
    }

    /// An output of which even the number of axes is unknown until the graph runs.
    #[must_use]
    pub fn unranked_output(mut self, name: &str, data_type: DataType) -> Self {
        let tensor_type = TensorTypeProto { elem_type: data_type as i32, shape: None };
        self.0.output.push(named(name, TypeProto { tensor_type: Some(tensor_type), sequence_type: None }));
        self
    }

    /// An input that is a sequence of tensors.
    #[must_use]
    pub fn sequence_input(mut self, name: &str, data_type: DataType) -> Self {
        self.0.input.push(named(name, sequence_of(data_type)));
        self
    }

    /// An output that is a sequence of tensors.
    #[must_use]
    pub fn sequence_output(mut self, name: &str, data_type: DataType) -> Self {
        self.0.output.push(named(name, sequence_of(data_type)));
        self
    }

    /// A constant. With the name of an input, it is what that input is while nobody feeds it.
    #[must_use]
    pub fn initializer(mut self, name: &str, tensor: Tensor) -> Self {
        self.0.initializer.push(tensor.into_proto(name));
        self
    }

    /// A constant whose values are `length` bytes from `offset` on in another file. `location` is that file's path from
    /// the model's folder; it is written as it is, see [`confined`](crate::confined).
    #[must_use]
    pub fn external_initializer(
        mut self,
        name: &str,
        data_type: DataType,
        dims: &[i64],
        location: &str,
        offset: u64,
        length: u64,
    ) -> Self {
        let mut tensor = Tensor::of_bytes(data_type, dims, Vec::new()).into_proto(name);
        set_external(&mut tensor, location, offset, length);
        self.0.initializer.push(tensor);
        self
    }

    #[must_use]
    pub fn node(mut self, node: Node) -> Self {
        let Node(mut node) = node;
        node.name = format!("{}_{}", node.op_type, self.0.node.len());
        self.0.node.push(node);
        self
    }

    /// The bytes of an ONNX file with this graph.
    pub fn to_model(self) -> Vec<u8> {
        self.to_model_of(IR_VERSION, OPSET)
    }

    /// As [`Graph::to_model`], in an older or newer version of the format and of the standard operator set.
    pub fn to_model_of(self, ir_version: i64, opset: i64) -> Vec<u8> {
        encode(self.into_proto(ir_version, opset))
    }

    /// As [`Graph::to_model`], with properties of the model for whoever reads it, which no runtime acts on.
    pub fn to_model_with_metadata(self, metadata: &[(&str, &str)]) -> Vec<u8> {
        let entry =
            |&(key, value): &(&str, &str)| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() };
        let mut model = self.into_proto(IR_VERSION, OPSET);
        model.metadata_props = metadata.iter().map(entry).collect();
        encode(model)
    }

    fn into_proto(self, ir_version: i64, opset: i64) -> ModelProto {
        let mut domains = BTreeSet::new();
        collect_domains(&self.0, &mut domains);
        let standard = OperatorSetIdProto { domain: String::new(), version: opset };
        let others = domains.into_iter().map(|domain| OperatorSetIdProto { domain, version: OTHER_OPSET });
        let opset_import = std::iter::once(standard).chain(others).collect();
        let producer_name = "furlong".to_owned();
        ModelProto { ir_version, producer_name, graph: Some(self.0), opset_import, metadata_props: Vec::new() }
    }

    /// The bytes of an ONNX file with this graph, and those of a side file with the values of its constants. The side
    /// file belongs at `location`, a path from the model's folder. Constants of bodies stay where they are.
    pub fn to_model_with_side_file(mut self, location: &str) -> (Vec<u8>, Vec<u8>) {
        let mut side_file = Vec::new();
        for tensor in &mut self.0.initializer {
            move_values(tensor, location, &mut side_file);
        }
        (self.to_model(), side_file)
    }
}

/// Moves a tensor's own values, if it has any, to the end of `side_file`.
fn move_values(tensor: &mut TensorProto, location: &str, side_file: &mut Vec<u8>) {
    let values = std::mem::take(&mut tensor.raw_data);
    if values.is_empty() {
        return;
    }
    side_file.resize(side_file.len().next_multiple_of(SIDE_FILE_ALIGNMENT), 0);
    set_external(tensor, location, side_file.len() as u64, values.len() as u64);
    side_file.extend(values);
}

/// Names of all operator sets that a graph uses, bodies included, but for the standard one.
fn collect_domains(graph: &GraphProto, domains: &mut BTreeSet<String>) {
    for node in &graph.node {
        if !node.domain.is_empty() {
            domains.insert(node.domain.clone());
        }
        for body in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            collect_domains(body, domains);
        }
    }
}

fn value_info(name: &str, data_type: DataType, dims: impl IntoIterator<Item = impl Into<Dim>>) -> ValueInfoProto {
    let dim = dims
        .into_iter()
        .map(|dim| DimensionProto {
            value: match dim.into() {
                Dim::Fixed(length) => Some(DimensionValue::Value(length)),
                Dim::Symbol(symbol) => Some(DimensionValue::Parameter(symbol)),
                Dim::Anonymous => None,
            },
        })
        .collect();
    let tensor_type = TensorTypeProto { elem_type: data_type as i32, shape: Some(TensorShapeProto { dim }) };
    named(name, TypeProto { tensor_type: Some(tensor_type), sequence_type: None })
}

fn sequence_of(data_type: DataType) -> TypeProto {
    let tensor_type = TensorTypeProto { elem_type: data_type as i32, shape: None };
    let elem_type = TypeProto { tensor_type: Some(tensor_type), sequence_type: None };
    let sequence_type = SequenceTypeProto { elem_type: Some(Box::new(elem_type)) };
    TypeProto { tensor_type: None, sequence_type: Some(Box::new(sequence_type)) }
}

fn named(name: &str, kind: TypeProto) -> ValueInfoProto {
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind) }
}

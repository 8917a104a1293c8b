//! A builder of graphs. It checks nothing beyond types: the runtime is the judge of a graph.

use prost::Message;

use crate::format::{
    AttributeProto, AttributeType, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// IR 8 with operator set 17: understood by every ONNX Runtime since 1.12.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// Element types, with onnx.proto's numbers (`TensorProto.DataType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Float16 = 10,
    Double = 11,
}

/// One axis of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    Fixed(i64),
    /// Known only when the graph runs.
    Symbol(String),
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

/// A constant.
#[derive(Debug, Clone)]
pub struct Tensor {
    data_type: DataType,
    dims: Vec<i64>,
    raw: Vec<u8>,
}

impl Tensor {
    /// Values in row-major order; their count should be the product of `dims` (none for a scalar).
    pub fn of_f32(dims: &[i64], values: &[f32]) -> Self {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { data_type: DataType::Float, dims: dims.to_vec(), raw }
    }

    /// As [`Tensor::of_f32`].
    pub fn of_i64(dims: &[i64], values: &[i64]) -> Self {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { data_type: DataType::Int64, dims: dims.to_vec(), raw }
    }

    /// One boolean without a shape.
    pub fn of_bool(value: bool) -> Self {
        Self { data_type: DataType::Bool, dims: Vec::new(), raw: vec![u8::from(value)] }
    }
}

/// The value of a node's attribute.
#[derive(Debug, Clone)]
pub enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    String(String),
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
            Attribute::String(s) => {
                attribute.set_type(AttributeType::String);
                attribute.s = Some(s.into_bytes());
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

    #[must_use]
    pub fn initializer(mut self, name: &str, tensor: Tensor) -> Self {
        let Tensor { data_type, dims, raw } = tensor;
        self.0.initializer.push(TensorProto {
            dims,
            data_type: data_type as i32,
            name: name.to_owned(),
            raw_data: raw,
        });
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
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: "furlong".to_owned(),
            graph: Some(self.0),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        }
        .encode_to_vec()
    }
}

fn value_info(name: &str, data_type: DataType, dims: impl IntoIterator<Item = impl Into<Dim>>) -> ValueInfoProto {
    let dim = dims
        .into_iter()
        .map(|dim| DimensionProto {
            value: Some(match dim.into() {
                Dim::Fixed(length) => DimensionValue::Value(length),
                Dim::Symbol(symbol) => DimensionValue::Parameter(symbol),
            }),
        })
        .collect();
    let tensor_type = TensorTypeProto { elem_type: data_type as i32, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}

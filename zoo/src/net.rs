//! A graph under construction, with its weights: what all architectures are made of.
//!
//! It knows layers and no architecture. Weights are named as in the architecture's reference implementation.

mod layers;
mod parameters;

use std::collections::{BTreeSet, HashMap};

use onnx::{Attribute, DataType, Dim, Graph, Node, Tensor};

pub(crate) use self::layers::Conv;
pub(crate) use crate::random::Init;
use crate::weights::{Source, Weights};

/// A model, complete.
#[derive(Debug)]
pub struct Built {
    /// The architecture's name.
    pub name: String,
    /// The bytes of the ONNX file.
    pub onnx: Vec<u8>,
    /// Trained numbers, each counted once; running statistics of batch normalisations are none.
    pub parameters: u64,
    pub source: Source,
    /// Weights of the file that the architecture has no use for, in the order of the file.
    pub unused: Vec<String>,
}

/// A graph under construction. Values are named by the methods that make them.
#[derive(Debug)]
pub(crate) struct Net<'w> {
    name: String,
    weights: &'w Weights,
    /// What may stand before a weight's name in a file: `bert.` for a model that is an encoder with a head.
    prefixes: &'static [&'static str],
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    nodes: Vec<Operation>,
    initializers: Vec<(String, Tensor)>,
    /// The names that stand in `initializers` for a weight.
    weight_names: BTreeSet<String>,
    /// The names in the file that have been used.
    used: BTreeSet<String>,
    constants: HashMap<(DataTypeKey, Vec<usize>, Vec<u8>), String>,
    parameters: u64,
}

/// An input or output of the graph.
#[derive(Debug)]
struct Port {
    name: String,
    data_type: DataType,
    dims: Vec<Dim>,
}

#[derive(Debug)]
struct Operation {
    operator: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    attributes: Vec<(String, Attribute)>,
}

/// The number of an element type, which can be hashed.
type DataTypeKey = i32;

impl<'w> Net<'w> {
    /// `prefixes` may stand before a weight's name in a file.
    pub(crate) fn new(name: &str, weights: &'w Weights, prefixes: &'static [&'static str]) -> Self {
        Self {
            name: name.to_owned(),
            weights,
            prefixes,
            inputs: Vec::new(),
            outputs: Vec::new(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            weight_names: BTreeSet::new(),
            used: BTreeSet::new(),
            constants: HashMap::new(),
            parameters: 0,
        }
    }

    pub(crate) fn input(&mut self, name: &str, data_type: DataType, dims: &[Dim]) -> String {
        self.inputs.push(Port { name: name.to_owned(), data_type, dims: dims.to_vec() });
        name.to_owned()
    }

    /// Gives `value` the name `name` and makes it an output of the graph. What is named `value` before is gone after: no
    /// operator can be added that takes it.
    pub(crate) fn output(&mut self, value: &str, name: &str, data_type: DataType, dims: &[Dim]) {
        for operation in &mut self.nodes {
            for place in operation.inputs.iter_mut().chain(&mut operation.outputs) {
                if place == value {
                    name.clone_into(place);
                }
            }
        }
        self.outputs.push(Port { name: name.to_owned(), data_type, dims: dims.to_vec() });
    }

    /// An operator without attributes and with one output.
    pub(crate) fn op(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.op_with(operator, inputs, &[])
    }

    pub(crate) fn op_with(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        let [output] = self.ops_with(operator, inputs, attributes);
        output
    }

    /// An operator with `N` outputs, as Split has.
    pub(crate) fn ops_with<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> [String; N] {
        let number = self.nodes.len();
        let outputs: [String; N] = std::array::from_fn(|output| match output {
            0 => format!("{operator}_{number}"),
            _ => format!("{operator}_{number}_{output}"),
        });
        self.nodes.push(Operation {
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs: outputs.to_vec(),
            attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        });
        outputs
    }

    /// A constant of the graph; the same values are stored once. `dims` of a scalar are empty.
    pub(crate) fn constant_f32(&mut self, dims: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(DataType::Float, dims, raw)
    }

    /// As [`Net::constant_f32`].
    pub(crate) fn constant_i64(&mut self, dims: &[usize], values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(DataType::Int64, dims, raw)
    }

    /// A list of axes, lengths or bounds.
    pub(crate) fn list(&mut self, values: &[i64]) -> String {
        self.constant_i64(&[values.len()], values)
    }

    pub(crate) fn finish(self) -> Built {
        let Self {
            name,
            weights,
            prefixes: _,
            inputs,
            outputs,
            nodes,
            initializers,
            weight_names: _,
            used,
            constants: _,
            parameters,
        } = self;
        let mut graph = Graph::new(&name);
        for Port { name, data_type, dims } in inputs {
            graph = graph.input(&name, data_type, dims);
        }
        for Port { name, data_type, dims } in outputs {
            graph = graph.output(&name, data_type, dims);
        }
        for (name, tensor) in initializers {
            graph = graph.initializer(&name, tensor);
        }
        for Operation { operator, inputs, outputs, attributes } in nodes {
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
            let node = Node::new(&operator, &inputs, &outputs);
            graph = graph.node(attributes.into_iter().fold(node, |node, (name, value)| node.with(&name, value)));
        }
        let unused = match weights {
            Weights::Random { .. } => Vec::new(),
            Weights::Safetensors(file) => file.names().into_iter().filter(|name| !used.contains(name)).collect(),
        };
        let source = weights.source();
        // Whoever finds the file later must be able to see that its accuracy means nothing.
        let kind = match &source {
            Source::Random { .. } => source.to_string(),
            Source::File(_) => "trained".to_owned(),
        };
        let onnx = graph.to_model_with_metadata(&[("architecture", &name), ("weights", &kind)]);
        Built { name, onnx, parameters, source, unused }
    }

    fn constant(&mut self, data_type: DataType, dims: &[usize], raw: Vec<u8>) -> String {
        let number = self.constants.len();
        let key = (data_type as DataTypeKey, dims.to_vec(), raw.clone());
        if let Some(name) = self.constants.get(&key) {
            return name.clone();
        }
        let name = format!("constant_{number}");
        self.initializers.push((name.clone(), Tensor::of_bytes(data_type, &signed(dims), raw)));
        self.constants.insert(key, name.clone());
        name
    }
}

fn signed(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|&length| i64::try_from(length).expect("an axis of a published architecture is short")).collect()
}

#[cfg(test)]
mod tests;

//! A look at an ONNX file without a runtime: what goes in, what comes out, which operators, weights and other files it has.
//!
//! Takes the file as it is and infers nothing: see [`cost`](crate::cost()) for shapes and work.

mod operators;
mod parameters;
mod side_files;
mod value;

use std::collections::{BTreeMap, HashSet};

pub(crate) use self::operators::full_name;
pub(crate) use self::parameters::weight_bytes;
pub use self::value::ValueInfo;
use crate::format::read::reader::{ReadError, Reader};
use crate::format::read::wire::FormatError;
use crate::format::read::{self, Graph, Model, is_standard};

/// Most bytes of one protobuf message, <https://protobuf.dev/programming-guides/proto-limits/>.
const MESSAGE_LIMIT_BYTES: u64 = (1 << 31) - 1;

/// What an ONNX file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Version of the format.
    pub ir_version: i64,
    /// Name and version of the program that wrote the file, as far as it says.
    pub producer: String,
    /// Version of the standard operator set.
    pub opset: i64,
    /// Version of every operator set by its domain; that of the standard one is `ai.onnx`.
    pub opsets: BTreeMap<String, i64>,
    /// Without those that have an initializer, which nobody needs to feed.
    pub inputs: Vec<ValueInfo>,
    pub outputs: Vec<ValueInfo>,
    /// Names of the inputs' axes that have a name instead of a length, each once and in order of mention.
    pub free_axes: Vec<String>,
    /// How often each operator occurs, bodies of loops and branches included; named `domain.Operator` if not standard.
    pub operators: BTreeMap<String, u32>,
    /// How many operators those are together.
    pub nodes: u64,
    /// How many constant numbers there are by numpy's name of their type, e.g. `float32`: initializers, and of Constant
    /// operators those with more than 16 elements, for smaller ones are shapes and factors. Bodies and functions included;
    /// a sparse constant counts what it stores. What is too large to count is left out.
    pub parameters: BTreeMap<String, u64>,
    /// Size of those constants in memory, by type and shape, wherever their values are. Text is left out.
    pub weight_bytes: u64,
    /// Files that hold values of the model's constants, each once and in order of mention: paths from the model's folder.
    /// They are as the model has them, an empty one where it names no file, and may lead anywhere: see [`confined`].
    ///
    /// [`confined`]: crate::confined
    pub external_data: Vec<String>,
}

/// Bytes that are no usable ONNX model.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("not an ONNX model: the bytes are no ModelProto (cut off, or another format)")]
    Malformed(#[source] FormatError),
    #[error("not an ONNX model: it has no {0}")]
    Incomplete(&'static str),
    #[error(
        "the file has {size_bytes} bytes, and an ONNX file is one protobuf message, at most 2 GiB ({MESSAGE_LIMIT_BYTES} bytes)\nhint: store weights as external data (onnx.save_model with save_as_external_data=True)"
    )]
    TooLarge { size_bytes: u64 },
    #[error(
        "the model has more operators, attributes and names than any real one: to hold their description takes more than 256 MiB, weights apart\nhint: is the file damaged?"
    )]
    Excessive,
    #[error(
        "the model stores weights at {location:?}, and that {reason}; weights must lie in the model's folder or below\nhint: save the model again with its weights beside it (onnx.save_model with save_as_external_data=True)"
    )]
    Unconfined { location: String, reason: &'static str },
}

impl From<ReadError> for InspectError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Malformed(error) => Self::Malformed(error),
            ReadError::Excessive => Self::Excessive,
        }
    }
}

/// Refuses a file that is larger than the format allows, by its size alone.
pub fn check_size(size_bytes: u64) -> Result<(), InspectError> {
    if size_bytes > MESSAGE_LIMIT_BYTES { Err(InspectError::TooLarge { size_bytes }) } else { Ok(()) }
}

/// Reads the description of a model from the bytes of its file, and whatever the bytes are, within some hundred MiB.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    let Opened { model, graph, opset } = open(bytes)?;
    let operators = operators::count(&graph);
    let inputs: Vec<ValueInfo> = fed_inputs(&graph).map(ValueInfo::from).collect();
    let (parameters, weight_bytes) = parameters::count(&graph, &model.functions);
    Ok(Inspection {
        ir_version: model.ir_version,
        producer: format!("{} {}", model.producer_name, model.producer_version).trim().to_owned(),
        opset,
        opsets: operators::sets(&model.opset_import),
        free_axes: value::free_axes(&inputs),
        inputs,
        outputs: graph.output.iter().map(ValueInfo::from).collect(),
        nodes: operators.values().copied().map(u64::from).sum(),
        operators,
        parameters,
        weight_bytes,
        external_data: side_files::list(&graph, &model.functions),
    })
}

/// A file that has what every model has.
pub(crate) struct Opened<'a> {
    /// Without its graph.
    pub(crate) model: Model<'a>,
    pub(crate) graph: Graph<'a>,
    /// Version of the standard operator set.
    pub(crate) opset: i64,
}

pub(crate) fn open(bytes: &[u8]) -> Result<Opened<'_>, InspectError> {
    check_size(bytes.len() as u64)?;
    let mut model: Model = Reader::read(bytes)?;
    // Many byte strings decode as some message, so what every model has is asked for by name.
    if model.ir_version < 1 {
        return Err(InspectError::Incomplete("IR version"));
    }
    let graph = *model.graph.take().ok_or(InspectError::Incomplete("graph"))?;
    if graph.node.is_empty() {
        return Err(InspectError::Incomplete("operators"));
    }
    if graph.output.is_empty() {
        return Err(InspectError::Incomplete("outputs"));
    }
    let standard = model.opset_import.iter().find(|set| is_standard(set.domain));
    let opset = standard.ok_or(InspectError::Incomplete("operator set version"))?.version;
    Ok(Opened { model, graph, opset })
}

/// The inputs that have no initializer to stand in for them.
pub(crate) fn fed_inputs<'g, 'a>(graph: &'g Graph<'a>) -> impl Iterator<Item = &'g read::ValueInfo<'a>> {
    let initialized: HashSet<&str> = graph.initializer.iter().map(|initializer| initializer.name).collect();
    graph.input.iter().filter(move |input| !initialized.contains(input.name))
}

#[cfg(test)]
mod tests;

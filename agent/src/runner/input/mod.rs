//! What is fed to a model: queries of ready tensors, from sentences, from seeded random numbers or from a file of tensors.
//!
//! Everything is prepared before measuring begins, and knows no runtime: a tensor here is a type, a shape and bytes.

mod npy;
mod random;
mod shape;
mod tensor_proto;
mod tensors;
mod text;
mod values;

pub(super) use shape::describe_range;
pub(super) use text::{Feed, Sequence, Tokens};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::{CellSpec, FailureKind, InputSource};

use shape::Form;
use tensors::{Arrays, TensorsError};

/// Queries kept ready, at most; a text of more batches is used up to here. `MLPerf`'s sets of text are of this order.
const LOADED_QUERIES: usize = 1024;
/// Bytes of all their tensors together, at most, so that inputs do not show in a model's memory. One query is always kept.
const LOADED_BYTES: usize = 32 << 20;

/// One input of a model, as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputSpec {
    pub(super) name: String,
    pub(super) element: Element,
    pub(super) axes: Vec<Axis>,
}

/// One axis of an input's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Axis {
    Fixed(i64),
    /// Free, by its name; the name may be empty.
    Symbol(String),
}

/// Types of elements that can be fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float32,
    Float64,
    Float16,
    Bfloat16,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Bool,
}

impl Element {
    #[cfg(test)]
    const ALL: [Self; 13] = [
        Self::Float32,
        Self::Float64,
        Self::Float16,
        Self::Bfloat16,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Bool,
    ];

    pub(super) const fn size_bytes(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 | Self::Bool => 1,
            Self::Float16 | Self::Bfloat16 | Self::Int16 | Self::Uint16 => 2,
            Self::Float32 | Self::Int32 | Self::Uint32 => 4,
            Self::Float64 | Self::Int64 | Self::Uint64 => 8,
        }
    }

    /// numpy's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Bool => "bool",
        }
    }
}

/// One tensor to feed: its shape, and its elements in row-major order and the machine's byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputTensor {
    pub(super) shape: Vec<i64>,
    pub(super) bytes: Vec<u8>,
}

/// One query: a tensor for each input of the model, in the model's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) tensors: Vec<InputTensor>,
}

impl Query {
    fn size_bytes(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.bytes.len()).sum()
    }
}

/// Inputs that can't be made for this model and cell.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("cannot read the {what} {}", path.display())]
    Unreadable { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the tokenizer is not one that can be loaded: {0}")]
    Tokenizer(tokenizers::Error),
    #[error("sentence {line} can't be tokenized: {source}")]
    Sentence { line: usize, source: tokenizers::Error },
    #[error("the text has no sentences")]
    NoText,
    #[error("the model takes text, and the cell names no tokenizer\nhint: add the model with its tokenizer.json")]
    NoTokenizer,
    #[error(
        "the model does not take text: it has the input `{name}`, and text gives input_ids, attention_mask and token_type_ids; its inputs are {all}\nhint: `input: random` feeds any model"
    )]
    NotText { name: String, all: String },
    #[error("input `{name}` is {found}; text needs an integer tensor of two axes, batch and sequence")]
    NotTokens { name: String, found: String },
    #[error(
        "input `{name}` is {found}: its {role} axis is {length} long, by the model or by `shapes`, and the cell asks for {asked}"
    )]
    Fixed { name: String, found: String, role: &'static str, length: i64, asked: i64 },
    #[error(
        "input `{name}` is {found}: its axis `{axis}` has no length\nhint: `dims` gives axes lengths by their names, `shapes` gives inputs whole shapes, `sequence_length` is for all axes without one"
    )]
    NoLength { name: String, found: String, axis: String },
    #[error("`{what}` names `{name}`, which the model does not have; it has {all}")]
    Unknown { what: &'static str, name: String, all: String },
    #[error("`shapes` gives input `{name}` the shape {shape:?}, which has not as many axes as the model's {found}")]
    Rank { name: String, found: String, shape: Vec<u32> },
    #[error("axis `{axis}` of input `{name}` is {by_shape} long by `shapes`, and {by_dims} by `dims`")]
    Contradiction { name: String, axis: String, by_shape: u32, by_dims: u32 },
    #[error("input `{name}` is {found}, with an axis of length 0: a query of nothing measures nothing")]
    ZeroSize { name: String, found: String },
    #[error("input `{name}` can't be {low} to {high}, as it is of type {element}: {why}")]
    Range { name: String, low: f64, high: f64, element: &'static str, why: &'static str },
    #[error("sequence_length {length} leaves no room for a word beside {special} special tokens")]
    TooShort { length: u32, special: usize },
    #[error("input `{name}` is {found}, which has more elements than memory")]
    TooLarge { name: String, found: String },
    #[error("the model does not take text: it has no inputs")]
    NoTextInputs,
    #[error("the cell takes tensors from a file, and the job has no such file")]
    NoTensors,
    #[error("the tensors {file} can't be fed to this model")]
    Tensors { file: String, source: TensorsError },
}

impl InputError {
    /// What the device lost is tried again; what the campaign or the model got wrong is not.
    pub(super) const fn kind(&self) -> FailureKind {
        match self {
            Self::Unreadable { .. } | Self::NoTensors => FailureKind::Infra,
            Self::TooLarge { .. } => FailureKind::OutOfMemory,
            _ => FailureKind::Model,
        }
    }
}

/// Makes the queries of a cell; at least one. `tokenizer` and `file` are the files it needs if it takes text or tensors.
/// Inputs that are fed by the cell's state begin as zeros, unless the file has something for them.
pub(super) fn queries(
    cell: &CellSpec,
    inputs: &[InputSpec],
    tokenizer: Option<&Path>,
    file: Option<&Path>,
) -> Result<Vec<Query>, InputError> {
    let form = Form::of(cell);
    form.check(inputs)?;
    let is_state = |input: &InputSpec| cell.state.values().any(|fed| *fed == input.name);
    let fed = |is_fed: &dyn Fn(&InputSpec) -> bool| inputs.iter().filter(|input| is_fed(input)).cloned().collect();
    let others: Vec<InputSpec> = fed(&|input| !is_state(input));
    let (fed, queries) = match &cell.input {
        InputSource::Random { seed, ranges } => {
            let queries = random::queries(*seed, ranges, &others, form)?;
            (others, queries)
        }
        InputSource::Text(_) => {
            let text = file.ok_or(InputError::NoText)?;
            let sentences = std::fs::read_to_string(text).map_err(|source| InputError::Unreadable {
                what: "text",
                path: text.to_owned(),
                source,
            })?;
            let tokenizer = Tokens::load(tokenizer.ok_or(InputError::NoTokenizer)?)?;
            let queries = text::queries(&sentences, &tokenizer, &others, form)?;
            (others, queries)
        }
        InputSource::Tensors(named) => {
            let arrays = Arrays::open(file.ok_or(InputError::NoTensors)?, &named.path)?;
            let fed: Vec<InputSpec> = fed(&|input| !is_state(input) || arrays.has(&input.name));
            let queries = arrays.queries(&fed, form)?;
            (fed, queries)
        }
    };
    with_zeros(queries, &fed, inputs, form)
}

/// Adds a tensor of zeros to each query for every input that is not fed.
fn with_zeros(
    queries: Vec<Query>,
    fed: &[InputSpec],
    inputs: &[InputSpec],
    form: Form<'_>,
) -> Result<Vec<Query>, InputError> {
    let complete = |query: Query| {
        let mut tensors = query.tensors.into_iter();
        let tensor = |input: &InputSpec| match fed.contains(input).then(|| tensors.next()).flatten() {
            Some(tensor) => Ok(tensor),
            None => zeros(input, form),
        };
        Ok(Query { tensors: inputs.iter().map(tensor).collect::<Result<_, _>>()? })
    };
    queries.into_iter().map(complete).collect()
}

fn zeros(input: &InputSpec, form: Form<'_>) -> Result<InputTensor, InputError> {
    // Of every type, zero has zero bytes.
    shape::resolve(input, form).map(|(shape, size_bytes)| InputTensor { shape, bytes: vec![0; size_bytes] })
}

/// Seeded queries of one sample for a model whose shapes are fixed.
pub(super) fn random(seed: u64, inputs: &[InputSpec]) -> Result<Vec<Query>, InputError> {
    let (ranges, dims, shapes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let form = Form { samples: 1, sequence_length: None, dims: &dims, shapes: &shapes };
    random::queries(seed, &ranges, inputs, form)
}

/// Takes queries while they fit what is kept ready; always the first.
fn load(mut queries: impl Iterator<Item = Result<Query, InputError>>) -> Result<Vec<Query>, InputError> {
    let mut loaded = Vec::new();
    let mut size_bytes = 0;
    while loaded.len() < LOADED_QUERIES
        && let Some(query) = queries.next().transpose()?
    {
        size_bytes += query.size_bytes();
        if !loaded.is_empty() && size_bytes > LOADED_BYTES {
            break;
        }
        loaded.push(query);
    }
    Ok(loaded)
}

/// e.g. `x: float32[batch,3], y: int64[1]`.
pub(super) fn list(inputs: &[InputSpec]) -> String {
    let inputs: Vec<String> = inputs.iter().map(|input| format!("{}: {}", input.name, input.describe())).collect();
    if inputs.is_empty() { "no inputs".to_owned() } else { inputs.join(", ") }
}

/// Describes each input over all queries, e.g. `input_ids: int64[1,7..41]`.
pub(super) fn describe(inputs: &[InputSpec], queries: &[Query]) -> Vec<String> {
    inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let shapes: Vec<&[i64]> = queries.iter().map(|query| query.tensors[index].shape.as_slice()).collect();
            format!("{}: {}", input.name, describe_range(input.element.name(), &shapes))
        })
        .collect()
}

#[cfg(test)]
mod tests;

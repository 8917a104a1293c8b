//! What is fed to a model: queries of ready tensors, from sentences or from seeded random numbers.
//!
//! Everything is prepared before measuring begins, and knows no runtime: a tensor here is a type, a shape and bytes.

mod random;
mod shape;
mod text;

pub(super) use shape::describe_range;

use std::path::{Path, PathBuf};

use domain::{CellSpec, FailureKind, InputSource};

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
    #[error("input `{name}` has {length} at its {role} axis, fixed by the model, and the cell asks for {asked}")]
    Fixed { name: String, role: &'static str, length: i64, asked: i64 },
    #[error("input `{name}` is {found}: its axis `{axis}` has no length\nhint: set `sequence_length`")]
    NoLength { name: String, found: String, axis: String },
    #[error("sequence_length {length} leaves no room for a word beside {special} special tokens")]
    TooShort { length: u32, special: usize },
    #[error("input `{name}` is {found}, which has more elements than memory")]
    TooLarge { name: String, found: String },
    #[error("the model has no inputs, so that every inference is the same")]
    NoInputs,
}

impl InputError {
    /// What the device lost is tried again; what the campaign or the model got wrong is not.
    pub(super) const fn kind(&self) -> FailureKind {
        match self {
            Self::Unreadable { .. } => FailureKind::Infra,
            Self::TooLarge { .. } => FailureKind::OutOfMemory,
            _ => FailureKind::Model,
        }
    }
}

/// Makes the queries of a cell; at least one. `tokenizer` and `text` are the files it needs if it takes text.
pub(super) fn queries(
    cell: &CellSpec,
    inputs: &[InputSpec],
    tokenizer: Option<&Path>,
    text: Option<&Path>,
) -> Result<Vec<Query>, InputError> {
    let form = shape::Form { batch: cell.batch, sequence_length: cell.sequence_length };
    match &cell.input {
        InputSource::Random { seed } => random::queries(*seed, inputs, form),
        InputSource::Text(_) => {
            let text = text.ok_or(InputError::NoText)?;
            let sentences = std::fs::read_to_string(text).map_err(|source| InputError::Unreadable {
                what: "text",
                path: text.to_owned(),
                source,
            })?;
            let tokenizer = text::Tokens::load(tokenizer.ok_or(InputError::NoTokenizer)?)?;
            text::queries(&sentences, &tokenizer, inputs, form)
        }
    }
}

/// Seeded queries of one sample for a model whose shapes are fixed.
pub(super) fn random(seed: u64, inputs: &[InputSpec]) -> Result<Vec<Query>, InputError> {
    random::queries(seed, inputs, shape::Form { batch: 1, sequence_length: None })
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

//! From an example of a data set to what a model is fed, and from what it answers to a prediction: one file for each kind of
//! task, behind one trait.
//!
//! Knows no runtime: tensors here are types, shapes and bytes. Runs nothing and counts nothing: see [`super::evaluate`].

mod answers;
mod detection;
mod image;
mod labels;
mod number;
mod stack;
mod text;
mod values;

use std::fmt::Debug;
use std::path::Path;

use dataset::Example;
use domain::{Evaluation, Takes, Task};
use score::Output;

use super::input::{self, InputError, InputSpec, InputTensor, Query};
use answers::AnswerTask;
use detection::DetectionTask;
use image::UnfitInput;
use labels::LabelTask;
use text::TextTask;

/// How one kind of task is done. Used by two threads: one makes rows, the other queries and predictions.
pub(super) trait Evaluator: Debug + Send + Sync {
    /// What the model is fed for an example: one row of a batch, or several (windows over a long text, two sentences).
    /// The error says why the example can't be used.
    fn rows(&self, example: &Example) -> Result<Vec<Row>, String>;

    /// Rows, at least one, as one query, in the order of the model's inputs. `length`: of every text, where the cell gives one.
    fn query(&self, rows: &[&Row], length: Option<u32>) -> Result<Query, String>;

    /// What the model's outputs for the rows of an example say, in the same order. The error is the model's fault.
    fn read(&self, example: &Example, rows: &[Row], outputs: &[RowOutputs]) -> Result<Output, String>;
}

/// What one inference is fed for one example, ready to be put beside others into a batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    Tokens(TokenRow),
    /// One tensor for each input of the model, each with a first axis of length 1. Boxed numbers: what reading the outputs
    /// needs to know of the image.
    Tensors {
        tensors: Vec<InputTensor>,
        placed: Option<Placed>,
    },
}

/// A text in tokens, not yet padded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TokenRow {
    pub(super) ids: Vec<u32>,
    pub(super) types: Vec<u32>,
    /// Question answering: where in the context, in bytes, each token of the context lies; `None` for all other tokens.
    pub(super) offsets: Vec<Option<(u32, u32)>>,
    /// Question answering with several windows: whether this is the window in which a token has the most context on both sides.
    pub(super) best_here: Vec<bool>,
}

/// How an image was placed into the model's input: `x_input = x_image * scale + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    pub(super) image_width: u32,
    pub(super) image_height: u32,
    pub(super) input_width: u32,
    pub(super) input_height: u32,
    pub(super) scale: (f64, f64),
    pub(super) offset: (f64, f64),
}

/// All outputs of the model for one row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RowOutputs {
    pub(super) tensors: Vec<OutputTensor>,
}

/// One output: the part of one row of the batch, whose first axis then has length 1; or all of it, if its first axis is not
/// the batch's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OutputTensor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// In row-major order, whatever the type; whole numbers up to 2^24 are exact.
    pub(super) values: Vec<f32>,
}

impl RowOutputs {
    /// The output of that name, or the first one. The error names what there is.
    pub(super) fn get(&self, name: Option<&str>) -> Result<&OutputTensor, String> {
        let found = match name {
            Some(name) => self.tensors.iter().find(|tensor| tensor.name == name),
            None => self.tensors.first(),
        };
        found.ok_or_else(|| {
            let all: Vec<&str> = self.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
            format!("the model has no output `{}`; it has {}", name.unwrap_or_default(), all.join(", "))
        })
    }
}

/// An evaluation that can't be done with this model.
#[derive(Debug, thiserror::Error)]
pub(super) enum TaskError {
    #[error("the task {task} takes {takes}, and the model has {inputs}")]
    Inputs { task: Task, takes: &'static str, inputs: String },
    #[error("the task {task} needs `{missing}` on the model's card")]
    Undeclared { task: Task, missing: &'static str },
    #[error(
        "texts of the task {task} are cut to {max_length} tokens, by `max-length` of the model's preprocessing or by the model itself, and need {needed}: {purpose}"
    )]
    TooShort { task: Task, max_length: u32, needed: usize, purpose: &'static str },
    #[error("the model can't be fed images through its input `{name}`, which is {found}")]
    Image { name: String, found: String, source: UnfitInput },
    #[error("the {input}: its shape does not follow from the number of an example's values")]
    Shapeless { input: String },
    #[error(transparent)]
    Input(#[from] InputError),
}

/// The input of a model that has no other.
fn only_input<'i>(task: Task, takes: &'static str, inputs: &'i [InputSpec]) -> Result<&'i InputSpec, TaskError> {
    let [input] = inputs else { return Err(TaskError::Inputs { task, takes, inputs: input::list(inputs) }) };
    Ok(input)
}

/// What does an evaluation with a model of these inputs. `categories`: of a data set for detection, ascending.
pub(super) fn evaluator(
    evaluation: &Evaluation,
    inputs: &[InputSpec],
    tokenizer: Option<&Path>,
    categories: &[u32],
) -> Result<Box<dyn Evaluator>, TaskError> {
    let task = evaluation.task;
    let tokenizer = || tokenizer.ok_or(TaskError::Input(InputError::NoTokenizer));
    Ok(match (task.takes(), task) {
        (Takes::Text, Task::QuestionAnswering) => Box::new(AnswerTask::new(evaluation, inputs, tokenizer()?)?),
        (Takes::Text, _) => Box::new(TextTask::new(evaluation, inputs, tokenizer()?)?),
        (Takes::Images, Task::ObjectDetection) => Box::new(DetectionTask::new(evaluation, inputs, categories)?),
        (Takes::Images | Takes::Tensors, _) => Box::new(LabelTask::new(evaluation, inputs)?),
    })
}

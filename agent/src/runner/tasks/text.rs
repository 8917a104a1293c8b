//! Sentences and pairs of sentences: GLUE's labels and grades, and the similarity of two sentences' vectors.
//!
//! A text is what the model's own tokenizer makes of it, cut as the declared preprocessing says, and of a pair the longer text
//! first; of two that are both too long, the longer one keeps the odd token, as with the library that most scripts use. The
//! similarity of two sentences takes one inference for each.

mod encoder;
mod inputs;
mod vectors;

pub(super) use encoder::Encoder;
pub(super) use inputs::{TextInputs, tokens_of};

use std::path::Path;

use dataset::{Example, Input};
use domain::{Evaluation, Pooling, Postprocessing, Task};
use score::Output;
use tokenizers::{TruncationParams, truncate_encodings};

use super::super::input::{InputSpec, Query, Tokens};
use super::labels::Labels;
use super::{Evaluator, OutputTensor, Row, RowOutputs, TaskError, TokenRow};

/// Sentences and pairs with one model.
#[derive(Debug)]
pub(super) struct TextTask {
    encoder: Encoder,
    inputs: TextInputs,
    /// The output that is read, if the card names one.
    output: Option<String>,
    reading: Reading,
}

/// What is made of the output.
#[derive(Debug)]
enum Reading {
    /// A number for each class.
    Labels(Labels),
    /// One number.
    Grade,
    /// A vector of each of two sentences.
    Similarity(Option<Pooling>),
}

impl TextTask {
    /// A task of [`domain::Takes::Text`] but [`Task::QuestionAnswering`].
    pub(super) fn new(evaluation: &Evaluation, inputs: &[InputSpec], tokenizer: &Path) -> Result<Self, TaskError> {
        let Evaluation { task, preprocessing, postprocessing, .. } = evaluation;
        let Postprocessing { output, labels, label_offset, pooling, spans: _, detector: _ } = postprocessing;
        let reading = match task {
            Task::Stsb => Reading::Grade,
            Task::SentenceSimilarity => Reading::Similarity(*pooling),
            _ => Reading::Labels(Labels::new(labels, *label_offset)),
        };
        let tokens = Tokens::load(tokenizer)?;
        let declared = preprocessing.text.clone().unwrap_or_default().max_length;
        let inputs = TextInputs::new(*task, inputs, &tokens, declared)?;
        // The library's cutting does not look whether there is room.
        inputs.check_room(tokens.special(true) + 2, "a word of each text and the special tokens")?;
        Ok(Self { encoder: Encoder::new(tokens), inputs, output: output.clone(), reading })
    }

    fn row(&self, first: &str, second: Option<&str>) -> Result<Row, String> {
        let second = second.map(|text| self.encoder.encode(text)).transpose()?;
        let max_length = self.inputs.max_length() as usize - self.encoder.special(second.is_some());
        let cut = TruncationParams { max_length, ..TruncationParams::default() };
        let cut = truncate_encodings(self.encoder.encode(first)?, second, &cut).map_err(|error| error.to_string())?;
        let (mut first, mut second) = cut;
        // What was cut off is kept beside the rest, and would become sequences of its own.
        first.set_overflowing(Vec::new());
        if let Some(second) = &mut second {
            second.set_overflowing(Vec::new());
        }
        let joined = self.encoder.join(first, second)?;
        if joined.is_empty() {
            return Err("the tokenizer makes no tokens of it".to_owned());
        }
        let (ids, types) = (joined.get_ids().to_vec(), joined.get_type_ids().to_vec());
        Ok(Row::Tokens(TokenRow { ids, types, ..TokenRow::default() }))
    }

    /// The output that the card names, else the first of those that models of this kind call so, else the first.
    fn output<'o>(&self, outputs: &'o RowOutputs, usual: &[&str]) -> Result<&'o OutputTensor, String> {
        let has = |name: &&&str| outputs.tensors.iter().any(|tensor| tensor.name == **name);
        let name = self.output.as_deref().or_else(|| usual.iter().find(has).copied());
        outputs.get(name)
    }

    /// The only row's numbers.
    fn logits<'o>(&self, outputs: &'o [RowOutputs]) -> Result<&'o OutputTensor, String> {
        let [outputs] = outputs else { return Err(format!("{} rows of one text", outputs.len())) };
        let tensor = self.output(outputs, &["logits"])?;
        let OutputTensor { name, shape, values } = tensor;
        if values.is_empty() || shape.last() != Some(&values.len()) {
            return Err(format!("the output `{name}` has the shape {shape:?}; a text's is one row of numbers"));
        }
        Ok(tensor)
    }

    fn vector(&self, row: &Row, outputs: &RowOutputs, pooling: Option<Pooling>) -> Result<Vec<f64>, String> {
        let tensor = self.output(outputs, &["sentence_embedding", "last_hidden_state"])?;
        vectors::pooled(tensor, |padded| self.inputs.own(row, padded), pooling)
    }
}

impl Evaluator for TextTask {
    fn rows(&self, example: &Example) -> Result<Vec<Row>, String> {
        let Input::Text { first, second } = &example.input else { return Err("it is not text".to_owned()) };
        match (&self.reading, second) {
            (Reading::Similarity(_), Some(second)) => Ok(vec![self.row(first, None)?, self.row(second, None)?]),
            (Reading::Similarity(_), None) => Err("it has one sentence, and similarity is of two".to_owned()),
            (Reading::Labels(_) | Reading::Grade, second) => Ok(vec![self.row(first, second.as_deref())?]),
        }
    }

    fn query(&self, rows: &[&Row], length: Option<u32>) -> Result<Query, String> {
        self.inputs.query(rows, length)
    }

    fn read(&self, _: &Example, rows: &[Row], outputs: &[RowOutputs]) -> Result<Output, String> {
        match &self.reading {
            Reading::Labels(labels) => Ok(Output::Labels(labels.best(&self.logits(outputs)?.values)?)),
            Reading::Grade => {
                let OutputTensor { name, shape, values } = self.logits(outputs)?;
                let [grade] = values[..] else {
                    return Err(format!("the output `{name}` has the shape {shape:?}, and a grade is one number"));
                };
                finite(f64::from(grade))
            }
            Reading::Similarity(pooling) => {
                let ([a, b], [of_a, of_b]) = (rows, outputs) else {
                    return Err(format!("{} rows of two sentences", outputs.len()));
                };
                finite(vectors::cosine(&self.vector(a, of_a, *pooling)?, &self.vector(b, of_b, *pooling)?)?)
            }
        }
    }
}

/// What is not finite can't be ranked, or stored.
fn finite(value: f64) -> Result<Output, String> {
    if value.is_finite() { Ok(Output::Value(value)) } else { Err(format!("the model's answer is {value}")) }
}

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;

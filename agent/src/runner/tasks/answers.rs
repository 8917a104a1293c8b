//! `SQuAD`'s questions: a context in windows of tokens, and the answer as a part of it.
//!
//! The rules are those of BERT's `run_squad.py` (Devlin et al. 2019): the best starts and the best ends are combined, an
//! answer begins where its window shows the most context, and the greatest sum over all windows wins. The answer's text is
//! cut out of the context by the tokens' places, as the later scripts do, and not put together from words again.

mod spans;
mod windows;

use std::path::Path;

use dataset::{Example, Input};
use domain::{Evaluation, Spans, TextPreprocessing};
use score::Output;

use super::super::input::{InputSpec, Query, Tokens};
use super::text::{TextInputs, tokens_of};
use super::{Evaluator, OutputTensor, Row, RowOutputs, TaskError};
use spans::Span;
use windows::Windows;

/// Questions with one model.
#[derive(Debug)]
pub(super) struct AnswerTask {
    windows: Windows,
    inputs: TextInputs,
    spans: Spans,
}

impl AnswerTask {
    pub(super) fn new(evaluation: &Evaluation, inputs: &[InputSpec], tokenizer: &Path) -> Result<Self, TaskError> {
        let Evaluation { task, preprocessing, postprocessing, .. } = evaluation;
        let usual =
            TextPreprocessing { max_length: TextPreprocessing::ANSWERS_MAX_LENGTH, ..TextPreprocessing::default() };
        let TextPreprocessing { max_length, stride } = preprocessing.text.clone().unwrap_or(usual);
        let tokens = Tokens::load(tokenizer)?;
        let inputs = TextInputs::new(*task, inputs, &tokens, max_length)?;
        let (max_length, stride) = (inputs.max_length() as usize, stride as usize);
        inputs.check_room(
            windows::least_length(&tokens, stride),
            "the longest question, the special tokens, and a word more than the windows of a context share (`stride`)",
        )?;
        let windows = Windows::new(tokens, max_length, stride);
        Ok(Self { windows, inputs, spans: postprocessing.spans.clone().unwrap_or_default() })
    }

    /// An output's numbers for the tokens of a row.
    fn logits<'o>(&self, name: &str, row: &Row, outputs: &'o RowOutputs) -> Result<&'o [f32], String> {
        let OutputTensor { name, shape, values } = outputs.get(Some(name))?;
        let padded = match shape[..] {
            [_, tokens] | [_, tokens, 1] if tokens == values.len() => tokens,
            _ => return Err(format!("the output `{name}` has the shape {shape:?}; it needs a number for each token")),
        };
        Ok(&values[self.inputs.own(row, padded)?])
    }

    fn best(&self, row: &Row, outputs: &RowOutputs) -> Result<Option<Span>, String> {
        let Spans { start, end, n_best, max_answer_length } = &self.spans;
        let (starts, ends) = (self.logits(start, row, outputs)?, self.logits(end, row, outputs)?);
        Ok(spans::best(tokens_of(row)?, starts, ends, *n_best as usize, *max_answer_length as usize))
    }
}

impl Evaluator for AnswerTask {
    fn rows(&self, example: &Example) -> Result<Vec<Row>, String> {
        let (question, context) = parts(example)?;
        Ok(self.windows.of(question, context)?.into_iter().map(Row::Tokens).collect())
    }

    fn query(&self, rows: &[&Row], length: Option<u32>) -> Result<Query, String> {
        self.inputs.query(rows, length)
    }

    fn read(&self, example: &Example, rows: &[Row], outputs: &[RowOutputs]) -> Result<Output, String> {
        let (_, context) = parts(example)?;
        let mut best: Option<Span> = None;
        for (row, outputs) in rows.iter().zip(outputs) {
            let found = self.best(row, outputs)?;
            // Of equal ones the first, as in a stable sort.
            best = match (best, found) {
                (Some(best), Some(found)) if found.score > best.score => Some(found),
                (best, found) => best.or(found),
            };
        }
        // A context without a word has no answer.
        let Some(Span { begin, end, score: _ }) = best else { return Ok(Output::Answer(String::new())) };
        let text = context.get(begin as usize..end as usize);
        let text = text.ok_or_else(|| format!("the answer, bytes {begin} to {end}, is no part of the context"))?;
        Ok(Output::Answer(text.to_owned()))
    }
}

fn parts(example: &Example) -> Result<(&str, &str), String> {
    match &example.input {
        Input::Question { question, context } => Ok((question, context)),
        _ => Err("it is not a question with a context".to_owned()),
    }
}

#[cfg(test)]
mod tests;

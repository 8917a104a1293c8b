//! What all tasks of text have in common: how long a text may be, and rows of tokens as a query.

use std::ops::Range;

use domain::Task;

use super::super::super::input::{Axis, Feed, InputSpec, Query, Sequence, Tokens, list};
use super::super::{Row, TaskError, TokenRow};

/// The inputs of a model of text, and the length its texts are cut to.
#[derive(Debug)]
pub(in crate::runner::tasks) struct TextInputs {
    task: Task,
    feed: Feed,
    /// The length every row has, by the model.
    fixed: Option<u32>,
    max_length: u32,
}

impl TextInputs {
    /// `declared`: tokens of a text at most, by the card. A model that fixes a length of less cuts to that.
    pub(in crate::runner::tasks) fn new(
        task: Task,
        inputs: &[InputSpec],
        tokens: &Tokens,
        declared: u32,
    ) -> Result<Self, TaskError> {
        let feed = Feed::new(inputs, tokens)?;
        let mut fixed = None;
        for input in inputs {
            let Some(Axis::Fixed(length)) = input.axes.get(1) else { continue };
            let length = u32::try_from(*length).unwrap_or(u32::MAX);
            if fixed.is_some_and(|other| other != length) {
                let takes = "texts, of one length in all inputs";
                return Err(TaskError::Inputs { task, takes, inputs: list(inputs) });
            }
            fixed = Some(length);
        }
        Ok(Self { task, feed, fixed, max_length: fixed.map_or(declared, |fixed| fixed.min(declared)) })
    }

    /// Tokens of a text at most, special ones included.
    pub(in crate::runner::tasks) const fn max_length(&self) -> u32 {
        self.max_length
    }

    /// An error if a text may not have as many tokens as it needs, for `purpose`.
    pub(in crate::runner::tasks) fn check_room(&self, needed: usize, purpose: &'static str) -> Result<(), TaskError> {
        if self.max_length as usize >= needed {
            return Ok(());
        }
        Err(TaskError::TooShort { task: self.task, max_length: self.max_length, needed, purpose })
    }

    /// Rows as a query, padded to the model's length, else to `length`, else to the longest.
    pub(in crate::runner::tasks) fn query(&self, rows: &[&Row], length: Option<u32>) -> Result<Query, String> {
        let sequences = rows.iter().map(|row| sequence_of(row)).collect::<Result<Vec<Sequence<'_>>, String>>()?;
        let longest = sequences.iter().map(|sequence| sequence.ids.len()).max().unwrap_or(0);
        let length = match (self.fixed, length) {
            (Some(fixed), Some(asked)) if fixed != asked => {
                return Err(format!(
                    "the model takes texts of {fixed} tokens, and the cell's sequence length is {asked}"
                ));
            }
            (Some(length), _) | (None, Some(length)) => length as usize,
            (None, None) => longest,
        };
        if longest > length {
            return Err(format!(
                "a text has {longest} tokens, and every text is to have {length}\nhint: `max-length: {length}` in the model's preprocessing cuts texts to it"
            ));
        }
        Ok(self.feed.query(&sequences, length))
    }

    /// Where the tokens of a row are among those of an output, whose axis of tokens is `padded` long.
    pub(in crate::runner::tasks) fn own(&self, row: &Row, padded: usize) -> Result<Range<usize>, String> {
        let tokens = tokens_of(row)?.ids.len();
        if tokens > padded {
            return Err(format!("the model answers for {padded} tokens of {tokens}"));
        }
        Ok(self.feed.own(tokens, padded))
    }
}

/// The tokens of a row of text.
pub(in crate::runner::tasks) fn tokens_of(row: &Row) -> Result<&TokenRow, String> {
    match row {
        Row::Tokens(tokens) => Ok(tokens),
        Row::Tensors { .. } => Err("tensors where a text is expected".to_owned()),
    }
}

fn sequence_of(row: &Row) -> Result<Sequence<'_>, String> {
    let TokenRow { ids, types, offsets: _, best_here: _ } = tokens_of(row)?;
    Ok(Sequence { ids, types })
}

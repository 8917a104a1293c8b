//! Sentences through a model's tokenizer.
//!
//! With a sequence length every sentence is cut and padded to it; without one, a sentence keeps its own length and a batch
//! is padded to its longest. Cutting and padding that are baked into tokenizer.json never apply: the popular MiniLM's pads
//! everything to 128 and would measure the same at every length.

mod feed;

pub(in crate::runner) use feed::{Feed, Sequence};

use std::path::Path;

use tokenizers::{Encoding, PostProcessor as _, Tokenizer, TruncationParams};

use super::shape::Form;
use super::{Axis, InputError, InputSpec, Query, load};
use feed::Padding;

/// A tokenizer that neither cuts nor pads, and how it would pad.
pub(in crate::runner) struct Tokens {
    tokenizer: Tokenizer,
    padding: Padding,
}

impl Tokens {
    pub(in crate::runner) fn load(path: &Path) -> Result<Self, InputError> {
        let bytes = std::fs::read(path).map_err(|source| InputError::Unreadable {
            what: "tokenizer",
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, InputError> {
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(InputError::Tokenizer)?;
        let padding = Padding::of(&tokenizer);
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(InputError::Tokenizer)?;
        Ok(Self { tokenizer, padding })
    }

    /// Special tokens that are added to one text, or to two.
    pub(in crate::runner) fn special(&self, pair: bool) -> usize {
        self.tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(pair))
    }

    /// The tokenizer itself.
    pub(in crate::runner) fn into_tokenizer(self) -> Tokenizer {
        self.tokenizer
    }

    /// Cuts every sentence to `length` tokens, special ones included.
    fn cutting_to(&self, length: u32) -> Result<Tokenizer, InputError> {
        let special = self.special(false);
        let max_length = length as usize;
        // The library subtracts one from the other without looking.
        if max_length <= special {
            return Err(InputError::TooShort { length, special });
        }
        let mut tokenizer = self.tokenizer.clone();
        let truncation = TruncationParams { max_length, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(InputError::Tokenizer)?;
        Ok(tokenizer)
    }
}

/// Queries of as many consecutive sentences as a query has samples; the last is filled up from the beginning. Empty lines
/// are skipped.
pub(super) fn queries(
    text: &str,
    tokens: &Tokens,
    inputs: &[InputSpec],
    form: Form<'_>,
) -> Result<Vec<Query>, InputError> {
    let feed = Feed::new(inputs, tokens)?;
    let (batch, length) = lengths(inputs, form)?;
    let sentences: Vec<(usize, &str)> =
        text.lines().map(str::trim).enumerate().filter(|(_, sentence)| !sentence.is_empty()).collect();
    if sentences.is_empty() {
        return Err(InputError::NoText);
    }
    let cutting = length.map(|length| tokens.cutting_to(length)).transpose()?;
    let tokenizer = cutting.as_ref().unwrap_or(&tokens.tokenizer);
    load((0..sentences.len().div_ceil(batch)).map(|number| {
        let members = sentences.iter().cycle().skip(number * batch).take(batch);
        let encodings = members
            .map(|&(line, sentence)| {
                tokenizer.encode_fast(sentence, true).map_err(|source| InputError::Sentence { line: line + 1, source })
            })
            .collect::<Result<Vec<Encoding>, _>>()?;
        let sequences: Vec<Sequence<'_>> = encodings.iter().map(Sequence::of).collect();
        let longest = sequences.iter().map(|sequence| sequence.ids.len()).max().unwrap_or(0);
        Ok(feed.query(&sequences, length.map_or(longest, |length| length as usize)))
    }))
}

/// Sentences in a query, and the length every one gets: the cell's, or the one a model fixes. Also checks what a model
/// fixes against the cell.
fn lengths(inputs: &[InputSpec], form: Form<'_>) -> Result<(usize, Option<u32>), InputError> {
    let explicit = |index| inputs.iter().find_map(|input| form.explicit(input, index));
    let batch = explicit(0).unwrap_or(form.samples);
    let mut length = explicit(1).or(form.sequence_length);
    for input in inputs {
        let differs = |role: &'static str, length: i64, asked: u32| {
            let (name, found) = (input.name.clone(), input.describe());
            Err(InputError::Fixed { name, found, role, length, asked: asked.into() })
        };
        // What the model or the cell says of this input's axis.
        let said = |index: usize| match input.axes[index] {
            Axis::Fixed(length) => Some(length),
            Axis::Symbol(_) => form.explicit(input, index).map(i64::from),
        };
        if let Some(said) = said(0)
            && said != i64::from(batch)
        {
            return differs("batch", said, batch);
        }
        match (said(1), length) {
            (Some(said), Some(asked)) if said != i64::from(asked) => return differs("sequence", said, asked),
            (Some(said), None) => length = u32::try_from(said).ok(),
            _ => {}
        }
        let shape = [batch.into(), length.unwrap_or(1).into()];
        input.check_size(&shape)?;
    }
    Ok((batch as usize, length))
}

#[cfg(test)]
mod tests;

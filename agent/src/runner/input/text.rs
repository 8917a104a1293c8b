//! Sentences through a model's tokenizer.
//!
//! With a sequence length every sentence is cut and padded to it; without one, a sentence keeps its own length and a batch
//! is padded to its longest. Cutting and padding that are baked into tokenizer.json never apply: the popular MiniLM's pads
//! everything to 128 and would measure the same at every length.

use std::path::Path;

use tokenizers::{Encoding, PaddingDirection, PostProcessor as _, Tokenizer, TruncationParams};

use super::shape::Form;
use super::values::push_whole;
use super::{Axis, Element, InputError, InputSpec, InputTensor, Query, list, load};

/// A tokenizer, and how it would pad.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    padding: Padding,
}

struct Padding {
    id: u32,
    type_id: u32,
    token: String,
    direction: PaddingDirection,
}

impl Padding {
    /// As the tokenizer would, did it pad; else as the families of models do.
    fn of(tokenizer: &Tokenizer) -> Self {
        if let Some(baked) = tokenizer.get_padding() {
            return Self {
                id: baked.pad_id,
                type_id: baked.pad_type_id,
                token: baked.pad_token.clone(),
                direction: baked.direction,
            };
        }
        let known = ["[PAD]", "<pad>", "<|endoftext|>"];
        let known = known.into_iter().find_map(|token| Some((tokenizer.token_to_id(token)?, token)));
        let (id, token) = known.unwrap_or((0, "[PAD]"));
        Self { id, type_id: 0, token: token.to_owned(), direction: PaddingDirection::Right }
    }
}

impl Tokens {
    pub(super) fn load(path: &Path) -> Result<Self, InputError> {
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

    /// Cuts every sentence to `length` tokens, special ones included.
    fn cutting_to(&self, length: u32) -> Result<Tokenizer, InputError> {
        let special = self.tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
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

    fn pad(&self, encoding: &mut Encoding, length: usize) {
        let Padding { id, type_id, token, direction } = &self.padding;
        encoding.pad(length, *id, *type_id, token, *direction);
    }
}

/// What the tokenizer gives for an input.
#[derive(Debug, Clone, Copy)]
enum Part {
    Ids,
    Mask,
    Types,
}

impl Part {
    fn of(self, encoding: &Encoding) -> &[u32] {
        match self {
            Self::Ids => encoding.get_ids(),
            Self::Mask => encoding.get_attention_mask(),
            Self::Types => encoding.get_type_ids(),
        }
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
    let parts = parts(inputs)?;
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
        let mut encodings = members
            .map(|&(line, sentence)| {
                tokenizer.encode_fast(sentence, true).map_err(|source| InputError::Sentence { line: line + 1, source })
            })
            .collect::<Result<Vec<Encoding>, _>>()?;
        let longest = encodings.iter().map(Encoding::len).max().unwrap_or(0);
        let length = length.map_or(longest, |length| length as usize);
        for encoding in &mut encodings {
            tokens.pad(encoding, length);
        }
        Ok(Query { tensors: parts.iter().map(|&(part, element)| tensor(&encodings, part, element, length)).collect() })
    }))
}

fn tensor(encodings: &[Encoding], part: Part, element: Element, length: usize) -> InputTensor {
    let mut bytes = Vec::with_capacity(encodings.len() * length * element.size_bytes());
    for &number in encodings.iter().flat_map(|encoding| part.of(encoding)) {
        push_whole(element, number.into(), &mut bytes);
    }
    let axis = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    InputTensor { shape: vec![axis(encodings.len()), axis(length)], bytes }
}

/// Which part of an encoding each input takes, by its name.
fn parts(inputs: &[InputSpec]) -> Result<Vec<(Part, Element)>, InputError> {
    if inputs.is_empty() {
        return Err(InputError::NoTextInputs);
    }
    let part = |input: &InputSpec| match input.name.as_str() {
        "input_ids" => Ok(Part::Ids),
        "attention_mask" => Ok(Part::Mask),
        "token_type_ids" => Ok(Part::Types),
        _ => Err(InputError::NotText { name: input.name.clone(), all: list(inputs) }),
    };
    inputs
        .iter()
        .map(|input| match (part(input)?, input.element) {
            // Some exporters make the mask a float; ids are always whole.
            (part, element @ (Element::Int64 | Element::Int32)) | (part @ Part::Mask, element @ Element::Float32)
                if input.axes.len() == 2 =>
            {
                Ok((part, element))
            }
            _ => Err(InputError::NotTokens { name: input.name.clone(), found: input.describe() }),
        })
        .collect()
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

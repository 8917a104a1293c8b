//! Sequences of tokens as tensors: which input takes which part of a sequence, and how sequences of one query get one length.

use std::ops::Range;

use tokenizers::{Encoding, PaddingDirection, Tokenizer};

use super::super::values::push_whole;
use super::super::{Element, InputError, InputSpec, InputTensor, Query, list};
use super::Tokens;

/// One text in tokens, none of which is padding.
#[derive(Debug, Clone, Copy)]
pub(in crate::runner) struct Sequence<'a> {
    pub(in crate::runner) ids: &'a [u32],
    /// As many as ids: which of two texts a token is of.
    pub(in crate::runner) types: &'a [u32],
}

impl<'a> Sequence<'a> {
    pub(super) fn of(encoding: &'a Encoding) -> Self {
        Self { ids: encoding.get_ids(), types: encoding.get_type_ids() }
    }
}

/// The inputs of a model that takes text, and how its tokenizer pads.
#[derive(Debug, Clone)]
pub(in crate::runner) struct Feed {
    parts: Vec<(Part, Element)>,
    padding: Padding,
}

impl Feed {
    /// An error if an input takes no part of a text.
    pub(in crate::runner) fn new(inputs: &[InputSpec], tokens: &Tokens) -> Result<Self, InputError> {
        Ok(Self { parts: parts(inputs)?, padding: tokens.padding })
    }

    /// Sequences as one query, each padded to `length`; what exceeds it is cut off.
    pub(in crate::runner) fn query(&self, sequences: &[Sequence<'_>], length: usize) -> Query {
        let tensor = |&(part, element): &(Part, Element)| self.tensor(sequences, part, element, length);
        Query { tensors: self.parts.iter().map(tensor).collect() }
    }

    /// Where the tokens of a sequence are among those of its padded row.
    pub(in crate::runner) fn own(&self, tokens: usize, padded: usize) -> Range<usize> {
        match self.padding.direction {
            PaddingDirection::Right => 0..tokens.min(padded),
            PaddingDirection::Left => padded.saturating_sub(tokens)..padded,
        }
    }

    fn tensor(&self, sequences: &[Sequence<'_>], part: Part, element: Element, length: usize) -> InputTensor {
        let mut bytes = Vec::with_capacity(sequences.len() * length * element.size_bytes());
        for sequence in sequences {
            let own = self.own(sequence.ids.len(), length);
            for place in 0..length {
                let number = if own.contains(&place) {
                    part.of(sequence, place - own.start)
                } else {
                    part.of_padding(self.padding)
                };
                push_whole(element, number.into(), &mut bytes);
            }
        }
        let axis = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        InputTensor { shape: vec![axis(sequences.len()), axis(length)], bytes }
    }
}

/// What pads a sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padding {
    id: u32,
    type_id: u32,
    direction: PaddingDirection,
}

impl Padding {
    /// As the tokenizer would, did it pad; else as the families of models do.
    pub(super) fn of(tokenizer: &Tokenizer) -> Self {
        if let Some(baked) = tokenizer.get_padding() {
            return Self { id: baked.pad_id, type_id: baked.pad_type_id, direction: baked.direction };
        }
        let known = ["[PAD]", "<pad>", "<|endoftext|>"];
        let id = known.into_iter().find_map(|token| tokenizer.token_to_id(token)).unwrap_or(0);
        Self { id, type_id: 0, direction: PaddingDirection::Right }
    }
}

/// What a sequence has for an input.
#[derive(Debug, Clone, Copy)]
enum Part {
    Ids,
    /// 1 for a token, 0 for padding.
    Mask,
    Types,
}

impl Part {
    fn of(self, sequence: &Sequence<'_>, index: usize) -> u32 {
        match self {
            Self::Ids => sequence.ids[index],
            Self::Mask => 1,
            Self::Types => sequence.types[index],
        }
    }

    const fn of_padding(self, padding: Padding) -> u32 {
        match self {
            Self::Ids => padding.id,
            Self::Mask => 0,
            Self::Types => padding.type_id,
        }
    }
}

/// Which part of a sequence each input takes, by its name.
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

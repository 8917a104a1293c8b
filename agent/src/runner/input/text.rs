//! Sentences through a model's tokenizer.
//!
//! With a sequence length every sentence is cut and padded to it; without one, a sentence keeps its own length and a batch
//! is padded to its longest. Cutting and padding that are baked into tokenizer.json never apply: the popular MiniLM's pads
//! everything to 128 and would measure the same at every length.

use std::path::Path;

use tokenizers::{Encoding, PaddingDirection, PostProcessor as _, Tokenizer, TruncationParams};

use super::random::push_whole;
use super::shape::Form;
use super::{Axis, Element, InputError, InputSpec, InputTensor, Query, load};

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

/// Queries of `batch` consecutive sentences; the last batch is filled up from the beginning. Empty lines are skipped.
pub(super) fn queries(text: &str, tokens: &Tokens, inputs: &[InputSpec], form: Form) -> Result<Vec<Query>, InputError> {
    let parts = parts(inputs)?;
    let length = sequence_length(inputs, form)?;
    let sentences: Vec<(usize, &str)> =
        text.lines().map(str::trim).enumerate().filter(|(_, sentence)| !sentence.is_empty()).collect();
    if sentences.is_empty() {
        return Err(InputError::NoText);
    }
    let cutting = length.map(|length| tokens.cutting_to(length)).transpose()?;
    let tokenizer = cutting.as_ref().unwrap_or(&tokens.tokenizer);
    let batch = form.batch.max(1) as usize;
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
        push_whole(element, u64::from(number), &mut bytes);
    }
    let axis = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    InputTensor { shape: vec![axis(encodings.len()), axis(length)], bytes }
}

/// Which part of an encoding each input takes, by its name.
fn parts(inputs: &[InputSpec]) -> Result<Vec<(Part, Element)>, InputError> {
    if inputs.is_empty() {
        return Err(InputError::NoInputs);
    }
    let part = |input: &InputSpec| match input.name.as_str() {
        "input_ids" => Ok(Part::Ids),
        "attention_mask" => Ok(Part::Mask),
        "token_type_ids" => Ok(Part::Types),
        _ => {
            let all: Vec<String> = inputs.iter().map(|input| format!("{}: {}", input.name, input.describe())).collect();
            Err(InputError::NotText { name: input.name.clone(), all: all.join(", ") })
        }
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

/// The length every sentence gets: the cell's, or the one a model fixes. Also checks what a model fixes against the cell.
fn sequence_length(inputs: &[InputSpec], form: Form) -> Result<Option<u32>, InputError> {
    let mut length = form.sequence_length;
    for input in inputs {
        let fixed = |role: &'static str, length: i64, asked: u32| InputError::Fixed {
            name: input.name.clone(),
            role,
            length,
            asked: asked.into(),
        };
        match input.axes.as_slice() {
            [Axis::Fixed(batch), _] if *batch != i64::from(form.batch) => {
                return Err(fixed("batch", *batch, form.batch));
            }
            _ => {}
        }
        if let [_, Axis::Fixed(sequence)] = input.axes.as_slice() {
            match length {
                Some(asked) if i64::from(asked) != *sequence => return Err(fixed("sequence", *sequence, asked)),
                _ => length = u32::try_from(*sequence).ok(),
            }
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tokenizer of whole words that would, if it were let, cut and pad everything to 8 tokens.
    const TOKENIZER: &str = r#"{
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0 },
        "padding": { "strategy": { "Fixed": 8 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 9, "pad_type_id": 0, "pad_token": "[PAD]" },
        "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1] },
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": { "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "[UNK]": 5, "[PAD]": 9 }, "unk_token": "[UNK]" }
    }"#;

    fn inputs(names: &[&str]) -> Vec<InputSpec> {
        let axes = vec![Axis::Symbol("batch".to_owned()), Axis::Symbol("sequence".to_owned())];
        names
            .iter()
            .map(|&name| InputSpec { name: name.to_owned(), element: Element::Int64, axes: axes.clone() })
            .collect()
    }

    fn make(text: &str, batch: u32, sequence_length: Option<u32>) -> Vec<Query> {
        let tokens = Tokens::from_bytes(TOKENIZER.as_bytes()).expect("a tokenizer");
        let inputs = inputs(&["attention_mask", "input_ids"]);
        queries(text, &tokens, &inputs, Form { batch, sequence_length }).expect("queries")
    }

    fn numbers(tensor: &InputTensor) -> Vec<i64> {
        tensor.bytes.chunks_exact(8).map(|chunk| i64::from_ne_bytes(chunk.try_into().expect("8 bytes"))).collect()
    }

    #[test]
    fn a_sentence_keeps_its_own_length_whatever_the_tokenizer_would_pad_to() {
        let long = "a b ".repeat(10);
        let made = make(&format!("a b\n\n{long}\n"), 1, None);
        assert_eq!(made.len(), 2);
        assert_eq!(numbers(&made[0].tensors[1]), [1, 3, 4, 2]);
        assert_eq!(numbers(&made[0].tensors[0]), [1; 4]);
        assert_eq!(made[1].tensors[1].shape, [1, 22]);
    }

    #[test]
    fn a_sequence_length_cuts_and_pads() {
        let made = make("a\na b a b a b", 1, Some(5));
        assert_eq!(numbers(&made[0].tensors[1]), [1, 3, 2, 9, 9]);
        assert_eq!(numbers(&made[0].tensors[0]), [1, 1, 1, 0, 0]);
        assert_eq!(numbers(&made[1].tensors[1]), [1, 3, 4, 3, 2]);
    }

    #[test]
    fn a_batch_is_padded_to_its_longest_and_the_last_is_filled_from_the_beginning() {
        let made = make("a\na b\nb", 2, None);
        assert_eq!(made.len(), 2);
        assert_eq!(made[0].tensors[1].shape, [2, 4]);
        assert_eq!(numbers(&made[0].tensors[1]), [1, 3, 2, 9, 1, 3, 4, 2]);
        assert_eq!(numbers(&made[1].tensors[1]), [1, 4, 2, 1, 3, 2]);
    }

    fn check_error(text: &str, inputs: &[InputSpec], form: Form, words: &[&str]) {
        let tokens = Tokens::from_bytes(TOKENIZER.as_bytes()).expect("a tokenizer");
        let message = queries(text, &tokens, inputs, form).expect_err("an error").to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }

    #[test]
    fn what_text_cannot_feed_is_named() {
        let form = Form { batch: 1, sequence_length: Some(4) };
        check_error(
            "a",
            &inputs(&["input_ids", "pixel_values"]),
            form,
            &["pixel_values", "input_ids: int64[batch,sequence]"],
        );
        check_error(" \n", &inputs(&["input_ids"]), form, &["no sentences"]);
        check_error("a", &inputs(&["input_ids"]), Form { batch: 1, sequence_length: Some(2) }, &["sequence_length 2"]);
        let mut float = inputs(&["input_ids"]);
        float[0].element = Element::Float32;
        check_error("a", &float, form, &["float32[batch,sequence]"]);
        let mut fixed = inputs(&["input_ids"]);
        fixed[0].axes = vec![Axis::Fixed(1), Axis::Fixed(128)];
        check_error("a", &fixed, form, &["128", "asks for 4"]);
        check_error("a", &fixed, Form { batch: 2, sequence_length: None }, &["batch"]);
    }

    #[test]
    fn a_length_the_model_fixes_is_used() {
        let mut fixed = inputs(&["input_ids"]);
        fixed[0].axes = vec![Axis::Fixed(1), Axis::Fixed(6)];
        let tokens = Tokens::from_bytes(TOKENIZER.as_bytes()).expect("a tokenizer");
        let made = queries("a", &tokens, &fixed, Form { batch: 1, sequence_length: None }).expect("queries");
        assert_eq!(made[0].tensors[0].shape, [1, 6]);
    }

    #[test]
    fn bytes_that_are_no_tokenizer_are_an_error() {
        assert!(matches!(Tokens::from_bytes(b"{}"), Err(InputError::Tokenizer(_))));
    }
}

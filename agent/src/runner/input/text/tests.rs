use std::collections::BTreeMap;

use super::super::{Element, InputTensor};
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
    names.iter().map(|&name| InputSpec { name: name.to_owned(), element: Element::Int64, axes: axes.clone() }).collect()
}

static NO_DIMS: BTreeMap<String, u32> = BTreeMap::new();
static NO_SHAPES: BTreeMap<String, Vec<u32>> = BTreeMap::new();

fn form(samples: u32, sequence_length: Option<u32>) -> Form<'static> {
    Form { samples, sequence_length, dims: &NO_DIMS, shapes: &NO_SHAPES }
}

fn make(text: &str, samples: u32, sequence_length: Option<u32>) -> Vec<Query> {
    let tokens = Tokens::from_bytes(TOKENIZER.as_bytes()).expect("a tokenizer");
    let inputs = inputs(&["attention_mask", "input_ids"]);
    queries(text, &tokens, &inputs, form(samples, sequence_length)).expect("queries")
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

fn check_error(text: &str, inputs: &[InputSpec], form: Form<'_>, words: &[&str]) {
    let tokens = Tokens::from_bytes(TOKENIZER.as_bytes()).expect("a tokenizer");
    let message = queries(text, &tokens, inputs, form).expect_err("an error").to_string();
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
}

#[test]
fn what_text_cannot_feed_is_named() {
    let four = form(1, Some(4));
    check_error(
        "a",
        &inputs(&["input_ids", "pixel_values"]),
        four,
        &["pixel_values", "input_ids: int64[batch,sequence]"],
    );
    check_error(" \n", &inputs(&["input_ids"]), four, &["no sentences"]);
    check_error("a", &inputs(&["input_ids"]), form(1, Some(2)), &["sequence_length 2"]);
    let mut float = inputs(&["input_ids"]);
    float[0].element = Element::Float32;
    check_error("a", &float, four, &["float32[batch,sequence]"]);
    let mut fixed = inputs(&["input_ids"]);
    fixed[0].axes = vec![Axis::Fixed(1), Axis::Fixed(128)];
    check_error("a", &fixed, four, &["128", "asks for 4"]);
    check_error("a", &fixed, form(2, None), &["batch"]);
}

#[test]
fn a_length_the_model_fixes_is_used() {
    let mut fixed = inputs(&["input_ids"]);
    fixed[0].axes = vec![Axis::Fixed(1), Axis::Fixed(6)];
    let tokens = Tokens::from_bytes(TOKENIZER.as_bytes()).expect("a tokenizer");
    let made = queries("a", &tokens, &fixed, form(1, None)).expect("queries");
    assert_eq!(made[0].tensors[0].shape, [1, 6]);
}

#[test]
fn an_axis_by_its_name_sets_batch_and_length() {
    let tokens = Tokens::from_bytes(TOKENIZER.as_bytes()).expect("a tokenizer");
    let dims = BTreeMap::from([("batch".to_owned(), 2), ("sequence".to_owned(), 5)]);
    let form = Form { dims: &dims, ..form(1, Some(9)) };
    let made = queries("a", &tokens, &inputs(&["input_ids"]), form).expect("queries");
    assert_eq!(made[0].tensors[0].shape, [2, 5]);
}

#[test]
fn inputs_of_different_shapes_cannot_hold_one_text() {
    let shapes = BTreeMap::from([("input_ids".to_owned(), vec![1, 5]), ("attention_mask".to_owned(), vec![1, 6])]);
    let form = Form { shapes: &shapes, ..form(1, None) };
    check_error("a", &inputs(&["input_ids", "attention_mask"]), form, &["`attention_mask`", "6", "5"]);
}

#[test]
fn bytes_that_are_no_tokenizer_are_an_error() {
    assert!(matches!(Tokens::from_bytes(b"{}"), Err(InputError::Tokenizer(_))));
}

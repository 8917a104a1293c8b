//! For the tests of both tasks of text: a tokenizer of whole words, a model's inputs, examples and outputs.

use std::io::Write as _;

use domain::{Digest, Evaluation, FileRef, OnBadExample, Postprocessing, Preprocessing, Task, TextPreprocessing};
use score::Truth;
use tempfile::NamedTempFile;

use super::super::super::input::{Axis, Element, InputSpec, InputTensor, Query};
use super::super::{OutputTensor, Row, RowOutputs, TokenRow};
use dataset::{Example, Input};

/// Words are `a` to `h`, ids 3 to 10; [CLS] is 1, [SEP] 2. It would, if it were let, cut and pad everything to 8 tokens.
const TOKENIZER: &str = r#"{
    "version": "1.0",
    "truncation": { "direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0 },
    "padding": { "strategy": { "Fixed": 8 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]" },
    "added_tokens": [], "normalizer": { "type": "Lowercase" },
    "pre_tokenizer": { "type": "Whitespace" },
    "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1] },
    "decoder": null,
    "model": { "type": "WordLevel", "unk_token": "[UNK]", "vocab": {
        "[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5, "d": 6, "e": 7, "f": 8, "g": 9, "h": 10, "[UNK]": 11 } }
}"#;

pub(in crate::runner::tasks) fn tokenizer() -> NamedTempFile {
    file(TOKENIZER)
}

/// The same, padding on the left.
pub(in crate::runner::tasks) fn left_tokenizer() -> NamedTempFile {
    file(&TOKENIZER.replace(r#""Fixed": 8 }, "direction": "Right""#, r#""Fixed": 8 }, "direction": "Left""#))
}

pub(in crate::runner::tasks) fn file(json: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(json.as_bytes()).expect("written");
    file
}

/// The inputs of BERT, all free.
pub(in crate::runner::tasks) fn inputs() -> Vec<InputSpec> {
    let axes = vec![Axis::Symbol("batch".to_owned()), Axis::Symbol("sequence".to_owned())];
    let input = |name: &str| InputSpec { name: name.to_owned(), element: Element::Int64, axes: axes.clone() };
    ["input_ids", "attention_mask", "token_type_ids"].map(input).to_vec()
}

pub(in crate::runner::tasks) fn evaluation(
    task: Task,
    text: Option<TextPreprocessing>,
    postprocessing: Postprocessing,
) -> Evaluation {
    let dataset = FileRef { path: "dev.tsv".to_owned(), sha256: Digest::of(b""), size_bytes: 0 };
    Evaluation {
        task,
        dataset,
        examples: None,
        checked_examples: 0,
        on_bad_example: OnBadExample::Fail,
        preprocessing: Preprocessing { text, ..Preprocessing::default() },
        postprocessing,
    }
}

pub(in crate::runner::tasks) fn example(input: Input) -> Example {
    Example { index: 0, id: "1".to_owned(), input, truth: Truth::Label(0) }
}

pub(in crate::runner::tasks) fn output(name: &str, shape: &[usize], values: &[f32]) -> OutputTensor {
    OutputTensor { name: name.to_owned(), shape: shape.to_vec(), values: values.to_vec() }
}

pub(in crate::runner::tasks) fn outputs(tensors: &[OutputTensor]) -> RowOutputs {
    RowOutputs { tensors: tensors.to_vec() }
}

pub(in crate::runner::tasks) fn tokens(row: &Row) -> &TokenRow {
    super::tokens_of(row).expect("a row of tokens")
}

/// Each tensor's numbers.
pub(in crate::runner::tasks) fn numbers(query: &Query) -> Vec<Vec<i64>> {
    let of = |tensor: &InputTensor| tensor.bytes.as_chunks().0.iter().map(|bytes| i64::from_ne_bytes(*bytes)).collect();
    query.tensors.iter().map(of).collect()
}

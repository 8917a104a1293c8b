//! Encoders of text: BERT and what came of it. Inputs and weights are named as the models are published.

mod attention;
mod bert;
mod distilbert;
mod mobilebert;

use onnx::{DataType, Dim};

pub(crate) use self::bert::{BERT_BASE, MINILM_L6, TINYBERT_4, TINYBERT_6};
pub(crate) use self::distilbert::DISTILBERT;
pub(crate) use self::mobilebert::{MOBILEBERT, MOBILEBERT_TINY};
use crate::architectures::{Axis, Input};
use crate::error::BuildError;
use crate::net::Net;

/// `WordPiece` for uncased English, as all of them have it.
const VOCABULARY: usize = 30_522;
/// The longest text, in tokens.
const POSITIONS: usize = 512;
/// First and second sentence.
const TOKEN_TYPES: usize = 2;
/// BERT's `layer_norm_eps`.
const EPSILON: f32 = 1e-12;
/// Classes of the head: those of SST-2, MRPC, QQP, QNLI and RTE.
const CLASSES: usize = 2;

const IDS: Input = tokens("input_ids");
const MASK: Input = tokens("attention_mask");
const TYPES: Input = tokens("token_type_ids");

/// The survey measures one text of 128 tokens at a time, as the papers of MobileBERT and TinyBERT do.
const fn tokens(name: &'static str) -> Input {
    const AXES: &[Axis] = &[Axis::Free { name: "batch", usual: 1 }, Axis::Free { name: "sequence", usual: 128 }];
    Input { name, data_type: DataType::Int64, axes: AXES }
}

/// Position embeddings for as many tokens as there are, to be added to those of the words.
fn positions(net: &mut Net<'_>, width: usize) -> Result<String, BuildError> {
    let table = net.embedding_table("embeddings.position_embeddings.weight", POSITIONS, width)?;
    let shape = net.op("Shape", &[IDS.name]);
    let (zero, one, two) = (net.list(&[0]), net.list(&[1]), net.list(&[2]));
    let length = net.op("Slice", &[&shape, &one, &two]);
    Ok(net.op("Slice", &[&table, &zero, &length, &zero]))
}

/// The state of the first token, [CLS], of `hidden` \[batch, sequence, width\].
fn first_token(net: &mut Net<'_>, hidden: &str) -> String {
    let (first, axis) = (net.constant_i64(&[], &[0]), onnx::Attribute::Int(1));
    net.op_with("Gather", &[hidden, &first], &[("axis", axis)])
}

/// The head's last layer, and the graph's only output.
fn classify(net: &mut Net<'_>, pooled: &str, width: usize) -> Result<(), BuildError> {
    let logits = net.linear(pooled, "classifier", width, CLASSES)?;
    net.output(&logits, "logits", DataType::Float, &[Dim::from("batch"), Dim::Fixed(2)]);
    Ok(())
}

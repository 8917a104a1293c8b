//! BERT (Devlin et al. 2019), and the smaller ones of the same build: TinyBERT (Jiao et al. 2020) and the encoder of
//! MiniLM (Wang et al. 2020), which puts sentences into a space of vectors instead of classes.

use onnx::{Attribute, DataType, Dim};

use super::attention::{MASKED, additive_mask, attend, gelu};
use super::{EPSILON, IDS, MASK, TOKEN_TYPES, TYPES, VOCABULARY, classify, first_token, positions};
use crate::architectures::{Architecture, Published, Task};
use crate::error::BuildError;
use crate::net::Net;

/// The sizes that tell one of the family from another.
#[derive(Debug, Clone, Copy)]
struct Shape {
    layers: usize,
    hidden: usize,
    heads: usize,
    intermediate: usize,
}

pub(crate) const BERT_BASE: Architecture = Architecture {
    name: "bert-base",
    aliases: &["bert", "bert-base-uncased"],
    task: Task::TextClassification,
    summary: "BERT-base, uncased: 12 layers, hidden 768, 12 heads, with a head for two classes",
    parameters: 109_483_778,
    published: Published { parameters: 110_000_000, source: "Devlin et al. 2019" },
    inputs: &[IDS, MASK, TYPES],
    prefixes: &["bert."],
    construct: |net| classifier(net, Shape { layers: 12, hidden: 768, heads: 12, intermediate: 3072 }),
};

pub(crate) const TINYBERT_6: Architecture = Architecture {
    name: "tinybert-6",
    aliases: &["tinybert6", "tinybert-6l-768d"],
    task: Task::TextClassification,
    summary: "TinyBERT of 6 layers, hidden 768, 12 heads, with a head for two classes",
    parameters: 66_956_546,
    published: Published { parameters: 67_000_000, source: "Jiao et al. 2020" },
    construct: |net| classifier(net, Shape { layers: 6, hidden: 768, heads: 12, intermediate: 3072 }),
    ..BERT_BASE
};

pub(crate) const TINYBERT_4: Architecture = Architecture {
    name: "tinybert-4",
    aliases: &["tinybert4", "tinybert-4l-312d"],
    task: Task::TextClassification,
    summary: "TinyBERT of 4 layers, hidden 312, 12 heads, with a head for two classes",
    parameters: 14_350_874,
    published: Published { parameters: 14_500_000, source: "Jiao et al. 2020" },
    construct: |net| classifier(net, Shape { layers: 4, hidden: 312, heads: 12, intermediate: 1200 }),
    ..BERT_BASE
};

pub(crate) const MINILM_L6: Architecture = Architecture {
    name: "minilm-l6",
    aliases: &["minilm", "all-minilm-l6-v2"],
    task: Task::SentenceEmbedding,
    summary: "MiniLM of 6 layers, hidden 384, 12 heads: states of all tokens, and their masked mean of length 1",
    // The published count has a pooler too, which the mean does without.
    parameters: 22_565_376,
    published: Published { parameters: 22_713_216, source: "model card of sentence-transformers/all-MiniLM-L6-v2" },
    construct: |net| sentence_encoder(net, Shape { layers: 6, hidden: 384, heads: 12, intermediate: 1536 }),
    ..BERT_BASE
};

fn classifier(net: &mut Net<'_>, shape: Shape) -> Result<(), BuildError> {
    let hidden = encode(net, shape)?;
    let first = first_token(net, &hidden);
    let pooled = net.linear(&first, "pooler.dense", shape.hidden, shape.hidden)?;
    let pooled = net.op("Tanh", &[&pooled]);
    classify(net, &pooled, shape.hidden)
}

fn sentence_encoder(net: &mut Net<'_>, shape: Shape) -> Result<(), BuildError> {
    let hidden = encode(net, shape)?;
    let width = Dim::Fixed(i64::try_from(shape.hidden).expect("widths are short"));
    let (last, first_inner) = (net.list(&[-1]), net.list(&[1]));
    let kept = net.op_with("Cast", &[MASK.name], &[("to", Attribute::Int(DataType::Float as i64))]);
    let kept = net.op("Unsqueeze", &[&kept, &last]);
    let tokens = net.op("Mul", &[&hidden, &kept]);
    let sum =
        |net: &mut Net<'_>, x: &str| net.op_with("ReduceSum", &[x, &first_inner], &[("keepdims", Attribute::Int(0))]);
    let (total, count) = (sum(net, &tokens), sum(net, &kept));
    // A text of padding only has no mean; as in sentence-transformers it gets zeros and not a division by zero.
    let positive = net.constant_f32(&[], &[1e-9]);
    let count = net.op("Max", &[&count, &positive]);
    let mean = net.op("Div", &[&total, &count]);
    let unit = [("axis", Attribute::Int(-1)), ("p", Attribute::Int(2))];
    let sentence = net.op_with("LpNormalization", &[&mean], &unit);
    let (batch, sequence) = (Dim::from("batch"), Dim::from("sequence"));
    net.output(&hidden, "last_hidden_state", DataType::Float, &[batch.clone(), sequence, width.clone()]);
    net.output(&sentence, "sentence_embedding", DataType::Float, &[batch, width]);
    Ok(())
}

/// States of the last layer, \[batch, sequence, hidden\].
fn encode(net: &mut Net<'_>, shape: Shape) -> Result<String, BuildError> {
    let Shape { layers, hidden, heads, intermediate } = shape;
    let mut x = embed(net, hidden)?;
    let mask = additive_mask(net, MASKED);
    for layer in 0..layers {
        let prefix = format!("encoder.layer.{layer}");
        let attention = format!("{prefix}.attention");
        let query = net.linear(&x, &format!("{attention}.self.query"), hidden, hidden)?;
        let key = net.linear(&x, &format!("{attention}.self.key"), hidden, hidden)?;
        let value = net.linear(&x, &format!("{attention}.self.value"), hidden, hidden)?;
        let context = attend(net, [&query, &key, &value], &mask, hidden, heads);
        let mixed = net.linear(&context, &format!("{attention}.output.dense"), hidden, hidden)?;
        let sum = net.op("Add", &[&mixed, &x]);
        x = net.layer_norm(&sum, &format!("{attention}.output.LayerNorm"), hidden, EPSILON)?;
        let inner = net.linear(&x, &format!("{prefix}.intermediate.dense"), hidden, intermediate)?;
        let inner = gelu(net, &inner);
        let inner = net.linear(&inner, &format!("{prefix}.output.dense"), intermediate, hidden)?;
        let sum = net.op("Add", &[&inner, &x]);
        x = net.layer_norm(&sum, &format!("{prefix}.output.LayerNorm"), hidden, EPSILON)?;
    }
    Ok(x)
}

fn embed(net: &mut Net<'_>, hidden: usize) -> Result<String, BuildError> {
    let words = net.embedding(IDS.name, "embeddings.word_embeddings.weight", VOCABULARY, hidden)?;
    let types = net.embedding(TYPES.name, "embeddings.token_type_embeddings.weight", TOKEN_TYPES, hidden)?;
    let positions = positions(net, hidden)?;
    let sum = net.op("Add", &[&words, &types]);
    let sum = net.op("Add", &[&sum, &positions]);
    net.layer_norm(&sum, "embeddings.LayerNorm", hidden, EPSILON)
}

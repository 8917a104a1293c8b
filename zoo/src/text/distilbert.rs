//! `DistilBERT` (Sanh et al. 2019): BERT with half of its layers, no token types and no pooler.

use super::attention::{MASKED, additive_mask, attend, gelu};
use super::{EPSILON, IDS, MASK, VOCABULARY, classify, first_token, positions};
use crate::architectures::{Architecture, Published, Task};
use crate::error::BuildError;
use crate::net::Net;

const LAYERS: usize = 6;
const HIDDEN: usize = 768;
const HEADS: usize = 12;
const INTERMEDIATE: usize = 3072;

pub(crate) const DISTILBERT: Architecture = Architecture {
    name: "distilbert",
    aliases: &["distilbert-base", "distilbert-base-uncased"],
    task: Task::TextClassification,
    summary: "DistilBERT-base, uncased: 6 layers, hidden 768, 12 heads, with a head for two classes",
    parameters: 66_955_010,
    published: Published { parameters: 66_000_000, source: "Sanh et al. 2019" },
    inputs: &[IDS, MASK],
    prefixes: &["distilbert."],
    construct: classifier,
};

fn classifier(net: &mut Net<'_>) -> Result<(), BuildError> {
    let hidden = encode(net)?;
    let first = first_token(net, &hidden);
    let pooled = net.linear(&first, "pre_classifier", HIDDEN, HIDDEN)?;
    let pooled = net.op("Relu", &[&pooled]);
    classify(net, &pooled, HIDDEN)
}

fn encode(net: &mut Net<'_>) -> Result<String, BuildError> {
    let words = net.embedding(IDS.name, "embeddings.word_embeddings.weight", VOCABULARY, HIDDEN)?;
    let positions = positions(net, HIDDEN)?;
    let sum = net.op("Add", &[&words, &positions]);
    let mut x = net.layer_norm(&sum, "embeddings.LayerNorm", HIDDEN, EPSILON)?;
    let mask = additive_mask(net, MASKED);
    for layer in 0..LAYERS {
        let prefix = format!("transformer.layer.{layer}");
        let query = net.linear(&x, &format!("{prefix}.attention.q_lin"), HIDDEN, HIDDEN)?;
        let key = net.linear(&x, &format!("{prefix}.attention.k_lin"), HIDDEN, HIDDEN)?;
        let value = net.linear(&x, &format!("{prefix}.attention.v_lin"), HIDDEN, HIDDEN)?;
        let context = attend(net, [&query, &key, &value], &mask, HIDDEN, HEADS);
        let mixed = net.linear(&context, &format!("{prefix}.attention.out_lin"), HIDDEN, HIDDEN)?;
        let sum = net.op("Add", &[&mixed, &x]);
        x = net.layer_norm(&sum, &format!("{prefix}.sa_layer_norm"), HIDDEN, EPSILON)?;
        let inner = net.linear(&x, &format!("{prefix}.ffn.lin1"), HIDDEN, INTERMEDIATE)?;
        let inner = gelu(net, &inner);
        let inner = net.linear(&inner, &format!("{prefix}.ffn.lin2"), INTERMEDIATE, HIDDEN)?;
        let sum = net.op("Add", &[&inner, &x]);
        x = net.layer_norm(&sum, &format!("{prefix}.output_layer_norm"), HIDDEN, EPSILON)?;
    }
    Ok(x)
}

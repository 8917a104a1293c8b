//! MobileBERT (Sun et al. 2020): as deep as BERT-large, and thin. Each layer squeezes its input into a bottleneck, works
//! there, and widens again; normalisations are replaced by a scale and a bias.

use onnx::Attribute;

use super::attention::{additive_mask, attend};
use super::{IDS, MASK, TOKEN_TYPES, TYPES, VOCABULARY, classify, first_token, positions};
use crate::architectures::{Architecture, Published, Task};
use crate::error::BuildError;
use crate::net::{Init, Net};

const LAYERS: usize = 24;
/// Between layers.
const HIDDEN: usize = 512;
/// Within a layer.
const BOTTLENECK: usize = 128;
const INTERMEDIATE: usize = 512;
const HEADS: usize = 4;
/// Of a word; three of them, with the neighbours, make a token's embedding.
const EMBEDDING: usize = 128;

/// The lowest float: without normalisations, nothing keeps scores above BERT's own -10000.
const MASKED: f32 = f32::MIN;

/// What the two published sizes differ in.
#[derive(Debug, Clone, Copy)]
struct Variant {
    /// Whether attention sees the bottleneck only, and not the layer's wide input as values too.
    narrow_attention: bool,
    feed_forwards: usize,
    /// Whether a model with random weights has a pooler; a trained one has it if its file does.
    pooler: bool,
}

pub(crate) const MOBILEBERT: Architecture = Architecture {
    name: "mobilebert",
    aliases: &["mobilebert-uncased"],
    task: Task::TextClassification,
    summary: "MobileBERT: 24 layers of width 128 between inputs of 512, 4 heads, with a head for two classes",
    parameters: 24_845_570,
    published: Published { parameters: 25_300_000, source: "Sun et al. 2020" },
    inputs: &[IDS, MASK, TYPES],
    prefixes: &["mobilebert."],
    construct: |net| classifier(net, Variant { narrow_attention: false, feed_forwards: 4, pooler: true }),
};

pub(crate) const MOBILEBERT_TINY: Architecture = Architecture {
    name: "mobilebert-tiny",
    aliases: &[],
    task: Task::TextClassification,
    summary: "MobileBERT-tiny: as MobileBERT, but attention over the bottleneck alone and half of the feed-forward blocks",
    // As the authors' released configuration has it (24 layers, 2 feed-forward blocks, no pooler): 2.6 % more than their
    // paper says.
    parameters: 15_486_722,
    published: Published { parameters: 15_100_000, source: "Sun et al. 2020" },
    construct: |net| classifier(net, Variant { narrow_attention: true, feed_forwards: 2, pooler: false }),
    ..MOBILEBERT
};

fn classifier(net: &mut Net<'_>, variant: Variant) -> Result<(), BuildError> {
    let mut x = embed(net)?;
    let mask = additive_mask(net, MASKED);
    for layer in 0..LAYERS {
        x = encoder_layer(net, &x, &mask, &format!("encoder.layer.{layer}"), variant)?;
    }
    let mut pooled = first_token(net, &x);
    // The published checkpoints have none (`classifier_activation` is false), the class as defined by transformers has one.
    if net.is_trained("pooler.dense.weight").unwrap_or(variant.pooler) {
        pooled = net.linear(&pooled, "pooler.dense", HIDDEN, HIDDEN)?;
        pooled = net.op("Tanh", &[&pooled]);
    }
    classify(net, &pooled, HIDDEN)
}

/// Each word with its neighbours, zeros beyond the ends.
fn embed(net: &mut Net<'_>) -> Result<String, BuildError> {
    let words = net.embedding(IDS.name, "embeddings.word_embeddings.weight", VOCABULARY, EMBEDDING)?;
    let (zero, one, minus_one, end) = (net.list(&[0]), net.list(&[1]), net.list(&[-1]), net.list(&[i64::MAX]));
    // Rows of padding: before and after, for batch, sequence and width.
    let (after, before) = (net.list(&[0, 0, 0, 0, 1, 0]), net.list(&[0, 1, 0, 0, 0, 0]));
    let following = net.op("Slice", &[&words, &one, &end, &one]);
    let following = net.op("Pad", &[&following, &after]);
    let previous = net.op("Slice", &[&words, &zero, &minus_one, &one]);
    let previous = net.op("Pad", &[&previous, &before]);
    let trigrams = net.op_with("Concat", &[&following, &words, &previous], &[("axis", Attribute::Int(2))]);
    let wide = net.linear(&trigrams, "embeddings.embedding_transformation", 3 * EMBEDDING, HIDDEN)?;
    let types = net.embedding(TYPES.name, "embeddings.token_type_embeddings.weight", TOKEN_TYPES, HIDDEN)?;
    let positions = positions(net, HIDDEN)?;
    let sum = net.op("Add", &[&wide, &types]);
    let sum = net.op("Add", &[&sum, &positions]);
    scale_and_shift(net, &sum, "embeddings.LayerNorm", HIDDEN)
}

fn encoder_layer(
    net: &mut Net<'_>,
    input: &str,
    mask: &str,
    prefix: &str,
    variant: Variant,
) -> Result<String, BuildError> {
    let Variant { narrow_attention, feed_forwards, pooler: _ } = variant;
    let squeezed = squeeze(net, input, &format!("{prefix}.bottleneck.input"))?;
    let shared;
    let (query_and_key, values, value_width) = if narrow_attention {
        (&squeezed, squeezed.as_str(), BOTTLENECK)
    } else {
        shared = squeeze(net, input, &format!("{prefix}.bottleneck.attention"))?;
        (&shared, input, HIDDEN)
    };
    let attention = format!("{prefix}.attention");
    let query = net.linear(query_and_key, &format!("{attention}.self.query"), BOTTLENECK, BOTTLENECK)?;
    let key = net.linear(query_and_key, &format!("{attention}.self.key"), BOTTLENECK, BOTTLENECK)?;
    let value = net.linear(values, &format!("{attention}.self.value"), value_width, BOTTLENECK)?;
    let context = attend(net, [&query, &key, &value], mask, BOTTLENECK, HEADS);
    let mut x = add_linear(net, &context, &squeezed, &format!("{attention}.output"), BOTTLENECK, BOTTLENECK)?;
    // The last of the stack is the layer's own, and has the names of BERT's.
    for block in 0..feed_forwards - 1 {
        x = feed_forward(net, &x, &format!("{prefix}.ffn.{block}"))?;
    }
    x = feed_forward(net, &x, prefix)?;
    add_linear(net, &x, input, &format!("{prefix}.output.bottleneck"), BOTTLENECK, HIDDEN)
}

fn squeeze(net: &mut Net<'_>, x: &str, prefix: &str) -> Result<String, BuildError> {
    let narrow = net.linear(x, &format!("{prefix}.dense"), HIDDEN, BOTTLENECK)?;
    scale_and_shift(net, &narrow, &format!("{prefix}.LayerNorm"), BOTTLENECK)
}

fn feed_forward(net: &mut Net<'_>, x: &str, prefix: &str) -> Result<String, BuildError> {
    let inner = net.linear(x, &format!("{prefix}.intermediate.dense"), BOTTLENECK, INTERMEDIATE)?;
    let inner = net.op("Relu", &[&inner]);
    add_linear(net, &inner, x, &format!("{prefix}.output"), INTERMEDIATE, BOTTLENECK)
}

/// A linear layer, added to a shortcut.
fn add_linear(
    net: &mut Net<'_>,
    x: &str,
    shortcut: &str,
    prefix: &str,
    inputs: usize,
    outputs: usize,
) -> Result<String, BuildError> {
    let x = net.linear(x, &format!("{prefix}.dense"), inputs, outputs)?;
    let sum = net.op("Add", &[&x, shortcut]);
    scale_and_shift(net, &sum, &format!("{prefix}.LayerNorm"), outputs)
}

/// The paper's `NoNorm`, which keeps the name of what it replaces.
fn scale_and_shift(net: &mut Net<'_>, x: &str, prefix: &str, width: usize) -> Result<String, BuildError> {
    let scale = net.weight(&format!("{prefix}.weight"), &[width], Init::ONES)?;
    let shift = net.weight(&format!("{prefix}.bias"), &[width], Init::ZEROS)?;
    let scaled = net.op("Mul", &[x, &scale]);
    Ok(net.op("Add", &[&scaled, &shift]))
}

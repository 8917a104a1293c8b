//! The two kinds of blocks: those that mix by pooling, and those that mix by attention.

use onnx::Attribute;

use super::EPSILON;
use crate::error::BuildError;
use crate::net::{Conv, Init, Net};
use crate::vision::attention::attend;
use crate::vision::blocks::{conv_norm, gelu, reshape, transpose};

/// Height and width of what attention sees.
const SIDE: usize = 7;
pub(super) const TOKENS: usize = SIDE * SIDE;
const HEADS: usize = 8;
/// Width of a query and a key.
const KEY: usize = 32;
/// Width of a value.
const VALUE: usize = 4 * KEY;
/// How much wider than a block's input the layer within it is.
const EXPANSION: usize = 4;
/// The scales of residual branches, if not trained. With 1e-5, from which training starts, branches would not show in the
/// output; with 1 they would outgrow what they are added to.
const BRANCH: Init = Init::Constant(0.1);

/// Mixes neighbours by what their mean differs from them, then channels; \[batch, channels, height, width\].
pub(super) fn pooling(net: &mut Net<'_>, x: &str, prefix: &str, width: usize) -> Result<String, BuildError> {
    let kernel = [("kernel_shape", Attribute::Ints(vec![3, 3])), ("pads", Attribute::Ints(vec![1; 4]))];
    let mean = net.op_with("AveragePool", &[x], &kernel);
    let mixed = net.op("Sub", &[&mean, x]);
    let x = scaled_sum(net, x, &mixed, &format!("{prefix}.ls1"), width, &[1, 2])?;
    let inner = Conv::square(width, EXPANSION * width, 1).with_bias();
    let outer = Conv::square(EXPANSION * width, width, 1).with_bias();
    let names = [&*format!("{prefix}.mlp.fc1"), &*format!("{prefix}.mlp.norm1")];
    let wide = conv_norm(net, &x, names, inner)?;
    let wide = gelu(net, &wide);
    let names = [&*format!("{prefix}.mlp.fc2"), &*format!("{prefix}.mlp.norm2")];
    let narrow = conv_norm(net, &wide, names, outer)?;
    scaled_sum(net, &x, &narrow, &format!("{prefix}.ls2"), width, &[1, 2])
}

/// Mixes all tokens, then channels; \[batch, tokens, channels\].
pub(super) fn attention(net: &mut Net<'_>, x: &str, prefix: &str, width: usize) -> Result<String, BuildError> {
    let normal = net.layer_norm(x, &format!("{prefix}.norm1"), width, EPSILON)?;
    let mixed = attend_by_distance(net, &normal, &format!("{prefix}.token_mixer"), width)?;
    let x = scaled_sum(net, x, &mixed, &format!("{prefix}.ls1"), width, &[])?;
    let normal = net.layer_norm(&x, &format!("{prefix}.norm2"), width, EPSILON)?;
    let inner = net.linear(&normal, &format!("{prefix}.mlp.fc1"), width, EXPANSION * width)?;
    let inner = gelu(net, &inner);
    let inner = net.linear(&inner, &format!("{prefix}.mlp.fc2"), EXPANSION * width, width)?;
    scaled_sum(net, &x, &inner, &format!("{prefix}.ls2"), width, &[])
}

/// A residual branch, scaled by channel, and what it branched off from. `axes` are those after the channels, if any.
fn scaled_sum(
    net: &mut Net<'_>,
    x: &str,
    branch: &str,
    prefix: &str,
    width: usize,
    axes: &[i64],
) -> Result<String, BuildError> {
    let mut scale = net.weight(&format!("{prefix}.gamma"), &[width], BRANCH)?;
    if !axes.is_empty() {
        let axes = net.list(axes);
        scale = net.op("Unsqueeze", &[&scale, &axes]);
    }
    let scaled = net.op("Mul", &[branch, &scale]);
    Ok(net.op("Add", &[x, &scaled]))
}

/// Attention with a bias that was learned for each distance and head.
fn attend_by_distance(net: &mut Net<'_>, x: &str, prefix: &str, width: usize) -> Result<String, BuildError> {
    let all = net.linear(x, &format!("{prefix}.qkv"), width, HEADS * (2 * KEY + VALUE))?;
    let by_head = reshape(net, &all, &[TOKENS, HEADS, 2 * KEY + VALUE]);
    let by_head = transpose(net, &by_head, &[0, 2, 1, 3]);
    let lengths = net.list(&[KEY, KEY, VALUE].map(|length| i64::try_from(length).expect("heads are narrow")));
    let [query, key, value] = net.ops_with("Split", &[&by_head, &lengths], &[("axis", Attribute::Int(3))]);
    let init = Init::Normal { std: 0.02 };
    let biases = net.weight(&format!("{prefix}.attention_biases"), &[HEADS, TOKENS], init)?;
    let distances = net.constant_i64(&[TOKENS, TOKENS], &distances());
    let bias = net.op_with("Gather", &[&biases, &distances], &[("axis", Attribute::Int(1))]);
    let context = attend(net, [&query, &key, &value], KEY, Some(&bias));
    let context = transpose(net, &context, &[0, 2, 1, 3]);
    let merged = reshape(net, &context, &[TOKENS, HEADS * VALUE]);
    net.linear(&merged, &format!("{prefix}.proj"), HEADS * VALUE, width)
}

/// For each pair of tokens, which of the learned biases is theirs: `SIDE` times the rows between them, plus the columns.
fn distances() -> Vec<i64> {
    let side = i64::try_from(SIDE).expect("a number of one digit");
    let places: Vec<(i64, i64)> = (0..side).flat_map(|row| (0..side).map(move |column| (row, column))).collect();
    let between = |a: (i64, i64), b: (i64, i64)| (a.0 - b.0).abs() * side + (a.1 - b.1).abs();
    places.iter().flat_map(|&from| places.iter().map(move |&to| between(from, to))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_of_tokens_has_the_bias_of_its_distance_whichever_comes_first() {
        let distances = distances();
        let of = |from: usize, to: usize| distances[from * TOKENS + to];
        // From the first token on, distances count up as the tokens do.
        assert_eq!(distances[..TOKENS], std::array::from_fn::<i64, TOKENS, _>(|to| i64::try_from(to).expect("small")));
        for (from, to) in [(0, 48), (6, 7), (13, 30)] {
            assert_eq!(of(from, to), of(to, from));
        }
        // One row down and six columns to the left, or to the right.
        assert_eq!(of(6, 7), of(0, 13));
    }
}

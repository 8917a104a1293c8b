//! The block that is new in `MobileViT`: a feature map is unfolded into patches for a transformer, and folded again.

use onnx::Attribute;

use super::EPSILON;
use crate::error::BuildError;
use crate::net::{Conv, Net};
use crate::vision::attention::attend;
use crate::vision::blocks::{TIMM, reshape, silu, transpose};

/// Height and width of a patch.
const PATCH: usize = 2;
const HEADS: usize = 4;
/// How much wider than a token the layer within a transformer's feed-forward part is.
const FEED_FORWARD: usize = 2;

/// Convolutions that see a neighbourhood, a transformer that sees everything, and a convolution over both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) channels: usize,
    pub(super) tokens: usize,
    pub(super) depth: usize,
    /// Height and width of the input.
    pub(super) side: usize,
}

impl Block {
    pub(super) fn build(self, net: &mut Net<'_>, x: &str, prefix: &str) -> Result<String, BuildError> {
        let Self { channels, tokens, depth, side: _ } = self;
        let near = TIMM.conv_norm_silu(net, x, &format!("{prefix}.conv_kxk"), Conv::square(channels, channels, 3))?;
        let wide = net.conv(&near, &format!("{prefix}.conv_1x1"), Conv::square(channels, tokens, 1))?;
        let mut unfolded = self.unfold(net, &wide);
        for layer in 0..depth {
            unfolded = self.layer(net, &unfolded, &format!("{prefix}.transformer.{layer}"))?;
        }
        let normal = net.layer_norm(&unfolded, &format!("{prefix}.norm"), tokens, EPSILON)?;
        let folded = self.fold(net, &normal);
        let far =
            TIMM.conv_norm_silu(net, &folded, &format!("{prefix}.conv_proj"), Conv::square(tokens, channels, 1))?;
        let both = net.op_with("Concat", &[x, &far], &[("axis", Attribute::Int(1))]);
        TIMM.conv_norm_silu(net, &both, &format!("{prefix}.conv_fusion"), Conv::square(2 * channels, channels, 3))
    }

    /// From an image to sequences of tokens, \[batch x places in a patch, patches, width\].
    fn unfold(self, net: &mut Net<'_>, image: &str) -> String {
        let Self { tokens, side, .. } = self;
        let across = side / PATCH;
        let rows = reshape(net, image, &[PATCH, across, PATCH]);
        let patches = transpose(net, &rows, &[0, 2, 1, 3]);
        let patches = reshape(net, &patches, &[tokens, across * across, PATCH * PATCH]);
        let places = transpose(net, &patches, &[0, 3, 2, 1]);
        reshape(net, &places, &[across * across, tokens])
    }

    /// Undoes [`Block::unfold`].
    fn fold(self, net: &mut Net<'_>, sequences: &str) -> String {
        let Self { tokens, side, .. } = self;
        let across = side / PATCH;
        let places = reshape(net, sequences, &[PATCH * PATCH, across * across, tokens]);
        let patches = transpose(net, &places, &[0, 3, 2, 1]);
        let patches = reshape(net, &patches, &[across, PATCH, PATCH]);
        let rows = transpose(net, &patches, &[0, 2, 1, 3]);
        reshape(net, &rows, &[tokens, side, side])
    }

    /// A layer of a transformer, normalised before its parts.
    fn layer(self, net: &mut Net<'_>, x: &str, prefix: &str) -> Result<String, BuildError> {
        let Self { tokens, .. } = self;
        let normal = net.layer_norm(x, &format!("{prefix}.norm1"), tokens, EPSILON)?;
        let mixed = self.attention(net, &normal, &format!("{prefix}.attn"))?;
        let x = net.op("Add", &[x, &mixed]);
        let normal = net.layer_norm(&x, &format!("{prefix}.norm2"), tokens, EPSILON)?;
        let inner = net.linear(&normal, &format!("{prefix}.mlp.fc1"), tokens, FEED_FORWARD * tokens)?;
        let inner = silu(net, &inner);
        let inner = net.linear(&inner, &format!("{prefix}.mlp.fc2"), FEED_FORWARD * tokens, tokens)?;
        Ok(net.op("Add", &[&x, &inner]))
    }

    fn attention(self, net: &mut Net<'_>, x: &str, prefix: &str) -> Result<String, BuildError> {
        let Self { tokens, side, .. } = self;
        let (patches, head) = ((side / PATCH) * (side / PATCH), tokens / HEADS);
        let all = net.linear(x, &format!("{prefix}.qkv"), tokens, 3 * tokens)?;
        let parts: [String; 3] = net.ops_with("Split", &[&all], &[("axis", Attribute::Int(-1))]);
        let [query, key, value] = parts.map(|part| {
            let by_head = reshape(net, &part, &[patches, HEADS, head]);
            transpose(net, &by_head, &[0, 2, 1, 3])
        });
        let context = attend(net, [&query, &key, &value], head, None);
        let context = transpose(net, &context, &[0, 2, 1, 3]);
        let merged = reshape(net, &context, &[patches, tokens]);
        net.linear(&merged, &format!("{prefix}.proj"), tokens, tokens)
    }
}

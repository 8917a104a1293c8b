//! `EdgeFormer`, in later versions of the paper ParC-Net (Zhang, Hu and Wang 2022, <https://arxiv.org/abs/2203.03952>):
//! the frame of `MobileViT`, in which convolutions as long as the image is high or wide stand for attention.
//!
//! Not to be confused with the model of language of that name (Ge et al. 2022).

mod block;

use onnx::Attribute;

use super::blocks::{CVNETS, InvertedResidual, pool};
use super::{CLASSES, COLOURS, EPSILON, IMAGE_256, classified};
use crate::architectures::{Architecture, Published, Task};
use crate::error::BuildError;
use crate::net::{Conv, Net};

/// Channels after the first convolution.
const STEM: usize = 16;
/// Of all blocks of `MobileNetV2`.
const EXPANSION: usize = 4;
/// How much wider than the last stage the classifier's features are.
const FEATURES: usize = 4;

pub(crate) const EDGEFORMER_S: Architecture = Architecture {
    name: "edgeformer-s",
    aliases: &["edgeformer_s", "parc-net-s"],
    task: Task::ImageClassification,
    summary: "EdgeFormer-S, also ParC-Net-S: a convolutional network with global kernels, images of 256x256",
    parameters: 5_037_088,
    published: Published { parameters: 5_000_000, source: "Zhang et al. 2022, abstract" },
    inputs: &[IMAGE_256],
    prefixes: &[],
    construct: classifier,
};

/// One of the last three stages (the authors' configuration `scale_s`).
#[derive(Debug, Clone, Copy)]
struct Stage {
    /// Channels of the input of the frame, and of its output.
    outer: usize,
    /// Channels of the blocks within.
    inner: usize,
    feed_forward: usize,
    blocks: usize,
    /// Height and width, and so the length of a kernel.
    side: usize,
}

const STAGES: [Stage; 3] = [
    Stage { outer: 96, inner: 192, feed_forward: 384, blocks: 2, side: 32 },
    Stage { outer: 128, inner: 256, feed_forward: 512, blocks: 4, side: 16 },
    Stage { outer: 160, inner: 320, feed_forward: 640, blocks: 3, side: 8 },
];

/// Blocks of `MobileNetV2` before them: name, inputs, outputs and stride.
const CONVOLUTIONS: [(&str, usize, usize, usize); 4] =
    [("layer_1.0", STEM, 32, 1), ("layer_2.0", 32, 64, 2), ("layer_2.1", 64, 64, 1), ("layer_2.2", 64, 64, 1)];

fn classifier(net: &mut Net<'_>) -> Result<(), BuildError> {
    let mut x = CVNETS.conv_norm_silu(net, IMAGE_256.name, "conv_1", Conv::square(COLOURS, STEM, 3).stride(2))?;
    let mut before = STEM;
    for (name, inputs, outputs, stride) in CONVOLUTIONS {
        let shape = InvertedResidual { inputs, outputs, stride, expansion: EXPANSION };
        x = CVNETS.inverted_residual(net, &x, name, shape)?;
        before = outputs;
    }
    for (index, stage) in STAGES.into_iter().enumerate() {
        let prefix = format!("layer_{}", index + 3);
        let shape = InvertedResidual { inputs: before, outputs: stage.outer, stride: 2, expansion: EXPANSION };
        x = CVNETS.inverted_residual(net, &x, &format!("{prefix}.0"), shape)?;
        x = frame(net, &x, &format!("{prefix}.1"), stage)?;
        before = stage.outer;
    }
    let features = FEATURES * before;
    let x = CVNETS.conv_norm_silu(net, &x, "conv_1x1_exp", Conv::square(before, features, 1))?;
    let pooled = pool(net, &x);
    let logits = net.linear(&pooled, "classifier.fc", features, CLASSES)?;
    classified(net, &logits);
    Ok(())
}

/// Convolutions that see a neighbourhood, blocks that see everything, and a convolution over both.
fn frame(net: &mut Net<'_>, x: &str, prefix: &str, stage: Stage) -> Result<String, BuildError> {
    let Stage { outer, inner, feed_forward, blocks, side } = stage;
    // Each channel becomes two.
    let near = Conv { groups: outer, ..Conv::square(outer, inner, 3) };
    let near = CVNETS.conv_norm_silu(net, x, &format!("{prefix}.dim_adaptive.0"), near)?;
    let mut far = net.conv(&near, &format!("{prefix}.dim_adaptive.1.block.conv"), Conv::square(inner, inner, 1))?;
    for number in 0..blocks {
        let block = block::Block { channels: inner, feed_forward, side, placed: number == 0 };
        far = block.build(net, &far, &format!("{prefix}.spatial_global_rep.{number}"))?;
    }
    let far = net.batch_norm(&far, &format!("{prefix}.spatial_global_rep.{blocks}"), inner, EPSILON)?;
    let narrow = Conv { groups: outer, ..Conv::square(inner, outer, 1) };
    let far = CVNETS.conv_norm_silu(net, &far, &format!("{prefix}.channel_adaptive"), narrow)?;
    let both = net.op_with("Concat", &[&far, x], &[("axis", Attribute::Int(1))]);
    let fusion = Conv::square(2 * outer, outer, 3);
    CVNETS.conv_norm_silu(net, &both, &format!("{prefix}.local_global_fusion"), fusion)
}

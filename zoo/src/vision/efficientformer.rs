//! `EfficientFormer` (Li et al. 2022, <https://arxiv.org/abs/2206.01191>): blocks that mix by pooling, and last a few that
//! mix by attention among the 49 tokens that four strides leave of an image.

mod block;

use onnx::Attribute;

use super::blocks::{conv_norm, reshape, transpose};
use super::{CLASSES, COLOURS, EPSILON, IMAGE_224, classified};
use crate::architectures::{Architecture, Published, Task};
use crate::error::BuildError;
use crate::net::{Conv, Net};

pub(crate) const EFFICIENTFORMER_L3: Architecture = Architecture {
    name: "efficientformer-l3",
    aliases: &["efficientformer_l3"],
    task: Task::ImageClassification,
    summary: "EfficientFormer-L3: 26 blocks, the last 4 with attention, images of 224x224, two heads averaged",
    parameters: 31_406_000,
    published: Published {
        parameters: 31_406_000,
        source: "timm 0.9.16, efficientformer_l3; 31.3 M in Li et al. 2022",
    },
    inputs: &[IMAGE_224],
    prefixes: &[],
    construct: |net| classifier(net, &L3),
};

pub(crate) const EFFICIENTFORMER_L1: Architecture = Architecture {
    name: "efficientformer-l1",
    aliases: &["efficientformer_l1"],
    task: Task::ImageClassification,
    summary: "EfficientFormer-L1: 15 blocks, the last with attention, images of 224x224, two heads averaged",
    parameters: 12_289_928,
    published: Published {
        parameters: 12_289_928,
        source: "timm 0.9.16, efficientformer_l1; 12.3 M in Li et al. 2022",
    },
    inputs: &[IMAGE_224],
    prefixes: &[],
    construct: |net| classifier(net, &L1),
};

/// What distinguishes the sizes.
struct Size {
    /// Channels of each stage.
    channels: [usize; 4],
    /// Blocks of each stage.
    depths: [usize; 4],
    /// Those of the last stage's blocks that have attention.
    attentions: usize,
}

const L3: Size = Size { channels: [64, 128, 320, 512], depths: [4, 4, 12, 6], attentions: 4 };
const L1: Size = Size { channels: [48, 96, 224, 448], depths: [3, 2, 6, 4], attentions: 1 };

fn classifier(net: &mut Net<'_>, size: &Size) -> Result<(), BuildError> {
    let &Size { channels, depths, attentions } = size;
    let [first, .., width] = channels;
    let mut x = IMAGE_224.name.to_owned();
    for (number, inputs, outputs) in [(1, COLOURS, first / 2), (2, first / 2, first)] {
        let names = [&*format!("stem.conv{number}"), &*format!("stem.norm{number}")];
        x = conv_norm(net, &x, names, halving(inputs, outputs))?;
        x = net.op("Relu", &[&x]);
    }
    let mut before = first;
    for (stage, (width, depth)) in channels.into_iter().zip(depths).enumerate() {
        let prefix = format!("stages.{stage}");
        if stage > 0 {
            let names = [&*format!("{prefix}.downsample.conv"), &*format!("{prefix}.downsample.norm")];
            x = conv_norm(net, &x, names, halving(before, width))?;
        }
        let pooled = if stage + 1 == channels.len() { depth - attentions } else { depth };
        for number in 0..pooled {
            x = block::pooling(net, &x, &format!("{prefix}.blocks.{number}"), width)?;
        }
        before = width;
    }
    let flat = reshape(net, &x, &[width, block::TOKENS]);
    let mut x = transpose(net, &flat, &[0, 2, 1]);
    // timm counts the flattening as a block.
    let [.., depth] = depths;
    for number in depth - attentions + 1..=depth {
        x = block::attention(net, &x, &format!("stages.3.blocks.{number}"), width)?;
    }
    let x = net.layer_norm(&x, "norm", width, EPSILON)?;
    let mean = [("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(0))];
    let pooled = net.op_with("ReduceMean", &[&x], &mean);
    let logits = two_heads(net, &pooled, width)?;
    classified(net, &logits);
    Ok(())
}

/// A convolution to half the height and width.
fn halving(inputs: usize, outputs: usize) -> Conv {
    Conv::square(inputs, outputs, 3).stride(2).with_bias()
}

/// The mean of the classifier and of the one that was trained by distillation.
fn two_heads(net: &mut Net<'_>, pooled: &str, width: usize) -> Result<String, BuildError> {
    let taught = net.linear(pooled, "head", width, CLASSES)?;
    let distilled = net.linear(pooled, "head_dist", width, CLASSES)?;
    let (sum, half) = (net.op("Add", &[&taught, &distilled]), net.constant_f32(&[], &[0.5]));
    Ok(net.op("Mul", &[&sum, &half]))
}

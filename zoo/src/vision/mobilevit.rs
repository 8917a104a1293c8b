//! `MobileViT` (Mehta and Rastegari 2022, <https://arxiv.org/abs/2110.02178>): blocks of `MobileNetV2`, and after the last
//! three strides transformers among pixels that lie at the same place of their patches.

mod block;

use self::block::Block;
use super::blocks::{InvertedResidual, TIMM, pool};
use super::{CLASSES, COLOURS, EPSILON, IMAGE_256, classified};
use crate::architectures::{Architecture, Published, Task};
use crate::error::BuildError;
use crate::net::{Conv, Net};

/// Channels after the first convolution.
const STEM: usize = 16;
/// Height and width of what the first transformers see, an eighth of the image's.
const FIRST_SIDE: usize = 32;
/// Layers of the three transformers.
const DEPTHS: [usize; 3] = [2, 4, 3];
/// How much wider than the last stage the classifier's features are.
const FEATURES: usize = 4;

pub(crate) const MOBILEVIT_S: Architecture = Architecture {
    name: "mobilevit-s",
    aliases: &["mobilevit_s", "mobilevit-small"],
    task: Task::ImageClassification,
    summary: "MobileViT-S: 96 to 160 channels, transformers of width 144, 192 and 240, images of 256x256",
    parameters: 5_578_632,
    published: Published {
        parameters: 5_578_632,
        source: "timm 0.9.16, mobilevit_s; 5.6 M in Mehta and Rastegari 2022",
    },
    inputs: &[IMAGE_256],
    prefixes: &[],
    construct: |net| classifier(net, &S),
};

pub(crate) const MOBILEVIT_XS: Architecture = Architecture {
    name: "mobilevit-xs",
    aliases: &["mobilevit_xs", "mobilevit-x-small"],
    task: Task::ImageClassification,
    summary: "MobileViT-XS: 64 to 96 channels, transformers of width 96, 120 and 144, images of 256x256",
    parameters: 2_317_848,
    published: Published {
        parameters: 2_317_848,
        source: "timm 0.9.16, mobilevit_xs; 2.3 M in Mehta and Rastegari 2022",
    },
    inputs: &[IMAGE_256],
    prefixes: &[],
    construct: |net| classifier(net, &XS),
};

pub(crate) const MOBILEVIT_XXS: Architecture = Architecture {
    name: "mobilevit-xxs",
    aliases: &["mobilevit_xxs", "mobilevit-xx-small"],
    task: Task::ImageClassification,
    summary: "MobileViT-XXS: 48 to 80 channels, transformers of width 64, 80 and 96, images of 256x256",
    parameters: 1_272_024,
    published: Published {
        parameters: 1_272_024,
        source: "timm 0.9.16, mobilevit_xxs; 1.3 M in Mehta and Rastegari 2022",
    },
    inputs: &[IMAGE_256],
    prefixes: &[],
    construct: |net| classifier(net, &XXS),
};

/// What distinguishes the sizes.
struct Size {
    /// Channels after each of the five stages.
    channels: [usize; 5],
    /// Widths of the transformers in the last three.
    tokens: [usize; 3],
    /// Of all blocks of `MobileNetV2`.
    expansion: usize,
}

const S: Size = Size { channels: [32, 64, 96, 128, 160], tokens: [144, 192, 240], expansion: 4 };
const XS: Size = Size { channels: [32, 48, 64, 80, 96], tokens: [96, 120, 144], expansion: 4 };
const XXS: Size = Size { channels: [16, 24, 48, 64, 80], tokens: [64, 80, 96], expansion: 2 };

fn classifier(net: &mut Net<'_>, shape: &Size) -> Result<(), BuildError> {
    let &Size { channels: [first, second, rest @ ..], tokens, expansion } = shape;
    let mut x = TIMM.conv_norm_silu(net, IMAGE_256.name, "stem", Conv::square(COLOURS, STEM, 3).stride(2))?;
    let convolutions =
        [(0, 0, STEM, first, 1), (1, 0, first, second, 2), (1, 1, second, second, 1), (1, 2, second, second, 1)];
    for (stage, block, inputs, outputs, stride) in convolutions {
        let residual = InvertedResidual { inputs, outputs, stride, expansion };
        x = TIMM.inverted_residual(net, &x, &format!("stages.{stage}.{block}"), residual)?;
    }
    let (mut inputs, mut side) = (second, FIRST_SIDE);
    for (index, channels) in rest.into_iter().enumerate() {
        let prefix = format!("stages.{}", index + 2);
        let residual = InvertedResidual { inputs, outputs: channels, stride: 2, expansion };
        x = TIMM.inverted_residual(net, &x, &format!("{prefix}.0"), residual)?;
        let block = Block { channels, tokens: tokens[index], depth: DEPTHS[index], side };
        x = block.build(net, &x, &format!("{prefix}.1"))?;
        (inputs, side) = (channels, side / 2);
    }
    let features = FEATURES * inputs;
    let x = TIMM.conv_norm_silu(net, &x, "final_conv", Conv::square(inputs, features, 1))?;
    let pooled = pool(net, &x);
    let logits = net.linear(&pooled, "head.fc", features, CLASSES)?;
    classified(net, &logits);
    Ok(())
}

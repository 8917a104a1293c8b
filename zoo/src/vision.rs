//! Classifiers of images. Inputs and weights are named as in the reference implementations: timm for `MobileViT` and
//! `EfficientFormer`, the authors' own for `EdgeFormer`.
//!
//! Values have at most four axes, since the accelerators of phones often know no more. Preparing an image (size, mean and
//! standard deviation) is the caller's.

mod attention;
mod blocks;
mod edgeformer;
mod efficientformer;
mod mobilevit;

use onnx::{DataType, Dim};

pub(crate) use self::edgeformer::EDGEFORMER_S;
pub(crate) use self::efficientformer::{EFFICIENTFORMER_L1, EFFICIENTFORMER_L3};
pub(crate) use self::mobilevit::{MOBILEVIT_S, MOBILEVIT_XS, MOBILEVIT_XXS};
use crate::architectures::{Axis, Input};
use crate::net::Net;

/// Those of `ImageNet-1k`.
const CLASSES: usize = 1000;
/// Red, green and blue.
const COLOURS: usize = 3;
/// Of all normalisations, torch's default.
const EPSILON: f32 = 1e-5;

const IMAGE_224: Input = image(&[Axis::Free { name: "batch", usual: 1 }, RGB, Axis::Fixed(224), Axis::Fixed(224)]);
const IMAGE_256: Input = image(&[Axis::Free { name: "batch", usual: 1 }, RGB, Axis::Fixed(256), Axis::Fixed(256)]);

const RGB: Axis = Axis::Fixed(3);

const fn image(axes: &'static [Axis]) -> Input {
    Input { name: "image", data_type: DataType::Float, axes }
}

/// Makes `logits` the graph's only output.
fn classified(net: &mut Net<'_>, logits: &str) {
    net.output(logits, "logits", DataType::Float, &[Dim::from("batch"), Dim::Fixed(1000)]);
}

#[cfg(test)]
mod tests;

//! What these architectures have in common: convolutions with their normalisation, the block of `MobileNetV2`, and
//! activations.

use onnx::Attribute;

use super::EPSILON;
use crate::error::BuildError;
use crate::net::{Conv, Net};

/// How a reference implementation calls the parts of its blocks, from the block's own name on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naming {
    convolution: &'static str,
    normalisation: &'static str,
    expand: &'static str,
    depthwise: &'static str,
    project: &'static str,
}

/// timm's (`byobnet.py`).
pub(super) const TIMM: Naming = Naming {
    convolution: "conv",
    normalisation: "bn",
    expand: "conv1_1x1",
    depthwise: "conv2_kxk",
    project: "conv3_1x1",
};

/// That of Apple's `cvnets`, in which `EdgeFormer` is written too.
pub(super) const CVNETS: Naming = Naming {
    convolution: "block.conv",
    normalisation: "block.norm",
    expand: "block.exp_1x1",
    depthwise: "block.conv_3x3",
    project: "block.red_1x1",
};

/// The shape of a block of `MobileNetV2`.
#[derive(Debug, Clone, Copy)]
pub(super) struct InvertedResidual {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) stride: usize,
    /// How much wider than the input the block is within.
    pub(super) expansion: usize,
}

impl Naming {
    /// A convolution and its normalisation.
    pub(super) fn conv_norm(self, net: &mut Net<'_>, x: &str, prefix: &str, shape: Conv) -> Result<String, BuildError> {
        let Self { convolution, normalisation, .. } = self;
        conv_norm(net, x, [&format!("{prefix}.{convolution}"), &format!("{prefix}.{normalisation}")], shape)
    }

    /// As [`Naming::conv_norm`], and the activation.
    pub(super) fn conv_norm_silu(
        self,
        net: &mut Net<'_>,
        x: &str,
        prefix: &str,
        shape: Conv,
    ) -> Result<String, BuildError> {
        let normal = self.conv_norm(net, x, prefix, shape)?;
        Ok(silu(net, &normal))
    }

    /// Wider by a pointwise convolution, filtered by a depthwise one, narrower again without an activation; around it a
    /// shortcut where the shapes allow one (Sandler et al. 2018, figure 3b).
    pub(super) fn inverted_residual(
        self,
        net: &mut Net<'_>,
        x: &str,
        prefix: &str,
        shape: InvertedResidual,
    ) -> Result<String, BuildError> {
        let Self { expand, depthwise, project, .. } = self;
        let InvertedResidual { inputs, outputs, stride, expansion } = shape;
        let width = inputs * expansion;
        let wide = self.conv_norm_silu(net, x, &format!("{prefix}.{expand}"), Conv::square(inputs, width, 1))?;
        let filter = Conv::depthwise(width, 3).stride(stride);
        let filtered = self.conv_norm_silu(net, &wide, &format!("{prefix}.{depthwise}"), filter)?;
        let narrow = self.conv_norm(net, &filtered, &format!("{prefix}.{project}"), Conv::square(width, outputs, 1))?;
        Ok(if stride == 1 && inputs == outputs { net.op("Add", &[&narrow, x]) } else { narrow })
    }
}

/// A convolution and its normalisation, by their own names.
pub(super) fn conv_norm(
    net: &mut Net<'_>,
    x: &str,
    [convolution, normalisation]: [&str; 2],
    shape: Conv,
) -> Result<String, BuildError> {
    let filtered = net.conv(x, convolution, shape)?;
    net.batch_norm(&filtered, normalisation, shape.outputs, EPSILON)
}

/// The mean of each channel, as \[batch, channels\].
pub(super) fn pool(net: &mut Net<'_>, x: &str) -> String {
    let mean = net.op("GlobalAveragePool", &[x]);
    net.op_with("Flatten", &[&mean], &[("axis", Attribute::Int(1))])
}

/// Also called swish.
pub(super) fn silu(net: &mut Net<'_>, x: &str) -> String {
    let gate = net.op("Sigmoid", &[x]);
    net.op("Mul", &[x, &gate])
}

/// Exact, through the error function, written such that runtimes recognise it and fuse it.
pub(super) fn gelu(net: &mut Net<'_>, x: &str) -> String {
    let (root, one, half) = (
        net.constant_f32(&[], &[std::f32::consts::SQRT_2]),
        net.constant_f32(&[], &[1.0]),
        net.constant_f32(&[], &[0.5]),
    );
    let scaled = net.op("Div", &[x, &root]);
    let error = net.op("Erf", &[&scaled]);
    let gate = net.op("Add", &[&error, &one]);
    let gated = net.op("Mul", &[x, &gate]);
    net.op("Mul", &[&gated, &half])
}

/// Gives `x` these lengths, before which the first axis is whatever is left.
pub(super) fn reshape(net: &mut Net<'_>, x: &str, lengths: &[usize]) -> String {
    let lengths = lengths.iter().map(|&length| i64::try_from(length).expect("axes are short"));
    let shape: Vec<i64> = std::iter::once(-1).chain(lengths).collect();
    let shape = net.list(&shape);
    net.op("Reshape", &[x, &shape])
}

pub(super) fn transpose(net: &mut Net<'_>, x: &str, order: &[i64]) -> String {
    net.op_with("Transpose", &[x], &[("perm", Attribute::Ints(order.to_vec()))])
}

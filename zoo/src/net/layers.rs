//! Layers: an operator with the weights it needs.

use onnx::Attribute;

use super::{Init, Net};
use crate::error::BuildError;

/// The standard deviation of BERT's initial weights (`initializer_range`).
const TEXT_STD: f32 = 0.02;

/// The shape of a convolution over height and width.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conv {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: usize,
    pub(crate) groups: usize,
    /// Rows above and below, columns left and right.
    pub(crate) padding: [usize; 2],
    pub(crate) bias: bool,
}

impl Conv {
    /// A square kernel, padded such that stride 1 keeps height and width, without a bias.
    pub(crate) fn square(inputs: usize, outputs: usize, kernel: usize) -> Self {
        let padding = [kernel / 2; 2];
        Self { inputs, outputs, kernel: [kernel; 2], stride: 1, groups: 1, padding, bias: false }
    }

    /// One kernel to a channel.
    pub(crate) fn depthwise(channels: usize, kernel: usize) -> Self {
        Self { groups: channels, ..Self::square(channels, channels, kernel) }
    }

    pub(crate) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    pub(crate) fn with_bias(self) -> Self {
        Self { bias: true, ..self }
    }
}

impl Net<'_> {
    /// `x` times a matrix plus a bias, over the last axis; weights `PREFIX.weight` (stored output by input) and
    /// `PREFIX.bias`.
    pub(crate) fn linear(
        &mut self,
        x: &str,
        prefix: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<String, BuildError> {
        self.linear_of(x, prefix, [inputs, outputs], Init::Normal { std: TEXT_STD }, true)
    }

    /// As [`Net::linear`], with another distribution of random weights, and a bias or none.
    pub(crate) fn linear_of(
        &mut self,
        x: &str,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
        init: Init,
        bias: bool,
    ) -> Result<String, BuildError> {
        let matrix = self.weight_transposed(&format!("{prefix}.weight"), [outputs, inputs], init)?;
        let product = self.op("MatMul", &[x, &matrix]);
        if !bias {
            return Ok(product);
        }
        let bias = self.weight(&format!("{prefix}.bias"), &[outputs], Init::ZEROS)?;
        Ok(self.op("Add", &[&product, &bias]))
    }

    /// A table of `rows` vectors, from which `indices` choose.
    pub(crate) fn embedding(
        &mut self,
        indices: &str,
        name: &str,
        rows: usize,
        width: usize,
    ) -> Result<String, BuildError> {
        let table = self.embedding_table(name, rows, width)?;
        Ok(self.op("Gather", &[&table, indices]))
    }

    pub(crate) fn embedding_table(&mut self, name: &str, rows: usize, width: usize) -> Result<String, BuildError> {
        self.weight(name, &[rows, width], Init::Normal { std: TEXT_STD })
    }

    /// Normalisation of the last axis, which has the length `width`.
    pub(crate) fn layer_norm(
        &mut self,
        x: &str,
        prefix: &str,
        width: usize,
        epsilon: f32,
    ) -> Result<String, BuildError> {
        let scale = self.weight(&format!("{prefix}.weight"), &[width], Init::ONES)?;
        let bias = self.weight(&format!("{prefix}.bias"), &[width], Init::ZEROS)?;
        let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon))];
        Ok(self.op_with("LayerNormalization", &[x, &scale, &bias], &attributes))
    }

    /// A convolution with random weights that keep the scale of activations; weights `PREFIX.weight` and `PREFIX.bias`.
    pub(crate) fn conv(&mut self, x: &str, prefix: &str, shape: Conv) -> Result<String, BuildError> {
        let Conv { inputs, outputs, kernel: [height, width], stride, groups, padding: [rows, columns], bias } = shape;
        let by_group = inputs / groups;
        let init = Init::kaiming(by_group * height * width);
        let weight = self.weight(&format!("{prefix}.weight"), &[outputs, by_group, height, width], init)?;
        let bias = if bias { Some(self.weight(&format!("{prefix}.bias"), &[outputs], Init::ZEROS)?) } else { None };
        let operands: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        let attributes = [
            ("kernel_shape", ints(&[height, width])),
            ("strides", ints(&[stride, stride])),
            ("pads", ints(&[rows, columns, rows, columns])),
            ("group", Attribute::Int(super::signed(&[groups])[0])),
        ];
        Ok(self.op_with("Conv", &operands, &attributes))
    }

    /// A normalisation of channels by running statistics, which start as those of a standard normal distribution. It is left
    /// to the runtime to fold it into the convolution before it.
    pub(crate) fn batch_norm(
        &mut self,
        x: &str,
        prefix: &str,
        channels: usize,
        epsilon: f32,
    ) -> Result<String, BuildError> {
        let scale = self.weight(&format!("{prefix}.weight"), &[channels], Init::ONES)?;
        let bias = self.weight(&format!("{prefix}.bias"), &[channels], Init::ZEROS)?;
        let mean = self.buffer(&format!("{prefix}.running_mean"), &[channels], Init::ZEROS)?;
        let variance = self.buffer(&format!("{prefix}.running_var"), &[channels], Init::ONES)?;
        let attributes = [("epsilon", Attribute::Float(epsilon))];
        Ok(self.op_with("BatchNormalization", &[x, &scale, &bias, &mean, &variance], &attributes))
    }
}

/// Lengths as an attribute.
fn ints(lengths: &[usize]) -> Attribute {
    Attribute::Ints(super::signed(lengths))
}

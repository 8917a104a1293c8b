//! How much work an operator is, from the shapes of what goes in and what comes out.

mod attention;

use crate::element::ElementType;
use crate::shape::{
    Call, Elementwise, Length, Recurrence, Value, einsum_lengths, elementwise, gemm_depth, matmul_depth, recurrence,
};

/// See [`Cost`](super::Cost).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Work {
    pub(super) macs: u64,
    pub(super) flops: u64,
    pub(super) integer_ops: u64,
}

impl Work {
    /// So many operations, of which the type of the elements tells the kind.
    fn operations(count: u64, element: ElementType) -> Self {
        if element.is_whole() {
            Self { integer_ops: count, ..Self::default() }
        } else {
            Self { flops: count, ..Self::default() }
        }
    }

    /// So many multiply-accumulates, each of them two operations.
    fn products(macs: u64, element: ElementType) -> Option<Self> {
        let operations = macs.checked_mul(2)?;
        let macs = if element.is_whole() { 0 } else { macs };
        Some(Self { macs, ..Self::operations(operations, element) })
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            macs: self.macs.checked_add(other.macs)?,
            flops: self.flops.checked_add(other.flops)?,
            integer_ops: self.integer_ops.checked_add(other.integer_ops)?,
        })
    }
}

/// The work of one operator; nothing if there is no formula, or if a shape that it needs is unknown or too large.
pub(super) fn work(call: &Call, outputs: &[Value]) -> Option<Work> {
    if let Some(operator) = call.operator.strip_prefix("com.microsoft.") {
        return fused(call, operator, outputs);
    }
    let element = call.element(0);
    if let Some(kind) = elementwise(&call.operator) {
        let element = if call.operator == "Where" { call.element(1) } else { element };
        let times = match (kind, call.operator.as_str()) {
            (Elementwise::Many, "Max" | "Mean" | "Min" | "Sum") => (call.inputs.len() as u64).saturating_sub(1).max(1),
            _ => 1,
        };
        return Some(Work::operations(outputs.first()?.elements()?.checked_mul(times)?, element));
    }
    let each = |operations: u64| Some(Work::operations(outputs.first()?.elements()?.checked_mul(operations)?, element));
    let each_input =
        |operations: u64| Some(Work::operations(call.input(0)?.elements()?.checked_mul(operations)?, element));
    match call.operator.as_str() {
        operator if moves(operator) => outputs.first()?.elements().map(|_| Work::default()),
        "BatchNormalization" => each(2),
        "DequantizeLinear" | "QuantizeLinear" => Some(Work { flops: outputs.first()?.elements()?, ..Work::default() }),
        // The smallest, the largest, and the scaling.
        "DynamicQuantizeLinear" => {
            Some(Work { integer_ops: call.input(0)?.elements()?.checked_mul(3)?, ..Work::default() })
        }
        "Hardmax" => each(1),
        "LogSoftmax" | "Softmax" => each(5),
        "Gelu"
        | "GroupNormalization"
        | "InstanceNormalization"
        | "LRN"
        | "LayerNormalization"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "RMSNormalization"
        | "SimplifiedLayerNormalization" => each(8),
        // Two products and a sum.
        "RotaryEmbedding" => each(3),
        "ArgMax" | "ArgMin" | "AveragePool" | "CumSum" | "GlobalAveragePool" | "GlobalLpPool" | "GlobalMaxPool"
        | "LpPool" | "MaxPool" | "TopK" => each_input(1),
        operator if operator.starts_with("Reduce") => each_input(1),
        "GridSample" | "Resize" | "Upsample" => each(interpolation(call)?),
        "Conv" | "ConvInteger" => convolution(call, 1, outputs),
        "QLinearConv" => convolution(call, 3, outputs),
        "ConvTranspose" => Work::products(product(&[call.input(0)?.elements(), per_first(call, 1)])?, element),
        "MatMul" | "MatMulInteger" | "QLinearMatMul" => {
            Work::products(product(&[outputs.first()?.elements(), matmul_depth(call, 0)])?, element)
        }
        "Gemm" => Work::products(product(&[outputs.first()?.elements(), gemm_depth(call)])?, element),
        "Einsum" if call.inputs.len() == 1 => each_input(1),
        "Einsum" => {
            let terms = Some(call.inputs.len() as u64 - 1);
            Work::products(product(&[product(&einsum_lengths(call)?), terms])?, element)
        }
        "GRU" | "LSTM" | "RNN" => recurrent(&recurrence(call)?, element),
        "Attention" => attention::work(call),
        _ => None,
    }
}

fn fused(call: &Call, operator: &str, outputs: &[Value]) -> Option<Work> {
    let out = outputs.first()?.elements()?;
    let element = call.element(0);
    let each = |operations: u64| Some(Work::operations(out.checked_mul(operations)?, element));
    let integer = |operations: u64| Some(Work { integer_ops: out.checked_mul(operations)?, ..Work::default() });
    let integer_products = |depth: Length| Work::products(product(&[Some(out), depth])?, ElementType::UINT8);
    match operator {
        "Gelu" | "QuickGelu" => each(8),
        "BiasGelu" => each(9),
        "FastGelu" => each(8 + u64::from(call.has(1))),
        "BiasSoftmax" => each(6),
        "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" => {
            let bias = if operator == "SkipLayerNormalization" { 4 } else { 3 };
            each(9 + u64::from(call.has(bias)))
        }
        // Two sums of three rows, and their normalization.
        "EmbedLayerNormalization" => {
            Some(Work { flops: out.checked_mul(9 + u64::from(call.has(4)))?, ..Work::default() })
        }
        "RotaryEmbedding" => each(3),
        "DequantizeLinear" | "QuantizeLinear" => Some(Work { flops: out, ..Work::default() }),
        "QLinearAdd" | "QLinearLeakyRelu" | "QLinearMul" | "QLinearSigmoid" => integer(1),
        "QLinearSoftmax" => integer(5),
        "QLinearAveragePool" | "QLinearGlobalAveragePool" => {
            Some(Work { integer_ops: call.input(0)?.elements()?, ..Work::default() })
        }
        "QLinearConcat" => Some(Work::default()),
        "FusedConv" => convolution(call, 1, outputs),
        "FusedGemm" => Work::products(product(&[Some(out), gemm_depth(call)])?, element),
        "FusedMatMul" | "TransposeMatMul" => Work::products(product(&[Some(out), matmul_depth(call, 0)])?, element),
        "DynamicQuantizeMatMul" | "MatMulIntegerToFloat" => integer_products(matmul_depth(call, 0)),
        "QGemm" => integer_products(gemm_depth(call)),
        "MatMulNBits" => integer_products(u64::try_from(call.int("K")?).ok()),
        "Attention" | "MultiHeadAttention" | "QAttention" => attention::work(call),
        _ => None,
    }
}

/// Operators that move elements, convert them or make them out of nothing.
fn moves(operator: &str) -> bool {
    matches!(
        operator,
        "Cast"
            | "CastLike"
            | "Compress"
            | "Concat"
            | "Constant"
            | "ConstantOfShape"
            | "DepthToSpace"
            | "Dropout"
            | "Expand"
            | "EyeLike"
            | "Flatten"
            | "Gather"
            | "GatherElements"
            | "GatherND"
            | "Identity"
            | "NonZero"
            | "OneHot"
            | "Pad"
            | "Range"
            | "Reshape"
            | "ReverseSequence"
            | "Scatter"
            | "ScatterElements"
            | "ScatterND"
            | "Shape"
            | "Size"
            | "Slice"
            | "SpaceToDepth"
            | "Split"
            | "Squeeze"
            | "TensorScatter"
            | "Tile"
            | "Transpose"
            | "Trilu"
            | "Unsqueeze"
    )
}

/// Operations for an element between known ones: four products and three sums of a square, and five rows of a cube's.
fn interpolation(call: &Call) -> Option<u64> {
    match call.text("mode") {
        None if call.operator == "GridSample" => Some(7),
        None | Some("nearest") => Some(0),
        Some("linear" | "bilinear") => Some(7),
        Some("bicubic" | "cubic") => Some(31),
        Some(_) => None,
    }
}

/// Each element of the result sums as many products as one filter has weights.
fn convolution(call: &Call, weight: usize, outputs: &[Value]) -> Option<Work> {
    Work::products(product(&[outputs.first()?.elements(), per_first(call, weight)])?, call.element(0))
}

/// The elements of an input for each entry along its first axis.
fn per_first(call: &Call, input: usize) -> Length {
    product(call.dims(input)?.get(1..)?)
}

fn recurrent(layer: &Recurrence, element: ElementType) -> Option<Work> {
    let &Recurrence { steps, batch, directions, input, hidden, gates } = layer;
    let cells = product(&[steps, batch, Some(directions), Some(gates), Some(hidden)])?;
    let macs = product(&[Some(cells), input.and_then(|input| input.checked_add(hidden))])?;
    // Each gate has one activation.
    Work::products(macs, element)?.plus(Work::operations(cells, element))
}

fn product(lengths: &[Length]) -> Length {
    lengths.iter().try_fold(1_u64, |product, &length| product.checked_mul(length?))
}

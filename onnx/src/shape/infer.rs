//! Which rule an operator follows.

use super::number::held;
use super::{
    Call, Numbers, Value, elementwise, fused, gather, generate, layout, parts, product, recurrent, reduce, resize,
    window,
};
use crate::element::ElementType;

/// What is known of an operator's outputs, in their order and perhaps fewer or more than it has; nothing for operators
/// without a rule and for inputs that say too little.
pub(crate) fn infer(call: &Call) -> Option<Vec<Value>> {
    if let Some(operator) = call.operator.strip_prefix("com.microsoft.") {
        return fused::infer(call, operator);
    }
    if let Some(kind) = elementwise(&call.operator) {
        return elementwise::infer(call, kind);
    }
    match call.operator.as_str() {
        "Identity" => Some(vec![call.input(0)?.clone()]),
        "BatchNormalization"
        | "Gelu"
        | "GroupNormalization"
        | "Hardmax"
        | "InstanceNormalization"
        | "LRN"
        | "LogSoftmax"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "RMSNormalization"
        | "ReverseSequence"
        | "RotaryEmbedding"
        | "Scatter"
        | "ScatterElements"
        | "SimplifiedLayerNormalization"
        | "Softmax"
        | "TensorScatter"
        | "Trilu" => same(call),
        "LayerNormalization" => layer_normalization(call),
        "Dropout" => Some(vec![call.input(0)?.clone(), Value::of(ElementType::BOOL, call.dims(0)?.to_vec())]),
        "Cast" | "CastLike" => cast(call),
        "QuantizeLinear" | "DequantizeLinear" => quantize_or_back(call, &call.operator),
        "DynamicQuantizeLinear" => dynamic_quantize(call),
        "Reshape" => layout::reshape(call),
        "Flatten" => layout::flatten(call),
        "Squeeze" => layout::squeeze(call),
        "Unsqueeze" => layout::unsqueeze(call),
        "Transpose" => layout::transpose(call),
        "Expand" => layout::expand(call),
        "Tile" => layout::tile(call),
        "DepthToSpace" => layout::depth_and_space(call, true),
        "SpaceToDepth" => layout::depth_and_space(call, false),
        "Concat" => parts::concat(call),
        "Split" => parts::split(call),
        "Slice" => parts::slice(call),
        "Pad" => parts::pad(call),
        "TopK" => parts::top_k(call),
        "Gather" => gather::gather(call),
        "GatherND" => gather::gather_nd(call),
        "GatherElements" => gather::gather_elements(call),
        "ScatterND" => gather::scatter_nd(call),
        "OneHot" => gather::one_hot(call),
        "NonZero" => gather::non_zero(call),
        "Compress" => gather::compress(call),
        "Constant" => generate::constant(call),
        "ConstantOfShape" => generate::constant_of_shape(call),
        "Shape" => generate::shape(call),
        "Size" => generate::size(call),
        "Range" => Some(generate::range(call)),
        "Bernoulli" | "EyeLike" | "RandomNormal" | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike" => {
            generate::filled(call)
        }
        "BlackmanWindow" | "HammingWindow" | "HannWindow" => Some(generate::window(call)),
        "ArgMax" | "ArgMin" => reduce::place(call),
        "CumSum" => reduce::running_sum(call),
        operator if operator.starts_with("Reduce") => reduce::reduce(call),
        "Resize" => resize::resize(call),
        "Upsample" => resize::upsample(call),
        "GridSample" => resize::grid_sample(call),
        "MaxRoiPool" | "RoiAlign" => resize::regions(call),
        "Conv" => window::conv(call, 1, call.element(0)),
        "ConvInteger" => window::conv(call, 1, ElementType::INT32),
        "QLinearConv" => window::conv(call, 3, call.element(7)),
        "ConvTranspose" => window::conv_transpose(call),
        "AveragePool" | "LpPool" | "MaxPool" => window::pool(call),
        "GlobalAveragePool" | "GlobalLpPool" | "GlobalMaxPool" => window::global_pool(call),
        "MatMul" => product::matmul(call, (0, 1), call.element(0)),
        "MatMulInteger" => product::matmul(call, (0, 1), ElementType::INT32),
        "QLinearMatMul" => product::matmul(call, (0, 3), call.element(7)),
        "Gemm" => product::gemm(call, 1, call.element(0)),
        "Einsum" => product::einsum(call),
        "GRU" | "LSTM" | "RNN" => recurrent::infer(call),
        "Attention" => fused::standard_attention(call),
        _ => None,
    }
}

fn same(call: &Call) -> Option<Vec<Value>> {
    Some(call.one(call.dims(0)?.to_vec()))
}

/// Means and deviations, if asked for, have one element where the normalized axes were.
fn layer_normalization(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let axis = call.axis(-1, dims.len())?;
    let mut reduced = dims.to_vec();
    reduced[axis..].fill(Some(1));
    let statistics = Value::of(ElementType::FLOAT32, reduced);
    Some(vec![Value::of(call.element(0), dims.to_vec()), statistics.clone(), statistics])
}

fn cast(call: &Call) -> Option<Vec<Value>> {
    let element = if call.operator == "CastLike" {
        call.element(1)
    } else {
        ElementType::of_number(i32::try_from(call.int("to")?).ok()?)
    };
    let numbers =
        call.numbers(0).map(|numbers| numbers.iter().map(|&number| held(element, number?)).collect::<Numbers>());
    Some(vec![Value::of(element, call.dims(0)?.to_vec()).with_numbers(numbers)])
}

/// The type is that of the zero point when quantizing, and that of the scale on the way back.
pub(super) fn quantize_or_back(call: &Call, operator: &str) -> Option<Vec<Value>> {
    let declared = call.int("output_dtype").and_then(|number| i32::try_from(number).ok()).filter(|number| *number != 0);
    let element = match declared.map(ElementType::of_number) {
        Some(element) => element,
        None if operator == "DequantizeLinear" => call.element(1),
        None if call.has(2) => call.element(2),
        None => ElementType::UINT8,
    };
    Some(vec![Value::of(element, call.dims(0)?.to_vec())])
}

fn dynamic_quantize(call: &Call) -> Option<Vec<Value>> {
    let scalar = |element| Value::of(element, Vec::new());
    let quantized = Value::of(ElementType::UINT8, call.dims(0)?.to_vec());
    Some(vec![quantized, scalar(ElementType::FLOAT32), scalar(ElementType::UINT8)])
}

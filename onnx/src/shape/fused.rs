//! Operators of com.microsoft: what ONNX Runtime's optimizers and quantizers make of standard ones.

use super::axes::replaced;
use super::{Call, Length, Value, product, window};
use crate::element::ElementType;

/// The rule of an operator by its name without the domain.
pub(super) fn infer(call: &Call, operator: &str) -> Option<Vec<Value>> {
    match operator {
        "BiasGelu" | "BiasSoftmax" | "FastGelu" | "Gelu" | "QLinearLeakyRelu" | "QLinearSigmoid" | "QLinearSoftmax"
        | "QuickGelu" | "RotaryEmbedding" => Some(call.one(call.dims(0)?.to_vec())),
        "QuantizeLinear" | "DequantizeLinear" => super::infer::quantize_or_back(call, operator),
        "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" => skip_normalization(call),
        "EmbedLayerNormalization" => embedding(call),
        "FusedConv" => window::conv(call, 1, call.element(0)),
        "FusedGemm" => product::gemm(call, 1, call.element(0)),
        "QGemm" => product::gemm(call, 3, if call.has(7) { call.element(0) } else { ElementType::FLOAT32 }),
        "DynamicQuantizeMatMul" | "FusedMatMul" | "TransposeMatMul" => product::matmul(call, (0, 1), call.element(0)),
        "MatMulIntegerToFloat" => product::matmul(call, (0, 1), call.element(2)),
        "MatMulNBits" => {
            let columns = u64::try_from(call.int("N")?).ok();
            let dims = call.dims(0)?;
            Some(call.one(replaced(dims, dims.len().checked_sub(1)?, columns)))
        }
        "QLinearAdd" | "QLinearMul" => Some(call.one(super::axes::broadcast(call.dims(0)?, call.dims(3)?)?)),
        "QLinearAveragePool" => window::pool(call).filter(|_| !call.flag("channels_last")),
        "QLinearGlobalAveragePool" => window::global_pool(call).filter(|_| !call.flag("channels_last")),
        "QLinearConcat" => concat(call),
        "Attention" | "QAttention" => attention(call),
        "MultiHeadAttention" => multi_head(call),
        _ => None,
    }
}

/// The sum of input and skip, normalized; the sum itself is the fourth output.
fn skip_normalization(call: &Call) -> Option<Vec<Value>> {
    let output = Value::of(call.element(0), call.dims(0)?.to_vec());
    Some(vec![output.clone(), Value::unknown(), Value::unknown(), output])
}

/// Tables for words, positions and segments, whose rows are summed and normalized: [batch, sequence] to the rows' width.
fn embedding(call: &Call) -> Option<Vec<Value>> {
    let [batch, sequence] = call.dims_of(0)?;
    let [_, width] = call.dims_of(2)?;
    let output = Value::of(call.element(2), vec![batch, sequence, width]);
    Some(vec![output.clone(), Value::of(ElementType::INT32, vec![batch]), output])
}

/// Inputs alternate from the third on: a tensor, its scale, its zero point.
fn concat(call: &Call) -> Option<Vec<Value>> {
    let first = call.dims(2)?;
    let axis = call.axis(1, first.len())?;
    let parts = (2..call.inputs.len()).step_by(3).map(|input| call.dims(input).and_then(|dims| *dims.get(axis)?));
    Some(call.typed_as(2, replaced(first, axis, super::axes::sum(parts))))
}

/// Axes of an attention: what is multiplied with what.
pub(crate) struct Attention {
    pub(crate) batch: Length,
    pub(crate) heads: Length,
    /// Positions that ask, and positions that are asked.
    pub(crate) queries: Length,
    pub(crate) keys: Length,
    /// Of all heads together: width of queries and keys, and width of values.
    pub(crate) width: Length,
    pub(crate) value_width: Length,
    /// Width of the input and of its projection; nothing if the operator doesn't project.
    pub(crate) projection: Option<(Length, Length)>,
}

/// How an operator attends; nothing if it is none of attention, or if its inputs are in a form that isn't understood.
pub(crate) fn attends(call: &Call) -> Option<Attention> {
    match call.operator.as_str() {
        "com.microsoft.Attention" | "com.microsoft.QAttention" => projected(call),
        "com.microsoft.MultiHeadAttention" => separate(call),
        "Attention" => standard(call),
        _ => None,
    }
}

/// Input [batch, sequence, in] and weights [in, query + key + value]; past keys are [2, batch, heads, positions, width].
fn projected(call: &Call) -> Option<Attention> {
    let [batch, queries, input] = call.dims_of(0)?;
    let [_, all] = call.dims_of(1)?;
    let (width, value_width) = match call.ints("qkv_hidden_sizes") {
        Some(&[width, _, value]) => (u64::try_from(width).ok(), u64::try_from(value).ok()),
        Some(_) => return None,
        None => (all.map(|all| all / 3), all.map(|all| all / 3)),
    };
    let past = if call.operator.ends_with("QAttention") { 8 } else { 4 };
    let keys = if call.has(past) { sum(queries, call.dims(past)?.get(3).copied()?) } else { queries };
    let heads = u64::try_from(call.int("num_heads")?).ok();
    Some(Attention { batch, heads, queries, keys, width, value_width, projection: Some((input, all)) })
}

/// Query, key and value [batch, positions, width]; keys and values of cross attention are [batch, heads, positions, width].
fn separate(call: &Call) -> Option<Attention> {
    let [batch, queries, width] = call.dims_of(0)?;
    let heads = u64::try_from(call.int("num_heads")?).ok();
    let keys = match call.dims(1)? {
        [_, positions, _] | [_, _, positions, _] => *positions,
        _ => return None,
    };
    let value_width = match call.dims(2)? {
        [_, _, width] => *width,
        [_, heads, _, width] => times(*heads, *width),
        _ => return None,
    };
    let keys = if call.has(6) { sum(keys, call.dims(6)?.get(2).copied()?) } else { keys };
    Some(Attention { batch, heads, queries, keys, width, value_width, projection: None })
}

/// [batch, heads, positions, width] or [batch, positions, heads * width]; several query heads may share a key head.
fn standard(call: &Call) -> Option<Attention> {
    let head_count = |name: &str| u64::try_from(call.int(name)?).ok();
    let past = if call.has(4) { call.dims(4)?.get(2).copied()? } else { Some(0) };
    let (batch, heads, queries, width) = match *call.dims(0)? {
        [batch, heads, queries, width] => (batch, heads, queries, times(heads, width)),
        [batch, queries, width] => (batch, head_count("q_num_heads"), queries, width),
        _ => return None,
    };
    let (keys, one_value) = match *call.dims(2)? {
        [_, _, keys, width] => (keys, width),
        [_, keys, width] => {
            (keys, width.zip(head_count("kv_num_heads")).and_then(|(width, heads)| width.checked_div(heads)))
        }
        _ => return None,
    };
    let keys = sum(keys, past);
    Some(Attention { batch, heads, queries, keys, width, value_width: times(heads, one_value), projection: None })
}

fn sum(a: Length, b: Length) -> Length {
    super::axes::sum([a, b])
}

fn times(a: Length, b: Length) -> Length {
    a?.checked_mul(b?)
}

fn attention(call: &Call) -> Option<Vec<Value>> {
    let Attention { batch, heads, queries, keys, value_width, width, .. } = attends(call)?;
    let element = if call.operator.ends_with("QAttention") { call.element(3) } else { call.element(0) };
    let head_width = width.zip(heads).and_then(|(width, heads)| width.checked_div(heads));
    let present = vec![Some(2), batch, heads, keys, head_width];
    Some(vec![Value::of(element, vec![batch, queries, value_width]), Value::of(element, present)])
}

fn multi_head(call: &Call) -> Option<Vec<Value>> {
    let Attention { batch, heads, queries, keys, width, value_width, .. } = attends(call)?;
    let present = |width: Length| {
        let width = width.zip(heads).and_then(|(width, heads)| width.checked_div(heads));
        Value::of(call.element(0), vec![batch, heads, keys, width])
    };
    let output = Value::of(call.element(0), vec![batch, queries, value_width]);
    Some(vec![output, present(width), present(value_width)])
}

/// The standard operator of version 23. Keys and values so far have the heads of keys, which may be fewer.
pub(super) fn standard_attention(call: &Call) -> Option<Vec<Value>> {
    let Attention { batch, heads, queries, keys, width, value_width, .. } = attends(call)?;
    let one = |width: Length| width.zip(heads).and_then(|(width, heads)| width.checked_div(heads));
    let (output, key_heads) = if let [_, key_heads, _, _] = call.dims(1)? {
        (vec![batch, heads, queries, one(value_width)], *key_heads)
    } else {
        (vec![batch, queries, value_width], u64::try_from(call.int("kv_num_heads")?).ok())
    };
    let present = |width: Length| Value::of(call.element(1), vec![batch, key_heads, keys, width]);
    let scores = Value::of(call.element(0), vec![batch, heads, queries, keys]);
    let output = Value::of(call.element(0), output);
    Some(vec![output, present(one(width)), present(one(value_width)), scores])
}

//! ONNX's own format for one tensor: a file with a `TensorProto`, as in the `input_0.pb` of model zoos.

use prost::Message;

use super::{Element, InputTensor};

/// The part of onnx.proto's `TensorProto` that holds numbers.
#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(float, repeated, tag = "4")]
    float_data: Vec<f32>,
    /// Of all whole types up to 32 bits but `uint32`, and the bits of 16-bit floats.
    #[prost(int32, repeated, tag = "5")]
    int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    int64_data: Vec<i64>,
    /// Little-endian; instead of all others.
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    double_data: Vec<f64>,
    /// Of `uint32` too.
    #[prost(uint64, repeated, tag = "11")]
    uint64_data: Vec<u64>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

/// Bytes that are no tensor.
#[derive(Debug, thiserror::Error)]
pub(in crate::runner) enum TensorProtoError {
    #[error("it is neither an .npz archive nor an .npy array nor an ONNX tensor")]
    Malformed(#[source] prost::DecodeError),
    #[error("its elements are of ONNX's type {0}, which can't be fed")]
    Type(i32),
    #[error("its values are in another file")]
    External,
    #[error("its shape {shape:?} and its {size_bytes} bytes do not go together")]
    Size { shape: Vec<i64>, size_bytes: usize },
}

/// Reads a tensor and the type of its elements.
pub(super) fn parse(bytes: &[u8]) -> Result<(Element, InputTensor), TensorProtoError> {
    let tensor = TensorProto::decode(bytes).map_err(TensorProtoError::Malformed)?;
    let element = element(tensor.data_type).ok_or(TensorProtoError::Type(tensor.data_type))?;
    if tensor.data_location != 0 {
        return Err(TensorProtoError::External);
    }
    let shape = tensor.dims.clone();
    let bytes = values(element, tensor);
    let count = super::shape::elements(&shape);
    if count.and_then(|count| count.checked_mul(element.size_bytes())) != Some(bytes.len()) {
        return Err(TensorProtoError::Size { shape, size_bytes: bytes.len() });
    }
    Ok((element, InputTensor { shape, bytes }))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the wider fields hold narrower types")]
fn values(element: Element, tensor: TensorProto) -> Vec<u8> {
    if !tensor.raw_data.is_empty() {
        let mut bytes = tensor.raw_data;
        if cfg!(target_endian = "big") {
            bytes.chunks_exact_mut(element.size_bytes()).for_each(<[u8]>::reverse);
        }
        return bytes;
    }
    let narrow = tensor.int32_data.into_iter();
    match element {
        Element::Float32 => tensor.float_data.into_iter().flat_map(f32::to_ne_bytes).collect(),
        Element::Float64 => tensor.double_data.into_iter().flat_map(f64::to_ne_bytes).collect(),
        Element::Int64 => tensor.int64_data.into_iter().flat_map(i64::to_ne_bytes).collect(),
        Element::Uint64 => tensor.uint64_data.into_iter().flat_map(u64::to_ne_bytes).collect(),
        Element::Uint32 => tensor.uint64_data.into_iter().flat_map(|value| (value as u32).to_ne_bytes()).collect(),
        Element::Int32 => narrow.flat_map(i32::to_ne_bytes).collect(),
        Element::Int16 | Element::Uint16 | Element::Float16 | Element::Bfloat16 => {
            narrow.flat_map(|value| (value as u16).to_ne_bytes()).collect()
        }
        Element::Int8 | Element::Uint8 | Element::Bool => narrow.map(|value| value as u8).collect(),
    }
}

/// onnx.proto's `TensorProto.DataType`.
fn element(number: i32) -> Option<Element> {
    Some(match number {
        1 => Element::Float32,
        2 => Element::Uint8,
        3 => Element::Int8,
        4 => Element::Uint16,
        5 => Element::Int16,
        6 => Element::Int32,
        7 => Element::Int64,
        9 => Element::Bool,
        10 => Element::Float16,
        11 => Element::Float64,
        12 => Element::Uint32,
        13 => Element::Uint64,
        16 => Element::Bfloat16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tensor: &TensorProto, element: Element, bytes: &[u8]) {
        let (found, tensor) = parse(&tensor.encode_to_vec()).expect("a tensor");
        assert_eq!((found, tensor.bytes.as_slice()), (element, bytes));
    }

    #[test]
    fn values_are_read_from_raw_bytes_and_from_typed_fields() {
        let two = TensorProto { dims: vec![2], ..TensorProto::default() };
        let raw = TensorProto { data_type: 1, raw_data: [1.0_f32, 2.0].map(f32::to_le_bytes).concat(), ..two.clone() };
        check(&raw, Element::Float32, &[1.0_f32, 2.0].map(f32::to_ne_bytes).concat());
        let typed = TensorProto { data_type: 1, float_data: vec![1.0, 2.0], ..two.clone() };
        check(&typed, Element::Float32, &[1.0_f32, 2.0].map(f32::to_ne_bytes).concat());
        let small = TensorProto { data_type: 3, int32_data: vec![-1, 2], ..two.clone() };
        check(&small, Element::Int8, &[255, 2]);
        let halves = TensorProto { data_type: 10, int32_data: vec![0x3c00, 0xbc00], ..two.clone() };
        check(&halves, Element::Float16, &[0x3c00_u16, 0xbc00].map(u16::to_ne_bytes).concat());
        let unsigned = TensorProto { data_type: 12, uint64_data: vec![1, 1 << 31], ..two };
        check(&unsigned, Element::Uint32, &[1_u32, 1 << 31].map(u32::to_ne_bytes).concat());
    }

    #[test]
    fn what_is_no_whole_tensor_is_refused() {
        let tensor = TensorProto { dims: vec![3], data_type: 1, float_data: vec![1.0], ..TensorProto::default() };
        assert!(matches!(parse(&tensor.encode_to_vec()), Err(TensorProtoError::Size { .. })));
        assert!(matches!(parse(b""), Err(TensorProtoError::Type(0))));
        assert!(matches!(parse(b"no tensor"), Err(TensorProtoError::Malformed(_))));
        let text = TensorProto { data_type: 8, ..tensor.clone() };
        assert!(matches!(parse(&text.encode_to_vec()), Err(TensorProtoError::Type(8))));
        let elsewhere = TensorProto { data_location: 1, ..tensor };
        assert!(matches!(parse(&elsewhere.encode_to_vec()), Err(TensorProtoError::External)));
    }
}

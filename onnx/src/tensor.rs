//! Constants and their element types.

use crate::format::{DataLocation, StringStringEntryProto, TensorProto};

/// Element types, with onnx.proto's numbers (`TensorProto.DataType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Uint16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    Uint32 = 12,
    Uint64 = 13,
    Bfloat16 = 16,
}

/// A constant.
#[derive(Debug, Clone)]
pub struct Tensor {
    data_type: DataType,
    dims: Vec<i64>,
    raw: Vec<u8>,
}

impl Tensor {
    /// Elements in row-major order and little-endian bytes; any type but strings.
    pub fn of_bytes(data_type: DataType, dims: &[i64], raw: Vec<u8>) -> Self {
        Self { data_type, dims: dims.to_vec(), raw }
    }

    /// Values in row-major order; their count should be the product of `dims` (none for a scalar).
    pub fn of_f32(dims: &[i64], values: &[f32]) -> Self {
        Self::of_bytes(DataType::Float, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// As [`Tensor::of_f32`].
    pub fn of_i64(dims: &[i64], values: &[i64]) -> Self {
        Self::of_bytes(DataType::Int64, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// One boolean without a shape.
    pub fn of_bool(value: bool) -> Self {
        Self::of_bytes(DataType::Bool, &[], vec![u8::from(value)])
    }

    pub(crate) fn into_proto(self, name: &str) -> TensorProto {
        let Self { data_type, dims, raw } = self;
        TensorProto {
            dims,
            data_type: data_type as i32,
            name: name.to_owned(),
            raw_data: raw,
            ..TensorProto::default()
        }
    }
}

/// Says of `tensor` that its values are `length` bytes from `offset` on in the file `location`, and not in itself.
pub(crate) fn set_external(tensor: &mut TensorProto, location: &str, offset: u64, length: u64) {
    let entry = |(key, value): (&str, String)| StringStringEntryProto { key: key.to_owned(), value };
    tensor.set_data_location(DataLocation::External);
    tensor.external_data =
        [("location", location.to_owned()), ("offset", offset.to_string()), ("length", length.to_string())]
            .map(entry)
            .to_vec();
}

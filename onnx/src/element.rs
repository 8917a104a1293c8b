//! Element types: their names and sizes.

use std::fmt;

/// The type of a tensor's elements, by onnx.proto's number (`TensorProto.DataType`); any number is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ElementType(i32);

impl ElementType {
    pub(crate) const UNKNOWN: Self = Self(0);
    pub(crate) const FLOAT32: Self = Self(1);
    pub(crate) const UINT8: Self = Self(2);
    pub(crate) const INT32: Self = Self(6);
    pub(crate) const INT64: Self = Self(7);
    pub(crate) const BOOL: Self = Self(9);

    pub(crate) const fn of_number(number: i32) -> Self {
        Self(number)
    }

    /// numpy's name; `other` for a number that this version doesn't know.
    pub const fn name(self) -> &'static str {
        match self.0 {
            1 => "float32",
            2 => "uint8",
            3 => "int8",
            4 => "uint16",
            5 => "int16",
            6 => "int32",
            7 => "int64",
            8 => "string",
            9 => "bool",
            10 => "float16",
            11 => "float64",
            12 => "uint32",
            13 => "uint64",
            14 => "complex64",
            15 => "complex128",
            16 => "bfloat16",
            17 => "float8e4m3fn",
            18 => "float8e4m3fnuz",
            19 => "float8e5m2",
            20 => "float8e5m2fnuz",
            21 => "uint4",
            22 => "int4",
            23 => "float4e2m1",
            24 => "float8e8m0",
            25 => "uint2",
            26 => "int2",
            _ => "other",
        }
    }

    /// Size of one element; nothing for text and unknown types.
    pub const fn bits(self) -> Option<u64> {
        Some(match self.0 {
            2 | 3 | 9 | 17..=20 | 24 => 8,
            4 | 5 | 10 | 16 => 16,
            1 | 6 | 12 => 32,
            7 | 11 | 13 | 14 => 64,
            15 => 128,
            21..=23 => 4,
            25 | 26 => 2,
            _ => return None,
        })
    }

    /// Size of so many elements, those of less than a byte packed; nothing as [`ElementType::bits`], or if it overflows.
    pub const fn bytes(self, elements: u64) -> Option<u64> {
        match self.bits() {
            Some(bits) => match elements.checked_mul(bits) {
                Some(bits) => Some(bits.div_ceil(8)),
                None => None,
            },
            None => None,
        }
    }

    /// Whether arithmetic on it is on whole numbers; booleans count as such.
    pub(crate) const fn is_whole(self) -> bool {
        matches!(self.0, 2..=7 | 9 | 12 | 13 | 21 | 22 | 25 | 26)
    }

    /// Types whose values Rust can't compute with.
    pub(crate) const fn is_half(self) -> bool {
        matches!(self.0, 10 | 16..=20 | 23 | 24)
    }

    /// The numbers of little-endian bytes; nothing for types that are no plain numbers of Rust's, and for broken ones.
    pub(crate) fn numbers(self, raw: &[u8]) -> Option<Vec<f64>> {
        use crate::format::read::approximately;

        match self.0 {
            1 => each(raw, |four| f32::from_le_bytes(four).into()),
            2 | 9 => each(raw, |[byte]: [u8; 1]| byte.into()),
            3 => each(raw, |byte| i8::from_le_bytes(byte).into()),
            4 => each(raw, |two| u16::from_le_bytes(two).into()),
            5 => each(raw, |two| i16::from_le_bytes(two).into()),
            6 => each(raw, |four| i32::from_le_bytes(four).into()),
            7 | 13 => each(raw, |eight| approximately(i64::from_le_bytes(eight))),
            11 => each(raw, f64::from_le_bytes),
            12 => each(raw, |four| u32::from_le_bytes(four).into()),
            _ => None,
        }
    }
}

fn each<const N: usize>(raw: &[u8], number: impl Fn([u8; N]) -> f64) -> Option<Vec<f64>> {
    let (chunks, rest) = raw.as_chunks::<N>();
    rest.is_empty().then(|| chunks.iter().map(|&chunk| number(chunk)).collect())
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_less_than_a_byte_are_packed() {
        assert_eq!(ElementType::of_number(22).bytes(3), Some(2));
        assert_eq!(ElementType::FLOAT32.bytes(3), Some(12));
        assert_eq!(ElementType::INT64.bytes(u64::MAX), None);
        assert_eq!(ElementType::of_number(8).bytes(1), None);
    }
}

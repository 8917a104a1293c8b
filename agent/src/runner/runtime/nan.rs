//! Values that are not a number: a model that computes them runs, and often faster than it should.

use ort::value::{DynTensor, TensorElementType};

use super::{RuntimeError, tensor};

/// An error if a tensor of floats in the CPU's memory has a NaN. Infinity is a number.
pub(super) fn check(output: &str, values: &DynTensor, query: Option<usize>) -> Result<(), RuntimeError> {
    let (count, of) = count(*values.data_type(), tensor::bytes(values));
    if count > 0 { Err(RuntimeError::NotANumber { output: output.to_owned(), count, of, query }) } else { Ok(()) }
}

/// How many of how many elements are NaN; none of none for what has no NaN.
fn count(element: TensorElementType, bytes: &[u8]) -> (usize, usize) {
    match element {
        TensorElementType::Float32 => count_by(bytes, |bytes| f32::from_ne_bytes(bytes).is_nan()),
        TensorElementType::Float64 => count_by(bytes, |bytes| f64::from_ne_bytes(bytes).is_nan()),
        // All bits of the exponent, and one of the mantissa at least.
        TensorElementType::Float16 => count_by(bytes, |bytes| u16::from_ne_bytes(bytes) & 0x7fff > 0x7c00),
        TensorElementType::Bfloat16 => count_by(bytes, |bytes| u16::from_ne_bytes(bytes) & 0x7fff > 0x7f80),
        _ => (0, 0),
    }
}

fn count_by<const N: usize>(bytes: &[u8], is_nan: impl Fn([u8; N]) -> bool) -> (usize, usize) {
    let (elements, _) = bytes.as_chunks::<N>();
    (elements.iter().filter(|element| is_nan(**element)).count(), elements.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(element: TensorElementType, bytes: &[u8], expected: (usize, usize)) {
        assert_eq!(count(element, bytes), expected, "{element:?}");
    }

    #[test]
    fn nan_is_counted_in_every_float_and_infinity_is_not() {
        let singles = [0.5_f32, f32::NAN, f32::INFINITY, -f32::NAN].map(f32::to_ne_bytes).concat();
        check(TensorElementType::Float32, &singles, (2, 4));
        let doubles = [f64::NAN, f64::NEG_INFINITY].map(f64::to_ne_bytes).concat();
        check(TensorElementType::Float64, &doubles, (1, 2));
        // 1.0, infinity, -infinity, a NaN, another NaN.
        let halves = [0x3c00_u16, 0x7c00, 0xfc00, 0x7e00, 0xfc01].map(u16::to_ne_bytes).concat();
        check(TensorElementType::Float16, &halves, (2, 5));
        let brains = [0x3f80_u16, 0x7f80, 0xff80, 0x7fc0, 0xff81].map(u16::to_ne_bytes).concat();
        check(TensorElementType::Bfloat16, &brains, (2, 5));
    }

    #[test]
    fn whole_numbers_have_no_nan() {
        check(TensorElementType::Int32, &[0xff; 8], (0, 0));
        check(TensorElementType::Float32, &[], (0, 0));
    }
}

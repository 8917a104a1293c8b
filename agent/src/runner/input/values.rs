//! Numbers as elements: each type's own representation of a number, and random numbers within a range.

use half::{bf16, f16};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::{Element, InputError, InputSpec};

impl Element {
    /// Least and greatest value of a type of whole numbers.
    fn whole_limits(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::Uint8 => (0, u8::MAX.into()),
            Self::Uint16 => (0, u16::MAX.into()),
            Self::Uint32 => (0, u32::MAX.into()),
            Self::Uint64 => (0, u64::MAX.into()),
            Self::Bool => (0, 1),
            Self::Float32 | Self::Float64 | Self::Float16 | Self::Bfloat16 => return None,
        })
    }

    /// The nearest number that the type has; only for floats.
    fn rounded(self, value: f64) -> f64 {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
            Self::Float32 => f64::from(value as f32),
            Self::Float16 => f16::from_f64(value).to_f64(),
            Self::Bfloat16 => bf16::from_f64(value).to_f64(),
            _ => value,
        }
    }
}

/// Appends a number to the bytes of a tensor of floats.
#[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
fn push_float(element: Element, value: f64, bytes: &mut Vec<u8>) {
    match element {
        Element::Float16 => bytes.extend(f16::from_f64(value).to_ne_bytes()),
        Element::Bfloat16 => bytes.extend(bf16::from_f64(value).to_ne_bytes()),
        Element::Float32 => bytes.extend((value as f32).to_ne_bytes()),
        _ => bytes.extend(value.to_ne_bytes()),
    }
}

/// Appends a whole number in the element's own representation; what does not fit is wrapped.
#[expect(
    clippy::cast_possible_truncation,
    reason = "numbers are positions, ids or within limits; wrapping is documented"
)]
#[expect(clippy::cast_precision_loss, reason = "floats are given positions and ids")]
pub(super) fn push_whole(element: Element, number: i128, bytes: &mut Vec<u8>) {
    match element {
        Element::Float32 | Element::Float64 | Element::Float16 | Element::Bfloat16 => {
            push_float(element, number as f64, bytes);
        }
        Element::Int8 | Element::Uint8 => bytes.extend((number as i8).to_ne_bytes()),
        Element::Bool => bytes.push(u8::from(number != 0)),
        Element::Int16 | Element::Uint16 => bytes.extend((number as i16).to_ne_bytes()),
        Element::Int32 | Element::Uint32 => bytes.extend((number as i32).to_ne_bytes()),
        Element::Int64 | Element::Uint64 => bytes.extend((number as i64).to_ne_bytes()),
    }
}

/// Beyond this a float does not fit an `i128`; every type's limits are far below.
const FAR: f64 = 1e30;

/// Where random values lie, by the campaign's word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Range {
    /// In `[low, high)`, or `low` alone.
    Floats { low: f64, high: f64 },
    /// In `low..=high`.
    Whole { low: i128, high: i128 },
}

impl Range {
    /// An error if the input's type does not have these values.
    #[expect(clippy::cast_possible_truncation, reason = "both are whole and far below 2^127: checked before")]
    pub(super) fn new(input: &InputSpec, (low, high): (f64, f64)) -> Result<Self, InputError> {
        let error = |why: &'static str| {
            Err(InputError::Range { name: input.name.clone(), low, high, element: input.element.name(), why })
        };
        if !(low.is_finite() && high.is_finite()) || low > high {
            return error("the first number must be the smaller one, and both must be finite");
        }
        let Some((least, greatest)) = input.element.whole_limits() else {
            if !(input.element.rounded(low).is_finite() && input.element.rounded(high).is_finite()) {
                return error("the type's greatest number is smaller");
            }
            return Ok(Self::Floats { low, high });
        };
        if low.fract() != 0.0 || high.fract() != 0.0 {
            return error("the type has whole numbers only");
        }
        if low.abs() > FAR || high.abs() > FAR || (low as i128) < least || (high as i128) > greatest {
            return error("the type does not reach that far");
        }
        Ok(Self::Whole { low: low as i128, high: high as i128 })
    }

    pub(super) fn push(self, rng: &mut ChaCha8Rng, element: Element, bytes: &mut Vec<u8>) {
        match self {
            Self::Floats { low, high } => {
                let value = low + (high - low) * rng.random_range(0.0..1.0);
                // Rounding must not reach the end, which does not belong to the range.
                push_float(element, if element.rounded(value) >= high { low } else { value }, bytes);
            }
            Self::Whole { low, high } => push_whole(element, rng.random_range(low..=high), bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    fn range(element: Element, low: f64, high: f64) -> Result<Range, InputError> {
        Range::new(&InputSpec { name: "x".to_owned(), element, axes: Vec::new() }, (low, high))
    }

    fn bytes(element: Element, low: f64, high: f64) -> Vec<u8> {
        let (mut rng, mut bytes) = (ChaCha8Rng::seed_from_u64(3), Vec::new());
        let range = range(element, low, high).expect("a range");
        (0..1000).for_each(|_| range.push(&mut rng, element, &mut bytes));
        bytes
    }

    #[test]
    fn whole_numbers_fill_their_range_with_both_ends() {
        let bytes_of_both = bytes(Element::Int16, -2.0, 1.0);
        let seen: BTreeSet<i16> = bytes_of_both.as_chunks().0.iter().map(|chunk| i16::from_ne_bytes(*chunk)).collect();
        assert_eq!(Vec::from_iter(seen), [-2, -1, 0, 1]);
        assert!(bytes(Element::Bool, 0.0, 0.0).iter().all(|&byte| byte == 0));
        let large = 18_000_000_000_000_000_000_u64.to_ne_bytes();
        assert_eq!(bytes(Element::Uint64, 18e18, 18e18)[..8], large);
    }

    #[test]
    fn floats_never_reach_the_end_of_their_range_even_when_rounded() {
        for chunk in bytes(Element::Float16, 0.0, 1.0).as_chunks::<2>().0 {
            let value = f16::from_ne_bytes(*chunk).to_f64();
            assert!((0.0..1.0).contains(&value), "{value}");
        }
        assert_eq!(bytes(Element::Float32, 0.5, 0.5)[..4], 0.5_f32.to_ne_bytes());
    }

    #[test]
    fn ranges_that_a_type_does_not_have_are_errors() {
        for (element, low, high, word) in [
            (Element::Float32, 1.0, 0.0, "smaller"),
            (Element::Float32, 0.0, f64::NAN, "finite"),
            (Element::Float32, 0.0, 1e39, "greatest"),
            (Element::Float16, -7e4, 0.0, "greatest"),
            (Element::Int32, 0.5, 1.0, "whole"),
            (Element::Uint8, -1.0, 1.0, "reach"),
            (Element::Int64, 0.0, 9.3e18, "reach"),
            (Element::Uint64, 0.0, 1e300, "reach"),
            (Element::Bool, 0.0, 2.0, "reach"),
        ] {
            let message = range(element, low, high).expect_err("no range").to_string();
            assert!(message.contains(word) && message.contains(element.name()), "{message}");
        }
    }
}

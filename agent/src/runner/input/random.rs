//! Seeded values by each input's type, shape and name.
//!
//! Floats are uniform in [-1, 1) (16-bit ones in +-[0.5, 1)), bytes over all their values, wider integers 0..1000, which
//! are valid ids for every vocabulary of text models. An input whose name says so is a mask of ones, a type of zeros, or
//! positions 0, 1, 2, .. along its last axis.

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::shape::{Form, elements, resolve};
use super::{Element, InputError, InputSpec, InputTensor, Query, load};

/// Unlike queries; a runtime's time on dense operators does not depend on values.
const QUERIES: usize = 16;
const IDS: u64 = 1000;
/// One GiB: an input beyond this is a mistake in the campaign.
const INPUT_LIMIT_BYTES: usize = 1 << 30;

/// How an input is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Values,
    Mask,
    Type,
    Positions,
}

impl Role {
    fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        match () {
            () if name.contains("mask") => Self::Mask,
            () if name.contains("type") => Self::Type,
            () if name.contains("position") => Self::Positions,
            () => Self::Values,
        }
    }
}

pub(super) fn queries(seed: u64, inputs: &[InputSpec], form: Form) -> Result<Vec<Query>, InputError> {
    if inputs.is_empty() {
        return Err(InputError::NoInputs);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    load((0..QUERIES).map(|_| {
        let tensors = inputs.iter().map(|input| tensor(&mut rng, input, form)).collect::<Result<_, _>>()?;
        Ok(Query { tensors })
    }))
}

fn tensor(rng: &mut ChaCha8Rng, input: &InputSpec, form: Form) -> Result<InputTensor, InputError> {
    let shape = resolve(input, form)?;
    let too_large = || InputError::TooLarge { name: input.name.clone(), found: input.describe() };
    let count = elements(&shape).ok_or_else(too_large)?;
    let size = input.element.size_bytes();
    if count.checked_mul(size).is_none_or(|bytes| bytes > INPUT_LIMIT_BYTES) {
        return Err(too_large());
    }
    let last_axis = shape.last().and_then(|&length| u64::try_from(length).ok()).unwrap_or(1).max(1);
    let role = Role::of(&input.name);
    let mut bytes = Vec::with_capacity(count * size);
    for index in 0..count as u64 {
        match role {
            Role::Values => push_value(rng, input.element, &mut bytes),
            Role::Mask => push_whole(input.element, 1, &mut bytes),
            Role::Type => push_whole(input.element, 0, &mut bytes),
            Role::Positions => push_whole(input.element, index % last_axis, &mut bytes),
        }
    }
    Ok(InputTensor { shape, bytes })
}

fn push_value(rng: &mut ChaCha8Rng, element: Element, bytes: &mut Vec<u8>) {
    match element {
        Element::Float32 => bytes.extend(rng.random_range(-1.0_f32..1.0).to_ne_bytes()),
        Element::Float64 => bytes.extend(rng.random_range(-1.0_f64..1.0).to_ne_bytes()),
        // Sign and mantissa at random, the exponent that of 0.5.
        Element::Float16 => bytes.extend((rng.random_range(0..=u16::MAX) & 0x83ff | 0x3800).to_ne_bytes()),
        Element::Bfloat16 => bytes.extend((rng.random_range(0..=u16::MAX) & 0x807f | 0x3f00).to_ne_bytes()),
        Element::Int8 | Element::Uint8 => bytes.push(rng.random_range(0..=u8::MAX)),
        Element::Bool => bytes.push(u8::from(rng.next_u32() & 1 == 1)),
        Element::Int16 | Element::Uint16 | Element::Int32 | Element::Uint32 | Element::Int64 | Element::Uint64 => {
            push_whole(element, rng.random_range(0..IDS), bytes);
        }
    }
}

/// Appends a small whole number in the element's own representation; what does not fit is wrapped.
#[expect(clippy::cast_possible_truncation, reason = "numbers are positions and ids; wrapping is documented")]
#[expect(clippy::cast_precision_loss, reason = "numbers are positions and ids")]
pub(super) fn push_whole(element: Element, number: u64, bytes: &mut Vec<u8>) {
    match element {
        Element::Float32 => bytes.extend((number as f32).to_ne_bytes()),
        Element::Float64 => bytes.extend((number as f64).to_ne_bytes()),
        // Zero or one: all that masks and types need.
        Element::Float16 => bytes.extend((if number == 0 { 0_u16 } else { 0x3c00 }).to_ne_bytes()),
        Element::Bfloat16 => bytes.extend((if number == 0 { 0_u16 } else { 0x3f80 }).to_ne_bytes()),
        Element::Int8 | Element::Uint8 => bytes.push(number as u8),
        Element::Bool => bytes.push(u8::from(number != 0)),
        Element::Int16 | Element::Uint16 => bytes.extend((number as u16).to_ne_bytes()),
        Element::Int32 | Element::Uint32 => bytes.extend((number as u32).to_ne_bytes()),
        Element::Int64 | Element::Uint64 => bytes.extend(number.to_ne_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Axis;
    use super::*;

    const FORM: Form = Form { batch: 2, sequence_length: Some(3) };

    fn input(name: &str, element: Element) -> InputSpec {
        let axes = vec![Axis::Symbol("batch".to_owned()), Axis::Symbol("sequence".to_owned())];
        InputSpec { name: name.to_owned(), element, axes }
    }

    fn first(name: &str, element: Element) -> InputTensor {
        queries(7, &[input(name, element)], FORM).expect("made")[0].tensors[0].clone()
    }

    fn whole_numbers(tensor: &InputTensor) -> Vec<i64> {
        tensor.bytes.chunks_exact(8).map(|chunk| i64::from_ne_bytes(chunk.try_into().expect("8 bytes"))).collect()
    }

    #[test]
    fn names_tell_masks_types_and_positions() {
        assert_eq!(whole_numbers(&first("attention_mask", Element::Int64)), [1; 6]);
        assert_eq!(whole_numbers(&first("token_type_ids", Element::Int64)), [0; 6]);
        assert_eq!(whole_numbers(&first("position_ids", Element::Int64)), [0, 1, 2, 0, 1, 2]);
        assert!(whole_numbers(&first("input_ids", Element::Int64)).iter().all(|id| (0..1000).contains(id)));
    }

    #[test]
    fn the_same_seed_gives_the_same_values_and_queries_differ() {
        let inputs = [input("x", Element::Float32)];
        let queries_of = |seed| queries(seed, &inputs, FORM).expect("made");
        assert_eq!(queries_of(1), queries_of(1));
        assert_ne!(queries_of(1), queries_of(2));
        assert_ne!(queries_of(1)[0], queries_of(1)[1]);
        assert_eq!(queries_of(1).len(), QUERIES);
    }

    #[test]
    fn every_type_fills_its_shape() {
        for element in [
            Element::Float32,
            Element::Float64,
            Element::Float16,
            Element::Bfloat16,
            Element::Int8,
            Element::Int16,
            Element::Int32,
            Element::Int64,
            Element::Uint8,
            Element::Uint16,
            Element::Uint32,
            Element::Uint64,
            Element::Bool,
        ] {
            for name in ["x", "mask", "type", "position"] {
                assert_eq!(first(name, element).bytes.len(), 6 * element.size_bytes(), "{name} {element:?}");
            }
        }
    }

    #[test]
    fn half_precision_values_are_finite_and_below_one() {
        for chunk in first("x", Element::Float16).bytes.chunks_exact(2) {
            let bits = u16::from_ne_bytes(chunk.try_into().expect("2 bytes"));
            // Exponent 14 of 30: 0.5 <= |x| < 1.
            assert_eq!((bits >> 10) & 0x1f, 14, "{bits:#x}");
        }
    }

    #[test]
    fn an_absurd_shape_is_an_error_and_no_allocation() {
        let absurd =
            InputSpec { axes: vec![Axis::Fixed(1 << 40), Axis::Fixed(1 << 40)], ..input("x", Element::Float32) };
        let form = Form { batch: 1, sequence_length: None };
        assert!(matches!(queries(1, &[absurd], form), Err(InputError::TooLarge { .. })));
    }
}

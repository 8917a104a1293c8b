//! Seeded values by each input's type, shape and name.
//!
//! Floats are uniform in [-1, 1) (16-bit ones in +-[0.5, 1)), bytes over all their values, wider integers 0..1000, which
//! are valid ids for every vocabulary of text models. An input whose name says so is a mask of ones, a type of zeros, or
//! positions 0, 1, 2, .. along its last axis. A range that the campaign gives an input goes before all that.

use std::collections::BTreeMap;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::shape::{Form, elements, resolve};
use super::values::{Range, push_whole};
use super::{Element, InputError, InputSpec, InputTensor, Query, list, load};

/// Unlike queries; a runtime's time on dense operators does not depend on values.
const QUERIES: usize = 16;
const IDS: u64 = 1000;

/// How an input is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Range(Range),
    Values,
    Mask,
    Type,
    Positions,
}

impl Role {
    fn of(input: &InputSpec, ranges: &BTreeMap<String, (f64, f64)>) -> Result<Self, InputError> {
        if let Some(&range) = ranges.get(&input.name) {
            return Range::new(input, range).map(Self::Range);
        }
        let name = input.name.to_lowercase();
        Ok(match () {
            () if name.contains("mask") => Self::Mask,
            () if name.contains("type") => Self::Type,
            () if name.contains("position") => Self::Positions,
            () => Self::Values,
        })
    }
}

/// Queries of random values; one of no tensors for a model that has no inputs. `ranges`: least and greatest value by the
/// input's name.
pub(super) fn queries(
    seed: u64,
    ranges: &BTreeMap<String, (f64, f64)>,
    inputs: &[InputSpec],
    form: Form<'_>,
) -> Result<Vec<Query>, InputError> {
    if let Some(name) = ranges.keys().find(|name| inputs.iter().all(|input| input.name != **name)) {
        return Err(InputError::Unknown { what: "ranges", name: name.clone(), all: list(inputs) });
    }
    let roles = inputs.iter().map(|input| Role::of(input, ranges)).collect::<Result<Vec<_>, _>>()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Without inputs every inference is the same.
    let count = if inputs.is_empty() { 1 } else { QUERIES };
    load((0..count).map(|_| {
        let tensors = inputs.iter().zip(&roles).map(|(input, &role)| tensor(&mut rng, input, role, form));
        Ok(Query { tensors: tensors.collect::<Result<_, _>>()? })
    }))
}

fn tensor(rng: &mut ChaCha8Rng, input: &InputSpec, role: Role, form: Form<'_>) -> Result<InputTensor, InputError> {
    let (shape, size_bytes) = resolve(input, form)?;
    let count = elements(&shape).unwrap_or(0);
    let last_axis = shape.last().map_or(1, |&length| i128::from(length).max(1));
    let mut bytes = Vec::with_capacity(size_bytes);
    for index in 0..count as i128 {
        match role {
            Role::Range(range) => range.push(rng, input.element, &mut bytes),
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
            push_whole(element, rng.random_range(0..IDS).into(), bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Axis;
    use super::*;

    static NO_DIMS: BTreeMap<String, u32> = BTreeMap::new();
    static NO_SHAPES: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    const FORM: Form<'_> = Form { samples: 2, sequence_length: Some(3), dims: &NO_DIMS, shapes: &NO_SHAPES };

    fn input(name: &str, element: Element) -> InputSpec {
        let axes = vec![Axis::Symbol("batch".to_owned()), Axis::Symbol("sequence".to_owned())];
        InputSpec { name: name.to_owned(), element, axes }
    }

    fn made(seed: u64, inputs: &[InputSpec]) -> Vec<Query> {
        queries(seed, &BTreeMap::new(), inputs, FORM).expect("made")
    }

    fn first(name: &str, element: Element) -> InputTensor {
        made(7, &[input(name, element)])[0].tensors[0].clone()
    }

    fn whole_numbers(tensor: &InputTensor) -> Vec<i64> {
        tensor.bytes.as_chunks().0.iter().map(|chunk| i64::from_ne_bytes(*chunk)).collect()
    }

    #[test]
    fn names_tell_masks_types_and_positions() {
        assert_eq!(whole_numbers(&first("attention_mask", Element::Int64)), [1; 6]);
        assert_eq!(whole_numbers(&first("token_type_ids", Element::Int64)), [0; 6]);
        assert_eq!(whole_numbers(&first("position_ids", Element::Int64)), [0, 1, 2, 0, 1, 2]);
        assert!(whole_numbers(&first("input_ids", Element::Int64)).iter().all(|id| (0..1000).contains(id)));
    }

    #[test]
    fn a_range_goes_before_what_the_name_says() {
        let ranges = BTreeMap::from([("attention_mask".to_owned(), (5.0, 6.0))]);
        let inputs = [input("attention_mask", Element::Int64)];
        let made = queries(7, &ranges, &inputs, FORM).expect("made");
        assert!(whole_numbers(&made[0].tensors[0]).iter().all(|value| (5..=6).contains(value)));
    }

    #[test]
    fn a_range_for_an_input_that_is_not_there_is_an_error() {
        let ranges = BTreeMap::from([("image".to_owned(), (0.0, 1.0))]);
        let message = queries(7, &ranges, &[input("x", Element::Float32)], FORM).expect_err("unknown").to_string();
        assert!(message.contains("`image`") && message.contains("x: float32[batch,sequence]"), "{message}");
    }

    #[test]
    fn a_model_without_inputs_is_one_query_of_nothing() {
        assert_eq!(made(1, &[]), [Query { tensors: Vec::new() }]);
    }

    #[test]
    fn the_same_seed_gives_the_same_values_and_queries_differ() {
        let inputs = [input("x", Element::Float32)];
        assert_eq!(made(1, &inputs), made(1, &inputs));
        assert_ne!(made(1, &inputs), made(2, &inputs));
        assert_ne!(made(1, &inputs)[0], made(1, &inputs)[1]);
        assert_eq!(made(1, &inputs).len(), QUERIES);
    }

    #[test]
    fn every_type_fills_its_shape() {
        for element in Element::ALL {
            for name in ["x", "mask", "type", "position"] {
                assert_eq!(first(name, element).bytes.len(), 6 * element.size_bytes(), "{name} {element:?}");
            }
        }
    }

    #[test]
    fn half_precision_values_are_finite_and_below_one() {
        for chunk in first("x", Element::Float16).bytes.as_chunks().0 {
            let bits = u16::from_ne_bytes(*chunk);
            // Exponent 14 of 30: 0.5 <= |x| < 1.
            assert_eq!((bits >> 10) & 0x1f, 14, "{bits:#x}");
        }
    }
}

//! Numbers as elements of a tensor, where each must be one that the type has.

use half::{bf16, f16};

use super::super::input::Element;

/// Appends a number to the bytes of a tensor: to floats rounded, to whole numbers only if it is one. The error says why the
/// type does not have it.
pub(super) fn push(element: Element, value: f64, bytes: &mut Vec<u8>) -> Result<(), String> {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted; infinity is an error")]
    let single = value as f32;
    let held = match element {
        Element::Float32 => extend(single.is_finite().then(|| single.to_ne_bytes()), bytes),
        Element::Float64 => extend(value.is_finite().then(|| value.to_ne_bytes()), bytes),
        Element::Float16 => {
            let value = f16::from_f64(value);
            extend(value.is_finite().then(|| value.to_ne_bytes()), bytes)
        }
        Element::Bfloat16 => {
            let value = bf16::from_f64(value);
            extend(value.is_finite().then(|| value.to_ne_bytes()), bytes)
        }
        Element::Int8 => extend(whole(value).map(i8::to_ne_bytes), bytes),
        Element::Int16 => extend(whole(value).map(i16::to_ne_bytes), bytes),
        Element::Int32 => extend(whole(value).map(i32::to_ne_bytes), bytes),
        Element::Int64 => extend(whole(value).map(i64::to_ne_bytes), bytes),
        Element::Uint8 => extend(whole(value).map(u8::to_ne_bytes), bytes),
        Element::Uint16 => extend(whole(value).map(u16::to_ne_bytes), bytes),
        Element::Uint32 => extend(whole(value).map(u32::to_ne_bytes), bytes),
        Element::Uint64 => extend(whole(value).map(u64::to_ne_bytes), bytes),
        Element::Bool => extend(whole(value).filter(|&value: &u8| value <= 1).map(u8::to_ne_bytes), bytes),
    };
    held.ok_or_else(|| format!("the value {value} is none that the type {} has", element.name()))
}

fn extend<const SIZE: usize>(element: Option<[u8; SIZE]>, bytes: &mut Vec<u8>) -> Option<()> {
    bytes.extend(element?);
    Some(())
}

/// The number in a type of whole numbers, if it is one of them.
fn whole<T: TryFrom<i128>>(value: f64) -> Option<T> {
    // What is not finite has no such fraction.
    let is_whole = value.fract() == 0.0;
    #[expect(clippy::cast_possible_truncation, reason = "a number beyond `i128` is beyond any type of elements")]
    let number = value as i128;
    is_whole.then(|| T::try_from(number).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(element: Element, value: f64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        push(element, value, &mut bytes).ok().map(|()| bytes)
    }

    #[test]
    fn numbers_become_elements_of_every_type() {
        for (element, expected) in [
            (Element::Float32, 1_f32.to_ne_bytes().to_vec()),
            (Element::Float64, 1_f64.to_ne_bytes().to_vec()),
            (Element::Float16, 0x3c00_u16.to_ne_bytes().to_vec()),
            (Element::Bfloat16, 0x3f80_u16.to_ne_bytes().to_vec()),
            (Element::Int8, vec![1]),
            (Element::Int16, 1_i16.to_ne_bytes().to_vec()),
            (Element::Int32, 1_i32.to_ne_bytes().to_vec()),
            (Element::Int64, 1_i64.to_ne_bytes().to_vec()),
            (Element::Uint8, vec![1]),
            (Element::Uint16, 1_u16.to_ne_bytes().to_vec()),
            (Element::Uint32, 1_u32.to_ne_bytes().to_vec()),
            (Element::Uint64, 1_u64.to_ne_bytes().to_vec()),
            (Element::Bool, vec![1]),
        ] {
            assert_eq!(bytes(element, 1.0), Some(expected), "{}", element.name());
        }
        assert_eq!(bytes(Element::Int8, -128.0), Some(vec![0x80]));
    }

    #[test]
    fn numbers_that_a_type_does_not_have_are_errors() {
        for (element, value) in [
            (Element::Int8, 128.0),
            (Element::Int8, 0.5),
            (Element::Uint8, -1.0),
            (Element::Uint64, 1e300),
            (Element::Int64, f64::NAN),
            (Element::Bool, 2.0),
            (Element::Float16, 65536.0),
            (Element::Float32, 1e39),
            (Element::Float64, f64::INFINITY),
        ] {
            assert_eq!(bytes(element, value), None, "{} {value}", element.name());
        }
    }
}

//! Protobuf's wire format (<https://protobuf.dev/programming-guides/encoding/>), read in place.
//!
//! Nothing is copied and nothing is descended into: what a field means is its message's concern.

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("a field ends after the bytes do")]
    CutOff,
    #[error("a number has more than ten bytes")]
    LongNumber,
    #[error("field number 0 or above 2^29 - 1")]
    FieldNumber,
    #[error("a field of wire type {0}, which ONNX never uses")]
    WireType(u64),
    #[error("field {tag} of {message} is of another kind than onnx.proto says")]
    Kind { message: &'static str, tag: u32 },
    #[error("a name is not UTF-8")]
    Text,
    #[error("messages within messages, more than a hundred deep")]
    Depth,
}

/// The value of one field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Number(u64),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
    Four([u8; 4]),
}

/// The fields of a message in the order of the bytes, each with its number.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u32, Field<'a>), FormatError> {
        let key = number(&mut self.0)?;
        let tag = u32::try_from(key >> 3).ok().filter(|tag| (1..1 << 29).contains(tag));
        let tag = tag.ok_or(FormatError::FieldNumber)?;
        let value = match key & 7 {
            0 => Field::Number(number(&mut self.0)?),
            1 => Field::Eight(array(&mut self.0)?),
            2 => {
                let length = usize::try_from(number(&mut self.0)?).map_err(|_too_long| FormatError::CutOff)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(FormatError::CutOff)?;
                self.0 = rest;
                Field::Bytes(bytes)
            }
            5 => Field::Four(array(&mut self.0)?),
            other => return Err(FormatError::WireType(other)),
        };
        Ok((tag, value))
    }
}

/// Takes a base-128 number off the front.
pub(crate) fn number(bytes: &mut &[u8]) -> Result<u64, FormatError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(FormatError::CutOff)?;
        *bytes = rest;
        // The tenth byte has one bit left to give; protobuf's own readers drop the others too.
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(FormatError::LongNumber)
}

/// Takes bytes of a fixed number off the front.
pub(crate) fn array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], FormatError> {
    let (&array, rest) = bytes.split_first_chunk().ok_or(FormatError::CutOff)?;
    *bytes = rest;
    Ok(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u32, String)>, FormatError> {
        Fields(bytes).map(|field| field.map(|(tag, value)| (tag, format!("{value:?}")))).collect()
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        // 150 in field 1 and "testing" in field 2, from the page named above.
        assert_eq!(fields(&[0x08, 0x96, 0x01]), Ok(vec![(1, "Number(150)".to_owned())]));
        let text = [b"\x12\x07".as_slice(), b"testing"].concat();
        assert_eq!(fields(&text), Ok(vec![(2, format!("Bytes({:?})", b"testing"))]));
        assert_eq!(
            fields(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]).expect("-1")[0].1,
            format!("Number({})", u64::MAX)
        );
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_an_error_and_ends_the_message() {
        for (bytes, error) in [
            (&[0x08][..], FormatError::CutOff),
            (&[0x12, 5, 0], FormatError::CutOff),
            (&[0x0d, 0, 0], FormatError::CutOff),
            (&[0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], FormatError::CutOff),
            (&[255; 11], FormatError::LongNumber),
            (&[0x00, 0], FormatError::FieldNumber),
            (&[0x0b], FormatError::WireType(3)),
        ] {
            assert_eq!(fields(bytes), Err(error), "{bytes:?}");
            assert_eq!(Fields(bytes).count(), 1, "{bytes:?}");
        }
    }
}

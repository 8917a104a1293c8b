//! Reads messages into structs that borrow from the file, within a bound of memory.
//!
//! Knows no message of ONNX. A library that decodes (prost, as the writer uses) would copy a model's weights, and has no
//! bound: two bytes of an empty attribute become hundreds in memory.

use super::wire::{Field, Fields, FormatError, array, number};

/// As protobuf's own readers have it, so that nothing is refused that a runtime reads.
const DEPTH_LIMIT: usize = 100;
/// What the description of a model, weights apart, may take in memory, this crate's tables about it included. A graph of a
/// hundred thousand operators takes a quarter of it.
const MEMORY_LIMIT_BYTES: usize = 256 << 20;
/// What a name takes beyond itself: its entry in the table of values.
const NAME_BYTES: usize = 96;
/// Longer lists of numbers are weights, or nothing that a shape follows from.
pub(crate) const KEPT_NUMBERS: usize = 4096;

/// Why a file can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadError {
    Malformed(FormatError),
    /// More parts than any real model has.
    Excessive,
}

impl From<FormatError> for ReadError {
    fn from(error: FormatError) -> Self {
        Self::Malformed(error)
    }
}

/// A message that is read field by field; a field that occurs again is merged, as protobuf demands.
pub(crate) trait Message<'a>: Default {
    const NAME: &'static str;
    /// What one takes in memory, tables included.
    const BYTES: usize = size_of::<Self>();

    /// Takes a field, or passes over it.
    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError>;
}

/// A list of numbers, of which only the first are kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Numbers<T> {
    kept: Vec<T>,
    count: usize,
}

impl<T: Copy> Numbers<T> {
    /// All of them; nothing if there were too many to keep.
    pub(crate) fn all(&self) -> Option<&[T]> {
        (self.kept.len() == self.count).then_some(&self.kept)
    }

    /// How many of them are kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn push(&mut self, number: T) {
        self.count += 1;
        if self.count <= KEPT_NUMBERS {
            self.kept.push(number);
        }
    }
}

/// What is left of the bounds.
pub(crate) struct Reader {
    memory_bytes: usize,
    depth: usize,
}

impl Reader {
    pub(crate) fn read<'a, M: Message<'a>>(bytes: &'a [u8]) -> Result<M, ReadError> {
        let mut message = M::default();
        Self { memory_bytes: MEMORY_LIMIT_BYTES, depth: 0 }.merge(&mut message, bytes)?;
        Ok(message)
    }

    pub(crate) fn merge<'a, M: Message<'a>>(&mut self, message: &mut M, bytes: &'a [u8]) -> Result<(), ReadError> {
        if self.depth == DEPTH_LIMIT {
            return Err(FormatError::Depth.into());
        }
        self.depth += 1;
        for field in Fields(bytes) {
            let (tag, field) = field?;
            message.take(tag, field, self).map_err(|error| located::<M>(error, tag))?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// One more of a repeated message.
    pub(crate) fn push<'a, M: Message<'a>>(&mut self, list: &mut Vec<M>, field: Field<'a>) -> Result<(), ReadError> {
        self.charge(M::BYTES)?;
        let mut message = M::default();
        self.merge(&mut message, bytes(field)?)?;
        list.push(message);
        Ok(())
    }

    /// A message that occurs at most once and seldom, so that its absence should take no room.
    pub(crate) fn merge_boxed<'a, M: Message<'a>>(
        &mut self,
        place: &mut Option<Box<M>>,
        field: Field<'a>,
    ) -> Result<(), ReadError> {
        if place.is_none() {
            self.charge(M::BYTES)?;
        }
        self.merge(place.get_or_insert_default().as_mut(), bytes(field)?)
    }

    pub(crate) fn push_name<'a>(&mut self, list: &mut Vec<&'a str>, field: Field<'a>) -> Result<(), ReadError> {
        self.charge(NAME_BYTES)?;
        list.push(text(field)?);
        Ok(())
    }

    /// Numbers of base 128, one or packed.
    pub(crate) fn push_numbers(&mut self, list: &mut Numbers<i64>, field: Field) -> Result<(), ReadError> {
        let before = list.kept.len();
        each_number(field, |number| list.push(number))?;
        self.charge_numbers(list, before)
    }

    /// Accounts for the numbers that were pushed to a list since it had kept `before`.
    pub(crate) fn charge_numbers<T>(&mut self, list: &Numbers<T>, before: usize) -> Result<(), ReadError> {
        self.charge((list.kept.len() - before) * size_of::<T>())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.memory_bytes = self.memory_bytes.checked_sub(bytes).ok_or(ReadError::Excessive)?;
        Ok(())
    }
}

/// Names the message and field of a value that is of the wrong kind.
fn located<'a, M: Message<'a>>(error: ReadError, tag: u32) -> ReadError {
    match error {
        ReadError::Malformed(FormatError::Kind { tag: 0, .. }) => FormatError::Kind { message: M::NAME, tag }.into(),
        other => other,
    }
}

const UNLOCATED: FormatError = FormatError::Kind { message: "", tag: 0 };

pub(crate) fn bytes(field: Field<'_>) -> Result<&[u8], FormatError> {
    if let Field::Bytes(bytes) = field { Ok(bytes) } else { Err(UNLOCATED) }
}

pub(crate) fn text(field: Field<'_>) -> Result<&str, FormatError> {
    str::from_utf8(bytes(field)?).map_err(|_not_utf8| FormatError::Text)
}

pub(crate) fn int(field: Field) -> Result<i64, FormatError> {
    if let Field::Number(number) = field { Ok(number.cast_signed()) } else { Err(UNLOCATED) }
}

/// The lower half of a number, as protobuf's own readers take it.
pub(crate) fn int32(field: Field) -> Result<i32, FormatError> {
    let [a, b, c, d, ..] = int(field)?.to_le_bytes();
    Ok(i32::from_le_bytes([a, b, c, d]))
}

/// Calls `push` with each number of base 128, whether there is one or they are packed.
pub(crate) fn each_number(field: Field, mut push: impl FnMut(i64)) -> Result<(), FormatError> {
    match field {
        Field::Number(number) => push(number.cast_signed()),
        Field::Bytes(mut packed) => {
            while !packed.is_empty() {
                push(number(&mut packed)?.cast_signed());
            }
        }
        Field::Eight(_) | Field::Four(_) => return Err(UNLOCATED),
    }
    Ok(())
}

/// As [`each_number`], of numbers with four bytes each.
pub(crate) fn each_four(field: Field, mut push: impl FnMut([u8; 4])) -> Result<(), FormatError> {
    match field {
        Field::Four(four) => push(four),
        Field::Bytes(mut packed) => {
            while !packed.is_empty() {
                push(array(&mut packed)?);
            }
        }
        Field::Eight(_) | Field::Number(_) => return Err(UNLOCATED),
    }
    Ok(())
}

/// As [`each_number`], of numbers with eight bytes each.
pub(crate) fn each_eight(field: Field, mut push: impl FnMut([u8; 8])) -> Result<(), FormatError> {
    match field {
        Field::Eight(eight) => push(eight),
        Field::Bytes(mut packed) => {
            while !packed.is_empty() {
                push(array(&mut packed)?);
            }
        }
        Field::Four(_) | Field::Number(_) => return Err(UNLOCATED),
    }
    Ok(())
}

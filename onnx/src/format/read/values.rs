//! Constants. Their values stay where they are in the file; only short lists of numbers are taken out.

use super::reader::{
    KEPT_NUMBERS, Message, Numbers, ReadError, Reader, bytes, each_eight, each_four, each_number, text,
};
use super::take_int32;
use super::wire::Field;
use crate::element::ElementType;

/// Factors by which axes are resized, and the like. Longer ones are weights.
const KEPT_FRACTIONS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Tensor<'a> {
    pub(crate) name: &'a str,
    pub(crate) dims: Numbers<i64>,
    pub(crate) data_type: i32,
    /// `location`, `offset` and `length`, if the values are elsewhere.
    pub(crate) external_data: Vec<Entry<'a>>,
    pub(crate) data_location: i32,
    /// Little-endian, row-major; or else [`Self::typed`] is there.
    pub(crate) raw: &'a [u8],
    pub(crate) typed: Numbers<f64>,
}

impl<'a> Message<'a> for Tensor<'a> {
    const NAME: &'static str = "TensorProto";
    /// With its entry in a table of values.
    const BYTES: usize = size_of::<Self>() + 128;

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        let before = self.typed.kept();
        let mut push = |number| self.typed.push(number);
        match tag {
            1 => reader.push_numbers(&mut self.dims, field)?,
            2 => take_int32(&mut self.data_type, field)?,
            4 => each_four(field, |four| push(f32::from_le_bytes(four).into()))?,
            5 | 7 => each_number(field, |number| push(approximately(number)))?,
            8 => self.name = text(field)?,
            9 => self.raw = bytes(field)?,
            10 => each_eight(field, |eight| push(f64::from_le_bytes(eight)))?,
            // Unsigned ones, which are no lengths beyond 2^63 - 1.
            11 => each_number(field, |number| push(approximately(number)))?,
            13 => reader.push(&mut self.external_data, field)?,
            14 => take_int32(&mut self.data_location, field)?,
            _ => {}
        }
        reader.charge_numbers(&self.typed, before)
    }
}

impl Tensor<'_> {
    pub(crate) fn element(&self) -> ElementType {
        ElementType::of_number(self.data_type)
    }

    /// The length of each axis; nothing if one is negative or there are absurdly many.
    pub(crate) fn lengths(&self) -> Option<Vec<u64>> {
        self.dims.all()?.iter().map(|&length| u64::try_from(length).ok()).collect()
    }

    /// The number of elements by the declared shape, whether the values are here or elsewhere.
    pub(crate) fn elements(&self) -> Option<u64> {
        self.lengths()?.into_iter().try_fold(1, u64::checked_mul)
    }

    /// The values of a short list of numbers that is in the file itself; of fractions, which shapes seldom follow from, only
    /// of a very short one.
    pub(crate) fn numbers(&self) -> Option<Vec<f64>> {
        let most = if self.element().is_whole() { KEPT_NUMBERS } else { KEPT_FRACTIONS };
        let count = usize::try_from(self.elements()?).ok().filter(|count| *count <= most)?;
        if self.data_location != 0 {
            return None;
        }
        let numbers =
            if self.raw.is_empty() { self.typed.all()?.to_vec() } else { self.element().numbers(self.raw)? };
        (numbers.len() == count && !self.element().is_half()).then_some(numbers)
    }
}

/// One of the few things that a tensor says about its values elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
}

impl<'a> Message<'a> for Entry<'a> {
    const NAME: &'static str = "StringStringEntryProto";

    fn take(&mut self, tag: u32, field: Field<'a>, _: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => self.key = text(field)?,
            2 => self.value = text(field)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct SparseTensor<'a> {
    pub(crate) values: Option<Box<Tensor<'a>>>,
    pub(crate) indices: Option<Box<Tensor<'a>>>,
    pub(crate) dims: Numbers<i64>,
}

impl<'a> Message<'a> for SparseTensor<'a> {
    const NAME: &'static str = "SparseTensorProto";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => reader.merge_boxed(&mut self.values, field),
            2 => reader.merge_boxed(&mut self.indices, field),
            3 => reader.push_numbers(&mut self.dims, field),
            _ => Ok(()),
        }
    }
}

impl<'a> SparseTensor<'a> {
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Tensor<'a>> {
        self.values.as_deref().into_iter().chain(self.indices.as_deref())
    }
}

/// Lengths are far below 2^53, up to which this is exact; `i64::MAX`, which means "to the end", comes out above all of them.
#[expect(clippy::cast_precision_loss, reason = "said above")]
pub(crate) fn approximately(number: i64) -> f64 {
    number as f64
}

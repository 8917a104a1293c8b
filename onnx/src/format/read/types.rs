//! Types of inputs, outputs and the values between.

use super::reader::{Message, ReadError, Reader, int, text};
use super::take_int32;
use super::wire::Field;

#[derive(Debug, Default)]
pub(crate) struct ValueInfo<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Option<Box<Type<'a>>>,
}

impl<'a> Message<'a> for ValueInfo<'a> {
    const NAME: &'static str = "ValueInfoProto";
    /// With its entry in a table of values.
    const BYTES: usize = size_of::<Self>() + 128;

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => self.name = text(field)?,
            2 => reader.merge_boxed(&mut self.kind, field)?,
            _ => {}
        }
        Ok(())
    }
}

/// At most one is there; neither for maps, optionals and sparse tensors.
#[derive(Debug, Default)]
pub(crate) struct Type<'a> {
    pub(crate) tensor: Option<Box<TensorType<'a>>>,
    pub(crate) sequence: Option<Box<Sequence<'a>>>,
}

impl<'a> Message<'a> for Type<'a> {
    const NAME: &'static str = "TypeProto";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => {
                self.sequence = None;
                reader.merge_boxed(&mut self.tensor, field)?;
            }
            4 => {
                self.tensor = None;
                reader.merge_boxed(&mut self.sequence, field)?;
            }
            // The other members of the oneof: map, opaque, sparse tensor, optional. The last that occurs is the value.
            5 | 7 | 8 | 9 => *self = Self::default(),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Sequence<'a> {
    pub(crate) element: Option<Box<Type<'a>>>,
}

impl<'a> Message<'a> for Sequence<'a> {
    const NAME: &'static str = "TypeProto.Sequence";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        if tag == 1 { reader.merge_boxed(&mut self.element, field) } else { Ok(()) }
    }
}

#[derive(Debug, Default)]
pub(crate) struct TensorType<'a> {
    pub(crate) element: i32,
    /// Absent: not even the number of axes is known.
    pub(crate) shape: Option<Box<Shape<'a>>>,
}

impl<'a> Message<'a> for TensorType<'a> {
    const NAME: &'static str = "TypeProto.Tensor";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => take_int32(&mut self.element, field),
            2 => reader.merge_boxed(&mut self.shape, field),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Shape<'a> {
    pub(crate) axes: Vec<Axis<'a>>,
}

impl<'a> Message<'a> for Shape<'a> {
    const NAME: &'static str = "TensorShapeProto";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        if tag == 1 { reader.push(&mut self.axes, field) } else { Ok(()) }
    }
}

#[derive(Debug, Default)]
pub(crate) enum Axis<'a> {
    #[default]
    Anonymous,
    Length(i64),
    Symbol(&'a str),
}

impl<'a> Message<'a> for Axis<'a> {
    const NAME: &'static str = "TensorShapeProto.Dimension";

    fn take(&mut self, tag: u32, field: Field<'a>, _: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => *self = Self::Length(int(field)?),
            2 => *self = Self::Symbol(text(field)?),
            _ => {}
        }
        Ok(())
    }
}

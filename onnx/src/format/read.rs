//! Messages of onnx.proto (onnx/onnx, proto2) as they are inspected: borrowed from the file, weights included, so that a
//! model of gigabytes is looked at without copying it.
//!
//! Only the fields that inspection and costs need are here; all others are passed over.

pub(crate) mod reader;
mod types;
mod values;
pub(crate) mod wire;

pub(crate) use self::reader::Numbers;
use self::reader::{Message, ReadError, Reader, int, int32, text};
pub(crate) use self::types::{Axis, TensorType, Type, ValueInfo};
#[cfg(test)]
pub(crate) use self::values::Entry;
pub(crate) use self::values::{SparseTensor, Tensor, approximately};
use self::wire::Field;

#[derive(Debug, Default)]
pub(crate) struct Model<'a> {
    pub(crate) ir_version: i64,
    pub(crate) producer_name: &'a str,
    pub(crate) producer_version: &'a str,
    pub(crate) graph: Option<Box<Graph<'a>>>,
    pub(crate) opset_import: Vec<OperatorSet<'a>>,
    pub(crate) functions: Vec<Function<'a>>,
}

impl<'a> Message<'a> for Model<'a> {
    const NAME: &'static str = "ModelProto";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => self.ir_version = int(field)?,
            2 => self.producer_name = text(field)?,
            3 => self.producer_version = text(field)?,
            7 => reader.merge_boxed(&mut self.graph, field)?,
            8 => reader.push(&mut self.opset_import, field)?,
            25 => reader.push(&mut self.functions, field)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct OperatorSet<'a> {
    /// Empty: the operators of the ONNX standard.
    pub(crate) domain: &'a str,
    pub(crate) version: i64,
}

impl<'a> Message<'a> for OperatorSet<'a> {
    const NAME: &'static str = "OperatorSetIdProto";

    fn take(&mut self, tag: u32, field: Field<'a>, _: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => self.domain = text(field)?,
            2 => self.version = int(field)?,
            _ => {}
        }
        Ok(())
    }
}

/// The body of an operator that the model defines itself.
#[derive(Debug, Default)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) overload: &'a str,
    pub(crate) input: Vec<&'a str>,
    pub(crate) output: Vec<&'a str>,
    pub(crate) node: Vec<Node<'a>>,
    pub(crate) opset_import: Vec<OperatorSet<'a>>,
    /// Attributes that a call may leave out, with what they are then.
    pub(crate) default: Vec<Attribute<'a>>,
}

impl<'a> Message<'a> for Function<'a> {
    const NAME: &'static str = "FunctionProto";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => self.name = text(field)?,
            4 => reader.push_name(&mut self.input, field)?,
            5 => reader.push_name(&mut self.output, field)?,
            7 => reader.push(&mut self.node, field)?,
            9 => reader.push(&mut self.opset_import, field)?,
            10 => self.domain = text(field)?,
            11 => reader.push(&mut self.default, field)?,
            13 => self.overload = text(field)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    pub(crate) node: Vec<Node<'a>>,
    pub(crate) initializer: Vec<Tensor<'a>>,
    pub(crate) input: Vec<ValueInfo<'a>>,
    pub(crate) output: Vec<ValueInfo<'a>>,
    /// What the writer knew of the values between.
    pub(crate) value_info: Vec<ValueInfo<'a>>,
    pub(crate) sparse_initializer: Vec<SparseTensor<'a>>,
}

impl<'a> Message<'a> for Graph<'a> {
    const NAME: &'static str = "GraphProto";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => reader.push(&mut self.node, field)?,
            5 => reader.push(&mut self.initializer, field)?,
            11 => reader.push(&mut self.input, field)?,
            12 => reader.push(&mut self.output, field)?,
            13 => reader.push(&mut self.value_info, field)?,
            15 => reader.push(&mut self.sparse_initializer, field)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Node<'a> {
    pub(crate) input: Vec<&'a str>,
    pub(crate) output: Vec<&'a str>,
    pub(crate) name: &'a str,
    pub(crate) op_type: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) overload: &'a str,
    pub(crate) attribute: Vec<Attribute<'a>>,
}

impl<'a> Message<'a> for Node<'a> {
    const NAME: &'static str = "NodeProto";
    /// With its entry in a table of costs.
    const BYTES: usize = size_of::<Self>() + 192;

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => reader.push_name(&mut self.input, field)?,
            2 => reader.push_name(&mut self.output, field)?,
            3 => self.name = text(field)?,
            4 => self.op_type = text(field)?,
            5 => reader.push(&mut self.attribute, field)?,
            7 => self.domain = text(field)?,
            8 => self.overload = text(field)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) i: i64,
    pub(crate) s: &'a [u8],
    pub(crate) t: Option<Box<Tensor<'a>>>,
    pub(crate) g: Option<Box<Graph<'a>>>,
    pub(crate) f: f32,
    pub(crate) floats: Numbers<f32>,
    pub(crate) ints: Numbers<i64>,
    pub(crate) tensors: Vec<Tensor<'a>>,
    pub(crate) graphs: Vec<Graph<'a>>,
    pub(crate) sparse_tensor: Option<Box<SparseTensor<'a>>>,
    pub(crate) sparse_tensors: Vec<SparseTensor<'a>>,
    /// In a function: the attribute of its call that this one is.
    pub(crate) reference: &'a str,
}

impl<'a> Message<'a> for Attribute<'a> {
    const NAME: &'static str = "AttributeProto";

    fn take(&mut self, tag: u32, field: Field<'a>, reader: &mut Reader) -> Result<(), ReadError> {
        match tag {
            1 => self.name = text(field)?,
            2 => reader::each_four(field, |four| self.f = f32::from_le_bytes(four))?,
            3 => self.i = int(field)?,
            4 => self.s = reader::bytes(field)?,
            5 => reader.merge_boxed(&mut self.t, field)?,
            6 => reader.merge_boxed(&mut self.g, field)?,
            7 => {
                let before = self.floats.kept();
                reader::each_four(field, |four| self.floats.push(f32::from_le_bytes(four)))?;
                reader.charge_numbers(&self.floats, before)?;
            }
            8 => reader.push_numbers(&mut self.ints, field)?,
            10 => reader.push(&mut self.tensors, field)?,
            11 => reader.push(&mut self.graphs, field)?,
            21 => self.reference = text(field)?,
            22 => reader.merge_boxed(&mut self.sparse_tensor, field)?,
            23 => reader.push(&mut self.sparse_tensors, field)?,
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Attribute<'a> {
    /// The graphs that an operator runs: branches, bodies of loops.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &Graph<'a>> {
        self.g.as_deref().into_iter().chain(&self.graphs)
    }

    /// All tensors that are written in the attribute, those of sparse ones included.
    pub(crate) fn constants(&self) -> impl Iterator<Item = &Tensor<'a>> {
        let sparse =
            self.sparse_tensor.as_deref().into_iter().chain(&self.sparse_tensors).flat_map(SparseTensor::parts);
        self.t.as_deref().into_iter().chain(&self.tensors).chain(sparse)
    }
}

impl<'a> Graph<'a> {
    /// All tensors that the graph keeps beside its operators.
    pub(crate) fn constants(&self) -> impl Iterator<Item = &Tensor<'a>> {
        self.initializer.iter().chain(self.sparse_initializer.iter().flat_map(SparseTensor::parts))
    }
}

/// Whether operators of this name are those of the ONNX standard.
pub(crate) fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// The lower half of a number: enumerations and lengths are 32 bits wide in onnx.proto.
fn take_int32(place: &mut i32, field: Field) -> Result<(), ReadError> {
    *place = int32(field)?;
    Ok(())
}

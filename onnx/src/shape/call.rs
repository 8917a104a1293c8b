//! One operator as the rules see it: what is known of its inputs, and its attributes.

use std::rc::Rc;

use super::axes::position;
use super::number::whole;
use super::{Length, Lengths, Numbers, Value};
use crate::element::ElementType;
use crate::format::read::{Attribute, Tensor};

/// Names of modes are short; the longest text that means a shape is Einsum's equation.
const MOST_TEXT_BYTES: usize = 256;

/// An operator's attributes, and in a function's body those of the call, which they may refer to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Attributes<'g, 'a> {
    pub(crate) own: &'g [Attribute<'a>],
    pub(crate) caller: &'g [Attribute<'a>],
    pub(crate) caller_default: &'g [Attribute<'a>],
}

impl<'g, 'a> Attributes<'g, 'a> {
    pub(crate) fn get(self, name: &str) -> Option<&'g Attribute<'a>> {
        let attribute = self.own.iter().find(|attribute| attribute.name == name)?;
        if attribute.reference.is_empty() {
            return Some(attribute);
        }
        self.caller.iter().chain(self.caller_default).find(|given| given.name == attribute.reference)
    }
}

/// One use of an operator.
pub(crate) struct Call<'g, 'a> {
    /// `Operator` of the standard set, `domain.Operator` of others.
    pub(crate) operator: String,
    /// Version of the standard operator set.
    pub(crate) opset: i64,
    /// Nothing for one that is left out.
    pub(crate) inputs: Vec<Option<Rc<Value>>>,
    /// How many outputs are named or have a named one after them.
    pub(crate) outputs: usize,
    pub(crate) attributes: Attributes<'g, 'a>,
    /// Whether numbers may still be computed: there is a bound to how many.
    pub(crate) computes: bool,
}

impl<'g, 'a> Call<'g, 'a> {
    pub(crate) fn has(&self, input: usize) -> bool {
        self.inputs.get(input).is_some_and(Option::is_some)
    }

    pub(crate) fn input(&self, input: usize) -> Option<&Value> {
        self.inputs.get(input)?.as_deref()
    }

    /// The type of an input's elements; unknown if there is none.
    pub(crate) fn element(&self, input: usize) -> ElementType {
        self.input(input).map_or(ElementType::UNKNOWN, |value| value.element)
    }

    pub(crate) fn dims(&self, input: usize) -> Option<&[Length]> {
        self.input(input)?.dims.as_deref()
    }

    /// As [`Call::dims`], if there are so many.
    pub(crate) fn dims_of<const N: usize>(&self, input: usize) -> Option<[Length; N]> {
        self.dims(input)?.try_into().ok()
    }

    pub(crate) fn numbers(&self, input: usize) -> Option<&Numbers> {
        self.input(input)?.numbers.as_ref().filter(|_| self.computes)
    }

    /// The whole numbers of an input, all of them known.
    pub(crate) fn whole_numbers(&self, input: usize) -> Option<Vec<i64>> {
        self.numbers(input)?.iter().map(|&number| whole(number?)).collect()
    }

    /// The only number of an input.
    pub(crate) fn number(&self, input: usize) -> Option<f64> {
        if let [number] = **self.numbers(input)? { number } else { None }
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        Some(self.attributes.get(name)?.i)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.int(name).is_some_and(|flag| flag != 0)
    }

    pub(crate) fn ints(&self, name: &str) -> Option<&'g [i64]> {
        self.attributes.get(name)?.ints.all()
    }

    pub(crate) fn floats(&self, name: &str) -> Option<&'g [f32]> {
        self.attributes.get(name)?.floats.all()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'g str> {
        let text = self.attributes.get(name)?.s;
        if text.len() <= MOST_TEXT_BYTES { str::from_utf8(text).ok() } else { None }
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&'g Tensor<'a>> {
        self.attributes.get(name)?.t.as_deref()
    }

    /// An attribute that became an input in a later version of its operator, or that input.
    pub(crate) fn ints_or_input(&self, name: &str, input: usize) -> Option<Vec<i64>> {
        if self.attributes.get(name).is_some() {
            self.ints(name).map(<[i64]>::to_vec)
        } else {
            self.whole_numbers(input)
        }
    }

    /// Whether the list of [`Call::ints_or_input`] is there, be it known or not.
    pub(crate) fn has_ints_or_input(&self, name: &str, input: usize) -> bool {
        self.attributes.get(name).is_some() || self.has(input)
    }

    /// The axis that an attribute names, of so many.
    pub(crate) fn axis(&self, default: i64, rank: usize) -> Option<usize> {
        position(self.int("axis").unwrap_or(default), rank)
    }

    /// An input's type with other lengths, as the only output.
    pub(crate) fn typed_as(&self, input: usize, dims: Lengths) -> Vec<Value> {
        vec![Value::of(self.element(input), dims)]
    }

    /// As [`Call::typed_as`], of the first input.
    pub(crate) fn one(&self, dims: Lengths) -> Vec<Value> {
        self.typed_as(0, dims)
    }
}

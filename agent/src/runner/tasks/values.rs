//! From the values of an example to the tensor of a model's input. Floats are scaled as the card says; whole numbers go in as
//! they are, if the type has them.

use domain::TensorPreprocessing;

use super::super::input::{Axis, Element, InputSpec, InputTensor};
use super::{Row, TaskError, number};

/// A model's input, and what becomes of values on their way into it.
#[derive(Debug)]
pub(super) struct ValueInput {
    element: Element,
    /// After the first axis, which is the batch's; `None` for the one whose length follows from the number of values.
    lengths: Vec<Option<usize>>,
    preprocessing: TensorPreprocessing,
    /// As messages name it.
    described: String,
}

impl ValueInput {
    /// An error if the shape does not follow from the number of values.
    pub(super) fn new(preprocessing: &TensorPreprocessing, input: &InputSpec) -> Result<Self, TaskError> {
        let described = format!("input `{}` is {}", input.name, input.describe());
        let length = |axis: &Axis| match axis {
            Axis::Fixed(length) => usize::try_from(*length).ok(),
            Axis::Symbol(_) => None,
        };
        let lengths: Option<Vec<Option<usize>>> =
            input.axes.split_first().map(|(_batch, axes)| axes.iter().map(length).collect());
        let preprocessing = preprocessing.clone();
        match lengths {
            Some(lengths) if lengths.iter().filter(|length| length.is_none()).count() <= 1 => {
                Ok(Self { element: input.element, lengths, preprocessing, described })
            }
            _ => Err(TaskError::Shapeless { input: described }),
        }
    }

    /// The row of an example's values. The error says how many are needed, or which one does not fit.
    pub(super) fn row(&self, values: &[f64]) -> Result<Row, String> {
        let shape = self.shape(values.len())?;
        let TensorPreprocessing { zero, scale } = self.preprocessing;
        let is_float =
            matches!(self.element, Element::Float32 | Element::Float64 | Element::Float16 | Element::Bfloat16);
        let mut bytes = Vec::with_capacity(values.len() * self.element.size_bytes());
        for (place, &value) in values.iter().enumerate() {
            let fed = if is_float { (value - zero) * scale } else { value };
            let wrong = |why| format!("value {place} can't be fed: {why}; the {}", self.described);
            number::push(self.element, fed, &mut bytes).map_err(wrong)?;
        }
        Ok(Row::Tensors { tensors: vec![InputTensor { shape, bytes }], placed: None })
    }

    fn shape(&self, count: usize) -> Result<Vec<i64>, String> {
        let known: usize = self.lengths.iter().flatten().product();
        let free = count.checked_div(known).unwrap_or(0);
        let fits = if self.lengths.contains(&None) { free > 0 && free * known == count } else { known == count };
        if !fits {
            let multiple = if self.lengths.contains(&None) { "a multiple of " } else { "" };
            return Err(format!("it has {count} values, and needs {multiple}{known}: the {}", self.described));
        }
        let lengths = self.lengths.iter().map(|length| i64::try_from(length.unwrap_or(free)).unwrap_or(i64::MAX));
        Ok(std::iter::once(1).chain(lengths).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(element: Element, lengths: &[i64], zero: f64, scale: f64) -> Result<ValueInput, TaskError> {
        let axis = |&length: &i64| if length < 0 { Axis::Symbol("n".to_owned()) } else { Axis::Fixed(length) };
        let input = InputSpec { name: "x".to_owned(), element, axes: lengths.iter().map(axis).collect() };
        ValueInput::new(&TensorPreprocessing { zero, scale }, &input)
    }

    fn tensor(input: &ValueInput, values: &[f64]) -> Result<InputTensor, String> {
        match input.row(values)? {
            Row::Tensors { mut tensors, placed: None } if tensors.len() == 1 => Ok(tensors.remove(0)),
            row => panic!("not one tensor: {row:?}"),
        }
    }

    #[test]
    fn values_take_the_shape_of_the_input_and_are_scaled_for_floats() {
        let input = input(Element::Float32, &[-1, 2, 2], 83.0, 0.5).expect("a shape");
        let tensor = tensor(&input, &[83.0, 85.0, 82.0, 0.0]).expect("four values");
        assert_eq!(tensor.shape, [1, 2, 2]);
        let floats = tensor.bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_ne_bytes(*bytes));
        assert!(floats.eq([0.0, 1.0, -0.5, -41.5]));
    }

    #[test]
    fn whole_numbers_go_in_as_they_are() {
        let input = input(Element::Int8, &[1, 3], 83.0, 0.5).expect("a shape");
        let fed = tensor(&input, &[-128.0, 0.0, 127.0]).expect("in range");
        assert_eq!(fed.bytes, [0x80, 0, 0x7f]);
        let message = tensor(&input, &[0.0, 128.0, 0.0]).expect_err("too great");
        assert!(message.contains("value 1") && message.contains("128") && message.contains("int8[1,3]"), "{message}");
    }

    #[test]
    fn a_free_axis_takes_what_the_number_of_values_leaves() {
        let input = input(Element::Uint8, &[-1, -1, 2], 0.0, 1.0).expect("one free axis");
        assert_eq!(tensor(&input, &[1.0; 6]).expect("three pairs").shape, [1, 3, 2]);
        for count in [0, 5] {
            let message = tensor(&input, &vec![1.0; count]).expect_err("no pairs");
            assert!(message.contains("a multiple of 2"), "{message}");
        }
    }

    #[test]
    fn a_wrong_number_of_values_is_an_error_that_says_how_many_are_needed() {
        let input = input(Element::Int8, &[1, 49, 10, 1], 0.0, 1.0).expect("a shape");
        let message = tensor(&input, &[0.0; 489]).expect_err("one is missing");
        assert!(message.contains("489") && message.contains("490"), "{message}");
    }

    #[test]
    fn an_input_whose_shape_does_not_follow_is_refused() {
        assert!(matches!(input(Element::Float32, &[-1, -1, -1], 0.0, 1.0), Err(TaskError::Shapeless { .. })));
        assert!(matches!(input(Element::Float32, &[], 0.0, 1.0), Err(TaskError::Shapeless { .. })));
    }
}

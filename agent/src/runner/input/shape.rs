//! Shapes: which length each axis of an input gets.

use std::collections::BTreeSet;

use super::{Axis, InputError, InputSpec};

/// What a cell says about shapes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) batch: u32,
    pub(super) sequence_length: Option<u32>,
}

impl InputSpec {
    /// e.g. `float32[batch,3,224,224]`.
    pub(super) fn describe(&self) -> String {
        let axes: Vec<String> = self.axes.iter().map(Axis::describe).collect();
        format!("{}[{}]", self.element.name(), axes.join(","))
    }
}

impl Axis {
    fn describe(&self) -> String {
        match self {
            Self::Fixed(length) => length.to_string(),
            Self::Symbol(name) if name.is_empty() => "?".to_owned(),
            Self::Symbol(name) => name.clone(),
        }
    }

    /// The first axis is the batch, unless its name says that it is a sequence.
    fn is_batch(&self, index: usize) -> bool {
        let name = match self {
            Self::Fixed(_) => return index == 0,
            Self::Symbol(name) => name.to_lowercase(),
        };
        name.contains("batch") || (index == 0 && !name.contains("seq") && !name.contains("len"))
    }
}

/// The shape of one input: fixed axes as the model says, the batch axis the cell's batch, every other free axis the cell's
/// sequence length.
pub(super) fn resolve(input: &InputSpec, form: Form) -> Result<Vec<i64>, InputError> {
    let batch = i64::from(form.batch);
    let resolve_axis = |(index, axis): (usize, &Axis)| match axis {
        // A fixed first axis need not be a batch, so it is an error only where the cell asks for more than one sample.
        Axis::Fixed(length) if axis.is_batch(index) && *length != batch && batch != 1 => {
            Err(InputError::Fixed { name: input.name.clone(), role: "batch", length: *length, asked: batch })
        }
        Axis::Fixed(length) => Ok(*length),
        Axis::Symbol(_) if axis.is_batch(index) => Ok(batch),
        Axis::Symbol(_) => form.sequence_length.map(i64::from).ok_or_else(|| InputError::NoLength {
            name: input.name.clone(),
            found: input.describe(),
            axis: axis.describe(),
        }),
    };
    input.axes.iter().enumerate().map(resolve_axis).collect()
}

/// Number of elements; `None` if it does not fit the address space.
pub(super) fn elements(shape: &[i64]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(usize::try_from(length).ok()?))
}

/// Describes several shapes of one value, e.g. `int64[1,7..41]`; they should have equally many axes.
pub(in crate::runner) fn describe_range(element: &str, shapes: &[&[i64]]) -> String {
    let ranks: BTreeSet<usize> = shapes.iter().map(|shape| shape.len()).collect();
    let axes: Vec<String> = (0..ranks.first().copied().unwrap_or(0))
        .map(|axis| {
            let lengths: BTreeSet<i64> = shapes.iter().map(|shape| shape[axis]).collect();
            match (lengths.first(), lengths.last()) {
                (Some(least), Some(greatest)) if least != greatest => format!("{least}..{greatest}"),
                (Some(only), _) => only.to_string(),
                (None, _) => "?".to_owned(),
            }
        })
        .collect();
    format!("{element}[{}]", axes.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::Element;
    use super::*;

    fn input(axes: &[Axis]) -> InputSpec {
        InputSpec { name: "x".to_owned(), element: Element::Float32, axes: axes.to_vec() }
    }

    fn symbol(name: &str) -> Axis {
        Axis::Symbol(name.to_owned())
    }

    #[test]
    fn free_axes_are_batch_and_sequence() {
        let form = Form { batch: 4, sequence_length: Some(32) };
        assert_eq!(resolve(&input(&[symbol("batch"), symbol("sequence")]), form).expect("resolved"), [4, 32]);
        assert_eq!(resolve(&input(&[symbol(""), Axis::Fixed(3), symbol("")]), form).expect("resolved"), [4, 3, 32]);
        assert_eq!(resolve(&input(&[symbol("seq_len"), symbol("batch_size")]), form).expect("resolved"), [32, 4]);
        assert_eq!(resolve(&input(&[]), form).expect("resolved"), Vec::<i64>::new());
    }

    #[test]
    fn an_axis_without_a_length_is_never_guessed() {
        let error = resolve(&input(&[symbol("batch"), symbol("time")]), Form { batch: 1, sequence_length: None });
        let message = error.expect_err("no length").to_string();
        assert!(message.contains("float32[batch,time]") && message.contains("sequence_length"), "{message}");
    }

    #[test]
    fn a_batch_the_model_forbids_is_an_error() {
        let fixed = input(&[Axis::Fixed(1), Axis::Fixed(8)]);
        assert!(matches!(resolve(&fixed, Form { batch: 4, sequence_length: None }), Err(InputError::Fixed { .. })));
        assert_eq!(resolve(&fixed, Form { batch: 1, sequence_length: None }).expect("resolved"), [1, 8]);
    }

    #[test]
    fn shapes_that_differ_are_described_as_ranges() {
        assert_eq!(describe_range("int64", &[&[1, 7], &[1, 41], &[1, 9]]), "int64[1,7..41]");
        assert_eq!(describe_range("float32", &[&[2, 3]]), "float32[2,3]");
        assert_eq!(describe_range("float32", &[&[]]), "float32[]");
    }

    #[test]
    fn absurd_shapes_have_no_number_of_elements() {
        assert_eq!(elements(&[2, 3]), Some(6));
        assert_eq!(elements(&[i64::MAX, i64::MAX]), None);
        assert_eq!(elements(&[-1]), None);
    }
}

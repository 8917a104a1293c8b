//! Ready tensors, one beside another, as a batch.

use super::super::input::{InputTensor, Query};
use super::Row;

/// One query of rows of [`Row::Tensors`], at least one: each input's tensors along the first axis. An error if they don't
/// have the same shape.
pub(super) fn query(rows: &[&Row]) -> Result<Query, String> {
    let mut stacked: Vec<InputTensor> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let Row::Tensors { tensors, placed: _ } = row else { return Err("a row of tokens among tensors".to_owned()) };
        if number == 0 {
            stacked.clone_from(tensors);
            continue;
        }
        for (whole, InputTensor { shape, bytes }) in stacked.iter_mut().zip(tensors) {
            let (Some((length, axes)), Some((more, others))) = (whole.shape.split_first_mut(), shape.split_first())
            else {
                return Err("a tensor without a first axis can't be one of a batch".to_owned());
            };
            if axes != others {
                return Err(format!(
                    "examples of one batch have the shapes {axes:?} and {others:?}; evaluate them with batch 1"
                ));
            }
            *length += more;
            whole.bytes.extend_from_slice(bytes);
        }
    }
    Ok(Query { tensors: stacked })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(shape: &[i64], byte: u8) -> Row {
        let bytes = vec![byte; shape.iter().product::<i64>().unsigned_abs().try_into().expect("a few bytes")];
        Row::Tensors { tensors: vec![InputTensor { shape: shape.to_vec(), bytes }], placed: None }
    }

    #[test]
    fn rows_lie_along_the_first_axis_in_order() {
        let query = query(&[&row(&[1, 2], 1), &row(&[1, 2], 2)]).expect("one shape");
        assert_eq!(query.tensors, [InputTensor { shape: vec![2, 2], bytes: vec![1, 1, 2, 2] }]);
    }

    #[test]
    fn rows_of_two_shapes_are_an_error_that_names_both() {
        let message = query(&[&row(&[1, 2], 1), &row(&[1, 3], 2)]).expect_err("two shapes");
        assert!(message.contains("[2]") && message.contains("[3]"), "{message}");
    }
}

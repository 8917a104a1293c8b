//! Outputs of detectors seen as what they are: maps of cells, rows of numbers, lists. Whatever has another shape is an error
//! that says which one was expected.

use super::super::OutputTensor;

/// A number for each cell and channel: planes `[1, channels, height, width]`, or points `[1, cells, channels]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    values: &'a [f32],
    pub(super) count: usize,
    pub(super) channels: usize,
    /// Height and width, where the shape tells them, as it does for planes.
    pub(super) size: Option<(usize, usize)>,
}

impl<'a> Cells<'a> {
    pub(super) fn of(output: &'a OutputTensor) -> Result<Self, String> {
        let values = values(output)?;
        match output.shape[..] {
            [1, channels, height, width] => {
                Ok(Self { values, count: height * width, channels, size: Some((height, width)) })
            }
            [1, count, channels] => Ok(Self { values, count, channels, size: None }),
            _ => Err(unlike(output, "[1, channels, height, width] or [1, cells, channels]")),
        }
    }

    /// Planes of so many channels, or of any number of them; with their height and width.
    pub(super) fn planes(output: &'a OutputTensor, channels: Option<usize>) -> Result<(Self, usize, usize), String> {
        let cells = Self::of(output)?;
        match cells.size {
            Some((height, width)) if channels.is_none_or(|channels| channels == cells.channels) => {
                Ok((cells, height, width))
            }
            _ => Err(unlike(output, &format!("[1, {}, height, width]", channels.unwrap_or(cells.channels)))),
        }
    }

    /// Cells are counted row by row.
    pub(super) fn at(&self, cell: usize, channel: usize) -> f64 {
        let index = if self.size.is_some() { channel * self.count + cell } else { cell * self.channels + channel };
        f64::from(self.values[index])
    }
}

/// Rows of as many numbers as the last axis has: `[1, n, columns]` or `[n, columns]`.
pub(super) fn rows(output: &OutputTensor) -> Result<impl ExactSizeIterator<Item = &[f32]>, String> {
    let values = values(output)?;
    match output.shape[..] {
        [1, _, columns] | [_, columns] if columns > 0 => Ok(values.chunks_exact(columns)),
        _ => Err(unlike(output, "[1, n, columns] or [n, columns]")),
    }
}

/// The same with a known number of columns.
pub(super) fn rows_of<const COLUMNS: usize>(output: &OutputTensor) -> Result<&[[f32; COLUMNS]], String> {
    match output.shape[..] {
        [1, _, columns] | [_, columns] if columns == COLUMNS => Ok(values(output)?.as_chunks().0),
        _ => Err(unlike(output, &format!("[1, n, {COLUMNS}] or [n, {COLUMNS}]"))),
    }
}

/// One number for each candidate: `[1, n]`, `[n]` or `[1, n, 1]`.
pub(super) fn list(output: &OutputTensor) -> Result<&[f32], String> {
    match output.shape[..] {
        [1, _] | [_] | [1, _, 1] => values(output),
        _ => Err(unlike(output, "[1, n] or [n]")),
    }
}

/// Outputs that speak of the same candidates must have equally many.
pub(super) fn same_count(one: (&str, usize), other: (&str, usize)) -> Result<(), String> {
    let ((name, count), (other_name, other_count)) = (one, other);
    if count == other_count {
        return Ok(());
    }
    Err(format!("the outputs `{name}` and `{other_name}` are of {count} and {other_count} candidates"))
}

pub(super) fn unlike(output: &OutputTensor, expected: &str) -> String {
    format!(
        "the output `{}` has the shape {:?}, and the detector on the model's card reads {expected}",
        output.name, output.shape
    )
}

fn values(output: &OutputTensor) -> Result<&[f32], String> {
    let count: usize = output.shape.iter().product();
    if count == output.values.len() {
        return Ok(&output.values);
    }
    Err(format!("the output `{}` has the shape {:?} and {} values", output.name, output.shape, output.values.len()))
}

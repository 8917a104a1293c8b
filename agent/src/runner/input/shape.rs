//! Shapes: which length each axis of an input gets, and who says so.

use std::collections::{BTreeMap, BTreeSet};

use domain::CellSpec;

use super::{Axis, InputError, InputSpec, list};

/// One GiB: an input beyond this is a mistake in the campaign.
const INPUT_LIMIT_BYTES: usize = 1 << 30;

/// What a cell says about shapes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'a> {
    /// In one query.
    pub(super) samples: u32,
    pub(super) sequence_length: Option<u32>,
    /// Lengths by the names of axes.
    pub(super) dims: &'a BTreeMap<String, u32>,
    /// Whole shapes by the names of inputs.
    pub(super) shapes: &'a BTreeMap<String, Vec<u32>>,
}

impl<'a> Form<'a> {
    pub(super) fn of(cell: &'a CellSpec) -> Self {
        Self {
            samples: cell.samples_per_query(),
            sequence_length: cell.sequence_length,
            dims: &cell.dims,
            shapes: &cell.shapes,
        }
    }

    /// An error if the cell names axes or inputs that the model does not have, or says two things about one.
    pub(super) fn check(&self, inputs: &[InputSpec]) -> Result<(), InputError> {
        for (name, shape) in self.shapes {
            let unknown = || InputError::Unknown { what: "shapes", name: name.clone(), all: list(inputs) };
            let input = inputs.iter().find(|input| input.name == *name).ok_or_else(unknown)?;
            if input.axes.len() != shape.len() {
                return Err(InputError::Rank { name: name.clone(), found: input.describe(), shape: shape.clone() });
            }
            for (axis, &length) in input.axes.iter().zip(shape) {
                if let Axis::Symbol(axis) = axis
                    && let Some(&other) = self.dims.get(axis)
                    && other != length
                {
                    let axis = axis.clone();
                    return Err(InputError::Contradiction {
                        name: name.clone(),
                        axis,
                        by_shape: length,
                        by_dims: other,
                    });
                }
            }
        }
        let named = |axis: &Axis| if let Axis::Symbol(name) = axis { Some(name.clone()) } else { None };
        let axes: BTreeSet<String> = inputs.iter().flat_map(|input| &input.axes).filter_map(named).collect();
        match self.dims.keys().find(|name| !axes.contains(*name)) {
            Some(name) => {
                let axes: Vec<&str> = axes.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
                let all = if axes.is_empty() { format!("no named axes: {}", list(inputs)) } else { axes.join(", ") };
                Err(InputError::Unknown { what: "dims", name: name.clone(), all })
            }
            None => Ok(()),
        }
    }

    /// The length the cell gives to this very axis, by `shapes` or by `dims`.
    pub(super) fn explicit(&self, input: &InputSpec, index: usize) -> Option<u32> {
        let by_shape = self.shapes.get(&input.name).and_then(|shape| shape.get(index));
        let by_name = || match input.axes.get(index)? {
            Axis::Symbol(name) => self.dims.get(name),
            Axis::Fixed(_) => None,
        };
        by_shape.or_else(by_name).copied()
    }

    /// The length an axis must have: the cell's own word, else what the model fixes, else the batch or the sequence
    /// length. `None` if nobody says.
    pub(super) fn expected(&self, input: &InputSpec, index: usize) -> Result<Option<i64>, InputError> {
        let axis = &input.axes[index];
        let (explicit, samples) = (self.explicit(input, index).map(i64::from), i64::from(self.samples));
        let fixed = |role, length: i64, asked| {
            Err(InputError::Fixed { name: input.name.clone(), found: input.describe(), role, length, asked })
        };
        match (axis, explicit) {
            (Axis::Fixed(length), Some(asked)) if asked != *length => fixed("this", *length, asked),
            // A fixed first axis need not be a batch, so it is an error only where the cell asks for more than one sample.
            (Axis::Fixed(length), None) if axis.is_batch(index) && *length != samples && samples != 1 => {
                fixed("batch", *length, samples)
            }
            (Axis::Fixed(length), _) => Ok(Some(*length)),
            (Axis::Symbol(_), Some(length)) => Ok(Some(length)),
            (Axis::Symbol(_), None) if axis.is_batch(index) => Ok(Some(samples)),
            (Axis::Symbol(_), None) => Ok(self.sequence_length.map(i64::from)),
        }
    }
}

impl InputSpec {
    /// e.g. `float32[batch,3,224,224]`.
    pub(in crate::runner) fn describe(&self) -> String {
        let axes: Vec<String> = self.axes.iter().map(Axis::describe).collect();
        format!("{}[{}]", self.element.name(), axes.join(","))
    }

    /// An error if a tensor of this shape has no elements, or absurdly many.
    pub(super) fn check_size(&self, shape: &[i64]) -> Result<usize, InputError> {
        let (name, found) = (self.name.clone(), self.describe());
        if shape.contains(&0) {
            return Err(InputError::ZeroSize { name, found });
        }
        let size_bytes = elements(shape).and_then(|count| count.checked_mul(self.element.size_bytes()));
        size_bytes.filter(|&bytes| bytes <= INPUT_LIMIT_BYTES).ok_or(InputError::TooLarge { name, found })
    }
}

impl Axis {
    pub(super) fn describe(&self) -> String {
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

/// The shape of one input, every axis of which somebody gives a length, and the bytes it takes.
pub(super) fn resolve(input: &InputSpec, form: Form<'_>) -> Result<(Vec<i64>, usize), InputError> {
    let resolve_axis = |index: usize| {
        form.expected(input, index)?.ok_or_else(|| InputError::NoLength {
            name: input.name.clone(),
            found: input.describe(),
            axis: input.axes[index].describe(),
        })
    };
    let shape = (0..input.axes.len()).map(resolve_axis).collect::<Result<Vec<i64>, _>>()?;
    let size_bytes = input.check_size(&shape)?;
    Ok((shape, size_bytes))
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
mod tests;

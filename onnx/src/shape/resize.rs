//! Images of another size.

use super::axes::position;
use super::number::{length, of_length};
use super::{Call, Length, Lengths, MOST_AXES, Value};

/// Resize by factors or to given lengths. Factors are input 1 in version 10, and input 2 after it, where input 3 are lengths.
pub(super) fn resize(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let unknown = || Some(call.one(vec![None; dims.len()]));
    let axes: Vec<usize> = match call.ints("axes") {
        Some(axes) if axes.len() <= MOST_AXES => {
            axes.iter().map(|&axis| position(axis, dims.len())).collect::<Option<_>>()?
        }
        Some(_) => return None,
        None => (0..dims.len()).collect(),
    };
    if call.opset > 10 && call.has(3) {
        if call.text("keep_aspect_ratio_policy").is_some_and(|policy| policy != "stretch") {
            return unknown();
        }
        let Some(sizes) = call.numbers(3) else { return unknown() };
        (sizes.len() == axes.len()).then_some(())?;
        return Some(call.one(with(dims, &axes, |at, _| length(sizes[at]?))));
    }
    let Some(scales) = call.numbers(if call.opset > 10 { 2 } else { 1 }) else { return unknown() };
    (scales.len() == axes.len()).then_some(())?;
    Some(call.one(with(dims, &axes, |at, length| scaled(length, scales[at]))))
}

/// Upsample, the older operator: its factors were an attribute first.
pub(super) fn upsample(call: &Call) -> Option<Vec<Value>> {
    let dims = call.dims(0)?;
    let axes: Vec<usize> = (0..dims.len()).collect();
    if let Some(scales) = call.floats("scales") {
        (scales.len() == dims.len()).then_some(())?;
        return Some(call.one(with(dims, &axes, |at, length| scaled(length, Some(scales[at].into())))));
    }
    let Some(scales) = call.numbers(1) else { return Some(call.one(vec![None; dims.len()])) };
    (scales.len() == dims.len()).then_some(())?;
    Some(call.one(with(dims, &axes, |at, length| scaled(length, scales[at]))))
}

fn scaled(axis: Length, scale: Option<f64>) -> Length {
    length((of_length(axis?) * scale?).floor())
}

fn with(dims: &[Length], axes: &[usize], new: impl Fn(usize, Length) -> Length) -> Lengths {
    let mut changed = dims.to_vec();
    for (at, &axis) in axes.iter().enumerate() {
        changed[axis] = new(at, dims[axis]);
    }
    changed
}

/// A sample for each place of a grid.
pub(super) fn grid_sample(call: &Call) -> Option<Vec<Value>> {
    let (image, grid) = (call.dims(0)?, call.dims(1)?);
    let places = grid.get(1..grid.len().checked_sub(1)?)?;
    Some(call.one([image.get(..2)?, places].concat()))
}

/// A patch of an image for each of some regions.
pub(super) fn regions(call: &Call) -> Option<Vec<Value>> {
    let [_, channels, ..] = call.dims(0)? else { return None };
    let count = *call.dims(1)?.first()?;
    let side = |name: &str| u64::try_from(call.int(name).unwrap_or(1)).ok();
    Some(call.one(vec![count, *channels, side("output_height"), side("output_width")]))
}

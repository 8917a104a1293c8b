//! Positions of axes and lengths of shapes that meet.

use super::{Length, Lengths, MOST_AXES};

/// The axis that a number means, negative ones being counted from the end.
pub(super) fn position(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
    usize::try_from(axis).ok().filter(|_| axis < rank)
}

/// Several of them, each once and in ascending order.
pub(super) fn positions(axes: &[i64], rank: usize) -> Option<Vec<usize>> {
    (axes.len() <= MOST_AXES).then_some(())?;
    let mut positions: Vec<usize> = axes.iter().map(|&axis| position(axis, rank)).collect::<Option<_>>()?;
    positions.sort_unstable();
    positions.dedup();
    Some(positions)
}

/// The shape that shapes broadcast to; nothing if they don't fit.
pub(super) fn broadcast(a: &[Length], b: &[Length]) -> Option<Lengths> {
    let rank = a.len().max(b.len());
    let padded =
        |dims: &[Length], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(Some(1), |axis| dims[axis]);
    (rank <= MOST_AXES).then_some(())?;
    (0..rank).map(|axis| broadcast_length(padded(a, axis), padded(b, axis))).collect()
}

/// The outer option is whether they fit, the inner whether the result is known.
fn broadcast_length(a: Length, b: Length) -> Option<Length> {
    match (a, b) {
        (Some(1), other) | (other, Some(1)) => Some(other),
        (Some(a), Some(b)) => (a == b).then_some(Some(a)),
        // Whatever the unknown one is, the result has this length, or the graph is wrong.
        (Some(known), None) | (None, Some(known)) => Some(Some(known)),
        (None, None) => Some(None),
    }
}

pub(super) fn sum(lengths: impl IntoIterator<Item = Length>) -> Length {
    lengths.into_iter().try_fold(0_u64, |sum, length| sum.checked_add(length?))
}

pub(super) fn product(lengths: &[Length]) -> Length {
    lengths.iter().try_fold(1_u64, |product, &length| product.checked_mul(length?))
}

/// A copy with another length for one axis.
pub(super) fn replaced(dims: &[Length], axis: usize, length: Length) -> Lengths {
    let mut dims = dims.to_vec();
    dims[axis] = length;
    dims
}

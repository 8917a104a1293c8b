//! Attention in one operator: projection, scores, softmax, weighted sum.

use super::{Work, product};
use crate::element::ElementType;
use crate::shape::{Attention, Call, attends};

pub(super) fn work(call: &Call) -> Option<Work> {
    let Attention { batch, heads, queries, keys, width, value_width, projection } = attends(call)?;
    // A quantized one projects whole numbers, and goes on with floats.
    let attended = if call.operator.ends_with("QAttention") { call.element(3) } else { call.element(0) };
    let widths = width?.checked_add(value_width?)?;
    let scores = product(&[batch, heads, queries, keys])?;
    let mut work = Work::products(product(&[batch, queries, keys, Some(widths)])?, attended)?;
    work = work.plus(Work::operations(scores.checked_mul(5)?, attended))?;
    let Some((input, projected)) = projection else { return Some(work) };
    let projected = product(&[batch, queries, input, projected])?;
    let element = if call.operator.ends_with("QAttention") { ElementType::UINT8 } else { call.element(0) };
    work.plus(Work::products(projected, element)?)
}

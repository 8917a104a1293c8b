//! Recurrent layers.

use super::{Call, Length, Value};

/// What the work of a recurrent layer follows from.
pub(crate) struct Recurrence {
    pub(crate) steps: Length,
    pub(crate) batch: Length,
    pub(crate) directions: u64,
    pub(crate) input: Length,
    pub(crate) hidden: u64,
    /// Gates of one cell: four of an LSTM, three of a GRU.
    pub(crate) gates: u64,
}

/// Input is [steps, batch, input], or [batch, steps, input] with `layout` 1.
pub(crate) fn recurrence(call: &Call) -> Option<Recurrence> {
    let [first, second, input] = call.dims_of(0)?;
    let (steps, batch) = if call.flag("layout") { (second, first) } else { (first, second) };
    let gates = match call.operator.as_str() {
        "LSTM" => 4,
        "GRU" => 3,
        _ => 1,
    };
    let hidden = match call.int("hidden_size") {
        Some(hidden) => u64::try_from(hidden).ok()?,
        // The recurrent weights are [directions, gates * hidden, hidden].
        None => call.dims_of::<3>(2)?[2]?,
    };
    let directions = if call.text("direction") == Some("bidirectional") { 2 } else { 1 };
    Some(Recurrence { steps, batch, directions, input, hidden, gates })
}

pub(super) fn infer(call: &Call) -> Option<Vec<Value>> {
    let Recurrence { steps, batch, directions, hidden, .. } = recurrence(call)?;
    let (directions, hidden) = (Some(directions), Some(hidden));
    let element = call.element(0);
    let (all, last) = if call.flag("layout") {
        (vec![batch, steps, directions, hidden], vec![batch, directions, hidden])
    } else {
        (vec![steps, directions, batch, hidden], vec![directions, batch, hidden])
    };
    let last = Value::of(element, last);
    Some(vec![Value::of(element, all), last.clone(), last])
}

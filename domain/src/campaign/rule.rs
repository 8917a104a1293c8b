//! Rules that select cells by the values of their axes: `exclude`, and the `when` of an `overlay`.

use std::fmt::Write as _;

use super::{
    Place,
    axis::{Axis, Meaning, meaning, selects, spelled, wanted},
    node::{Entry, Node},
    shape::Check,
};
use crate::spelling::nearest;

pub(super) struct Rule {
    /// `exclude 1`.
    pub(super) name: String,
    pub(super) at: Place,
    keys: Vec<Selecting>,
}

/// What a rule says of one axis.
struct Selecting {
    /// Which axis; `None` = every cell has the same value.
    axis: Option<usize>,
    /// Whether each value of the axis is selected.
    selected: Vec<bool>,
}

impl Rule {
    /// A value that no cell has is a typing error, and reported.
    pub(super) fn new(name: String, node: &Node, axes: &[Axis], defaults: &Node, check: &mut Check) -> Self {
        let keys = node.entries().iter().filter(|entry| &*entry.key.value != "reason");
        let keys = keys.map(|entry| Selecting::new(&name, entry, axes, defaults, check)).collect();
        Self { name, at: node.at, keys }
    }

    /// `value` answers which value a cell has on an axis.
    pub(super) fn matches(&self, value: impl Fn(usize) -> usize) -> bool {
        self.keys.iter().all(|key| key.selected[key.axis.map_or(0, &value)])
    }
}

impl Selecting {
    fn new(rule: &str, entry: &Entry, axes: &[Axis], defaults: &Node, check: &mut Check) -> Self {
        let Entry { key, value } = entry;
        let number = axes.iter().position(|axis| axis.key.value == key.value);
        let fixed = meaning(&key.value, defaults.get(&key.value));
        let varied = number.map(|number| &axes[number]);
        let found: Vec<&Meaning> =
            varied.map_or_else(|| vec![&fixed], |axis| axis.values.iter().map(|value| &value.meaning).collect());
        let mut selected = vec![false; found.len()];
        for wanted in wanted(&key.value, value) {
            let mut any = false;
            for (selected, found) in selected.iter_mut().zip(&found) {
                if selects(&wanted.node, &wanted.meaning, found) {
                    (*selected, any) = (true, true);
                }
            }
            if !any {
                let spelled = spelled(&wanted.node);
                let hint = match varied {
                    Some(varied) => unknown_value(varied, &spelled),
                    None if fixed.name.is_empty() => format!("no cell has a {} of its own", key.value),
                    None => format!("{} is no axis here: every cell has {}", key.value, fixed.name),
                };
                let message = format!("{rule} matches no cell: none has {} `{spelled}`", key.value);
                check.problem(wanted.node.at, message, &hint);
            }
        }
        Self { axis: number, selected }
    }
}

/// ``matrix.device has rpi5-8g, not rpi5``.
fn unknown_value(axis: &Axis, given: &str) -> String {
    /// Values that a hint names; more of them are no hint.
    const MOST: usize = 8;
    let values: Vec<String> = axis.values.iter().map(|value| spelled(&value.node)).collect();
    let key = &axis.key.value;
    if let Some(near) = nearest(given, values.iter().map(String::as_str)) {
        return format!("matrix.{key} has {near}, not {given}");
    }
    let mut hint = format!("matrix.{key} has {}", values.iter().take(MOST).cloned().collect::<Vec<_>>().join(", "));
    if values.len() > MOST {
        // Writing to a string cannot fail.
        write!(hint, " and {} more", values.len() - MOST).unwrap_or_default();
    }
    hint
}

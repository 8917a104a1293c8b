//! On which devices a cell runs.

use crate::{
    Selector,
    campaign::{Placed, include::START, node::Node},
};

/// Of the devices that match, how many measure the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::campaign) enum Count {
    /// Any one of them; the scheduler chooses it.
    One,
    /// Each, in a cell of its own.
    All,
    /// So many of them by name, each in a cell of its own.
    First(u32),
}

impl Count {
    fn read(node: Option<&Node>) -> Self {
        match node.and_then(Node::text) {
            None | Some("one") => Self::One,
            Some("all") => Self::All,
            Some(number) => number.parse().map_or(Self::One, Self::First),
        }
    }
}

pub(super) fn device(cell: &Node) -> (Placed<Selector>, Count) {
    let Some(node) = cell.get("device") else { return (Placed { value: Selector::default(), at: START }, Count::One) };
    let selector = node.get("match").unwrap_or(node);
    let value = selector.text().and_then(|text| text.parse().ok()).unwrap_or_default();
    (Placed { value, at: selector.at }, Count::read(node.get("count")))
}

/// By meaning: equal selectors have equal text.
pub(in crate::campaign) fn device_meaning(node: &Node) -> String {
    let selector = node.get("match").unwrap_or(node).text().and_then(|text| text.parse::<Selector>().ok());
    let selector = selector.map(|selector| selector.to_string()).unwrap_or_default();
    match Count::read(node.get("count")) {
        Count::One => selector,
        Count::All => format!("{selector}, all"),
        Count::First(number) => format!("{selector}, {number}"),
    }
}

//! What the operators sum up to. Sums that would overflow are not made: that operator is then not counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::formula::Work;
use super::{Cost, NodeCost};

/// Longer names tell nobody more.
const MOST_NAME_CHARACTERS: usize = 128;

#[derive(Default)]
pub(super) struct Tally(Cost);

impl Tally {
    pub(super) fn add(&mut self, name: &str, operator: &str, work: Work, bytes: u64) {
        let Work { macs, flops, integer_ops } = work;
        let Some((total, bytes_upper)) = self.sum(work, bytes) else { return self.leave_out(operator) };
        self.0.nodes += 1;
        (self.0.macs, self.0.flops, self.0.integer_ops) = (total.macs, total.flops, total.integer_ops);
        self.0.bytes_upper = bytes_upper;
        // No sum of a part overflows if the whole one doesn't.
        let kind = entry(&mut self.0.by_operator, operator);
        kind.nodes += 1;
        kind.macs += macs;
        kind.flops += flops;
        kind.integer_ops += integer_ops;
        kind.bytes += bytes;
        let name = name.chars().take(MOST_NAME_CHARACTERS).collect();
        self.0.nodes_by_cost.push(NodeCost { name, operator: operator.to_owned(), macs, flops, integer_ops, bytes });
    }

    fn sum(&self, work: Work, bytes: u64) -> Option<(Work, u64)> {
        let Cost { macs, flops, integer_ops, bytes_upper, .. } = self.0;
        let total = Work { macs, flops, integer_ops }.plus(work)?;
        // So that floating and whole operations can be added, too.
        total.flops.checked_add(total.integer_ops)?;
        Some((total, bytes_upper.checked_add(bytes)?))
    }

    pub(super) fn leave_out(&mut self, operator: &str) {
        self.0.nodes += 1;
        *entry(&mut self.0.uncovered, operator) += 1;
    }

    pub(super) fn assume(&mut self, operator: &str) {
        *entry(&mut self.0.assumed, operator) += 1;
    }

    pub(super) fn finish(self, bytes_lower: u64) -> Cost {
        let mut cost = self.0;
        cost.nodes_by_cost.sort_by_key(|node| Reverse((node.flops + node.integer_ops, node.bytes)));
        cost.bytes_lower = bytes_lower;
        // Where much isn't counted, what was read at least is still the better bound.
        cost.bytes_upper = cost.bytes_upper.max(bytes_lower);
        cost
    }
}

fn entry<'m, T: Default>(map: &'m mut BTreeMap<String, T>, key: &str) -> &'m mut T {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), T::default());
    }
    map.get_mut(key).expect("inserted above")
}

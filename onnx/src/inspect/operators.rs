//! Which operators a graph has, and from which sets.

use std::collections::BTreeMap;

use crate::format::read::{Attribute, Graph, OperatorSet, is_standard};

/// How often each operator occurs, bodies included.
pub(super) fn count(graph: &Graph) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    add(graph, &mut counts);
    counts
}

fn add(graph: &Graph, counts: &mut BTreeMap<String, u32>) {
    for node in &graph.node {
        let count = counts.entry(full_name(node.domain, node.op_type)).or_default();
        *count = u32::saturating_add(*count, 1);
        for body in node.attribute.iter().flat_map(Attribute::bodies) {
            add(body, counts);
        }
    }
}

/// `Operator` of the standard set, `domain.Operator` of others.
pub(crate) fn full_name(domain: &str, operator: &str) -> String {
    if is_standard(domain) { operator.to_owned() } else { format!("{domain}.{operator}") }
}

/// Version of each set by domain. Of a domain that is named twice, the first counts.
pub(super) fn sets(sets: &[OperatorSet]) -> BTreeMap<String, i64> {
    let domain = |set: &OperatorSet| if is_standard(set.domain) { "ai.onnx" } else { set.domain }.to_owned();
    sets.iter().rev().map(|set| (domain(set), set.version)).collect()
}

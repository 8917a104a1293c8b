//! How many numbers a model keeps, and how large they are. Goes by types and shapes; the values are never touched.

use std::collections::BTreeMap;

use crate::format::read::{Function, Graph, Node, Tensor, is_standard};

/// Constant operators up to this size hold shapes, axes and factors. A weight is larger: a bias, a row of a table.
const NO_WEIGHT_ELEMENTS: u64 = 16;

/// Numbers by type, and bytes.
pub(super) fn count(graph: &Graph, functions: &[Function]) -> (BTreeMap<String, u64>, u64) {
    let mut count = Count::default();
    count.add_graph(graph);
    for function in functions {
        count.add_nodes(&function.node);
    }
    let elements = count.elements.into_iter().map(|(name, elements)| (name.to_owned(), elements)).collect();
    (elements, count.bytes)
}

/// Size of all constants of a model.
pub(crate) fn weight_bytes(graph: &Graph, functions: &[Function]) -> u64 {
    count(graph, functions).1
}

#[derive(Default)]
struct Count {
    elements: BTreeMap<&'static str, u64>,
    bytes: u64,
}

impl Count {
    fn add_graph(&mut self, graph: &Graph) {
        graph.constants().for_each(|tensor| self.add_tensor(tensor));
        self.add_nodes(&graph.node);
    }

    fn add_nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            let is_constant = is_standard(node.domain) && node.op_type == "Constant";
            for attribute in &node.attribute {
                let weights = attribute.constants().filter(|tensor| tensor.elements() > Some(NO_WEIGHT_ELEMENTS));
                weights.filter(|_| is_constant).for_each(|tensor| self.add_tensor(tensor));
                attribute.bodies().for_each(|body| self.add_graph(body));
            }
        }
    }

    fn add_tensor(&mut self, tensor: &Tensor) {
        let element = tensor.element();
        let Some(elements) = tensor.elements() else { return };
        let sum = self.elements.entry(element.name()).or_default();
        *sum = sum.saturating_add(elements);
        self.bytes = self.bytes.saturating_add(element.bytes(elements).unwrap_or(0));
    }
}

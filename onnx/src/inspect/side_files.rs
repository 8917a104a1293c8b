//! Which other files a model's constants are in.

use std::collections::HashSet;

use crate::format::DataLocation;
use crate::format::read::{Attribute, Function, Graph, Node, Tensor};

/// Every location of the model, once each and in order of mention.
pub(super) fn list(graph: &Graph, functions: &[Function]) -> Vec<String> {
    let mut locations = Locations::default();
    locations.add_graph(graph);
    for function in functions {
        locations.add_nodes(&function.node);
        locations.add_attributes(&function.default);
    }
    locations.ordered.into_iter().map(str::to_owned).collect()
}

#[derive(Default)]
pub(super) struct Locations<'g> {
    pub(super) ordered: Vec<&'g str>,
    known: HashSet<&'g str>,
}

impl<'g> Locations<'g> {
    /// Adds the files of a graph's constants and of its bodies' constants.
    pub(super) fn add_graph(&mut self, graph: &'g Graph) {
        graph.constants().for_each(|tensor| self.add_tensor(tensor));
        self.add_nodes(&graph.node);
    }

    fn add_nodes(&mut self, nodes: &'g [Node]) {
        for node in nodes {
            self.add_attributes(&node.attribute);
        }
    }

    fn add_attributes(&mut self, attributes: &'g [Attribute]) {
        for attribute in attributes {
            attribute.constants().for_each(|tensor| self.add_tensor(tensor));
            attribute.bodies().for_each(|body| self.add_graph(body));
        }
    }

    pub(super) fn add_tensor(&mut self, tensor: &'g Tensor) {
        // By number: of a number that onnx.proto does not have, readers differ in whether it overrides an earlier `External`.
        if tensor.data_location == DataLocation::Default as i32 {
            return;
        }
        // Of a key that occurs twice, readers differ in which one counts; so all do.
        let mut named = tensor.external_data.iter().filter(|entry| entry.key == "location").peekable();
        if named.peek().is_none() {
            self.add("");
        }
        named.for_each(|entry| self.add(entry.value));
    }

    fn add(&mut self, location: &'g str) {
        if self.known.insert(location) {
            self.ordered.push(location);
        }
    }
}

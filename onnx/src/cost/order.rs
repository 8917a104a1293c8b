//! The order of execution. The format demands that files have it, but some writers (ONNX Runtime's own quantizer) append
//! operators at the end that belong before others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

use crate::format::read::{Attribute, Graph, Node};

/// Orders that were found, by where their operators are in memory: a body may be gone through often.
#[derive(Default)]
pub(super) struct Orders(HashMap<*const u8, Option<Rc<[usize]>>>);

impl Orders {
    /// Positions in an order in which everything is computed before it is used; nothing if the file's is one. What uses
    /// itself in the end comes last.
    pub(super) fn of(&mut self, nodes: &[Node]) -> Option<Rc<[usize]>> {
        self.0.entry(nodes.as_ptr().cast()).or_insert_with(|| sorted(nodes)).clone()
    }
}

fn sorted(nodes: &[Node]) -> Option<Rc<[usize]>> {
    let mut producers = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            producers.entry(*name).or_insert(at);
        }
    }
    let needs: Vec<Vec<usize>> = nodes.iter().enumerate().map(|(at, node)| needs(at, node, &producers)).collect();
    if needs.iter().enumerate().all(|(at, needs)| needs.iter().all(|needed| *needed < at)) {
        return None;
    }
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
    for (at, needs) in needs.iter().enumerate() {
        for &needed in needs {
            users[needed].push(at);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..nodes.len()).filter(|&at| missing[at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for &user in &users[at] {
            missing[user] -= 1;
            if missing[user] == 0 {
                ready.push(Reverse(user));
            }
        }
    }
    order.extend((0..nodes.len()).filter(|&at| missing[at] > 0));
    Some(order.into())
}

/// The operators that an operator waits for, each once.
fn needs(at: usize, node: &Node, producers: &HashMap<&str, usize>) -> Vec<usize> {
    let mut needs = Vec::new();
    let mut add = |name: &str| needs.extend(producers.get(name).filter(|needed| **needed != at));
    node.input.iter().for_each(|name| add(name));
    node.attribute.iter().flat_map(Attribute::bodies).for_each(|body| add_names(body, &mut add));
    needs.sort_unstable();
    needs.dedup();
    needs
}

/// The names that a body uses, those from around it among them.
fn add_names(body: &Graph, add: &mut impl FnMut(&str)) {
    body.output.iter().for_each(|output| add(output.name));
    for node in &body.node {
        node.input.iter().for_each(|name| add(name));
        for body in node.attribute.iter().flat_map(Attribute::bodies) {
            add_names(body, add);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(input: &'static str, output: &'static str) -> Node<'static> {
        Node { input: vec![input], output: vec![output], ..Node::default() }
    }

    #[test]
    fn a_sorted_file_keeps_its_order() {
        assert_eq!(sorted(&[node("x", "a"), node("a", "b"), node("a", "c")]), None);
    }

    #[test]
    fn what_is_used_before_it_is_computed_moves_forward() {
        let order = sorted(&[node("b", "c"), node("x", "a"), node("a", "b")]).expect("not sorted");
        assert_eq!(*order, [1, 2, 0]);
    }

    #[test]
    fn circles_come_last_and_end() {
        let order = sorted(&[node("b", "a"), node("a", "b"), node("c", "c"), node("x", "d")]).expect("not sorted");
        assert_eq!(*order, [2, 3, 0, 1]);
    }
}

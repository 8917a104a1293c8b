//! Values of axes, compared by what they mean: `CPUExecutionProvider` is `cpu`, and `08` is 8.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Placed,
    node::{Entry, Node, shortened},
    read::{device_meaning, provider_of, runtime_meaning, scenario_of},
    shape::Check,
    table,
};
use crate::Affinity;

/// What a value means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Meaning {
    pub(super) exact: String,
    /// What a bare name in a rule also selects; the same as `exact` for what has no parameters.
    pub(super) name: String,
}

pub(super) struct Value {
    pub(super) node: Node,
    pub(super) meaning: Meaning,
}

pub(super) struct Axis {
    pub(super) key: Placed<Arc<str>>,
    pub(super) values: Vec<Value>,
}

/// The axes in the order in which the file declares them. An empty axis would erase the whole product; a repeated value,
/// however it is spelled, would measure one cell twice.
pub(super) fn axes(matrix: &Node, check: &mut Check) -> Vec<Axis> {
    let axis = |Entry { key, value }: &Entry| {
        let mut seen = BTreeSet::new();
        let values = value.list().unwrap_or_default().iter().map(|node| {
            let meaning = meaning(&key.value, Some(node));
            // What could not be read means nothing.
            if !meaning.exact.is_empty() && !seen.insert(meaning.exact.clone()) {
                check.problem(node.at, format!("`{}` stands twice in matrix.{}", spelled(node), key.value), "");
            }
            Value { node: node.clone(), meaning }
        });
        Axis { key: key.clone(), values: values.collect() }
    };
    matrix.entries().iter().map(axis).collect()
}

/// Of an axis that is no axis here, its default.
pub(super) fn meaning(axis: &str, node: Option<&Node>) -> Meaning {
    let same = |text: String| Meaning { exact: text.clone(), name: text };
    let Some(node) = node else { return same(built_in(axis).to_owned()) };
    match axis {
        "device" => same(device_meaning(node)),
        "runtime" => same(runtime_meaning(node)),
        "provider" => provider_of(node).map_or_else(
            || same(String::new()),
            |provider| Meaning { exact: format!("{provider:?}"), name: provider.name().to_string() },
        ),
        "scenario" => scenario_of(node).map_or_else(
            |_incomplete| same("server".to_owned()),
            |scenario| Meaning { exact: scenario.to_string(), name: scenario.name().to_owned() },
        ),
        "affinity" => {
            same(node.text().and_then(Affinity::parse).map(|affinity| affinity.to_string()).unwrap_or_default())
        }
        key if key != "model" && node.whole().is_some() && table::is_number(key) => {
            same(node.whole().unwrap_or_default().to_string())
        }
        _ => same(node.text().unwrap_or_default().to_owned()),
    }
}

fn built_in(axis: &str) -> &'static str {
    match axis {
        "device" | "affinity" => "any",
        "runtime" => "onnxruntime",
        "provider" => "cpu",
        "scenario" => "single-stream",
        "batch" | "intra_threads" => "1",
        "spinning" => "true",
        "optimization" => "all",
        // These have none.
        _ => "",
    }
}

/// Whether a rule's value selects what means that.
pub(super) fn selects(rule: &Node, wanted: &Meaning, found: &Meaning) -> bool {
    wanted.exact == found.exact || (rule.text().is_some() && wanted.name == found.name)
}

/// As the file says it, in short.
pub(super) fn spelled(node: &Node) -> String {
    if let Some(text) = node.text() {
        return shortened(text);
    }
    if let Some(items) = node.list() {
        let items: Vec<String> = items.iter().map(spelled).collect();
        return shortened(&format!("[{}]", items.join(", ")));
    }
    match (node.get("match").and_then(Node::text), node.entries().first()) {
        (Some(selector), _) => shortened(selector),
        (None, Some(entry)) => shortened(&entry.key.value),
        (None, None) => String::new(),
    }
}

/// Where a rule says that, and what.
pub(super) struct Wanted {
    pub(super) node: Node,
    pub(super) meaning: Meaning,
}

/// The values of one key of a rule: one, or a list of them.
pub(super) fn wanted(axis: &str, node: &Node) -> Vec<Wanted> {
    let one = |node: &Node| Wanted { node: node.clone(), meaning: meaning(axis, Some(node)) };
    node.list().map_or_else(|| vec![one(node)], |items| items.iter().map(one).collect())
}

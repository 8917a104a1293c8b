//! What a campaign file says beside what it measures: where models come from that nobody has added yet, and figures that
//! others published, to be shown beside the measured ones. Neither changes a cell.

use std::{collections::BTreeMap, time::Duration};

use super::{node::Node, shape::Check};
use crate::{Digest, Precision};

/// Where a model comes from while the coordinator has none of that name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredModel {
    /// As `furlong models add` takes it, `zoo:ARCHITECTURE` for one to be built, or `builtin:NAME` for one that Furlong brings.
    pub source: String,
    /// Of weights for what is built; `None` = random ones.
    pub weights: Option<String>,
    /// Of random weights.
    pub seed: u64,
    pub tokenizer: Option<String>,
    /// What the ONNX file's SHA-256 must be.
    pub sha256: Option<Digest>,
    pub task: Option<String>,
    pub licence: Option<String>,
    /// A file that says what no inspection can tell, see [`crate::DeclaredCard`].
    pub card: Option<String>,
}

impl DeclaredModel {
    /// What Furlong brings itself, if it is such a model.
    pub fn builtin(&self) -> Option<&str> {
        self.source.strip_prefix("builtin:")
    }

    /// The architecture to build, if it is to be built.
    pub fn architecture(&self) -> Option<&str> {
        self.source.strip_prefix("zoo:")
    }
}

/// Latencies that others published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Heads their column.
    pub name: String,
    /// Where they were published.
    pub source: String,
    /// What a reader must know before comparing.
    pub note: String,
    /// The model to whose latency the others are set in relation.
    pub relative_to: Option<String>,
    /// The cells they are comparable with; `None` = whatever precision.
    pub precision: Option<Precision>,
    /// The same for the scenario, by its name.
    pub scenario: Option<String>,
    /// By model.
    pub latencies: BTreeMap<String, Duration>,
}

pub(super) fn models(root: &Node, check: &mut Check) -> BTreeMap<String, DeclaredModel> {
    let entries = root.get("models").map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.value.to_string(), model(&entry.value, check))).collect()
}

fn model(node: &Node, check: &mut Check) -> DeclaredModel {
    if let Some(source) = node.text() {
        return DeclaredModel { source: source.to_owned(), ..DeclaredModel::default() };
    }
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let Some(source) = text("source") else {
        check.problem(
            node.at,
            "a declared model lacks source",
            "e.g. `source: zoo:bert-base`, or a path, https:, pip: or hf:",
        );
        return DeclaredModel::default();
    };
    let sha256 = node.get("sha256").and_then(|node| match node.text().unwrap_or_default().parse::<Digest>() {
        Ok(digest) => Some(digest),
        Err(_no_digest) => {
            check.problem(node.at, "sha256 is not a SHA-256", "64 hexadecimal digits");
            None
        }
    });
    let declared = DeclaredModel {
        weights: text("weights"),
        seed: node.get("seed").and_then(Node::whole).unwrap_or(0),
        tokenizer: text("tokenizer"),
        task: text("task"),
        licence: text("licence"),
        card: text("card"),
        sha256,
        source,
    };
    if declared.architecture().is_none() {
        for key in ["weights", "seed"] {
            if let Some(node) = node.get(key) {
                check.problem(
                    node.at,
                    format!("{key} belongs to a model that is built"),
                    "`source: zoo:ARCHITECTURE` builds one",
                );
            }
        }
    }
    declared
}

pub(super) fn references(root: &Node, check: &mut Check) -> Vec<Reference> {
    let nodes = root.get("references").and_then(Node::list).unwrap_or_default();
    nodes.iter().filter_map(|node| reference(node, check)).collect()
}

fn reference(node: &Node, check: &mut Check) -> Option<Reference> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let (name, latencies) = (text("name"), node.get("latencies"));
    for (key, absent) in [("name", name.is_none()), ("latencies", latencies.is_none())] {
        if absent {
            check.problem(node.at, format!("a reference lacks {key}"), "");
        }
    }
    let latencies: BTreeMap<String, Duration> = latencies?
        .entries()
        .iter()
        .filter_map(|entry| {
            let period = humantime::parse_duration(entry.value.text()?).ok()?;
            Some((entry.key.value.to_string(), period))
        })
        .collect();
    let relative_to = node.get("relative_to");
    if let Some(base) = relative_to
        && base.text().is_some_and(|base| !latencies.contains_key(base))
    {
        check.problem(base.at, "relative_to names a model without a latency here", "");
    }
    Some(Reference {
        name: name?,
        source: text("source").unwrap_or_default(),
        note: text("note").unwrap_or_default(),
        relative_to: relative_to.and_then(Node::text).map(str::to_owned),
        precision: text("precision").and_then(|word| Precision::parse(&word).ok()),
        scenario: text("scenario"),
        latencies,
    })
}

//! From the matrix and its rules to cells: product, then exclude, then overlay, then extra.

use super::{
    Place,
    axis::{Axis, axes},
    merge::merge_map,
    node::{Entry, Node},
    origin::Source,
    plan::MAX_CELLS,
    read::{Draft, draft},
    rule::Rule,
    shape::{Check, Shape},
    table,
};

/// Combinations one matrix may have before anything is excluded.
const MAX_PRODUCT: usize = 100_000;
/// Bytes of all cells' settings together: a hundred thousand cells of a usual size.
const MAX_BYTES: usize = 64 << 20;

/// What one rule did.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    pub(super) rule: String,
    /// The author's reason.
    pub(super) why: Option<String>,
    pub(super) at: Place,
    /// Cells it left out, changed or added.
    pub(super) cells: usize,
}

#[derive(Default)]
pub(super) struct Expanded {
    pub(super) drafts: Vec<Draft>,
    /// Cells of the bare matrix.
    pub(super) product: usize,
    pub(super) effects: Vec<Effect>,
    /// See [`Node::weight`]: of all cells.
    bytes: usize,
}

/// The tree has the right shape; what is found here is added to the problems.
pub(super) fn expand(root: &Node, defaults: &Node, check: &mut Check) -> Expanded {
    let mut expanded = Expanded::default();
    let matrix = root.get("matrix");
    let extra = root.get("extra").and_then(Node::list).unwrap_or_default();
    let axes = matrix.map(|matrix| axes(matrix, check)).unwrap_or_default();
    for (number, overlay) in root.get("overlay").and_then(Node::list).unwrap_or_default().iter().enumerate() {
        for key in ["when", "with"].iter().filter(|key| table::is_map(overlay) && overlay.get(key).is_none()) {
            check.problem(
                overlay.at,
                format!("overlay {} lacks {key}", number + 1),
                "such as `{ when: { batch: 8 }, with: { intra_threads: 2 } }`",
            );
        }
    }
    match matrix {
        Some(matrix) if matrix.get("model").is_none() => {
            let hint = "add `model: [NAME]`; `furlong models ls` lists the names";
            check.problem(matrix.at, "matrix.model is missing: there is nothing to measure", hint);
        }
        // What has not its shape can't be expanded; what can't be expanded has no cells to look at.
        _ if !check.problems.is_empty() => {}
        Some(matrix) => product(root, matrix, &axes, defaults, &mut expanded, check),
        None => {
            if extra.is_empty() {
                let hint = "add `matrix: { model: [NAME] }`; `furlong models ls` lists the names";
                check.problem(
                    root.at,
                    "the campaign has neither a matrix nor extra cells: there is nothing to measure",
                    hint,
                );
            }
            for key in ["exclude", "overlay"] {
                if let Some(rule) = root.get(key).and_then(Node::list).and_then(<[Node]>::first) {
                    check.problem(rule.at, format!("{key} 1 matches no cell: there is no matrix"), "");
                }
            }
        }
    }
    if !check.problems.is_empty() && expanded.drafts.is_empty() {
        return expanded;
    }
    for (entry, number) in extra.iter().zip(1..) {
        let source = Source::Extra(number);
        let mut cell = defaults.clone();
        merge_map(&mut cell, &entry.clone().stamped(source), table::EXTRA);
        cell.at = entry.at;
        expanded.add(cell, entry.at, source, check);
    }
    if !extra.is_empty() {
        let at = extra[0].at;
        expanded.effects.push(Effect { rule: "extra".to_owned(), why: None, at, cells: extra.len() });
    }
    expanded
}

impl Expanded {
    fn add(&mut self, mut cell: Node, at: Place, source: Source, check: &mut Check) {
        // How often and in which order is no setting of a cell.
        if let Some(mut measure) = cell.get("measure").cloned() {
            let kept: Vec<Entry> =
                measure.entries().iter().filter(|entry| !is_schedule(&entry.key.value)).cloned().collect();
            let key = cell.entries().iter().find(|entry| &*entry.key.value == "measure").map(|entry| entry.key.clone());
            measure.kind = super::node::Kind::Map(kept.into());
            if let Some(key) = key {
                cell.set(&key, measure);
            }
        }
        let within = self.bytes <= MAX_BYTES;
        self.bytes = self.bytes.saturating_add(cell.weight());
        if self.bytes > MAX_BYTES {
            // Said once, and before memory is taken: a file of a megabyte can ask for more than a machine has.
            if within {
                let message = format!("the cells' settings have more than {MAX_BYTES} bytes together");
                check.problem(at, message, "use fewer cells, or shorter texts in defaults and overlays");
            }
            return;
        }
        let problems = check.problems.len();
        check.whole = true;
        let what = if matches!(source, Source::Extra(_)) { "extra" } else { "defaults" };
        check.check(&Shape::Map(table::EXTRA), &cell, what);
        if check.problems.len() == problems {
            self.drafts.extend(draft(cell, at, source, check));
        }
    }
}

fn is_schedule(key: &str) -> bool {
    matches!(key, "repetitions" | "order" | "seed")
}

fn product(root: &Node, matrix: &Node, axes: &[Axis], defaults: &Node, expanded: &mut Expanded, check: &mut Check) {
    let product = axes.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
    expanded.product = product;
    if product > MAX_PRODUCT {
        let message = format!("the matrix has {product} cells, a matrix has at most {MAX_PRODUCT}");
        check.problem(matrix.at, message, "split it into several campaigns");
        return;
    }
    let list = |key: &str| root.get(key).and_then(Node::list).unwrap_or_default();
    let mut rules = |key: &str, when: fn(&Node) -> Option<&Node>| -> Vec<Rule> {
        let numbered = list(key).iter().enumerate();
        let rules = numbered.filter_map(|(index, node)| Some((index, when(node)?)));
        rules.map(|(index, node)| Rule::new(format!("{key} {}", index + 1), node, axes, defaults, check)).collect()
    };
    let exclude = rules("exclude", |node| Some(node));
    let overlay = rules("overlay", |node| node.get("when"));
    let strides = strides(axes);
    let value = |cell: usize| {
        let strides = &strides;
        move |axis: usize| cell / strides[axis] % axes[axis].values.len()
    };
    // Whether each matches anything, and how many cells it is the first to leave out.
    let mut excluded = vec![(false, 0); exclude.len()];
    let mut cells = Vec::new();
    for cell in 0..product {
        let mut out = false;
        for (rule, (matched, removed)) in exclude.iter().zip(&mut excluded) {
            // What is out already only matters to a rule that has matched nothing so far.
            if !(out && *matched) && rule.matches(value(cell)) {
                *matched = true;
                *removed += usize::from(!out);
                out = true;
            }
        }
        if !out {
            cells.push(cell);
        }
    }
    for ((rule, node), (matched, removed)) in exclude.iter().zip(list("exclude")).zip(excluded) {
        unmatched(rule, matched, false, check);
        let why = node.get("reason").and_then(Node::text).map(str::to_owned);
        expanded.effects.push(Effect { rule: rule.name.clone(), why, at: rule.at, cells: removed });
    }
    if cells.is_empty() {
        check.problem(matrix.at, "every cell of the matrix is excluded", "");
    }
    if cells.len() > MAX_CELLS {
        let message = format!("the matrix leaves {} cells; a campaign has at most {MAX_CELLS}", cells.len());
        check.problem(matrix.at, message, "split it into several campaigns");
        return;
    }
    for (rule, node) in overlay.iter().zip(list("overlay")) {
        let matched = cells.iter().filter(|cell| rule.matches(value(**cell))).count();
        let elsewhere = matched == 0 && (0..product).any(|cell| rule.matches(value(cell)));
        unmatched(rule, matched > 0, elsewhere, check);
        expanded.effects.push(Effect { rule: rule.name.clone(), why: None, at: node.at, cells: matched });
    }
    if !check.problems.is_empty() {
        return;
    }
    let with: Vec<Node> = list("overlay")
        .iter()
        .zip(1..)
        .filter_map(|(node, number)| Some(node.get("with")?.clone().stamped(Source::Overlay(number))))
        .collect();
    for cell in cells {
        let mut node = defaults.clone();
        for (index, axis) in axes.iter().enumerate() {
            let value = &axis.values[value(cell)(index)].node;
            node.set(&axis.key, value.clone().stamped(Source::Matrix));
        }
        for (_, with) in overlay.iter().zip(&with).filter(|(rule, _)| rule.matches(value(cell))) {
            merge_map(&mut node, with, table::CELL);
        }
        expanded.add(node, matrix.at, Source::Matrix, check);
    }
}

/// Combinations of the axes after each: the last axis varies fastest.
fn strides(axes: &[Axis]) -> Vec<usize> {
    let mut strides = vec![1; axes.len()];
    for axis in (1..axes.len()).rev() {
        strides[axis - 1] = strides[axis] * axes[axis].values.len();
    }
    strides
}

/// A rule without a cell is one that means something else than it says. That a value of it is unknown is reported already.
fn unmatched(rule: &Rule, matched: bool, excluded: bool, check: &mut Check) {
    let known = check.problems.iter().any(|problem| problem.message.starts_with(&format!("{} matches", rule.name)));
    if matched || known {
        return;
    }
    let hint = if excluded {
        "every cell that it matches is excluded"
    } else {
        "each of its values is there, but no cell has all of them"
    };
    check.problem(rule.at, format!("{} matches no cell", rule.name), hint);
}

//! From a cell's merged tree to a [`CellSpec`] whose names are yet to be resolved. The tree has the right shape; what is
//! found here is what only several values together can get wrong.

mod device;
mod load;
mod provider;
mod settings;

pub(super) use device::{Count, device_meaning};
pub(super) use load::scenario_of;
pub(super) use provider::provider_of;

use std::collections::BTreeMap;

use super::{
    Place, Placed,
    node::{Entry, Node},
    origin::Source,
    shape::Check,
};
use crate::{CellSpec, Digest, FileRef, InputSource, ModelRef, Precision, Runtime, Selector};

/// A cell before its names are resolved.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Where the file makes it a cell.
    pub(super) at: Place,
    pub(super) source: Source,
    pub(super) node: Node,
    pub(super) model: Placed<String>,
    pub(super) precision: Option<Placed<Precision>>,
    pub(super) device: Placed<Selector>,
    pub(super) count: Count,
    /// Its model has no name, its files have a path and nothing else.
    pub(super) spec: CellSpec,
    /// Files it needs.
    pub(super) files: Vec<Placed<String>>,
    pub(super) tag: Option<String>,
}

/// `None` if something is missing, which is then among the problems.
pub(super) fn draft(node: Node, at: Place, source: Source, check: &mut Check) -> Option<Draft> {
    let problems = check.problems.len();
    let mut files = Vec::new();
    let spec = spec(&node, check, &mut files);
    let (device, count) = device::device(&node);
    let model = node.get("model").and_then(Node::located)?;
    let precision = node
        .get("precision")
        .and_then(|node| Some(Placed { value: Precision::parse(node.text()?).ok()?, at: node.at }));
    let tag = node.get("tag").and_then(Node::text).map(str::to_owned);
    let draft = Draft { at, source, node, model, precision, device, count, spec, files, tag };
    (check.problems.len() == problems).then_some(draft)
}

fn spec(cell: &Node, check: &mut Check, files: &mut Vec<Placed<String>>) -> CellSpec {
    let default = CellSpec::new(ModelRef::nameless());
    let small = |key: &str| cell.get(key).and_then(Node::small);
    let scenario = load::scenario(cell, check);
    let provider = provider::provider(cell, check);
    let require = provider::require(cell, &provider, check);
    if let (crate::Scenario::MultiStream { .. }, Some(batch)) = (scenario, cell.get("batch")) {
        load::unbatched(batch, check);
    }
    let provider::Provider { name, options, library, fallback } = provider;
    CellSpec {
        runtime: cell.get("runtime").map_or(Runtime::Managed, |runtime| read_runtime(runtime, files)),
        provider: name,
        provider_options: options,
        provider_library: library,
        fallback,
        batch: small("batch").unwrap_or(default.batch),
        sequence_length: small("sequence_length"),
        dims: table(cell.get("dims"), Node::small),
        shapes: table(cell.get("shapes"), |lengths| lengths.list()?.iter().map(Node::small).collect()),
        intra_threads: small("intra_threads").unwrap_or(default.intra_threads),
        settings: settings::settings(cell),
        input: cell.get("input").map_or(default.input, |input| read_input(input, check, files)),
        state: state(cell, check),
        require,
        warmup: load::warmup(cell),
        measure: load::measure(cell, &scenario, check),
        scenario,
        time_limit: load::period(cell, &["time_limit"]),
        power_mode: cell.get("power_mode").and_then(Node::text).map(str::to_owned),
        environment: settings::environment(cell, check),
        power: cell.get("power").map(settings::power),
        accuracy: cell.get("accuracy").map(|accuracy| settings::accuracy(accuracy, files)),
        model: default.model,
    }
}

/// By the author's names.
fn table<T>(node: Option<&Node>, read: impl Fn(&Node) -> Option<T>) -> BTreeMap<String, T> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|Entry { key, value }| Some((key.value.to_string(), read(value)?))).collect()
}

fn texts(node: Option<&Node>) -> BTreeMap<String, String> {
    table(node, |value| value.text().map(str::to_owned))
}

fn file(node: &Node, files: &mut Vec<Placed<String>>) -> FileRef {
    let path = node.located().unwrap_or(Placed { value: String::new(), at: node.at });
    files.push(path.clone());
    FileRef { path: path.value, sha256: Digest::of(b""), size_bytes: 0 }
}

fn read_runtime(node: &Node, files: &mut Vec<Placed<String>>) -> Runtime {
    match (node.get("file"), node.text().and_then(|text| text.split_once("=="))) {
        (Some(path), _) => Runtime::File(file(path, files)),
        (None, Some((_, version))) => Runtime::Release(version.trim().to_owned()),
        (None, None) => Runtime::Managed,
    }
}

/// By meaning: `./lib/a.so` is `lib/a.so`.
pub(super) fn runtime_meaning(node: &Node) -> String {
    match read_runtime(node, &mut Vec::new()) {
        Runtime::File(FileRef { path, .. }) => {
            let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            format!("file {}", parts.join("/"))
        }
        other => other.to_string(),
    }
}

fn read_input(node: &Node, check: &mut Check, files: &mut Vec<Placed<String>>) -> InputSource {
    if let Some(path) = node.get("text") {
        return InputSource::Text(file(path, files));
    }
    if let Some(path) = node.get("tensors") {
        return InputSource::Tensors(file(path, files));
    }
    let seed = node.at_path(&["random", "seed"]).and_then(Node::whole).unwrap_or(0);
    let ranges = node.at_path(&["random", "ranges"]);
    for Entry { key, value } in ranges.map(Node::entries).unwrap_or_default() {
        if range(value).is_none_or(|(low, high)| low > high) {
            let message = format!("ranges.{} is not a least and a greatest value", key.value);
            check.problem(value.at, message, "such as `[0, 255]`");
        }
    }
    InputSource::Random { seed, ranges: table(ranges, range) }
}

fn range(node: &Node) -> Option<(f64, f64)> {
    let [low, high] = node.list()? else { return None };
    Some((low.decimal()?, high.decimal()?))
}

/// Output to input: many outputs, but each to an input of its own.
fn state(cell: &Node, check: &mut Check) -> BTreeMap<String, String> {
    let mut fed_by = BTreeMap::<&str, &str>::new();
    for Entry { key, value } in cell.get("state").map(Node::entries).unwrap_or_default() {
        let Some(input) = value.text() else { continue };
        if let Some(other) = fed_by.insert(input, &key.value) {
            let message = format!("input `{input}` is fed by two outputs, `{other}` and `{}`", key.value);
            check.problem(value.at, message, "state is `output: input`; give each output its own input");
        }
    }
    fed_by.into_iter().map(|(input, output)| (output.to_owned(), input.to_owned())).collect()
}

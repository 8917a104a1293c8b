//! Files that a campaign includes: read in order, each before what includes it. Reads no disk: the texts are handed in.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Place, Placed,
    diagnostic::Text,
    merge::merge_map,
    node::{Entry, Node},
    origin::Source,
    shape::{Check, Keys, Shape, words::is_confined},
    table, yaml,
};
use crate::spelling::did_you_mean;

/// Texts of included files by their path from the campaign file's folder.
pub type Includes = BTreeMap<String, String>;

/// Files one campaign may include, directly or not.
const MOST_FILES: usize = 32;

/// The paths that a file includes itself, in its order; none if it can't be read. Whoever has files calls this for each one
/// that it finds, and hands all of them to [`super::CampaignFile::parse`].
pub fn includes(text: &str) -> Vec<String> {
    let Ok(root) = yaml::parse(text, 0, &mut 0) else { return Vec::new() };
    let paths = root.get("include").and_then(Node::list).unwrap_or_default();
    // A path that leaves the folder is an error of the file: it must not be opened to find out.
    paths.iter().filter_map(Node::text).filter(|path| is_confined(path)).map(str::to_owned).collect()
}

/// What may come from several files.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) defaults: Node,
    pub(super) labels: Vec<Entry>,
    pub(super) gates: Vec<Node>,
    pub(super) notify: Vec<Node>,
}

pub(super) struct Loader<'a> {
    includes: &'a Includes,
    pub(super) files: Vec<Text>,
    /// In the order of `files`.
    pub(super) paths: Vec<String>,
    pub(super) check: Check,
    nodes: usize,
    /// `None` while it is being read.
    loaded: BTreeMap<String, Option<Parts>>,
    open: Vec<String>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(file_name: &str, text: &str, includes: &'a Includes) -> Self {
        Self {
            includes,
            files: vec![Text { name: file_name.into(), text: text.into() }],
            paths: Vec::new(),
            check: Check::default(),
            nodes: 0,
            loaded: BTreeMap::new(),
            open: Vec::new(),
        }
    }

    /// The campaign file itself, and what it and its includes say together.
    pub(super) fn load(&mut self) -> Option<(Node, Parts)> {
        let text = Arc::clone(&self.files[0].text);
        let root = self.read(&text, 0, table::FILE, "the campaign file")?;
        let parts = self.parts(&root, Source::Defaults);
        Some((root, parts))
    }

    fn read(&mut self, text: &str, file: usize, keys: Keys, what: &str) -> Option<Node> {
        match yaml::parse(text, file, &mut self.nodes) {
            Ok(root) => {
                self.check.whole = false;
                self.check.check(&Shape::Map(keys), &root, what);
                Some(root)
            }
            Err(problem) => {
                self.check.problems.push(problem);
                None
            }
        }
    }

    fn parts(&mut self, root: &Node, source: Source) -> Parts {
        let mut parts =
            Parts { defaults: Node::empty(root.at), labels: Vec::new(), gates: Vec::new(), notify: Vec::new() };
        for path in root.get("include").and_then(Node::list).unwrap_or_default() {
            if let Some(path) = path.located().filter(|path| is_confined(&path.value)) {
                let Some(included) = self.include(&path) else { continue };
                parts.add(included);
            }
        }
        // What has the wrong shape has no size that anybody vouches for, and is not expanded in any case.
        if !self.check.problems.is_empty() {
            return parts;
        }
        let list = |key: &str| root.get(key).and_then(Node::list).unwrap_or_default().to_vec();
        let defaults = root.get("defaults").cloned().map(|defaults| defaults.stamped(source));
        parts.add(Parts {
            defaults: defaults.unwrap_or_else(|| Node::empty(root.at)),
            labels: root.get("labels").map(|labels| labels.entries().to_vec()).unwrap_or_default(),
            gates: list("gates"),
            notify: list("notify"),
        });
        parts
    }

    fn include(&mut self, path: &Placed<String>) -> Option<Parts> {
        match self.loaded.get(&path.value) {
            Some(Some(parts)) => {
                // Its conditions hold once, however many files include it.
                return Some(Parts { gates: Vec::new(), notify: Vec::new(), ..parts.clone() });
            }
            // A file that could not be read is reported once.
            Some(None) if !self.open.contains(&path.value) => return None,
            Some(None) => {
                let first = self.open.iter().position(|open| *open == path.value).unwrap_or_default();
                let circle: Vec<&str> = self.open[first..].iter().chain([&path.value]).map(String::as_str).collect();
                let message = format!("files include each other: {}", circle.join(" -> "));
                self.check.problem(path.at, message, "remove one of the includes");
                return None;
            }
            None => {}
        }
        self.loaded.insert(path.value.clone(), None);
        let Some(text) = self.includes.get(&path.value) else {
            let hint = did_you_mean(&path.value, self.includes.keys().map(String::as_str))
                .unwrap_or_else(|| "paths are relative to the campaign file".to_owned());
            self.check.problem(path.at, format!("the included file `{}` was not found", path.value), &hint);
            return None;
        };
        if self.paths.len() >= MOST_FILES {
            let message = format!("more than {MOST_FILES} files are included");
            self.check.problem(path.at, message, "put what belongs together into one file");
            return None;
        }
        let file = self.files.len();
        self.files.push(Text { name: self.name_of(&path.value), text: text.as_str().into() });
        self.paths.push(path.value.clone());
        let root = self.read(text, file, table::INCLUDED, "the included file")?;
        self.open.push(path.value.clone());
        let parts = self.parts(&root, Source::Include);
        self.open.pop();
        self.loaded.insert(path.value.clone(), Some(parts.clone()));
        Some(parts)
    }

    /// As its reader would open it: beside the campaign file, wherever that is.
    fn name_of(&self, path: &str) -> Arc<str> {
        match self.files[0].name.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{path}").into(),
            None => path.into(),
        }
    }
}

impl Parts {
    /// Later ones take precedence; conditions and receivers add up.
    fn add(&mut self, later: Self) {
        let Self { defaults, labels, gates, notify } = later;
        merge_map(&mut self.defaults, &defaults, table::DEFAULTS);
        for label in labels {
            self.labels.retain(|earlier| earlier.key.value != label.key.value);
            self.labels.push(label);
        }
        self.gates.extend(gates);
        self.notify.extend(notify);
    }
}

/// Where nothing is said.
pub(super) const START: Place = Place { file: 0, line: 1, column: 1 };

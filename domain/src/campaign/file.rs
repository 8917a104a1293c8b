//! A campaign file, read and checked as far as it can be without knowing which models and devices exist.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    DeclaredModel, Diagnostics, Reference,
    conditions::{gates, notifications},
    declared,
    diagnostic::Text,
    expand::{Effect, Expanded, expand},
    include::{Includes, Loader},
    node::Node,
    read::Draft,
    table::is_map,
};
use crate::{Digest, Gate, Notify, Order};

/// A checked campaign file. Names of models, devices and files are still names: [`super::plan`] resolves them.
#[derive(Debug, Clone)]
pub struct CampaignFile {
    /// The file itself, then what it includes.
    pub(super) files: Vec<Text>,
    include_paths: Vec<String>,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) repetitions: u32,
    pub(super) order: Order,
    /// Stated, or, for a random order, from the file's text.
    pub(super) seed: Option<u64>,
    /// In expansion order.
    pub(super) drafts: Vec<Draft>,
    pub(super) product: usize,
    pub(super) effects: Vec<Effect>,
    pub(super) gates: Vec<Gate>,
    pub(super) notify: Vec<Notify>,
    models: BTreeMap<String, DeclaredModel>,
    references: Vec<Reference>,
    /// Where the ceiling is exceeded.
    pub(super) root: Node,
}

impl CampaignFile {
    /// Reads and checks `text`, with the texts of all files that it includes (see [`super::includes`]). A syntax error ends
    /// the reading of a file at once; every other problem is collected.
    pub fn parse(file_name: &str, text: &str, includes: &Includes) -> Result<Self, Diagnostics> {
        let mut loader = Loader::new(file_name, text, includes);
        let campaign = loader.load();
        let Loader { files, paths, mut check, .. } = loader;
        let Some((root, parts)) = campaign else { return Err(Diagnostics::new(&files, check.problems)) };
        for key in ["apiVersion", "kind", "name"].iter().filter(|key| is_map(&root) && root.get(key).is_none()) {
            check.problem(root.at, format!("the campaign file lacks {key}"), "");
        }
        let gates = gates(&parts.gates, &mut check);
        let notify = notifications(&parts.notify, &mut check);
        let models = declared::models(&root, &mut check);
        let references = declared::references(&root, &mut check);
        let expanded = expand(&root, &parts.defaults, &mut check);
        if !check.problems.is_empty() {
            return Err(Diagnostics::new(&files, check.problems));
        }
        let Expanded { drafts, product, effects, .. } = expanded;
        let measure = |key: &str| parts.defaults.at_path(&["measure", key]);
        let order = match measure("order").and_then(Node::text) {
            Some("blocked") => Order::Blocked,
            Some("random") => Order::Random,
            _ => Order::Interleaved,
        };
        let drawn = || (order == Order::Random).then(|| seed_of(text));
        let labels = parts.labels.iter();
        Ok(Self {
            include_paths: paths,
            name: root.get("name").and_then(Node::text).unwrap_or_default().trim().to_owned(),
            labels: labels
                .filter_map(|label| Some((label.key.value.to_string(), label.value.text()?.to_owned())))
                .collect(),
            repetitions: measure("repetitions").and_then(Node::small).unwrap_or(5),
            order,
            seed: measure("seed").and_then(Node::whole).or_else(drawn),
            drafts,
            product,
            effects,
            gates,
            notify,
            models,
            references,
            root,
            files,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the models it measures, each once.
    pub fn model_names(&self) -> Vec<String> {
        each_once(self.drafts.iter().map(|draft| &draft.model.value))
    }

    /// Files it needs, each once, as it spells them: relative to its own folder.
    pub fn attachment_paths(&self) -> Vec<String> {
        let mut paths = each_once(self.drafts.iter().flat_map(|draft| &draft.files).map(|path| &path.value));
        paths.sort();
        paths
    }

    /// Data sets it names, each once, as it spells them. They are among [`CampaignFile::attachment_paths`].
    pub fn dataset_paths(&self) -> Vec<String> {
        let evaluations = self.drafts.iter().filter_map(|draft| draft.spec.accuracy.as_ref()?.evaluation.as_ref());
        each_once(evaluations.map(|evaluation| &evaluation.dataset.path))
    }

    /// Where models come from that a coordinator may not have, by name.
    pub const fn declared_models(&self) -> &BTreeMap<String, DeclaredModel> {
        &self.models
    }

    /// Published figures to show beside the measured ones.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Files it includes, directly or not, relative to its own folder: they are part of what it says.
    pub fn include_paths(&self) -> &[String] {
        &self.include_paths
    }

    pub(super) fn file_names(&self) -> Vec<Arc<str>> {
        self.files.iter().map(|file| Arc::clone(&file.name)).collect()
    }
}

/// In their order.
fn each_once<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    names.filter(|name| seen.insert(*name)).cloned().collect()
}

/// The same file draws the same order everywhere.
fn seed_of(text: &str) -> u64 {
    let digest = Digest::of(text.as_bytes());
    digest.as_bytes().iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

//! A campaign file, read and checked as far as it can be without knowing which models exist.

use std::{collections::BTreeMap, time::Duration};

use super::{Diagnostics, Located, axes::Matrix, check::Check, measure::Measure, raw::RawFile, yaml};
use crate::{Order, Requirement, Warmup};

/// A checked campaign file. Names of models and files are still names: [`super::plan`] resolves them.
#[derive(Debug, Clone)]
pub struct CampaignFile {
    pub(super) file_name: String,
    pub(super) text: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) repetitions: u32,
    pub(super) order: Order,
    pub(super) matrix: Matrix,
    pub(super) dims: BTreeMap<String, u32>,
    pub(super) shapes: BTreeMap<String, Vec<u32>>,
    pub(super) input: Input,
    pub(super) state: BTreeMap<String, String>,
    pub(super) require: Option<Requirement>,
    pub(super) warmup: Warmup,
    pub(super) measure: Measure,
    pub(super) time_limit: Option<Duration>,
}

/// [`crate::InputSource`] before its file is known.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Text(Located<String>),
    Random { seed: u64, ranges: BTreeMap<String, (f64, f64)> },
    Tensors(Located<String>),
}

impl Input {
    pub(super) fn file(&self) -> Option<&Located<String>> {
        match self {
            Self::Text(path) | Self::Tensors(path) => Some(path),
            Self::Random { .. } => None,
        }
    }
}

impl CampaignFile {
    /// Reads and checks `text`. A syntax error ends the reading at once; every other problem is collected.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Diagnostics> {
        let raw = yaml::parse::<RawFile>(text).map_err(|problem| Diagnostics::new(file_name, text, vec![problem]))?;
        let mut check = Check::default();
        let file = check.file(file_name, text, raw);
        match file {
            Some(file) if check.problems.is_empty() => Ok(file),
            _ => Err(Diagnostics::new(file_name, text, check.problems)),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the models it measures, in its order, each once.
    pub fn model_names(&self) -> Vec<String> {
        self.matrix.models().iter().map(|model| model.value.clone()).collect()
    }

    /// Files it needs, each once, as it spells them: relative to its own folder.
    pub fn attachment_paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.attachments().into_iter().map(|path| path.value.clone()).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Where it names the files it needs.
    pub(super) fn attachments(&self) -> Vec<&Located<String>> {
        let runtimes = self.matrix.runtimes().into_iter().filter_map(|runtime| runtime.file());
        self.input.file().into_iter().chain(runtimes).collect()
    }
}

//! Expands a campaign file into cells and runs: the product of its axes, in declaration order.

use std::collections::BTreeMap;

use super::{
    CampaignFile, Diagnostic, Diagnostics, Located,
    axes::Choice,
    choice::{Provider, RuntimeChoice},
    diagnostic::did_you_mean,
    file::Input,
};
use crate::{CellSpec, Digest, FileRef, InputSource, ModelRef, Order, Runtime, Selector};

/// Cells one campaign may have: ten times the survey it was made for.
pub const MAX_CELLS: usize = 5_000;
/// Runs one campaign may have.
pub const MAX_RUNS: usize = 50_000;

/// What the names in a campaign file stand for.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// By model name.
    pub models: BTreeMap<String, ModelRef>,
    /// By path, as the campaign file spells it.
    pub attachments: BTreeMap<String, FileRef>,
}

/// Everything a campaign will measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// In expansion order.
    pub cells: Vec<PlannedCell>,
    pub repetitions: u32,
    pub order: Order,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCell {
    /// From 1, in expansion order.
    pub number: u32,
    pub spec: CellSpec,
    pub device: Selector,
    /// See [`CellSpec::key`].
    pub key: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRun {
    /// Number of the cell.
    pub cell: u32,
    /// From 1.
    pub repetition: u32,
}

impl Plan {
    /// All runs in the order in which they are tried.
    pub fn runs(&self) -> Vec<PlannedRun> {
        let cells = || self.cells.iter().map(|cell| cell.number);
        let repetitions = 1..=self.repetitions;
        match self.order {
            Order::Blocked => cells()
                .flat_map(|cell| repetitions.clone().map(move |repetition| PlannedRun { cell, repetition }))
                .collect(),
            Order::Interleaved => {
                repetitions.flat_map(|repetition| cells().map(move |cell| PlannedRun { cell, repetition })).collect()
            }
        }
    }
}

impl CampaignFile {
    /// Resolves every name and expands the product. Collects all problems.
    pub fn plan(&self, catalog: &Catalog) -> Result<Plan, Diagnostics> {
        let problems = self.unresolved(catalog);
        if !problems.is_empty() {
            return Err(Diagnostics::new(&self.file_name, &self.text, problems));
        }
        let cells = self
            .matrix
            .choices()
            .into_iter()
            .zip(1..)
            .map(|(choice, number)| {
                let (spec, device) = self.resolve(choice, catalog);
                PlannedCell { number, key: spec.key(&device), spec, device }
            })
            .collect();
        Ok(Plan {
            name: self.name.clone(),
            labels: self.labels.clone(),
            cells,
            repetitions: self.repetitions,
            order: self.order,
        })
    }

    fn unresolved(&self, catalog: &Catalog) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for model in self.matrix.models() {
            let Some(known) = catalog.models.get(&model.value) else {
                let message = format!("unknown model `{}` in matrix.model", model.value);
                let hint = did_you_mean(&model.value, catalog.models.keys().map(String::as_str)).unwrap_or_else(|| {
                    format!("`furlong models ls` lists the models; `furlong models add {} FILE` adds one", model.value)
                });
                problems.push(Diagnostic::new(model.at, message).hint(hint));
                continue;
            };
            if let Input::Text(path) = &self.input
                && known.tokenizer_sha256.is_none()
            {
                let message = format!("model `{}` takes text input here but has no tokenizer", model.value);
                problems.push(Diagnostic::new(path.at, message).hint(format!(
                    "`furlong models add {} FILE --tokenizer tokenizer.json`, or `input: {{ random: {{ seed: 0 }} }}`",
                    model.value
                )));
            }
        }
        for path in self.attachments() {
            if !catalog.attachments.contains_key(&path.value) {
                let problem = Diagnostic::new(path.at, format!("the file `{}` was not found", path.value));
                problems.push(problem.hint("paths are relative to the campaign file"));
            }
        }
        let cells = self.matrix.len();
        let runs = cells.saturating_mul(self.repetitions as usize);
        if cells > MAX_CELLS || runs > MAX_RUNS {
            let message = format!(
                "the matrix has {cells} cells and {runs} runs; a campaign has at most {MAX_CELLS} cells and {MAX_RUNS} runs"
            );
            problems.push(Diagnostic::new(self.matrix.at, message).hint("split it into several campaigns"));
        }
        problems
    }

    fn resolve(&self, choice: Choice, catalog: &Catalog) -> (CellSpec, Selector) {
        let file = |path: &Located<String>| catalog.attachments[&path.value].clone();
        let Choice { model, device, runtime, provider, scenario, batch, sequence_length, intra_threads, settings } =
            choice;
        let Provider { name: provider, options: provider_options, library: provider_library } = provider;
        let spec = CellSpec {
            model: catalog.models[&model].clone(),
            runtime: match runtime {
                RuntimeChoice::Managed => Runtime::Managed,
                RuntimeChoice::Release(version) => Runtime::Release(version),
                RuntimeChoice::File(path) => Runtime::File(file(&path)),
            },
            provider,
            provider_options,
            provider_library,
            batch: batch.value,
            sequence_length,
            dims: self.dims.clone(),
            shapes: self.shapes.clone(),
            intra_threads,
            settings,
            input: match &self.input {
                Input::Text(path) => InputSource::Text(file(path)),
                Input::Random { seed, ranges } => InputSource::Random { seed: *seed, ranges: ranges.clone() },
                Input::Tensors(path) => InputSource::Tensors(file(path)),
            },
            state: self.state.clone(),
            require: self.require.clone(),
            warmup: self.warmup,
            measure: self.measure.rule(&scenario),
            scenario,
            time_limit: self.time_limit,
        };
        (spec, device)
    }
}

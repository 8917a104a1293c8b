//! Expands a campaign file into cells and runs: the product of its axes, in declaration order.

use std::collections::BTreeMap;

use super::{
    CampaignFile, Diagnostic, Diagnostics,
    diagnostic::did_you_mean,
    file::{Axis, Fixed, Input},
};
use crate::{CellSpec, Digest, InputSource, ModelRef, Order, Selector, TextRef};

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
    pub attachments: BTreeMap<String, TextRef>,
}

/// Everything a campaign will measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// In expansion order.
    pub cells: Vec<PlannedCell>,
    pub repetitions: u32,
    pub order: Order,
}

#[derive(Debug, Clone, PartialEq, Eq)]
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
            .combinations()
            .into_iter()
            .zip(1..)
            .map(|(combination, number)| {
                let (spec, device) = self.resolve(combination, catalog);
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
        for model in self.models() {
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
        if let Input::Text(path) = &self.input
            && !catalog.attachments.contains_key(&path.value)
        {
            let problem = Diagnostic::new(path.at, format!("the file `{}` was not found", path.value));
            problems.push(problem.hint("paths are relative to the campaign file"));
        }
        let cells: usize = self.axes.iter().map(Axis::len).fold(1, usize::saturating_mul);
        let runs = cells.saturating_mul(self.repetitions as usize);
        if cells > MAX_CELLS || runs > MAX_RUNS {
            let message = format!(
                "the matrix has {cells} cells and {runs} runs; a campaign has at most {MAX_CELLS} cells and {MAX_RUNS} runs"
            );
            problems.push(Diagnostic::new(self.matrix_at, message).hint("split it into several campaigns"));
        }
        problems
    }

    /// One index into each axis, the last axis fastest.
    fn combinations(&self) -> Vec<Vec<usize>> {
        self.axes.iter().fold(vec![Vec::new()], |combinations, axis| {
            combinations
                .iter()
                .flat_map(|combination| (0..axis.len()).map(|index| [combination.as_slice(), &[index]].concat()))
                .collect()
        })
    }

    fn resolve(&self, combination: Vec<usize>, catalog: &Catalog) -> (CellSpec, Selector) {
        let mut model = "";
        let mut fixed = self.fixed.clone();
        for (axis, index) in self.axes.iter().zip(combination) {
            match axis {
                Axis::Model(values) => model = &values[index].value,
                Axis::Device(values) => fixed.device = values[index].clone(),
                Axis::Scenario(values) => fixed.scenario = values[index],
                Axis::Provider(values) => fixed.provider = values[index],
                Axis::Batch(values) => fixed.batch = values[index],
                Axis::SequenceLength(values) => fixed.sequence_length = Some(values[index]),
                Axis::IntraThreads(values) => fixed.intra_threads = values[index],
            }
        }
        let Fixed { device, scenario, provider, batch, sequence_length, intra_threads } = fixed;
        let input = match &self.input {
            Input::Text(path) => InputSource::Text(catalog.attachments[&path.value].clone()),
            Input::Random { seed } => InputSource::Random { seed: *seed },
        };
        let spec = CellSpec {
            model: catalog.models[model].clone(),
            runtime: self.runtime,
            provider,
            scenario,
            batch,
            sequence_length,
            intra_threads,
            input,
            warmup: self.warmup,
            measure: self.measure,
            time_limit: self.time_limit,
        };
        (spec, device)
    }
}

impl Axis {
    fn len(&self) -> usize {
        match self {
            Self::Model(values) => values.len(),
            Self::Device(values) => values.len(),
            Self::Scenario(values) => values.len(),
            Self::Provider(values) => values.len(),
            Self::Batch(values) | Self::SequenceLength(values) | Self::IntraThreads(values) => values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let model = |name: &str, tokenizer: bool| {
            let model = ModelRef {
                name: name.to_owned(),
                sha256: Digest::of(name.as_bytes()),
                size_bytes: 1,
                tokenizer_sha256: tokenizer.then(|| Digest::of(b"tokenizer")),
            };
            (name.to_owned(), model)
        };
        let text = TextRef { path: "sentences.txt".to_owned(), sha256: Digest::of(b"text"), size_bytes: 4 };
        Catalog {
            models: [model("minilm-l6", true), model("mobilenet", false)].into(),
            attachments: [(text.path.clone(), text)].into(),
        }
    }

    const GOOD: &str = "\
apiVersion: furlong/v1
kind: Campaign
name: threads
defaults:
  input: { text: sentences.txt }
  measure: { min_queries: 64, min_duration: 2s, repetitions: 2, order: interleaved }
matrix:
  intra_threads: [1, 2]
  model: [minilm-l6]
  sequence_length: [32, 128]
";

    fn plan(text: &str) -> Result<Plan, String> {
        let file = CampaignFile::parse("test.yaml", text).map_err(|error| error.to_string())?;
        file.plan(&catalog()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_product_follows_the_order_of_declaration() {
        let plan = plan(GOOD).expect("a good file");
        let settings: Vec<_> =
            plan.cells.iter().map(|cell| (cell.number, cell.spec.intra_threads, cell.spec.sequence_length)).collect();
        assert_eq!(settings, [(1, 1, Some(32)), (2, 1, Some(128)), (3, 2, Some(32)), (4, 2, Some(128))]);
    }

    #[test]
    fn interleaved_runs_every_cell_once_before_any_twice() {
        let runs = |text: &str| -> Vec<(u32, u32)> {
            plan(text).expect("a good file").runs().iter().map(|run| (run.repetition, run.cell)).collect()
        };
        assert_eq!(runs(GOOD), [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3), (2, 4)]);
        let blocked = GOOD.replace("interleaved", "blocked");
        assert_eq!(runs(&blocked)[..4], [(1, 1), (2, 1), (1, 2), (2, 2)]);
    }

    #[test]
    fn a_cell_keeps_its_key_when_the_file_is_reordered() {
        let keys = |text: &str| {
            let mut keys: Vec<Digest> = plan(text).expect("a good file").cells.iter().map(|cell| cell.key).collect();
            keys.sort();
            keys
        };
        let reordered = GOOD
            .replace("  intra_threads: [1, 2]\n", "")
            .replace("[32, 128]\n", "[128, 32]\n  intra_threads: [2, 1]\n");
        assert_eq!(keys(GOOD), keys(&reordered));
    }

    #[test]
    fn every_key_of_a_plan_differs() {
        let mut keys: Vec<Digest> = plan(GOOD).expect("a good file").cells.iter().map(|cell| cell.key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 4);
    }

    fn check_error(text: &str, expected: &str) {
        let error = plan(text).expect_err("a bad file");
        assert_eq!(error.trim_end(), expected.trim_end(), "\n--- got ---\n{error}");
    }

    #[test]
    fn all_problems_of_a_file_come_at_once_with_their_places() {
        check_error(
            &GOOD.replace("furlong/v1", "furlong/v2").replace("[1, 2]", "[1, 0, 1]"),
            "\
error: unknown apiVersion `furlong/v2`
  --> test.yaml:1:13
  |
1 | apiVersion: furlong/v2
  |             ^^^^^^^^^^
  = hint: this version reads `furlong/v1`

error: intra_threads is 0, it must be 1 to 1024
  --> test.yaml:8:22
  |
8 |   intra_threads: [1, 0, 1]
  |                      ^

error: `1` stands twice in matrix.intra_threads
  --> test.yaml:8:25
  |
8 |   intra_threads: [1, 0, 1]
  |                         ^",
        );
    }

    #[test]
    fn an_unknown_model_is_named_with_the_nearest_known_one() {
        check_error(
            &GOOD.replace("[minilm-l6]", "[minilm-l7]"),
            "\
error: unknown model `minilm-l7` in matrix.model
  --> test.yaml:9:11
  |
9 |   model: [minilm-l7]
  |           ^^^^^^^^^
  = hint: did you mean `minilm-l6`?",
        );
    }

    #[test]
    fn text_for_a_model_without_tokenizer_is_refused() {
        let error = plan(&GOOD.replace("[minilm-l6]", "[mobilenet]")).expect_err("no tokenizer");
        assert!(error.contains("model `mobilenet` takes text input here but has no tokenizer"), "{error}");
        assert!(error.contains("test.yaml:5:18"), "{error}");
    }

    #[test]
    fn unknown_keys_wrong_types_and_duplicate_keys_name_their_place() {
        for (from, to, place, what) in [
            ("  model: [", "  modle: [", "test.yaml:9:3", "unknown field `modle`"),
            ("min_queries: 64", "min_queries: many", "test.yaml:6:27", "whole number"),
            ("min_duration: 2s", "min_duration: 2", "test.yaml:6:45", "not a duration"),
            ("name: threads", "name: threads\nname: again", "test.yaml:4:1", "duplicate key `name`"),
            ("[1, 2]", "[1, 2", "test.yaml:9:8", "illegal placement"),
            ("repetitions: 2", "repetitions: -2", "test.yaml:6:62", "whole number"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let error = plan(&text).expect_err("a bad file");
            assert!(error.contains(place) && error.contains(what), "{from:?} -> {to:?}:\n{error}");
            assert!(!error.contains("line 6"), "the place stands twice:\n{error}");
        }
    }

    #[test]
    fn words_that_yaml_1_1_took_for_booleans_stay_words() {
        let plan = plan(&GOOD.replace("name: threads", "name: no")).expect("a good file");
        assert_eq!(plan.name, "no");
    }

    #[test]
    fn paths_may_not_leave_the_campaigns_folder() {
        let error = plan(&GOOD.replace("sentences.txt", "../secrets.txt")).expect_err("escapes");
        assert!(error.contains("test.yaml:5:18"), "{error}");
    }

    #[test]
    fn a_matrix_beyond_the_ceiling_is_refused() {
        let many: Vec<String> = (1..=1024).map(|threads| threads.to_string()).collect();
        let text = GOOD.replace("[1, 2]", &format!("[{}]", many.join(", "))).replace("[32, 128]", "[1,2,3,4,5,6]");
        let error = plan(&text).expect_err("too many");
        assert!(error.contains("6144 cells and 12288 runs"), "{error}");
    }

    #[test]
    fn an_empty_file_and_an_empty_axis_are_errors() {
        assert!(plan("").is_err());
        let error = plan(&GOOD.replace("[minilm-l6]", "[]")).expect_err("empty");
        assert!(error.contains("matrix.model is empty"), "{error}");
    }
}

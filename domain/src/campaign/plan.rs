//! Resolves the names of a campaign file against what exists, and numbers its cells and runs.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use super::{
    CampaignFile, Diagnostic, Diagnostics, Place,
    notes::notes,
    origin::{Origins, Source, Spot, origins},
    read::Draft,
    resolve::{devices, fill, model},
};
use crate::{CellSpec, Digest, FileRef, Gate, KnownModel, Labels, Notify, Order, RunMode, Selector};

/// Cells one campaign may have at all.
pub const MAX_CELLS: usize = 20_000;
/// Runs one campaign may have at all.
pub const MAX_RUNS: usize = 200_000;

/// What the names in a campaign file stand for.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// By model name.
    pub models: BTreeMap<String, KnownModel>,
    /// By path, as the campaign file spells it.
    pub attachments: BTreeMap<String, FileRef>,
    /// Every device that is enrolled, connected or not.
    pub devices: Vec<KnownDevice>,
}

/// A device that selectors may match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDevice {
    pub name: String,
    /// Effective: see [`crate::device::effective_labels`].
    pub labels: Labels,
}

/// How large a campaign may be before somebody has to say that they mean it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    pub cells: usize,
    pub runs: usize,
}

impl Default for Ceiling {
    /// Ten times the surveys that campaigns are made for.
    fn default() -> Self {
        Self { cells: 5_000, runs: 50_000 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// `None` = only [`MAX_CELLS`] and [`MAX_RUNS`] hold.
    pub ceiling: Option<Ceiling>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { ceiling: Some(Ceiling::default()) }
    }
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
    /// Stated in the file, or where a random order begins; `None` = nothing is drawn.
    pub seed: Option<u64>,
    pub gates: Vec<Gate>,
    pub notify: Vec<Notify>,
    /// Cells of the bare matrix.
    pub product: usize,
    /// What each rule did, in the order in which they are applied.
    pub rules: Vec<RuleCount>,
    /// What this version reads and does not act upon yet, a sentence each.
    pub notes: Vec<String>,
}

/// What one rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCount {
    /// e.g. `exclude 1`.
    pub rule: String,
    /// The author's reason.
    pub why: Option<String>,
    pub at: Spot,
    /// Cells it left out, changed or added.
    pub cells: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCell {
    /// From 1, in expansion order.
    pub number: u32,
    pub spec: CellSpec,
    pub device: Selector,
    /// See [`CellSpec::key`].
    pub key: Digest,
    /// The author's name for it.
    pub tag: Option<String>,
    /// Whether the accuracy run is this cell's: of cells that differ in their load alone, one run over the data set tells of
    /// all.
    pub evaluates: bool,
    /// Where its settings come from, by the path of each. What is not among them is built in.
    pub origins: Origins,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRun {
    /// Number of the cell.
    pub cell: u32,
    /// From 1.
    pub repetition: u32,
    pub mode: RunMode,
}

impl Plan {
    /// All runs in the order in which they are tried. Accuracy comes first, so that every performance run has something its
    /// outputs can be checked with; such a run is a cell's last by its number.
    pub fn runs(&self) -> Vec<PlannedRun> {
        let evaluating = self.cells.iter().filter(|cell| cell.evaluates);
        let accuracy = evaluating.map(|cell| PlannedRun {
            cell: cell.number,
            repetition: self.repetitions + 1,
            mode: RunMode::Accuracy,
        });
        accuracy.chain(self.performance_runs()).collect()
    }

    fn performance_runs(&self) -> Vec<PlannedRun> {
        let cells = || self.cells.iter().map(|cell| cell.number);
        let repetitions = 1..=self.repetitions;
        let blocked = || {
            cells()
                .flat_map(|cell| repetitions.clone().map(move |repetition| PlannedRun::performance(cell, repetition)))
        };
        match self.order {
            Order::Blocked => blocked().collect(),
            Order::Interleaved => repetitions
                .clone()
                .flat_map(|repetition| cells().map(move |cell| PlannedRun::performance(cell, repetition)))
                .collect(),
            Order::Random => shuffled(blocked().collect(), self.seed.unwrap_or(0)),
        }
    }
}

impl PlannedRun {
    const fn performance(cell: u32, repetition: u32) -> Self {
        Self { cell, repetition, mode: RunMode::Performance }
    }
}

/// Fisher and Yates by hand: libraries are free to draw another order in their next version, and a recorded seed is to
/// mean the same order for ever.
fn shuffled(mut runs: Vec<PlannedRun>, seed: u64) -> Vec<PlannedRun> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    for last in (1..runs.len()).rev() {
        // The bias of a 128-bit product is below 2^-40 for any campaign.
        let chosen = (u128::from(generator.next_u64()) * (last as u128 + 1)) >> 64;
        runs.swap(last, usize::try_from(chosen).unwrap_or(last));
    }
    runs
}

impl CampaignFile {
    /// Resolves every name. Collects all problems.
    pub fn plan(&self, catalog: &Catalog, options: &PlanOptions) -> Result<Plan, Diagnostics> {
        let mut problems = Vec::new();
        let (cells, beyond) = self.cells(catalog, &mut problems);
        self.ceiling(cells.len(), beyond, options, &mut problems);
        if !problems.is_empty() {
            return Err(Diagnostics::new(&self.files, problems));
        }
        let notes = notes(&cells, &self.gates, &self.notify);
        Ok(Plan {
            name: self.name.clone(),
            labels: self.labels.clone(),
            cells,
            repetitions: self.repetitions,
            order: self.order,
            seed: self.seed,
            gates: self.gates.clone(),
            notify: self.notify.clone(),
            product: self.product,
            rules: self.effects.iter().map(|effect| self.rule(effect)).collect(),
            notes,
        })
    }

    fn rule(&self, effect: &super::expand::Effect) -> RuleCount {
        let super::expand::Effect { rule, why, at, cells } = effect;
        RuleCount { rule: rule.clone(), why: why.clone(), at: self.spot(*at), cells: *cells }
    }

    fn spot(&self, at: Place) -> Spot {
        Spot { file: std::sync::Arc::clone(&self.files[at.file].name), line: at.line }
    }

    /// And whether there are more of them than any campaign may have.
    fn cells(&self, catalog: &Catalog, problems: &mut Vec<Diagnostic>) -> (Vec<PlannedCell>, bool) {
        let files = self.file_names();
        let mut cells: Vec<PlannedCell> = Vec::new();
        let mut keys: HashMap<Digest, usize> = HashMap::new();
        let mut seen: HashSet<(Digest, String)> = HashSet::new();
        // For each cell, the draft it comes from.
        let mut drafts: Vec<&Draft> = Vec::new();
        for draft in &self.drafts {
            let before = problems.len();
            let model = model(draft, catalog, problems);
            let selectors = devices(draft, catalog, problems);
            let spec = fill(draft, catalog, problems);
            let Some(model) = model.filter(|_| problems.len() == before) else { continue };
            let spec = CellSpec { model, ..spec };
            for device in selectors {
                if cells.len() >= MAX_CELLS {
                    return (cells, true);
                }
                let key = spec.key(&device);
                match keys.entry(key) {
                    Entry::Occupied(earlier) => {
                        problems.push(self.duplicate(draft, drafts[*earlier.get()], *earlier.get() + 1));
                        continue;
                    }
                    Entry::Vacant(entry) => entry.insert(cells.len()),
                };
                drafts.push(draft);
                let number = u32::try_from(cells.len() + 1).unwrap_or(u32::MAX);
                let (spec, tag) = (spec.clone(), draft.tag.clone());
                let evaluates = spec.evaluation_key().is_some_and(|key| seen.insert((key, device.to_string())));
                let origins = origins(&draft.node, &files);
                cells.push(PlannedCell { number, spec, device, key, tag, evaluates, origins });
            }
        }
        (cells, false)
    }

    fn duplicate(&self, draft: &Draft, earlier: &Draft, number: usize) -> Diagnostic {
        let describe = |draft: &Draft| match draft.source {
            Source::Extra(number) => format!("extra {number}"),
            _ => format!("a cell of the matrix with model {} on device {}", draft.model.value, draft.device.value),
        };
        let Spot { file, line } = self.spot(earlier.at);
        let hint = format!("the other is at {file}:{line}:{}: remove one of the two", earlier.at.column);
        let message = format!("{} is the same as cell {number}, {}", describe(draft), describe(earlier));
        // Values of an axis differ: what made the cells equal is the last overlay.
        let values = origins(&draft.node, &[]);
        let last = values
            .values()
            .filter(|origin| matches!(origin.source, Source::Overlay(_)))
            .map(|origin| origin.source)
            .max();
        let overlay = last.map(|source| source.to_string());
        match self.effects.iter().find(|effect| Some(&effect.rule) == overlay.as_ref()) {
            Some(effect) => Diagnostic::new(effect.at, format!("after {}, {message}", effect.rule)).hint(hint),
            None => Diagnostic::new(draft.at, message).hint(hint),
        }
    }

    fn ceiling(&self, cells: usize, beyond: bool, options: &PlanOptions, problems: &mut Vec<Diagnostic>) {
        let at = self.root.get("matrix").map_or(self.root.at, |matrix| matrix.at);
        let runs = cells.saturating_mul(self.repetitions as usize);
        if beyond || runs > MAX_RUNS {
            let more = if beyond { "more than " } else { "" };
            let message = format!(
                "the campaign has {more}{cells} cells and {more}{runs} runs; there are at most {MAX_CELLS} cells and {MAX_RUNS} runs"
            );
            problems.push(Diagnostic::new(at, message).hint("split it into several campaigns"));
        } else if let Some(ceiling) = options.ceiling
            && (cells > ceiling.cells || runs > ceiling.runs)
        {
            let message = format!(
                "the campaign has {cells} cells and {runs} runs, more than the usual ceiling of {} cells and {} runs",
                ceiling.cells, ceiling.runs
            );
            problems.push(Diagnostic::new(at, message).hint("`--yes` says that you mean it"));
        }
    }
}

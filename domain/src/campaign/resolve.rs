//! What a name stands for: a model in a precision, a selector's devices, a file's bytes. And what is missing so far.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CampaignFile, Catalog, Diagnostic,
    origin::Source,
    read::{Count, Draft},
};
use crate::{
    AccuracyRule, CellSpec, Evaluable, InputSource, KnownModel, ModelRef, Precision, Recipe, Runtime, Selector, Takes,
    Task, TextPreprocessing, UnknownTask, Weights, spelling::did_you_mean,
};

/// What a campaign names and nobody has. Each is listed once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    /// Names without a model.
    pub models: Vec<String>,
    /// Variants that a converter can make of a known model. Those that need calibration data or can't be made are none.
    pub variants: Vec<(String, Precision)>,
    /// Paths, as the campaign file spells them.
    pub attachments: Vec<String>,
    /// Selectors that want devices by name and match too few.
    pub devices: Vec<String>,
}

impl CampaignFile {
    /// What is to be made or found before this campaign can be planned.
    pub fn missing(&self, catalog: &Catalog) -> Missing {
        let (mut models, mut variants) = (BTreeSet::new(), BTreeSet::new());
        let (mut attachments, mut selectors) = (BTreeSet::new(), BTreeSet::new());
        for draft in &self.drafts {
            match (catalog.models.get(&draft.model.value), &draft.precision) {
                (None, _) => _ = models.insert(draft.model.value.clone()),
                (Some(known), Some(precision)) if is_makeable(known, &precision.value) => {
                    variants.insert((draft.model.value.clone(), precision.value.clone()));
                }
                (Some(_), _) => {}
            }
            let paths = draft.files.iter().map(|path| &path.value);
            attachments.extend(paths.filter(|path| !catalog.attachments.contains_key(*path)).cloned());
            if draft.count != Count::One && devices(draft, catalog, &mut Vec::new()).is_empty() {
                selectors.insert(draft.device.value.to_string());
            }
        }
        Missing {
            models: models.into_iter().collect(),
            variants: variants.into_iter().collect(),
            attachments: attachments.into_iter().collect(),
            devices: selectors.into_iter().collect(),
        }
    }
}

fn is_makeable(known: &KnownModel, precision: &Precision) -> bool {
    let unattended = precision.recipe() != Some(Recipe::Int8Static);
    known.in_precision(Some(precision)).is_none() && known.can_be_made(precision) && unattended
}

/// The files of a cell's model.
pub(super) fn model(draft: &Draft, catalog: &Catalog, problems: &mut Vec<Diagnostic>) -> Option<ModelRef> {
    let Draft { model: name, precision, .. } = draft;
    let Some(known) = catalog.models.get(&name.value) else {
        let place = if matches!(draft.source, Source::Extra(_)) { "extra" } else { "matrix.model" };
        let message = format!("unknown model `{}` in {place}", name.value);
        let hint = did_you_mean(&name.value, catalog.models.keys().map(String::as_str)).unwrap_or_else(|| {
            format!("`furlong models ls` lists the models; `furlong models add {} FILE` adds one", name.value)
        });
        problems.push(Diagnostic::new(name.at, message).hint(hint));
        return None;
    };
    let found = known.in_precision(precision.as_ref().map(|precision| &precision.value));
    match (found, precision) {
        (Some(model), _) => {
            if let (InputSource::Text(_), None) = (&draft.spec.input, model.tokenizer_sha256) {
                let at =
                    draft.files.iter().find(|path| Some(&path.value) == draft.spec.input.file().map(|file| &file.path));
                let message = format!("model `{}` takes text input here but has no tokenizer", name.value);
                problems.push(Diagnostic::new(at.map_or(name.at, |path| path.at), message).hint(format!(
                    "`furlong models add {} FILE --tokenizer tokenizer.json`, or `input: {{ random: {{ seed: 0 }} }}`",
                    name.value
                )));
            }
            Some(model)
        }
        (None, None) => None,
        (None, Some(precision)) => {
            let (message, hint) = no_variant(&name.value, known, &precision.value);
            problems.push(Diagnostic::new(precision.at, message).hint(hint));
            None
        }
    }
}

/// Why a model is not there in that precision, and what to do.
fn no_variant(name: &str, known: &KnownModel, precision: &Precision) -> (String, String) {
    let attach = format!("`furlong models attach {name} {precision} FILE` adds a variant of your own");
    match (precision.recipe(), &known.precision) {
        (None, _) => {
            let message = format!("model `{name}` has no precision `{precision}`");
            let mut words: Vec<&str> = Precision::known().collect();
            words.extend(known.variants.keys().chain(&known.precision).map(Precision::as_str));
            let hint = did_you_mean(precision.as_str(), words).unwrap_or(attach);
            (message, hint)
        }
        (Some(recipe), Some(original)) if *original == Precision::FP32 => {
            let message = format!("nobody has made model `{name}` in {precision} yet");
            let calibration = if recipe == Recipe::Int8Static { " --calibration DATA" } else { "" };
            let hint = format!("`furlong models variant {name} {precision}{calibration}` makes it");
            (message, hint)
        }
        (Some(_), original) => {
            let original = original.as_ref().map_or("unknown", Precision::as_str);
            let message = format!(
                "model `{name}` can't be made in {precision}: variants are made from fp32, and its own precision is {original}"
            );
            (message, attach)
        }
    }
}

/// The selectors of the cells that a draft becomes: its own, or one for each device.
pub(super) fn devices(draft: &Draft, catalog: &Catalog, problems: &mut Vec<Diagnostic>) -> Vec<Selector> {
    let Draft { device, count, .. } = draft;
    let mut matching: Vec<&str> = catalog
        .devices
        .iter()
        .filter(|known| device.value.matches(&known.labels))
        .map(|known| known.name.as_str())
        .collect();
    matching.sort_unstable();
    matching.dedup();
    let wanted = match count {
        // Whichever is there when the run is due, so that a campaign can wait for a device.
        Count::One => return vec![device.value.clone()],
        Count::All => matching.len().max(1),
        Count::First(number) => *number as usize,
    };
    if matching.len() < wanted {
        let message = match matching.len() {
            0 => format!("no device matches `{}`", device.value),
            found => {
                format!("{found} devices match `{}`, {wanted} are asked for: {}", device.value, matching.join(", "))
            }
        };
        problems.push(Diagnostic::new(device.at, message).hint(enrolled(catalog)));
        return Vec::new();
    }
    matching.truncate(wanted);
    let mut selectors = Vec::new();
    for name in matching {
        if let Some(selector) = Selector::named(name) {
            selectors.push(selector);
        } else {
            let message = format!("no selector can name the device `{name}`");
            let hint = "give it a name without `,`, `=`, `<`, `>` and `!`";
            problems.push(Diagnostic::new(device.at, message).hint(hint));
        }
    }
    selectors
}

fn enrolled(catalog: &Catalog) -> String {
    /// Devices that a hint names.
    const MOST: usize = 8;
    let names: Vec<&str> = catalog.devices.iter().map(|device| device.name.as_str()).take(MOST).collect();
    match (names.is_empty(), catalog.devices.len().saturating_sub(MOST)) {
        (true, _) => "no device is enrolled yet: start `furlong agent` on one".to_owned(),
        (false, 0) => format!("there are {}; `furlong devices ls` shows their labels", names.join(", ")),
        (false, more) => {
            format!("there are {} and {more} more; `furlong devices ls` shows their labels", names.join(", "))
        }
    }
}

impl CampaignFile {
    /// Data sets, by the path it spells, with the task that decides what is looked for in them. Without those whose task
    /// nobody knows: the plan says so.
    pub fn datasets(&self, catalog: &Catalog) -> BTreeMap<String, Task> {
        let asked = self.drafts.iter().filter_map(|draft| {
            let evaluation = draft.spec.accuracy.as_ref()?.evaluation.as_ref()?;
            Some((evaluation.dataset.path.clone(), task(draft, catalog)?.ok()?))
        });
        asked.collect()
    }
}

/// The task that a draft's accuracy is about: the file's, or that of the model's card; `None` = neither says one.
fn task(draft: &Draft, catalog: &Catalog) -> Option<Result<Task, UnknownTask>> {
    let stated = draft.spec.accuracy.as_ref()?.task.as_deref();
    let of_card = || catalog.models.get(&draft.model.value)?.evaluable.task.as_deref();
    stated.or_else(of_card).map(Task::parse)
}

/// Resolves how a draft's model is evaluated. Models with random weights are not.
fn evaluate(draft: &Draft, catalog: &Catalog, rule: &mut AccuracyRule, problems: &mut Vec<Diagnostic>) {
    let Some(evaluation) = &mut rule.evaluation else { return };
    let Some(known) = catalog.models.get(&draft.model.value) else { return };
    let Evaluable { task: _, weights, preprocessing, postprocessing } = &known.evaluable;
    if matches!(weights, Weights::Random { .. }) {
        rule.evaluation = None;
        return;
    }
    let at = |key: &str| draft.node.at_path(&["accuracy", key]).map_or(draft.at, |node| node.at);
    let name = &draft.model.value;
    evaluation.task = match task(draft, catalog) {
        Some(Ok(task)) => task,
        Some(Err(unknown)) => {
            let hint = did_you_mean(&unknown.0, Task::ALL.map(Task::name)).unwrap_or_else(|| {
                format!("known are {}; `task:` of the accuracy overrides what the model's card says", Task::names())
            });
            let at = if rule.task.is_some() { at("task") } else { at("dataset") };
            problems.push(Diagnostic::new(at, format!("unknown task `{}` for model `{name}`", unknown.0)).hint(hint));
            return;
        }
        None => {
            let message = format!("nothing says what task model `{name}` does on this data set");
            let hint = format!("add `task:` here, or to the model's card; known are {}", Task::names());
            problems.push(Diagnostic::new(at("dataset"), message).hint(hint));
            return;
        }
    };
    let mut preprocessing = preprocessing.clone().unwrap_or_default();
    match evaluation.task.takes() {
        Takes::Text if known.original.tokenizer_sha256.is_none() => {
            let message = format!("model `{name}` has no tokenizer, which the task {} needs", evaluation.task);
            let hint = format!("`furlong models add {name} FILE --tokenizer tokenizer.json`");
            problems.push(Diagnostic::new(at("dataset"), message).hint(hint));
        }
        Takes::Text => {
            let text = preprocessing.text.get_or_insert_default();
            if evaluation.task == Task::QuestionAnswering && known.evaluable.preprocessing.is_none() {
                text.max_length = TextPreprocessing::ANSWERS_MAX_LENGTH;
            }
        }
        Takes::Images if preprocessing.image.is_none() => {
            let message = format!("the card of model `{name}` does not say how images become its input");
            let hint = "add `preprocessing: { image: .. }` to its card: `furlong models add --card`";
            problems.push(Diagnostic::new(at("dataset"), message).hint(hint));
        }
        Takes::Images | Takes::Tensors => {}
    }
    if evaluation.task == Task::ObjectDetection && postprocessing.as_ref().is_none_or(|post| post.detector.is_none()) {
        let message = format!("the card of model `{name}` does not say how boxes are read from its outputs");
        let hint = "add `postprocessing: { detector: .. }` to its card: `furlong models add --card`";
        problems.push(Diagnostic::new(at("dataset"), message).hint(hint));
    }
    evaluation.preprocessing = preprocessing;
    evaluation.postprocessing = postprocessing.clone().unwrap_or_default();
}

/// The cell with its files. A file that is missing is a problem.
pub(super) fn fill(draft: &Draft, catalog: &Catalog, problems: &mut Vec<Diagnostic>) -> CellSpec {
    for path in &draft.files {
        if !catalog.attachments.contains_key(&path.value) {
            let problem = Diagnostic::new(path.at, format!("the file `{}` was not found", path.value));
            problems.push(problem.hint("paths are relative to the campaign file"));
        }
    }
    let mut spec = draft.spec.clone();
    let input = match &mut spec.input {
        InputSource::Text(file) | InputSource::Tensors(file) => Some(file),
        InputSource::Random { .. } => None,
    };
    let runtime = if let Runtime::File(file) = &mut spec.runtime { Some(file) } else { None };
    let dataset =
        spec.accuracy.as_mut().and_then(|rule| rule.evaluation.as_mut()).map(|evaluation| &mut evaluation.dataset);
    for file in input.into_iter().chain(runtime).chain(dataset) {
        if let Some(known) = catalog.attachments.get(&file.path) {
            file.clone_from(known);
        }
    }
    if let Some(rule) = &mut spec.accuracy {
        evaluate(draft, catalog, rule, problems);
    }
    spec
}

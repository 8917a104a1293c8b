//! Predictions: computed again, kept as artifacts, held against those of others. What a device says of its accuracy is
//! checked, never believed.

use std::collections::BTreeMap;

use analysis::{
    Analysis,
    outputs::{self, Reference},
};
use domain::{
    AccuracyRecord, CampaignId, CellSpec, Digest, Evaluation, Measurement, Metric, OutputCheck, Reason, RunId, RunMode,
    VerdictLevel,
};
use score::{Comparison, Prediction, predictions};
use tracing::warn;

use super::{Engine, KeepError};
use crate::{
    artifacts::{ArtifactError, Begun, Held, UploadError},
    store::{AccuracyRun, AttemptContext, ReferenceOutputs, StoreError},
};

/// Difference of two figures that are the same: both are computed by the same code from the same predictions, but maybe on
/// different processors.
const FIGURE_TOLERANCE: f64 = 1e-9;
/// Greatest artifact of predictions in bytes that is read into memory.
const PREDICTIONS_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AccuracyError {
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the predictions {0} are gone")]
    Gone(Digest),
    #[error("the predictions {digest} can't be read")]
    Unreadable { digest: Digest, source: predictions::ReadError },
    #[error("the accuracies can't be compared")]
    Compare(#[from] score::CompareError),
    #[error("a task of the coordinator panicked")]
    Panicked(#[from] tokio::task::JoinError),
}

/// What is shown of a cell's accuracy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellAccuracy {
    pub(crate) run: AccuracyRun,
    /// As the campaign file spells it.
    pub(crate) dataset: String,
    pub(crate) compared: Option<Compared>,
}

/// How a cell's model compares with its reference.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compared {
    /// The reference's precision.
    pub(crate) reference: String,
    pub(crate) reference_run: RunId,
    pub(crate) comparison: Comparison,
    /// Least ratio that the campaign asks for.
    pub(crate) min_ratio: Option<f64>,
}

/// What is wrong with a record, so that nothing follows from it; else the metrics computed again, with a reason if the
/// device computed others.
pub(super) fn check(cell: &CellSpec, record: &mut AccuracyRecord) -> Result<Option<Reason>, String> {
    let asked = evaluation(cell).ok_or("it reports an accuracy that nobody asked for")?;
    if record.task != asked.task || record.dataset != asked.dataset.sha256 {
        return Err(format!(
            "it is about {} on the data set {}, which is another",
            record.task,
            record.dataset.short()
        ));
    }
    let (task, found) = predictions::read(&record.predictions).map_err(|error| format!("its predictions: {error}"))?;
    if task != record.task || found.len() as u64 != record.counts.scored {
        return Err(format!("it has {} predictions for {task}, and tells of {}", found.len(), record.counts.scored));
    }
    let metrics = score::metrics(task, &found).map_err(|error| format!("its predictions: {error}"))?;
    let told = std::mem::replace(&mut record.metrics, metrics);
    Ok(mismatch(&told, &record.metrics))
}

fn mismatch(told: &[Metric], computed: &[Metric]) -> Option<Reason> {
    let told: BTreeMap<&str, f64> = told.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
    let differing = computed.iter().find(|metric| {
        let told = told.get(metric.name.as_str());
        told.is_none_or(|told| (told - metric.value).abs() > FIGURE_TOLERANCE * metric.value.abs().max(1.0))
    })?;
    let told = told.get(differing.name.as_str()).copied();
    Some(Reason {
        code: "accuracy-mismatch".to_owned(),
        message: format!(
            "the device says {} is {}, and its predictions say {}",
            differing.name,
            told.map_or_else(|| "nothing".to_owned(), |told| told.to_string()),
            differing.value
        ),
        level: VerdictLevel::Invalid,
        value: told.unwrap_or(0.0),
        threshold: differing.value,
        unit: String::new(),
    })
}

fn evaluation(cell: &CellSpec) -> Option<&Evaluation> {
    cell.accuracy.as_ref()?.evaluation.as_ref()
}

impl Engine {
    /// Makes the predictions an artifact, before anything refers to them.
    pub(super) async fn keep_predictions(&self, record: &AccuracyRecord) -> Result<(), AccuracyError> {
        let digest = Digest::of(&record.predictions);
        let size_bytes = record.predictions.len() as u64;
        // What an interrupted attempt left has the right beginning, or is found to be wrong at its end.
        let offset = match self.artifacts().held(&digest).await? {
            Held::Whole { .. } => 0,
            Held::Part { bytes } => bytes,
        };
        let kept = match self.artifacts().begin_upload(digest, size_bytes, offset).await? {
            Begun::Whole(kept) => kept,
            Begun::Wanted(mut upload) => {
                let rest = usize::try_from(offset).unwrap_or(usize::MAX).min(record.predictions.len());
                upload.write(&record.predictions[rest..]).await?;
                upload.finish().await?
            }
        };
        Ok(self.keep(kept).await?)
    }

    async fn predictions(&self, digest: &Digest) -> Result<Vec<Prediction>, AccuracyError> {
        let Some(mut reader) = self.artifacts().read(digest, 0).await? else {
            return Err(AccuracyError::Gone(*digest));
        };
        if reader.size_bytes() > PREDICTIONS_LIMIT_BYTES {
            return Err(AccuracyError::Gone(*digest));
        }
        let mut bytes = Vec::new();
        while let Some(next) = reader.next().await? {
            bytes.extend_from_slice(&next);
        }
        let digest = *digest;
        let read = tokio::task::spawn_blocking(move || predictions::read(&bytes)).await?;
        read.map(|(_, found)| found).map_err(|source| AccuracyError::Unreadable { digest, source })
    }

    /// Adds to a run's verdict what others' outputs say against it. What can't be looked up says nothing.
    pub(super) async fn judge_outputs(
        &self,
        attempt: &AttemptContext,
        measurement: &Measurement,
        analysis: &mut Analysis,
    ) {
        let OutputCheck { inputs, fingerprints, predictions } = &measurement.check;
        let reasons = async {
            let mut reasons = Vec::new();
            if let Some(inputs) = inputs
                && let Some(expected) = self.store().reference_outputs(&attempt.spec.model.sha256, inputs).await?
            {
                let ReferenceOutputs { run, device, provider, fingerprints: expected } = expected;
                let name = format!("{run} on {device} ({provider})");
                let reference = Reference { name: &name, is_cpu: provider == "CPUExecutionProvider" };
                let precision = attempt.spec.model.precision.as_ref();
                reasons.extend(outputs::against_outputs(precision, fingerprints, &expected, reference));
            }
            if !predictions.is_empty()
                && let Some(key) = attempt.spec.evaluation_key()
                && let Some((run, digest)) = self.store().predictions_of(attempt.run, &key).await?
                && let Ok((_, found)) = predictions::read(predictions)
            {
                let whole = self.predictions(&digest).await?;
                reasons.extend(outputs::against_predictions(&found, &whole, &run.to_string()));
            }
            Ok::<_, AccuracyError>(reasons)
        };
        match reasons.await {
            Ok(reasons) => analysis.verdict.object(reasons),
            Err(error) => {
                warn!(run.id = %attempt.run, error = &error as &dyn std::error::Error, "outputs could not be checked");
            }
        }
    }

    /// Accuracy by number of the cell, of those cells that have one. Computes and keeps comparisons that nobody asked for
    /// before.
    pub(crate) async fn accuracies(
        &self,
        campaign: CampaignId,
        cells: &[(u32, CellSpec)],
    ) -> Result<BTreeMap<u32, CellAccuracy>, AccuracyError> {
        let classes = self.store().evaluated_classes(campaign).await?;
        if classes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let specs: BTreeMap<u32, &CellSpec> = cells.iter().map(|(number, spec)| (*number, spec)).collect();
        let mut runs = BTreeMap::new();
        let mut families = BTreeMap::new();
        for run in self.store().accuracy_runs(campaign).await? {
            let Some(spec) = specs.get(&run.cell) else { continue };
            if let (Some(key), Some(family)) = (spec.evaluation_key(), spec.evaluation_family()) {
                families.entry((run.class, family, spec.model.precision.clone())).or_insert(run.clone());
                runs.entry((run.class, key)).or_insert(run);
            }
        }
        let mut accuracies = BTreeMap::new();
        for (number, spec) in cells {
            let (Some(rule), Some(evaluation)) = (&spec.accuracy, evaluation(spec)) else { continue };
            let Some(&class) = classes.get(number) else { continue };
            let Some(run) = spec.evaluation_key().and_then(|key| runs.get(&(class, key))) else { continue };
            let reference = spec
                .evaluation_family()
                .and_then(|family| families.get(&(class, family, Some(rule.reference.clone()))))
                .filter(|reference| reference.run != run.run);
            let comparison = match reference {
                None => None,
                Some(reference) => self.comparable(run, reference).await?,
            };
            let compared = comparison.map(|(reference_run, comparison)| Compared {
                reference: rule.reference.to_string(),
                reference_run,
                comparison,
                min_ratio: rule.min_ratio_millionths.map(|millionths| f64::from(millionths) / 1e6),
            });
            let dataset = evaluation.dataset.path.clone();
            accuracies.insert(*number, CellAccuracy { run: run.clone(), dataset, compared });
        }
        Ok(accuracies)
    }

    /// `None` if the two can't be compared, such as where one left out examples that the other scored: the figures of each
    /// are no worse for it.
    async fn comparable(
        &self,
        run: &AccuracyRun,
        reference: &AccuracyRun,
    ) -> Result<Option<(RunId, Comparison)>, AccuracyError> {
        match self.compare(run, reference).await {
            Ok(comparison) => Ok(Some((reference.run, comparison))),
            Err(error @ AccuracyError::Store(_)) => Err(error),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(run.id = %run.run, reference.id = %reference.run, error, "two accuracies can't be compared");
                Ok(None)
            }
        }
    }

    async fn compare(&self, run: &AccuracyRun, reference: &AccuracyRun) -> Result<Comparison, AccuracyError> {
        if let Some(known) = self.store().comparison(run.run, reference.run).await? {
            return Ok(known);
        }
        let (task, found) = (run.task, self.predictions(&run.predictions).await?);
        let expected = self.predictions(&reference.predictions).await?;
        // A bootstrap takes seconds for the largest sets: off the loop.
        let comparing = tokio::task::spawn_blocking(move || score::compare(task, &found, &expected));
        let comparison = comparing.await??;
        self.store().keep_comparison(run.run, reference.run, &comparison).await?;
        Ok(comparison)
    }
}

/// Whether a report is of the kind that its run asked for.
pub(super) fn is_expected(attempt: &AttemptContext, measurement: &Measurement) -> bool {
    match attempt.mode {
        RunMode::Accuracy => measurement.accuracy.is_some(),
        RunMode::Performance => measurement.accuracy.is_none(),
    }
}

impl Compared {
    /// Whether the least ratio is reached; `None` if the campaign asks for none.
    pub(crate) fn reached(&self) -> Option<bool> {
        self.min_ratio.map(|least| self.comparison.ratio.is_some_and(|ratio| ratio.value >= least))
    }

    /// The test that decided; empty where there is none for the metric.
    pub(crate) fn test(&self) -> &'static str {
        let Comparison { discordant, difference, .. } = &self.comparison;
        match (discordant, difference) {
            (Some(discordant), _) if self.comparison.p_value() == Some(discordant.p_value) => "McNemar",
            (_, Some(_)) => "paired bootstrap",
            _ => "",
        }
    }
}

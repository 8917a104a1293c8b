//! Accuracy: what is evaluated, and what a run over a data set reports.

use std::time::Duration;

use domain::{
    AccuracyRecord, Evaluation, ExampleCounts, ExampleProblem, Fingerprint, Metric, OnBadExample, OutputCheck, RunMode,
    Task,
};

use super::field::{InvalidMessage, digest, enumerator, finite, optional_digest, present, wire_ns};
use super::model_card::{from_json, to_json};
use crate::pb;

impl From<RunMode> for pb::RunMode {
    fn from(mode: RunMode) -> Self {
        match mode {
            RunMode::Performance => Self::Performance,
            RunMode::Accuracy => Self::Accuracy,
        }
    }
}

/// Reads a mode. A version that knows no modes leaves it unspecified, and means performance.
pub fn run_mode(field: &'static str, number: i32) -> Result<RunMode, InvalidMessage> {
    match enumerator(field, number)? {
        pb::RunMode::Unspecified | pb::RunMode::Performance => Ok(RunMode::Performance),
        pb::RunMode::Accuracy => Ok(RunMode::Accuracy),
    }
}

fn task(field: &'static str, name: &str) -> Result<Task, InvalidMessage> {
    if name.is_empty() {
        return Err(InvalidMessage::Missing(field));
    }
    Task::parse(name).map_err(|unknown| InvalidMessage::Unknown { field, value: unknown.0 })
}

impl From<Evaluation> for pb::Evaluation {
    fn from(evaluation: Evaluation) -> Self {
        let Evaluation { task, dataset, examples, checked_examples, on_bad_example, preprocessing, postprocessing } =
            evaluation;
        Self {
            task: task.name().to_owned(),
            dataset: Some(dataset.into()),
            examples,
            checked_examples,
            skip_bad_examples: on_bad_example == OnBadExample::Skip,
            preprocessing_json: to_json(Some(&preprocessing)),
            postprocessing_json: to_json(Some(&postprocessing)),
        }
    }
}

impl TryFrom<pb::Evaluation> for Evaluation {
    type Error = InvalidMessage;

    fn try_from(evaluation: pb::Evaluation) -> Result<Self, InvalidMessage> {
        let pb::Evaluation {
            task,
            dataset,
            examples,
            checked_examples,
            skip_bad_examples,
            preprocessing_json,
            postprocessing_json,
        } = evaluation;
        Ok(Self {
            task: self::task("evaluation.task", &task)?,
            dataset: present("evaluation.dataset", dataset)?.try_into()?,
            examples,
            checked_examples,
            on_bad_example: if skip_bad_examples { OnBadExample::Skip } else { OnBadExample::Fail },
            preprocessing: from_json("evaluation.preprocessing_json", &preprocessing_json)?.unwrap_or_default(),
            postprocessing: from_json("evaluation.postprocessing_json", &postprocessing_json)?.unwrap_or_default(),
        })
    }
}

impl From<AccuracyRecord> for pb::AccuracyRecord {
    fn from(record: AccuracyRecord) -> Self {
        let AccuracyRecord {
            task,
            dataset,
            counts: ExampleCounts { total, seen, scored, skipped },
            problems,
            metrics,
            predictions,
            preprocessing,
            elapsed,
            inference,
        } = record;
        Self {
            task: task.name().to_owned(),
            dataset_sha256: dataset.as_bytes().to_vec(),
            total,
            seen,
            scored,
            skipped,
            problems: problems.into_iter().map(Into::into).collect(),
            metrics: metrics.into_iter().map(Into::into).collect(),
            predictions,
            preprocessing,
            elapsed_ns: wire_ns(elapsed),
            inference_ns: wire_ns(inference),
        }
    }
}

impl TryFrom<pb::AccuracyRecord> for AccuracyRecord {
    type Error = InvalidMessage;

    fn try_from(record: pb::AccuracyRecord) -> Result<Self, InvalidMessage> {
        let pb::AccuracyRecord {
            task,
            dataset_sha256,
            total,
            seen,
            scored,
            skipped,
            problems,
            metrics,
            predictions,
            preprocessing,
            elapsed_ns,
            inference_ns,
        } = record;
        if scored.checked_add(skipped) != Some(seen) || seen > total || problems.len() > Self::PROBLEMS {
            let why = format!("{scored} scored and {skipped} skipped of {seen} seen, of {total} in all");
            return Err(InvalidMessage::malformed("accuracy.seen", why));
        }
        Ok(Self {
            task: self::task("accuracy.task", &task)?,
            dataset: digest("accuracy.dataset_sha256", &dataset_sha256)?,
            counts: ExampleCounts { total, seen, scored, skipped },
            problems: problems.into_iter().map(Into::into).collect(),
            metrics: metrics.into_iter().map(Metric::try_from).collect::<Result<_, _>>()?,
            predictions,
            preprocessing,
            elapsed: Duration::from_nanos(elapsed_ns),
            inference: Duration::from_nanos(inference_ns),
        })
    }
}

impl From<ExampleProblem> for pb::ExampleProblem {
    fn from(problem: ExampleProblem) -> Self {
        let ExampleProblem { example, why } = problem;
        Self { example, why }
    }
}

impl From<pb::ExampleProblem> for ExampleProblem {
    fn from(problem: pb::ExampleProblem) -> Self {
        let pb::ExampleProblem { example, why } = problem;
        Self { example, why }
    }
}

impl From<Metric> for pb::Metric {
    fn from(metric: Metric) -> Self {
        let Metric { name, value, interval, count } = metric;
        let ((low, high), (right, of)) = (interval.unzip(), count.unzip());
        Self { name, value, low, high, right, of }
    }
}

impl TryFrom<pb::Metric> for Metric {
    type Error = InvalidMessage;

    fn try_from(metric: pb::Metric) -> Result<Self, InvalidMessage> {
        let pb::Metric { name, value, low, high, right, of } = metric;
        if name.is_empty() {
            return Err(InvalidMessage::Missing("metric.name"));
        }
        let interval = low.zip(high).map(|(low, high)| Ok((finite("metric.low", low)?, finite("metric.high", high)?)));
        Ok(Self { name, value: finite("metric.value", value)?, interval: interval.transpose()?, count: right.zip(of) })
    }
}

impl From<OutputCheck> for pb::OutputCheck {
    fn from(check: OutputCheck) -> Self {
        let OutputCheck { inputs, fingerprints, predictions } = check;
        Self {
            inputs_sha256: inputs.map(|inputs| inputs.as_bytes().to_vec()).unwrap_or_default(),
            fingerprints: fingerprints.into_iter().map(Into::into).collect(),
            predictions,
        }
    }
}

impl TryFrom<pb::OutputCheck> for OutputCheck {
    type Error = InvalidMessage;

    fn try_from(check: pb::OutputCheck) -> Result<Self, InvalidMessage> {
        let pb::OutputCheck { inputs_sha256, fingerprints, predictions } = check;
        Ok(Self {
            inputs: optional_digest("check.inputs_sha256", &inputs_sha256)?,
            fingerprints: fingerprints.into_iter().map(Fingerprint::try_from).collect::<Result<_, _>>()?,
            predictions,
        })
    }
}

impl From<Fingerprint> for pb::Fingerprint {
    fn from(fingerprint: Fingerprint) -> Self {
        let Fingerprint { output, elements, sketch } = fingerprint;
        Self { output, elements, sketch }
    }
}

impl TryFrom<pb::Fingerprint> for Fingerprint {
    type Error = InvalidMessage;

    fn try_from(fingerprint: pb::Fingerprint) -> Result<Self, InvalidMessage> {
        let pb::Fingerprint { output, elements, sketch } = fingerprint;
        let sketch = sketch.into_iter().map(|value| finite("fingerprint.sketch", value));
        Ok(Self { output, elements, sketch: sketch.collect::<Result<_, _>>()? })
    }
}

//! A model over a data set: every example once, in batches of the cell's size, with a thread that prepares the next ones
//! while the model works. And the same for a few examples after a performance run.
//!
//! Holds a few examples at a time, however large the data set is. What an example means, [`super::tasks`] knows.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use dataset::{BadExample, DataSet, Example, Input};
use domain::{AccuracyRecord, CellSpec, Evaluation, ExampleCounts, ExampleProblem, FailureKind, Metric, OnBadExample};
use score::{Prediction, predictions};

use super::input::{InputSpec, Query};
use super::runtime::RuntimeError;
use super::tasks::{self, Evaluator, OutputTensor, Row, RowOutputs, TaskError};
use crate::stopwatch;

/// Prepared examples that may wait for the model, beside a batch of them: enough to hide a slow image, and few enough to be
/// held in memory.
const AHEAD: usize = 8;

/// The files of an evaluation, by absolute paths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) dataset: &'a Path,
    pub(super) tokenizer: Option<&'a Path>,
}

/// Between two words of progress: a few within any limit of a run's time.
const PROGRESS: Duration = Duration::from_secs(10);

/// Says that it goes on.
pub(super) type Tell<'a> = dyn FnMut() -> std::io::Result<()> + 'a;

/// What a model is asked: a query, and its answers with the time that the runtime's own call took.
pub(super) type Ask<'a> = dyn FnMut(&Query) -> Result<(Vec<OutputTensor>, Duration), RuntimeError> + 'a;

/// What came of a data set.
#[derive(Debug)]
pub(super) struct Evaluated {
    pub(super) record: AccuracyRecord,
    /// Of each inference, in order.
    pub(super) latencies_ns: Vec<u64>,
}

/// An evaluation that can't be done, or is not to go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum EvaluateError {
    #[error("the cell has no data set")]
    NothingAsked,
    #[error("the job names no file for the data set `{path}`")]
    NoFile { path: String },
    #[error("the data set `{path}` can't be used")]
    DataSet { path: String, source: dataset::OpenError },
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(
        "example {} of the data set `{path}` can't be used: {}\nhint: `on_bad_example: skip` names, counts and leaves out such examples", bad.id, bad.why
    )]
    BadExample { path: String, bad: BadExample },
    #[error("example {example}: {why}")]
    Unread { example: String, why: String },
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error("no example of the data set `{path}` can be used; the first: {why}")]
    Nothing { path: String, why: String },
    #[error("the predictions can't be scored")]
    Score(#[from] score::ScoreError),
    #[error("the agent can't be reached")]
    Agent(#[source] std::io::Error),
    #[error("the thread that prepares examples can't be started")]
    Start(#[source] std::io::Error),
    #[error("the predictions can't be written")]
    Write(#[from] std::io::Error),
}

impl EvaluateError {
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::Runtime(error) => error.kind(),
            // Predictions that are no numbers can't be written.
            Self::Write(error) if error.kind() == ErrorKind::InvalidData => FailureKind::Model,
            Self::NoFile { .. } | Self::Agent(_) | Self::Start(_) | Self::Write(_) => FailureKind::Infra,
            _ => FailureKind::Model,
        }
    }
}

/// Everything that turns examples into predictions.
#[derive(Debug)]
pub(super) struct Bench {
    evaluation: Evaluation,
    dataset: DataSet,
    evaluator: Box<dyn Evaluator>,
    batch: usize,
    length: Option<u32>,
}

impl Bench {
    /// Opens the data set of a cell for a model of these inputs.
    pub(super) fn new(cell: &CellSpec, inputs: &[InputSpec], files: Files<'_>) -> Result<Self, EvaluateError> {
        let evaluation = cell.accuracy.as_ref().and_then(|rule| rule.evaluation.as_ref());
        let mut evaluation = evaluation.cloned().ok_or(EvaluateError::NothingAsked)?;
        // Latency is measured on texts of the cell's length: what is longer is cut to it there, too.
        if let (Some(text), Some(length)) = (&mut evaluation.preprocessing.text, cell.sequence_length) {
            text.max_length = text.max_length.min(length);
        }
        let opened = DataSet::open(files.dataset, evaluation.task);
        let dataset =
            opened.map_err(|source| EvaluateError::DataSet { path: evaluation.dataset.path.clone(), source })?;
        let evaluator = tasks::evaluator(&evaluation, inputs, files.tokenizer, dataset.categories())?;
        let batch = (cell.samples_per_query() as usize).max(1);
        Ok(Self { evaluation, dataset, evaluator, batch, length: cell.sequence_length })
    }

    /// Every example once. `tell` is called now and then, as long as it goes on.
    pub(super) fn evaluate(&self, ask: &mut Ask<'_>, tell: &mut Tell<'_>) -> Result<Evaluated, EvaluateError> {
        let limit = self.evaluation.examples.map_or(usize::MAX, |examples| examples as usize);
        let begin = stopwatch::now();
        let mut sheet = Sheet::default();
        let outcome = thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(self.batch + AHEAD);
            let preparing = thread::Builder::new()
                .name("prepare".to_owned())
                .spawn_scoped(scope, move || self.prepare(self.dataset.examples().take(limit), &sender))
                .map_err(EvaluateError::Start)?;
            let outcome = self.work(&receiver, (ask, tell), &mut sheet);
            // A preparing thread that still sends must see that nobody listens.
            drop(receiver);
            match (preparing.join(), outcome) {
                (Ok(()), outcome) => outcome,
                (Err(panic), _) => std::panic::resume_unwind(panic),
            }
        });
        outcome?;
        let elapsed = stopwatch::now() - begin;
        let Sheet { predictions, problems, counts, latencies_ns, inference, skips: _ } = sheet;
        if predictions.is_empty() {
            let why = problems.first().map_or_else(|| "it has none".to_owned(), |problem| problem.why.clone());
            return Err(EvaluateError::Nothing { path: self.evaluation.dataset.path.clone(), why });
        }
        let task = self.evaluation.task;
        let metrics: Vec<Metric> = score::metrics(task, &predictions)?;
        let record = AccuracyRecord {
            task,
            dataset: self.evaluation.dataset.sha256,
            counts: ExampleCounts { total: self.dataset.facts().examples, ..counts },
            problems,
            metrics,
            predictions: predictions::write(task, &predictions)?,
            preprocessing: self.evaluation.preprocessing.to_string(),
            elapsed,
            inference,
        };
        Ok(Evaluated { record, latencies_ns })
    }

    /// The checked examples alone, evenly from the whole data set, as stored predictions. Bad ones are left out: the accuracy
    /// run names them.
    pub(super) fn check(&self, ask: &mut Ask<'_>) -> Result<Vec<u8>, EvaluateError> {
        let total = self.dataset.facts().examples;
        let total = self.evaluation.examples.map_or(total, |limit| total.min(limit.into()));
        let wanted = u64::from(self.evaluation.checked_examples).min(total);
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let indices: Vec<u64> = (0..wanted).map(|number| number * total / wanted).collect();
        let mut sheet = Sheet { skips: true, ..Sheet::default() };
        let examples = self.dataset.some(&indices);
        let (sender, receiver) = mpsc::sync_channel(examples.len());
        self.prepare(examples.into_iter(), &sender);
        drop(sender);
        self.work(&receiver, (ask, &mut || Ok(())), &mut sheet)?;
        Ok(predictions::write(self.evaluation.task, &sheet.predictions)?)
    }

    /// Ends early when nobody listens any more.
    fn prepare(
        &self,
        examples: impl Iterator<Item = Result<Example, BadExample>>,
        sender: &SyncSender<Result<Prepared, BadExample>>,
    ) {
        for example in examples {
            let prepared = example.and_then(|mut example| match self.evaluator.rows(&example) {
                Ok(rows) => {
                    if let Input::Image(bytes) = &mut example.input {
                        // Megabytes that nobody looks at again.
                        *bytes = Vec::new();
                    }
                    Ok(Prepared { example, rows })
                }
                Err(why) => Err(BadExample { index: example.index, id: example.id, why }),
            });
            if sender.send(prepared).is_err() {
                return;
            }
        }
    }

    fn work(
        &self,
        receiver: &Receiver<Result<Prepared, BadExample>>,
        (ask, tell): (&mut Ask<'_>, &mut Tell<'_>),
        sheet: &mut Sheet,
    ) -> Result<(), EvaluateError> {
        let mut desk = Desk::default();
        let mut told = stopwatch::now();
        for prepared in receiver {
            if stopwatch::now() - told >= PROGRESS {
                tell().map_err(EvaluateError::Agent)?;
                told = stopwatch::now();
            }
            sheet.counts.seen += 1;
            match prepared {
                Ok(prepared) => desk.add(prepared),
                Err(bad) if sheet.skips || self.evaluation.on_bad_example == OnBadExample::Skip => sheet.skip(bad),
                Err(bad) => {
                    return Err(EvaluateError::BadExample { path: self.evaluation.dataset.path.clone(), bad });
                }
            }
            while desk.unanswered() >= self.batch {
                self.batch(&mut desk, ask, sheet)?;
            }
        }
        while desk.unanswered() > 0 {
            self.batch(&mut desk, ask, sheet)?;
        }
        Ok(())
    }

    /// Asks the model for one batch and reads the examples that are complete by it.
    fn batch(&self, desk: &mut Desk, ask: &mut Ask<'_>, sheet: &mut Sheet) -> Result<(), EvaluateError> {
        let rows = desk.next(self.batch);
        let first = rows.first().map(|(example, _)| (*example).to_owned()).unwrap_or_default();
        let unread = |why| EvaluateError::Unread { example: first.clone(), why };
        let asked = rows.len();
        let mut rows: Vec<&Row> = rows.into_iter().map(|(_, row)| row).collect();
        // The last batch is filled up, so that every one has the size that latency is measured with.
        if let Some(&last) = rows.last() {
            rows.resize(self.batch, last);
        }
        let query = self.evaluator.query(&rows, self.length).map_err(unread)?;
        let (outputs, duration) = ask(&query)?;
        sheet.inference += duration;
        sheet.latencies_ns.push(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        for row in split(outputs, self.batch, asked).map_err(unread)? {
            desk.answer(row);
        }
        while let Some((Prepared { example, rows }, answers)) = desk.complete() {
            let read = self.evaluator.read(&example, &rows, &answers);
            let Example { index, id, input: _, truth } = example;
            let output = read.map_err(|why| EvaluateError::Unread { example: id.clone(), why })?;
            sheet.counts.scored += 1;
            sheet.predictions.push(Prediction { index, id, output, truth });
        }
        Ok(())
    }
}

/// An example ready for the model.
#[derive(Debug)]
struct Prepared {
    example: Example,
    rows: Vec<Row>,
}

/// Examples that are being asked about, in order.
#[derive(Debug, Default)]
struct Desk {
    waiting: VecDeque<(Prepared, Vec<RowOutputs>)>,
    /// Rows of all of them without an answer.
    unanswered: usize,
}

impl Desk {
    fn add(&mut self, prepared: Prepared) {
        self.unanswered += prepared.rows.len();
        self.waiting.push_back((prepared, Vec::new()));
    }

    const fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// The next rows without an answer, `most` of them or fewer, each with its example's name.
    fn next(&self, most: usize) -> Vec<(&str, &Row)> {
        let open = self.waiting.iter().flat_map(|(prepared, answers)| {
            prepared.rows[answers.len()..].iter().map(|row| (prepared.example.id.as_str(), row))
        });
        open.take(most).collect()
    }

    /// Answers the first row without an answer.
    fn answer(&mut self, outputs: RowOutputs) {
        if let Some((_, answers)) =
            self.waiting.iter_mut().find(|(prepared, answers)| answers.len() < prepared.rows.len())
        {
            answers.push(outputs);
            self.unanswered -= 1;
        }
    }

    /// The first example, if all its rows are answered.
    fn complete(&mut self) -> Option<(Prepared, Vec<RowOutputs>)> {
        let (prepared, answers) = self.waiting.front()?;
        (answers.len() == prepared.rows.len()).then(|| self.waiting.pop_front()).flatten()
    }
}

/// What has come of it so far.
#[derive(Debug, Default)]
struct Sheet {
    predictions: Vec<Prediction>,
    problems: Vec<ExampleProblem>,
    counts: ExampleCounts,
    latencies_ns: Vec<u64>,
    inference: Duration,
    /// Whatever the rule says.
    skips: bool,
}

impl Sheet {
    fn skip(&mut self, bad: BadExample) {
        self.counts.skipped += 1;
        if self.problems.len() < AccuracyRecord::PROBLEMS {
            self.problems.push(ExampleProblem { example: bad.id, why: bad.why });
        }
    }
}

/// The outputs of a batch by row, the first `wanted` rows.
fn split(outputs: Vec<OutputTensor>, batch: usize, wanted: usize) -> Result<Vec<RowOutputs>, String> {
    let mut rows: Vec<RowOutputs> = (0..wanted).map(|_| RowOutputs::default()).collect();
    for OutputTensor { name, shape, values } in outputs {
        if batch == 1 {
            rows[0].tensors.push(OutputTensor { name, shape, values });
            continue;
        }
        if shape.first() != Some(&batch) {
            return Err(format!(
                "the output `{name}` has the shape {shape:?}, whose first axis is not the batch of {batch}; evaluate it with batch 1"
            ));
        }
        let mut of_row = shape;
        of_row[0] = 1;
        let length = values.len() / batch;
        for (row, values) in rows.iter_mut().zip(values.chunks(length.max(1))) {
            row.tensors.push(OutputTensor { name: name.clone(), shape: of_row.clone(), values: values.to_vec() });
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;

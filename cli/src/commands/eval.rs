//! `eval`: one model over one data set, on this machine, without a coordinator or a database.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use ::toolchain::{Package, Source, Toolchain};
use agent::local::{LocalJob, measure};
use agent::station::{Station, StationConfig};
use clap::Args;
use domain::{
    AccuracyRule, CellSpec, DeclaredCard, Digest, Evaluation, FileRef, ModelRef, OnBadExample, ProviderName, RunMode,
    Takes, Task, TextPreprocessing, units,
};
use indicatif::ProgressBar;
use proto::pb;
use serde::Serialize;

use super::{datasets, run::explained};
use crate::{
    args::{DataDir, Output, parse_task},
    exit::CliError,
    local,
    output::{self, Answer, RecordView, facts},
};

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The ONNX model
    pub(crate) model: PathBuf,
    /// The data set: a file or a folder in its official layout, or `builtin:digits`
    #[arg(long, value_name = "PATH")]
    dataset: String,
    /// What the model does [default: the card's task]
    #[arg(long, value_parser = parse_task)]
    task: Option<Task>,
    /// The model's card: how examples become inputs, and outputs predictions
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// The model's tokenizer.json, for text
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Samples per inference
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Pads and cuts every text to so many tokens [default: to the longest of its batch]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    sequence_length: Option<u32>,
    /// Threads inside one operator
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
    /// Execution provider
    #[arg(long, value_name = "NAME", default_value = "cpu", value_parser = super::run::parse_provider)]
    provider: ProviderName,
    /// Only so many examples, the first ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    examples: Option<u32>,
    /// Names, counts and leaves out examples that can't be used, instead of failing
    #[arg(long)]
    skip_bad_examples: bool,
    /// Where to write the predictions: gzip of JSON lines
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// ONNX Runtime's shared library [default: the managed toolchain's, installed if missing]
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
    #[command(flatten)]
    pub(crate) output: Output,
}

pub(super) async fn eval(args: EvalArgs) -> Result<(), CliError> {
    let folder = tempfile::tempdir()?;
    let job = args.job(folder.path())?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message(format!("evaluating {}", args.model.display()));
    let command = agent::config::own_runner()?;
    let station = Station::open(StationConfig::local());
    let measured = tokio::select! {
        measured = measure(&job, &command, Some(&station), |_| {}) => measured,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            return Err(CliError::Stopped);
        }
    };
    spinner.finish_and_clear();
    let measurement = measured.map_err(|failure| explained(&job.model, &failure))?;
    let analysis = analysis::analyse(&job.cell, &measurement).map_err(anyhow::Error::from)?;
    let record = measurement.accuracy.ok_or_else(|| anyhow::anyhow!("the runner told of no accuracy"))?;
    if let Some(path) = &args.predictions {
        std::fs::write(path, &record.predictions)
            .map_err(|error| CliError::Invalid(format!("cannot write `{}`: {error}", path.display())))?;
    }
    let view = EvaluationView {
        model: args.model.display().to_string(),
        dataset: args.dataset.clone(),
        batch: args.batch,
        p50_ns: analysis.statistics.latency.p50_ns,
        peak_rss_bytes: measurement.peak_rss_bytes,
        record: RecordView::from(&pb::AccuracyRecord::from(*record)),
    };
    output::write(&view, args.output.output)
}

impl EvalArgs {
    fn job(&self, folder: &Path) -> Result<LocalJob, CliError> {
        let invalid = |text: &str| CliError::Invalid(text.to_owned());
        if !self.model.is_file() {
            return Err(CliError::Invalid(format!("there is no model `{}`", self.model.display())));
        }
        let card = match &self.card {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    CliError::Invalid(format!("cannot read the card `{}`: {error}", path.display()))
                })?;
                DeclaredCard::parse(&path.display().to_string(), &text)
                    .map_err(|error| CliError::Invalid(error.to_string()))?
            }
            None => DeclaredCard::default(),
        };
        let of_card = || card.task.as_deref().map(Task::parse);
        let task = match self.task.map(Ok).or_else(of_card) {
            Some(task) => task.map_err(|unknown| CliError::Invalid(unknown.to_string()))?,
            None => return Err(invalid("nothing says what the model does\nhint: --task, or a card with `task:`")),
        };
        let mut preprocessing = card.preprocessing.unwrap_or_default();
        if task.takes() == Takes::Text && preprocessing.text.is_none() {
            let max_length = if task == Task::QuestionAnswering { TextPreprocessing::ANSWERS_MAX_LENGTH } else { 128 };
            preprocessing.text = Some(TextPreprocessing { max_length, ..TextPreprocessing::default() });
        }
        if task.takes() == Takes::Text && self.tokenizer.is_none() {
            return Err(invalid("a task on text needs the model's tokenizer\nhint: --tokenizer tokenizer.json"));
        }
        if task.takes() == Takes::Images && preprocessing.image.is_none() {
            return Err(invalid(
                "nothing says how images become the model's input\nhint: --card FILE, with `preprocessing: { image: .. }`",
            ));
        }
        let (dataset, opened) = datasets::open(&self.dataset, task, folder)?;
        drop(opened);
        let name = self.model.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let evaluation = Evaluation {
            task,
            dataset: FileRef { path: self.dataset.clone(), sha256: Digest::of(b""), size_bytes: 0 },
            examples: self.examples,
            checked_examples: 0,
            on_bad_example: if self.skip_bad_examples { OnBadExample::Skip } else { OnBadExample::Fail },
            preprocessing,
            postprocessing: card.postprocessing.unwrap_or_default(),
        };
        let cell = CellSpec {
            provider: self.provider.clone(),
            batch: self.batch,
            sequence_length: self.sequence_length,
            intra_threads: self.threads,
            accuracy: Some(AccuracyRule { evaluation: Some(evaluation), ..AccuracyRule::default() }),
            ..CellSpec::new(ModelRef { name, ..ModelRef::nameless() })
        };
        let library = if let Some(file) = &self.onnxruntime {
            std::path::absolute(file)?
        } else {
            let toolchain = Toolchain::new(agent::config::toolchain_root(&self.data_dir.path()));
            local::install(&toolchain, Package::OnnxRuntime, &Source::pip())?.library()?
        };
        Ok(LocalJob {
            mode: RunMode::Accuracy,
            cell,
            library,
            model: std::path::absolute(&self.model)?,
            tokenizer: self.tokenizer.as_ref().map(std::path::absolute).transpose()?,
            input_file: None,
            dataset: Some(dataset),
            readings: None,
        })
    }
}

#[derive(Debug, Serialize)]
struct EvaluationView {
    model: String,
    dataset: String,
    batch: u32,
    p50_ns: u64,
    peak_rss_bytes: u64,
    #[serde(flatten)]
    record: RecordView,
}

impl Answer for EvaluationView {
    const SCHEMA: &'static str = "furlong.evaluation/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = vec![("model", self.model.clone()), ("data set", self.dataset.clone())];
        lines.extend(self.record.lines());
        lines.extend([
            ("batch", self.batch.to_string()),
            ("p50", units::duration_ns(self.p50_ns)),
            ("peak RSS", units::bytes(self.peak_rss_bytes)),
        ]);
        facts(out, &lines)?;
        writeln!(out)?;
        self.record.write_metrics(out)
    }
}

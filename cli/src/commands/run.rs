//! `run`: one model, or two in turn, on this machine, without a coordinator or a database.

mod options;
mod view;

use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::config::RunnerCommand;
use agent::local::{LocalJob, measure};
use agent::station::Station;
use domain::{AttemptPhase, CellSpec, Failure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{exit::CliError, output};
pub(crate) use options::RunArgs;
pub(super) use options::parse_provider;
use view::{Comparison, Launch, Report, Subject};

/// Launches of each model where two are compared, if nothing else is said: the least that gives a variance with a sense.
const COMPARED_LAUNCHES: u32 = 5;

pub(super) async fn run(args: RunArgs) -> Result<(), CliError> {
    let library = args.library()?;
    let mut models = vec![existing(&args.model)?];
    models.extend(args.compare.as_deref().map(existing).transpose()?);
    let launches = args.launches.unwrap_or(if models.len() > 1 { COMPARED_LAUNCHES } else { 1 });
    let subjects = models.iter().map(|model| args.job(model, &library)).collect::<Result<Vec<LocalJob>, _>>()?;
    let command = agent::config::own_runner()?;
    let sensing = args.sensing.clone().open().map_err(|error| CliError::Invalid(error.to_string()))?;
    let progress = Progress::new(subjects.len() * launches as usize);
    let measuring = async {
        let mut done: Vec<Vec<Launch>> = subjects.iter().map(|_| Vec::new()).collect();
        // In turn, so that slow drift of the machine hits all alike.
        for _ in 0..launches {
            for (job, done) in subjects.iter().zip(&mut done) {
                done.push(launch(job, &command, &sensing.station, &progress).await?);
                progress.bar.inc(1);
            }
        }
        Ok(done)
    };
    let done: Result<_, CliError> = tokio::select! {
        done = measuring => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err(CliError::Stopped)
        }
    };
    progress.bar.finish_and_clear();
    let subjects = models.iter().zip(&subjects).zip(done?);
    let subjects = subjects.map(|((model, job), launches)| Subject::new(model, &job.cell, &launches)).collect();
    let report = Report::new(subjects);
    output::write(&report, args.format())
}

/// A failure with its evidence.
pub(super) fn explained(model: &Path, failure: &Failure) -> CliError {
    let mut text = format!("{} failure while {}: {}", failure.kind, failure.phase, failure.message);
    if !failure.stderr_tail.trim().is_empty() {
        text.push_str("\nthe runner's last words:\n");
        text.push_str(failure.stderr_tail.trim_end());
    }
    CliError::Measuring(format!("cannot measure {}: {text}", model.display()))
}

async fn launch(
    job: &LocalJob,
    command: &RunnerCommand,
    station: &Station,
    progress: &Progress,
) -> Result<Launch, CliError> {
    let name = job.model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let measured = measure(job, command, Some(station), |phase| progress.phase(&name, &job.cell, phase)).await;
    let measurement = *measured.map_err(|failure| explained(&job.model, &failure))?;
    let analysis = analysis::analyse(&job.cell, &measurement).map_err(anyhow::Error::from)?;
    Ok(Launch { measurement, analysis })
}

fn existing(path: &Path) -> Result<PathBuf, CliError> {
    if !path.is_file() {
        return Err(CliError::Invalid(format!("there is no file {}\nhint: name an ONNX model", path.display())));
    }
    Ok(std::path::absolute(path)?)
}

/// On a terminal a bar that moves with time; elsewhere one line a launch.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(launches: usize) -> Self {
        let bar = ProgressBar::new(launches as u64);
        let style = ProgressStyle::with_template("[{bar:28}] {pos}/{len} launches  {elapsed}  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_template| ProgressStyle::default_bar()).progress_chars("=> "));
        // Redrawing takes a core for microseconds, from another process than the runner: twice a second is no disturbance.
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar }
    }

    fn phase(&self, name: &str, cell: &CellSpec, phase: AttemptPhase) {
        let text = match phase {
            AttemptPhase::Measuring => {
                let rule = &cell.measure;
                let least = rule.min_duration;
                format!("{name}: measuring, at least {} queries and {least:?}", rule.min_queries)
            }
            phase => format!("{name}: {phase}"),
        };
        if !self.bar.is_hidden() {
            self.bar.set_message(text);
        } else if phase == AttemptPhase::Measuring {
            output::note(&text);
        }
    }
}

/// What two models' launches say about each other.
fn compare(first: &[f64], second: &[f64]) -> Option<Comparison> {
    let ratio = stats::log_ratio(first, second, 0.95)?;
    Some(Comparison { ratio: ratio.ratio, low: ratio.low, high: ratio.high })
}

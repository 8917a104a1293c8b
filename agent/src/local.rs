//! One measurement on this machine, without a coordinator: the same runner, the same supervision, no wire.

use std::path::{Path, PathBuf};

use domain::{AttemptPhase, CellSpec, Failure, FailureKind, Measurement, RunMode};
use proto::pb;
use tokio::sync::{mpsc, oneshot};

use crate::config::RunnerCommand;
use crate::supervise::{self, Launch, supervise};

/// Phases that may wait for their reader.
const PHASES: usize = 16;

/// What to measure, and the files it takes, all by absolute paths.
#[derive(Debug, Clone)]
pub struct LocalJob {
    pub mode: RunMode,
    pub cell: CellSpec,
    pub library: PathBuf,
    pub model: PathBuf,
    pub tokenizer: Option<PathBuf>,
    /// The text or the tensors the cell names.
    pub input_file: Option<PathBuf>,
    /// The cell's data set.
    pub dataset: Option<PathBuf>,
    /// Recorded readings of the environment in place of the machine's, for tests of what follows from them.
    pub readings: Option<PathBuf>,
}

/// Measures in a runner of its own, which dies with the caller. `on_phase` is told how far it is.
pub async fn measure(
    job: &LocalJob,
    command: &RunnerCommand,
    mut on_phase: impl FnMut(AttemptPhase),
) -> Result<Box<Measurement>, Failure> {
    let scratch = tempfile::Builder::new()
        .prefix("furlong-run-")
        .tempdir()
        .map_err(|error| infra(format!("cannot create a scratch directory: {error}")))?;
    let launch = Launch {
        command,
        scratch: scratch.path(),
        variables: &job.cell.settings.variables,
        max_runtime: job.cell.max_runtime(),
        job: pb::RunnerJob {
            cell: Some(job.cell.clone().into()),
            runtime_library: text(&job.library)?,
            model: text(&job.model)?,
            tokenizer: job.tokenizer.as_deref().map(text).transpose()?.unwrap_or_default(),
            input_file: job.input_file.as_deref().map(text).transpose()?.unwrap_or_default(),
            dataset: job.dataset.as_deref().map(text).transpose()?.unwrap_or_default(),
            mode: pb::RunMode::from(job.mode).into(),
            memory_limit_bytes: supervise::limit_bytes(),
            readings: job.readings.as_deref().map(text).transpose()?.unwrap_or_default(),
        },
    };
    let (phases, mut told) = mpsc::channel(PHASES);
    // Kept to the end: dropping it would be the order to stop.
    let (_never, mut kill) = oneshot::channel();
    let mut supervised = std::pin::pin!(supervise(launch, &phases, &mut kill));
    loop {
        tokio::select! {
            outcome = &mut supervised => return outcome,
            Some(phase) = told.recv() => on_phase(phase),
        }
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().ok_or_else(|| infra(format!("the path `{}` is not UTF-8", path.display())))?;
    Ok(text.to_owned())
}

fn infra(message: String) -> Failure {
    Failure::without_runner(FailureKind::Infra, AttemptPhase::Preparing, message)
}

//! One measurement on this machine, without a coordinator: the same runner, the same supervision, no wire.

use std::path::{Path, PathBuf};

use domain::{AttemptPhase, CellSpec, Failure, FailureKind, Measurement, RunMode};
use proto::pb;
use tokio::sync::{mpsc, oneshot};

use crate::config::RunnerCommand;
use crate::station::{Station, Visit};
use crate::supervise::{self, Ended, Launch, supervise};

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

/// Measures in a runner of its own, which dies with the caller, and listens to the station's sensors meanwhile. `on_phase` is told how far it is.
pub async fn measure(
    job: &LocalJob,
    command: &RunnerCommand,
    station: Option<&Station>,
    mut on_phase: impl FnMut(AttemptPhase),
) -> Result<Box<Measurement>, Failure> {
    let mut visit = station.map(|station| Visit::begin(station, &job.cell)).transpose()?;
    if let Some(visit) = &mut visit
        && job.mode == RunMode::Performance
    {
        visit.cool(&job.cell).await?;
        visit.listen().await;
    }
    let scratch = tempfile::Builder::new()
        .prefix("furlong-run-")
        .tempdir()
        .map_err(|error| infra(format!("cannot create a scratch directory: {error}")))?;
    if let Some(visit) = &visit {
        visit.attend();
    }
    let simulated = station.and_then(Station::simulated);
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
            root: simulated.map(|simulated| text(&simulated.tree)).transpose()?.unwrap_or_default(),
            pace: simulated.map(|simulated| text(&simulated.pace)).transpose()?.unwrap_or_default(),
        },
    };
    let (phases, mut told) = mpsc::channel(PHASES);
    // Kept to the end: dropping it would be the order to stop.
    let (_never, mut kill) = oneshot::channel();
    let mut supervised = std::pin::pin!(supervise(launch, &phases, &mut kill));
    let Ended { outcome, marks } = loop {
        tokio::select! {
            ended = &mut supervised => break ended,
            Some(phase) = told.recv() => on_phase(phase),
        }
    };
    let mut measurement = outcome?;
    if let Some(visit) = visit {
        visit.end(&mut measurement, marks, Vec::new()).await;
    }
    Ok(measurement)
}

fn text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().ok_or_else(|| infra(format!("the path `{}` is not UTF-8", path.display())))?;
    Ok(text.to_owned())
}

fn infra(message: String) -> Failure {
    Failure::without_runner(FailureKind::Infra, AttemptPhase::Preparing, message)
}

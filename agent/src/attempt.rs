//! One attempt from its assignment to its outcome: fetches the artifacts, starts the runner in a directory of its own,
//! and cleans up. Every way it can end is an [`Outcome`]. It talks to nobody about it: the driver does.

use std::fs;
use std::path::{Path, PathBuf};

use domain::{AttemptPhase, CellSpec, Failure, FailureKind, FileRef, ModelRef, Runtime};
use proto::pb;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tonic::transport::Channel;
use toolchain::{Source, Toolchain};

use crate::cache::{Cache, Wanted};
use crate::session::{Assignment, KillReason};
use crate::supervise::{self, Launch, RunnerCommand, supervise};
use crate::wire::Outcome;

/// Everything an attempt needs of its device.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) channel: Channel,
    pub(crate) cache: Cache,
    pub(crate) runner: RunnerCommand,
    /// For cells that name no runtime of their own.
    pub(crate) library: PathBuf,
    /// Where runtimes are installed that a cell names by their release.
    pub(crate) toolchain_root: PathBuf,
    /// Recorded readings of the environment in place of the machine's, for tests.
    pub(crate) readings: Option<PathBuf>,
    /// One directory an attempt below it; emptied at the agent's start.
    pub(crate) scratch: PathBuf,
}

impl Workshop {
    /// Executes one attempt. Tells phases while it goes; ends early when `kill` says why.
    pub(crate) async fn execute(
        &self,
        assignment: Assignment,
        phases: &mpsc::Sender<AttemptPhase>,
        mut kill: oneshot::Receiver<KillReason>,
    ) -> Outcome {
        let Assignment { attempt, cell, max_runtime, .. } = assignment;
        let variables = cell.settings.variables.clone();
        let job = tokio::select! {
            job = self.prepare(cell) => job?,
            why = &mut kill => return Err(killed_early(why.unwrap_or(KillReason::Stopped))),
        };
        let scratch = self.scratch.join(attempt.to_string());
        create_empty(&scratch)
            .map_err(|error| infra(format!("cannot create the scratch directory `{}`: {error}", scratch.display())))?;
        let launch = Launch { command: &self.runner, scratch: &scratch, variables: &variables, job, max_runtime };
        let outcome = supervise(launch, phases, &mut kill).await;
        // Best effort: what stays is removed at the next start.
        fs::remove_dir_all(&scratch).unwrap_or_default();
        outcome
    }

    async fn prepare(&self, cell: CellSpec) -> Result<pb::RunnerJob, Failure> {
        let ModelRef { name, sha256, size_bytes, tokenizer_sha256 } = cell.model.clone();
        let model = Wanted { what: format!("model `{name}`"), sha256, size_bytes: Some(size_bytes) };
        let tokenizer = tokenizer_sha256.map(|sha256| {
            let what = format!("the tokenizer of model `{name}`");
            Wanted { what, sha256, size_bytes: None }
        });
        let input_file = cell.input.file().map(|file| wanted("input file", file));
        Ok(pb::RunnerJob {
            model: self.obtain(Some(model)).await?,
            tokenizer: self.obtain(tokenizer).await?,
            input_file: self.obtain(input_file).await?,
            runtime_library: self.runtime_library(&cell.runtime).await?,
            cell: Some(cell.into()),
            memory_limit_bytes: supervise::limit_bytes(),
            readings: self.readings.as_deref().map(path_text).transpose()?.unwrap_or_default(),
        })
    }

    /// The library a cell asks for: this agent's own, a release that pip fetches on the device, or an artifact.
    async fn runtime_library(&self, runtime: &Runtime) -> Result<String, Failure> {
        match runtime {
            Runtime::Managed => path_text(&self.library),
            Runtime::Release(version) => {
                let (toolchain, version) = (Toolchain::new(self.toolchain_root.clone()), version.clone());
                let install = move || toolchain.install_runtime(&version, &Source::pip(), &mut |_| {});
                let installed = spawn_blocking(install).await.map_err(|error| infra(error.to_string()))?;
                path_text(&installed.map_err(|error| infra(error.to_string()))?.path)
            }
            Runtime::File(file) => self.obtain(Some(wanted("runtime library", file))).await,
        }
    }

    /// The path of an artifact; empty if none is wanted.
    async fn obtain(&self, wanted: Option<Wanted>) -> Result<String, Failure> {
        let Some(wanted) = wanted else { return Ok(String::new()) };
        let path = self.cache.obtain(&self.channel, &wanted).await.map_err(|error| infra(error.to_string()))?;
        path_text(&path)
    }
}

fn wanted(what: &str, file: &FileRef) -> Wanted {
    Wanted { what: format!("{what} `{}`", file.path), sha256: file.sha256, size_bytes: Some(file.size_bytes) }
}

/// Makes the directory; whatever an earlier life left there is gone.
pub(crate) fn create_empty(directory: &Path) -> std::io::Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)
}

fn path_text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().ok_or_else(|| infra(format!("the path `{}` is not UTF-8", path.display())))?;
    Ok(text.to_owned())
}

fn infra(message: String) -> Failure {
    Failure::without_runner(FailureKind::Infra, AttemptPhase::Preparing, message)
}

fn killed_early(why: KillReason) -> Failure {
    let (kind, message) = match why {
        KillReason::Cancelled(reason) => (FailureKind::Cancelled, reason),
        KillReason::LeaseLost => (FailureKind::Infra, "the lease was lost before the runner started".to_owned()),
        KillReason::Stopped => (FailureKind::Infra, "the agent was stopped".to_owned()),
    };
    Failure::without_runner(kind, AttemptPhase::Preparing, message)
}

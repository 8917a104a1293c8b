//! One attempt from its assignment to its outcome: fetches the artifacts, starts the runner in a directory of its own,
//! and cleans up. Every way it can end is an [`Outcome`]. It talks to nobody about it: the driver does.

use std::fs;
use std::path::{Path, PathBuf};

use domain::{AttemptPhase, CellSpec, Failure, FailureKind, FileRef, ModelFile, ModelRef, RunMode, Runtime};
use proto::pb;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tonic::transport::Channel;
use toolchain::{Source, Toolchain};

use crate::cache::{self, Cache, Pinned, Wanted};
use crate::conditions;
use crate::session::{Assignment, KillReason};
use crate::station::{Station, Visit};
use crate::supervise::{self, Ended, Launch, RunnerCommand, supervise};
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
    /// The board's sensors.
    pub(crate) station: Station,
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
        let scratch = self.scratch.join(assignment.attempt.to_string());
        create_empty(&scratch)
            .map_err(|error| infra(format!("cannot create the scratch directory `{}`: {error}", scratch.display())))?;
        let outcome = self.execute_in(&scratch, assignment, phases, &mut kill).await;
        // Best effort: what stays is removed at the next start.
        fs::remove_dir_all(&scratch).unwrap_or_default();
        outcome
    }

    async fn execute_in(
        &self,
        scratch: &Path,
        assignment: Assignment,
        phases: &mpsc::Sender<AttemptPhase>,
        kill: &mut oneshot::Receiver<KillReason>,
    ) -> Outcome {
        let Assignment { cell, mode, max_runtime, .. } = assignment;
        let pins = conditions::meet(&cell, &self.station)?;
        let mut visit = Visit::begin(&self.station, &cell)?;
        let asked = cell.clone();
        let variables = cell.settings.variables.clone();
        let mut files = Files { workshop: self, held: Vec::new() };
        let job = tokio::select! {
            job = files.prepare(cell, mode, scratch) => job?,
            why = &mut *kill => return Err(killed_early(why)),
        };
        // A data set's answers do not depend on heat, and nobody asks what they cost.
        if mode == RunMode::Performance {
            // A full queue loses a phase, never blocks: phases are news for people.
            phases.try_send(AttemptPhase::Cooling).unwrap_or_default();
            let waiting = async {
                visit.cool(&asked).await?;
                visit.listen().await;
                Ok(())
            };
            tokio::select! {
                ready = waiting => ready?,
                why = &mut *kill => return Err(killed_early(why)),
            }
        }
        visit.attend();
        let launch = Launch { command: &self.runner, scratch, variables: &variables, job, max_runtime };
        let Ended { outcome, marks } = supervise(launch, phases, kill).await;
        let mut measurement = outcome?;
        visit.end(&mut measurement, marks, pins.read_back()).await;
        Ok(measurement)
    }
}

/// What one attempt holds of the cache until it ends.
struct Files<'a> {
    workshop: &'a Workshop,
    held: Vec<Pinned>,
}

impl Files<'_> {
    async fn prepare(&mut self, cell: CellSpec, mode: RunMode, scratch: &Path) -> Result<pb::RunnerJob, Failure> {
        let input_file = cell.input.file().map(|file| wanted("input file", file));
        let simulated = self.workshop.station.simulated();
        let evaluation = cell.accuracy.as_ref().and_then(|rule| rule.evaluation.as_ref());
        let dataset = evaluation.map(|evaluation| wanted("data set", &evaluation.dataset));
        Ok(pb::RunnerJob {
            model: self.model(&cell.model, scratch).await?,
            tokenizer: self.tokenizer(&cell.model).await?,
            input_file: self.obtain_if(input_file).await?,
            dataset: self.obtain_if(dataset).await?,
            mode: pb::RunMode::from(mode).into(),
            runtime_library: self.runtime_library(&cell.runtime).await?,
            cell: Some(cell.into()),
            memory_limit_bytes: supervise::limit_bytes(),
            readings: self.workshop.readings.as_deref().map(path_text).transpose()?.unwrap_or_default(),
            root: simulated.map(|simulated| path_text(&simulated.tree)).transpose()?.unwrap_or_default(),
            pace: simulated.map(|simulated| path_text(&simulated.pace)).transpose()?.unwrap_or_default(),
        })
    }

    /// The ONNX file: in the cache, or with its side files in a folder of this attempt.
    async fn model(&mut self, model: &ModelRef, scratch: &Path) -> Result<String, Failure> {
        let ModelRef { name, precision: _, sha256, size_bytes, tokenizer_sha256: _, files } = model;
        let what = format!("model `{name}`");
        let onnx = self.obtain(&Wanted { what, sha256: *sha256, size_bytes: Some(*size_bytes) }).await?;
        if files.is_empty() {
            return path_text(&onnx);
        }
        let mut beside = Vec::with_capacity(files.len());
        for ModelFile { path, sha256, size_bytes } in files {
            let what = format!("the side file `{path}` of model `{name}`");
            let file = self.obtain(&Wanted { what, sha256: *sha256, size_bytes: Some(*size_bytes) }).await?;
            beside.push((path.clone(), file));
        }
        let folder = scratch.join("model");
        // Without hard links it copies.
        let assembling = spawn_blocking(move || cache::assemble(&folder, &onnx, &beside));
        let assembled = assembling.await.map_err(|error| infra(error.to_string()))?;
        let failed = |error: cache::FolderError| {
            Failure::without_runner(error.kind(), AttemptPhase::Preparing, format!("model `{name}`: {error}"))
        };
        path_text(&assembled.map_err(failed)?)
    }

    async fn tokenizer(&mut self, model: &ModelRef) -> Result<String, Failure> {
        let wanted = model.tokenizer_sha256.map(|sha256| {
            let what = format!("the tokenizer of model `{}`", model.name);
            Wanted { what, sha256, size_bytes: None }
        });
        self.obtain_if(wanted).await
    }

    /// The library a cell asks for: this agent's own, a release that pip fetches on the device, or an artifact.
    async fn runtime_library(&mut self, runtime: &Runtime) -> Result<String, Failure> {
        match runtime {
            Runtime::Managed => path_text(&self.workshop.library),
            Runtime::Release(version) => {
                let (toolchain, version) = (Toolchain::new(self.workshop.toolchain_root.clone()), version.clone());
                let install = move || toolchain.install_runtime(&version, &Source::pip(), &mut |_| {});
                let installed = spawn_blocking(install).await.map_err(|error| infra(error.to_string()))?;
                path_text(&installed.map_err(|error| infra(error.to_string()))?.path)
            }
            Runtime::File(file) => self.obtain_if(Some(wanted("runtime library", file))).await,
        }
    }

    /// The path of an artifact; empty if none is wanted.
    async fn obtain_if(&mut self, wanted: Option<Wanted>) -> Result<String, Failure> {
        match wanted {
            Some(wanted) => path_text(&self.obtain(&wanted).await?),
            None => Ok(String::new()),
        }
    }

    /// The path of an artifact, which stays where it is while the attempt goes on.
    async fn obtain(&mut self, wanted: &Wanted) -> Result<PathBuf, Failure> {
        let Workshop { cache, channel, .. } = self.workshop;
        let pinned = cache.obtain(channel, wanted).await.map_err(|error| infra(error.to_string()))?;
        let path = pinned.path().to_owned();
        self.held.push(pinned);
        Ok(path)
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

fn killed_early(why: Result<KillReason, oneshot::error::RecvError>) -> Failure {
    let (kind, message) = match why.unwrap_or(KillReason::Stopped) {
        KillReason::Cancelled(reason) => (FailureKind::Cancelled, reason),
        KillReason::LeaseLost => (FailureKind::Infra, "the lease was lost before the runner started".to_owned()),
        KillReason::Stopped => (FailureKind::Infra, "the agent was stopped".to_owned()),
    };
    Failure::without_runner(kind, AttemptPhase::Preparing, message)
}

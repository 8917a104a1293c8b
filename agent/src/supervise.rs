//! Starts the runner of one attempt, watches it, and says how it ended. Owns the child process and its pipes, and leaves
//! neither a process nor a zombie behind, even when it is dropped midway.
//!
//! It must not disturb what is measured: it polls nothing. It sleeps until the runner writes (a handful of phase messages,
//! never inside the measured loop), ends, or is to be killed; memory is read once a phase and once before a kill, at some
//! 30 us of one core each.

mod ending;
mod events;
mod memory;
mod tail;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use domain::{AttemptPhase, Failure, FailureKind};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use prost::Message as _;
use proto::pb;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::session::KillReason;
use crate::station::Marks;
use crate::wire::Outcome;
use ending::{End, Evidence};
use events::{Event, Events};
use memory::Watch;
use tail::Tail;

pub(crate) use memory::limit_bytes;

/// After its report a runner has nothing left to do but to free its memory.
const EXIT_GRACE: Duration = Duration::from_secs(5);
/// After its end, for what is still in the pipes; only a grandchild that keeps them open makes it last.
const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// The program that is the runner, e.g. this one with the argument `runner`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

/// One runner to start.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) command: &'a RunnerCommand,
    /// Working directory; the attempt's own.
    pub(crate) scratch: &'a Path,
    /// Of the cell: added to the agent's own environment.
    pub(crate) variables: &'a BTreeMap<String, String>,
    pub(crate) job: pb::RunnerJob,
    pub(crate) max_runtime: Duration,
}

/// Runs one runner to its end. Tells phases while it goes; sends it away when `kill` says why.
pub(crate) async fn supervise(
    launch: Launch<'_>,
    phases: &mpsc::Sender<AttemptPhase>,
    kill: &mut oneshot::Receiver<KillReason>,
) -> Ended {
    match Runner::start(&launch) {
        Ok(runner) => runner.watch(launch.max_runtime, phases, kill).await,
        Err(error) => {
            let message = format!("cannot start the runner `{}`: {error}", launch.command.program.display());
            Ended::failed(Failure::without_runner(FailureKind::Infra, AttemptPhase::Loading, message))
        }
    }
}

/// How a runner ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    /// When its measuring began and ended; `None` if it never did.
    pub(crate) marks: Option<Marks>,
}

impl Ended {
    fn failed(failure: Failure) -> Self {
        Self { outcome: Err(failure), marks: None }
    }
}

struct Runner {
    process: Process,
    /// Kept open after the job is written: its end tells the runner that the agent is gone.
    stdin: ChildStdin,
    job: Vec<u8>,
    written: usize,
    events: Events,
    stderr: Tail,
    memory: Watch,
    phase: AttemptPhase,
    report: Option<Outcome>,
    marks: Option<Marks>,
    why_killed: Option<End>,
}

impl Runner {
    fn start(launch: &Launch<'_>) -> io::Result<Self> {
        let limit_bytes = launch.job.memory_limit_bytes;
        let mut child = Command::new(&launch.command.program)
            .args(&launch.command.arguments)
            .current_dir(launch.scratch)
            .envs(launch.variables)
            .env("TMPDIR", launch.scratch)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(pid), Some(stdin), Some(stdout), Some(stderr)) =
            (child.id(), child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("the child has no pid or no pipes"));
        };
        Ok(Self {
            process: Process::new(child, pid),
            stdin,
            job: launch.job.encode_length_delimited_to_vec(),
            written: 0,
            events: Events::new(stdout),
            stderr: Tail::new(stderr, Failure::STDERR_LIMIT_BYTES),
            memory: Watch::new(pid, limit_bytes),
            phase: AttemptPhase::Loading,
            report: None,
            marks: None,
            why_killed: None,
        })
    }

    async fn watch(
        mut self,
        max_runtime: Duration,
        phases: &mpsc::Sender<AttemptPhase>,
        kill: &mut oneshot::Receiver<KillReason>,
    ) -> Ended {
        // The next moment at which patience ends; moved earlier by a report and by the process's end, later by progress.
        let mut patience = after(max_runtime);
        let mut status: Option<ExitStatus> = None;
        let mut kill_open = true;
        // A full queue loses a phase, never blocks: phases are news for people.
        phases.try_send(self.phase).unwrap_or_default();
        while status.is_none() || self.events.is_open() || self.stderr.is_open() {
            tokio::select! {
                event = self.events.next(), if self.events.is_open() => match event {
                    // Said again, a phase is news of progress: a run over a data set takes as long as it takes.
                    Ok(Some(Event::Phase(phase))) if phase == self.phase => {
                        self.memory.sample();
                        if self.report.is_none() && self.why_killed.is_none() && status.is_none() {
                            patience = after(max_runtime);
                        }
                    }
                    Ok(Some(Event::Phase(phase))) => {
                        self.phase = phase;
                        self.memory.sample();
                        phases.try_send(phase).unwrap_or_default();
                    }
                    Ok(Some(Event::Marks(marks))) => self.marks = Some(marks),
                    Ok(Some(Event::Report(report))) if self.report.is_none() => {
                        self.report = Some(report);
                        patience = patience.min(after(EXIT_GRACE));
                    }
                    Ok(Some(Event::Report(_)) | None) => {}
                    Err(bad) => self.kill(End::Garbage(bad)),
                },
                () = self.stderr.pump(), if self.stderr.is_open() => {}
                written = self.stdin.write(&self.job[self.written..]), if self.written < self.job.len() => {
                    // A runner that does not read its job ends by itself, and then tells why.
                    self.written = written.map_or(self.job.len(), |count| self.written + count);
                }
                ended = self.process.wait(), if status.is_none() => {
                    self.memory.ended();
                    // Whatever it started dies with it.
                    self.process.kill_group();
                    match ended {
                        Ok(ended) => status = Some(ended),
                        Err(error) => return Ended::failed(lost(self.phase, &error)),
                    }
                    patience = after(DRAIN_GRACE);
                }
                why = &mut *kill, if kill_open && status.is_none() => {
                    kill_open = false;
                    self.kill(End::Killed(why.unwrap_or(KillReason::Stopped)));
                }
                () = sleep_until(patience) => {
                    if status.is_some() {
                        break;
                    }
                    self.kill(End::TimedOut(max_runtime));
                    patience = after(DRAIN_GRACE);
                }
            }
        }
        self.conclude(status)
    }

    fn kill(&mut self, why: End) {
        self.memory.sample();
        self.why_killed.get_or_insert(why);
        self.process.kill();
    }

    fn conclude(self, status: Option<ExitStatus>) -> Ended {
        let marks = self.marks;
        Ended { outcome: self.into_outcome(status), marks }
    }

    fn into_outcome(self, status: Option<ExitStatus>) -> Outcome {
        let evidence = Evidence {
            phase: self.phase,
            stderr_tail: self.stderr.into_text(),
            peak_rss_bytes: self.memory.peak_bytes(),
            memory_ran_out: self.memory.ran_out(),
        };
        match self.report {
            // A complete measurement is kept, however the runner ended after it.
            Some(Ok(measurement)) => Ok(measurement),
            Some(Err(failure)) => Err(ending::complete(failure, status, evidence)),
            None => Err(ending::classify(self.why_killed, status, evidence)),
        }
    }
}

fn lost(phase: AttemptPhase, error: &io::Error) -> Failure {
    Failure::without_runner(FailureKind::Infra, phase, format!("lost sight of the runner: {error}"))
}

fn after(duration: Duration) -> Instant {
    Instant::now() + duration
}

/// The child and whatever it starts. Dropping it kills them all.
struct Process {
    child: Child,
    pid: Pid,
    reaped: bool,
}

impl Process {
    fn new(child: Child, pid: u32) -> Self {
        Self { child, pid: Pid::from_raw(pid.cast_signed()), reaped: false }
    }

    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.reaped = true;
        status
    }

    /// SIGKILL at once, to the process and to its group: a runner that hangs in a runtime hears nothing else.
    fn kill(&self) {
        self.kill_group();
        if !self.reaped {
            // It may not have become its group's leader yet. It may be dead already.
            kill(self.pid, Signal::SIGKILL).unwrap_or_default();
        }
    }

    /// The runner leads a session of its own, whose group bears its pid as long as anybody is left in it.
    fn kill_group(&self) {
        killpg(self.pid, Signal::SIGKILL).unwrap_or_default();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
    }
}

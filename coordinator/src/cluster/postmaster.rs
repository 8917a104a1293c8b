//! The running server's process: our child, or one that outlived an earlier coordinator.

use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tracing::warn;

use super::error::ClusterError;
use super::pidfile::PidFile;
use super::server::Address;

/// An adopted process is nobody's child here, so that it must be looked at: twice a second costs nothing and is soon enough.
const WATCH_POLL: Duration = Duration::from_millis(500);
/// Somebody waits for the end of this one.
const STOP_POLL: Duration = Duration::from_millis(20);
/// Fast shutdown writes a checkpoint of up to `shared_buffers`; immediate shutdown gives its children 5 s; SIGKILL needs none.
const STOP_STEPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(30)),
    (Signal::SIGQUIT, Duration::from_secs(10)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// How a server ended that nobody had asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostmasterGone {
    Ended(ExitStatus),
    /// It was not our child, so that nobody can say how.
    Vanished,
}

impl fmt::Display for PostmasterGone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(status) => write!(formatter, "PostgreSQL ended: {status}"),
            Self::Vanished => formatter.write_str("PostgreSQL is gone"),
        }
    }
}

/// Dropping it asks the server for a fast shutdown without waiting, so that an error on the way leaves no server behind.
#[derive(Debug)]
pub(super) struct Postmaster {
    pub(super) address: Address,
    process: Process,
}

#[derive(Debug)]
enum Process {
    Child(Child),
    Adopted(PidFile),
}

impl Postmaster {
    pub(super) fn child(address: Address, child: Child) -> Self {
        Self { address, process: Process::Child(child) }
    }

    pub(super) fn adopted(address: Address, file: PidFile) -> Self {
        Self { address, process: Process::Adopted(file) }
    }

    /// How it has ended, or `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<PostmasterGone> {
        match &mut self.process {
            Process::Child(child) => match child.try_wait() {
                Ok(status) => status.map(PostmasterGone::Ended),
                Err(_) => Some(PostmasterGone::Vanished),
            },
            Process::Adopted(file) => (!file.is_current()).then_some(PostmasterGone::Vanished),
        }
    }

    pub(super) async fn watch(&mut self) -> PostmasterGone {
        self.gone(WATCH_POLL).await
    }

    /// Resolves when it has ended. May be dropped and called again.
    async fn gone(&mut self, poll: Duration) -> PostmasterGone {
        match &mut self.process {
            Process::Child(child) => child.wait().await.map_or(PostmasterGone::Vanished, PostmasterGone::Ended),
            Process::Adopted(file) => {
                while file.is_current() {
                    tokio::time::sleep(poll).await;
                }
                PostmasterGone::Vanished
            }
        }
    }

    /// In order, and with ever more force if that does not help.
    pub(super) async fn stop(mut self) -> Result<(), ClusterError> {
        let pid = self.pid();
        for (signal, patience) in STOP_STEPS {
            self.signal(signal);
            if tokio::time::timeout(patience, self.gone(STOP_POLL)).await.is_ok() {
                return Ok(());
            }
            warn!(pid, %signal, patience_s = patience.as_secs(), "PostgreSQL did not end");
        }
        Err(ClusterError::Unstoppable { pid })
    }

    /// 0 when it has ended.
    pub(super) fn pid(&self) -> i32 {
        match &self.process {
            Process::Child(child) => child.id().map_or(0, u32::cast_signed),
            Process::Adopted(file) => file.pid,
        }
    }

    fn signal(&self, signal: Signal) {
        match &self.process {
            // A child that was not waited for keeps its pid, so that this cannot meet anybody else.
            Process::Child(child) => {
                if let Some(pid) = child.id() {
                    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
                }
            }
            Process::Adopted(file) => file.signal(signal),
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.signal(Signal::SIGINT);
    }
}

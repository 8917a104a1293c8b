//! What can go wrong while preparing the environment or converting, each with the way out.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use domain::Digest;
use domain::model::Precision;

use crate::answer::{Refusal, RefusalKind};

/// Why there is no variant. `Display` says what, where, why and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    #[error(
        "the converters need CPython {} to {}, and none was found: {}\nhint: install one of these, or name another Python program",
        minor(crate::environment::OLDEST_PYTHON), minor(crate::environment::NEWEST_PYTHON), tried.join("; ")
    )]
    NoPython { tried: Vec<String> },

    #[error("`{python}` cannot create an environment for the converters\nit said: {evidence}\nhint: install Python's venv module (on Debian and Ubuntu the package python3-venv), then run it again", python = python.display())]
    NoVenv { python: PathBuf, evidence: String },

    #[error("cannot install the converters: no connection to the package index\npip said: {evidence}\nhint: check the network, the proxy and pip's index settings; without a network, put the wheels of `{lock}` into a directory and set PIP_NO_INDEX=1 and PIP_FIND_LINKS", lock = lock.display())]
    Offline { evidence: String, lock: PathBuf },

    #[error(
        "a converter's package does not have the pinned hash, and was refused\npip said: {evidence}\nhint: the index or a proxy served other bytes than the pinned ones; do not use them, try another index"
    )]
    HashRefused { evidence: String },

    #[error(
        "the package index lacks a converter's package for this platform\npip said: {evidence}\nhint: if pip uses a mirror, the mirror lacks it; managed platforms: Linux x86_64 and aarch64, macOS aarch64"
    )]
    NotInIndex { evidence: String },

    #[error("pip failed to install the converters ({status})\npip said: {evidence}\nhint: run it again")]
    PipFailed { status: String, evidence: String },

    #[error("the disk is full: {evidence}\nhint: free some space under `{path}` (the converters take 400 MB), then run it again", path = path.display())]
    DiskFull { path: PathBuf, evidence: String },

    #[error("cannot {action} `{path}`", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    #[error(
        "there is no recipe for `{precision}`\nhint: recipes: {}; a variant of another precision is attached and not made",
        recipes()
    )]
    NoRecipe { precision: Precision },

    #[error("`{path}` is not the model that was asked for: expected sha256 {expected}, found {found}\nhint: it was changed or is damaged; add the model again", path = path.display())]
    OriginalChanged { path: PathBuf, expected: Digest, found: Digest },

    /// The converters' own reason.
    #[error("cannot {action}: {refusal}")]
    #[expect(private_interfaces, reason = "its parts are told by `refusal_kind` and Display")]
    Refused { action: &'static str, refusal: Refusal },

    #[error("cannot {action}: it took more than {minutes} minutes and was stopped\nits last words: {stderr}\nhint: a machine that does less besides, or a smaller model", minutes = limit.as_secs() / 60)]
    TimedOut { action: &'static str, limit: Duration, stderr: String },

    #[error(
        "cannot {action}: Python ended without an answer ({status})\nits last words: {stderr}\nhint: signal 9 is what the kernel sends when memory runs out; a conversion needs about four times the model's size"
    )]
    Died { action: &'static str, status: ExitStatus, stderr: String },
}

impl ConvertError {
    /// The kind of the converters' own reason, if it is one.
    pub fn refusal_kind(&self) -> Option<RefusalKind> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.kind),
            _ => None,
        }
    }

    /// Whether the same job may succeed later on the same machine.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Offline { .. }
            | Self::PipFailed { .. }
            | Self::DiskFull { .. }
            | Self::Io { .. }
            | Self::TimedOut { .. }
            | Self::Died { .. } => true,
            Self::Refused { refusal, .. } => {
                matches!(refusal.kind, RefusalKind::DiskFull | RefusalKind::OutOfMemory | RefusalKind::ModuleMissing)
            }
            Self::NoPython { .. }
            | Self::NoVenv { .. }
            | Self::HashRefused { .. }
            | Self::NotInIndex { .. }
            | Self::NoRecipe { .. }
            | Self::OriginalChanged { .. } => false,
        }
    }

    /// Wraps an I/O error of ours. A full disk has a way out of its own.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { evidence: format!("cannot {action} `{}`: {source}", path.display()), path }
            }
            _ => Self::Io { action, path, source },
        }
    }
}

fn minor((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

fn recipes() -> String {
    domain::model::Recipe::ALL.map(domain::model::Recipe::name).join(", ")
}

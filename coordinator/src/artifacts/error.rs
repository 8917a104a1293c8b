//! What can go wrong with bytes, typed by what the caller does about it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use domain::{Digest, units};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactError {
    /// Nothing of what did not fit is left behind.
    #[error(
        "the disk of the artifact store is full: {} are needed, {} are free",
        units::bytes(*needed_bytes),
        units::bytes(*free_bytes)
    )]
    Full { folder: PathBuf, needed_bytes: u64, free_bytes: u64 },
    #[error("the offset {offset} is behind the artifact's end, which is at {size_bytes}")]
    BehindEnd { offset: u64, size_bytes: u64 },
    /// Its bytes are in quarantine now.
    #[error("the stored bytes of artifact {} are damaged and were put aside; upload it again", .0.short())]
    Damaged(Digest),
    /// What was read is not what is stored.
    #[error("artifact {} was misread; try again", .0.short())]
    Misread(Digest),
    #[error("cannot {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// The bucket is away or refuses us, or the folder can't be read.
    #[error("the artifact store does not answer")]
    Store(#[source] StoreFault),
}

/// What the library says, in one: each of its errors repeats all of its causes.
#[derive(Debug)]
pub(crate) struct StoreFault(object_store::Error);

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for StoreFault {}

impl ArtifactError {
    /// For `map_err`.
    pub(crate) fn store(error: object_store::Error) -> Self {
        Self::Store(StoreFault(error))
    }

    /// For `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

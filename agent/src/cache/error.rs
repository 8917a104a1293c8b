//! Why an artifact is not there.

use std::io;
use std::path::{Path, PathBuf};

use domain::{Digest, units};

use super::{Cache, Wanted, room};

/// All of these are the infrastructure's fault, never the model's. Each is one sentence with its cause in it, because it
/// becomes the message of a failure and travels without a chain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error(
        "cannot fetch {what} ({sha256:?}): the coordinator does not have it; add it again with `furlong models add` or submit the campaign again"
    )]
    NotFound { what: String, sha256: Digest },
    #[error(
        "cannot fetch {what} ({sha256:?}): {limit} downloads had other bytes (last: {found}); check the network between this device and the coordinator, and the coordinator's artifact store with `furlong artifacts verify`",
        limit = super::MISMATCH_LIMIT
    )]
    Mismatch { what: String, sha256: Digest, found: String },
    #[error(
        "cannot fetch {what} ({sha256:?}): the transfer was interrupted {limit} times without progress (last: {last}); it resumes where it stopped when the run is tried again",
        limit = super::STALL_LIMIT
    )]
    Interrupted { what: String, sha256: Digest, last: String },
    #[error(
        "cannot store {what} ({sha256:?}): the device's disk is full: `{path}` needs {}, and {} are free, even without what could leave the cache; free some space on it",
        needed(*needed_bytes),
        units::bytes(*free_bytes),
        path = path.display()
    )]
    DiskFull { what: String, sha256: Digest, path: PathBuf, needed_bytes: Option<u64>, free_bytes: u64 },
    #[error(
        "cannot store {what} ({sha256:?}): it needs {} in `{path}`, whose limit is {} and of which this attempt holds {} already; start the agent with a larger --cache-limit",
        units::bytes(*needed_bytes),
        units::bytes(*limit_bytes),
        units::bytes(*held_bytes),
        path = path.display()
    )]
    OverLimit { what: String, sha256: Digest, path: PathBuf, needed_bytes: u64, limit_bytes: u64, held_bytes: u64 },
    #[error("cannot store {what} ({sha256:?}): {action} `{path}` failed: {error}; check the device's disk", path = path.display())]
    Io { what: String, sha256: Digest, action: &'static str, path: PathBuf, error: io::Error },
}

fn needed(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "more".to_owned(), units::bytes)
}

impl Cache {
    pub(super) fn io_error(&self, wanted: &Wanted, action: &'static str, path: &Path, error: io::Error) -> CacheError {
        let (what, sha256) = (wanted.what.clone(), wanted.sha256);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => CacheError::DiskFull {
                what,
                sha256,
                path: self.root.clone(),
                needed_bytes: wanted.size_bytes,
                free_bytes: room::free_bytes(&self.root).unwrap_or(0),
            },
            _ => CacheError::Io { what, sha256, action, path: path.to_owned(), error },
        }
    }
}

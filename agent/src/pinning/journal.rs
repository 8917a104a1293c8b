//! The journal: what was there before it was changed. Whole or absent, never torn.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Setting;

/// One setting that is to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) setting: Setting,
    pub(super) found: String,
    pub(super) made: String,
}

#[derive(Debug, thiserror::Error)]
#[error("the journal of changed settings `{}` can't be {doing}", path.display())]
pub(crate) struct JournalError {
    path: PathBuf,
    doing: &'static str,
    source: io::Error,
}

/// Durable when it returns.
pub(super) fn write(path: &Path, changes: &[Change]) -> Result<(), JournalError> {
    let directory = path.parent().unwrap_or(path);
    let written = || {
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&serde_json::to_vec_pretty(changes)?)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    };
    written().map_err(failed(path, "written"))
}

/// `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Change>>, JournalError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
    .map_err(failed(path, "read"))
}

pub(super) fn remove(path: &Path) -> Result<(), JournalError> {
    let removed = || {
        fs::remove_file(path)?;
        File::open(path.parent().unwrap_or(path))?.sync_all()
    };
    removed().map_err(failed(path, "removed"))
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError { path, doing, source }
}

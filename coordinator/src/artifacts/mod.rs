//! Content-addressed files: `<root>/<aa>/<sha256>` when whole, `<root>/staging/<sha256>.part` while they arrive.
//!
//! A file under its digest is verified and synced, always: it gets there by rename alone. Knows nothing of the database.

mod upload;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use domain::Digest;
use tokio::{
    fs::{self, File},
    io::{AsyncSeekExt as _, SeekFrom},
};

pub(crate) use self::upload::{Begun, UploadError};

/// Greatest size of one artifact in bytes: far beyond any model for an edge device, and small beside its disk.
pub(crate) const SIZE_LIMIT_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// The files. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Artifacts {
    root: PathBuf,
    /// One upload of a digest at a time: a second one waits, and then finds it whole.
    locks: Arc<Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>>,
}

/// What is held of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Whole {
        size_bytes: u64,
    },
    /// What an interrupted upload left; resume there.
    Part {
        bytes: u64,
    },
}

impl Artifacts {
    /// Files under `root`, which is created.
    pub(crate) async fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(root.join("staging")).await?;
        Ok(Self { root, locks: Arc::default() })
    }

    pub(crate) async fn held(&self, digest: &Digest) -> io::Result<Held> {
        if let Some(size_bytes) = length(&self.whole(digest)).await? {
            return Ok(Held::Whole { size_bytes });
        }
        Ok(Held::Part { bytes: length(&self.part(digest)).await?.unwrap_or(0) })
    }

    /// The file from `offset` on, and its whole size; `None` if it is not held. Errors if `offset` is behind its end.
    pub(crate) async fn read(&self, digest: &Digest, offset: u64) -> io::Result<Option<(File, u64)>> {
        let mut file = match File::open(self.whole(digest)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let size_bytes = file.metadata().await?.len();
        if offset > size_bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the offset is behind the artifact's end"));
        }
        file.seek(SeekFrom::Start(offset)).await?;
        Ok(Some((file, size_bytes)))
    }

    fn whole(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(&name[..2]).join(name)
    }

    fn part(&self, digest: &Digest) -> PathBuf {
        self.root.join("staging").join(format!("{digest}.part"))
    }

    async fn lock(&self, digest: &Digest) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let held = locks.get(digest).and_then(Weak::upgrade);
            held.unwrap_or_else(|| {
                let fresh = Arc::default();
                locks.insert(*digest, Arc::downgrade(&fresh));
                fresh
            })
        };
        lock.lock_owned().await
    }
}

async fn length(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path).await {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

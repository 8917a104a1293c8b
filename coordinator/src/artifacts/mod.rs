//! Content-addressed bytes, in a folder or a bucket: `<first two digits>/<sha256>`, whole, or not there.
//!
//! What is there was verified and made durable before it got its name. Uploads arrive in a local folder, and bytes that
//! rotted since are moved to `quarantine/`. Knows nothing of the database: who needs what is not decided here.

mod bucket;
mod claim;
mod content;
mod error;
mod publish;
mod read;
mod sweep;
#[cfg(test)]
mod tests;
mod upload;

use std::{
    collections::HashMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use domain::Digest;
use object_store::{ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, path::Path as Key};
use tokio::fs;

use self::content::Fingerprint;
pub(crate) use self::{
    bucket::bucket,
    claim::Claim,
    content::Condition,
    error::ArtifactError,
    read::Reader,
    upload::{Begun, Kept, UploadError},
};

/// Greatest size of one artifact in bytes: far beyond any model for an edge device, and small beside its disk.
pub(crate) const SIZE_LIMIT_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// The bytes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Artifacts {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn ObjectStore>,
    /// Where the bytes lie, if that is a folder.
    folder: Option<PathBuf>,
    /// Uploads under way; on the folder's own disk, so that a rename is enough.
    incoming: PathBuf,
    claims: claim::Claims,
    /// Files whose bytes this process has compared with their name, as they were then.
    sound: Mutex<HashMap<Digest, Fingerprint>>,
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
    /// Bytes in a folder, which is created.
    pub(crate) async fn in_folder(root: PathBuf) -> Result<Self, ArtifactError> {
        let incoming = root.join("incoming");
        let earlier = root.join("staging");
        // The first versions had another name for it.
        if fs::try_exists(&earlier).await.unwrap_or(false) && !fs::try_exists(&incoming).await.unwrap_or(true) {
            fs::rename(&earlier, &incoming).await.map_err(ArtifactError::io("rename", &earlier))?;
        }
        fs::create_dir_all(&incoming).await.map_err(ArtifactError::io("create", &incoming))?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(ArtifactError::store)?;
        Ok(Self::over(Arc::new(store), Some(root), incoming))
    }

    /// Bytes behind `store`; uploads arrive in the folder `incoming`, which is created. An error if nothing can be listed.
    pub(crate) async fn in_bucket(store: Arc<dyn ObjectStore>, incoming: PathBuf) -> Result<Self, ArtifactError> {
        fs::create_dir_all(&incoming).await.map_err(ArtifactError::io("create", &incoming))?;
        let artifacts = Self::over(store, None, incoming);
        artifacts.reach().await?;
        Ok(artifacts)
    }

    fn over(store: Arc<dyn ObjectStore>, folder: Option<PathBuf>, incoming: PathBuf) -> Self {
        let inner = Inner { store, folder, incoming, claims: claim::Claims::default(), sound: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) async fn held(&self, digest: &Digest) -> Result<Held, ArtifactError> {
        if let Some(size_bytes) = self.size(digest).await? {
            return Ok(Held::Whole { size_bytes });
        }
        let part = self.part(digest);
        let bytes = length(&part).await.map_err(ArtifactError::io("look at", &part))?;
        Ok(Held::Part { bytes: bytes.unwrap_or(0) })
    }

    /// Waits until nobody else adds, removes or judges this artifact, and keeps others from it.
    pub(crate) async fn claim(&self, digest: &Digest) -> Claim {
        self.inner.claims.wait(digest).await
    }

    /// In bytes, if it is whole.
    async fn size(&self, digest: &Digest) -> Result<Option<u64>, ArtifactError> {
        match self.inner.store.head(&key(digest)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(ArtifactError::store(error)),
        }
    }

    /// The file of a whole artifact, where there are files.
    fn file(&self, digest: &Digest) -> Option<PathBuf> {
        self.inner.folder.as_ref().map(|root| root.join(key(digest).as_ref()))
    }

    fn part(&self, digest: &Digest) -> PathBuf {
        self.inner.incoming.join(format!("{digest}.part"))
    }
}

impl fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Artifacts").field(&self.inner.store.to_string()).finish()
    }
}

fn key(digest: &Digest) -> Key {
    let name = digest.to_string();
    Key::from(format!("{}/{name}", &name[..2]))
}

fn quarantine_key(digest: &Digest) -> Key {
    Key::from(format!("quarantine/{digest}"))
}

async fn length(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path).await {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

//! What lies in the store, whether anybody needs it or not; and how it is removed.

use std::{path::PathBuf, time::UNIX_EPOCH};

use domain::{Digest, Timestamp};
use object_store::{ObjectStoreExt as _, path::Path as Key};
use tokio::fs;
use tokio_stream::StreamExt as _;

use super::{ArtifactError, Artifacts, Claim, key};

/// A whole artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) digest: Digest,
    pub(crate) size_bytes: u64,
    pub(crate) modified: Timestamp,
}

/// What there is of an upload that has not ended.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) digest: Digest,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    modified: Timestamp,
}

impl Artifacts {
    /// An error if the store does not let us list it: then it lets us do nothing else either.
    pub(super) async fn reach(&self) -> Result<(), ArtifactError> {
        self.inner.store.list(None).try_next().await.map_err(ArtifactError::store).map(drop)
    }

    /// Every whole artifact.
    pub(crate) async fn stored(&self) -> Result<Vec<Stored>, ArtifactError> {
        let mut stored = Vec::new();
        let mut objects = self.inner.store.list(None);
        while let Some(meta) = objects.try_next().await.map_err(ArtifactError::store)? {
            let digest = meta.location.filename().and_then(|name| name.parse().ok());
            // Neither what is in quarantine, nor what is on its way, nor what somebody else put here.
            if let Some(digest) = digest.filter(|digest| key(digest) == meta.location) {
                let modified = Timestamp(meta.last_modified.timestamp_micros());
                stored.push(Stored { digest, size_bytes: meta.size, modified });
            }
        }
        Ok(stored)
    }

    /// Removes the bytes. Whoever decides that nobody needs them decides it under the claim.
    pub(crate) async fn remove(&self, digest: &Digest, _claim: &Claim) -> Result<(), ArtifactError> {
        self.delete(&key(digest)).await
    }

    /// Removes uploads that nobody went on with, and what was put aside, since `before`.
    pub(crate) async fn remove_leftovers(
        &self,
        parts_before: Timestamp,
        quarantine_before: Timestamp,
    ) -> Result<u64, ArtifactError> {
        let mut bytes = 0;
        for part in self.parts().await? {
            let Some(_claim) = self.inner.claims.attempt(&part.digest) else { continue };
            if part.modified < parts_before {
                fs::remove_file(&part.path).await.map_err(ArtifactError::io("remove", &part.path))?;
                bytes += part.bytes;
            }
        }
        let mut aside = self.inner.store.list(Some(&Key::from("quarantine")));
        while let Some(meta) = aside.try_next().await.map_err(ArtifactError::store)? {
            if Timestamp(meta.last_modified.timestamp_micros()) < quarantine_before {
                self.delete(&meta.location).await?;
                bytes += meta.size;
            }
        }
        Ok(bytes)
    }

    pub(super) async fn parts(&self) -> Result<Vec<Part>, ArtifactError> {
        let incoming = &self.inner.incoming;
        let mut entries = fs::read_dir(incoming).await.map_err(ArtifactError::io("list", incoming))?;
        let mut parts = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(ArtifactError::io("list", incoming))? {
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(".part")?.parse().ok());
            // It may end while we look.
            if let (Some(digest), Ok(metadata)) = (digest, entry.metadata().await) {
                let age = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                let modified = Timestamp(0).plus(age.unwrap_or_default());
                parts.push(Part { digest, path: entry.path(), bytes: metadata.len(), modified });
            }
        }
        Ok(parts)
    }

    async fn delete(&self, key: &Key) -> Result<(), ArtifactError> {
        match self.inner.store.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(ArtifactError::store(error)),
        }
    }
}

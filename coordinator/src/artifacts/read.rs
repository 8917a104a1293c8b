//! Reading an artifact from an offset, a window at a time: bounded memory, whatever its size and however slow its reader.

use bytes::Bytes;
use domain::Digest;
use object_store::ObjectStoreExt as _;
use sha2::{Digest as _, Sha256};

use super::{ArtifactError, Artifacts, Condition, key};

/// Bytes asked of a folder at once: a chunk on the wire.
const FOLDER_WINDOW_BYTES: u64 = proto::CHUNK_BYTES as u64;
/// Bytes asked of a bucket at once: its latency of tens of milliseconds is paid for each, and a hundred boards that fetch
/// at the same time still fit into memory.
const BUCKET_WINDOW_BYTES: u64 = 4 * 1024 * 1024;

/// Where a reader is.
#[derive(Debug)]
pub(crate) struct Reader {
    artifacts: Artifacts,
    digest: Digest,
    size_bytes: u64,
    offset: u64,
    /// What came so far, if it came from the start.
    hasher: Option<Sha256>,
}

impl Artifacts {
    /// A reader that starts at `offset`; `None` if the artifact is not held. A file is compared with its name first.
    pub(crate) async fn read(&self, digest: &Digest, offset: u64) -> Result<Option<Reader>, ArtifactError> {
        self.ensure_sound(digest).await?;
        let Some(size_bytes) = self.size(digest).await? else { return Ok(None) };
        if offset > size_bytes {
            return Err(ArtifactError::BehindEnd { offset, size_bytes });
        }
        let hasher = (offset == 0).then(Sha256::new);
        Ok(Some(Reader { artifacts: self.clone(), digest: *digest, size_bytes, offset, hasher }))
    }

    /// The next bytes from `offset` on, which must be before the end.
    pub(super) async fn window(&self, digest: &Digest, offset: u64, size_bytes: u64) -> Result<Bytes, ArtifactError> {
        let window = if self.inner.folder.is_some() { FOLDER_WINDOW_BYTES } else { BUCKET_WINDOW_BYTES };
        let range = offset..size_bytes.min(offset + window);
        let bytes = self.inner.store.get_range(&key(digest), range).await.map_err(ArtifactError::store)?;
        // Whoever reads on until the end would read for ever.
        if bytes.is_empty() { Err(ArtifactError::Misread(*digest)) } else { Ok(bytes) }
    }
}

impl Reader {
    /// Of the whole artifact.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// What comes next; `None` at the end. The last bytes of damaged content are withheld, so that nobody takes it for whole.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ArtifactError> {
        if self.offset == self.size_bytes {
            return Ok(None);
        }
        let bytes = self.artifacts.window(&self.digest, self.offset, self.size_bytes).await?;
        self.offset += bytes.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
        if self.offset == self.size_bytes
            && let Some(hasher) = self.hasher.take()
        {
            self.check(Digest::from_bytes(hasher.finalize().into())).await?;
        }
        Ok(Some(bytes))
    }

    /// Reads all of it again before anything is put aside: it may have been a slip of this machine's memory, or another file.
    async fn check(&self, actual: Digest) -> Result<(), ArtifactError> {
        if actual == self.digest {
            return Ok(());
        }
        match self.artifacts.verify(&self.digest).await? {
            Condition::Sound => Err(ArtifactError::Misread(self.digest)),
            Condition::Damaged | Condition::Missing => Err(ArtifactError::Damaged(self.digest)),
        }
    }
}

//! One upload: from where the last one stopped, verified against its digest at the end, durable before it is visible.

use std::{io, path::Path};

use domain::Digest;
use nix::sys::statvfs::statvfs;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use super::{ArtifactError, Artifacts, Claim, Held, SIZE_LIMIT_BYTES};

/// Bytes read at once while the part of an earlier upload is hashed again.
const REHASH_BYTES: usize = 256 * 1024;
/// What an upload leaves of the disk, for PostgreSQL may be on the same one: a twentieth, and at most this.
const RESERVE_LIMIT_BYTES: u64 = 1024 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("an artifact has at most {SIZE_LIMIT_BYTES} bytes, this one {0}")]
    TooLarge(u64),
    #[error("the upload starts at byte {offset}, but {held} bytes are held: resume there")]
    WrongOffset { offset: u64, held: u64 },
    #[error("more than the {0} announced bytes arrived")]
    TooMuch(u64),
    #[error("{arrived} of {announced} bytes arrived; resume there")]
    Unfinished { arrived: u64, announced: u64 },
    #[error("the bytes have SHA-256 {actual}, not {announced}; they were dropped, send them again")]
    WrongDigest { announced: Digest, actual: Digest },
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// How an upload begins.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Another upload was faster: nothing is wanted.
    Whole(Kept),
    Wanted(Box<Upload>),
}

/// A whole artifact, and the claim on it until it is recorded.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) digest: Digest,
    pub(crate) size_bytes: u64,
    pub(crate) claim: Claim,
}

/// An upload that goes on. Dropped, it leaves its part for the next one to resume.
#[derive(Debug)]
pub(crate) struct Upload {
    artifacts: Artifacts,
    digest: Digest,
    announced: u64,
    arrived: u64,
    hasher: Sha256,
    file: File,
    claim: Claim,
}

impl Artifacts {
    /// Waits until no other upload of this digest goes on.
    pub(crate) async fn begin_upload(
        &self,
        digest: Digest,
        size_bytes: u64,
        offset: u64,
    ) -> Result<Begun, UploadError> {
        if size_bytes > SIZE_LIMIT_BYTES {
            return Err(UploadError::TooLarge(size_bytes));
        }
        let claim = self.claim(&digest).await;
        let held = match self.held(&digest).await? {
            Held::Whole { size_bytes } => return Ok(Begun::Whole(Kept { digest, size_bytes, claim })),
            Held::Part { bytes } => bytes,
        };
        if offset != held {
            return Err(UploadError::WrongOffset { offset, held });
        }
        self.check_space(size_bytes.saturating_sub(held))?;
        let path = self.part(&digest);
        let opened = OpenOptions::new().create(true).append(true).read(true).open(&path).await;
        let mut file = opened.map_err(|error| self.classify("open", &path, error, size_bytes))?;
        let hasher = rehash(&mut file).await.map_err(ArtifactError::io("read", &path))?;
        Ok(Begun::Wanted(Box::new(Upload {
            artifacts: self.clone(),
            digest,
            announced: size_bytes,
            arrived: held,
            hasher,
            file,
            claim,
        })))
    }

    /// Refuses what would fill the disk, rather than filling it: others live on it too.
    fn check_space(&self, needed_bytes: u64) -> Result<(), ArtifactError> {
        let folder = &self.inner.incoming;
        let space = statvfs(folder).map_err(|errno| ArtifactError::io("look at", folder)(errno.into()))?;
        let reserve = (space.blocks() * space.fragment_size() / 20).min(RESERVE_LIMIT_BYTES);
        let free_bytes = (space.blocks_available() * space.fragment_size()).saturating_sub(reserve);
        if needed_bytes > free_bytes {
            return Err(ArtifactError::Full { folder: folder.clone(), needed_bytes, free_bytes });
        }
        Ok(())
    }

    fn classify(&self, action: &'static str, path: &Path, error: io::Error, needed_bytes: u64) -> ArtifactError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                ArtifactError::Full { folder: self.inner.incoming.clone(), needed_bytes, free_bytes: 0 }
            }
            _ => ArtifactError::io(action, path)(error),
        }
    }
}

impl Upload {
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), UploadError> {
        let arrived = self.arrived + data.len() as u64;
        if arrived > self.announced {
            // Nothing says which of the bytes are the right ones.
            self.discard().await;
            return Err(UploadError::TooMuch(self.announced));
        }
        if let Err(error) = self.file.write_all(data).await {
            return Err(self.failed("write", error).await);
        }
        self.hasher.update(data);
        self.arrived = arrived;
        Ok(())
    }

    /// Verifies, syncs, and only then gives the artifact its name.
    pub(crate) async fn finish(mut self) -> Result<Kept, UploadError> {
        if let Err(error) = self.file.flush().await {
            return Err(self.failed("write", error).await);
        }
        if self.arrived < self.announced {
            return Err(UploadError::Unfinished { arrived: self.arrived, announced: self.announced });
        }
        let actual = Digest::from_bytes(std::mem::take(&mut self.hasher).finalize().into());
        if actual != self.digest {
            self.discard().await;
            return Err(UploadError::WrongDigest { announced: self.digest, actual });
        }
        if let Err(error) = self.file.sync_all().await {
            return Err(self.failed("flush", error).await);
        }
        let Self { artifacts, digest, announced, arrived: _, hasher: _, file: _, claim } = self;
        artifacts.publish(&digest, announced, &claim).await?;
        Ok(Kept { digest, size_bytes: announced, claim })
    }

    /// On a full disk the part goes, so that the disk recovers; on any other trouble nobody knows what was written.
    async fn failed(&self, action: &'static str, error: io::Error) -> UploadError {
        self.discard().await;
        let missing = self.announced.saturating_sub(self.arrived);
        self.artifacts.classify(action, &self.artifacts.part(&self.digest), error, missing).into()
    }

    /// Best effort: a part that stays is found to be wrong at its end.
    async fn discard(&self) {
        fs::remove_file(self.artifacts.part(&self.digest)).await.unwrap_or_default();
    }
}

async fn rehash(file: &mut File) -> io::Result<Sha256> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; REHASH_BYTES];
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(hasher),
            read => hasher.update(&buffer[..read]),
        }
    }
}

//! Whether stored bytes still are what their name says.
//!
//! A file is compared before it is first served by a process, and again when its inode, size or modification time changed.
//! A reader that reads it from its start compares once more, for nothing. A bucket keeps checksums of its own.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::PoisonError,
};

use domain::Digest;
use nix::sys::{
    stat::{UtimensatFlags, utimensat},
    time::TimeSpec,
};
use object_store::ObjectStoreExt as _;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use tracing::error;

use super::{ArtifactError, Artifacts, Claim, key, quarantine_key};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// What a file looked like when its bytes were right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    inode: u64,
    size_bytes: u64,
    modified_s: i64,
    modified_ns: i64,
}

/// How an artifact is found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Sound,
    /// It is in quarantine now.
    Damaged,
    Missing,
}

impl Fingerprint {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self {
            inode: metadata.ino(),
            size_bytes: metadata.len(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        })
    }
}

impl Artifacts {
    /// Reads all of it and compares. What is damaged goes to quarantine.
    pub(crate) async fn verify(&self, digest: &Digest) -> Result<Condition, ArtifactError> {
        let claim = self.claim(digest).await;
        let Some(actual) = self.actual(digest).await? else { return Ok(Condition::Missing) };
        if actual == *digest {
            return Ok(Condition::Sound);
        }
        self.quarantine(digest, actual, &claim).await?;
        Ok(Condition::Damaged)
    }

    /// Makes sure that a file is what its name says before anybody gets it. Does nothing for a bucket.
    pub(super) async fn ensure_sound(&self, digest: &Digest) -> Result<(), ArtifactError> {
        let Some(path) = self.file(digest) else { return Ok(()) };
        if self.is_known_sound(digest, &path) {
            return Ok(());
        }
        let claim = self.claim(digest).await;
        // Whoever had the claim may have looked.
        if self.is_known_sound(digest, &path) {
            return Ok(());
        }
        match self.actual(digest).await? {
            Some(actual) if actual != *digest => {
                self.quarantine(digest, actual, &claim).await?;
                Err(ArtifactError::Damaged(*digest))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a whole artifact out of service, in case its disk or this machine's memory deceives us.
    pub(super) async fn quarantine(
        &self,
        digest: &Digest,
        actual: Digest,
        _claim: &Claim,
    ) -> Result<(), ArtifactError> {
        error!(artifact = %digest, %actual, store = %self.inner.store, "the stored bytes of an artifact are damaged; they are put aside, and it must be uploaded again");
        self.inner.sound.lock().unwrap_or_else(PoisonError::into_inner).remove(digest);
        let aside = quarantine_key(digest);
        self.inner.store.rename(&key(digest), &aside).await.map_err(ArtifactError::store)?;
        if let Some(root) = &self.inner.folder {
            // Its age in quarantine counts from now.
            let path = root.join(aside.as_ref());
            let touched = utimensat(
                nix::fcntl::AT_FDCWD,
                &path,
                &TimeSpec::UTIME_NOW,
                &TimeSpec::UTIME_NOW,
                UtimensatFlags::FollowSymlink,
            );
            touched.map_err(|errno| ArtifactError::io("touch", &path)(errno.into()))?;
        }
        Ok(())
    }

    /// The file was just written from bytes that were hashed.
    pub(super) fn note_sound(&self, digest: &Digest) {
        if let Some(fingerprint) = self.file(digest).and_then(|path| Fingerprint::of(&path).ok()) {
            self.inner.sound.lock().unwrap_or_else(PoisonError::into_inner).insert(*digest, fingerprint);
        }
    }

    fn is_known_sound(&self, digest: &Digest, path: &Path) -> bool {
        let known = self.inner.sound.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied();
        known.is_some() && known == Fingerprint::of(path).ok()
    }

    /// SHA-256 of what is stored; `None` if nothing is.
    async fn actual(&self, digest: &Digest) -> Result<Option<Digest>, ArtifactError> {
        let Some(path) = self.file(digest) else { return self.actual_in_bucket(digest).await };
        let (artifacts, digest, at) = (self.clone(), *digest, path.clone());
        // Goes on when the asker is gone, so that an impatient one finds it done when it comes back.
        let hashing = spawn_blocking(move || {
            let before = Fingerprint::of(&at)?;
            let actual = digest_of(&at)?;
            if actual == digest {
                artifacts.inner.sound.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, before);
            }
            Ok(actual)
        });
        match hashing.await.map_err(io::Error::other).flatten() {
            Ok(actual) => Ok(Some(actual)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArtifactError::io("read", &path)(error)),
        }
    }

    async fn actual_in_bucket(&self, digest: &Digest) -> Result<Option<Digest>, ArtifactError> {
        let Some(size_bytes) = self.size(digest).await? else { return Ok(None) };
        let mut hasher = Sha256::new();
        let mut offset = 0;
        while offset < size_bytes {
            let bytes = self.window(digest, offset, size_bytes).await?;
            hasher.update(&bytes);
            offset += bytes.len() as u64;
        }
        Ok(Some(Digest::from_bytes(hasher.finalize().into())))
    }
}

/// SHA-256 of a file.
pub(super) fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

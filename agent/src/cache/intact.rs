//! Whether a cached file still has the bytes it came with.
//!
//! A change on the disk itself changes nothing that could be seen without reading, so that a file is read and hashed before
//! every attempt. Only a large one is not, while it looks as it did when this process hashed it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use domain::Digest;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use tracing::warn;

use super::{Cache, CacheError, Wanted};

/// Hashed within a quarter of a second where the processor has instructions for it (1.4 GB/s on a desktop), and within two on
/// a board that has none (about 150 MB/s): little beside the seconds an attempt takes. Reading it loads it into memory, which
/// the runner would have to do anyway.
const ALWAYS_HASHED_BYTES: u64 = 256 << 20;

/// What a file looked like when its bytes were right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    inode: u64,
    size_bytes: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Fingerprint {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size_bytes: metadata.len(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        }
    }
}

impl Cache {
    /// Whether the file is here with the right bytes; one that is here with others is deleted.
    pub(super) async fn is_intact(&self, wanted: &Wanted, path: &Path) -> Result<bool, CacheError> {
        let fingerprint = match fs::metadata(path) {
            Ok(metadata) => Fingerprint::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.io_error(wanted, "reading", path, error)),
        };
        let size = fingerprint.size_bytes;
        let fault = if wanted.size_bytes.is_some_and(|expected| expected != size) {
            format!("it has {size} bytes")
        } else if size > ALWAYS_HASHED_BYTES && self.state().sound.get(&wanted.sha256) == Some(&fingerprint) {
            return Ok(true);
        } else {
            let found = digest_of(path).await.map_err(|error| self.io_error(wanted, "reading", path, error))?;
            if found == wanted.sha256 {
                self.state().sound.insert(wanted.sha256, fingerprint);
                return Ok(true);
            }
            format!("its sha256 is {found}")
        };
        warn!(artifact = %wanted.sha256, what = %wanted.what, %fault, "a cached file is damaged and is fetched again");
        self.state().sound.remove(&wanted.sha256);
        fs::remove_file(path).map_err(|error| self.io_error(wanted, "deleting", path, error))?;
        Ok(false)
    }

    /// The file was just written from bytes that were hashed.
    pub(super) fn note_sound(&self, sha256: Digest, path: &Path) {
        if let Ok(metadata) = fs::metadata(path) {
            self.state().sound.insert(sha256, Fingerprint::of(&metadata));
        }
    }
}

/// Hashes a file off the driver's thread: half a gigabyte takes seconds on a small board, and heartbeats must go on.
async fn digest_of(path: &Path) -> io::Result<Digest> {
    let path = path.to_owned();
    let hashing = spawn_blocking(move || {
        let mut hasher = Sha256::new();
        let mut file = File::open(path)?;
        let mut buffer = vec![0; proto::CHUNK_BYTES];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
                count => hasher.update(&buffer[..count]),
            }
        }
    });
    hashing.await.map_err(io::Error::other)?
}

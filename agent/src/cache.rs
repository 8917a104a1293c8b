//! Artifacts on this device, by their SHA-256: `<root>/<first two digits>/<digest>`, complete and checked, or not there.
//!
//! Owns fetching (resumed by offset into `<digest>.part`), checking and moving into place. A file is checked by size at
//! each use and by digest at its first use in this process. It never hands out a path whose bytes it has not checked. It
//! evicts nothing.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use domain::Digest;
use proto::pb::{self, artifact_service_client::ArtifactServiceClient};
use sha2::{Digest as _, Sha256};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tracing::{info, warn};

#[cfg(test)]
mod tests;

/// Downloads with wrong bytes before giving up: once is a bad network, three times is a bad source.
const MISMATCH_LIMIT: u32 = 3;
/// Interruptions without one new byte between them before giving up: with the pauses about half a minute.
const STALL_LIMIT: u32 = 6;
/// Before the first retry; doubles with each.
const STALL_PAUSE: Duration = Duration::from_millis(500);
/// Longest wait for the next chunk: 256 KiB at 5 kB/s.
const CHUNK_TIMEOUT: Duration = Duration::from_mins(1);
/// A chunk of [`proto::CHUNK_BYTES`] and its frame, with room for a coordinator that chooses larger ones.
const MESSAGE_LIMIT_BYTES: usize = 4 << 20;

/// An artifact somebody needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// For people, e.g. ``model `minilm` ``.
    pub(crate) what: String,
    pub(crate) sha256: Digest,
    /// `None` if the cell does not say.
    pub(crate) size_bytes: Option<u64>,
}

/// Why an artifact is not there. All of these are the infrastructure's fault, never the model's. Each is one sentence with
/// its cause in it, because it becomes the message of a failure and travels without a chain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error(
        "cannot fetch {what} ({sha256:?}): the coordinator does not have it; add it again with `furlong models add` or submit the campaign again"
    )]
    NotFound { what: String, sha256: Digest },
    #[error(
        "cannot fetch {what} ({sha256:?}): {MISMATCH_LIMIT} downloads had other bytes (last: {found}); check the network between this device and the coordinator, and the coordinator's artifact store"
    )]
    Mismatch { what: String, sha256: Digest, found: String },
    #[error(
        "cannot fetch {what} ({sha256:?}): the transfer was interrupted {STALL_LIMIT} times without progress (last: {last}); it resumes where it stopped when the run is tried again"
    )]
    Interrupted { what: String, sha256: Digest, last: String },
    #[error(
        "cannot store {what} ({sha256:?}): no space is left for `{path}`; free some space on the device, e.g. by deleting old files of its cache",
        path = path.display()
    )]
    DiskFull { what: String, sha256: Digest, path: PathBuf },
    #[error("cannot store {what} ({sha256:?}): {action} `{path}` failed: {error}; check the device's disk", path = path.display())]
    Io { what: String, sha256: Digest, action: &'static str, path: PathBuf, error: io::Error },
}

/// The artifacts below one directory. One process uses it at a time: it holds the agent's lock.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    /// Checked by digest in this process.
    checked: Mutex<HashSet<Digest>>,
}

/// How one try to download ended, short of success.
enum Interrupted {
    /// Less than the whole came; what came is kept.
    Early(String),
    /// Other bytes came; they are deleted.
    Mismatch(String),
    Fatal(CacheError),
}

impl Cache {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, checked: Mutex::default() }
    }

    /// The artifact's file, fetched first if it is not here. May be dropped at any moment: what came is kept.
    pub(crate) async fn obtain(&self, channel: &Channel, wanted: &Wanted) -> Result<PathBuf, CacheError> {
        let path = self.path(wanted.sha256);
        if self.is_intact(wanted, &path).await? {
            return Ok(path);
        }
        let directory = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory).map_err(|error| io_error(wanted, "creating", directory, error))?;
        let mut client = ArtifactServiceClient::new(channel.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES);
        let (mut mismatches, mut stalls, mut held_before) = (0, 0, 0);
        loop {
            match fetch(&mut client, wanted, &path).await {
                Ok(()) => break,
                Err(Interrupted::Fatal(error)) => return Err(error),
                Err(Interrupted::Mismatch(found)) => {
                    mismatches += 1;
                    warn!(artifact = %wanted.sha256, what = %wanted.what, %found, mismatches, "a download had the wrong bytes");
                    if mismatches == MISMATCH_LIMIT {
                        return Err(CacheError::Mismatch { what: wanted.what.clone(), sha256: wanted.sha256, found });
                    }
                    held_before = 0;
                }
                Err(Interrupted::Early(last)) => {
                    let held = fs::metadata(part_path(&path)).map_or(0, |metadata| metadata.len());
                    stalls = if held > held_before { 1 } else { stalls + 1 };
                    held_before = held;
                    if stalls == STALL_LIMIT {
                        return Err(CacheError::Interrupted { what: wanted.what.clone(), sha256: wanted.sha256, last });
                    }
                    info!(artifact = %wanted.sha256, what = %wanted.what, held_bytes = held, %last, "a download was interrupted and resumes");
                    sleep(STALL_PAUSE * (1 << (stalls - 1))).await;
                }
            }
        }
        self.note_checked(wanted.sha256);
        Ok(path)
    }

    fn path(&self, sha256: Digest) -> PathBuf {
        let name = sha256.to_string();
        self.root.join(&name[..2]).join(name)
    }

    fn note_checked(&self, sha256: Digest) {
        self.checked.lock().expect("no panic while it is held").insert(sha256);
    }

    /// Whether the file is here with the right bytes; one that is here with others is deleted.
    async fn is_intact(&self, wanted: &Wanted, path: &Path) -> Result<bool, CacheError> {
        let size = match fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(io_error(wanted, "reading", path, error)),
        };
        let fault = if wanted.size_bytes.is_some_and(|expected| expected != size) {
            format!("it has {size} bytes")
        } else if self.checked.lock().expect("no panic while it is held").contains(&wanted.sha256) {
            return Ok(true);
        } else {
            let found = digest_of(path).await.map_err(|error| io_error(wanted, "reading", path, error))?;
            if found == wanted.sha256 {
                self.note_checked(wanted.sha256);
                return Ok(true);
            }
            format!("its sha256 is {found}")
        };
        warn!(artifact = %wanted.sha256, what = %wanted.what, %fault, "a cached file is damaged and is fetched again");
        fs::remove_file(path).map_err(|error| io_error(wanted, "deleting", path, error))?;
        Ok(false)
    }
}

/// One download from where the last one stopped to the end, checked and moved into place.
async fn fetch(client: &mut ArtifactServiceClient<Channel>, wanted: &Wanted, path: &Path) -> Result<(), Interrupted> {
    let part = part_path(path);
    let fatal = |action: &'static str| {
        let part = part.clone();
        move |error| Interrupted::Fatal(io_error(wanted, action, &part, error))
    };
    let mut file = File::options().create(true).append(true).read(true).open(&part).map_err(fatal("opening"))?;
    // The bytes of an earlier try count towards the digest.
    let mut hasher = Sha256::new();
    let mut held = io::copy(&mut file, &mut HashOnly(&mut hasher)).map_err(fatal("reading"))?;
    let request = pb::FetchArtifactRequest { sha256: wanted.sha256.as_bytes().to_vec(), offset: held };
    let early = |error: &dyn std::fmt::Display| Interrupted::Early(error.to_string());
    let opened = timeout(CHUNK_TIMEOUT, client.fetch_artifact(request)).await.map_err(|error| early(&error))?;
    let mut chunks = opened.map_err(|status| refused(wanted, &part, &status))?.into_inner();
    let mut total = wanted.size_bytes;
    loop {
        let chunk = match timeout(CHUNK_TIMEOUT, chunks.message()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break,
            Ok(Err(status)) => return Err(refused(wanted, &part, &status)),
            Err(elapsed) => return Err(early(&elapsed)),
        };
        let expected = *total.get_or_insert(chunk.size_bytes);
        held += chunk.data.len() as u64;
        if chunk.size_bytes != expected || held > expected {
            discard(&part);
            return Err(Interrupted::Mismatch(format!("{} bytes instead of {expected}", held.max(chunk.size_bytes))));
        }
        hasher.update(&chunk.data);
        if let Err(error) = file.write_all(&chunk.data) {
            discard(&part);
            return Err(fatal("writing")(error));
        }
    }
    match total {
        Some(expected) if held == expected => {}
        // An empty artifact has no chunk that could tell its size.
        None if held == 0 => {}
        _ => return Err(Interrupted::Early(format!("the stream ended after {held} bytes"))),
    }
    let found = Digest::from_bytes(hasher.finalize().into());
    if found != wanted.sha256 {
        discard(&part);
        return Err(Interrupted::Mismatch(format!("{found:?}")));
    }
    file.sync_all().map_err(fatal("flushing"))?;
    fs::rename(&part, path).map_err(fatal("moving"))?;
    let directory = path.parent().unwrap_or(path);
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(fatal("flushing the directory of"))
}

fn refused(wanted: &Wanted, part: &Path, status: &Status) -> Interrupted {
    match status.code() {
        Code::NotFound => Interrupted::Fatal(CacheError::NotFound { what: wanted.what.clone(), sha256: wanted.sha256 }),
        // We hold more than the artifact has.
        Code::OutOfRange => {
            discard(part);
            Interrupted::Mismatch(status.message().to_owned())
        }
        _ => Interrupted::Early(format!("{}: {}", status.code(), status.message())),
    }
}

/// Best effort: a part that stays is found to be wrong again.
fn discard(part: &Path) {
    fs::remove_file(part).unwrap_or_default();
}

fn part_path(path: &Path) -> PathBuf {
    path.with_extension("part")
}

fn io_error(wanted: &Wanted, action: &'static str, path: &Path, error: io::Error) -> CacheError {
    let (what, sha256, path) = (wanted.what.clone(), wanted.sha256, path.to_owned());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => CacheError::DiskFull { what, sha256, path },
        _ => CacheError::Io { what, sha256, action, path, error },
    }
}

/// Hashes a file off the driver's thread: half a gigabyte takes seconds on a small board, and heartbeats must go on.
async fn digest_of(path: &Path) -> io::Result<Digest> {
    let path = path.to_owned();
    let hashing = tokio::task::spawn_blocking(move || {
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

struct HashOnly<'a>(&'a mut Sha256);

impl io::Write for HashOnly<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

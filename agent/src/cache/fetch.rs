//! One download: from where the last one stopped to the end, checked, durable, and only then in its place.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Digest;
use proto::pb::{self, artifact_service_client::ArtifactServiceClient};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::{Cache, CacheError, Wanted, part_path};

/// Longest wait for the next chunk: 256 KiB at 5 kB/s.
const CHUNK_TIMEOUT: Duration = Duration::from_mins(1);
/// A chunk of [`proto::CHUNK_BYTES`] and its frame, with room for a coordinator that chooses larger ones.
const MESSAGE_LIMIT_BYTES: usize = 4 << 20;

/// How one try to download ended, short of success.
pub(super) enum Interrupted {
    /// Less than the whole came; what came is kept.
    Early(String),
    /// Other bytes came; they are deleted.
    Mismatch(String),
    Fatal(CacheError),
}

pub(super) fn client(channel: &Channel) -> ArtifactServiceClient<Channel> {
    ArtifactServiceClient::new(channel.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES)
}

impl Cache {
    pub(super) async fn fetch(
        &self,
        client: &mut ArtifactServiceClient<Channel>,
        wanted: &Wanted,
        path: &Path,
    ) -> Result<(), Interrupted> {
        let part = part_path(path);
        let fatal = |action: &'static str| {
            let part = &part;
            move |error| Interrupted::Fatal(self.io_error(wanted, action, part, error))
        };
        let (mut file, mut hasher, mut held) = resume(&part).await.map_err(fatal("opening"))?;
        let mut total = wanted.size_bytes;
        if let Some(total) = total {
            self.make_room_for(wanted, total.saturating_sub(held), &part)?;
        }
        let request = pb::FetchArtifactRequest { sha256: wanted.sha256.as_bytes().to_vec(), offset: held };
        let early = |error: &dyn std::fmt::Display| Interrupted::Early(error.to_string());
        let opened = timeout(CHUNK_TIMEOUT, client.fetch_artifact(request)).await.map_err(|error| early(&error))?;
        let mut chunks = opened.map_err(|status| refused(wanted, &part, &status))?.into_inner();
        loop {
            let chunk = match timeout(CHUNK_TIMEOUT, chunks.message()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(status)) => return Err(refused(wanted, &part, &status)),
                Err(elapsed) => return Err(early(&elapsed)),
            };
            let expected = if let Some(expected) = total {
                expected
            } else {
                self.make_room_for(wanted, chunk.size_bytes.saturating_sub(held), &part)?;
                *total.insert(chunk.size_bytes)
            };
            held += chunk.data.len() as u64;
            if chunk.size_bytes != expected || held > expected {
                discard(&part);
                let found = format!("{} bytes instead of {expected}", held.max(chunk.size_bytes));
                return Err(Interrupted::Mismatch(found));
            }
            hasher.update(&chunk.data);
            if let Err(error) = file.write_all(&chunk.data) {
                // On a full disk others want the space too, and of anything else nobody knows what was written.
                discard(&part);
                return Err(fatal("writing")(error));
            }
        }
        match total {
            Some(expected) if held == expected => {}
            // A coordinator need not tell the size of an empty artifact.
            None if held == 0 => {}
            _ => return Err(Interrupted::Early(format!("the stream ended after {held} bytes"))),
        }
        let found = Digest::from_bytes(hasher.finalize().into());
        if found != wanted.sha256 {
            discard(&part);
            return Err(Interrupted::Mismatch(format!("{found:?}")));
        }
        put_in_place(file, part.clone(), path.to_owned()).await.map_err(|error| {
            discard(&part);
            fatal("flushing")(error)
        })
    }

    /// What does not fit now gives back what an earlier try took.
    fn make_room_for(&self, wanted: &Wanted, missing_bytes: u64, part: &Path) -> Result<(), Interrupted> {
        self.make_room(wanted, missing_bytes).map_err(|error| {
            discard(part);
            Interrupted::Fatal(error)
        })
    }
}

/// The part with the digest of what an earlier try brought, which counts towards the whole.
async fn resume(part: &Path) -> io::Result<(File, Sha256, u64)> {
    let part = part.to_owned();
    let opening = spawn_blocking(move || {
        let mut file = File::options().create(true).append(true).read(true).open(part)?;
        let mut hasher = Sha256::new();
        let held = io::copy(&mut file, &mut HashOnly(&mut hasher))?;
        Ok((file, hasher, held))
    });
    opening.await.map_err(io::Error::other)?
}

/// Off the driver's thread: a slow card flushes half a gigabyte for longer than a lease lasts, and heartbeats must go on.
async fn put_in_place(file: File, part: PathBuf, path: PathBuf) -> io::Result<()> {
    let placing = spawn_blocking(move || {
        file.sync_all()?;
        fs::rename(&part, &path)?;
        File::open(path.parent().unwrap_or(&path))?.sync_all()
    });
    placing.await.map_err(io::Error::other)?
}

fn refused(wanted: &Wanted, part: &Path, status: &Status) -> Interrupted {
    match status.code() {
        Code::NotFound => Interrupted::Fatal(CacheError::NotFound { what: wanted.what.clone(), sha256: wanted.sha256 }),
        // We hold more than the artifact has.
        Code::OutOfRange => {
            discard(part);
            Interrupted::Mismatch(status.message().to_owned())
        }
        // The coordinator's own bytes are damaged, and so are those that came.
        Code::DataLoss => {
            discard(part);
            Interrupted::Early(format!("{}: {}", status.code(), status.message()))
        }
        _ => Interrupted::Early(format!("{}: {}", status.code(), status.message())),
    }
}

/// Best effort: a part that stays is found to be wrong again.
fn discard(part: &Path) {
    fs::remove_file(part).unwrap_or_default();
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

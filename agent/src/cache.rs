//! Artifacts on this device, by their SHA-256: `<root>/<first two digits>/<digest>`, complete and checked, or not there.
//!
//! Whichever coordinator they came from, they lie in one folder, which stays below a limit: what was used least recently goes
//! when something else needs its place, and nothing goes that somebody holds. It never hands out a path whose bytes it has
//! not checked.

mod error;
mod fetch;
mod folder;
mod intact;
mod limit;
mod room;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Digest, Timestamp};
use tokio::time::sleep;
use tonic::transport::Channel;
use tracing::{info, warn};

pub(crate) use self::error::CacheError;
pub(crate) use self::folder::{FolderError, assemble};
use self::intact::Fingerprint;
pub(crate) use self::limit::parse_size;

/// Downloads with wrong bytes before giving up: once is a bad network, three times is a bad source.
const MISMATCH_LIMIT: u32 = 3;
/// Interruptions without one new byte between them before giving up: with the pauses about half a minute.
const STALL_LIMIT: u32 = 6;
/// Before the first retry; doubles with each.
const STALL_PAUSE: Duration = Duration::from_millis(500);
/// A transfer that nobody resumed in a week belongs to a model that nobody measures any more.
const PARTS_KEPT: Duration = Duration::from_hours(7 * 24);

/// An artifact somebody needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// For people, e.g. ``model `minilm` ``.
    pub(crate) what: String,
    pub(crate) sha256: Digest,
    /// `None` if the cell does not say.
    pub(crate) size_bytes: Option<u64>,
}

/// The artifacts below one directory. One process uses it at a time: it holds the agent's lock.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    limit_bytes: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// How often each is held.
    pins: HashMap<Digest, usize>,
    /// Checked by digest in this process, as they were then.
    sound: HashMap<Digest, Fingerprint>,
}

/// An artifact that stays in the cache until this is dropped.
#[derive(Debug)]
pub(crate) struct Pinned {
    path: PathBuf,
    sha256: Digest,
    state: Arc<Mutex<State>>,
}

impl Cache {
    /// With this limit; `None`: see [`limit::default_bytes`]. Forgets transfers that nobody resumed.
    pub(crate) fn open(root: PathBuf, limit_bytes: Option<u64>, now: Timestamp) -> std::io::Result<Self> {
        fs::create_dir_all(&root)?;
        let entries = room::entries(&root)?;
        let limit_bytes = match limit_bytes {
            Some(bytes) => bytes,
            None => limit::default_bytes(room::free_bytes(&root)?, entries.iter().map(|entry| entry.bytes).sum()),
        };
        for part in entries.iter().filter(|entry| entry.is_part && now.since(entry.used) > PARTS_KEPT) {
            fs::remove_file(&part.path)?;
        }
        Ok(Self { root, limit_bytes, state: Arc::default() })
    }

    pub(crate) fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// The artifact's file, fetched first if it is not here. May be dropped at any moment: what came is kept.
    pub(crate) async fn obtain(&self, channel: &Channel, wanted: &Wanted) -> Result<Pinned, CacheError> {
        // Before anything else, so that nothing makes room by removing it, or its part.
        let pinned = self.pin(wanted.sha256);
        if !self.is_intact(wanted, &pinned.path).await? {
            self.fetch_until_whole(channel, wanted, &pinned.path).await?;
            self.note_sound(wanted.sha256, &pinned.path);
        }
        room::note_use(&pinned.path);
        Ok(pinned)
    }

    async fn fetch_until_whole(&self, channel: &Channel, wanted: &Wanted, path: &Path) -> Result<(), CacheError> {
        let directory = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory).map_err(|error| self.io_error(wanted, "creating", directory, error))?;
        let mut client = fetch::client(channel);
        let (mut mismatches, mut stalls, mut held_before) = (0, 0, 0);
        loop {
            match self.fetch(&mut client, wanted, path).await {
                Ok(()) => return Ok(()),
                Err(fetch::Interrupted::Fatal(error)) => return Err(error),
                Err(fetch::Interrupted::Mismatch(found)) => {
                    mismatches += 1;
                    warn!(artifact = %wanted.sha256, what = %wanted.what, %found, mismatches, "a download had the wrong bytes");
                    if mismatches == MISMATCH_LIMIT {
                        return Err(CacheError::Mismatch { what: wanted.what.clone(), sha256: wanted.sha256, found });
                    }
                    held_before = 0;
                }
                Err(fetch::Interrupted::Early(last)) => {
                    let held = fs::metadata(part_path(path)).map_or(0, |metadata| metadata.len());
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
    }

    fn pin(&self, sha256: Digest) -> Pinned {
        *self.state().pins.entry(sha256).or_insert(0) += 1;
        let name = sha256.to_string();
        Pinned { path: self.root.join(&name[..2]).join(name), sha256, state: Arc::clone(&self.state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pinned {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = state.pins.get_mut(&self.sha256) {
            *count -= 1;
            if *count == 0 {
                state.pins.remove(&self.sha256);
            }
        }
    }
}

fn part_path(path: &Path) -> PathBuf {
    path.with_extension("part")
}

//! Who has to leave when something needs room: transfers that nobody holds, then what was used least recently.
//!
//! The last use is the file's access time, which is set at each use and kept by the file system; nothing else has to be
//! written, and a crash loses nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use domain::{Digest, Timestamp};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::statvfs::statvfs;
use nix::sys::time::TimeSpec;
use tracing::info;

use super::{Cache, CacheError, Wanted};

/// What a download leaves of the disk, for results have to be written too: a twentieth, and at most this.
const RESERVE_LIMIT_BYTES: u64 = 64 << 20;

/// A file of the cache.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// Of a transfer that did not end.
    pub(super) is_part: bool,
    pub(super) used: Timestamp,
    sha256: Digest,
}

impl Cache {
    /// Makes sure that so many more bytes fit, below the limit and on the disk. Nothing is removed in vain.
    pub(super) fn make_room(&self, wanted: &Wanted, needed_bytes: u64) -> Result<(), CacheError> {
        let looking = |error| self.io_error(wanted, "looking into", &self.root, error);
        let entries = entries(&self.root).map_err(looking)?;
        let free = || free_bytes(&self.root).map_err(looking);
        let is_held = |entry: &Entry| self.state().pins.contains_key(&entry.sha256);
        let (held, mut removable): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_held);
        let (held_bytes, mut removable_bytes) = (sum(&held), sum(&removable));
        let full = |free_bytes| CacheError::DiskFull {
            what: wanted.what.clone(),
            sha256: wanted.sha256,
            path: self.root.clone(),
            needed_bytes: Some(needed_bytes),
            free_bytes,
        };
        let at_most_free = free()?.saturating_add(removable_bytes);
        // First, because a larger limit would not help then.
        if needed_bytes > at_most_free {
            return Err(full(at_most_free));
        }
        if held_bytes.saturating_add(needed_bytes) > self.limit_bytes {
            let (what, sha256, path, limit_bytes) =
                (wanted.what.clone(), wanted.sha256, self.root.clone(), self.limit_bytes);
            return Err(CacheError::OverLimit { what, sha256, path, needed_bytes, limit_bytes, held_bytes });
        }
        // The last one leaves first.
        removable.sort_by_key(|entry| (entry.is_part, std::cmp::Reverse(entry.used)));
        loop {
            let free_bytes = free()?;
            let total = held_bytes.saturating_add(removable_bytes).saturating_add(needed_bytes);
            if total <= self.limit_bytes && needed_bytes <= free_bytes {
                return Ok(());
            }
            // Somebody else was faster.
            let Some(leaving) = removable.pop() else { return Err(full(free_bytes)) };
            let deleting = |error| self.io_error(wanted, "deleting", &leaving.path, error);
            fs::remove_file(&leaving.path).map_err(deleting)?;
            info!(artifact = %leaving.sha256, bytes = leaving.bytes, part = leaving.is_part, "removed from the cache to make room");
            removable_bytes -= leaving.bytes;
        }
    }
}

fn sum(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.bytes).sum()
}

/// Best effort: an artifact whose use is not noted only leaves sooner.
pub(super) fn note_use(path: &Path) {
    let (now, unchanged) = (TimeSpec::UTIME_NOW, TimeSpec::UTIME_OMIT);
    utimensat(nix::fcntl::AT_FDCWD, path, &now, &unchanged, UtimensatFlags::FollowSymlink).unwrap_or_default();
}

/// Of the disk that holds `path`, for us.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let space = statvfs(path)?;
    let reserve = (space.blocks() * space.fragment_size() / 20).min(RESERVE_LIMIT_BYTES);
    Ok((space.blocks_available() * space.fragment_size()).saturating_sub(reserve))
}

/// Everything below `root` that is ours.
pub(super) fn entries(root: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for directory in fs::read_dir(root)? {
        let directory = directory?.path();
        if !directory.is_dir() {
            continue;
        }
        for file in fs::read_dir(directory)? {
            let file = file?;
            entries.extend(entry(file.path(), &file.metadata()?));
        }
    }
    Ok(entries)
}

fn entry(path: PathBuf, metadata: &fs::Metadata) -> Option<Entry> {
    let name = path.file_name()?.to_str()?;
    let part = name.strip_suffix(".part");
    let sha256 = part.unwrap_or(name).parse().ok()?;
    let is_part = part.is_some();
    // A part is read by nobody: what counts is when something was last added to it.
    let used = if is_part { metadata.modified() } else { metadata.accessed() };
    let since_epoch = used.ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Entry { bytes: metadata.len(), is_part, used: Timestamp(0).plus(since_epoch), sha256, path })
}

//! The file that is being fetched: `<name>.part` until it is whole, hashed as it grows, then renamed to `<name>`.
//!
//! Owns what is in the folder: one fetch of a source at a time, what may be gone on from, what is removed. What was
//! interrupted stays for the next try; what is wrong, too large or does not fit on the disk is removed, because a full disk
//! stops more than a fetch. Must not know where the bytes come from.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use domain::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::blocking::Report;
use crate::error::FetchError;
use crate::fetch::Progress;
use crate::source::Source;

pub(crate) mod disk;
#[cfg(test)]
mod tests;

/// How much is read, hashed and written at once.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;
/// Of the source's own name, how much the file's name keeps: file systems allow 255 bytes in all.
const NAME_LENGTH: usize = 120;

/// A file that grows. Holds the lock on itself.
#[derive(Debug)]
pub(crate) struct Part {
    what: String,
    /// Where the whole file goes.
    path: PathBuf,
    file: File,
    hasher: Sha256,
    held: u64,
    record: Record,
    /// Whether bytes of more than one answer are in it, so that a wrong hash may be the seam's fault.
    is_joined: bool,
    is_finished: bool,
    limit_bytes: u64,
}

/// What is known about the bytes in the part, beside it in `<name>.part.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// A strong entity tag or a date, for `If-Range`.
    pub(crate) validator: Option<String>,
}

/// What a finished fetch leaves.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
    pub(crate) sha256: Digest,
    pub(crate) size_bytes: u64,
}

/// Where the whole file of this source goes. The name begins with a hash of the source, so that two sources never share a
/// file, and the same source finds what it left.
pub(crate) fn path_for(source: &Source, folder: &Path) -> PathBuf {
    let key = Digest::of(source.to_string().as_bytes()).short();
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let name: Vec<char> = source.file_name().chars().map(|c| if plain(c) { c } else { '_' }).collect();
    // The end has the extension.
    let name: String = name[name.len().saturating_sub(NAME_LENGTH)..].iter().collect();
    folder.join(format!("{key}-{}", if name.is_empty() { "model" } else { &name }))
}

/// The hash and size of a whole file.
pub(crate) fn hash_file(path: &Path, report: &Report) -> Result<(Digest, u64), FetchError> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(FetchError::io("read", path))?;
    let count = hash_into(&mut hasher, &mut file, report).map_err(FetchError::io("read", path))?;
    Ok((Digest::from_bytes(hasher.finalize().into()), count))
}

fn hash_into(hasher: &mut Sha256, file: &mut File, report: &Report) -> io::Result<u64> {
    let total_bytes = file.metadata()?.len();
    let mut file = file.take(total_bytes);
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        report.check_awaited()?;
        let count = file.read(&mut block)?;
        if count == 0 {
            return Ok(bytes);
        }
        hasher.update(&block[..count]);
        bytes += count as u64;
        report.send(Progress::Checking { bytes, total_bytes });
    }
}

impl Part {
    /// Opens the part of this source, new or left by an earlier fetch, whose bytes are hashed again.
    pub(crate) fn open(source: &Source, folder: &Path, limit_bytes: u64, report: &Report) -> Result<Self, FetchError> {
        fs::create_dir_all(folder).map_err(FetchError::io("create", folder))?;
        let path = path_for(source, folder);
        let part_path = part_path(&path);
        let mut file = open_locked(&part_path)?;
        let mut hasher = Sha256::new();
        let held = hash_into(&mut hasher, &mut file, report).map_err(FetchError::io("read", &part_path))?;
        let record = fs::read(record_path(&path)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let what = format!("`{source}`");
        let record = record.unwrap_or_default();
        Ok(Self { what, path, file, hasher, held, record, is_joined: held > 0, is_finished: false, limit_bytes })
    }

    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.is_joined
    }

    /// Says that what comes next is from another answer than what is there.
    pub(crate) fn join(&mut self) {
        self.is_joined |= self.held > 0;
    }

    /// Begins anew, with what is known about the bytes to come.
    pub(crate) fn restart(&mut self, record: Record) -> Result<(), FetchError> {
        let part_path = part_path(&self.path);
        // A file of no length is left alone: what is not a regular file has none.
        if self.held > 0 || self.file.metadata().is_ok_and(|metadata| metadata.len() > 0) {
            self.file.set_len(0).map_err(FetchError::io("empty", &part_path))?;
        }
        (self.hasher, self.held, self.is_joined) = (Sha256::new(), 0, false);
        // The bytes are gone before the record says whose the next ones are.
        let path = record_path(&self.path);
        let written = serde_json::to_vec(&record).map_err(io::Error::from).and_then(|text| fs::write(&path, text));
        self.record = record;
        written.map_err(|error| self.write_error(error))
    }

    /// Fails, and removes the part, if the rest of a file of this size is beyond the limit or the disk.
    pub(crate) fn expect_size(&self, size_bytes: u64) -> Result<(), FetchError> {
        if size_bytes > self.limit_bytes {
            return Err(self.too_large(Some(size_bytes)));
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        let needed = size_bytes.saturating_sub(self.held);
        match disk::free_bytes(folder) {
            Some(free) if free < needed => {
                self.remove();
                Err(self.disk_full(format!("{needed} bytes are to come, {free} are free")))
            }
            _ => Ok(()),
        }
    }

    /// Appends. Fails, and removes the part, if it grows beyond the limit or the disk is full.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        if self.held + bytes.len() as u64 > self.limit_bytes {
            return Err(self.too_large(None));
        }
        if let Err(error) = self.file.write_all(bytes) {
            // Some of the block may be there: nothing of it counts.
            drop(self.file.set_len(self.held));
            return Err(self.write_error(error));
        }
        self.hasher.update(bytes);
        self.held += bytes.len() as u64;
        Ok(())
    }

    /// The hash of all that is there.
    pub(crate) fn sha256(&self) -> Digest {
        Digest::from_bytes(self.hasher.clone().finalize().into())
    }

    /// Gives the whole file its name, if it has the expected hash; removes it if it has another.
    pub(crate) fn finish(&mut self, expected: Option<Digest>) -> Result<Finished, FetchError> {
        let found = self.sha256();
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            self.remove();
            return Err(FetchError::WrongHash { what: self.what.clone(), expected, found });
        }
        let part_path = part_path(&self.path);
        self.file.sync_all().map_err(|error| self.write_error(error))?;
        fs::rename(&part_path, &self.path).map_err(FetchError::io("rename", &part_path))?;
        self.is_finished = true;
        drop(fs::remove_file(record_path(&self.path)));
        let folder = self.path.parent().unwrap_or(&self.path);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(FetchError::io("write", folder))?;
        Ok(Finished { path: self.path.clone(), sha256: found, size_bytes: self.held })
    }

    /// Removes what is there, with its record. What cannot be removed is not the error that is being told.
    pub(crate) fn remove(&self) {
        drop(fs::remove_file(part_path(&self.path)));
        drop(fs::remove_file(record_path(&self.path)));
    }

    pub(crate) fn too_large(&self, size_bytes: Option<u64>) -> FetchError {
        self.remove();
        FetchError::TooLarge { what: self.what.clone(), size_bytes, limit_bytes: self.limit_bytes }
    }

    fn write_error(&self, error: io::Error) -> FetchError {
        if disk::is_full(&error) {
            self.remove();
            return self.disk_full(error.to_string());
        }
        FetchError::io("write", &part_path(&self.path))(error)
    }

    fn disk_full(&self, detail: String) -> FetchError {
        let folder = self.path.parent().unwrap_or(&self.path).to_owned();
        FetchError::DiskFull { what: self.what.clone(), folder, detail }
    }
}

impl Drop for Part {
    /// Leaves nothing where there is nothing to go on from, such as after a refusal.
    fn drop(&mut self) {
        if self.held == 0 && !self.is_finished {
            self.remove();
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    text.into()
}

pub(crate) fn part_path(path: &Path) -> PathBuf {
    with_suffix(path, ".part")
}

fn record_path(path: &Path) -> PathBuf {
    with_suffix(path, ".part.json")
}

/// The kernel releases the lock when the holder ends, however it ends.
fn open_locked(path: &Path) -> Result<File, FetchError> {
    loop {
        let file = OpenOptions::new().create(true).read(true).append(true).open(path);
        let file = file.map_err(FetchError::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FetchError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(FetchError::io("lock", path)(source)),
        }
        // Whoever held the lock a moment ago may have renamed or removed the file: a lock on that one is worth nothing.
        let ours = file.metadata().map_err(FetchError::io("read", path))?;
        if fs::metadata(path).is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino())) {
            return Ok(file);
        }
    }
}

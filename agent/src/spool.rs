//! Finished reports, kept on disk until the coordinator acknowledges them: a measurement outlives any crash.
//!
//! One directory a report, `<spool>/<result uid>/{manifest.json, report.pb}`, written under `tmp/`, flushed to the device
//! and moved into place, so that it is there whole or not at all. Nothing is deleted without an acknowledgement: what can't
//! be read goes to `corrupt/`. Synchronous: it is used when nothing is being measured. It knows nothing of the network.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use domain::{AttemptId, Digest, Fence, ResultUid};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

#[cfg(test)]
mod tests;

const MANIFEST: &str = "manifest.json";
const REPORT: &str = "report.pb";
const TMP: &str = "tmp";
const CORRUPT: &str = "corrupt";

/// One report in the spool: its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) attempt: AttemptId,
    pub(crate) fence: Fence,
    pub(crate) result_uid: ResultUid,
    /// Of the encoded report.
    pub(crate) sha256: Digest,
    pub(crate) size_bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("cannot {action} `{path}` of the spool", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("the spooled report `{path}` is corrupt: {why}", path = path.display())]
    Corrupt { path: PathBuf, why: String },
}

/// The spool of one agent, which holds its lock: nobody else writes here.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    root: PathBuf,
}

impl Spool {
    /// Opens the spool and lists what an earlier life of this agent left, oldest first. Half-written entries are removed:
    /// their attempts were never reported, and their leases expire.
    pub(crate) fn open(root: PathBuf) -> Result<(Self, Vec<Entry>), SpoolError> {
        let spool = Self { root };
        let tmp = spool.root.join(TMP);
        if tmp.exists() {
            fs::remove_dir_all(&tmp).map_err(io_error("clear", &tmp))?;
        }
        for directory in [&tmp, &spool.root.join(CORRUPT)] {
            fs::create_dir_all(directory).map_err(io_error("create", directory))?;
        }
        sync(&spool.root)?;
        let entries = spool.scan()?;
        Ok((spool, entries))
    }

    /// Writes a report. When this returns, no crash and no power loss takes it away. Writing it twice is harmless.
    pub(crate) fn put(
        &self,
        attempt: AttemptId,
        fence: Fence,
        result_uid: ResultUid,
        report: &[u8],
    ) -> Result<Entry, SpoolError> {
        let size_bytes = report.len() as u64;
        let entry = Entry { attempt, fence, result_uid, sha256: Digest::of(report), size_bytes };
        let home = self.directory(result_uid);
        if home.exists() {
            return read_manifest(&home);
        }
        let draft = self.root.join(TMP).join(result_uid.to_string());
        let written = write_draft(&draft, &entry, report).and_then(|()| {
            fs::rename(&draft, &home).map_err(io_error("move into place", &home))?;
            sync(&self.root)
        });
        if written.is_err() {
            // Best effort: what stays is removed at the next start. A full disk needs the space now.
            fs::remove_dir_all(&draft).unwrap_or_default();
        }
        written.map(|()| entry)
    }

    /// The report's bytes, exactly as they were put. [`SpoolError::Corrupt`] if they are not.
    pub(crate) fn read(&self, result_uid: ResultUid) -> Result<(Entry, Vec<u8>), SpoolError> {
        let home = self.directory(result_uid);
        let entry = read_manifest(&home)?;
        let path = home.join(REPORT);
        let report = fs::read(&path).map_err(io_error("read", &path))?;
        let found = Digest::of(&report);
        if found != entry.sha256 {
            let why = format!("its sha256 is {found}, the manifest says {}", entry.sha256);
            return Err(SpoolError::Corrupt { path, why });
        }
        Ok((entry, report))
    }

    /// Deletes an acknowledged report. It leaves its place first: a crash while deleting must not look like a torn entry.
    pub(crate) fn remove(&self, result_uid: ResultUid) -> Result<(), SpoolError> {
        let home = self.directory(result_uid);
        let grave = self.root.join(TMP).join(result_uid.to_string());
        fs::rename(&home, &grave).map_err(io_error("remove", &home))?;
        fs::remove_dir_all(&grave).map_err(io_error("remove", &grave))?;
        sync(&self.root)
    }

    /// Moves a report that can't be delivered to `corrupt/`, for a person to look at. Returns where it is now.
    pub(crate) fn set_aside(&self, result_uid: ResultUid) -> Result<PathBuf, SpoolError> {
        self.set_aside_directory(&self.directory(result_uid))
    }

    fn directory(&self, result_uid: ResultUid) -> PathBuf {
        self.root.join(result_uid.to_string())
    }

    fn set_aside_directory(&self, home: &Path) -> Result<PathBuf, SpoolError> {
        let name = home.file_name().unwrap_or_default();
        let aside = self.root.join(CORRUPT).join(name);
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(io_error("replace", &aside))?;
        }
        fs::rename(home, &aside).map_err(io_error("set aside", home))?;
        sync(&self.root)?;
        Ok(aside)
    }

    fn scan(&self) -> Result<Vec<Entry>, SpoolError> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.root).map_err(io_error("list", &self.root))? {
            let file = file.map_err(io_error("list", &self.root))?;
            if file.file_name() == TMP || file.file_name() == CORRUPT {
                continue;
            }
            match check(&file.path()) {
                Ok(entry) => entries.push(entry),
                Err(corrupt @ SpoolError::Corrupt { .. }) => {
                    let aside = self.set_aside_directory(&file.path())?;
                    error!(%corrupt, aside = %aside.display(), "a report can't be delivered and was set aside");
                }
                Err(error) => return Err(error),
            }
        }
        // A version 7 UUID begins with its time.
        entries.sort_by_key(|entry| entry.result_uid);
        Ok(entries)
    }
}

/// The sha256 is checked at delivery: hashing a gigabyte would hold up the start.
fn check(home: &Path) -> Result<Entry, SpoolError> {
    let entry = read_manifest(home)?;
    let corrupt = |why: String| SpoolError::Corrupt { path: home.to_owned(), why };
    if home.file_name() != Some(entry.result_uid.to_string().as_ref()) {
        return Err(corrupt(format!("its manifest belongs to {}", entry.result_uid)));
    }
    let found = fs::metadata(home.join(REPORT)).map_err(|error| corrupt(format!("{REPORT}: {error}")))?.len();
    if found != entry.size_bytes {
        return Err(corrupt(format!("it has {found} bytes, the manifest says {}", entry.size_bytes)));
    }
    Ok(entry)
}

fn read_manifest(home: &Path) -> Result<Entry, SpoolError> {
    let corrupt = |why: String| SpoolError::Corrupt { path: home.to_owned(), why };
    let text = fs::read(home.join(MANIFEST)).map_err(|error| corrupt(format!("{MANIFEST}: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| corrupt(format!("{MANIFEST}: {error}")))
}

fn write_draft(draft: &Path, entry: &Entry, report: &[u8]) -> Result<(), SpoolError> {
    if draft.exists() {
        warn!(path = %draft.display(), "an unfinished write to the spool is replaced");
        fs::remove_dir_all(draft).map_err(io_error("replace", draft))?;
    }
    fs::create_dir_all(draft).map_err(io_error("create", draft))?;
    let manifest = serde_json::to_vec(entry).expect("an entry has no maps and no floats");
    for (name, bytes) in [(REPORT, report), (MANIFEST, &manifest)] {
        let path = draft.join(name);
        let mut file = File::create_new(&path).map_err(io_error("create", &path))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_error("write", &path))?;
    }
    sync(draft)
}

/// Flushes a directory, so that its entries survive a power loss.
fn sync(directory: &Path) -> Result<(), SpoolError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(io_error("flush", directory))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |source| SpoolError::Io { action, path, source }
}

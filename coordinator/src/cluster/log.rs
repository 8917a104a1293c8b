//! The server's own log file: it takes the postmaster's stderr, is bounded at every start, and is the evidence when a start fails.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::ClusterError;

/// Beyond this size the log of earlier starts is moved to `.1`, which replaces the one before: 20 MB at most between restarts.
const ROTATE_BYTES: u64 = 10 * 1024 * 1024;
/// What is read back of a failed start.
const TAIL_BYTES: u64 = 16 * 1024;
const EVIDENCE_LINES: usize = 6;

#[derive(Debug, Clone)]
pub(super) struct ServerLog(PathBuf);

impl ServerLog {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self(data_dir.join("postgres.log"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn rotate(&self) -> Result<(), ClusterError> {
        if self.size() > ROTATE_BYTES {
            let old = self.0.with_extension("log.1");
            fs::rename(&self.0, &old).map_err(ClusterError::io("rotate", &self.0))?;
        }
        Ok(())
    }

    /// Opened by us and inherited, so that the server's user need not be able to reach it.
    pub(super) fn open(&self) -> Result<File, ClusterError> {
        File::options().create(true).append(true).mode(0o600).open(&self.0).map_err(ClusterError::io("open", &self.0))
    }

    pub(super) fn size(&self) -> u64 {
        fs::metadata(&self.0).map_or(0, |metadata| metadata.len())
    }

    /// What the server has written last since the log had this size.
    pub(super) fn evidence_since(&self, offset: u64) -> String {
        let start = offset.max(self.size().saturating_sub(TAIL_BYTES));
        let mut bytes = Vec::new();
        let read = File::open(&self.0).and_then(|mut file| {
            file.seek(SeekFrom::Start(start))?;
            file.take(TAIL_BYTES).read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => evidence(&String::from_utf8_lossy(&bytes)),
            Err(error) => format!("its log cannot be read: {error}"),
        }
    }
}

/// The last lines: PostgreSQL ends with what went wrong, the details before it.
pub(super) fn evidence(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = lines[lines.len().saturating_sub(EVIDENCE_LINES)..].join("\n  ");
    if text.is_empty() { "it said nothing".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_the_evidence() {
        assert_eq!(evidence("0\n1\n2\n\n3\n4\n5\n6\n"), "1\n  2\n  3\n  4\n  5\n  6");
        assert_eq!(evidence(""), "it said nothing");
    }

    #[test]
    fn a_large_log_is_moved_aside_at_start() {
        let directory = tempfile::tempdir().unwrap();
        let log = ServerLog::new(directory.path());
        log.open().unwrap().set_len(ROTATE_BYTES + 1).unwrap();
        log.rotate().unwrap();
        assert_eq!(log.size(), 0);
        assert!(directory.path().join("postgres.log.1").exists());
    }
}

//! One coordinator a data directory: a lock held for the life of the process.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;

use super::error::ClusterError;

/// Held until dropped. The kernel releases it when the process ends, however it ends; the file itself stays.
#[derive(Debug)]
pub(super) struct DirectoryLock(File);

impl DirectoryLock {
    pub(super) fn acquire(data_dir: &Path) -> Result<Self, ClusterError> {
        let path = data_dir.join("postgres.lock");
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(ClusterError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
                let pid = if pid.is_empty() { "unknown".to_owned() } else { pid };
                return Err(ClusterError::InUse { data_dir: data_dir.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(ClusterError::io("lock", &path)(source)),
        }
        file.set_len(0).map_err(ClusterError::io("write", &path))?;
        writeln!(file, "{}", std::process::id()).map_err(ClusterError::io("write", &path))?;
        Ok(Self(file))
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Explicitly: a child that is just being forked shares the file, and would hold the lock until its exec.
        drop(self.0.unlock());
    }
}

//! A directory for the temporary files of one conversion, beside its result. They are as large as the model, and so must not
//! outlive a process that was killed: whoever converts into the same folder next removes them.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

const PREFIX: &str = ".furlong-convert-";
/// Held while the directory is in use. The kernel lets go of it when the holder ends, however it ends.
const LOCK: &str = "in-use";
/// Another process may take a new directory for a left one in the moment before its lock is held.
const TRIES: usize = 8;

pub(crate) struct Scratch {
    directory: TempDir,
    _lock: File,
}

impl Scratch {
    pub(crate) fn new_in(folder: &Path) -> io::Result<Self> {
        remove_left(folder)?;
        for _ in 0..TRIES {
            let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder)?;
            if let Ok(lock) = File::create(directory.path().join(LOCK))
                && lock.try_lock().is_ok()
            {
                return Ok(Self { directory, _lock: lock });
            }
        }
        Err(io::Error::other("other processes keep removing it"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn remove_left(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        // Without a lock it is not older than this moment.
        if let Ok(lock) = File::open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            // What cannot be removed is in nobody's way.
            fs::remove_dir_all(entry.path()).unwrap_or_default();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_in_use_stays() {
        let folder = tempfile::tempdir().expect("a directory");
        let in_use = Scratch::new_in(folder.path()).expect("created");
        let left = folder.path().join(".furlong-convert-left");
        fs::create_dir(&left).expect("created");
        fs::write(left.join(LOCK), "").expect("written");
        fs::write(left.join("half-a-model"), "x").expect("written");
        let other = folder.path().join("somebody-elses");
        fs::create_dir(&other).expect("created");

        let second = Scratch::new_in(folder.path()).expect("created");
        assert!(!left.exists() && other.exists());
        assert!(in_use.path().exists() && second.path().exists() && in_use.path() != second.path());
        drop((in_use, second));
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1);
    }
}

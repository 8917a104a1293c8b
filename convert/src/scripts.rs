//! The Python scripts that call the converters, and how they get to where Python can read them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use domain::Digest;
use sha2::{Digest as _, Sha256};

/// Run with `python -c`, so that it works before there is an environment.
pub(crate) const LEASH: &str = include_str!("../python/leash.py");

const ENTRY: &str = "variant.py";
const SCRIPTS: [(&str, &str); 5] = [
    (ENTRY, include_str!("../python/variant.py")),
    ("recipes.py", include_str!("../python/recipes.py")),
    ("models.py", include_str!("../python/models.py")),
    ("calibration.py", include_str!("../python/calibration.py")),
    ("agreement.py", include_str!("../python/agreement.py")),
];

/// Writes the scripts below `parent` unless they are there, and returns the one to run. The directory is named for their
/// contents, so that two versions of Furlong may share an environment.
pub(crate) fn write(parent: &Path) -> io::Result<PathBuf> {
    let text: String = SCRIPTS.iter().flat_map(|(name, text)| [*name, "\0", text, "\0"]).collect();
    let directory = parent.join(format!("furlong-{}", Digest::of(text.as_bytes()).short()));
    if !directory.is_dir() {
        // Into place by one rename: another process may be about to read them.
        let unfinished = tempfile::Builder::new().prefix(".furlong-").tempdir_in(parent)?;
        for (name, text) in SCRIPTS {
            fs::write(unfinished.path().join(name), text)?;
        }
        // Not when another process was quicker: its files are the same.
        if let Err(error) = fs::rename(unfinished.path(), &directory)
            && !directory.is_dir()
        {
            return Err(error);
        }
    }
    Ok(directory.join(ENTRY))
}

/// SHA-256 and size of a file.
pub(crate) fn hash_file(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size_bytes = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((Digest::from_bytes(hasher.finalize().into()), size_bytes));
        }
        hasher.update(&buffer[..count]);
        size_bytes += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_written_once_and_whole() {
        let parent = tempfile::tempdir().expect("a directory");
        let first = write(parent.path()).expect("written");
        assert_eq!(write(parent.path()).expect("there"), first);
        let names: Vec<_> = fs::read_dir(parent.path()).expect("read").collect();
        assert_eq!(names.len(), 1, "nothing unfinished is left: {names:?}");
        assert_eq!(fs::read_dir(first.parent().expect("a parent")).expect("read").count(), SCRIPTS.len());
    }

    #[test]
    fn a_file_is_hashed_with_its_size() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        fs::write(&path, vec![7; 3 << 20]).expect("written");
        assert_eq!(hash_file(&path).expect("read"), (Digest::of(&vec![7; 3 << 20]), 3 << 20));
    }
}

//! Where wheels come from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ToolchainError;
use crate::package::{Package, Pin};

/// Where wheels come from. Either way, only bytes with the pinned hash are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `python -m pip download`, with whatever index, proxy and certificates pip is set up for.
    Pip { python: PathBuf },
    /// A directory with wheels that somebody downloaded elsewhere, for machines without a network.
    Directory(PathBuf),
}

impl Source {
    /// pip of the `python3` that is found in `PATH`.
    pub fn pip() -> Self {
        Self::Pip { python: PathBuf::from("python3") }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::pip()
    }
}

/// Finds the wheel by its exact name in a directory. Its hash is checked by whoever opens it.
pub(crate) fn find_wheel(package: Package, pin: &Pin, directory: &Path) -> Result<PathBuf, ToolchainError> {
    let file = directory.join(&pin.wheel);
    match fs::metadata(&file) {
        Ok(metadata) if metadata.is_file() => Ok(file),
        Ok(_) => Err(ToolchainError::missing_wheel(package, directory, pin)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(ToolchainError::missing_wheel(package, directory, pin))
        }
        Err(error) => Err(ToolchainError::io("read", &file)(error)),
    }
}

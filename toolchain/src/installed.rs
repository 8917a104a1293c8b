//! What is installed, where its files are, and what a verification found.

use std::fmt;
use std::path::PathBuf;

use crate::error::ToolchainError;
use crate::package::{POSTGRES_BIN, Package, library_name};

/// A complete package on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    pub package: Package,
    pub version: &'static str,
    pub directory: PathBuf,
    /// Of the unpacked files.
    pub size_bytes: u64,
}

impl Installed {
    /// ONNX Runtime's shared library. An error for any other package.
    pub fn library(&self) -> Result<PathBuf, ToolchainError> {
        self.only(Package::OnnxRuntime, &library_name(self.version))
    }

    /// The directory of PostgreSQL's programs. An error for any other package.
    pub fn bin_dir(&self) -> Result<PathBuf, ToolchainError> {
        self.only(Package::PostgreSql, POSTGRES_BIN)
    }

    /// A file of the package by its path below `directory`, such as `model.onnx` or `tokenizer.json`.
    pub fn file(&self, name: &str) -> Result<PathBuf, ToolchainError> {
        let path = self.directory.join(name);
        if path.is_file() { Ok(path) } else { Err(self.no_such_file(name)) }
    }

    fn only(&self, package: Package, name: &str) -> Result<PathBuf, ToolchainError> {
        let path = self.directory.join(name);
        if self.package == package && path.exists() { Ok(path) } else { Err(self.no_such_file(name)) }
    }

    fn no_such_file(&self, name: &str) -> ToolchainError {
        ToolchainError::NoSuchFile { package: self.package, name: name.to_owned(), directory: self.directory.clone() }
    }
}

/// What [`Toolchain::verify`](crate::Toolchain::verify) found for one package, or for one version of ONNX Runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub package: Package,
    pub version: String,
    pub directory: PathBuf,
    pub condition: Condition,
}

/// Paths are relative to the package's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Every file has the recorded size, mode and sha256.
    Intact { files: usize, size_bytes: u64 },
    /// Not a fault: nobody asked for it yet.
    NotInstalled,
    /// Remove the directory and install again.
    Damaged { missing: Vec<PathBuf>, corrupt: Vec<PathBuf> },
}

impl fmt::Display for Verified {
    /// `onnxruntime 1.32.0: intact, 4 files`, and every damaged file on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.package, self.version)?;
        match &self.condition {
            Condition::Intact { files, size_bytes } => write!(f, "intact, {files} files, {size_bytes} bytes"),
            Condition::NotInstalled => f.write_str("not installed"),
            Condition::Damaged { missing, corrupt } => {
                write!(f, "damaged; remove {} and install again", self.directory.display())?;
                missing.iter().try_for_each(|file| write!(f, "\n  missing {}", file.display()))?;
                corrupt.iter().try_for_each(|file| write!(f, "\n  changed {}", file.display()))
            }
        }
    }
}

impl Verified {
    pub fn is_damaged(&self) -> bool {
        matches!(self.condition, Condition::Damaged { .. })
    }
}

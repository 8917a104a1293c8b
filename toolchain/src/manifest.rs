//! The record of what was unpacked: written last, so that its presence means a complete package.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ToolchainError;
use crate::package::{Item, Package, Pin};

pub(crate) const MANIFEST: &str = "manifest.json";

/// Raised when the layout on disk changes: an older layout is then installed anew.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    package: Package,
    requirement: String,
    wheel: String,
    /// Equals the pinned hash; of a runtime on demand, whatever the first download had.
    wheel_sha256: String,
    pub(crate) files: Vec<ManifestFile>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ManifestFile {
    /// Relative to the package's directory.
    pub(crate) path: PathBuf,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: String,
    /// Permission bits, such as 0o755.
    pub(crate) mode: u32,
}

impl Manifest {
    pub(crate) fn new(package: Package, pin: &Pin, files: Vec<ManifestFile>) -> Self {
        Self {
            format: FORMAT,
            package,
            requirement: pin.requirement.clone(),
            wheel: pin.wheel.clone(),
            wheel_sha256: pin.sha256.clone(),
            files,
        }
    }

    /// Reads the manifest of a package directory. `None` if there is none, or none of this item, pin and layout: the package
    /// then counts as absent and is installed anew. Without a pin, any wheel of the right version will do.
    pub(crate) fn read(directory: &Path, item: Item, pin: Option<&Pin>) -> Result<Option<Self>, ToolchainError> {
        let path = directory.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ToolchainError::io("read", &path)(error)),
        };
        Ok(serde_json::from_slice::<Self>(&bytes).ok().filter(|manifest| {
            manifest.format == FORMAT
                && manifest.package == item.package()
                && pin.map_or_else(
                    || manifest.requirement == item.requirement(),
                    |pin| manifest.wheel_sha256 == pin.sha256,
                )
        }))
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<(), ToolchainError> {
        let path = directory.join(MANIFEST);
        let text = serde_json::to_vec_pretty(self).map_err(|error| ToolchainError::Io {
            action: "encode",
            path: path.clone(),
            source: error.into(),
        })?;
        let mut file = File::create(&path).map_err(ToolchainError::io("create", &path))?;
        file.write_all(&text).map_err(ToolchainError::io("write", &path))?;
        file.set_permissions(fs::Permissions::from_mode(0o644))
            .map_err(ToolchainError::io("set the mode of", &path))?;
        file.sync_all().map_err(ToolchainError::io("write", &path))
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    pub(crate) fn into_file(self, path: &Path) -> Option<ManifestFile> {
        self.files.into_iter().find(|file| file.path == path)
    }

    pub(crate) fn file(&self, path: &Path) -> Option<&ManifestFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether every file is there with its size. Reads no contents, so that it can be asked at every start.
    pub(crate) fn is_present(&self, directory: &Path) -> bool {
        self.files.iter().all(|file| {
            fs::symlink_metadata(directory.join(&file.path))
                .is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.size_bytes)
        })
    }
}

/// What a file looks like now, compared with its record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    Intact,
    Missing,
    Corrupt,
}

impl ManifestFile {
    /// Reads and hashes the file. A wrong mode counts as corrupt: a program that is not executable is of no use.
    pub(crate) fn check(&self, directory: &Path) -> Result<FileState, ToolchainError> {
        let path = directory.join(&self.path);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileState::Missing),
            Err(error) => return Err(ToolchainError::io("read", &path)(error)),
        };
        let metadata = file.metadata().map_err(ToolchainError::io("read", &path))?;
        let same = metadata.len() == self.size_bytes
            && metadata.permissions().mode() & 0o777 == self.mode
            && sha256(&mut file).map_err(ToolchainError::io("read", &path))? == self.sha256;
        Ok(if same { FileState::Intact } else { FileState::Corrupt })
    }
}

/// The sha256 of all that is left to read, in lower-case hexadecimal.
pub(crate) fn sha256(reader: &mut impl Read) -> io::Result<String> {
    let mut hashing = Hashing::new(io::sink());
    io::copy(reader, &mut hashing)?;
    Ok(hashing.finish().0)
}

/// Hashes and counts what is written through it.
pub(crate) struct Hashing<W> {
    inner: W,
    hasher: Sha256,
    count: u64,
}

impl<W: Write> Hashing<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), count: 0 }
    }

    /// The sha256 in lower-case hexadecimal, and the number of bytes.
    pub(crate) fn finish(self) -> (String, u64) {
        let mut text = String::with_capacity(64);
        for byte in self.hasher.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        (text, self.count)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

//! Unpacks what is wanted of one wheel. A wheel is a zip file; its bytes are hashed before anything in it is believed.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;

use crate::error::ToolchainError;
use crate::manifest::{Hashing, ManifestFile, sha256};
use crate::package::{Package, Pin};

/// A wheel whose hash is that of its pin. It stays open: what was hashed is what is unpacked.
pub(crate) struct Wheel {
    path: PathBuf,
    archive: ZipArchive<File>,
}

impl Wheel {
    pub(crate) fn open(package: Package, pin: &Pin, path: &Path) -> Result<Self, ToolchainError> {
        let mut file = File::open(path).map_err(ToolchainError::io("read", path))?;
        let found = sha256(&mut file).map_err(ToolchainError::io("read", path))?;
        if found != pin.sha256 {
            return Err(ToolchainError::HashMismatch {
                package,
                file: path.to_owned(),
                expected: pin.sha256.clone(),
                found,
            });
        }
        Self::read(path, file)
    }

    /// Takes the wheel as it is, and says what hash it has.
    pub(crate) fn open_unpinned(path: &Path) -> Result<(Self, String), ToolchainError> {
        let mut file = File::open(path).map_err(ToolchainError::io("read", path))?;
        let sha256 = sha256(&mut file).map_err(ToolchainError::io("read", path))?;
        Ok((Self::read(path, file)?, sha256))
    }

    fn read(path: &Path, mut file: File) -> Result<Self, ToolchainError> {
        file.seek(SeekFrom::Start(0)).map_err(ToolchainError::io("read", path))?;
        let archive = ZipArchive::new(file).map_err(|source| bad_wheel(path, source))?;
        Ok(Self { path: path.to_owned(), archive })
    }

    /// Writes the wanted entries below `directory`, all of it on disk when this returns. Refuses the whole wheel for one
    /// entry that is a link or has a path that leaves the directory: the pinned wheels hold none.
    pub(crate) fn unpack(
        &mut self,
        package: Package,
        pin: &Pin,
        directory: &Path,
    ) -> Result<Vec<ManifestFile>, ToolchainError> {
        let mut files = Vec::new();
        for index in 0..self.archive.len() {
            let mut entry = self.archive.by_index(index).map_err(|source| bad_wheel(&self.path, source))?;
            let name = entry.name().map_err(|source| bad_wheel(&self.path, source))?.into_owned();
            if entry.is_symlink() || !stays_inside(&name) {
                return Err(ToolchainError::UnsafeEntry { file: self.path.clone(), entry: name });
            }
            if entry.is_dir() {
                continue;
            }
            if let Some(target) = (pin.keep)(&name) {
                files.push(write_entry(&self.path, &mut entry, directory, PathBuf::from(target))?);
            }
        }
        if let Some(entry) =
            pin.required.iter().find(|required| !files.iter().any(|file| file.path == Path::new(required.as_str())))
        {
            return Err(ToolchainError::IncompleteWheel { package, file: self.path.clone(), entry: entry.clone() });
        }
        Ok(files)
    }
}

fn bad_wheel(path: &Path, source: zip::result::ZipError) -> ToolchainError {
    ToolchainError::BadWheel { file: path.to_owned(), source }
}

fn stays_inside(entry: &str) -> bool {
    !entry.contains(['\\', '\0'])
        && Path::new(entry).components().all(|component| matches!(component, Component::Normal(_)))
}

fn write_entry(
    wheel: &Path,
    entry: &mut ZipFile<'_, File>,
    directory: &Path,
    target: PathBuf,
) -> Result<ManifestFile, ToolchainError> {
    let path = directory.join(&target);
    create_parents(directory, &target)?;
    // Everybody may read and run it: PostgreSQL runs under another user than the coordinator that installed it.
    let mode = if entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0) { 0o755 } else { 0o644 };
    let mut output = Hashing::new(File::create_new(&path).map_err(ToolchainError::io("create", &path))?);
    io::copy(entry, &mut output).map_err(|error| match error.kind() {
        // The zip reader's own complaints, such as a wrong checksum, are about the wheel and not about our file.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => bad_wheel(wheel, error.into()),
        _ => ToolchainError::io("write", &path)(error),
    })?;
    let (sha256, size_bytes) = output.finish();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        .map_err(ToolchainError::io("set the mode of", &path))?;
    // Opened anew: `finish` has closed the file, and fsync works on the file and not on the handle.
    File::open(&path).and_then(|file| file.sync_all()).map_err(ToolchainError::io("write", &path))?;
    Ok(ManifestFile { path: target, size_bytes, sha256, mode })
}

fn create_parents(directory: &Path, target: &Path) -> Result<(), ToolchainError> {
    let mut path = directory.to_owned();
    for component in target.parent().into_iter().flat_map(Path::components) {
        path.push(component);
        if !path.is_dir() {
            create_directory(&path)?;
        }
    }
    Ok(())
}

/// Creates one directory that everybody can enter, whatever the umask.
pub(crate) fn create_directory(path: &Path) -> Result<(), ToolchainError> {
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .map_err(ToolchainError::io("set the mode of", path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(ToolchainError::io("create", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_directory_are_seen() {
        assert!(stays_inside("a/b.so") && stays_inside("a/"));
        for outside in ["../a", "a/../../b", "/etc/passwd", "..\\a"] {
            assert!(!stays_inside(outside), "{outside}");
        }
    }
}

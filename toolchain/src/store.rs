//! The toolchain's directory: installs under a lock, into place by one rename, so that a package is there completely or not at all.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::ToolchainError;
use crate::installed::{Condition, Installed, Verified};
use crate::manifest::{FileState, Manifest};
use crate::package::{Catalog, Package, Pin};
use crate::pip;
use crate::source::{Source, find_wheel};
use crate::wheel::{Wheel, create_directory};

/// The packages below one directory, by convention `<data_dir>/toolchain`:
/// `<name>-<version>/` each with its `manifest.json`, `download/` for wheels, `staging/` for what is not finished, `.lock`.
#[derive(Debug, Clone)]
pub struct Toolchain {
    root: PathBuf,
    catalog: Catalog,
}

/// What an installation is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another process installs into the same directory.
    Waiting(Package),
    Downloading(Package),
    Unpacking(Package),
    /// Installed now or before.
    Ready(Package),
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(package) => write!(f, "waiting for another installation of {package}"),
            Self::Downloading(package) => write!(f, "downloading {package} {} with pip", package.version()),
            Self::Unpacking(package) => write!(f, "unpacking {package}"),
            Self::Ready(package) => write!(f, "{package} {} is ready", package.version()),
        }
    }
}

impl Toolchain {
    /// Touches nothing on disk.
    pub fn new(root: PathBuf) -> Self {
        Self::with_catalog(root, Catalog::host())
    }

    pub(crate) fn with_catalog(root: PathBuf, catalog: Catalog) -> Self {
        Self { root, catalog }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes sure that a package is there. Quick when it is; otherwise downloads and unpacks it, waiting for any other
    /// process that installs into this directory. May be interrupted at any moment and run again.
    pub fn install(
        &self,
        package: Package,
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Installed, ToolchainError> {
        let pin = self.pin(package)?;
        if let Some(installed) = self.installed(package)? {
            progress(Progress::Ready(package));
            return Ok(installed);
        }
        self.create_root()?;
        let _lock = self.lock(package, progress)?;
        // Whoever held the lock before may have installed it.
        if self.installed(package)?.is_none() {
            self.install_locked(package, pin, source, progress)?;
        }
        let installed = self.installed(package)?.ok_or_else(|| ToolchainError::Io {
            action: "find what was just unpacked to",
            path: self.directory(package),
            source: io::ErrorKind::NotFound.into(),
        })?;
        progress(Progress::Ready(package));
        Ok(installed)
    }

    /// The package, if all its files are there with their sizes. Reads no contents and takes no lock.
    pub fn installed(&self, package: Package) -> Result<Option<Installed>, ToolchainError> {
        let pin = self.pin(package)?;
        let directory = self.directory(package);
        let manifest = Manifest::read(&directory, package, pin)?.filter(|manifest| manifest.is_present(&directory));
        Ok(manifest.map(|manifest| Installed {
            package,
            version: package.version(),
            directory,
            size_bytes: manifest.size_bytes(),
        }))
    }

    /// Hashes every unpacked file again. Packages that this platform does not have are left out.
    pub fn verify(&self) -> Result<Vec<Verified>, ToolchainError> {
        let managed = Package::ALL.into_iter().filter_map(|package| Some((package, self.catalog.pin(package)?)));
        managed
            .map(|(package, pin)| {
                let directory = self.directory(package);
                let condition = match Manifest::read(&directory, package, pin)? {
                    Some(manifest) => check_files(&manifest, &directory)?,
                    None => Condition::NotInstalled,
                };
                Ok(Verified { package, version: package.version(), directory, condition })
            })
            .collect()
    }

    fn pin(&self, package: Package) -> Result<&Pin, ToolchainError> {
        self.catalog.pin(package).ok_or_else(|| ToolchainError::unsupported(package))
    }

    fn directory(&self, package: Package) -> PathBuf {
        self.root.join(format!("{}-{}", package.name(), package.version()))
    }

    fn create_root(&self) -> Result<(), ToolchainError> {
        if let Some(parent) = self.root.parent() {
            fs::create_dir_all(parent).map_err(ToolchainError::io("create", parent))?;
        }
        create_directory(&self.root)
    }

    /// The kernel releases the lock when the holder ends, however it ends. The file stays: removing it would let two in.
    fn lock(&self, package: Package, progress: &mut dyn FnMut(Progress)) -> Result<File, ToolchainError> {
        let path = self.root.join(".lock");
        let file = File::options().create(true).append(true).open(&path).map_err(ToolchainError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress(Progress::Waiting(package));
                file.lock().map_err(ToolchainError::io("lock", &path))?;
            }
            Err(TryLockError::Error(source)) => return Err(ToolchainError::io("lock", &path)(source)),
        }
        Ok(file)
    }

    fn install_locked(
        &self,
        package: Package,
        pin: &Pin,
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ToolchainError> {
        // We hold the lock, so that whatever is in staging was left by a process that died.
        let staging = self.root.join("staging");
        remove_directory(&staging)?;
        create_directory(&staging)?;

        let (mut wheel, downloaded) = match source {
            Source::Directory(directory) => (Wheel::open(package, pin, &find_wheel(package, pin, directory)?)?, None),
            Source::Pip { python } => {
                let path = self.root.join("download").join(&pin.wheel);
                (self.download(package, pin, python, &path, progress)?, Some(path))
            }
        };

        progress(Progress::Unpacking(package));
        let unpacked = staging.join("unpacked");
        create_directory(&unpacked)?;
        let files = wheel.unpack(package, pin, &unpacked)?;
        Manifest::new(package, pin, files).write(&unpacked)?;
        sync_directories(&unpacked)?;

        let directory = self.directory(package);
        if directory.exists() {
            // Damaged, or of another pin: somebody may have its files open, so it is moved away and not overwritten.
            let damaged = staging.join("damaged");
            fs::rename(&directory, &damaged).map_err(ToolchainError::io("move away", &directory))?;
        }
        fs::rename(&unpacked, &directory).map_err(ToolchainError::io("create", &directory))?;
        sync_directory(&self.root)?;

        remove_directory(&staging)?;
        if let Some(path) = downloaded {
            fs::remove_file(&path).map_err(ToolchainError::io("remove", &path))?;
        }
        Ok(())
    }

    /// The wheel from `download/`, fetched by pip unless an earlier, interrupted run has done so.
    fn download(
        &self,
        package: Package,
        pin: &Pin,
        python: &Path,
        path: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Wheel, ToolchainError> {
        let directory = self.root.join("download");
        create_directory(&directory)?;
        if path.exists() {
            if let Ok(wheel) = Wheel::open(package, pin, path) {
                return Ok(wheel);
            }
            fs::remove_file(path).map_err(ToolchainError::io("remove", path))?;
        }
        progress(Progress::Downloading(package));
        pip::download(package, pin, python, &directory, &self.root.join("staging"))?;
        Wheel::open(package, pin, path)
    }
}

fn check_files(manifest: &Manifest, directory: &Path) -> Result<Condition, ToolchainError> {
    let (mut missing, mut corrupt) = (Vec::new(), Vec::new());
    for file in &manifest.files {
        match file.check(directory)? {
            FileState::Intact => {}
            FileState::Missing => missing.push(file.path.clone()),
            FileState::Corrupt => corrupt.push(file.path.clone()),
        }
    }
    Ok(if missing.is_empty() && corrupt.is_empty() {
        Condition::Intact { files: manifest.files.len(), size_bytes: manifest.size_bytes() }
    } else {
        Condition::Damaged { missing, corrupt }
    })
}

fn remove_directory(path: &Path) -> Result<(), ToolchainError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ToolchainError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The names in a directory are as durable as the files only after the directory itself was synced.
fn sync_directories(path: &Path) -> Result<(), ToolchainError> {
    for entry in fs::read_dir(path).map_err(ToolchainError::io("read", path))? {
        let entry = entry.map_err(ToolchainError::io("read", path))?;
        if entry.file_type().map_err(ToolchainError::io("read", path))?.is_dir() {
            sync_directories(&entry.path())?;
        }
    }
    sync_directory(path)
}

fn sync_directory(path: &Path) -> Result<(), ToolchainError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(ToolchainError::io("write", path))
}

#[cfg(test)]
mod tests;

//! The toolchain's directory: installs under a lock, into place by one rename, so that a package is there completely or not at all.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::ToolchainError;
use crate::installed::{Condition, Installed, Verified};
use crate::manifest::{FileState, MANIFEST, Manifest};
use crate::package::{Catalog, Item, Package, Pin};
use crate::pip;
use crate::source::{Source, find_wheel};
use crate::wheel::{Wheel, create_directory};

mod runtime;

/// The packages below one directory, by convention `<data_dir>/toolchain`:
/// `<name>-<version>/` each with its `manifest.json` (of ONNX Runtime there may be several), `download/` for wheels, `staging/` for what is not finished, `.lock`.
#[derive(Debug, Clone)]
pub struct Toolchain {
    root: PathBuf,
    catalog: Catalog,
}

/// In staging, the directory that becomes the package's.
const UNPACKED: &str = "unpacked";
/// Of the pinned wheels that depend on Python at all.
const PYTHON_VERSION: &str = "3.11";

/// What an installation is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another process installs into the same directory.
    Waiting(Item),
    Downloading(Item),
    Unpacking(Item),
    /// Installed now or before.
    Ready(Item),
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(item) => write!(f, "waiting for another installation before that of {item}"),
            Self::Downloading(item) => write!(f, "downloading {item} with pip"),
            Self::Unpacking(item) => write!(f, "unpacking {item}"),
            Self::Ready(item) => write!(f, "{item} is ready"),
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
        let item = Item::Pinned(package);
        self.ensure(
            item,
            || self.installed(package),
            |progress| self.install_pinned(package, source, progress),
            progress,
        )
    }

    /// The package, if all its files are there with their sizes. Reads no contents and takes no lock.
    pub fn installed(&self, package: Package) -> Result<Option<Installed>, ToolchainError> {
        let item = Item::Pinned(package);
        let directory = self.directory(item);
        let manifest = self.manifest(item)?.filter(|manifest| manifest.is_present(&directory));
        Ok(manifest.map(|manifest| Installed {
            package,
            version: package.version(),
            directory,
            size_bytes: manifest.size_bytes(),
        }))
    }

    /// Hashes every unpacked file again: of the packages that this platform has, and of every other ONNX Runtime that is there.
    pub fn verify(&self) -> Result<Vec<Verified>, ToolchainError> {
        let managed = Package::ALL.into_iter().filter(|package| self.catalog.pin(*package).is_some());
        let other = self.runtimes_on_demand()?.into_iter().map(Item::Runtime);
        managed.map(Item::Pinned).chain(other).map(|item| self.verify_item(item)).collect()
    }

    fn verify_item(&self, item: Item) -> Result<Verified, ToolchainError> {
        let directory = self.directory(item);
        let condition = match (self.manifest(item)?, item) {
            (Some(manifest), _) => check_files(&manifest, &directory)?,
            (None, Item::Pinned(_)) => Condition::NotInstalled,
            // It is listed because its directory is there.
            (None, Item::Runtime(_)) => Condition::Damaged { missing: vec![MANIFEST.into()], corrupt: Vec::new() },
        };
        Ok(Verified { package: item.package(), version: item.version(), directory, condition })
    }

    /// Returns what is there, or else calls `install` under the lock.
    fn ensure<T>(
        &self,
        item: Item,
        find: impl Fn() -> Result<Option<T>, ToolchainError>,
        install: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<(), ToolchainError>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<T, ToolchainError> {
        if let Some(found) = find()? {
            progress(Progress::Ready(item));
            return Ok(found);
        }
        self.create_root()?;
        let _lock = self.lock(item, progress)?;
        // Whoever held the lock before may have installed it.
        let mut found = find()?;
        if found.is_none() {
            install(progress)?;
            found = find()?;
        }
        let found = found.ok_or_else(|| ToolchainError::Io {
            action: "find what was just unpacked to",
            path: self.directory(item),
            source: io::ErrorKind::NotFound.into(),
        })?;
        progress(Progress::Ready(item));
        Ok(found)
    }

    /// The record of what was unpacked, if it is of the version and the pin that are wanted.
    fn manifest(&self, item: Item) -> Result<Option<Manifest>, ToolchainError> {
        let pin = match item {
            Item::Pinned(package) => Some(self.pin(package)?),
            Item::Runtime(_) => None,
        };
        Manifest::read(&self.directory(item), item, pin)
    }

    fn pin(&self, package: Package) -> Result<&Pin, ToolchainError> {
        self.catalog.pin(package).ok_or_else(|| ToolchainError::unsupported(package))
    }

    fn directory(&self, item: Item) -> PathBuf {
        self.root.join(format!("{}-{}", item.package().name(), item.version()))
    }

    fn create_root(&self) -> Result<(), ToolchainError> {
        if let Some(parent) = self.root.parent() {
            fs::create_dir_all(parent).map_err(ToolchainError::io("create", parent))?;
        }
        create_directory(&self.root)
    }

    /// The kernel releases the lock when the holder ends, however it ends. The file stays: removing it would let two in.
    fn lock(&self, item: Item, progress: &mut dyn FnMut(Progress)) -> Result<File, ToolchainError> {
        let path = self.root.join(".lock");
        let file = File::options().create(true).append(true).open(&path).map_err(ToolchainError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress(Progress::Waiting(item));
                file.lock().map_err(ToolchainError::io("lock", &path))?;
            }
            Err(TryLockError::Error(source)) => return Err(ToolchainError::io("lock", &path)(source)),
        }
        Ok(file)
    }

    /// An empty directory for what is not finished. Only under the lock: what was in it was left by a process that died.
    fn clear_staging(&self) -> Result<PathBuf, ToolchainError> {
        let staging = self.root.join("staging");
        remove_directory(&staging)?;
        create_directory(&staging)?;
        Ok(staging)
    }

    fn install_pinned(
        &self,
        package: Package,
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ToolchainError> {
        let pin = self.pin(package)?;
        let staging = self.clear_staging()?;
        let (mut wheel, downloaded) = match source {
            Source::Directory(directory) => (Wheel::open(package, pin, &find_wheel(package, pin, directory)?)?, None),
            Source::Pip { python } => {
                let path = self.root.join("download").join(&pin.wheel);
                (self.download(package, pin, python, &path, progress)?, Some(path))
            }
        };

        let item = Item::Pinned(package);
        progress(Progress::Unpacking(item));
        let manifest = unpack(package, pin, &mut wheel, &staging)?;
        self.put_into_place(item, &manifest, &staging)?;
        remove_directory(&staging)?;
        if let Some(path) = downloaded {
            fs::remove_file(&path).map_err(ToolchainError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Completes what was unpacked in staging, and has it appear under its name.
    fn put_into_place(&self, item: Item, manifest: &Manifest, staging: &Path) -> Result<(), ToolchainError> {
        let unpacked = staging.join(UNPACKED);
        manifest.write(&unpacked)?;
        sync_directories(&unpacked)?;
        let directory = self.directory(item);
        if directory.exists() {
            // Damaged, or of another pin: somebody may have its files open, so it is moved away and not overwritten.
            let damaged = staging.join("damaged");
            fs::rename(&directory, &damaged).map_err(ToolchainError::io("move away", &directory))?;
        }
        fs::rename(&unpacked, &directory).map_err(ToolchainError::io("create", &directory))?;
        sync_directory(&self.root)
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
        let item = Item::Pinned(package);
        progress(Progress::Downloading(item));
        let request = pip::Request {
            requirement: &pin.requirement,
            sha256: Some(&pin.sha256),
            python_version: PYTHON_VERSION,
            platforms: &[pin.platform],
        };
        pip::download(&request, python, &directory, &self.root.join("staging")).map_err(|error| error.about(item))?;
        Wheel::open(package, pin, path)
    }
}

/// Unpacks what is wanted of the wheel into staging.
fn unpack(package: Package, pin: &Pin, wheel: &mut Wheel, staging: &Path) -> Result<Manifest, ToolchainError> {
    let unpacked = staging.join(UNPACKED);
    create_directory(&unpacked)?;
    Ok(Manifest::new(package, pin, wheel.unpack(package, pin, &unpacked)?))
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

//! ONNX Runtime by version: the pinned one like any package, every other one on demand.
//!
//! A version on demand has no hash in this program. What the first installation got is recorded in the manifest; from then on,
//! that is what the library is held to.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Progress, Toolchain, remove_directory, unpack};
use crate::error::ToolchainError;
use crate::manifest::{FileState, Manifest, ManifestFile};
use crate::package::{HOST, Host, Item, Package, library_name, runtime_pin};
use crate::pip;
use crate::runtime::{RuntimeLibrary, RuntimeVersion};
use crate::source::{Source, find_runtime_wheel};
use crate::wheel::{Wheel, create_directory};

/// Wheels are made for each Python, but the library in them is the same to the byte (seen in 1.23.2 and 1.31.1 for 3.11 to 3.13).
/// 3.11 has wheels of all versions from 1.23.0 to 1.32.0; releases that come when it is out of use will have them for 3.14.
const PYTHON_VERSIONS: [&str; 2] = ["3.11", "3.14"];

impl Toolchain {
    /// ONNX Runtime in this version, such as `1.30.0`, if it is installed and its library has the recorded hash. `None` if it is
    /// absent or damaged: [`install_runtime`](Self::install_runtime) mends either.
    ///
    /// Reads the whole library, tens of megabytes, but takes no lock. An error for a version that this build cannot load.
    pub fn runtime(&self, version: &str) -> Result<Option<RuntimeLibrary>, ToolchainError> {
        self.intact_runtime(Item::runtime(version.parse()?))
    }

    /// Makes sure that ONNX Runtime is there in this version, as [`install`](Self::install) does for a package.
    ///
    /// The pinned version is held to its pinned hash. For every other one, the first download is trusted: pip compares it with
    /// the hash that the index names, and if the index is wrong, nobody notices; a wheel from a directory is compared with
    /// nothing. What was got is recorded, and a damaged installation is replaced only by the same library; another one is
    /// [`ToolchainError::RuntimeChanged`].
    pub fn install_runtime(
        &self,
        version: &str,
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<RuntimeLibrary, ToolchainError> {
        let item = Item::runtime(version.parse()?);
        let find = || self.intact_runtime(item);
        let install = |progress: &mut dyn FnMut(Progress)| match item {
            Item::Pinned(package) => self.install_pinned(package, source, progress),
            Item::Runtime(version) => self.install_on_demand(version, source, progress),
        };
        self.ensure(item, find, install, progress)
    }

    /// Every ONNX Runtime that is there, the pinned one among them, oldest first. Like [`installed`](Self::installed), it looks
    /// at sizes only; [`verify`](Self::verify) reads contents.
    pub fn runtimes(&self) -> Result<Vec<RuntimeLibrary>, ToolchainError> {
        let mut versions = self.runtimes_on_demand()?;
        if self.catalog.pin(Package::OnnxRuntime).is_some() {
            versions.push(Package::OnnxRuntime.version().parse()?);
        }
        versions.sort_unstable();
        let found = versions.into_iter().map(|version| self.recorded_runtime(Item::runtime(version)));
        found.filter_map(|found| Some(found.transpose()?.map(|(library, _)| library))).collect()
    }

    /// The versions that have a directory, complete or not, but no pin. Oldest first.
    pub(super) fn runtimes_on_demand(&self) -> Result<Vec<RuntimeVersion>, ToolchainError> {
        let entries = match fs::read_dir(self.root()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ToolchainError::io("read", self.root())(error)),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let name = entry.map_err(ToolchainError::io("read", self.root()))?.file_name();
            versions.extend(version_in(&name).filter(|version| matches!(Item::runtime(*version), Item::Runtime(_))));
        }
        versions.sort_unstable();
        Ok(versions)
    }

    fn intact_runtime(&self, item: Item) -> Result<Option<RuntimeLibrary>, ToolchainError> {
        let Some((library, record)) = self.recorded_runtime(item)? else { return Ok(None) };
        let is_intact = record.check(&self.directory(item))? == FileState::Intact;
        Ok(is_intact.then_some(library))
    }

    /// The runtime, if all its files are there with their sizes, and the library's record.
    fn recorded_runtime(&self, item: Item) -> Result<Option<(RuntimeLibrary, ManifestFile)>, ToolchainError> {
        host()?;
        let directory = self.directory(item);
        let Some(manifest) = self.manifest(item)?.filter(|manifest| manifest.is_present(&directory)) else {
            return Ok(None);
        };
        let Some(record) = manifest.into_file(Path::new(&library_name(&item.version()))) else { return Ok(None) };
        let path = directory.join(&record.path);
        let path = std::path::absolute(&path).map_err(ToolchainError::io("find", &path))?;
        let library = RuntimeLibrary {
            version: item.version(),
            path,
            sha256: record.sha256.clone(),
            size_bytes: record.size_bytes,
        };
        Ok(Some((library, record)))
    }

    fn install_on_demand(
        &self,
        version: RuntimeVersion,
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ToolchainError> {
        let (host, item) = (host()?, Item::Runtime(version));
        let staging = self.clear_staging()?;
        let path = match source {
            Source::Directory(directory) => find_runtime_wheel(version, host, directory)?,
            Source::Pip { python } => {
                progress(Progress::Downloading(item));
                download(version, host, python, &staging)?
            }
        };

        progress(Progress::Unpacking(item));
        let (mut wheel, sha256) = Wheel::open_unpinned(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let manifest = unpack(item.package(), &runtime_pin(host, item, name, sha256), &mut wheel, &staging)?;
        self.check_unchanged(version, &manifest)?;
        self.put_into_place(item, &manifest, &staging)?;
        remove_directory(&staging)
    }

    /// Compares the library with the one that is replaced, if that one left a record: results of the two would bear the same
    /// version. The wheels may differ, being made for two Pythons.
    fn check_unchanged(&self, version: RuntimeVersion, manifest: &Manifest) -> Result<(), ToolchainError> {
        let item = Item::Runtime(version);
        let library = library_name(&item.version());
        let sha256 = |manifest: &Manifest| manifest.file(Path::new(&library)).map(|file| file.sha256.clone());
        let expected = self.manifest(item)?.as_ref().and_then(sha256);
        match (expected, sha256(manifest)) {
            (Some(expected), Some(found)) if expected != found => {
                Err(ToolchainError::RuntimeChanged { version, expected, found, directory: self.directory(item) })
            }
            _ => Ok(()),
        }
    }
}

fn host() -> Result<Host, ToolchainError> {
    HOST.ok_or_else(|| ToolchainError::unsupported(Package::OnnxRuntime))
}

/// Reads the name of a runtime's directory, `onnxruntime-1.30.0`.
fn version_in(directory: &OsStr) -> Option<RuntimeVersion> {
    let version = directory.to_str()?.strip_prefix(Package::OnnxRuntime.name())?.strip_prefix('-')?;
    version.parse().ok()
}

/// Has pip fetch a wheel into staging, where nothing from an earlier attempt can be taken for it.
fn download(version: RuntimeVersion, host: Host, python: &Path, staging: &Path) -> Result<PathBuf, ToolchainError> {
    let directory = staging.join("wheels");
    create_directory(&directory)?;
    let item = Item::Runtime(version);
    let requirement = item.requirement();
    let (mut known, mut last_words) = (Vec::new(), String::new());
    for python_version in PYTHON_VERSIONS {
        let request =
            pip::Request { requirement: &requirement, sha256: None, python_version, platforms: host.platforms() };
        match pip::download(&request, python, &directory, staging).map_err(|error| error.about(item)) {
            Ok(()) => return find_runtime_wheel(version, host, &directory),
            Err(ToolchainError::NoSuchRuntime { available, evidence, .. }) => {
                known.extend(available);
                last_words = evidence;
            }
            Err(other) => return Err(other),
        }
    }
    known.sort_unstable();
    known.dedup();
    Err(ToolchainError::NoSuchRuntime { version, available: known, evidence: last_words })
}

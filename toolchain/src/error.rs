//! What can go wrong while installing, each with the way out.

use std::io;
use std::path::{Path, PathBuf};

use crate::package::{Package, Pin};
use crate::runtime::RuntimeVersion;

/// Why a package could not be installed, found or verified. `Display` says what, where, why and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    #[error(
        "{package} is not managed for {os} on {arch}\nhint: give your own with `{flag}`; managed platforms: Linux x86_64 and aarch64, macOS aarch64",
        flag = package.flag()
    )]
    UnsupportedPlatform { package: Package, os: &'static str, arch: &'static str },

    #[error("cannot start `{python}`, which downloads {package}\nhint: {hint}", python = python.display(), hint = without_pip(*package))]
    PythonMissing { package: Package, python: PathBuf, source: io::Error },

    #[error(
        "`{python}` has no pip, which downloads {package}: {evidence}\nhint: install it (`{python} -m ensurepip`, or the system package python3-pip), or {hint}",
        python = python.display(), hint = without_pip(*package)
    )]
    PipMissing { package: Package, python: PathBuf, evidence: String },

    #[error(
        "`{python}` is too old to download {package}: it has {found}; needed are Python 3.7 and pip 20.3 or newer\nhint: `{python} -m pip install --upgrade pip`, or {hint}",
        python = python.display(), hint = without_pip(*package)
    )]
    PythonTooOld { package: Package, python: PathBuf, found: String },

    #[error("cannot download {package}: no connection to the package index\npip said: {evidence}\nhint: check the network, the proxy and pip's index settings, or {hint}", hint = without_pip(*package))]
    Network { package: Package, evidence: String },

    #[error("the package index has no `{requirement}` for this platform\npip said: {evidence}\nhint: if pip uses a mirror, the mirror lacks it; otherwise {hint}", hint = without_pip(*package))]
    NotInIndex { package: Package, requirement: String, evidence: String },

    #[error(
        "`{text}` is no version of ONNX Runtime: expected three numbers, such as `1.30.0`\nhint: ranges, pre-releases and shorter forms are not accepted; for a build of your own, use `{flag}`",
        flag = Package::OnnxRuntime.flag()
    )]
    InvalidRuntimeVersion { text: String },

    #[error("ONNX Runtime {version} is too old: this build speaks API 23, which the library has since {oldest}\nhint: choose {oldest} or newer", oldest = RuntimeVersion::OLDEST)]
    RuntimeTooOld { version: RuntimeVersion },

    #[error(
        "the package index has no ONNX Runtime {version} for this platform\npip said: {evidence}\nit has: {available}\nhint: choose one of these; if pip uses a mirror, the mirror may lack it; otherwise {hint}",
        available = list(available), hint = without_pip(Package::OnnxRuntime)
    )]
    NoSuchRuntime { version: RuntimeVersion, available: Vec<RuntimeVersion>, evidence: String },

    #[error("`{directory}` lacks a wheel of ONNX Runtime {version} for this platform: `{pattern}`\nhint: copy it there from a machine that can download it (`pip download --no-deps`)", directory = directory.display())]
    MissingRuntimeWheel { version: RuntimeVersion, directory: PathBuf, pattern: String },

    #[error(
        "the library of ONNX Runtime {version} is not the one that was installed here before: sha256 was {expected}, is now {found}\nhint: the damaged installation was to be replaced, and the index or a proxy served another build; to accept it, remove `{directory}` and run it again",
        directory = directory.display()
    )]
    RuntimeChanged { version: RuntimeVersion, expected: String, found: String, directory: PathBuf },

    #[error("the download of {package} does not have the pinned hash, and was refused\npip said: {evidence}\nhint: the index or a proxy served other bytes than the pinned ones; do not use them, try another index or {hint}", hint = without_pip(*package))]
    DownloadRefused { package: Package, evidence: String },

    #[error("`{file}` does not have the pinned hash, and was refused: expected sha256 {expected}, found {found}\nhint: download {package} again; the file is damaged or is another build", file = file.display())]
    HashMismatch { package: Package, file: PathBuf, expected: String, found: String },

    #[error("the disk is full: {evidence}\nhint: free some space under `{path}`, then run it again", path = path.display())]
    DiskFull { path: PathBuf, evidence: String },

    #[error("permission denied: {evidence}\nhint: make `{path}` writable for this user, or choose another data directory", path = path.display())]
    PermissionDenied { path: PathBuf, evidence: String },

    #[error("`{directory}` lacks the wheel of {package}: `{wheel}`\nits sha256 must be {sha256}\nhint: copy it there from a machine that can download it (`pip download --no-deps`)", directory = directory.display())]
    MissingWheel { package: Package, directory: PathBuf, wheel: String, sha256: String },

    #[error("pip failed to download {package} ({status})\npip said: {evidence}\nhint: run `furlong toolchain install` again, or {hint}", hint = without_pip(*package))]
    PipFailed { package: Package, status: String, evidence: String },

    #[error("`{file}` is not a wheel that can be unpacked", file = file.display())]
    BadWheel { file: PathBuf, source: zip::result::ZipError },

    #[error("`{file}` holds an entry that could be written outside its directory, `{entry}`: the whole wheel is refused", file = file.display())]
    UnsafeEntry { file: PathBuf, entry: String },

    #[error("`{file}` lacks `{entry}`, which {package} needs", file = file.display())]
    IncompleteWheel { package: Package, file: PathBuf, entry: String },

    #[error("{package} has no file `{name}` in `{directory}`\nhint: remove that directory and run `furlong toolchain install`", directory = directory.display())]
    NoSuchFile { package: Package, name: String, directory: PathBuf },

    #[error("cannot {action} `{path}`", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl ToolchainError {
    /// The error with the platform this program was built for.
    pub(crate) fn unsupported(package: Package) -> Self {
        Self::UnsupportedPlatform { package, os: std::env::consts::OS, arch: std::env::consts::ARCH }
    }

    pub(crate) fn missing_wheel(package: Package, directory: &Path, pin: &Pin) -> Self {
        Self::MissingWheel {
            package,
            directory: directory.to_owned(),
            wheel: pin.wheel.clone(),
            sha256: pin.sha256.clone(),
        }
    }

    /// Wraps an I/O error of ours. A full disk and a missing permission have a way out of their own.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { evidence: format!("cannot {action} `{}`: {source}", path.display()), path }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::PermissionDenied { evidence: format!("cannot {action} `{}`: {source}", path.display()), path }
            }
            _ => Self::Io { action, path, source },
        }
    }
}

/// The newest are what somebody is likely to want, and an index may list hundreds.
const LISTED_VERSIONS: usize = 30;

fn list(versions: &[RuntimeVersion]) -> String {
    let newest: Vec<String> = versions.iter().rev().take(LISTED_VERSIONS).map(ToString::to_string).collect();
    if newest.is_empty() { "no version that this build can load".to_owned() } else { newest.join(", ") }
}

/// What somebody without a working pip can do.
fn without_pip(package: Package) -> String {
    format!(
        "give your own with `{}`, or use downloaded wheels with `furlong toolchain install --from DIR`",
        package.flag()
    )
}

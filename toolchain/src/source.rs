//! Where wheels come from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ToolchainError;
use crate::package::{Host, Package, Pin};
use crate::runtime::RuntimeVersion;

/// Where wheels come from. Either way, only bytes with the pinned hash are accepted; for a version of ONNX Runtime that has no
/// pin, see [`Toolchain::install_runtime`](crate::Toolchain::install_runtime).
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

/// Finds a wheel of ONNX Runtime for this platform, of any Python: the library inside does not depend on it.
pub(crate) fn find_runtime_wheel(
    version: RuntimeVersion,
    host: Host,
    directory: &Path,
) -> Result<PathBuf, ToolchainError> {
    let mut wheels = Vec::new();
    for entry in fs::read_dir(directory).map_err(ToolchainError::io("read", directory))? {
        let path = entry.map_err(ToolchainError::io("read", directory))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| is_runtime_wheel(name, version, host)) && path.is_file() {
            wheels.push(path);
        }
    }
    // The first by name, so that the choice between two does not depend on the file system.
    wheels.into_iter().min().ok_or_else(|| ToolchainError::MissingRuntimeWheel {
        version,
        directory: directory.to_owned(),
        pattern: format!("onnxruntime-{version}-*-{}.whl", host.platform()),
    })
}

/// Reads `onnxruntime-1.28.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl`, the form of
/// <https://packaging.python.org/en/latest/specifications/binary-distribution-format/> without a build tag.
fn is_runtime_wheel(name: &str, version: RuntimeVersion, host: Host) -> bool {
    let Some(name) = name.strip_suffix(".whl") else { return false };
    let parts: Vec<&str> = name.split('-').collect();
    let [distribution, wheel_version, _python, _abi, platforms] = parts[..] else { return false };
    distribution == Package::OnnxRuntime.name()
        && wheel_version == version.to_string()
        && platforms.split('.').any(|tag| host.runs(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_wheel_is_told_by_its_version_and_platform() {
        let version: RuntimeVersion = "1.28.0".parse().unwrap();
        let check = |name: &str, host: Host, expected: bool| {
            assert_eq!(is_runtime_wheel(name, version, host), expected, "{name} {host:?}");
        };
        let linux = "onnxruntime-1.28.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl";
        check(linux, Host::LinuxX86, true);
        check(linux, Host::LinuxArm, false);
        check(linux, Host::MacArm, false);
        check("onnxruntime-1.28.0-cp313-cp313-manylinux_2_28_aarch64.whl", Host::LinuxArm, true);
        check("onnxruntime-1.28.0-cp311-cp311-macosx_14_0_arm64.whl", Host::MacArm, true);
        check("onnxruntime-1.28.0-cp311-cp311-win_arm64.whl", Host::MacArm, false);
        check("onnxruntime-1.28.1-cp311-cp311-manylinux_2_28_x86_64.whl", Host::LinuxX86, false);
        check("onnxruntime_gpu-1.28.0-cp311-cp311-manylinux_2_28_x86_64.whl", Host::LinuxX86, false);
        check("onnxruntime-1.28.0.tar.gz", Host::LinuxX86, false);
    }
}

//! The shared library: is it ONNX Runtime, of which version, with which providers.

use std::ffi::{CStr, c_char, c_int};
use std::path::{Path, PathBuf};
use std::ptr;

use ort::environment::EnvironmentBuilder;
use serde::{Deserialize, Serialize};

use super::architecture;

/// The oldest version whose interface (API 23) the runner asks for. Newer ones keep it.
const OLDEST_MINOR: u32 = ort::MINOR_VERSION;

/// What a runtime library says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryFacts {
    /// e.g. `1.32.0`.
    pub version: String,
    /// Execution providers compiled in, which is not yet usable: that depends on the hardware.
    pub providers: Vec<String>,
}

/// A library that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("there is no ONNX Runtime library {}\nhint: `furlong toolchain install` fetches one, `--onnxruntime FILE` names one", path.display())]
    Missing { path: PathBuf },
    #[error("ONNX Runtime's library has no absolute path: {}", path.display())]
    Relative { path: PathBuf },
    #[error("cannot load the library {}: {why}\nhint: `furlong toolchain install` fetches one for this machine, `--onnxruntime FILE` names another", path.display())]
    Unloadable { path: PathBuf, why: String },
    #[error("{} is a library, but not ONNX Runtime: it does not export `OrtGetApiBase`\nhint: name libonnxruntime itself, not a provider or binding of it", path.display())]
    NotOnnxRuntime { path: PathBuf },
    #[error("ONNX Runtime {version} in {} is too old: 1.{OLDEST_MINOR} or newer is needed\nhint: `furlong toolchain install` fetches one, `--onnxruntime FILE` names another", path.display())]
    TooOld { path: PathBuf, version: String },
    #[error("ONNX Runtime {version} in {} refuses to start: {why}", path.display())]
    Broken { path: PathBuf, version: String, why: String },
}

/// Loads a library and asks for its version and providers. **Only in a child process**: a library that is not what it
/// seems may end the process, and none can be unloaded.
pub fn probe_library(path: &Path) -> Result<LibraryFacts, LibraryError> {
    let (version, builder) = load(path)?;
    drop(builder);
    let why = |error: ort::Error| LibraryError::Broken {
        path: path.to_owned(),
        version: version.clone(),
        why: error.message().to_owned(),
    };
    let providers = providers().map_err(why)?;
    Ok(LibraryFacts { version, providers })
}

/// Loads the library into `ort`, after a look at it that gives better errors; returns its version.
pub(super) fn load(path: &Path) -> Result<(String, EnvironmentBuilder), LibraryError> {
    // `ort` would look for a relative path beside the executable first.
    if !path.is_absolute() {
        return Err(LibraryError::Relative { path: path.to_owned() });
    }
    if !path.exists() {
        return Err(LibraryError::Missing { path: path.to_owned() });
    }
    let unloadable = |why: String| LibraryError::Unloadable { path: path.to_owned(), why };
    if let Some(why) = architecture::mismatch(path).map_err(|error| unloadable(error.to_string()))? {
        return Err(unloadable(why));
    }
    let version = read_version(path)?;
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap_or(0);
    if minor < OLDEST_MINOR {
        return Err(LibraryError::TooOld { path: path.to_owned(), version });
    }
    let builder = ort::init_from(path).map_err(|error| LibraryError::Broken {
        path: path.to_owned(),
        version: version.clone(),
        why: error.to_string(),
    })?;
    Ok((version, builder.with_name("furlong").with_telemetry(false)))
}

/// `OrtGetApiBase()->GetVersionString()`: stable since the first release, and the only source of the version number.
#[expect(unsafe_code, reason = "the version must be known before `ort` may be used")]
fn read_version(path: &Path) -> Result<String, LibraryError> {
    // SAFETY: loading runs the library's initializers. It is a file the operator named or the toolchain verified, and this
    // process exists to run it.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| {
        // The reason is in the source only.
        let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        LibraryError::Unloadable { path: path.to_owned(), why }
    })?;
    // SAFETY: the type is that of onnxruntime_c_api.h; a library that exports this name for something else is not guarded
    // against.
    let symbol = unsafe { library.get::<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase") };
    let get_base = symbol.map_err(|_error| LibraryError::NotOnnxRuntime { path: path.to_owned() })?;
    // SAFETY: the function takes nothing and returns a static, or null.
    let Some(base) = (unsafe { get_base().as_ref() }) else {
        return Err(LibraryError::NotOnnxRuntime { path: path.to_owned() });
    };
    // SAFETY: the function takes nothing and returns a static string, which is copied before the library is closed.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) };
    Ok(version.to_string_lossy().into_owned())
}

/// `GetAvailableProviders`, which `ort` does not wrap. The library must be loaded.
#[expect(unsafe_code, reason = "`ort` has no safe function for it")]
pub(super) fn providers() -> ort::Result<Vec<String>> {
    let mut names: *mut *mut c_char = ptr::null_mut();
    let mut count: c_int = 0;
    // SAFETY: both pointers are valid for writes.
    let status = unsafe { (ort::api().GetAvailableProviders)(&raw mut names, &raw mut count) };
    // SAFETY: the status is fresh and owned.
    unsafe { ort::Error::result_from_status(status) }?;
    let copy = |index| {
        // SAFETY: on success there are `count` strings, each ended by NUL.
        unsafe { CStr::from_ptr(*names.add(index)) }.to_string_lossy().into_owned()
    };
    let copied = (0..usize::try_from(count).unwrap_or(0)).map(copy).collect();
    // SAFETY: the array is the one given above, and is not used any more.
    let status = unsafe { (ort::api().ReleaseAvailableProviders)(names, count) };
    // SAFETY: the status is fresh and owned.
    unsafe { ort::Error::result_from_status(status) }?;
    Ok(copied)
}

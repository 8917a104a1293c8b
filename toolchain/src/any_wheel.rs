//! Any wheel of any package, for whoever wants a file out of it. Nothing of it is installed, and nothing is kept here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ToolchainError;
use crate::package::HOST;
use crate::pip::{self, PipError};
use crate::wheel::create_directory;

/// Which Python a wheel may be for. Fixed, so that the wheel and its hash do not depend on the machine's own Python. Wheels
/// with data are for any Python; the second is for packages that want a newer one.
const PYTHON_VERSIONS: [&str; 2] = ["3.11", "3.14"];

/// Exactly one release of a package.
#[derive(Debug, Clone, Copy)]
pub struct Requirement<'a> {
    /// By the index's rules for names; whoever builds this has checked it, because it becomes a line of pip's input.
    pub package: &'a str,
    pub version: &'a str,
    /// The only hash of the wheel that is accepted, in lower-case hexadecimal. Without it, pip compares the download with the
    /// hash that the index itself names, if it does.
    pub sha256: Option<&'a str>,
}

/// Has the pip of `python` put the release's wheel into `directory`, which is created, and is emptied first if it is there.
/// Returns the wheel's path. Blocks until pip ends.
pub fn download_wheel(python: &Path, requirement: &Requirement<'_>, directory: &Path) -> Result<PathBuf, PipError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(ToolchainError::io("remove", directory)(error).into());
        }
        _ => create_directory(directory)?,
    }
    let Requirement { package, version, sha256 } = *requirement;
    let (wheels, scratch) = (directory.join("wheels"), directory.join("scratch"));
    create_directory(&wheels)?;
    create_directory(&scratch)?;
    let line = format!("{package}=={version}");
    let mut platforms = vec!["any"];
    platforms.extend(HOST.map_or(&[][..], |host| host.platforms()));
    let mut last = None;
    for python_version in PYTHON_VERSIONS {
        let request = pip::Request { requirement: &line, sha256, python_version, platforms: &platforms };
        match pip::download(&request, python, &wheels, &scratch) {
            Ok(()) => return only_wheel(&wheels, &line),
            Err(error @ PipError::NotInIndex { .. }) => last = last.or(Some(error)),
            Err(other) => return Err(other),
        }
    }
    Err(last.unwrap_or_else(|| nothing(&line)))
}

fn only_wheel(directory: &Path, requirement: &str) -> Result<PathBuf, PipError> {
    for entry in fs::read_dir(directory).map_err(ToolchainError::io("read", directory))? {
        let path = entry.map_err(ToolchainError::io("read", directory))?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    Err(nothing(requirement))
}

/// pip said yes and put nothing there.
fn nothing(requirement: &str) -> PipError {
    PipError::Failed { status: "success".to_owned(), evidence: format!("nothing: there is no wheel of {requirement}") }
}

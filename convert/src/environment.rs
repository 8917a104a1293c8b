//! The managed Python environment: `<data_dir>/toolchain/python-<hash of the lock>`.
//!
//! An environment cannot be moved, so it is built where it stays; a marker that is written last says that it is complete.
//! What lacks the marker was left by a process that died, and is built anew under a lock between processes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::ConvertError;
use crate::lock::{self, LOCK};
use crate::process::{self, End};
use crate::{pip, scripts};

/// Those for which the pinned onnxruntime has wheels.
pub(crate) const OLDEST_PYTHON: (u32, u32) = (3, 11);
pub(crate) const NEWEST_PYTHON: (u32, u32) = (3, 14);
/// Looked for in PATH in this order when nobody names one: the machine's own first.
const CANDIDATES: [&str; 5] = ["python3", "python3.13", "python3.12", "python3.11", "python3.14"];
const MARKER: &str = "furlong.json";
/// Starting Python takes 20 ms; the first start from a slow card takes seconds.
const PROBE_LIMIT: Duration = Duration::from_mins(1);
const PROBE: &str = "import sys; print(sys.implementation.name, *sys.version_info[:2])";

/// A complete environment.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) python: PathBuf,
    /// To be run by it.
    pub(crate) script: PathBuf,
}

/// Of which Python an environment was made: after the system's own was replaced by another, its packages are of no use.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    python: (u32, u32),
}

impl Environment {
    /// Makes sure that it is there. Quick when it is.
    pub(crate) fn prepare(
        data_dir: &Path,
        python: Option<&Path>,
        progress: &mut dyn FnMut(String),
    ) -> Result<Self, ConvertError> {
        // Its programs are started from other directories than this process's.
        let toolchain = std::path::absolute(data_dir.join("toolchain")).map_err(ConvertError::io("find", data_dir))?;
        let name = format!("python-{}", lock::short_hash(LOCK));
        let directory = toolchain.join(&name);
        if !is_complete(&directory) {
            fs::create_dir_all(&toolchain).map_err(ConvertError::io("create", &toolchain))?;
            let _lock = lock_file(&toolchain.join(format!(".{name}.lock")), progress)?;
            // Whoever held the lock before may have built it.
            if !is_complete(&directory) {
                build(&directory, python, progress)?;
            }
        }
        let script = scripts::write(&directory).map_err(ConvertError::io("write the scripts to", &directory))?;
        Ok(Self { python: interpreter(&directory), script })
    }
}

fn interpreter(directory: &Path) -> PathBuf {
    directory.join("bin").join("python")
}

/// Whether the marker is there and its Python still starts.
fn is_complete(directory: &Path) -> bool {
    let marker = fs::read(directory.join(MARKER)).ok().and_then(|bytes| serde_json::from_slice::<Marker>(&bytes).ok());
    marker.is_some_and(|marker| probe(&interpreter(directory)).is_ok_and(|version| version == marker.python))
}

fn build(directory: &Path, python: Option<&Path>, progress: &mut dyn FnMut(String)) -> Result<(), ConvertError> {
    let (python, version) = find_python(python)?;
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(ConvertError::io("remove", directory)(error));
        }
        _ => {}
    }
    progress(format!("creating a Python {}.{} environment for the converters", version.0, version.1));
    let pip = pip::create_venv(&python, directory)?;
    let lock = directory.join("requirements.lock");
    fs::write(&lock, LOCK).map_err(ConvertError::io("write", &lock))?;
    progress(installing());
    pip::install(pip, &python, &interpreter(directory), directory, &lock)?;
    write_marker(directory, &Marker { python: version }).map_err(ConvertError::io("complete", directory))?;
    progress("the converters are ready".to_owned());
    Ok(())
}

fn installing() -> String {
    let requirements = lock::parse(LOCK).unwrap_or_default();
    let main = requirements.iter().find(|requirement| requirement.name == "onnxruntime");
    let version = main.map_or("", |requirement| requirement.version);
    format!("installing the converters of onnxruntime {version}, {} packages, with pip", requirements.len())
}

fn write_marker(directory: &Path, marker: &Marker) -> io::Result<()> {
    let mut file = File::create(directory.join(MARKER))?;
    file.write_all(&serde_json::to_vec(marker)?)?;
    file.sync_all()
}

/// The first Python that will do, and its version.
fn find_python(given: Option<&Path>) -> Result<(PathBuf, (u32, u32)), ConvertError> {
    let candidates: Vec<PathBuf> =
        given.map_or_else(|| CANDIDATES.iter().map(PathBuf::from).collect(), |python| vec![python.to_owned()]);
    let mut tried = Vec::new();
    for python in candidates {
        match probe(&python) {
            Ok(version) if (OLDEST_PYTHON..=NEWEST_PYTHON).contains(&version) => return Ok((python, version)),
            Ok((major, minor)) => tried.push(format!("`{}` is {major}.{minor}", python.display())),
            Err(error) => tried.push(format!("`{}`: {error}", python.display())),
        }
    }
    Err(ConvertError::NoPython { tried })
}

/// Asks a Python for its version.
fn probe(python: &Path) -> io::Result<(u32, u32)> {
    let end = process::run(Command::new(python).args(["-I", "-c", PROBE]), b"", PROBE_LIMIT)?;
    let End::Exited(output) = end else { return Err(io::Error::other("does not end")) };
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = text.split_whitespace().collect();
    let version = match words[..] {
        ["cpython", major, minor] => major.parse().ok().zip(minor.parse().ok()),
        _ => None,
    };
    version.ok_or_else(|| io::Error::other(format!("is no CPython: {}", output.stderr_tail)))
}

/// The kernel releases the lock when the holder ends, however it ends. The file stays: removing it would let two in.
fn lock_file(path: &Path, progress: &mut dyn FnMut(String)) -> Result<File, ConvertError> {
    let file = File::options().create(true).append(true).open(path).map_err(ConvertError::io("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress("waiting for another process that installs the converters".to_owned());
            file.lock().map_err(ConvertError::io("lock", path))?;
        }
        Err(TryLockError::Error(source)) => return Err(ConvertError::io("lock", path)(source)),
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(python: &Path) -> ConvertError {
        let data_dir = tempfile::tempdir().expect("a directory");
        Environment::prepare(data_dir.path(), Some(python), &mut |_| {}).expect_err("cannot be prepared")
    }

    /// A `python3` that is a shell script: answers the probe with `version`, and runs `rest` for anything else.
    fn python(directory: &Path, version: &str, rest: &str) -> PathBuf {
        let path = directory.join("python3");
        let body = format!("case \"$*\" in *version_info*) echo '{version}'; exit 0;; esac\n{rest}");
        // Written by a child: a script that this process holds open for writing while another test forks is "busy".
        let status = Command::new("sh")
            .args(["-c", "printf '%s\\n' '#!/bin/sh' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", &body])
            .arg(&path)
            .status()
            .expect("started");
        assert!(status.success());
        path
    }

    #[test]
    fn without_a_python_that_will_do_the_error_says_what_was_tried() {
        let directory = tempfile::tempdir().expect("a directory");
        let error = prepare(&directory.path().join("no-such-python")).to_string();
        assert!(error.contains("no-such-python") && error.contains("3.11 to 3.14"), "{error}");
        let error = prepare(&python(directory.path(), "cpython 3 9", "exit 1")).to_string();
        assert!(error.contains("is 3.9"), "{error}");
    }

    #[test]
    fn without_venv_the_error_names_the_package() {
        let directory = tempfile::tempdir().expect("a directory");
        // Debian's own words, which are on stdout.
        let words = "The virtual environment was not created successfully because ensurepip is not\navailable.";
        let error = prepare(&python(directory.path(), "cpython 3 12", &format!("echo '{words}'; exit 1")));
        assert!(matches!(&error, ConvertError::NoVenv { .. }), "{error}");
        assert!(error.to_string().contains("python3-venv") && error.to_string().contains("ensurepip"), "{error}");
    }

    #[test]
    fn an_environment_without_its_marker_is_not_complete() {
        let directory = tempfile::tempdir().expect("a directory");
        let bin = directory.path().join("bin");
        fs::create_dir(&bin).expect("created");
        fs::rename(python(directory.path(), "cpython 3 12", ""), bin.join("python")).expect("moved");
        assert!(!is_complete(directory.path()));
        write_marker(directory.path(), &Marker { python: (3, 12) }).expect("written");
        assert!(is_complete(directory.path()));
        // The system's Python was upgraded under it.
        write_marker(directory.path(), &Marker { python: (3, 11) }).expect("written");
        assert!(!is_complete(directory.path()));
    }
}

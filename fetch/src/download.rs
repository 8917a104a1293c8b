//! Gets one file from the web into its part: goes on after a cut, begins anew if the file changed, tries again what may pass.
//!
//! Must not know what a hub is: an answer that refuses the file goes back to the caller.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Digest;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use reqwest::{Response, StatusCode};

use crate::blocking;
use crate::error::{FetchError, Trouble};
use crate::fetch::Progress;
use crate::part::{BLOCK_BYTES, Finished, Part, Record};
use crate::retry::{Failures, Next, retry_after};
use crate::source::shown;
use crate::web::{Answer, Failure, Question, Web};

mod body;
mod impostor;

/// Checks an answer's own headers before its body is read; tells the hash that the file is announced to have, if any.
pub(crate) type Inspect<'a> = &'a (dyn Fn(&HeaderMap) -> Result<Option<Digest>, FetchError> + Sync);

/// What is to be got.
pub(crate) struct Wanted<'a> {
    pub(crate) question: Question<'a>,
    pub(crate) expected: Option<Digest>,
    pub(crate) inspect: Inspect<'a>,
}

/// What was got.
#[derive(Debug)]
pub(crate) struct Downloaded {
    pub(crate) finished: Finished,
    pub(crate) etag: Option<String>,
    pub(crate) origin_headers: HeaderMap,
}

/// How a download ended without the file.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The server has an opinion of its own about this file or user: 401, 404 and the like.
    Refused {
        status: u16,
        origin_headers: HeaderMap,
    },
    Failed(FetchError),
}

impl From<FetchError> for Ended {
    fn from(error: FetchError) -> Self {
        Self::Failed(error)
    }
}

/// The part, for the threads that write.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Part>>);

impl Shared {
    pub(crate) fn new(part: Part) -> Self {
        Self(Arc::new(Mutex::new(part)))
    }

    /// Does something with the part on a thread that may wait for the disk.
    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Part) -> T + Send + 'static) -> T {
        let part = Arc::clone(&self.0);
        blocking::run(&mut |_| {}, move |_| work(&mut part.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

/// One answer that brought the whole rest of the file.
struct Whole {
    etag: Option<String>,
    origin_headers: HeaderMap,
    announced: Option<Digest>,
}

/// What one try ended with.
enum TryEnded {
    Refused { status: u16, origin_headers: HeaderMap },
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for TryEnded {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Passing(trouble)
    }
}

pub(crate) async fn download(
    web: &Web,
    wanted: &Wanted<'_>,
    part: &Shared,
    progress: &mut impl FnMut(Progress),
) -> Result<Downloaded, Ended> {
    let mut failures = Failures::default();
    let mut was_mended = false;
    loop {
        let before = part.with(|part| part.held()).await;
        let trouble = match try_once(web, wanted, part, progress).await {
            Ok(Whole { etag, origin_headers, announced }) => {
                let expected = wanted.expected.or(announced);
                // A wrong hash after a resumption may be the seam's fault: then the whole is fetched once more.
                let is_mendable = !was_mended;
                let finished = part
                    .with(move |part| {
                        if is_mendable && part.is_joined() && expected.is_some_and(|hash| hash != part.sha256()) {
                            return part.restart(Record::default()).map(|()| None);
                        }
                        part.finish(expected).map(Some)
                    })
                    .await?;
                match finished {
                    Some(finished) => return Ok(Downloaded { finished, etag, origin_headers }),
                    None => was_mended = true,
                }
                continue;
            }
            Err(TryEnded::Refused { status, origin_headers }) => return Err(Ended::Refused { status, origin_headers }),
            Err(TryEnded::Failure(Failure::Lasting(error))) => return Err(Ended::Failed(*error)),
            Err(TryEnded::Failure(Failure::Passing(trouble))) => trouble,
        };
        let brought = part.with(|part| part.held()).await.saturating_sub(before);
        let random = getrandom::u32().unwrap_or(0);
        match failures.another(web.patience(), &trouble, brought, random) {
            Next::After { failures, of, pause } => {
                progress(Progress::Retrying { failures, of, pause, why: trouble.in_full() });
                tokio::time::sleep(pause).await;
            }
            Next::GiveUp { failures } => return Err(gave_up(wanted, failures, trouble).into()),
        }
    }
}

fn gave_up(wanted: &Wanted<'_>, failures: u32, source: Trouble) -> FetchError {
    let hint = source.hint().to_owned();
    FetchError::Interrupted { url: shown(wanted.question.url), failures, hint, source }
}

/// One connection: asks for what is missing and takes what comes.
async fn try_once(
    web: &Web,
    wanted: &Wanted<'_>,
    part: &Shared,
    progress: &mut impl FnMut(Progress),
) -> Result<Whole, TryEnded> {
    let (held, record) = part.with(|part| (part.held(), part.record().clone())).await;
    // Without a validator nobody says that the file is still the same; a hash that is known beforehand will.
    let resume = (held > 0 && (record.validator.is_some() || wanted.expected.is_some()))
        .then(|| (held, record.validator.clone()));
    let Question { url, authorization, resume: _ } = wanted.question;
    let question = Question { url, authorization, resume };
    let Answer { response, origin_headers } = web.ask(&question).await?;
    let status = response.status();
    if is_passing(status) {
        let (status, retry_after) = (status.as_u16(), retry_after(response.headers()));
        return Err(Trouble::Status { status, retry_after }.into());
    }
    if is_complete(&response, &question, held) {
        let announced = (wanted.inspect)(&origin_headers)?;
        return Ok(Whole { etag: None, origin_headers, announced });
    }
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
        // What is there is longer than the file: it is of another one.
        StatusCode::RANGE_NOT_SATISFIABLE => {
            part.with(|part| part.restart(Record::default())).await?;
            return Err(Trouble::OtherRange.into());
        }
        _ => return Err(TryEnded::Refused { status: status.as_u16(), origin_headers }),
    }
    let announced = (wanted.inspect)(&origin_headers)?;
    if let Some(encoding) = response.headers().get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).escape_debug().to_string();
        return Err(FetchError::Encoded { url: shown(response.url()), encoding }.into());
    }
    let total_bytes = begin(&response, &record, held, part).await?;
    let etag = text(response.headers(), &ETAG);
    body::receive(response, total_bytes, part, web.patience(), progress).await?;
    Ok(Whole { etag, origin_headers, announced })
}

/// Makes the part ready for what this answer brings. Returns the size of the whole file, if the answer tells.
async fn begin(response: &Response, record: &Record, held: u64, part: &Shared) -> Result<Option<u64>, TryEnded> {
    let headers = response.headers();
    let total_bytes = if response.status() == StatusCode::PARTIAL_CONTENT {
        let (first, total_bytes) = content_range(headers).unzip();
        let is_other = validator(headers).is_some_and(|now| record.validator.as_ref().is_some_and(|was| *was != now));
        if first != Some(held) || is_other {
            part.with(|part| part.restart(Record::default())).await?;
            return Err(Trouble::OtherRange.into());
        }
        part.with(Part::join).await;
        total_bytes.flatten()
    } else {
        impostor::check_head(response)?;
        let record = Record { validator: validator(headers) };
        part.with(|part| part.restart(record)).await?;
        text(headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok())
    };
    if let Some(total_bytes) = total_bytes {
        part.with(move |part| part.expect_size(total_bytes)).await?;
    }
    Ok(total_bytes)
}

/// Overloaded, restarting, or rate-limited: RFC 9110, section 15, and RFC 6585.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Whether the answer says that the file ends where the part ends: an earlier fetch was interrupted just before its end.
fn is_complete(response: &Response, question: &Question<'_>, held: u64) -> bool {
    question.resume.is_some()
        && response.status() == StatusCode::RANGE_NOT_SATISFIABLE
        && text(response.headers(), &CONTENT_RANGE).is_some_and(|range| range == format!("bytes */{held}"))
}

/// Reads `bytes 100-199/200`: the first byte, and the size of the whole unless it is `*`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = text(headers, &CONTENT_RANGE)?;
    let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    Some((span.split_once('-')?.0.parse().ok()?, total.parse().ok()))
}

/// What `If-Range` may carry (RFC 9110, section 13.1.5): a strong entity tag, or else a date.
fn validator(headers: &HeaderMap) -> Option<String> {
    text(headers, &ETAG).filter(|tag| tag.starts_with('"')).or_else(|| text(headers, &LAST_MODIFIED))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

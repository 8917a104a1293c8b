//! Answers that are called a success and are not the file: login pages, pointers to it.

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use crate::error::FetchError;
use crate::source::shown;

/// Refuses what calls itself a web page.
pub(super) fn check_head(response: &Response) -> Result<(), FetchError> {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.trim_start().to_ascii_lowercase().starts_with("text/html") {
        return Err(FetchError::WebPage { url: shown(response.url()) });
    }
    Ok(())
}

/// Refuses what begins as no model does.
pub(super) fn check_start(start: &[u8], url: String) -> Result<(), FetchError> {
    let start = start.trim_ascii_start();
    let begins = |with: &str| start.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()));
    if begins("<!doctype html") || begins("<html") {
        Err(FetchError::WebPage { url })
    // The first line of <https://git-lfs.com>'s pointer files.
    } else if begins("version https://git-lfs.") {
        Err(FetchError::LfsPointer { url })
    } else {
        Ok(())
    }
}

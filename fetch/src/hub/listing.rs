//! The names of a repository's files, for "did you mean". Without an answer there is no suggestion, and no second error.

use std::time::Duration;

use serde::Deserialize;

use super::{HubFile, HubSettings, Question, Url, Web};

/// A suggestion is not worth a longer wait.
const WITHIN: Duration = Duration::from_secs(10);
/// A page has at most a thousand entries of about 300 bytes.
const LIMIT_BYTES: usize = 4 << 20;

/// One entry of the list, of which the rest is not needed.
#[derive(Deserialize)]
struct Entry {
    r#type: String,
    path: String,
}

pub(super) async fn files(web: &Web, hub: &HubSettings, file: &HubFile) -> Vec<String> {
    tokio::time::timeout(WITHIN, ask(web, hub, file)).await.ok().flatten().unwrap_or_default()
}

async fn ask(web: &Web, hub: &HubSettings, file: &HubFile) -> Option<Vec<String>> {
    let url = address(hub, file)?;
    let authorization = hub.authorization();
    let question = Question { url: &url, authorization: authorization.as_ref(), resume: None };
    let mut response = web.ask(&question).await.ok()?.response;
    if !response.status().is_success() {
        return None;
    }
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        text.extend_from_slice(&chunk);
        if text.len() > LIMIT_BYTES {
            return None;
        }
    }
    let entries: Vec<Entry> = serde_json::from_slice(&text).ok()?;
    Some(entries.into_iter().filter(|entry| entry.r#type == "file").map(|entry| entry.path).collect())
}

fn address(hub: &HubSettings, file: &HubFile) -> Option<Url> {
    let mut url = hub.host.clone()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend([
        "api",
        "models",
        file.organisation(),
        file.repository(),
        "tree",
        file.revision(),
    ]);
    url.set_query(Some("recursive=true"));
    Some(url)
}

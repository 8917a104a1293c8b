//! The model hub's public layout over HTTP: where a file is, what its headers say, and what its refusals mean.
//!
//! Must not name a hub: the address is configured. The token is for that address's origin only.

use domain::Digest;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::error::FetchError;
use crate::source::{HubFile, is_loopback, shown};
use crate::suggest::did_you_mean;
use crate::web::{Question, Web};

mod listing;

/// Which hub `hf:` sources are on, and who asks.
#[derive(Debug, Clone, Default)]
pub struct HubSettings {
    host: Option<Url>,
    token: Option<SecretString>,
}

/// Why a hub's address or token cannot be used. Repeats neither: both may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub's {what} cannot be used: {why}\nhint: {hint}")]
pub struct InvalidHub {
    what: &'static str,
    why: &'static str,
    hint: &'static str,
}

impl HubSettings {
    /// No hub: `hf:` sources say how to configure one.
    pub fn none() -> Self {
        Self::default()
    }

    /// The hub at this address, which may have a path, as mirrors do. An empty token is none.
    pub fn new(host: &str, token: Option<SecretString>) -> Result<Self, InvalidHub> {
        let host = check_host(host).map_err(|why| {
            let hint = "an address looks like `https://hub.example.org`; plain http is for this machine itself only";
            InvalidHub { what: "address", why, hint }
        })?;
        let token = token.filter(|token| !token.expose_secret().trim().is_empty());
        if let Some(token) = &token {
            authorization(token)?;
        }
        Ok(Self { host: Some(host), token })
    }

    /// Where a file is, and with what `Authorization` it is asked for.
    pub(crate) fn locate(&self, file: &HubFile) -> Option<(Url, Option<HeaderValue>)> {
        let mut url = self.host.clone()?;
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            // A revision with a slash is one segment: it is percent-encoded.
            .extend([file.organisation(), file.repository(), "resolve", file.revision()])
            .extend(file.path().split('/'));
        Some((url, self.authorization()))
    }

    fn authorization(&self) -> Option<HeaderValue> {
        self.token.as_ref().and_then(|token| authorization(token).ok())
    }
}

fn check_host(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_syntax| "it is not a URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or a password");
    }
    if url.query().is_some() || url.fragment().is_some() || url.host().is_none() {
        return Err("it must be just scheme, host and perhaps port and path");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err("over plain http anybody between here and there could read the token and change the model"),
    }
}

fn authorization(token: &SecretString) -> Result<HeaderValue, InvalidHub> {
    let invalid = InvalidHub {
        what: "token",
        why: "it has characters that no token has",
        hint: "copy it again, without line breaks or quotes",
    };
    let text = token.expose_secret().trim();
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\'') {
        return Err(invalid);
    }
    let mut value = HeaderValue::try_from(format!("Bearer {text}")).map_err(|_characters| invalid)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The commit that the revision was when the hub answered.
pub(crate) fn commit(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-repo-commit")?.to_str().ok()
}

/// The sha256 that the hub announces for a large file; of a small one, its tag is git's own hash.
pub(crate) fn announced_sha256(headers: &HeaderMap) -> Option<Digest> {
    headers.get("x-linked-etag")?.to_str().ok()?.trim_start_matches("W/").trim_matches('"').parse().ok()
}

pub(crate) fn announced_size(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-linked-size")?.to_str().ok()?.parse().ok()
}

/// What a refusal of the hub means. For a missing file, asks the hub what there is.
pub(crate) async fn refusal(
    web: &Web,
    hub: &HubSettings,
    file: &HubFile,
    url: &Url,
    status: u16,
    headers: &HeaderMap,
) -> FetchError {
    let code = headers.get("x-error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
    let what = file.to_string();
    let repository = format!("{}/{}", file.organisation(), file.repository());
    let has_token = hub.token.is_some();
    match (code, status) {
        ("GatedRepo", _) => FetchError::Forbidden {
            what,
            why: "its owners grant access to those who ask for it",
            hint: if has_token {
                "accept the conditions on the repository's page with the account of this token, and see that the token may read gated repositories"
            } else {
                "accept the conditions on the repository's page, then give a token of that account with `HF_TOKEN`"
            },
        },
        // A hub does not tell strangers which private repositories there are: it answers 401 for what is not there, too.
        ("RepoNotFound", _) | ("", 401) => FetchError::NotOnHub {
            what: repository,
            detail: if has_token { ", or this token may not see it" } else { ", or it is private" },
            hint: if has_token {
                "check the spelling of organisation and repository, and what the token may read".to_owned()
            } else {
                "check the spelling of organisation and repository; for a private one give a token with `HF_TOKEN`"
                    .to_owned()
            },
        },
        ("RevisionNotFound", _) => FetchError::NotOnHub {
            what: format!("{repository}@{}", file.revision()),
            detail: ": there is no such revision",
            hint: "give a branch, a tag or a whole commit that the repository has; without `@..` it is `main`"
                .to_owned(),
        },
        ("EntryNotFound", _) | (_, 404) => {
            let names = listing::files(web, hub, file).await;
            let hint = did_you_mean(file.path(), names.iter().map(String::as_str));
            let detail = ": there is no such file at this revision";
            let hint = hint.unwrap_or_else(|| "check the path on the repository's page of files".to_owned());
            FetchError::NotOnHub { what, detail, hint }
        }
        (_, 401 | 403) => FetchError::Forbidden {
            what,
            why: "it refused the token, or the lack of one",
            hint: "give a valid token that may read this repository with `HF_TOKEN`",
        },
        _ => FetchError::Status { url: shown(url), status, hint: "the hub does not say why; its status page may" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_header_can_be_debugged_without_telling_the_token() {
        let hub = HubSettings::new("https://hub.example.org", Some("hunter2".into())).expect("a hub");
        let Ok(crate::Source::Hub(file)) = "hf:org/repo/m.onnx".parse() else { panic!("a file on the hub") };
        let (url, authorization) = hub.locate(&file).expect("an address");
        assert_eq!(url.as_str(), "https://hub.example.org/org/repo/resolve/main/m.onnx");
        assert!(!format!("{authorization:?}").contains("hunter2"), "{authorization:?}");
        assert_eq!(authorization.as_ref().map(HeaderValue::as_bytes), Some(&b"Bearer hunter2"[..]));
    }
}

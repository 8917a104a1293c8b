//! An address on the web. Must be safe to contact and to write down.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::InvalidSource;

/// An `https` URL, or an `http` URL of this machine, without credentials and fragment.
///
/// `Display` replaces the values of signatures and tokens in its query, so that a model card may hold it. `Debug` does too.
#[derive(Clone, PartialEq, Eq)]
pub struct WebAddress(Url);

impl WebAddress {
    /// As it is sent, secrets included.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<Url> for WebAddress {
    type Error = InvalidSource;

    fn try_from(url: Url) -> Result<Self, InvalidSource> {
        let invalid = |why, hint| Err(InvalidSource::new(url.as_str(), why, hint));
        if !url.username().is_empty() || url.password().is_some() {
            return invalid(
                "it holds a user name or a password, which the model card would keep",
                "give an address that needs none, such as a signed one, or download the file and give its path",
            );
        }
        if url.fragment().is_some() {
            return invalid(
                "what follows `#` is never sent to a server",
                "leave it out; the expected sha256 is given separately",
            );
        }
        if url.host().is_none() || url.path().ends_with('/') {
            return invalid("it does not name a file", "give the address of the file itself");
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            _ => invalid(
                "over plain http anybody between here and there could change the model",
                "use https; http is for this machine itself (127.0.0.1, [::1], localhost)",
            ),
        }
    }
}

impl FromStr for WebAddress {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        Url::parse(text)
            .map_err(|_syntax| {
                InvalidSource::new(text, "it is not a URL", "a URL looks like `https://host/path/model.onnx`")
            })?
            .try_into()
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.query_pairs().any(|(name, _)| is_secret(&name)) {
            return self.0.fmt(formatter);
        }
        let mut url = self.0.clone();
        url.query_pairs_mut().clear().extend_pairs(self.0.query_pairs().map(|(name, value)| {
            let value = if is_secret(&name) { "REDACTED".into() } else { value };
            (name, value)
        }));
        url.fmt(formatter)
    }
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WebAddress({self})")
    }
}

/// Whether a query parameter of this name carries access. Broad, because a value that is hidden in vain does little harm: the
/// names are those of the signed addresses of the object stores, and what APIs call their keys.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-amz-")
        || name.starts_with("x-goog-")
        || matches!(name.as_str(), "sig" | "key" | "policy" | "key-pair-id" | "expires" | "auth" | "jwt")
        || ["token", "signature", "secret", "passw", "credential", "api_key", "apikey", "api-key", "accesskey"]
            .iter()
            .any(|part| name.contains(part))
}

/// Whether what is sent there does not leave this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A URL for an error or a progress line: a redirect's target is often signed, so that its query stays out.
pub(crate) fn shown(url: &Url) -> String {
    let query = if url.query().is_some() { "?.." } else { "" };
    format!("{}://{}{}{query}", url.scheme(), authority(url), url.path())
}

/// Host and port, without credentials.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

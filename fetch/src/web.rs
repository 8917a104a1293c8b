//! One request and the redirects it leads to: which address may be contacted, and who gets the token.
//!
//! Redirects are followed here and not by the client, because the hub answers what is wanted (commit, hash) in the head of
//! the redirect itself. Must not read a body.

use std::sync::Arc;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue, IF_RANGE, LOCATION, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::Url;

use crate::error::{FetchError, Trouble};
use crate::retry::Patience;
use crate::source::{is_loopback, shown};

/// As most browsers allow; a hub needs two.
const REDIRECT_LIMIT: usize = 10;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) url: &'a Url,
    /// Sent to the origin of `url` and to nobody else.
    pub(crate) authorization: Option<&'a HeaderValue>,
    /// The first byte that is wanted, and the validator of the bytes before it, if there is one.
    pub(crate) resume: Option<(u64, Option<String>)>,
}

/// The answer behind the last redirect.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// What the origin of the question said in all its answers, redirects included. The word of other hosts is not in it.
    pub(crate) origin_headers: HeaderMap,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Passing(Trouble),
    Lasting(Box<FetchError>),
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Lasting(Box::new(error))
    }
}

/// The clients of one fetch.
#[derive(Debug)]
pub(crate) struct Web {
    /// Through whatever proxy the machine is set up for. Lacks trust in anybody if `untrusting` says why.
    outside: Client,
    /// To this machine itself, where no proxy can help.
    loopback: Client,
    /// Why the system's certificates could not be loaded.
    untrusting: Option<rustls::Error>,
    patience: Patience,
}

impl Web {
    pub(crate) fn new(patience: &Patience) -> Result<Self, FetchError> {
        let (tls, untrusting) = tls()?;
        let builder = || {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(concat!("furlong/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .referer(false)
                .connect_timeout(patience.connect)
                // A long way to the server needs more than HTTP/2's first 64 KiB in flight.
                .http2_adaptive_window(true)
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(|source| FetchError::Client { source });
        Ok(Self {
            outside: build(builder())?,
            loopback: build(builder().no_proxy())?,
            untrusting,
            patience: patience.clone(),
        })
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Asks, and follows where it leads. An answer with any status but a redirect is an answer.
    pub(crate) async fn ask(&self, question: &Question<'_>) -> Result<Answer, Failure> {
        let mut url = question.url.clone();
        let mut origin_headers = HeaderMap::new();
        for _ in 0..=REDIRECT_LIMIT {
            let response = self.ask_once(question, &url).await?;
            if is_same_origin(&url, question.url) {
                origin_headers.extend(response.headers().clone());
            }
            let Some(target) = redirect_target(&response, &url)? else {
                return Ok(Answer { response, origin_headers });
            };
            url = target;
        }
        let (url, target, why) = (shown(question.url), shown(&url), "after more redirects than are followed");
        Err(FetchError::Redirect { url, target, why }.into())
    }

    async fn ask_once(&self, question: &Question<'_>, url: &Url) -> Result<Response, Failure> {
        let client = if is_loopback(url) { &self.loopback } else { &self.outside };
        if let (Some(source), "https") = (&self.untrusting, url.scheme()) {
            return Err(FetchError::Tls { source: source.clone() }.into());
        }
        // The bytes of the file itself, and not of a compressed form: they are hashed, counted and resumed.
        let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(authorization) = question.authorization.filter(|_| is_same_origin(url, question.url)) {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some((first, validator)) = &question.resume {
            request = request.header(RANGE, format!("bytes={first}-"));
            if let Some(validator) = validator {
                request = request.header(IF_RANGE, validator);
            }
        }
        let within = self.patience.answer;
        match tokio::time::timeout(within, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(classify(url, error.without_url())),
            Err(_elapsed) => Err(Failure::Passing(Trouble::Silent { within })),
        }
    }
}

/// The system's own trust, with the provider named: whatever else is in this process may have another one or none.
fn tls() -> Result<(ClientConfig, Option<rustls::Error>), FetchError> {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let builder = || {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        builder.with_safe_default_protocol_versions().map_err(|source| FetchError::Tls { source })
    };
    let (mut config, untrusting) = match builder()?.with_platform_verifier() {
        Ok(config) => (config.with_no_client_auth(), None),
        // No certificates on this machine: what needs none still works.
        Err(error) => (builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth(), Some(error)),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((config, untrusting))
}

/// Where a redirect leads, if it is one and leads where it may.
fn redirect_target(response: &Response, from: &Url) -> Result<Option<Url>, Failure> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| from.join(location).ok());
    let refuse =
        |target: &str, why| Err(FetchError::Redirect { url: shown(from), target: target.to_owned(), why }.into());
    let Some(target) = target else { return refuse("nowhere", "which is no address") };
    match check_target(from, &target) {
        Ok(()) => Ok(Some(target)),
        Err(why) => refuse(&shown(&target), why),
    }
}

fn check_target(from: &Url, target: &Url) -> Result<(), &'static str> {
    match target.scheme() {
        // A server elsewhere must not make this machine ask its own services.
        _ if is_loopback(target) && !is_loopback(from) => {
            Err("which is this machine itself and not for others to name")
        }
        "https" => Ok(()),
        "http" if is_loopback(target) => Ok(()),
        _ => Err("where anybody between here and there could change the model"),
    }
}

fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

fn classify(url: &Url, error: reqwest::Error) -> Failure {
    if is_certificate_error(&error) {
        FetchError::Certificate { url: shown(url), source: error }.into()
    } else if error.is_connect() {
        Failure::Passing(Trouble::Unreachable(error))
    } else {
        Failure::Passing(Trouble::Lost(error))
    }
}

/// Whether the TLS library refused the other side's certificate, wherever in the chain it says so.
fn is_certificate_error(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        // An `io::Error` skips the error that it wraps when asked for its source.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = wrapped.and_then(|wrapped| wrapped.downcast_ref()).or_else(|| cause.downcast_ref());
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) {
            return true;
        }
        next = wrapped.map_or_else(|| cause.source(), |wrapped| Some(wrapped));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_elsewhere_leads_to_this_machine_or_to_plain_http() {
        let check = |from: &str, target: &str, is_allowed: bool| {
            let [from_url, target_url] = [from, target].map(|text| Url::parse(text).expect("a URL"));
            assert_eq!(check_target(&from_url, &target_url).is_ok(), is_allowed, "{from} -> {target}");
        };
        check("https://a.example/m", "https://b.example/m", true);
        check("https://a.example/m", "http://a.example/m", false);
        check("http://127.0.0.1:1/m", "http://127.0.0.1:2/m", true);
        check("http://127.0.0.1:1/m", "https://a.example/m", true);
        for target in ["http://127.0.0.1/m", "https://localhost/m", "https://[::1]/m", "https://127.1.2.3/m"] {
            check("https://a.example/m", target, false);
        }
    }
}

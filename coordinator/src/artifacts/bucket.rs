//! Opens a bucket of S3, or of anything that speaks its protocol.

use std::{net::IpAddr, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    prefix::PrefixStore,
};

/// A request that asks for at most 4 MiB, or sends 8; after that it is tried again.
const REQUEST_TIMEOUT: &str = "60s";
/// Tries after the first. A client of ours waits no longer for an answer, and comes back by itself.
const RETRIES: usize = 4;
const RETRY_TIMEOUT: Duration = Duration::from_mins(2);

#[derive(Debug, thiserror::Error)]
#[error("{0} is not encrypted, and not on this machine\nhint: AWS_ALLOW_HTTP=true on a network you trust")]
struct InTheClear(String);

/// The bucket `name`, below `prefix` if that is not empty. `settings` say where it is and who we are.
pub(crate) fn bucket(
    settings: AmazonS3Builder,
    name: &str,
    prefix: &str,
) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    // For this process, once: whoever was first chose the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    let setting = |key| settings.get_config_value(&key).unwrap_or_default();
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint].map(setting);
    // What never leaves this machine needs no encryption; elsewhere AWS_ALLOW_HTTP=true must say so.
    let endpoint = endpoint.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let settings = if is_loopback(&endpoint) { settings.with_allow_http(true) } else { settings };
    let allowed = settings.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
    if endpoint.starts_with("http://") && !allowed.is_some_and(|text| is_true(&text)) {
        return Err(object_store::Error::NotSupported { source: Box::new(InTheClear(endpoint)) });
    }
    let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY_TIMEOUT };
    let store = settings
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST_TIMEOUT)
        .with_bucket_name(name)
        .with_retry(retry)
        .build()?;
    Ok(if prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) })
}

fn is_loopback(endpoint: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(endpoint) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let near = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() == "http" && near
}

/// In the words that the library takes.
fn is_true(text: &str) -> bool {
    ["1", "true", "on", "yes", "y"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for near in ["http://127.0.0.1:9000", "http://localhost/x", "http://[::1]:9000", "http://[::1]"] {
            assert!(is_loopback(near), "{near}");
        }
        for far in [
            "http://10.0.0.1:9000",
            "https://127.0.0.1",
            "http://localhost.example:80",
            "http://127.0.0.1:80@example",
            "127.0.0.1",
        ] {
            assert!(!is_loopback(far), "{far}");
        }
    }

    #[test]
    fn a_store_elsewhere_without_encryption_is_refused() {
        let settings = |endpoint| {
            AmazonS3Builder::new().with_endpoint(endpoint).with_access_key_id("id").with_secret_access_key("secret")
        };
        assert!(bucket(settings("http://127.0.0.1:1"), "b", "p").is_ok());
        let refused = bucket(settings("http://10.0.0.1:1"), "b", "").expect_err("in the clear");
        assert!(std::error::Error::source(&refused).expect("why").to_string().contains("AWS_ALLOW_HTTP"));
        assert!(bucket(settings("http://10.0.0.1:1").with_allow_http(true), "b", "").is_ok());
    }
}

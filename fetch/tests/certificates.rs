//! Whom to trust is the system's to say, and `SSL_CERT_FILE`'s.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use furlong_fetch::{FetchError, HubSettings, Request};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring};

use crate::server::{head, read_head};
use crate::{Fixture, in_full, patience};

/// A server with a certificate that it made itself. Returns its address, the certificate, and how many connections there were.
fn start() -> (String, String, Arc<AtomicUsize>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("its key");
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .expect("a server");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://localhost:{}/m.onnx", listener.local_addr().expect("an address").port());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            counter.fetch_add(1, Ordering::SeqCst);
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            if read_head(&mut stream).is_some() {
                let head = head(200, &[("Content-Length", "7")]);
                // Whether it arrives, the other side tells.
                drop(stream.write_all(format!("{head}a model").as_bytes()));
                stream.conn.send_close_notify();
                drop(stream.flush());
            }
        }
    });
    (url, made.cert.pem(), connections)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_at_once() {
    let (url, _certificate, connections) = start();
    let mut fixture = Fixture::new(&url);
    let error = fixture.fetch().await.expect_err("nobody knows it");
    assert!(matches!(error, FetchError::Certificate { .. }), "{}", in_full(&error));
    assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
    assert_eq!(connections.load(Ordering::SeqCst), 1, "asking again would not help");
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

/// In the second process, whose environment names the certificate.
#[test]
#[ignore = "run by `a_certificate_in_ssl_cert_file_is_trusted` with an environment of its own"]
#[expect(clippy::disallowed_methods, reason = "the first process has no other way to say it")]
fn with_the_certificate() {
    let [url, folder] =
        ["FETCH_TEST_URL", "FETCH_TEST_FOLDER"].map(|name| std::env::var(name).expect("the first process"));
    let request = Request { patience: patience(), ..Request::new(url.parse().expect("a URL"), Path::new(&folder)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let fetched = runtime.block_on(furlong_fetch::fetch(&request, &HubSettings::none(), |_| {}));
    let fetched = fetched.unwrap_or_else(|error| panic!("{}", in_full(&error)));
    assert_eq!(fetched.sha256, domain::Digest::of(b"a model"));
}

#[test]
fn a_certificate_in_ssl_cert_file_is_trusted() {
    let (url, certificate, _connections) = start();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("certificate.pem");
    std::fs::write(&file, certificate).expect("the certificate");
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "--ignored", "--nocapture", "certificates::with_the_certificate"])
        .env("SSL_CERT_FILE", &file)
        .env("FETCH_TEST_URL", url)
        .env("FETCH_TEST_FOLDER", folder.path().join("models"))
        .output()
        .expect("the second process");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

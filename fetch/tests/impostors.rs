//! Answers that are called a success and are not the file, and redirects to where nobody should go.

use furlong_fetch::FetchError;

use crate::server::{Server, Wire};
use crate::{Fixture, content, in_full};

async fn refused(act: impl Fn(&mut Wire) + Send + Sync + 'static) -> FetchError {
    let server = Server::start(move |_, _, wire| act(wire));
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    let error = fixture.fetch().await.expect_err("it is not the file");
    assert_eq!(server.seen().len(), 1, "asking again would not help: {}", in_full(&error));
    assert!(fixture.left().is_empty(), "{:?}: {error}", fixture.left());
    error
}

#[tokio::test]
async fn a_compressed_answer_is_not_taken_for_the_file() {
    let error = refused(|wire| {
        // "model", compressed by gzip.
        let body = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\xcd\x4fI\xcd\x01\0\xba\x2a\x6f\x86\x05\0\0\0";
        wire.head(200, &[("Content-Encoding", "gzip"), ("Content-Length", &body.len().to_string())]);
        wire.send(body);
    });
    let error = error.await;
    assert!(matches!(&error, FetchError::Encoded { encoding, .. } if encoding == "gzip"), "{}", in_full(&error));
}

#[tokio::test]
async fn a_login_page_is_not_taken_for_the_file() {
    let by_type = refused(|wire| {
        wire.head(200, &[("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "5")]);
        wire.send(b"Login");
    });
    let by_content = refused(|wire| wire.plain(b"\n<!DOCTYPE HTML><title>Login</title>"));
    for error in [by_type.await, by_content.await] {
        assert!(matches!(error, FetchError::WebPage { .. }), "{}", in_full(&error));
        assert!(error.to_string().contains("login page"), "{error}");
    }
}

#[tokio::test]
async fn a_pointer_of_git_lfs_is_not_taken_for_the_file() {
    let error = refused(|wire| wire.plain(b"version https://git-lfs.example/spec/v1\noid sha256:12\nsize 5\n")).await;
    assert!(matches!(error, FetchError::LfsPointer { .. }), "{}", in_full(&error));
}

#[tokio::test]
async fn a_redirect_that_is_not_safe_is_not_followed() {
    for (target, why) in [
        ("http://example.org/m.onnx", "could change the model"),
        ("file:///etc/passwd", "could change the model"),
        ("ftp://127.0.0.1/m.onnx", "could change the model"),
        ("http://[", "no address"),
    ] {
        let error = refused(move |wire| wire.status(302, &[("Location", target)])).await.to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn redirects_are_followed_and_end() {
    let body = content(1000);
    let sent = body.clone();
    let server = Server::start(move |_, head, wire| {
        match head.path.strip_prefix("/hop").and_then(|number| number.parse::<u32>().ok()) {
            Some(number) if number < 9 => wire.status(302, &[("Location", &format!("hop{}", number + 1))]),
            Some(9) => wire.status(307, &[("Location", "/there")]),
            Some(_) => wire.status(302, &[("Location", &head.path)]),
            None => wire.file(head, &sent, "\"v1\""),
        }
    });
    Fixture::new(&server.url("/hop0")).check(&body).await;
    let error = Fixture::new(&server.url("/hop99")).fetch().await.expect_err("a loop");
    assert!(error.to_string().contains("after more redirects"), "{error}");
}

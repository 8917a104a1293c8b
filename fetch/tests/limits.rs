//! Hashes and sizes: what is wrong or too large is refused and leaves nothing.

use domain::Digest;
use furlong_fetch::FetchError;

use crate::server::Server;
use crate::{Fixture, content, in_full};

#[tokio::test]
async fn other_bytes_than_expected_are_removed() {
    let server = Server::of_file(content(100_000));
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.expected = Some(Digest::of(b"another file"));
    let error = fixture.fetch().await.expect_err("another hash");
    match &error {
        FetchError::WrongHash { found, .. } => assert_eq!(*found, Digest::of(&content(100_000))),
        other => panic!("{}", in_full(other)),
    }
    assert_eq!(server.seen().len(), 1, "the server sent it in one piece: asking again would not help");
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

#[tokio::test]
async fn a_file_that_says_it_is_too_large_is_not_read() {
    let server = Server::start(|_, _, wire| {
        // No body ever comes: whoever waits for it fails in another way.
        wire.head(200, &[("Content-Length", "5000")]);
        wire.hold();
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.limit_bytes = 4999;
    let error = fixture.fetch().await.expect_err("too large");
    assert!(
        matches!(error, FetchError::TooLarge { size_bytes: Some(5000), limit_bytes: 4999, .. }),
        "{}",
        in_full(&error)
    );
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

#[tokio::test]
async fn a_stream_that_does_not_say_its_size_ends_at_the_limit() {
    let server = Server::start(|_, _, wire| {
        wire.head(200, &[]);
        while wire.send(&[7; 4096]) {}
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.limit_bytes = 3 << 20;
    let error = fixture.fetch().await.expect_err("without an end");
    assert!(matches!(error, FetchError::TooLarge { size_bytes: None, .. }), "{}", in_full(&error));
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

#[tokio::test]
async fn a_file_as_large_as_the_limit_is_not_too_large() {
    let body = content(5000);
    for is_told in [true, false] {
        let sent = body.clone();
        let server = Server::start(move |_, _, wire| {
            if is_told {
                wire.plain(&sent);
            } else {
                wire.head(200, &[]);
                wire.send(&sent);
            }
        });
        let mut fixture = Fixture::new(&server.url("/m.onnx"));
        fixture.limit_bytes = 5000;
        fixture.check(&body).await;
    }
}

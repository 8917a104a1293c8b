//! What may pass is tried again, within bounds; what will not is told at once.

use std::time::Duration;

use furlong_fetch::FetchError;

use crate::server::Server;
use crate::{Fixture, content, in_full};

#[tokio::test]
async fn a_server_that_is_busy_twice_is_asked_a_third_time() {
    let body = content(1000);
    let sent = body.clone();
    let server = Server::start(move |number, head, wire| match number {
        0 => wire.status(503, &[]),
        1 => wire.status(429, &[("Retry-After", "0")]),
        _ => wire.file(head, &sent, "\"v1\""),
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.check(&body).await;
    assert_eq!(server.seen().len(), 3);
    assert_eq!(fixture.retries(), ["the server answered 503", "the server answered 429 and asked to wait 0 s"]);
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up() {
    let server = Server::start(|_, _, wire| wire.status(503, &[]));
    let mut fixture = Fixture::new(&server.url("/m.onnx?sig=hunter2"));
    let error = fixture.fetch().await.expect_err("it never answers");
    assert_eq!(
        in_full(&error),
        format!(
            "cannot fetch `{}?..`: gave up after 4 failed tries\nhint: the server has a problem of its own: try again later\ncaused by: the server answered 503",
            server.url("/m.onnx")
        )
    );
    assert_eq!(server.seen().len(), 4);
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

#[tokio::test]
async fn a_server_that_asks_for_an_hour_is_not_asked_again() {
    let server = Server::start(|_, _, wire| wire.status(429, &[("Retry-After", "3600")]));
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    let error = in_full(&fixture.fetch().await.expect_err("an hour"));
    assert!(error.contains("asked to wait 3600 s") && error.contains("hint: the server limits"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_missing_file_is_told_at_once() {
    let server = Server::start(|_, _, wire| wire.status(404, &[]));
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    let error = fixture.fetch().await.expect_err("no file");
    assert!(matches!(error, FetchError::Status { status: 404, .. }), "{error}");
    assert_eq!(server.seen().len(), 1);
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

#[tokio::test]
async fn nobody_listening_is_told_soon() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let mut fixture = Fixture::new(&format!("http://127.0.0.1:{port}/m.onnx?sig=hunter2"));
    let error = fixture.fetch().await.expect_err("nobody listens");
    let error = format!("{}\n{error:?}", in_full(&error));
    assert!(!format!("{error} {:?}", fixture.progress).contains("hunter2"), "{error}");
    assert!(error.contains("gave up after 2 failed tries") && error.contains("caused by: cannot connect"), "{error}");
    assert!(error.contains("refused") && error.contains("hint: check the host's name"), "{error}");
}

#[tokio::test]
async fn a_lost_connection_does_not_tell_the_signature() {
    let server = Server::start(|_, _, wire| wire.cut(&content(1000), 600, "\"v1\""));
    let mut fixture = Fixture::new(&server.url("/m.onnx?sig=hunter2"));
    let error = fixture.fetch().await.expect_err("it is always cut");
    let error = format!("{}\n{error:?}", in_full(&error));
    assert!(error.contains("caused by: the connection was lost"), "{error}");
    assert!(!format!("{error} {:?}", fixture.progress).contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::start(|_, _, wire| wire.hold());
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.patience.answer = Duration::from_millis(50);
    fixture.patience.tries = 2;
    let error = in_full(&fixture.fetch().await.expect_err("silence"));
    assert!(error.contains("no answer came within 50ms"), "{error}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_body_that_stops_is_given_up_and_what_came_is_kept() {
    let server = Server::start(|_, head, wire| {
        match head.first() {
            None => wire.cut(&content(1000), 600, "\"v1\""),
            Some(first) => wire.head(206, &[("Content-Range", &format!("bytes {first}-999/1000")), ("ETag", "\"v1\"")]),
        }
        wire.hold();
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.patience.stall_window = Duration::from_millis(80);
    let error = in_full(&fixture.fetch().await.expect_err("it stops"));
    assert!(error.contains("less than 1 bytes came within 80ms"), "{error}");
    assert_eq!(std::fs::read(fixture.part()).expect("the part"), content(1000)[..600]);
}

/// Each byte comes soon after the one before: a time limit between two reads would never end it.
#[tokio::test]
async fn a_trickle_without_end_is_given_up() {
    let server = Server::start(|_, _, wire| {
        wire.head(200, &[]);
        while wire.send(b"x") {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.patience.stall_window = Duration::from_millis(100);
    fixture.patience.stall_bytes = 10_000;
    fixture.patience.tries = 2;
    let error = in_full(&fixture.fetch().await.expect_err("a trickle"));
    assert!(error.contains("less than 10000 bytes came within 100ms"), "{error}");
}

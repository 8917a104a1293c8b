//! What is cut is gone on from; what changed meanwhile is begun anew.

use domain::Digest;
use furlong_fetch::{FetchError, Progress};

use crate::server::{Head, Server};
use crate::{Fixture, content};

const LENGTH: u32 = 3_000_000;
const CUT: usize = 1_200_000;

#[tokio::test]
async fn a_whole_file_comes_with_one_honest_request() {
    let body = content(LENGTH);
    let server = Server::of_file(body.clone());
    let mut fixture = Fixture::new(&server.url("/models/mini%20lm.onnx?v=1"));
    let fetched = fixture.check(&body).await;
    assert_eq!(fetched.etag.as_deref(), Some("\"v1\""));
    assert_eq!(fetched.source.to_string(), server.url("/models/mini%20lm.onnx?v=1"));
    assert!(fetched.is_download());
    assert!(fetched.path.to_string_lossy().ends_with("-mini_20lm.onnx"), "{:?}", fetched.path);
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "/models/mini%20lm.onnx?v=1");
    assert_eq!(seen[0].header("accept-encoding"), Some("identity"));
    assert!(seen[0].header("user-agent").is_some_and(|agent| agent.starts_with("furlong/")));
    assert_eq!((seen[0].header("range"), seen[0].header("authorization")), (None, None));
    let last = Progress::Receiving { bytes: u64::from(LENGTH), total_bytes: Some(u64::from(LENGTH)) };
    assert_eq!(fixture.progress.last(), Some(&last));
}

#[tokio::test]
async fn a_cut_in_the_middle_is_gone_on_from() {
    let body = content(LENGTH);
    let sent = body.clone();
    let server = Server::start(move |number, head, wire| match number {
        0 => wire.cut(&sent, CUT, "\"v1\""),
        _ => wire.file(head, &sent, "\"v1\""),
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.check(&body).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[1].first(), seen[1].header("if-range")), (Some(CUT), Some("\"v1\"")));
    assert!(fixture.retries()[0].starts_with("the connection was lost: "), "{:?}", fixture.retries());
}

#[tokio::test]
async fn a_later_fetch_goes_on_from_what_an_earlier_one_left() {
    let body = content(LENGTH);
    let sent = body.clone();
    let server = Server::start(move |number, head, wire| match number {
        0 => wire.cut(&sent, CUT, "\"v1\""),
        _ => wire.file(head, &sent, "\"v1\""),
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.patience.tries = 1;
    let error = fixture.fetch().await.expect_err("one try only");
    assert!(matches!(error, FetchError::Interrupted { failures: 1, .. }), "{error}");
    assert_eq!(std::fs::read(fixture.part()).expect("the part"), body[..CUT]);
    fixture.check(&body).await;
    assert_eq!(server.seen()[1].first(), Some(CUT));
}

#[tokio::test]
async fn a_fetch_that_was_dropped_is_gone_on_from() {
    let body = content(LENGTH);
    let sent = body.clone();
    let server = Server::start(move |number, head, wire| match number {
        0 => {
            wire.cut(&sent, CUT, "\"v1\"");
            wire.hold();
        }
        _ => wire.file(head, &sent, "\"v1\""),
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    let request = furlong_fetch::Request::new(fixture.source.clone(), fixture.folder.path());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let arrived = |progress| {
        if matches!(progress, Progress::Receiving { bytes, .. } if bytes == CUT as u64) {
            sender.take().map(|sender| sender.send(()));
        }
    };
    tokio::select! {
        result = furlong_fetch::fetch(&request, &fixture.hub, arrived) => panic!("{result:?}"),
        () = tokio::time::sleep(crate::DEADLINE) => panic!("nothing arrives"),
        done = receiver => done.expect("the first bytes"),
    }
    fixture.check(&body).await;
    // Whole blocks were written; the rest of the last one was in memory.
    assert!(server.seen()[1].first().is_some_and(|first| first > 0 && first <= CUT), "{:?}", server.seen());
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_sends_it_all_again() {
    let body = content(LENGTH);
    let sent = body.clone();
    let server = Server::start(move |number, _, wire| match number {
        0 => wire.cut(&sent, CUT, "\"v1\""),
        _ => wire.plain(&sent),
    });
    Fixture::new(&server.url("/m.onnx")).check(&body).await;
    assert_eq!(server.seen()[1].first(), Some(CUT), "it was asked");
}

#[tokio::test]
async fn a_file_that_changed_is_begun_anew() {
    let (old, new) = (content(LENGTH), content(LENGTH - 7).into_iter().rev().collect::<Vec<_>>());
    let sent = new.clone();
    let server = Server::start(move |number, head, wire| match number {
        0 => wire.cut(&old, CUT, "\"v1\""),
        _ => wire.file(head, &sent, "\"v2\""),
    });
    Fixture::new(&server.url("/m.onnx")).check(&new).await;
}

#[tokio::test]
async fn a_part_with_another_tag_or_place_is_not_joined() {
    let body = content(LENGTH);
    for (tag, shift) in [("\"v2\"", 0), ("\"v1\"", 5)] {
        let sent = body.clone();
        let server = Server::start(move |number, head, wire| match number {
            0 => wire.cut(&sent, CUT, "\"v1\""),
            1 => {
                let (first, length) = (CUT + shift, sent.len());
                let range = format!("bytes {first}-{}/{length}", length - 1);
                wire.head(206, &[("Content-Range", &range), ("ETag", tag)]);
                wire.send(&sent[first..]);
            }
            _ => wire.file(head, &sent, "\"v2\""),
        });
        let mut fixture = Fixture::new(&server.url("/m.onnx"));
        fixture.check(&body).await;
        assert_eq!(server.seen()[2].first(), None, "begun anew");
        assert!(fixture.retries()[1].contains("another part"), "{:?}", fixture.retries());
    }
}

#[tokio::test]
async fn without_a_strong_tag_only_a_known_hash_allows_to_go_on() {
    let body = content(LENGTH);
    for (tag, is_known, first) in [("W/\"v1\"", false, None), ("W/\"v1\"", true, Some(CUT))] {
        let sent = body.clone();
        let server = Server::start(move |number, head, wire| match number {
            0 => wire.cut(&sent, CUT, tag),
            _ => wire.file(head, &sent, tag),
        });
        let mut fixture = Fixture::new(&server.url("/m.onnx"));
        fixture.expected = is_known.then(|| Digest::of(&body));
        fixture.check(&body).await;
        assert_eq!((server.seen()[1].first(), server.seen()[1].header("if-range")), (first, None));
    }
}

#[tokio::test]
async fn a_bad_seam_is_mended_by_fetching_the_whole_once_more() {
    let body = content(LENGTH);
    let sent = body.clone();
    let server = Server::start(move |number, head, wire| match number {
        0 => wire.cut(&sent, CUT, "\"v1\""),
        _ => wire.file(head, &sent, "\"v1\""),
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.expected = Some(Digest::of(&body));
    fixture.patience.tries = 1;
    fixture.fetch().await.expect_err("one try only");
    let mut damaged = body[..CUT].to_vec();
    damaged[17] ^= 1;
    std::fs::write(fixture.part(), damaged).expect("a flipped bit");
    fixture.check(&body).await;
    assert_eq!(server.seen().iter().map(Head::first).collect::<Vec<_>>(), [None, Some(CUT), None]);
}

#[tokio::test]
async fn what_was_whole_but_not_yet_renamed_is_not_fetched_again() {
    let body = content(LENGTH);
    let sent = body.clone();
    let server = Server::start(move |number, head, wire| match number {
        0 => wire.cut(&sent, CUT, "\"v1\""),
        _ => wire.file(head, &sent, "\"v1\""),
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.patience.tries = 1;
    fixture.fetch().await.expect_err("one try only");
    std::fs::write(fixture.part(), &body).expect("the whole");
    fixture.check(&body).await;
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_part_that_is_longer_than_the_file_is_thrown_away() {
    let body = content(LENGTH);
    let sent = body.clone();
    let server = Server::start(move |number, head, wire| match number {
        0 => wire.cut(&sent, CUT, "\"v1\""),
        _ => wire.file(head, &sent, "\"v1\""),
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.patience.tries = 1;
    fixture.fetch().await.expect_err("one try only");
    std::fs::write(fixture.part(), [&body[..], b"more"].concat()).expect("too much");
    fixture.patience.tries = 2;
    fixture.check(&body).await;
}

#[tokio::test]
async fn what_is_there_with_the_expected_hash_needs_no_server() {
    let body = content(1000);
    let server = Server::of_file(body.clone());
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.check(&body).await;
    fixture.check(&body).await;
    assert_eq!(server.seen().len(), 2, "without a hash nobody knows whether it changed");
    fixture.expected = Some(Digest::of(&body));
    fixture.check(&body).await;
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn of_two_fetches_of_the_same_at_once_one_is_told_so() {
    let server = Server::start(|_, _, wire| {
        wire.cut(&content(LENGTH), CUT, "\"v1\"");
        wire.hold();
    });
    let fixture = Fixture::new(&server.url("/m.onnx"));
    let request = furlong_fetch::Request::new(fixture.source.clone(), fixture.folder.path());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let second = async {
        receiver.await.expect("the first one has begun");
        furlong_fetch::fetch(&request, &fixture.hub, |_| {}).await
    };
    let begun = |_| {
        sender.take().map(|sender| sender.send(()));
    };
    tokio::select! {
        first = furlong_fetch::fetch(&request, &fixture.hub, begun) => panic!("{first:?}"),
        () = tokio::time::sleep(crate::DEADLINE) => panic!("the second one waits"),
        second = second => {
            let error = second.expect_err("it is busy");
            assert!(matches!(error, FetchError::Busy { .. }), "{error}");
        }
    }
}

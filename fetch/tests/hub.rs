//! The hub's layout, its refusals, and who sees the token.

use std::sync::Arc;

use domain::Digest;
use furlong_fetch::{FetchError, HubSettings};

use crate::server::{Head, Server, Wire};
use crate::{Fixture, content, in_full};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_hunter2";

fn fixture(hub: &Server, source: &str) -> Fixture {
    let mut fixture = Fixture::new(source);
    fixture.hub = HubSettings::new(&hub.url(""), Some(TOKEN.into())).expect("a hub");
    fixture
}

/// A hub that sends large files from a second server, as hubs do; and that second server.
fn hub_with_store(announced: Digest, sent: Vec<u8>) -> (Server, Server) {
    let store = Server::of_file(sent);
    let target = store.url("/blob?X-Amz-Signature=hunter2");
    let hub = Server::start(move |_, _, wire| {
        wire.status(
            302,
            &[
                ("Location", &target),
                ("X-Repo-Commit", COMMIT),
                ("X-Linked-Etag", &format!("\"{announced}\"")),
                ("X-Linked-Size", "3000"),
            ],
        );
    });
    (hub, store)
}

#[tokio::test]
async fn a_large_file_comes_from_elsewhere_and_the_token_stays_here() {
    let body = content(3000);
    let (hub, store) = hub_with_store(Digest::of(&body), body.clone());
    let mut fixture = fixture(&hub, "hf:org/repo/onnx/model.onnx@refs/pr/1");
    let fetched = fixture.check(&body).await;
    assert_eq!(fetched.source.to_string(), format!("hf:org/repo/onnx/model.onnx@{COMMIT}"));
    let (asked, stored) = (hub.seen(), store.seen());
    assert_eq!(asked[0].path, "/org/repo/resolve/refs%2Fpr%2F1/onnx/model.onnx");
    assert_eq!(asked[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!((stored.len(), stored[0].header("authorization")), (1, None));
    assert!(!format!("{:?} {:?} {fetched:?}", fixture.hub, fixture.progress).contains("hunter2"));
}

#[tokio::test]
async fn a_renamed_repository_is_followed_with_the_token() {
    let body = content(3000);
    let sent = body.clone();
    let hub = Server::start(move |_, head, wire| {
        if head.path.starts_with("/old/") {
            wire.status(307, &[("Location", "/new/repo/resolve/main/m.onnx")]);
        } else {
            wire.head(200, &[("X-Repo-Commit", COMMIT), ("Content-Length", "3000"), ("ETag", "\"git\"")]);
            wire.send(&sent);
        }
    });
    let fetched = fixture(&hub, "hf:old/repo/m.onnx").check(&body).await;
    assert!(fetched.source.to_string().ends_with(COMMIT));
    assert!(hub.seen().iter().all(|head| head.header("authorization").is_some()), "{:?}", hub.seen());
}

#[tokio::test]
async fn the_word_of_another_host_about_the_commit_is_not_taken() {
    let body = content(3000);
    let sent = body.clone();
    let store = Server::start(move |_, _, wire| {
        wire.head(200, &[("X-Repo-Commit", COMMIT), ("Content-Length", "3000")]);
        wire.send(&sent);
    });
    let target = store.url("/blob");
    let hub = Server::start(move |_, _, wire| wire.status(302, &[("Location", &target)]));
    let fetched = fixture(&hub, "hf:org/repo/m.onnx").check(&body).await;
    assert_eq!(fetched.source.to_string(), "hf:org/repo/m.onnx@main");
}

#[tokio::test]
async fn a_hub_below_a_path_is_asked_there() {
    let body = content(3000);
    let mirror = Server::of_file(body.clone());
    let mut fixture = Fixture::new("hf:org/repo/m.onnx");
    fixture.hub = HubSettings::new(&mirror.url("/api/mirror/"), None).expect("a hub");
    fixture.check(&body).await;
    let seen = mirror.seen();
    assert_eq!(
        (seen[0].path.as_str(), seen[0].header("authorization")),
        ("/api/mirror/org/repo/resolve/main/m.onnx", None)
    );
}

#[tokio::test]
async fn bytes_that_differ_from_what_the_hub_announces_are_refused() {
    let (hub, _store) = hub_with_store(Digest::of(b"what the hub has"), content(3000));
    let mut fixture = fixture(&hub, "hf:org/repo/m.onnx");
    let error = fixture.fetch().await.expect_err("damaged on the way");
    assert!(matches!(error, FetchError::WrongHash { .. }), "{}", in_full(&error));
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

#[tokio::test]
async fn another_hash_or_size_than_wanted_is_told_before_the_download() {
    let body = content(3000);
    let (hub, _store) = hub_with_store(Digest::of(&body), body);
    let mut fixture = fixture(&hub, "hf:org/repo/m.onnx");
    fixture.limit_bytes = 2999;
    let error = fixture.fetch().await.expect_err("too large");
    assert!(matches!(error, FetchError::TooLarge { size_bytes: Some(3000), .. }), "{}", in_full(&error));
    (fixture.limit_bytes, fixture.expected) = (3000, Some(Digest::of(b"another")));
    let error = fixture.fetch().await.expect_err("another hash");
    assert!(matches!(error, FetchError::OtherHash { .. }), "{}", in_full(&error));
    assert!(fixture.progress.is_empty() && fixture.left().is_empty(), "{:?}", fixture.progress);
}

/// What a hub says, and what a person is told.
async fn check_refusal(
    source: &str,
    token: Option<&str>,
    act: impl Fn(&Head, &mut Wire) + Send + Sync + 'static,
) -> String {
    let hub = Server::start(move |_, head, wire| act(head, wire));
    let mut fixture = Fixture::new(source);
    fixture.hub = HubSettings::new(&hub.url(""), token.map(Into::into)).expect("a hub");
    let error = fixture.fetch().await.expect_err("a refusal");
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    in_full(&error)
}

#[tokio::test]
async fn a_missing_file_suggests_those_that_are_there() {
    let error = check_refusal("hf:org/repo/model.onnx@v1", Some(TOKEN), |head, wire| match head.path.as_str() {
        "/org/repo/resolve/v1/model.onnx" => wire.status(404, &[("X-Error-Code", "EntryNotFound")]),
        "/api/models/org/repo/tree/v1?recursive=true" if head.header("authorization").is_some() => wire.plain(
            br#"[{"type":"directory","oid":"1","size":0,"path":"onnx"},
                {"type":"file","oid":"2","size":5,"path":"README.md"},
                {"type":"file","oid":"3","size":9,"path":"onnx/model.onnx","lfs":{"size":9}}]"#,
        ),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(
        error,
        "the hub has no `hf:org/repo/model.onnx@v1`: there is no such file at this revision\nhint: did you mean `onnx/model.onnx`?"
    );
}

#[tokio::test]
async fn a_missing_file_is_told_even_if_the_list_fails() {
    let error = check_refusal("hf:org/repo/m.onnx", None, |head, wire| {
        let code = if head.path.starts_with("/api/") { "" } else { "EntryNotFound" };
        wire.status(404, &[("X-Error-Code", code)]);
    })
    .await;
    assert!(error.contains("no such file") && error.contains("hint: check the path"), "{error}");
}

#[tokio::test]
async fn each_refusal_of_the_hub_has_its_own_way_out() {
    for (status, code, token, says, hint) in [
        (404, "RevisionNotFound", None, "the hub has no `org/repo@main`: there is no such revision", "give a branch"),
        (401, "RepoNotFound", None, "the hub has no `org/repo`, or it is private", "give a token with `HF_TOKEN`"),
        (404, "RepoNotFound", Some(TOKEN), "or this token may not see it", "what the token may read"),
        (401, "GatedRepo", None, "grant access to those who ask", "then give a token"),
        (403, "GatedRepo", Some(TOKEN), "grant access to those who ask", "with the account of this token"),
        (403, "", Some(TOKEN), "it refused the token", "valid token"),
        (418, "", None, "the server answered 418", "does not say why"),
    ] {
        let error = check_refusal("hf:org/repo/m.onnx", token, move |_, wire| {
            wire.status(status, &[("X-Error-Code", code)]);
        });
        let error = error.await;
        let (said, hinted) = error.split_once("\nhint: ").expect("a next step");
        assert!(said.contains(says) && hinted.contains(hint), "{status} {code}: {error}");
    }
}

#[tokio::test]
async fn without_a_hub_the_next_step_is_told() {
    let error = Fixture::new("hf:org/repo/m.onnx").fetch().await.expect_err("no hub").to_string();
    assert_eq!(
        error,
        "`hf:org/repo/m.onnx@main` is on a model hub, and no hub is configured\nhint: give its address with `--hub URL`, `FURLONG_HUB_URL` or `HF_ENDPOINT`"
    );
}

#[test]
fn a_hub_that_would_leak_the_token_is_refused() {
    for host in
        ["http://hub.example.org", "https://user:hunter2@hub.example.org", "https://hub.example.org?t=hunter2", "hub"]
    {
        let error = HubSettings::new(host, None).expect_err(host);
        assert!(!format!("{error} {error:?}").contains("hunter2") && error.to_string().contains("hint: "), "{error:?}");
    }
    for token in ["hunter2\nX-Evil: 1", "hunter2 x", "\"hunter2\"", "hünter2"] {
        let error = HubSettings::new("https://hub.example.org", Some(token.into())).expect_err(token);
        assert!(!format!("{error} {error:?}").contains("nter2"), "{error:?}");
    }
    let settings =
        HubSettings::new("https://hub.example.org/", Some("hunter2\n".into())).expect("a line break at the end");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_cut_on_the_way_from_the_store_asks_the_hub_again() {
    let body = Arc::new(content(3_000_000));
    let sent = Arc::clone(&body);
    let store = Server::start(move |number, head, wire| match number {
        0 => wire.cut(&sent, 1_500_000, "\"v1\""),
        _ => wire.file(head, &sent, "\"v1\""),
    });
    let store_port = store.port;
    let hub = Server::start(move |number, _, wire| {
        // A new signature each time, as stores have it.
        wire.status(302, &[("Location", &format!("http://127.0.0.1:{store_port}/blob?sig={number}"))]);
    });
    fixture(&hub, "hf:org/repo/m.onnx").check(&body).await;
    let seen = store.seen();
    assert_eq!((seen[1].path.as_str(), seen[1].first()), ("/blob?sig=1", Some(1_500_000)));
}

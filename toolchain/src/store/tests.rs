use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::manifest::sha256;

mod runtime;

const PACKAGE: Package = Package::MiniLm;
const ITEM: Item = Item::Pinned(PACKAGE);
const WHEEL: &str = "tiny-1.0.0-py3-none-any.whl";

/// A data directory, a directory with one tiny wheel, and a toolchain that pins it.
struct Fixture {
    directory: TempDir,
    toolchain: Toolchain,
}

impl Fixture {
    fn new() -> Self {
        Self::with_entries(&[
            ("tiny/model.onnx", 0o644, "a model"),
            ("tiny/bin/tool", 0o755, "#!/bin/sh\n"),
            ("tiny/left_out.py", 0o644, "x"),
        ])
    }

    fn with_entries(entries: &[(&str, u32, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let bytes = wheel(entries);
        fs::create_dir(directory.path().join("wheels")).unwrap();
        fs::write(directory.path().join("wheels").join(WHEEL), &bytes).unwrap();
        let pin = Pin {
            requirement: "tiny==1.0.0".to_owned(),
            platform: "any",
            wheel: WHEEL.to_owned(),
            sha256: sha256(&mut Cursor::new(&bytes)).unwrap(),
            keep: |entry| entry.strip_prefix("tiny/").filter(|name| *name != "left_out.py").map(str::to_owned),
            required: vec!["model.onnx".to_owned()],
        };
        let toolchain = Toolchain::with_catalog(directory.path().join("toolchain"), Catalog::new(vec![(PACKAGE, pin)]));
        Self { directory, toolchain }
    }

    fn wheels(&self) -> PathBuf {
        self.directory.path().join("wheels")
    }

    fn wheel_directory(&self) -> Source {
        Source::Directory(self.wheels())
    }

    /// A `python3` that is a shell script. It answers `--version` as pip does, and runs `download` for anything else;
    /// in it, `$dest` is where the wheel goes and `$wheels` where it can be taken from.
    fn python(&self, download: &str) -> Source {
        let version = r#"case "$*" in *--version) echo "pip 23.2.1 from /x (python 3.11)"; exit 0;; esac"#;
        self.script(&format!(
            "{version}\nfor word; do dest=\"$word\"; done\nwheels='{}'\necho call >> '{}'\n{download}",
            self.wheels().display(),
            self.directory.path().join("calls").display(),
        ))
    }

    fn script(&self, body: &str) -> Source {
        let python = self.directory.path().join("python3");
        // Written by a child: a script that this process holds open for writing while another test forks is "busy".
        let status = std::process::Command::new("sh")
            .args(["-c", "printf '%s\\n' '#!/bin/sh' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", body])
            .arg(&python)
            .status()
            .unwrap();
        assert!(status.success());
        Source::Pip { python }
    }

    fn downloads(&self) -> usize {
        fs::read_to_string(self.directory.path().join("calls")).unwrap_or_default().lines().count()
    }

    fn install(&self, source: &Source) -> Result<Installed, ToolchainError> {
        self.toolchain.install(PACKAGE, source, &mut |_| {})
    }

    fn condition(&self) -> Condition {
        self.toolchain.verify().unwrap().remove(0).condition
    }
}

fn wheel(entries: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, text) in entries {
        writer.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const COPY: &str = r#"cp "$wheels"/*.whl "$dest"/"#;

#[test]
fn a_wheel_from_a_directory_is_unpacked_with_its_modes() {
    let fixture = Fixture::new();
    let mut seen = Vec::new();
    let installed =
        fixture.toolchain.install(PACKAGE, &fixture.wheel_directory(), &mut |step| seen.push(step)).unwrap();
    assert_eq!(seen, [Progress::Unpacking(ITEM), Progress::Ready(ITEM)]);
    assert_eq!(fs::read_to_string(installed.file("model.onnx").unwrap()).unwrap(), "a model");
    assert_eq!(mode(&installed.directory.join("bin/tool")), 0o755);
    assert_eq!(mode(&installed.directory.join("model.onnx")), 0o644);
    assert_eq!(mode(&installed.directory.join("bin")), 0o755);
    assert!(!installed.directory.join("left_out.py").exists());
    assert!(!fixture.toolchain.root().join("staging").exists());
    assert_eq!(installed.size_bytes, 17);
    assert_eq!(fixture.toolchain.installed(PACKAGE).unwrap(), Some(installed));
}

#[test]
fn a_second_install_needs_no_source() {
    let fixture = Fixture::new();
    let first = fixture.install(&fixture.wheel_directory()).unwrap();
    fs::remove_dir_all(fixture.wheels()).unwrap();
    let mut seen = Vec::new();
    let second = fixture.toolchain.install(PACKAGE, &fixture.wheel_directory(), &mut |step| seen.push(step)).unwrap();
    assert_eq!((seen, second), (vec![Progress::Ready(ITEM)], first));
}

#[test]
fn a_wheel_with_another_hash_is_refused() {
    let fixture = Fixture::new();
    fs::write(fixture.wheels().join(WHEEL), wheel(&[("tiny/model.onnx", 0o644, "another")])).unwrap();
    let error = fixture.install(&fixture.wheel_directory()).unwrap_err();
    assert!(matches!(&error, ToolchainError::HashMismatch { .. }), "{error}");
    assert_eq!(fixture.toolchain.installed(PACKAGE).unwrap(), None);
}

#[test]
fn a_missing_wheel_is_named_with_its_hash() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.wheels().join(WHEEL)).unwrap();
    let error = fixture.install(&fixture.wheel_directory()).unwrap_err().to_string();
    let sha256 = &fixture.toolchain.pin(PACKAGE).unwrap().sha256;
    assert!(error.contains(WHEEL) && error.contains(sha256) && error.contains("wheels"), "{error}");
}

#[test]
fn a_package_without_a_pin_for_this_platform_names_the_flag() {
    let fixture = Fixture::new();
    let error = fixture.toolchain.installed(Package::PostgreSql).unwrap_err().to_string();
    assert!(error.contains("--postgres-bin") && error.contains(std::env::consts::ARCH), "{error}");
}

#[test]
fn what_a_killed_process_left_is_cleaned_up() {
    let fixture = Fixture::new();
    let staging = fixture.toolchain.root().join("staging/unpacked/bin");
    fs::create_dir_all(&staging).unwrap();
    fs::write(staging.join("tool"), "half of").unwrap();
    let installed = fixture.install(&fixture.wheel_directory()).unwrap();
    assert_eq!(fs::read_to_string(installed.file("bin/tool").unwrap()).unwrap(), "#!/bin/sh\n");
}

#[test]
fn a_package_that_lost_a_file_is_installed_anew() {
    let fixture = Fixture::new();
    let installed = fixture.install(&fixture.wheel_directory()).unwrap();
    fs::remove_file(installed.directory.join("bin/tool")).unwrap();
    assert_eq!(fixture.condition(), Condition::Damaged { missing: vec!["bin/tool".into()], corrupt: vec![] });
    assert_eq!(fixture.toolchain.installed(PACKAGE).unwrap(), None);
    fixture.install(&fixture.wheel_directory()).unwrap();
    assert_eq!(fixture.condition(), Condition::Intact { files: 2, size_bytes: 17 });
}

#[test]
fn a_flipped_byte_is_found() {
    let fixture = Fixture::new();
    assert_eq!(fixture.condition(), Condition::NotInstalled);
    let installed = fixture.install(&fixture.wheel_directory()).unwrap();
    fs::write(installed.directory.join("model.onnx"), "b model").unwrap();
    assert_eq!(fixture.condition(), Condition::Damaged { missing: vec![], corrupt: vec!["model.onnx".into()] });
}

#[test]
fn an_entry_that_leaves_the_directory_is_refused() {
    let fixture =
        Fixture::with_entries(&[("tiny/model.onnx", 0o644, "a model"), ("tiny/../../../escaped", 0o644, "x")]);
    let error = fixture.install(&fixture.wheel_directory()).unwrap_err();
    assert!(matches!(&error, ToolchainError::UnsafeEntry { .. }), "{error}");
    assert!(!fixture.directory.path().join("escaped").exists());
    assert_eq!(fixture.toolchain.installed(PACKAGE).unwrap(), None);
}

#[test]
fn a_wheel_without_the_needed_file_is_refused() {
    let fixture = Fixture::with_entries(&[("tiny/other", 0o644, "x")]);
    let error = fixture.install(&fixture.wheel_directory()).unwrap_err();
    assert!(matches!(&error, ToolchainError::IncompleteWheel { .. }), "{error}");
}

#[test]
fn of_two_at_once_one_downloads_and_the_other_waits() {
    let fixture = Fixture::new();
    let source = fixture.python(COPY);
    let barrier = Barrier::new(2);
    let results: Vec<Installed> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    fixture.install(&source).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(fixture.downloads(), 1);
}

#[test]
fn a_downloaded_wheel_is_used_again_and_removed_when_unpacked() {
    let fixture = Fixture::new();
    let download = fixture.toolchain.root().join("download");
    fs::create_dir_all(&download).unwrap();
    fs::copy(fixture.wheels().join(WHEEL), download.join(WHEEL)).unwrap();
    fixture.install(&fixture.python("exit 1")).unwrap();
    assert_eq!(fixture.downloads(), 0);
    assert!(!download.join(WHEEL).exists());
}

#[test]
fn half_a_download_is_downloaded_again() {
    let fixture = Fixture::new();
    let download = fixture.toolchain.root().join("download");
    fs::create_dir_all(&download).unwrap();
    fs::write(download.join(WHEEL), "half of").unwrap();
    fixture.install(&fixture.python(COPY)).unwrap();
    assert_eq!(fixture.downloads(), 1);
}

#[test]
fn pip_is_given_the_hash_and_never_the_hosts_python_version() {
    let fixture = Fixture::new();
    let log = fixture.directory.path().join("arguments");
    let source = fixture.python(&format!(
        "echo \"$*\" > '{0}'; cat \"$(dirname \"$dest\")\"/staging/requirements.txt >> '{0}'; {COPY}",
        log.display()
    ));
    fixture.install(&source).unwrap();
    let log = fs::read_to_string(log).unwrap();
    let pin = fixture.toolchain.pin(PACKAGE).unwrap();
    assert!(
        log.contains("--require-hashes") && log.contains("--python-version 3.11 --implementation cp --platform any")
    );
    assert!(log.contains(&format!("tiny==1.0.0 --hash=sha256:{}", pin.sha256)), "{log}");
}

/// Runs a pip that fails with these words, and gives back what we make of it.
fn failing_pip(stderr: &str) -> ToolchainError {
    let fixture = Fixture::new();
    let words = fixture.directory.path().join("stderr");
    fs::write(&words, stderr).unwrap();
    fixture.install(&fixture.python(&format!("cat '{}' >&2; exit 1", words.display()))).unwrap_err()
}

#[test]
fn no_network_is_told_from_no_such_package() {
    // Both of these are pip 23.2's own words.
    let offline = failing_pip(
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<..>: Failed to establish a new \
         connection: [Errno -3] Temporary failure in name resolution')': /simple/tiny/\n\
         ERROR: Could not find a version that satisfies the requirement tiny==1.0.0 (from versions: none)\n\
         ERROR: No matching distribution found for tiny==1.0.0\n",
    );
    assert!(matches!(&offline, ToolchainError::Network { .. }), "{offline}");
    assert!(offline.to_string().contains("--from DIR") && offline.to_string().contains("name resolution"));
    let absent = failing_pip(
        "ERROR: Could not find a version that satisfies the requirement tiny==1.0.0 (from versions: 0.1)\n\
         ERROR: No matching distribution found for tiny==1.0.0\n",
    );
    assert!(matches!(&absent, ToolchainError::NotInIndex { .. }), "{absent}");
}

#[test]
fn a_wrong_hash_a_full_disk_and_a_closed_directory_are_told_apart() {
    let refused =
        failing_pip("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n Expected sha256 ab\n");
    assert!(matches!(&refused, ToolchainError::DownloadRefused { .. }), "{refused}");
    let full = failing_pip(
        "ERROR: Exception:\nTraceback (most recent call last):\nOSError: [Errno 28] No space left on device\n",
    );
    assert!(matches!(&full, ToolchainError::DiskFull { .. }), "{full}");
    let denied =
        failing_pip("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'\n");
    assert!(matches!(&denied, ToolchainError::PermissionDenied { .. }), "{denied}");
    let other = failing_pip("ERROR: Exception:\nKeyError: 'x'\n");
    assert!(matches!(&other, ToolchainError::PipFailed { .. }) && other.to_string().contains("KeyError"), "{other}");
}

#[test]
fn no_python_no_pip_and_an_old_pip_name_the_way_out() {
    let fixture = Fixture::new();
    let absent = Source::Pip { python: fixture.directory.path().join("no-such-python") };
    let error = fixture.install(&absent).unwrap_err();
    assert!(matches!(&error, ToolchainError::PythonMissing { .. }), "{error}");

    let error = fixture.install(&fixture.script("echo \"$0: No module named pip\" >&2; exit 1")).unwrap_err();
    assert!(matches!(&error, ToolchainError::PipMissing { .. }), "{error}");
    assert!(error.to_string().contains("ensurepip") && error.to_string().contains("No module named pip"), "{error}");

    let error = fixture.install(&fixture.script("echo 'pip 9.0.3 from /x (python 3.6)'")).unwrap_err();
    assert!(matches!(&error, ToolchainError::PythonTooOld { .. }), "{error}");
    assert!(error.to_string().contains("pip 9.0.3"), "{error}");
}

#[test]
fn two_processes_worth_of_toolchains_share_one_directory() {
    let fixture = Fixture::new();
    let other = fixture.toolchain.clone();
    let held = fixture.toolchain.create_root().and_then(|()| fixture.toolchain.lock(ITEM, &mut |_| {})).unwrap();
    let (sender, receiver) = std::sync::mpsc::sync_channel(8);
    let source = fixture.wheel_directory();
    std::thread::scope(|scope| {
        scope.spawn(move || other.install(PACKAGE, &source, &mut |step| sender.send(step).unwrap()).unwrap());
        assert_eq!(receiver.recv().unwrap(), Progress::Waiting(ITEM));
        drop(held);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [Progress::Unpacking(ITEM), Progress::Ready(ITEM)]);
    });
}

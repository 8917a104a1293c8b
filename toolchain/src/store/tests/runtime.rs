use super::*;
use crate::package::{HOST, library_name};
use crate::runtime::RuntimeLibrary;

const VERSION: &str = "1.30.0";

fn item(version: &str) -> Item {
    Item::runtime(version.parse().unwrap())
}

fn runtime_wheel(version: &str, library: &str) -> Vec<u8> {
    wheel(&[
        ("onnxruntime/LICENSE", 0o644, "a licence"),
        ("onnxruntime/capi/libonnxruntime_providers_shared.so", 0o755, "a stub"),
        (&format!("onnxruntime/capi/{}", library_name(version)), 0o755, library),
        ("onnxruntime/capi/onnxruntime_pybind11_state.so", 0o755, "x"),
        ("onnxruntime/__init__.py", 0o644, "x"),
    ])
}

impl Fixture {
    /// With a wheel of ONNX Runtime for this platform beside the tiny one.
    fn with_runtime(version: &str, library: &str) -> Self {
        let fixture = Self::new();
        fixture.put_runtime("cp311", version, library);
        fixture
    }

    fn put_runtime(&self, python: &str, version: &str, library: &str) {
        let name = format!("onnxruntime-{version}-{python}-{python}-{}.whl", HOST.unwrap().platform());
        fs::write(self.wheels().join(name), runtime_wheel(version, library)).unwrap();
    }

    fn install_runtime(&self, version: &str, source: &Source) -> Result<RuntimeLibrary, ToolchainError> {
        self.toolchain.install_runtime(version, source, &mut |_| {})
    }

    fn runtime_condition(&self, version: &str) -> Condition {
        let verified = self.toolchain.verify().unwrap();
        verified.into_iter().find(|verified| verified.version == version).unwrap().condition
    }

    fn listed(&self) -> Vec<String> {
        self.toolchain.runtimes().unwrap().into_iter().map(|library| library.version).collect()
    }
}

#[test]
fn a_runtime_is_downloaded_once_and_found_afterwards() {
    let fixture = Fixture::with_runtime(VERSION, "a library");
    assert_eq!(fixture.toolchain.runtime(VERSION).unwrap(), None);
    let source = fixture.python(COPY);
    let mut seen = Vec::new();
    let library = fixture.toolchain.install_runtime(VERSION, &source, &mut |step| seen.push(step)).unwrap();
    let item = item(VERSION);
    assert_eq!(seen, [Progress::Downloading(item), Progress::Unpacking(item), Progress::Ready(item)]);
    assert_eq!(seen[0].to_string(), "downloading ONNX Runtime 1.30.0 with pip");

    let directory = fixture.toolchain.root().join("onnxruntime-1.30.0");
    assert!(library.path.is_absolute());
    assert_eq!(library.path, directory.join(library_name(VERSION)));
    assert_eq!(fs::read_to_string(&library.path).unwrap(), "a library");
    assert_eq!(library.sha256, sha256(&mut Cursor::new(b"a library")).unwrap());
    assert_eq!((library.version.as_str(), library.size_bytes), (VERSION, 9));
    let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(
        files,
        ["LICENSE", library_name(VERSION).as_str(), "libonnxruntime_providers_shared.so", "manifest.json"]
    );
    assert!(!fixture.toolchain.root().join("staging").exists());

    assert_eq!(fixture.install_runtime(VERSION, &source).unwrap(), library);
    assert_eq!(fixture.toolchain.runtime(VERSION).unwrap(), Some(library));
    assert_eq!(fixture.downloads(), 1);
}

#[test]
fn versions_lie_side_by_side_and_are_listed_and_verified() {
    let fixture = Fixture::with_runtime("1.31.1", "newer");
    assert_eq!(fixture.listed(), Vec::<String>::new());
    fixture.put_runtime("cp311", "1.23.0", "older");
    for version in ["1.31.1", "1.23.0"] {
        fixture.install_runtime(version, &fixture.wheel_directory()).unwrap();
    }
    // None of these is a runtime.
    for name in ["onnxruntime-1.22.0", "onnxruntime-1.30", "onnxruntime-", "tiny-1.30.0"] {
        fs::create_dir(fixture.toolchain.root().join(name)).unwrap();
    }
    assert_eq!(fixture.listed(), ["1.23.0", "1.31.1"]);
    let verified: Vec<String> = fixture.toolchain.verify().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        verified,
        [
            "MiniLM 0.1.0: not installed",
            "ONNX Runtime 1.23.0: intact, 3 files, 20 bytes",
            "ONNX Runtime 1.31.1: intact, 3 files, 20 bytes"
        ]
    );
}

#[test]
fn the_pinned_version_is_the_pinned_package() {
    let version = Package::OnnxRuntime.version();
    let fixture = Fixture::with_runtime(version, "a library");
    let wheel = format!("onnxruntime-{version}-cp311-cp311-{}.whl", HOST.unwrap().platform());
    let pin = |sha256: String| crate::package::runtime_pin(HOST.unwrap(), item(version), wheel.clone(), sha256);
    let toolchain = |sha256: String| {
        let catalog = Catalog::new(vec![(Package::OnnxRuntime, pin(sha256))]);
        Toolchain::with_catalog(fixture.toolchain.root().to_owned(), catalog)
    };
    let source = fixture.wheel_directory();
    let refused = toolchain("0".repeat(64)).install_runtime(version, &source, &mut |_| {}).unwrap_err();
    assert!(matches!(&refused, ToolchainError::HashMismatch { .. }), "{refused}");

    let right = toolchain(sha256(&mut Cursor::new(runtime_wheel(version, "a library"))).unwrap());
    let library = right.install_runtime(version, &source, &mut |_| {}).unwrap();
    let installed = right.installed(Package::OnnxRuntime).unwrap().unwrap();
    assert_eq!(library.path, installed.library().unwrap());
    assert_eq!(right.runtimes().unwrap(), [library]);
    assert_eq!(right.verify().unwrap().len(), 1);
}

#[test]
fn a_changed_library_is_not_used_and_the_same_one_mends_it() {
    let fixture = Fixture::with_runtime(VERSION, "a library");
    let library = fixture.install_runtime(VERSION, &fixture.wheel_directory()).unwrap();
    fs::write(&library.path, "b library").unwrap();
    assert_eq!(fixture.toolchain.runtime(VERSION).unwrap(), None);
    let changed = Condition::Damaged { missing: vec![], corrupt: vec![library_name(VERSION).into()] };
    assert_eq!(fixture.runtime_condition(VERSION), changed);

    // A wheel for another Python will do: the library is what counts.
    fs::remove_dir_all(fixture.wheels()).unwrap();
    fs::create_dir(fixture.wheels()).unwrap();
    fixture.put_runtime("cp313", VERSION, "a library");
    assert_eq!(fixture.install_runtime(VERSION, &fixture.wheel_directory()).unwrap(), library);
    assert!(matches!(fixture.runtime_condition(VERSION), Condition::Intact { files: 3, .. }));
}

#[test]
fn another_library_of_the_same_version_is_refused() {
    let fixture = Fixture::with_runtime(VERSION, "a library");
    let library = fixture.install_runtime(VERSION, &fixture.wheel_directory()).unwrap();
    fs::remove_file(&library.path).unwrap();
    fixture.put_runtime("cp311", VERSION, "b library");
    let error = fixture.install_runtime(VERSION, &fixture.wheel_directory()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ToolchainError::RuntimeChanged { .. }) && text.contains(&library.sha256), "{text}");

    // The way out that it names.
    fs::remove_dir_all(library.path.parent().unwrap()).unwrap();
    assert_ne!(fixture.install_runtime(VERSION, &fixture.wheel_directory()).unwrap().sha256, library.sha256);
}

#[test]
fn a_runtime_directory_without_a_manifest_is_damaged_and_replaced() {
    let fixture = Fixture::with_runtime(VERSION, "a library");
    fs::create_dir_all(fixture.toolchain.root().join("onnxruntime-1.30.0")).unwrap();
    assert_eq!(fixture.toolchain.runtime(VERSION).unwrap(), None);
    let damaged = Condition::Damaged { missing: vec!["manifest.json".into()], corrupt: vec![] };
    assert_eq!(fixture.runtime_condition(VERSION), damaged);
    fixture.install_runtime(VERSION, &fixture.wheel_directory()).unwrap();
    assert!(matches!(fixture.runtime_condition(VERSION), Condition::Intact { .. }));
}

#[test]
fn what_a_killed_runtime_installation_left_is_not_used() {
    let fixture = Fixture::with_runtime(VERSION, "a library");
    let staging = fixture.toolchain.root().join("staging");
    fs::create_dir_all(staging.join("wheels")).unwrap();
    fs::create_dir_all(staging.join("unpacked")).unwrap();
    let half = format!("onnxruntime-{VERSION}-cp310-cp310-{}.whl", HOST.unwrap().platform());
    fs::write(staging.join("wheels").join(half), "half of").unwrap();
    fs::write(staging.join("unpacked").join(library_name(VERSION)), "half of").unwrap();
    let library = fixture.install_runtime(VERSION, &fixture.python(COPY)).unwrap();
    assert_eq!(fs::read_to_string(library.path).unwrap(), "a library");
}

#[test]
fn a_refused_version_reaches_neither_pip_nor_the_disk() {
    let fixture = Fixture::new();
    for version in ["1.22.1", "../1.30.0", "1.30", "--pre"] {
        fixture.install_runtime(version, &fixture.python(COPY)).unwrap_err();
        fixture.toolchain.runtime(version).unwrap_err();
    }
    assert_eq!(fixture.downloads(), 0);
    assert!(!fixture.toolchain.root().exists());
}

#[test]
fn pip_is_asked_for_several_platforms_and_given_no_hash() {
    let fixture = Fixture::with_runtime(VERSION, "a library");
    let log = fixture.directory.path().join("arguments");
    let source = fixture.python(&format!(
        "echo \"$*\" > '{0}'; cat \"$(dirname \"$dest\")\"/requirements.txt >> '{0}'; {COPY}",
        log.display()
    ));
    fixture.install_runtime(VERSION, &source).unwrap();
    let log = fs::read_to_string(log).unwrap();
    for platform in HOST.unwrap().platforms() {
        assert!(log.contains(&format!("--platform {platform} ")), "{log}");
    }
    assert!(log.contains("--python-version 3.11 ") && !log.contains("hash"), "{log}");
    assert!(log.ends_with("\nonnxruntime==1.30.0\n"), "{log}");
}

#[test]
fn a_wheel_for_a_newer_python_only_is_found() {
    let fixture = Fixture::with_runtime(VERSION, "a library");
    let source = fixture.python(&format!(
        "case \"$*\" in *'--python-version 3.11'*) echo 'ERROR: No matching distribution found for onnxruntime' >&2; exit 1;; esac; {COPY}"
    ));
    fixture.install_runtime(VERSION, &source).unwrap();
    assert_eq!(fixture.downloads(), 2);
}

#[test]
fn a_version_that_does_not_exist_lists_those_that_do() {
    let fixture = Fixture::new();
    // pip 23.2's own words.
    let source = fixture.python(
        "echo 'ERROR: Could not find a version that satisfies the requirement onnxruntime==1.30.5 (from versions: 1.22.1, 1.23.0, \
         1.24.0.dev20251031003, 1.30.0, 1.31.1)\nERROR: No matching distribution found for onnxruntime==1.30.5' >&2; exit 1",
    );
    assert_eq!(
        fixture.install_runtime("1.30.5", &source).unwrap_err().to_string(),
        "the package index has no ONNX Runtime 1.30.5 for this platform\n\
         pip said: No matching distribution found for onnxruntime==1.30.5\n\
         it has: 1.31.1, 1.30.0, 1.23.0\n\
         hint: choose one of these; if pip uses a mirror, the mirror may lack it; otherwise give your own with `--onnxruntime \
         FILE`, or use downloaded wheels with `furlong toolchain install --from DIR`"
    );
    assert_eq!(fixture.listed(), Vec::<String>::new());
}

#[test]
fn a_directory_without_the_wheel_names_it() {
    let fixture = Fixture::with_runtime("1.31.1", "another version");
    let error = fixture.install_runtime(VERSION, &fixture.wheel_directory()).unwrap_err().to_string();
    assert!(error.contains("onnxruntime-1.30.0-*-") && error.contains("pip download"), "{error}");
}

#[test]
fn a_wheel_with_the_library_of_another_version_is_refused() {
    let fixture = Fixture::new();
    let name = format!("onnxruntime-{VERSION}-cp311-cp311-{}.whl", HOST.unwrap().platform());
    fs::write(fixture.wheels().join(name), runtime_wheel("1.31.1", "another version")).unwrap();
    let error = fixture.install_runtime(VERSION, &fixture.wheel_directory()).unwrap_err();
    assert!(matches!(&error, ToolchainError::IncompleteWheel { .. }), "{error}");
    assert_eq!(fixture.toolchain.runtime(VERSION).unwrap(), None);
}

#[test]
fn of_two_runtime_installations_at_once_one_downloads() {
    let fixture = Fixture::with_runtime(VERSION, "a library");
    let source = fixture.python(COPY);
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                barrier.wait();
                fixture.install_runtime(VERSION, &source).unwrap();
            });
        }
    });
    assert_eq!(fixture.downloads(), 1);
}

#[test]
fn two_versions_at_once_do_not_harm_each_other() {
    let fixture = Fixture::with_runtime("1.31.1", "newer");
    fixture.put_runtime("cp311", "1.30.0", "older");
    let source = fixture.python(COPY);
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for version in ["1.30.0", "1.31.1"] {
            let (fixture, source, barrier) = (&fixture, &source, &barrier);
            scope.spawn(move || {
                barrier.wait();
                fixture.install_runtime(version, source).unwrap();
            });
        }
    });
    assert_eq!(fixture.listed(), ["1.30.0", "1.31.1"]);
}

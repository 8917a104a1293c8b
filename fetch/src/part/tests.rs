use super::*;

fn part(folder: &Path, report: &Report) -> Result<Part, FetchError> {
    let source = "http://127.0.0.1/m.onnx".parse().expect("a source");
    Part::open(&source, folder, 1 << 20, report)
}

/// Long work reports to somebody; here, to nobody in particular.
fn with_report<T: Send + 'static>(work: impl FnOnce(&Report) -> T + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(crate::blocking::run(&mut |_| {}, work))
}

#[test]
fn what_is_dropped_while_it_is_checked_stays() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().to_owned();
    with_report(move |report| part(&path, report).and_then(|mut part| part.write(b"half"))).expect("a part");
    let error = part(folder.path(), &Report::abandoned()).expect_err("nobody waits");
    assert!(matches!(error, FetchError::Io { .. }), "{error}");
    let path = folder.path().to_owned();
    let held = with_report(move |report| part(&path, report).map(|part| part.held())).expect("a part");
    assert_eq!(held, 4);
}

#[test]
fn half_a_hash_is_no_hash() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), "a model").expect("its bytes");
    hash_file(file.path(), &Report::abandoned()).expect_err("nobody waits");
}

#[test]
fn names_are_short_plain_and_those_of_one_source() {
    let name = |source: &str| {
        let path = path_for(&source.parse().expect("a source"), Path::new("folder"));
        path.file_name().expect("a name").to_string_lossy().into_owned()
    };
    assert_eq!(name("hf:a/b/onnx/model.onnx"), name("hf:a/b/onnx/model.onnx@main"));
    assert_ne!(name("hf:a/b/onnx/model.onnx"), name("hf:a/b/model.onnx"));
    assert!(name("hf:a/b/model.onnx").ends_with("-model.onnx"));
    assert!(name("https://a.example/%2e%2e%2fm").ends_with("-_2e_2e_2fm"), "{}", name("https://a.example/%2e%2e%2fm"));
    let long = name(&format!("https://a.example/{}.onnx", "m".repeat(500)));
    assert!(long.len() < 140 && Path::new(&long).extension().is_some_and(|extension| extension == "onnx"), "{long}");
    // A signature that is made anew each time does not make another file.
    assert_eq!(name("https://a.example/m.onnx?sig=1"), name("https://a.example/m.onnx?sig=2"));
}

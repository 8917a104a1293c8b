//! The main job: `furlong demo` from an empty data directory, with the shared toolchain, a real model and real text.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::farm::{furlong, public_tempdir, text, tools};

#[test]
fn the_demo_measures_the_quickstart_and_shuts_down() {
    let directory = public_tempdir();
    symlink(tools().root(), directory.path().join("toolchain")).expect("our own directory");
    let output = furlong()
        .args(["demo", "-o", "json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(directory.path())
        .output()
        .expect("furlong runs");
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["schema"], "furlong.cells/v1");
    let cells = document["data"].as_array().expect("a list");
    // Six of MiniLM, three of the digits.
    assert_eq!(cells.len(), 9);
    let accuracies: Vec<&Value> = cells.iter().map(|cell| &cell["accuracy"]).filter(|found| !found.is_null()).collect();
    assert!(accuracies.len() == 3 && accuracies.iter().all(|found| found["scored"] == 797), "{accuracies:#?}");
    let cell = |precision: &str| {
        let is_it = |cell: &&Value| cell["precision"] == precision && cell["intra_threads"] == 1;
        let cell = cells.iter().find(is_it);
        let cell = cell.expect("a cell of the matrix");
        // A suspect run is repeated once. Whether there is a figure depends on a quiet machine; that there are runs does not.
        assert!((5..=10).contains(&cell["done"].as_u64().expect("a count")), "{cell:#}");
        cell
    };
    let bytes = |precision: &str| cell(precision)["model_bytes"].as_u64().expect("a size");
    assert!(bytes("fp32") > 3 * bytes("int8-dynamic") && bytes("fp32") > bytes("fp16"));
    let cosine = |precision: &str| cell(precision)["cosine"].as_f64().expect("a variant is compared with its original");
    assert!((cosine("fp32") - 1.0).abs() < 1e-12 && cosine("fp16") > 0.999, "{:#}", document["data"]);
    // 8 bits lose something and not much; how much hangs on the processor that compared them.
    assert!((0.95..0.9999).contains(&cosine("int8-dynamic")), "{:#}", document["data"]);
    let pid_file = directory.path().join("postgres/data/postmaster.pid");
    assert!(!pid_file.exists(), "PostgreSQL was stopped in order");
}

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
    assert_eq!(cells.len(), 4);
    let p50 = |threads: u64, sequence: u64| {
        let cell = cells.iter().find(|cell| cell["intra_threads"] == threads && cell["sequence_length"] == sequence);
        let cell = cell.expect("a cell of the matrix");
        // A suspect run is repeated once.
        assert!((5..=10).contains(&cell["done"].as_u64().expect("a count")), "{cell:#}");
        assert!(cell["peak_rss_bytes"].as_u64() > Some(20 << 20), "{cell:#}");
        // A shared machine may disturb every run of a cell; then there is no figure, and the verdicts say so.
        cell["p50_ns"].as_u64()
    };
    if let (Some(short), Some(long)) = (p50(1, 32), p50(1, 128)) {
        assert!(long > short, "128 tokens take longer than 32: {short} ns and {long} ns");
    }
    let pid_file = directory.path().join("postgres/data/postmaster.pid");
    assert!(!pid_file.exists(), "PostgreSQL was stopped in order");
}

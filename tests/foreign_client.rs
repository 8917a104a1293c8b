//! A gRPC client that is not ours: Python's grpcio, which learns the services by reflection.

use std::{path::Path, process::Command};

use crate::farm::{Farm, text};

#[test]
fn pythons_grpcio_lists_devices_and_submits_a_campaign_by_reflection() {
    let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grpcio");
    let installed = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary=:all:",
            "--upgrade",
            "--target",
        ])
        .arg(&packages)
        .args(["grpcio>=1.60", "grpcio-reflection>=1.60"])
        .output()
        .expect("python3 runs");
    assert!(installed.status.success(), "pip: {}", text(&installed.stderr));
    let farm = Farm::with_agent("board");
    farm.add_model("add", &onnx::samples::add(16));
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/foreign_client.py"))
        .args([farm.uri.trim_start_matches("http://"), "add"])
        .env("PYTHONPATH", &packages)
        .output()
        .expect("python3 runs");
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}\n{}", text(&output.stderr), farm.logs());
    assert!(stdout.contains("device board"), "{stdout}");
    assert!(stdout.contains("health SERVING"), "{stdout}");
    // A suspect run is repeated once.
    let done = ["campaign 1 done: 1 of 1 runs", "campaign 1 done: 2 of 2 runs"];
    assert!(done.iter().any(|line| stdout.contains(line)), "{stdout}");
}

//! What a user meets outside the main job: no coordinator, a wrong id, two coordinators, a forbidden address.

use std::path::Path;

use crate::farm::{Farm, furlong, public_tempdir, text};

#[test]
fn without_a_coordinator_the_way_out_is_named() {
    let output = furlong().args(["ls", "--coordinator", "http://127.0.0.1:9"]).output().expect("furlong runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{stderr}");
    assert!(stderr.contains("127.0.0.1:9") && stderr.contains("furlong up"), "{stderr}");
}

#[test]
fn an_id_that_is_none_and_one_that_does_not_exist_are_told_apart() {
    let farm = Farm::start();
    let none = farm.run(&["show", "x-1"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("is not a campaign id"), "{}", text(&none.stderr));
    let unknown = farm.run(&["show", "c-99"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("c-99"), "{}", text(&unknown.stderr));
}

#[test]
fn a_second_coordinator_on_the_same_data_is_refused() {
    let farm = Farm::start();
    let output = furlong()
        .args(["coordinator", "--listen", "127.0.0.1:0", "--postgres-bin", "/nonexistent", "--data-dir"])
        .arg(farm.data_dir())
        .output()
        .expect("furlong runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("another"), "{}", text(&output.stderr));
}

#[test]
fn an_open_address_needs_the_insecure_flag() {
    let directory = public_tempdir();
    let output = furlong()
        .args(["coordinator", "--listen", "0.0.0.0:0", "--postgres-bin", "/nonexistent", "--data-dir"])
        .arg(directory.path())
        .output()
        .expect("furlong runs");
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("--insecure"), "{}", text(&output.stderr));
}

#[test]
fn a_campaign_file_can_be_checked_without_a_coordinator() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/quickstart.yaml");
    let mut plan = furlong();
    let output = plan.arg("plan").arg(scenario).args(["--coordinator", "http://127.0.0.1:9"]).output().expect("runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("quickstart: 9 cells x 5 + 3 over data sets = 48 runs"),
        "{}",
        text(&output.stdout)
    );
    assert!(text(&output.stderr).contains("models and devices are not checked"), "{}", text(&output.stderr));
}

#[test]
fn a_lease_that_one_late_heartbeat_would_cost_is_refused() {
    let directory = public_tempdir();
    let mut command = furlong();
    command.args(["coordinator", "--listen", "127.0.0.1:0", "--postgres-bin", "/nonexistent"]);
    command.args(["--heartbeat", "10", "--lease", "12", "--data-dir"]).arg(directory.path());
    let output = command.output().expect("furlong runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("two heartbeats"), "{}", text(&output.stderr));
}

#[test]
fn a_file_that_is_no_model_is_taken_with_a_warning() {
    let farm = Farm::start();
    let path = farm.write("notes.txt", "no model at all");
    let added = farm.run(&["models", "add", "notes", path.to_str().expect("UTF-8")]);
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert!(text(&added.stderr).contains("does not look like a model"), "{}", text(&added.stderr));
}

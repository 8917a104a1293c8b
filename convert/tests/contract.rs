//! The script's answers where no package is installed: with the machine's own Python, which every test may expect.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// The answer to one job. `-S` hides whatever packages the machine has.
fn answer(job: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/variant.py");
    let mut child = Command::new("python3")
        .args(["-S", "-s"])
        .arg(script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("PYTHONPATH")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(job.as_bytes()).expect("written");
    stdin.write_all(b"\n").expect("written");
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("read");
    assert!(child.wait().expect("waited for").success(), "an answer ends with code 0");
    text
}

fn check(job: &str, kind: &str, words: &str) {
    let text = answer(job);
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["error"]["kind"], kind, "{text}");
    assert!(value["error"]["message"].as_str().is_some_and(|message| message.contains(words)), "{text}");
}

#[test]
fn a_missing_package_is_an_answer_and_no_crash() {
    check(r#"{"action": "versions"}"#, "module-missing", "No module named");
}

#[test]
fn what_is_no_job_is_refused() {
    check("nonsense", "bad-job", "not JSON");
    check("[1]", "bad-job", "not an object");
}

use super::*;

const SHA256: &str = "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d";

#[track_caller]
fn check(text: &str, canonical: &str) {
    let source: Source = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(source.to_string(), canonical);
    assert_eq!(canonical.parse().as_ref(), Ok(&source), "reads back");
}

#[track_caller]
fn refused(text: &str, why: &str) {
    let error = text.parse::<Source>().expect_err(text).to_string();
    assert!(error.contains(why) && error.contains("\nhint: "), "{error}");
}

#[test]
fn a_path_is_a_file() {
    check("model.onnx", "file:model.onnx");
    check("./a:b.onnx", "file:./a:b.onnx");
    check("file:a:b.onnx", "file:a:b.onnx");
    check("file:///tmp/a%20b.onnx", "file:/tmp/a b.onnx");
    refused("", "empty");
    refused("file:", "path is missing");
    refused("file://elsewhere/model.onnx", "another machine");
}

#[test]
fn an_unknown_scheme_is_not_taken_for_a_file() {
    refused("s3://bucket/model.onnx", "not known");
    refused("hub:org/repo/model.onnx", "not known");
    refused("ftp://host/model.onnx", "not known");
}

#[test]
fn plain_http_is_for_this_machine_only() {
    check("https://example.org/a/model.onnx?download=1", "https://example.org/a/model.onnx?download=1");
    check("http://127.0.0.1:8080/model.onnx", "http://127.0.0.1:8080/model.onnx");
    check("http://[::1]:8080/model.onnx", "http://[::1]:8080/model.onnx");
    check("HTTP://localhost/model.onnx", "http://localhost/model.onnx");
    for text in ["http://example.org/m.onnx", "http://127.0.0.1.example.org/m.onnx", "http://10.0.0.1/m.onnx"] {
        refused(text, "plain http");
    }
    refused("https://example.org/", "does not name a file");
    refused("https://example.org/m.onnx#sha256=12", "never sent");
}

#[test]
fn secrets_of_an_address_are_neither_kept_nor_shown() {
    let error = "https://user:hunter2@example.org/m.onnx?token=hunter2".parse::<Source>().expect_err("credentials");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    assert!(error.to_string().contains("..@example.org/m.onnx"), "{error}");

    let text = "https://example.org/m.onnx?v=2&X-Amz-Signature=hunter2&access_token=hunter2&sig=hunter2&Expires=1";
    let source: Source = text.parse().expect("a signed address");
    assert!(!format!("{source} {source:?}").contains("hunter2"), "{source:?}");
    assert!(source.to_string().starts_with("https://example.org/m.onnx?v=2&X-Amz-Signature=REDACTED"), "{source}");
    let Source::Https(address) = source else { panic!("an address") };
    assert_eq!(address.url().as_str(), text, "and yet it is sent");
}

#[test]
fn a_file_in_a_wheel_names_an_exact_version() {
    check("pip:a-b==1.2.3!a/model.onnx", "pip:a-b==1.2.3!a/model.onnx");
    check("pip:a==1!m.zip!m.safetensors", "pip:a==1!m.zip!m.safetensors");
    let pinned = format!("pip:a==1!m.onnx#sha256={SHA256}");
    check(&pinned, &pinned);
    refused("pip:a!m.onnx", "version is missing");
    refused("pip:a==1", "path in the wheel is missing");
    refused("pip:a==1.*!m.onnx", "exact");
    refused("pip:a==1,<2!m.onnx", "exact");
    refused("pip:a==--pre!m.onnx", "exact");
    refused("pip:--pre==1!m.onnx", "name");
    refused("pip:a --index-url=x==1!m.onnx", "name");
    refused("pip:a==1\n--pre!m.onnx", "exact");
    refused("pip:a==1!../m.onnx", "`..`");
    refused("pip:a==1!/m.onnx", "absolute");
    refused("pip:a==1!m.onnx#sha256=12", "64 hexadecimal");
    refused("pip:a==1!a!b!c!d!e", "too deep");
}

#[test]
fn a_file_on_the_hub_has_a_revision() {
    check("hf:org/repo/onnx/model.onnx", "hf:org/repo/onnx/model.onnx@main");
    check("hf:org/repo/m.onnx@refs/pr/1", "hf:org/repo/m.onnx@refs/pr/1");
    check("hf:org/re.po-1/a@b/m.onnx@v1", "hf:org/re.po-1/a@b/m.onnx@v1");
    refused("hf:org/model.onnx", "missing");
    refused("hf:org/repo/", "path must be relative");
    refused("hf:org/repo/../x", "path must be relative");
    refused("hf:org/repo/m.onnx@", "revision");
    refused("hf:org/repo/m.onnx@a..b/../c", "revision");
    refused("hf:o rg/repo/m.onnx", "letters");
}

#[test]
fn only_a_commit_is_taken_for_one() {
    let Ok(Source::Hub(file)) = "hf:org/repo/m.onnx".parse() else { panic!("a file on the hub") };
    assert_eq!(file.at("not a commit").revision(), "main");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(file.at(commit).revision(), commit);
    assert!(file.at(commit).is_commit());
}

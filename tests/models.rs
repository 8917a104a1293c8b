//! Models from the command line: added with all they need, shown, verified, and refused with the reason.

use std::path::PathBuf;

use crate::farm::{Farm, text};

/// Puts the sample with external data into a folder of the farm's; its model, and its side files' paths.
fn with_side_files(farm: &Farm) -> (PathBuf, Vec<String>) {
    let odd = onnx::samples::odd().into_iter().find(|odd| odd.name == "external-data-in-folder").expect("a sample");
    let folder = farm.directory.path().join("external");
    for (location, bytes) in &odd.side_files {
        let path = folder.join(location);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    std::fs::write(folder.join("model.onnx"), &odd.model).expect("written");
    (folder.join("model.onnx"), odd.side_files.into_iter().map(|(location, _)| location).collect())
}

fn utf8(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs a command that must fail for the user's own reason, with these words.
fn check_refused(farm: &Farm, arguments: &[&str], words: &[&str]) {
    let output = farm.run(arguments);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?} does not say {word:?}:\n{stderr}");
    }
}

#[test]
fn a_model_with_side_files_is_added_shown_verified_and_removed() {
    let farm = Farm::start();
    let (model, side_files) = with_side_files(&farm);
    let card = farm.write(
        "card.yaml",
        "task: arithmetic\nlicence: MIT\nexpected_accuracy:\n  - { dataset: d, metric: m, value: 0.5 }\n",
    );
    let added = farm.run(&["models", "add", "m", utf8(&model), "--card", utf8(&card), "--licence", "Apache-2.0"]);
    assert!(added.status.success(), "{}", text(&added.stderr));

    let list = farm.json(&["models", "ls"]);
    assert_eq!((&list[0]["name"], &list[0]["task"]), (&"m".into(), &"arithmetic".into()), "{list:#}");
    let shown = farm.json(&["models", "show", "m"]);
    assert_eq!(shown["licence"], "Apache-2.0", "a flag stands above the card: {shown:#}");
    assert_eq!(shown["files"].as_array().map(Vec::len), Some(side_files.len()), "{shown:#}");
    assert_eq!(shown["card"]["expected_accuracy"][0]["value"], 0.5);
    assert!(shown["card"]["graph"]["nodes"].as_u64() > Some(0), "{shown:#}");
    let page = farm.run(&["models", "show", "m"]);
    for words in ["files", "graph", "inputs", "covers", side_files[0].trim_start_matches("./")] {
        assert!(text(&page.stdout).contains(words), "no {words:?}:\n{}", text(&page.stdout));
    }

    let own = farm.json(&["models", "verify", "m"]);
    assert!(own.as_array().expect("a list").iter().all(|file| file["state"] == "sound"), "{own:#}");
    let local = farm.json(&["models", "verify", "m", utf8(&model)]);
    assert!(local.as_array().expect("a list").iter().all(|file| file["state"] == "sound"), "{local:#}");
    let beside = model.with_file_name(&side_files[0]);
    std::fs::write(&beside, b"other weights").expect("written");
    check_refused(&farm, &["models", "verify", "m", utf8(&model)], &["1 of", "hint: "]);

    let removed = farm.run(&["models", "rm", "m"]);
    assert!(removed.status.success(), "{}", text(&removed.stderr));
    check_refused(&farm, &["models", "rm", "m"], &["no model `m`", "hint: "]);
    assert_eq!(farm.json(&["models", "ls"]).as_array().map(Vec::len), Some(0));
}

#[test]
fn a_variant_of_ones_own_is_attached_once_and_removed_alone() {
    let farm = Farm::start();
    farm.add_model("m", &onnx::samples::add(16));
    let path = farm.directory.path().join("variant.onnx");
    std::fs::write(&path, onnx::samples::matmul(64)).expect("written");
    check_refused(&farm, &["models", "attach", "nobody", "mine", utf8(&path)], &["no model `nobody`", "knows m"]);
    for _ in 0..2 {
        let shown = farm.json(&["models", "attach", "m", "int8-mine", utf8(&path)]);
        assert_eq!(shown["variants"][0]["precision"], "int8-mine", "{shown:#}");
        assert_eq!(shown["variants"][0]["provenance"]["tool"], "attached");
        assert_eq!(shown["variants"][0]["provenance"]["original"], shown["sha256"]);
    }
    std::fs::write(&path, onnx::samples::matmul(32)).expect("written");
    check_refused(&farm, &["models", "attach", "m", "int8-mine", utf8(&path)], &["another variant"]);
    let replaced = farm.run(&["models", "attach", "m", "int8-mine", utf8(&path), "--replace"]);
    assert!(replaced.status.success(), "{}", text(&replaced.stderr));
    check_refused(&farm, &["models", "rm", "m", "--precision", "fp16"], &["no variant", "it has int8-mine"]);
    let removed = farm.run(&["models", "rm", "m", "--precision", "int8-mine"]);
    assert!(removed.status.success(), "{}", text(&removed.stderr));
    assert_eq!(farm.json(&["models", "show", "m"])["variants"].as_array().map(Vec::len), Some(0));
}

#[test]
fn what_can_not_be_added_is_refused_with_the_reason_and_adds_nothing() {
    let farm = Farm::start();
    let good = farm.directory.path().join("good.onnx");
    std::fs::write(&good, onnx::samples::add(16)).expect("written");
    let card = farm.write("card.yaml", "tsak: arithmetic\n");
    let zeros = "0".repeat(64);
    check_refused(&farm, &["models", "add", "m", "ftp://example.org/m.onnx"], &["no source of a model", "hint: "]);
    check_refused(&farm, &["models", "add", "m", "/nowhere/m.onnx"], &["/nowhere/m.onnx"]);
    check_refused(&farm, &["models", "add", "m", "hf:org/repo/m.onnx@main"], &["hub", "hint: "]);
    check_refused(&farm, &["models", "add", "m", utf8(&good), "--sha256", &zeros], &["000000"]);
    check_refused(&farm, &["models", "add", "m", utf8(&good), "--card", utf8(&card)], &["tsak", "card.yaml:1:1"]);
    check_refused(&farm, &["models", "add", "a/b", utf8(&good)], &["name"]);
    let (external, side_files) = with_side_files(&farm);
    std::fs::remove_file(external.with_file_name(&side_files[0])).expect("it was there");
    check_refused(&farm, &["models", "add", "m", utf8(&external)], &["stores weights in the file", &side_files[0]]);
    assert_eq!(farm.json(&["models", "ls"]).as_array().map(Vec::len), Some(0));
}

#[test]
fn an_architecture_is_written_to_a_file_and_added_with_its_seed() {
    let farm = Farm::start();
    let list = farm.json(&["models", "build", "--list"]);
    assert!(list.as_array().expect("a list").iter().any(|known| known["name"] == "tinybert-4"), "{list:#}");
    check_refused(&farm, &["models", "build", "tinybert4x"], &["unknown architecture", "hint: "]);
    let out = farm.directory.path().join("tiny.onnx");
    let built = farm.run(&["models", "build", "tinybert-4", "--seed", "7", "--out", utf8(&out)]);
    assert!(built.status.success(), "{}", text(&built.stderr));
    assert_eq!(farm.json(&["models", "ls"]).as_array().map(Vec::len), Some(0), "--out adds nothing");
    let added = farm.run(&["models", "build", "tinybert-4", "--seed", "7", "--as", "tiny"]);
    assert!(added.status.success(), "{}", text(&added.stderr));
    let shown = farm.json(&["models", "show", "tiny"]);
    assert_eq!(shown["card"]["weights"]["random"]["seed"], 7, "{shown:#}");
    assert_eq!(shown["source"], "furlong zoo, seed 7");
    let verified = farm.json(&["models", "verify", "tiny", utf8(&out)]);
    assert_eq!(verified[0]["state"], "sound", "the same seed makes the same bytes");
}

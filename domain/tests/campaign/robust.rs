//! No file makes the reader panic. The long run is `cargo run -p furlong-domain --example fuzz_campaign`.

use std::{fs, path::Path};

use furlong_domain::campaign::{CampaignFile, Catalog, Includes, PlanOptions};

use crate::{
    fixture::{catalog, corpus, includes, model},
    mutate::{Mutator, exercise},
};

#[test]
fn a_spoilt_campaign_is_an_error_and_no_panic() {
    let files: Vec<String> =
        ["good", "bad", "golden"].iter().flat_map(|folder| corpus(folder)).map(|(_, text)| text).collect();
    let (includes, catalog) = (includes(), catalog());
    let mut mutator = Mutator::new(&files, corpus("good").len(), 1);
    // A mutation that leaves nothing but errors would test the first check alone.
    let campaigns = (0..1500).filter(|_| exercise(&mutator.next_text(), &includes, &catalog)).count();
    assert!(campaigns > 15, "{campaigns}");
}

/// A quarter of a megabyte in each of nineteen thousand cells would be five gigabytes.
#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    let numbers: Vec<String> = (1..=140).map(|number| number.to_string()).collect();
    let variables: Vec<String> = (0..64).map(|number| format!("V{number}: {}", "x".repeat(4000))).collect();
    let text = format!(
        "apiVersion: furlong/v1\nkind: Campaign\nname: t\ndefaults: {{ variables: {{ {} }} }}\n\
         matrix: {{ model: [mobilenet], intra_threads: [{1}], batch: [{1}] }}\n",
        variables.join(", "),
        numbers.join(", ")
    );
    let error = CampaignFile::parse("t.yaml", &text, &Includes::new()).expect_err("too much");
    assert!(error.to_string().contains("the cells' settings have more than 67108864 bytes together"), "{error}");
}

#[test]
fn every_scenario_that_ships_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut planned = 0;
    for entry in fs::read_dir(&folder).expect("scenarios") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable file");
        let mut read = furlong_domain::campaign::includes(&text);
        let mut included = Includes::new();
        while let Some(path) = read.pop() {
            let text = fs::read_to_string(folder.join(&path)).expect("what is included ships");
            read.extend(furlong_domain::campaign::includes(&text));
            included.insert(path, text);
        }
        let name = path.display().to_string();
        let file = CampaignFile::parse(&name, &text, &included).unwrap_or_else(|error| panic!("{error}"));
        let every = ["fp16", "int8-dynamic", "int8-weight-only", "int8-static", "int4-weight"];
        let models = file.model_names();
        let attachment = |path: String| {
            assert!(path.starts_with("builtin:") || folder.join(&path).is_file(), "{path} does not ship");
            (path.clone(), furlong_domain::FileRef { path, sha256: furlong_domain::Digest::of(b"any"), size_bytes: 1 })
        };
        let catalog = Catalog {
            models: models.iter().map(|name| model(name, Some("fp32"), true, &every)).collect(),
            attachments: file.attachment_paths().into_iter().map(attachment).collect(),
            devices: catalog().devices,
        };
        let plan = file.plan(&catalog, &PlanOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        let cells = plan.cells.iter().map(|cell| format!("{} on {}\n", cell.spec.describe(), cell.device));
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let runs = plan.runs().len();
        insta::assert_snapshot!(format!("scenario-{stem}"), format!("{runs} runs\n{}", cells.collect::<String>()));
        planned += 1;
    }
    assert!(planned >= 1);
}

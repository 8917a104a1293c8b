//! Models, devices and files that the corpus knows.

use std::{collections::BTreeMap, fs, path::Path};

use furlong_domain::{
    Digest, Evaluable, FileRef, KnownModel, Labels, ModelRef, Precision,
    campaign::{Catalog, Includes, KnownDevice},
};

pub(crate) fn precision(text: &str) -> Precision {
    Precision::parse(text).expect("a precision")
}

pub(crate) fn model(name: &str, own: Option<&str>, tokenizer: bool, variants: &[&str]) -> (String, KnownModel) {
    let original = ModelRef {
        name: name.to_owned(),
        sha256: Digest::of(name.as_bytes()),
        size_bytes: 1,
        tokenizer_sha256: tokenizer.then(|| Digest::of(b"tokenizer")),
        ..ModelRef::nameless()
    };
    let variant = |wanted: &&str| {
        let sha256 = Digest::of(format!("{name} {wanted}").as_bytes());
        (precision(wanted), ModelRef { precision: Some(precision(wanted)), sha256, ..original.clone() })
    };
    let variants = variants.iter().map(variant).collect();
    let task = if tokenizer { "glue/sst2" } else { "tensor-classification" };
    let evaluable = Evaluable { task: Some(task.to_owned()), ..Evaluable::default() };
    (name.to_owned(), KnownModel { precision: own.map(precision), variants, evaluable, original })
}

fn device(name: &str, labels: &[(&str, &str)]) -> KnownDevice {
    let labels = [("name", name)].into_iter().chain(labels.iter().copied());
    let labels: Labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    KnownDevice { name: name.to_owned(), labels }
}

pub(crate) fn catalog() -> Catalog {
    let file = |path: &str| {
        (path.to_owned(), FileRef { path: path.to_owned(), sha256: Digest::of(path.as_bytes()), size_bytes: 4 })
    };
    Catalog {
        models: BTreeMap::from([
            model("bert-base", Some("fp32"), true, &["fp16", "int8-dynamic"]),
            model("mobilenet", Some("fp32"), false, &[]),
            model("quantised", Some("int8"), false, &[]),
            model("mystery", None, false, &[]),
        ]),
        attachments: ["glue/SST-2", "sentences.txt", "inputs.npz", "lib/libonnxruntime.so"].map(file).into(),
        devices: vec![
            device("orin-2", &[("class", "orin-nano-8g"), ("ram_mb", "8192"), ("jetpack", "6.10")]),
            device("orin-1", &[("class", "orin-nano-8g"), ("ram_mb", "8192"), ("jetpack", "6.2")]),
            device("rpi5-8g", &[("class", "rpi5"), ("ram_mb", "8064")]),
        ],
    }
}

pub(crate) fn includes() -> Includes {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    [
        file(
            "common/power.yaml",
            "labels: { owner: lab, study: none }\ndefaults:\n  power: { rate_hz: 1000 }\n  spinning: false\n",
        ),
        file(
            "common/more.yaml",
            "include: [common/power.yaml]\ndefaults: { batch: 1, spinning: true, arena: false }\n",
        ),
        file("common/circle-a.yaml", "include: [common/circle-b.yaml]\n"),
        file("common/circle-b.yaml", "defaults: { batch: 1 }\ninclude: [common/circle-a.yaml]\n"),
        file("common/matrix.yaml", "matrix: { model: [mobilenet] }\n"),
        file("common/bad.yaml", "labels: { a: b }\ndefaults:\n  batch: 0\n"),
        file("common/broken.yaml", "defaults: {\n"),
        file("common/jetson-power.yaml", "defaults: { power: { source: ina3221 } }\n"),
    ]
    .into()
}

/// Files of a folder of the corpus, by name.
pub(crate) fn corpus(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .expect("the folder ships")
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("a readable file"))
        })
        .collect();
    files.sort();
    files
}

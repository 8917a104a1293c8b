//! What a campaign file means, and what is said about one that means nothing.

mod errors;
mod full;
mod plan;
mod words;

use super::{CampaignFile, Catalog, Includes, Plan, PlanOptions};
use crate::{Digest, FileRef, KnownModel, ModelRef};

fn catalog() -> Catalog {
    let model = |name: &str, tokenizer: bool| {
        let model = ModelRef {
            name: name.to_owned(),
            sha256: Digest::of(name.as_bytes()),
            size_bytes: 1,
            tokenizer_sha256: tokenizer.then(|| Digest::of(b"tokenizer")),
            ..ModelRef::nameless()
        };
        (name.to_owned(), KnownModel::new(model, None))
    };
    let files = ["sentences.txt", "inputs.npz", "lib/libonnxruntime.so"];
    Catalog {
        models: [model("minilm-l6", true), model("mobilenet", false)].into(),
        attachments: files.map(|path| (path.to_owned(), file(path))).into(),
        devices: Vec::new(),
    }
}

fn file(path: &str) -> FileRef {
    FileRef { path: path.to_owned(), sha256: Digest::of(path.as_bytes()), size_bytes: 4 }
}

const GOOD: &str = "\
apiVersion: furlong/v1
kind: Campaign
name: threads
defaults:
  input: { text: sentences.txt }
  measure: { min_queries: 64, min_duration: 2s, repetitions: 2, order: interleaved }
matrix:
  intra_threads: [1, 2]
  model: [minilm-l6]
  sequence_length: [32, 128]
";

fn plan(text: &str) -> Result<Plan, String> {
    let file = CampaignFile::parse("test.yaml", text, &Includes::new()).map_err(|error| error.to_string())?;
    file.plan(&catalog(), &PlanOptions::default()).map_err(|error| error.to_string())
}

fn check_error(text: &str, expected: &str) {
    let error = plan(text).expect_err("a bad file");
    assert_eq!(error.trim_end(), expected.trim_end(), "\n--- got ---\n{error}");
}

//! Data sets on the disk, small ones that each test writes itself, and real ones where they are at hand (`real.rs`).

mod coco;
mod glue;
mod hostile;
mod images;
mod packing;
mod real;
mod squad;
mod tensors;

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use domain::Task;
use furlong_dataset::{BadExample, DataSet, Example, Input, OpenError};
use score::Truth;
use tempfile::TempDir;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// A folder of files that is gone in the end.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, content) in files {
            folder.write(name, content);
        }
        folder
    }

    fn one(name: &str, content: &str) -> Self {
        Self::new(&[(name, content.as_bytes())])
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self, task: Task) -> DataSet {
        DataSet::open(self.path(), task).unwrap_or_else(|error| panic!("{}", in_full(&error)))
    }

    fn refused(&self, task: Task) -> String {
        refused(self.path(), task)
    }
}

/// The message of a refusal, which every caller looks into.
fn refused(path: &Path, task: Task) -> String {
    match DataSet::open(path, task) {
        Ok(data_set) => panic!("opened: {:?}", data_set.facts()),
        Err(error) => in_full(&error),
    }
}

fn in_full(error: &OpenError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}\ncause: {cause}");
        next = cause.source();
    }
    text
}

fn good(data_set: &DataSet) -> Vec<Example> {
    data_set.examples().map(|example| example.unwrap_or_else(|bad| panic!("{bad:?}"))).collect()
}

fn bad(data_set: &DataSet) -> Vec<BadExample> {
    data_set.examples().filter_map(Result::err).collect()
}

fn ids(examples: &[Example]) -> Vec<&str> {
    examples.iter().map(|example| example.id.as_str()).collect()
}

fn labels(examples: &[Example]) -> Vec<u32> {
    let label = |example: &Example| match example.truth {
        Truth::Label(label) => label,
        ref other => panic!("{other:?}"),
    };
    examples.iter().map(label).collect()
}

fn image(example: &Example) -> &[u8] {
    match &example.input {
        Input::Image(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// A zip archive with these entries in this order, large ones deflated.
fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let method = if content.len() > 4096 { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        zip.start_file(name, SimpleFileOptions::default().compression_method(method)).expect("an entry");
        zip.write_all(content).expect("its bytes");
    }
    zip.finish().expect("an archive").into_inner()
}

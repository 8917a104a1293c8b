//! Trees that stand for another machine's `/sys`, for the tests of the sources beside this directory.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::power::{DirectoryRoot, Fault, PowerSource, ReadError, Root};

pub(in crate::power) struct Tree(tempfile::TempDir);

impl Tree {
    pub(in crate::power) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    /// Of files that lie in one directory.
    pub(in crate::power) fn of(directory: &str, files: &[(&str, &str)]) -> Self {
        Self::new().with(directory, files)
    }

    pub(in crate::power) fn with(self, directory: &str, files: &[(&str, &str)]) -> Self {
        for (name, text) in files {
            self.put(&format!("{directory}/{name}"), text);
        }
        self
    }

    /// On a board of this model.
    pub(in crate::power) fn model(self, model: &str) -> Self {
        self.with("/proc/device-tree", &[("model", &format!("{model}\0"))])
    }

    pub(in crate::power) fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        std::fs::write(path, text).expect("written");
    }

    pub(in crate::power) fn remove(&self, path: &str) {
        std::fs::remove_file(self.at(path)).expect("removed");
    }

    pub(in crate::power) fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.at(from), self.at(to)).expect("renamed");
    }

    pub(in crate::power) fn link(&self, path: &str, to: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        symlink(to, path).expect("linked");
    }

    /// What is recorded in the shared fixtures, shown at `path`. `None` where there are no fixtures: the test says so and ends.
    pub(in crate::power) fn recorded(self, fixture: &str, path: &str) -> Option<Self> {
        self.link(path, recorded(fixture)?.to_str().expect("a path of text"));
        Some(self)
    }

    pub(in crate::power) fn root(&self) -> Arc<dyn Root> {
        Arc::new(DirectoryRoot::tree(self.0.path()))
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }
}

/// A file or directory of the shared fixtures.
pub(in crate::power) fn recorded(fixture: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures")).join(fixture);
    if path.exists() {
        return path.canonicalize().ok();
    }
    println!("skipped: no shared fixtures");
    None
}

/// A rail's key with what was read.
pub(in crate::power) type Told = (String, Result<f64, Fault>);

/// One poll: each rail's key with what it read.
pub(in crate::power) fn poll(source: &mut dyn PowerSource) -> Result<Vec<Told>, ReadError> {
    let mut readings = Vec::new();
    source.read(&mut readings)?;
    let key = |rail: usize| source.rails()[rail].key.clone();
    Ok(readings.iter().map(|reading| (key(reading.rail), reading.value)).collect())
}

/// Each rail's key with its value to a milliwatt (or millijoule).
pub(in crate::power) fn values(source: &mut dyn PowerSource) -> Vec<(String, f64)> {
    let poll = poll(source).expect("read");
    poll.into_iter().map(|(key, value)| (key, (value.expect("a value") * 1e3).round() / 1e3)).collect()
}

/// The sum of the rails that add up to the device.
pub(in crate::power) fn total(source: &mut dyn PowerSource) -> Option<f64> {
    let counted = source.total()?.to_vec();
    let values = poll(source).expect("read");
    Some(counted.iter().map(|&rail| values[rail].1.expect("a value")).sum())
}

pub(in crate::power) fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 5e-4, "{value} is not {expected}");
}

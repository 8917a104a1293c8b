//! Trees that stand for another machine's `/sys`, and looks at what is read of them.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::power::{DirectoryRoot, Root};
use crate::thermal::board::Board;
use crate::thermal::{StateProbe as _, survey};

pub(super) struct Tree(tempfile::TempDir);

impl Tree {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(super) fn with(self, directory: &str, files: &[(&str, &str)]) -> Self {
        for (name, text) in files {
            self.put(&format!("{directory}/{name}"), text);
        }
        self
    }

    pub(super) fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        // In place, as an attribute that is open shows it.
        std::fs::write(path, text).expect("written");
    }

    pub(super) fn remove(&self, path: &str) {
        std::fs::remove_file(self.at(path)).expect("removed");
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.at(from), self.at(to)).expect("renamed");
    }

    /// What is recorded in the shared fixtures, shown at `path`. `None` where there are no fixtures: the test says so and ends.
    pub(super) fn recorded(self, fixture: &str, path: &str) -> Option<Self> {
        let link = self.at(path);
        std::fs::create_dir_all(link.parent().expect("a parent")).expect("created");
        symlink(recorded(fixture)?, link).expect("linked");
        Some(self)
    }

    pub(super) fn board(&self) -> Looked {
        Looked::of(self.0.path())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }
}

/// A file or directory of the shared fixtures.
pub(super) fn recorded(fixture: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures")).join(fixture);
    if path.exists() {
        return path.canonicalize().ok();
    }
    println!("skipped: no shared fixtures");
    None
}

/// A board, and looks at it.
pub(super) struct Looked {
    pub(super) board: Board,
    pub(super) values: Vec<Option<f64>>,
}

impl Looked {
    pub(super) fn of(directory: &Path) -> Self {
        let root: Arc<dyn Root> = Arc::new(DirectoryRoot::tree(directory));
        Self { board: Board::find(&root, survey), values: Vec::new() }
    }

    /// Each series with what was read, to a microdegree or hertz.
    pub(super) fn told(&mut self) -> Vec<(&str, Option<f64>)> {
        self.board.poll(&mut self.values);
        self.named()
    }

    pub(super) fn told_at(&mut self, now_ns: i64) -> Vec<(&str, Option<f64>)> {
        self.board.poll_at(now_ns, &mut self.values);
        self.named()
    }

    fn named(&self) -> Vec<(&str, Option<f64>)> {
        assert_eq!(self.board.series().len(), self.values.len(), "one value for each series");
        let rounded = self.values.iter().map(|value| value.map(|value| (value * 1e6).round() / 1e6));
        self.board.series().iter().map(|series| series.name.as_str()).zip(rounded).collect()
    }
}

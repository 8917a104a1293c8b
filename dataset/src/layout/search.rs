//! Looking for a task's data set among files: which could be meant, and what is said if none or several are.

use domain::Task;

use crate::error::OpenError;
use crate::files::{Files, TEXT_BYTES};
use crate::official::Official;

/// Names that a message shows.
const NAMED: usize = 6;

pub(crate) struct Search<'a> {
    pub(crate) files: &'a Files,
    /// The file that the path itself names.
    pub(crate) chosen: Option<usize>,
    pub(crate) task: Task,
}

impl Search<'_> {
    /// The file that the path names; else the only candidate. `looked_for` is what a message says if there is none.
    pub(crate) fn only(&self, candidates: &[usize], looked_for: &str) -> Result<usize, OpenError> {
        match (self.chosen, candidates) {
            (Some(chosen), _) => Ok(chosen),
            (None, [only]) => Ok(*only),
            (None, []) => Err(self.unrecognised(looked_for)),
            (None, several) => Err(self.ambiguous(several)),
        }
    }

    /// Files whose name, without folders, fits.
    pub(crate) fn named(&self, fits: impl Fn(&str) -> bool) -> Vec<usize> {
        self.files.names().filter(|(_, name)| fits(base(name))).map(|(entry, _)| entry).collect()
    }

    pub(crate) fn unrecognised(&self, looked_for: &str) -> OpenError {
        OpenError::Unrecognised {
            path: self.files.path().to_owned(),
            task: self.task,
            looked_for: looked_for.to_owned(),
            found: listed(self.files.names().map(|(_, name)| name)),
        }
    }

    pub(crate) fn ambiguous(&self, candidates: &[usize]) -> OpenError {
        OpenError::Ambiguous {
            path: self.files.path().to_owned(),
            task: self.task,
            candidates: listed(candidates.iter().map(|&entry| self.files.name(entry))),
        }
    }

    pub(crate) fn text(&self, entry: usize) -> Result<Vec<u8>, OpenError> {
        self.files.read(entry, TEXT_BYTES).map_err(|source| OpenError::Read { file: self.file(entry), source })
    }

    pub(crate) fn file(&self, entry: usize) -> String {
        self.files.describe(entry)
    }

    /// The official name of a file with these bytes; an error if that is a set of another task, which may look the same and
    /// have other labels.
    pub(crate) fn official(&self, entry: usize, bytes: &[u8]) -> Result<Option<&'static str>, OpenError> {
        match Official::of(bytes) {
            None => Ok(None),
            Some(official) if official.serves(self.task) => Ok(Some(official.name)),
            Some(Official { name: found, .. }) => {
                Err(OpenError::AnotherSet { file: self.file(entry), found, task: self.task })
            }
        }
    }
}

/// The name without its folders.
pub(crate) fn base(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, base)| base)
}

/// The folders of a name, with the last `/`; empty at the root.
pub(crate) fn folder(name: &str) -> &str {
    &name[..name.len() - base(name).len()]
}

/// Whether a name ends so, whatever its case.
pub(crate) fn has_extension(name: &str, extensions: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| extensions.iter().any(|one| found.eq_ignore_ascii_case(one)))
}

/// What the runner can decode.
pub(crate) fn is_image(name: &str) -> bool {
    has_extension(name, &["jpg", "jpeg", "png"])
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "no files".to_owned(),
        count if count > NAMED => format!("{count} files: {}, ..", shown.join(", ")),
        _ => shown.join(", "),
    }
}

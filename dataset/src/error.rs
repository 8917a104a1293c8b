//! Why a data set can't be opened or packed, each with the way out. One bad example is no such reason: see
//! [`crate::BadExample`].

use std::io;
use std::path::{Path, PathBuf};

use domain::Task;
use zip::result::ZipError;

use crate::files::ReadError;

/// Why a data set was not opened. `file` is a path, also within an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("cannot read `{path}`\nhint: check that it exists and that this user may read it", path = path.display())]
    Io { path: PathBuf, source: io::Error },

    #[error("`{path}` is neither a file nor a folder\nhint: a data set is a file, a folder or a zip archive", path = path.display())]
    NotAFile { path: PathBuf },

    #[error("`{path}` is not a zip archive that can be read\nhint: it may be cut off; get it again", path = path.display())]
    BadArchive { path: PathBuf, source: ZipError },

    #[error("the archive `{path}` has an entry {entry:?}, which {reason}\nhint: do not trust it; pack the data set from its folder", path = path.display())]
    BadEntry { path: PathBuf, entry: String, reason: &'static str },

    #[error("`{path}` has more than {limit} files\nhint: name the data set's own folder", path = path.display())]
    TooManyFiles { path: PathBuf, limit: usize },

    #[error("`{file}` has more than {limit} rows\nhint: evaluate a part of it")]
    TooManyRows { file: String, limit: usize },

    #[error("cannot read `{file}`")]
    Read { file: String, source: ReadError },

    #[error("`{path}` has no data set for the task {task}: looked for {looked_for}; found {found}\nhint: check the path and the task", path = path.display())]
    Unrecognised { path: PathBuf, task: Task, looked_for: String, found: String },

    #[error("`{path}` has several data sets for the task {task}: {candidates}\nhint: give the path of one of them, or a folder with one alone", path = path.display())]
    Ambiguous { path: PathBuf, task: Task, candidates: String },

    #[error(
        "`{file}` is no table for the task {task}: it needs the columns {needed}; its first row is {found:?}\nhint: check the path and the task"
    )]
    Columns { file: String, task: Task, needed: String, found: String },

    #[error("`{file}` has no column with what is right ({needed}); its columns are {found}\nhint: {hint}")]
    NoTruth { file: String, needed: String, found: String, hint: &'static str },

    #[error("`{file}` is {found}, and not a set of the task {task}\nhint: name the other task, or the other file")]
    AnotherSet { file: String, found: &'static str, task: Task },

    #[error("`{file}` is not {what}\nhint: check that it is whole, and that it is the file that was meant")]
    Json { file: String, what: &'static str, source: serde_json::Error },

    #[error("`{file}` has {id} twice: {first} and {second}\nhint: remove what is wrong, or both")]
    Duplicate { file: String, id: String, first: String, second: String },

    #[error("`{file}` has no examples\nhint: check that it is whole")]
    Empty { file: String },

    #[error(
        "`{file}` has no example that can be used; the first one, {id}: {why}\nhint: check the layout and the task"
    )]
    NoneUsable { file: String, id: String, why: String },

    #[error(
        "none of the {count} images that `{file}` names is there, such as `{first}`; looked {looked}\nhint: put the images beside it, in their official layout"
    )]
    NoImages { file: String, count: usize, first: String, looked: String },
}

/// Why a data set was not packed. Nothing is left at the target then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    #[error(transparent)]
    Open(#[from] OpenError),

    #[error("cannot read `{file}`\nhint: every file that the data set names and has must be readable")]
    Read { file: String, source: ReadError },

    #[error("cannot write `{path}`\nhint: check the disk's room and that this user may write there", path = path.display())]
    Write { path: PathBuf, source: io::Error },

    #[error("cannot write the archive `{path}`", path = path.display())]
    Archive { path: PathBuf, source: ZipError },

    #[error("the packed data set `{path}` is not the one that was read: {wanted} examples, and it has {found}\nhint: do not change the folder while it is packed", path = path.display())]
    Changed { path: PathBuf, wanted: u64, found: u64 },
}

impl OpenError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl PackError {
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }
}

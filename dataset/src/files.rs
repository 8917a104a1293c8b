//! The files of a data set, in a folder, in a zip archive or one alone, under names from its root with `/`. Reads each within
//! a limit. Must not know what is in them, and writes nothing.

mod archive;
mod confine;
mod folder;

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zip::ZipArchive;
use zip::result::ZipError;

pub(crate) use confine::confined;

use crate::error::OpenError;

/// `COCO`'s largest annotation file, `instances_train2017.json`, has 448 MB.
pub(crate) const TEXT_BYTES: u64 = 512 << 20;
/// An image as a camera makes it, many times over.
pub(crate) const IMAGE_BYTES: u64 = 64 << 20;
/// An example of 16 million values: an uncompressed photo.
pub(crate) const TENSOR_BYTES: u64 = 16 << 20;
/// Above the 1.3 million files of `ImageNet`'s training set.
pub(crate) const MAX_FILES: usize = 2_000_000;

/// Why one file can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    #[error("it is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    #[error("reading failed")]
    Io(#[source] io::Error),
    #[error("its entry in the archive is damaged or of an unknown kind")]
    Entry(#[source] ZipError),
}

impl ReadError {
    /// With its causes, for a line about one example.
    pub(crate) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        text
    }
}

pub(crate) struct Files {
    path: PathBuf,
    store: Store,
    /// Sorted by name.
    entries: Vec<Entry>,
}

enum Store {
    Folder,
    /// Behind a lock, because reading moves the file's position.
    Archive(Mutex<ZipArchive<BufReader<File>>>),
    Alone,
}

struct Entry {
    name: Box<str>,
    bytes: u64,
    /// Within the archive.
    position: usize,
}

impl Files {
    /// A folder's files, an archive's, or the file itself, which is an archive if it begins as one.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let metadata = fs::metadata(path).map_err(OpenError::io(path))?;
        if metadata.is_dir() {
            let entries = folder::list(path)?;
            return Ok(Self::new(path, Store::Folder, entries));
        }
        // A pipe would be waited for without end.
        if !metadata.is_file() {
            return Err(OpenError::NotAFile { path: path.to_owned() });
        }
        if archive::is_archive(path)? {
            let (archive, entries) = archive::list(path)?;
            return Ok(Self::new(path, Store::Archive(Mutex::new(archive)), entries));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into();
        let entry = Entry { name, bytes: metadata.len(), position: 0 };
        Ok(Self::new(path, Store::Alone, vec![entry]))
    }

    fn new(path: &Path, store: Store, mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Self { path: path.to_owned(), store, entries }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is one file that is no archive.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.store, Store::Alone)
    }

    /// All names, ascending.
    pub(crate) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.entries.iter().map(|entry| &*entry.name).enumerate()
    }

    pub(crate) fn name(&self, entry: usize) -> &str {
        &self.entries[entry].name
    }

    pub(crate) fn bytes(&self, entry: usize) -> u64 {
        self.entries[entry].bytes
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| (*entry.name).cmp(name)).ok()
    }

    /// Where a file is, for messages.
    pub(crate) fn describe(&self, entry: usize) -> String {
        match &self.store {
            Store::Alone => self.path.display().to_string(),
            Store::Folder | Store::Archive(_) => self.path.join(self.name(entry)).display().to_string(),
        }
    }

    pub(crate) fn read(&self, entry: usize, limit_bytes: u64) -> Result<Vec<u8>, ReadError> {
        let Entry { name, bytes: _, position } = &self.entries[entry];
        match &self.store {
            Store::Folder => read_file(&self.path.join(&**name), limit_bytes),
            Store::Alone => read_file(&self.path, limit_bytes),
            Store::Archive(archive) => {
                let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
                let member = archive.by_index(*position).map_err(ReadError::Entry)?;
                let size_bytes = member.size();
                read_bounded(member, size_bytes, limit_bytes)
            }
        }
    }
}

fn read_file(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let file = File::open(path).map_err(ReadError::Io)?;
    let size_bytes = file.metadata().map_err(ReadError::Io)?.len();
    read_bounded(file, size_bytes, limit_bytes)
}

/// What is announced is only believed if it is too much.
fn read_bounded(reader: impl Read, size_bytes: u64, limit_bytes: u64) -> Result<Vec<u8>, ReadError> {
    if size_bytes > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes });
    }
    let mut bytes = Vec::new();
    reader.take(limit_bytes + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes });
    }
    Ok(bytes)
}

//! A data set as one file, so that it is one artifact: the text file itself, or a zip archive of what its layout uses, under
//! names of our choosing. The same content gives the same bytes, whatever the files' times and order, and wherever they lay.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use domain::Task;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::data_set::{DataSet, Facts};
use crate::error::PackError;
use crate::files::{Files, IMAGE_BYTES, TEXT_BYTES};
use crate::layout::{Part, Parts};

/// The library's own default; named, so that it stays the same.
const DEFLATE_LEVEL: i64 = 6;

/// Packs what `task` needs of a folder, file or archive into one deterministic file. Refuses what [`DataSet::open`] would.
///
/// Answers the facts of what was written, opened again. An image that the data set names and lacks stays lacking.
pub fn pack(path: &Path, task: Task, into: &Path) -> Result<Facts, PackError> {
    let data_set = DataSet::open(path, task)?;
    let part = Partial::beside(into);
    match data_set.parts() {
        Parts::File(entry) => copy(&data_set.files, entry, &part.path)?,
        Parts::Archive(parts) => archive(&data_set.files, parts, &part.path)?,
    }
    let facts = DataSet::open(&part.path, task)?.facts().clone();
    let (wanted, found) = (data_set.facts().examples, facts.examples);
    if wanted != found {
        return Err(PackError::Changed { path: into.to_owned(), wanted, found });
    }
    fs::rename(&part.path, into).map_err(PackError::write(into))?;
    Ok(facts)
}

fn copy(files: &Files, entry: usize, to: &Path) -> Result<(), PackError> {
    let bytes = read(files, entry, TEXT_BYTES)?;
    let mut file = File::create(to).map_err(PackError::write(to))?;
    file.write_all(&bytes).map_err(PackError::write(to))?;
    file.sync_all().map_err(PackError::write(to))
}

fn archive(files: &Files, mut parts: Vec<Part>, to: &Path) -> Result<(), PackError> {
    let bad = |source| PackError::Archive { path: to.to_owned(), source };
    parts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    // Two lines of a list may mean one file.
    parts.dedup_by(|a, b| a.name == b.name);
    let file = File::create(to).map_err(PackError::write(to))?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    for Part { entry, name, is_image } in parts {
        let bytes = read(files, entry, if is_image { IMAGE_BYTES } else { TEXT_BYTES })?;
        zip.start_file(name, options(is_image)).map_err(bad)?;
        zip.write_all(&bytes).map_err(PackError::write(to))?;
    }
    let file = zip.finish().map_err(bad)?.into_inner().map_err(|error| PackError::write(to)(error.into_error()))?;
    file.sync_all().map_err(PackError::write(to))
}

fn read(files: &Files, entry: usize, limit_bytes: u64) -> Result<Vec<u8>, PackError> {
    files.read(entry, limit_bytes).map_err(|source| PackError::Read { file: files.describe(entry), source })
}

/// Nothing of the machine: no time, no system, no permissions. Images are compressed already.
fn options(is_image: bool) -> SimpleFileOptions {
    let options =
        SimpleFileOptions::default().last_modified_time(DateTime::DEFAULT).system(System::Unix).unix_permissions(0o644);
    if is_image {
        options.compression_method(CompressionMethod::Stored)
    } else {
        options.compression_method(CompressionMethod::Deflated).compression_level(Some(DEFLATE_LEVEL))
    }
}

/// A file beside the target that is gone in the end: renamed, or removed with what failed.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn beside(target: &Path) -> Self {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        Self { path: target.with_file_name(name) }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename there is none, and after a failure there is nobody to tell a second one.
        fs::remove_file(&self.path).ok();
    }
}

//! The files of a zip archive, which comes from anywhere: no name leads out of it, and none is there twice. Nothing is ever
//! unpacked to the disk.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::folder::is_hidden;
use super::{Entry, MAX_FILES, confined};
use crate::error::OpenError;

/// Of a first entry, and of an archive without any.
const MAGIC: [&[u8; 4]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

pub(super) fn is_archive(path: &Path) -> Result<bool, OpenError> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(OpenError::io(path))?;
    file.take(4).read_to_end(&mut start).map_err(OpenError::io(path))?;
    Ok(MAGIC.iter().any(|magic| start == *magic))
}

pub(super) fn list(path: &Path) -> Result<(ZipArchive<BufReader<File>>, Vec<Entry>), OpenError> {
    let bad = |source: ZipError| OpenError::BadArchive { path: path.to_owned(), source };
    let file = File::open(path).map_err(OpenError::io(path))?;
    let archive = ZipArchive::new(BufReader::new(file)).map_err(bad)?;
    if archive.len() > MAX_FILES {
        return Err(OpenError::TooManyFiles { path: path.to_owned(), limit: MAX_FILES });
    }
    if archive.has_duplicate_names() {
        return Err(bad(ZipError::InvalidArchive("two entries have the same name".into())));
    }
    let mut entries = Vec::new();
    for position in 0..archive.len() {
        let member = archive.by_index_data(position).map_err(bad)?;
        if !member.is_file() || member.is_symlink() {
            continue;
        }
        let name = member.name().map_err(bad)?;
        let clean = confined(&name).map_err(|reason| {
            let entry = name.clone().into_owned();
            OpenError::BadEntry { path: path.to_owned(), entry, reason }
        })?;
        if !clean.split('/').any(is_hidden) {
            entries.push(Entry { name: clean.into(), bytes: member.size(), position });
        }
    }
    Ok((archive, entries))
}

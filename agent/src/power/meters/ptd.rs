//! The log of SPEC's `PTDaemon` as it grows: `Time,MM-DD-YYYY HH:MM:SS.mmm,Watts,..` once a second, in local time without a
//! zone.
//!
//! Which zone that is does not matter: its clock is held against the device's as any meter's is, and a change to summer time
//! is a jump like another. Reads a file somebody else writes, and talks to no daemon: that needs a licence of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::{Rail, RailKind, Scope};
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::super::{Absent, Fault, PowerSource, Probed, ReadError, Reading, SourceInfo};
use super::alignment::{Alignment, Arrived, Placed};
use super::value;
use crate::stopwatch;

/// A line a second; how soon it is seen is how well its clock is known.
const POLL: Duration = Duration::from_millis(250);
const NATIVE: Duration = Duration::from_secs(1);
/// After a pause between runs only what is written from now on is of use.
const PAUSE_NS: i64 = 10_000_000_000;
/// Without a line for so long the meter is stale.
const STALE_NS: i64 = 3_000_000_000;
/// Read at once: some hundred lines, ten times what is written between two polls.
const CHUNK_BYTES: u64 = 32 * 1024;

/// What a line of the log means.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    /// Nanoseconds since 1970 by the log's own local time.
    Reading {
        meter_ns: i64,
        value: Result<f64, Fault>,
    },
    /// The daemon could not read its meter.
    Trouble,
    Other,
}

pub(super) fn open(path: &Path, scope: Scope) -> Probed {
    let mut log = Log::open(path).map_err(|error| Absent {
        source: "ptd",
        reason: format!("{} can't be read: {error}", path.display()),
        hint: Some("start the daemon with `-l FILE`, and name this file".to_owned()),
    })?;
    log.skip();
    let key = format!("ptd@{}/power", path.file_name().unwrap_or_default().to_string_lossy());
    let rail = Rail { native: Some(NATIVE), ..Rail::new(key, scope, RailKind::Gauge { window: Some(NATIVE) }) };
    let info = SourceInfo { name: "ptd".to_owned(), poll: POLL, facts: BTreeMap::new(), remote: false };
    let rails = vec![rail];
    Ok(Box::new(Ptd {
        info,
        rails,
        log,
        alignment: Alignment::default(),
        placed: Vec::new(),
        asked_ns: None,
        heard_ns: 0,
    }))
}

struct Ptd {
    info: SourceInfo,
    rails: Vec<Rail>,
    log: Log,
    alignment: Alignment,
    placed: Vec<Placed>,
    asked_ns: Option<i64>,
    heard_ns: i64,
}

impl PowerSource for Ptd {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        Some(&[0])
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let now_ns = stopwatch::monotonic_ns();
        if self.asked_ns.replace(now_ns).is_none_or(|asked_ns| now_ns - asked_ns >= PAUSE_NS) {
            self.log.skip();
            self.heard_ns = now_ns;
        }
        let text = self.log.more().map_err(|error| ReadError::Gone(format!("{}: {error}", self.log.path.display())))?;
        let arrival_ns = stopwatch::monotonic_ns();
        for line in text.lines() {
            match parse(line) {
                Line::Reading { meter_ns, value } => {
                    self.alignment.take(Arrived { meter_ns, arrival_ns, value }, &mut self.placed);
                    self.heard_ns = now_ns;
                }
                Line::Trouble => self.placed.push(Placed { at_ns: arrival_ns, value: Err(Fault::Broken) }),
                Line::Other => {}
            }
        }
        self.alignment.ripen(arrival_ns, &mut self.placed);
        if now_ns - self.heard_ns >= STALE_NS {
            self.heard_ns = now_ns;
            self.placed.push(Placed { at_ns: now_ns, value: Err(Fault::Stale) });
        }
        readings.extend(self.placed.drain(..).map(|Placed { at_ns, value }| Reading {
            rail: 0,
            begin_ns: at_ns,
            end_ns: at_ns,
            value,
        }));
        Ok(())
    }

    fn clock_offset_ns(&self) -> Option<u64> {
        self.alignment.greatest_ns()
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        self.log = Log::open(&self.log.path)
            .map_err(|error| ReadError::Gone(format!("{}: {error}", self.log.path.display())))?;
        Ok(())
    }
}

fn parse(line: &str) -> Line {
    let mut fields = line.trim_end().split(',');
    let (Some("Time"), Some(at), Some(what), Some(text)) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Line::Other;
    };
    let format = format_description!("[month]-[day]-[year] [hour]:[minute]:[second].[subsecond digits:3]");
    match (what, PrimitiveDateTime::parse(at, format)) {
        ("Watts", Ok(at)) => match i64::try_from(at.assume_utc().unix_timestamp_nanos()) {
            Ok(meter_ns) => Line::Reading { meter_ns, value: value::watts_of(text) },
            Err(_) => Line::Trouble,
        },
        ("ERROR", _) | ("Watts", Err(_)) => Line::Trouble,
        _ => Line::Other,
    }
}

/// A file that grows, and how much of it was read.
struct Log {
    path: PathBuf,
    file: File,
    inode: u64,
    position: u64,
    /// Read, but not ended by a newline yet.
    partial: String,
    /// The beginning of the next line was skipped with what came before.
    torn: bool,
}

impl Log {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { path: path.to_owned(), file, inode, position: 0, partial: String::new(), torn: false })
    }

    /// Goes to the end: what stands there was written before anybody asked.
    fn skip(&mut self) {
        let length = self.file.metadata().map_or(self.position, |metadata| metadata.len());
        let mut last = [b'\n'];
        if length > 0 {
            let read = self.file.seek(SeekFrom::Start(length - 1)).and_then(|_| self.file.read_exact(&mut last));
            read.unwrap_or_default();
        }
        (self.position, self.torn) = (length, last != *b"\n");
        self.partial.clear();
    }

    /// Whole lines that were appended. A file that became shorter, or another of this name, is read from its beginning.
    fn more(&mut self) -> std::io::Result<String> {
        let metadata = std::fs::metadata(&self.path)?;
        if metadata.ino() != self.inode {
            *self = Self::open(&self.path)?;
        } else if metadata.len() < self.position {
            (self.position, self.torn) = (0, false);
            self.partial.clear();
        }
        self.file.seek(SeekFrom::Start(self.position))?;
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(CHUNK_BYTES).read_to_end(&mut bytes)?;
        self.position += read as u64;
        self.partial.push_str(&String::from_utf8_lossy(&bytes));
        let Some(end) = self.partial.rfind('\n') else {
            if self.partial.len() as u64 > CHUNK_BYTES {
                // No line of the daemon's is so long.
                self.partial.clear();
                self.torn = true;
            }
            return Ok(String::new());
        };
        let rest = self.partial.split_off(end + 1);
        let mut whole = std::mem::replace(&mut self.partial, rest);
        if std::mem::take(&mut self.torn) {
            let first = whole.find('\n').map_or(whole.len(), |end| end + 1);
            whole.drain(..first);
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn line(second: u32, watts: &str) -> String {
        format!("Time,03-16-2021 17:40:{second:02}.123,Watts,{watts},Volts,228.5,Amps,0.2,PF,0.48,Mark,notset\n")
    }

    #[test]
    fn lines_of_the_log_are_readings_troubles_or_neither() {
        // 2021-03-16T17:40:58.123Z by `date -u -d .. +%s.%N`.
        let at = 1_615_916_458_123_000_000;
        let reading = |value| Line::Reading { meter_ns: at, value };
        let cases = [
            (line(58, "22.950000"), reading(Ok(22.95))),
            (line(58, "nan"), reading(Err(Fault::NotANumber))),
            (line(58, "-1.000000"), reading(Err(Fault::Sentinel))),
            (
                "Time,03-16-2021 17:40:58.123,Watts,40.5,Volts,228.5,Mark,notset,Ch1,Watts,20.1\r\n".to_owned(),
                reading(Ok(40.5)),
            ),
            ("Time,03-16-2021 17:40:58.123,ERROR,Bad volts reading nan from WT310\n".to_owned(), Line::Trouble),
            ("Time,13-16-2021 17:40:58.123,Watts,22.9\n".to_owned(), Line::Trouble),
            ("Time,03-16-2021 17:40:58.123,NOTICE,Starting\n".to_owned(), Line::Other),
            ("Time,03-16-2021 17:40:58.123,Wat".to_owned(), Line::Other),
            ("17:40:58 some banner\n".to_owned(), Line::Other),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_log_is_followed_through_cuts_rotation_and_pieces_of_lines() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ptd.log");
        let append = |text: &str| {
            let mut file = File::options().append(true).create(true).open(&path).expect("open");
            file.write_all(text.as_bytes()).expect("written");
        };
        append("an old line\nthe half of a li");
        let mut log = Log::open(&path).expect("open");
        log.skip();
        append("ne\nfirst\nsec");
        assert_eq!(log.more().expect("read"), "first\n", "what began before is left out");
        append("ond\n");
        assert_eq!(log.more().expect("read"), "second\n");
        assert_eq!(log.more().expect("read"), "");
        std::fs::write(&path, "cut\n").expect("written");
        assert_eq!(log.more().expect("read"), "cut\n");
        std::fs::remove_file(&path).expect("removed");
        assert!(log.more().is_err());
        append("another file\n");
        let other = directory.path().join("moved");
        std::fs::rename(&path, &other).expect("moved");
        append("a third\n");
        assert_eq!(log.more().expect("read"), "a third\n");
    }

    #[test]
    fn readings_of_a_growing_log_are_on_the_clock_of_the_device() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ptd.log");
        std::fs::write(&path, line(1, "99.0")).expect("written");
        let mut source = open(&path, Scope::Wall).expect("open");
        let mut readings = Vec::new();
        source.read(&mut readings).expect("read");
        assert!(readings.is_empty(), "what was there before is not of this run");
        let begin_ns = stopwatch::monotonic_ns();
        let written: String = (2..10).map(|second| line(second, if second == 5 { "-1.0" } else { "22.5" })).collect();
        let mut file = File::options().append(true).open(&path).expect("open");
        file.write_all(written.as_bytes()).expect("written");
        let written_ns = stopwatch::monotonic_ns();
        while readings.is_empty() {
            assert!(stopwatch::monotonic_ns() - begin_ns < 10_000_000_000, "in vain");
            source.read(&mut readings).expect("read");
            std::thread::yield_now();
        }
        assert_eq!(readings.len(), 8);
        assert_eq!(readings.iter().filter(|reading| reading.value == Ok(22.5)).count(), 7);
        assert_eq!(readings[3].value, Err(Fault::Sentinel));
        // The last was written just now, the first seven seconds before it.
        assert!(readings[7].begin_ns >= begin_ns && readings[7].begin_ns - written_ns < 200_000_000);
        assert_eq!(readings[7].begin_ns - readings[0].begin_ns, 7_000_000_000);
        assert_eq!(source.clock_offset_ns(), Some(0));
        assert!(open(&directory.path().join("none"), Scope::Wall).is_err_and(|absent| absent.hint.is_some()));
    }

    #[test]
    fn a_log_that_is_gone_is_found_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ptd.log");
        std::fs::write(&path, "").expect("written");
        let mut source = open(&path, Scope::Wall).expect("open");
        std::fs::remove_file(&path).expect("removed");
        assert!(matches!(source.read(&mut Vec::new()), Err(ReadError::Gone(_))));
        assert!(source.recheck().is_err());
        std::fs::write(&path, "").expect("written");
        source.recheck().expect("found");
        source.read(&mut Vec::new()).expect("read");
    }
}

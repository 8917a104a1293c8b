//! Reads `postmaster.pid`. Writing and removing it is PostgreSQL's own business.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::ClusterError;
use super::server::Address;

/// What a postmaster says about itself (`LOCK_FILE_LINE_*` in PostgreSQL's `pidfile.h`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFile {
    data: PathBuf,
    pub(super) pid: i32,
    /// Seconds since 1970; with the pid, it tells one postmaster from the next.
    started_s: u64,
    /// `None` while it is starting and has not opened any.
    pub(super) address: Option<Address>,
}

impl PidFile {
    /// `None` if there is no such file, it is half-written, or it speaks of another data directory.
    pub(super) fn read(data: &Path) -> Result<Option<Self>, ClusterError> {
        let path = data.join("postmaster.pid");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text, data)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ClusterError::io("read", &path)(error)),
        }
    }

    fn parse(text: &str, data: &Path) -> Option<Self> {
        let mut lines = text.lines().map(str::trim_end);
        // Negative for a single-user server, which is not one to adopt.
        let pid = lines.next()?.parse().ok().filter(|pid| *pid > 0)?;
        if Path::new(lines.next()?) != data {
            return None;
        }
        let started_s = lines.next()?.parse().ok()?;
        let port: Option<u16> = lines.next().and_then(|line| line.parse().ok());
        let socket_directory = lines.next().unwrap_or_default();
        let listens = lines.next().unwrap_or_default();
        let address = port.and_then(|port| match (socket_directory, listens) {
            ("", "") => None,
            ("", _) => Some(Address::Loopback { port }),
            (directory, _) => Some(Address::Socket { directory: directory.into(), port }),
        });
        Some(Self { data: data.to_owned(), pid, started_s, address })
    }

    /// Whether that process exists and the file still speaks of it: asked just before each signal, because a pid that is
    /// free is soon somebody else's.
    pub(super) fn is_current(&self) -> bool {
        let same = |found: &Self| found.pid == self.pid && found.started_s == self.started_s;
        Self::read(&self.data).is_ok_and(|found| found.as_ref().is_some_and(same)) && is_alive(self.pid)
    }

    /// Sends the signal if the postmaster is still there.
    pub(super) fn signal(&self, signal: Signal) {
        if self.is_current() {
            // It may end in between, which is what signals are for.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// Whether the process exists and is not a zombie: an orphan's zombie stays for ever where nothing reaps, as in containers.
pub(super) fn is_alive(pid: i32) -> bool {
    match kill(Pid::from_raw(pid), None) {
        Ok(()) | Err(Errno::EPERM) => !is_zombie(pid),
        Err(_) => false,
    }
}

#[cfg(target_os = "linux")]
fn is_zombie(pid: i32) -> bool {
    // `pid (name) state ..`, and the name may hold anything.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

#[cfg(not(target_os = "linux"))]
fn is_zombie(_pid: i32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = "/d/postgres/data";

    fn parse(text: &str) -> Option<(i32, Option<Address>)> {
        PidFile::parse(text, Path::new(DATA)).map(|file| (file.pid, file.address))
    }

    #[test]
    fn the_lines_are_read_as_postgresql_writes_them() {
        let socket = "71\n/d/postgres/data\n1700000000\n5432\n/d/s\n\n  5432001   7\nready   \n";
        assert_eq!(parse(socket), Some((71, Some(Address::Socket { directory: "/d/s".into(), port: 5432 }))));
        let loopback = "71\n/d/postgres/data\n1700000000\n40001\n\n127.0.0.1\n  1 7\nready   \n";
        assert_eq!(parse(loopback), Some((71, Some(Address::Loopback { port: 40_001 }))));
        assert_eq!(parse("71\n/d/postgres/data\n1700000000\n5432\n"), Some((71, None)));
    }

    #[test]
    fn what_is_not_our_postmaster_is_ignored() {
        for text in
            ["", "71\n", "-71\n/d/postgres/data\n1\n", "71\n/elsewhere\n1700000000\n", "x\n/d/postgres/data\n1\n"]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn this_process_is_alive() {
        assert!(is_alive(std::process::id().cast_signed()));
        assert!(!is_alive(i32::MAX - 1));
    }
}

//! The part of the system that sensors are read from: the real one, or a tree that stands for it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// An attribute of sysfs is at most one page.
const ATTRIBUTE_LIMIT_BYTES: usize = 4096;

/// Where sensors are looked for. Paths are absolute, as the kernel spells them (`/sys/class/hwmon`), whatever stands for
/// them.
pub(crate) trait Root: Send + Sync + std::fmt::Debug {
    /// A small file's text, without the white space and NUL bytes around it. An errno arrives as such.
    fn read(&self, path: &str) -> io::Result<String>;

    /// Names in a directory, sorted; of numbers at their end by number, so that `hwmon10` comes after `hwmon2`.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// An attribute that is read again and again: kept open, read from its beginning each time.
    fn open(&self, path: &str) -> io::Result<Attribute>;

    /// Where a link points, as its text.
    fn link(&self, path: &str) -> io::Result<PathBuf>;

    fn write(&self, path: &str, text: &str) -> io::Result<()>;

    /// Whether this is the machine itself: only there a library or a lasting program answers beside the files.
    fn real(&self) -> bool;

    /// Asks a Raspberry Pi's firmware, e.g. `pmic_read_adc`.
    fn gencmd(&self, command: &str) -> io::Result<String>;

    /// Runs one of the platform's own tools to its end (`dumpsys battery`, `nvpmodel -q`), for at most 10 s, and returns what it
    /// printed. [`io::ErrorKind::NotFound`] if there is none. Never called once a sample.
    fn tool(&self, program: &str, arguments: &[&str]) -> io::Result<String>;
}

/// This machine's own `/`, or a directory that holds the tree of another.
///
/// Of a tree, the file `NAME@errno` beside (or instead of) NAME makes reading NAME fail with the errno it spells, e.g.
/// `EAGAIN`; what the firmware answers to `measure_clock arm` lies in `gencmd/measure_clock_arm`, and what `dumpsys battery`
/// prints in `tool/dumpsys_battery`.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryRoot {
    base: PathBuf,
    real: bool,
}

impl DirectoryRoot {
    pub(crate) fn real() -> Self {
        Self { base: PathBuf::from("/"), real: true }
    }

    pub(crate) fn tree(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into(), real: false }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.base.join(path.trim_start_matches('/'))
    }

    /// The errno that stands beside a file of a tree.
    fn ordained(&self, path: &Path) -> io::Result<()> {
        if self.real {
            return Ok(());
        }
        ordained(path)
    }

    fn answer(&self, kind: &str, words: impl Iterator<Item = String>) -> io::Result<String> {
        self.read(&format!("/{kind}/{}", words.collect::<Vec<_>>().join("_")))
    }
}

impl Root for DirectoryRoot {
    fn read(&self, path: &str) -> io::Result<String> {
        let path = self.at(path);
        self.ordained(&path)?;
        Ok(trimmed(&std::fs::read(path)?))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let path = self.at(path);
        self.ordained(&path)?;
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| self.real || !name.contains("@errno")));
        }
        names.sort_by_cached_key(|name| {
            let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let (stem, number) = name.split_at(name.len() - digits);
            (stem.to_owned(), number.parse::<u64>().unwrap_or(0))
        });
        Ok(names)
    }

    fn open(&self, path: &str) -> io::Result<Attribute> {
        let path = self.at(path);
        self.ordained(&path)?;
        Ok(Attribute { file: File::open(&path)?, ordained: (!self.real).then_some(path) })
    }

    fn link(&self, path: &str) -> io::Result<PathBuf> {
        std::fs::read_link(self.at(path))
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        let path = self.at(path);
        self.ordained(&path)?;
        // An attribute exists already; creating a file here would be a mistake.
        io::Write::write_all(
            &mut std::fs::OpenOptions::new().write(true).truncate(!self.real).open(path)?,
            text.as_bytes(),
        )
    }

    fn real(&self) -> bool {
        self.real
    }

    fn gencmd(&self, command: &str) -> io::Result<String> {
        if self.real {
            return super::mailbox::ask(command);
        }
        self.answer("gencmd", command.split_whitespace().map(str::to_owned))
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> io::Result<String> {
        if self.real {
            return super::tool::run(program, arguments);
        }
        let words = std::iter::once(program).chain(arguments.iter().copied());
        self.answer("tool", words.map(|word| word.replace('/', "-")))
    }
}

/// An open attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    file: File,
    /// Of a tree: where an errno may appear.
    ordained: Option<PathBuf>,
}

impl Attribute {
    /// Its text now, without the white space around it.
    pub(crate) fn read(&self) -> io::Result<String> {
        if let Some(path) = &self.ordained {
            ordained(path)?;
        }
        let mut buffer = [0; ATTRIBUTE_LIMIT_BYTES];
        let mut length = 0;
        // An attribute comes in one piece; a file of a tree may not.
        loop {
            match self.file.read_at(&mut buffer[length..], length as u64)? {
                0 => return Ok(trimmed(&buffer[..length])),
                count => length += count,
            }
            if length == buffer.len() || self.ordained.is_none() {
                return Ok(trimmed(&buffer[..length]));
            }
        }
    }
}

fn trimmed(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned()
}

fn ordained(path: &Path) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push("@errno");
    let Ok(text) = std::fs::read_to_string(path.with_file_name(name)) else { return Ok(()) };
    let errno = match text.trim() {
        "EAGAIN" => nix::errno::Errno::EAGAIN,
        "EINTR" => nix::errno::Errno::EINTR,
        "EIO" => nix::errno::Errno::EIO,
        "ENODATA" => nix::errno::Errno::ENODATA,
        "ENXIO" => nix::errno::Errno::ENXIO,
        "ENODEV" => nix::errno::Errno::ENODEV,
        "ENOENT" => nix::errno::Errno::ENOENT,
        "EACCES" => nix::errno::Errno::EACCES,
        "EPERM" => nix::errno::Errno::EPERM,
        other => return Err(io::Error::other(format!("no errno is called `{other}`"))),
    };
    Err(errno.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_stands_for_the_system_with_its_errors() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = DirectoryRoot::tree(directory.path());
        let put = |path: &str, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, text).expect("written");
        };
        put("sys/class/hwmon/hwmon10/name", "b\n");
        put("sys/class/hwmon/hwmon2/name", "a\n");
        put("sys/class/hwmon/hwmon2/gone@errno", "EAGAIN\n");
        put("gencmd/measure_clock_arm", "frequency(48)=1\n");
        put("tool/dumpsys_battery", "level: 7\n");
        assert_eq!(root.list("/sys/class/hwmon").expect("listed"), ["hwmon2", "hwmon10"]);
        assert_eq!(root.read("/sys/class/hwmon/hwmon2/name").expect("read"), "a");
        let error = root.read("/sys/class/hwmon/hwmon2/gone").expect_err("ordained");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(root.gencmd("measure_clock arm").expect("answered"), "frequency(48)=1");
        assert_eq!(root.tool("dumpsys", &["battery"]).expect("answered"), "level: 7");
        let attribute = root.open("/sys/class/hwmon/hwmon2/name").expect("open");
        put("sys/class/hwmon/hwmon2/name", "c\n");
        assert_eq!(attribute.read().expect("read"), "c", "read again from its beginning");
        put("sys/class/hwmon/hwmon2/name@errno", "EIO");
        assert!(attribute.read().is_err());
        root.write("/sys/class/hwmon/hwmon10/name", "d").expect("written");
        assert_eq!(root.read("/sys/class/hwmon/hwmon10/name").expect("read"), "d");
        assert!(root.write("/sys/class/hwmon/hwmon10/none", "d").is_err(), "nothing is created");
    }
}

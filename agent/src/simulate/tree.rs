//! The files in which a board's sensors show themselves, below a directory that stands for `/`: as drivers and firmware of the
//! real board lay them out, each family in a file of its own.
//!
//! Readers keep attributes open, and a real attribute never changes its name or vanishes between two readings. So values are
//! written in place, padded with spaces to one width: a reader sees the old text or the new one, and never half a file.

mod jetson;
mod linux;
mod mac;
mod phone;
mod raspberry;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};

use super::physics::Look;
use super::profile::{Family, Profile};

/// The files of one board, and what is written into them.
pub(super) struct Tree {
    base: PathBuf,
    live: Vec<Live>,
}

/// A file whose text follows the board's state.
struct Live {
    file: File,
    path: String,
    width: usize,
    text: Text,
}

type Text = Box<dyn FnMut(&Look) -> String + Send>;

impl Tree {
    /// Plants the board's files below `base`, which is emptied before.
    pub(super) fn plant(profile: &'static Profile, base: &Path, look: &Look) -> io::Result<Self> {
        if base.exists() {
            fs::remove_dir_all(base)?;
        }
        fs::create_dir_all(base)?;
        let mut tree = Self { base: base.to_owned(), live: Vec::new() };
        tree.identity(profile)?;
        match profile.family {
            Family::Jetson => jetson::plant(&mut tree, profile)?,
            Family::RaspberryPi => raspberry::plant(&mut tree, profile)?,
            Family::Phone => phone::plant(&mut tree, profile)?,
            Family::Mac => mac::plant(&mut tree)?,
        }
        tree.show(look)?;
        Ok(tree)
    }

    /// Writes what the sensors see now.
    pub(super) fn show(&mut self, look: &Look) -> io::Result<()> {
        for Live { file, path, width, text } in &mut self.live {
            let text = text(look);
            if text.len() >= *width {
                return Err(io::Error::other(format!("`{text}` is too long for {path}, which has {width} bytes")));
            }
            file.write_all_at(format!("{text:<fill$}\n", fill = *width - 1).as_bytes(), 0)?;
        }
        Ok(())
    }

    /// Processor and memory: the runner describes its environment by them.
    fn identity(&mut self, profile: &Profile) -> io::Result<()> {
        let isa = profile.isa.join(" ");
        self.fixed("proc/cpuinfo", &format!("model name\t: simulated {}\nFeatures\t: {isa}\n", profile.title))?;
        self.fixed("proc/meminfo", &format!("MemTotal:       {} kB\n", profile.memory_bytes >> 10))?;
        self.fixed("proc/sys/kernel/osrelease", "simulated\n")?;
        // The device tree's strings end with a NUL byte.
        self.fixed("proc/device-tree/model", &format!("{}\0", profile.model))
    }

    /// A file that stays as it is.
    fn fixed(&mut self, path: &str, text: &str) -> io::Result<()> {
        let path = self.place(path)?;
        fs::write(path, text)
    }

    /// A file that follows the board's state, of at most so many bytes.
    fn live(&mut self, path: &str, width: usize, text: impl FnMut(&Look) -> String + Send + 'static) -> io::Result<()> {
        let file = File::create(self.place(path)?)?;
        self.live.push(Live { file, path: path.to_owned(), width, text: Box::new(text) });
        Ok(())
    }

    /// A file with one number that follows the board's state.
    fn number(&mut self, path: &str, number: impl Fn(&Look) -> f64 + Send + 'static) -> io::Result<()> {
        /// 20 digits: more than a 64-bit number has.
        const WIDTH: usize = 21;
        self.live(path, WIDTH, move |look| format!("{:.0}", number(look)))
    }

    /// A symbolic link, as sysfs has them: `target` is relative to the link.
    fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        let path = self.place(path)?;
        symlink(target, path)
    }

    /// Where a file lies; its directory is made.
    fn place(&self, path: &str) -> io::Result<PathBuf> {
        let path = self.base.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests;

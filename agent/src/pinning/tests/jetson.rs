//! A Jetson whose power mode takes processors away, and whose every answer may be its agent's last.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::power::Attribute;

const CPUFREQ: &str = "sys/devices/system/cpu/cpufreq";
const MODES: [&str; 2] = ["15W", "7W"];

/// Answers so many questions; then the agent that asks is dead.
#[derive(Debug)]
struct Jetson {
    base: PathBuf,
    files: DirectoryRoot,
    answers_left: AtomicU32,
}

impl Jetson {
    fn at(directory: &Path, answers_left: u32) -> Arc<Self> {
        let base = directory.to_owned();
        Arc::new(Self { files: DirectoryRoot::tree(&base), base, answers_left: AtomicU32::new(answers_left) })
    }

    fn alive(&self) -> io::Result<()> {
        let left = self.answers_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_none_left| io::Error::other("killed"))
    }

    /// With 7 W the second cluster is offline, and has no policy.
    fn enter(&self, id: usize) -> io::Result<()> {
        fs::write(self.base.join("tool/nvpmodel_-q"), format!("NV Power Mode: {}\n{id}\n", MODES[id]))?;
        let (shown, hidden) = (self.base.join(CPUFREQ).join("policy4"), self.base.join("offline"));
        match id {
            0 if hidden.exists() => fs::rename(hidden, shown),
            1 if shown.exists() => fs::rename(shown, hidden),
            _ => Ok(()),
        }
    }

    fn plant(&self, mode: usize) {
        for (path, text) in [
            (&*format!("{CPUFREQ}/policy0/scaling_governor"), "schedutil"),
            (&*format!("{CPUFREQ}/policy4/scaling_governor"), "powersave"),
            ("etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=7W >\n"),
            ("tool/nvpmodel_-q", ""),
        ] {
            let path = self.base.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, text).expect("written");
        }
        self.enter(mode).expect("entered");
    }

    /// The power mode and both governors, seen or not.
    fn state(&self) -> [String; 3] {
        let read = |path: &str| fs::read_to_string(self.base.join(path)).unwrap_or_default().trim().to_owned();
        let second = if self.base.join("offline").exists() { "offline" } else { &*format!("{CPUFREQ}/policy4") };
        [
            read("tool/nvpmodel_-q"),
            read(&format!("{CPUFREQ}/policy0/scaling_governor")),
            read(&format!("{second}/scaling_governor")),
        ]
    }
}

impl Root for Jetson {
    fn read(&self, path: &str) -> io::Result<String> {
        self.alive()?;
        self.files.read(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.alive()?;
        self.files.list(path)
    }

    fn open(&self, path: &str) -> io::Result<Attribute> {
        self.files.open(path)
    }

    fn link(&self, path: &str) -> io::Result<PathBuf> {
        self.files.link(path)
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        self.alive()?;
        self.files.write(path, text)
    }

    fn real(&self) -> bool {
        false
    }

    fn gencmd(&self, command: &str) -> io::Result<String> {
        self.files.gencmd(command)
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> io::Result<String> {
        self.alive()?;
        match arguments {
            ["-m", id] => self.enter(id.parse().expect("a number")).map(|()| String::new()),
            _ => self.files.tool(program, arguments),
        }
    }
}

/// More than a run asks of its board.
const FOREVER: u32 = 10_000;

fn wanted(mode: &str) -> [Wanted; 2] {
    [Wanted { subject: Subject::JetsonPowerMode, value: mode.to_owned() }, performance()]
}

#[test]
fn every_processor_of_the_new_power_mode_gets_the_governor() {
    for (before, mode) in [(1, "15W"), (0, "7W")] {
        let directory = tempfile::tempdir().expect("a directory");
        let board = Jetson::at(&directory.path().join("root"), FOREVER);
        board.plant(before);
        let original = board.state();
        let root: Arc<dyn Root> = board.clone();
        let pinned = Pinned::make(&root, &directory.path().join("pins.json"), &wanted(mode)).expect("made");
        let pins = pinned.read_back();
        assert!(pins.iter().all(Pin::held), "{pins:?}");
        assert_eq!((pins[0].found.as_str(), pins[0].wanted.as_str()), (MODES[before], mode));
        let [_, first, second] = board.state();
        let expected = if mode == "15W" { "performance" } else { "powersave" };
        assert_eq!((first.as_str(), second.as_str()), ("performance", expected));
        drop(pinned);
        assert_eq!(board.state(), original);
    }
}

/// Dies after each number of answers; then whoever puts back dies after each number of them, and the next one finishes.
fn check(before: usize, mode: &str) {
    let mut survived = false;
    for first in 0_u32.. {
        for second in 0_u32.. {
            let directory = tempfile::tempdir().expect("a directory");
            let (tree, journal) = (directory.path().join("root"), directory.path().join("pins.json"));
            let board = Jetson::at(&tree, first);
            board.plant(before);
            let original = board.state();
            let root: Arc<dyn Root> = board.clone();
            // It is killed at the latest when everything is made.
            survived = Pinned::make(&root, &journal, &wanted(mode)).map(std::mem::forget).is_ok();
            if survived {
                assert_ne!(board.state(), original, "nothing was made, and nobody heard of it");
            }
            let root: Arc<dyn Root> = Jetson::at(&tree, second);
            let finished = recover(&root, &journal).is_ok();
            let board = Jetson::at(&tree, FOREVER);
            let root: Arc<dyn Root> = board.clone();
            recover(&root, &journal).expect("put back");
            assert_eq!(board.state(), original, "killed after {first} and {second} answers");
            assert!(!journal.exists());
            if finished {
                break;
            }
        }
        if survived {
            break;
        }
    }
    assert!(survived);
}

#[test]
fn a_kill_at_any_moment_is_put_back_even_if_that_is_killed_too() {
    check(1, "15W");
    check(0, "7W");
}

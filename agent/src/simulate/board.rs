//! A simulated board at work: a thread that lets the model's time go by as the clock's does, takes the load from the runner
//! and shows in files what sensors would. Ends when it is dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::DeviceFacts;
use tracing::{error, info};

use super::load::LoadFile;
use super::physics::{Look, Physics};
use super::profile::{Profile, UnknownBoard};
use super::tree::Tree;
use crate::station::Simulated;
use crate::{probe, stopwatch};

/// Twenty looks a second: no sensor of these boards is polled much more often.
const TICK: Duration = Duration::from_millis(50);
/// A gauge's readings scatter by so much around the truth: readings that repeat themselves look like a sensor that is stuck.
const SCATTER: f64 = 0.02;
/// Longest time that is made up for after this process was stopped: more would only be a long jump of temperature.
const CATCH_UP_MOST: Duration = Duration::from_secs(10);

/// No simulated board.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    #[error(transparent)]
    Unknown(#[from] UnknownBoard),
    #[error("the simulated board's files can't be written below {}", directory.display())]
    Files { directory: PathBuf, source: io::Error },
    #[error("the simulated board's thread can't be started")]
    Thread(#[source] io::Error),
}

/// A board that lives as long as this does.
#[derive(Debug)]
pub(crate) struct Board {
    profile: &'static Profile,
    tree: PathBuf,
    pace: PathBuf,
    /// Dropped to stop the thread.
    alive: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Board {
    /// Starts a board at rest. Its files lie in `directory`, which is this board's own; what an earlier one left is gone.
    pub(crate) fn start(profile: &'static Profile, directory: &Path) -> Result<Self, BoardError> {
        let (tree, pace) = (directory.join("root"), directory.join("pace"));
        let physics = Physics::at_rest(profile);
        let prepare = || {
            fs::create_dir_all(directory)?;
            let load = LoadFile::create(&pace, physics.slowdown())?;
            Ok((load, Tree::plant(profile, &tree, &physics.look())?))
        };
        let (load, files) =
            prepare().map_err(|source| BoardError::Files { directory: directory.to_owned(), source })?;
        let (alive, stopped) = sync_channel(1);
        let world = World { physics, load, files, owed: Duration::ZERO, seen_ns: 0, noise: Noise(1) };
        let thread = std::thread::Builder::new()
            .name("board".to_owned())
            .spawn(move || world.live(&stopped))
            .map_err(BoardError::Thread)?;
        info!(board = profile.name, tree = %tree.display(), "simulates a board: nothing of this is measured on one");
        Ok(Self { profile, tree, pace, alive: Some(alive), thread: Some(thread) })
    }

    /// What a station and a runner must know of it.
    pub(crate) fn simulated(&self) -> Simulated {
        Simulated { board: self.profile.name.to_owned(), tree: self.tree.clone(), pace: self.pace.clone() }
    }

    /// What an agent tells of it in place of this machine's facts, but for sensors and runtime.
    pub(crate) fn facts(&self) -> DeviceFacts {
        self.profile.facts(probe::facts_below(&self.tree))
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            thread.join().unwrap_or_default();
        }
    }
}

/// What the thread owns.
struct World {
    physics: Physics,
    load: LoadFile,
    files: Tree,
    /// Work that was told and not done yet: a long inference is told when it is over.
    owed: Duration,
    /// As told last.
    seen_ns: u64,
    noise: Noise,
}

impl World {
    fn live(mut self, stopped: &Receiver<()>) {
        let mut last = stopwatch::now();
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            let now = stopwatch::now();
            if let Err(error) = self.tick((now - last).min(CATCH_UP_MOST)) {
                // Sensors that stand still are found out by whoever reads them.
                error!(%error, "the simulated board's files can't be written any more: it stands still");
                return;
            }
            last = now;
        }
    }

    fn tick(&mut self, time: Duration) -> io::Result<()> {
        let busy = self.busy(self.load.busy_ns()?, time);
        self.physics.step(time, busy.as_secs_f64() / time.as_secs_f64().max(1e-9));
        self.load.tell_slowdown(self.physics.slowdown())?;
        let look = self.physics.look();
        let watts = look.watts * (1.0 + SCATTER * self.noise.next());
        self.files.show(&Look { watts, ..look })
    }

    /// The part of this time in which the board worked.
    fn busy(&mut self, told_ns: u64, time: Duration) -> Duration {
        // It only grows, but for a file that somebody replaced.
        self.owed += Duration::from_nanos(told_ns.saturating_sub(self.seen_ns));
        self.seen_ns = told_ns;
        let busy = self.owed.min(time);
        self.owed -= busy;
        busy
    }
}

/// splitmix64 (Steele, Lea, Flood 2014): scatter needs no better randomness, and is the same in every life of a board.
struct Noise(u64);

impl Noise {
    /// Uniform in -1..1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::{DirectoryRoot, Root as _};
    use crate::simulate::Pace;

    fn world(directory: &Path) -> World {
        let profile = Profile::named("rpi5").expect("a board");
        let physics = Physics::at_rest(profile);
        let load = LoadFile::create(&directory.join("pace"), physics.slowdown()).expect("created");
        let files = Tree::plant(profile, &directory.join("root"), &physics.look()).expect("planted");
        World { physics, load, files, owed: Duration::ZERO, seen_ns: 0, noise: Noise(1) }
    }

    #[test]
    fn a_long_inference_counts_in_full_although_it_is_told_at_its_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut world = world(directory.path());
        let parts: Vec<Duration> = (0..4).map(|_| world.busy(120_000_000, TICK)).collect();
        let milliseconds: Vec<u128> = parts.iter().map(Duration::as_millis).collect();
        assert_eq!(milliseconds, [50, 50, 20, 0]);
    }

    #[test]
    fn load_makes_the_board_hot_and_slow_and_rest_makes_it_cool() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut world = world(directory.path());
        let root = DirectoryRoot::tree(directory.path().join("root"));
        let temperature =
            || root.read("/sys/class/thermal/thermal_zone0/temp").expect("read").parse::<f64>().expect("a number");
        let cold = temperature();
        let mut told_ns = 0;
        for _ in 0..400 {
            told_ns += 50_000_000;
            world.load.tell_busy_ns(told_ns).expect("told");
            world.tick(TICK).expect("a tick");
        }
        assert!(temperature() > cold + 20_000.0, "{}", temperature());
        let throttled = root.gencmd("get_throttled").expect("answered");
        assert!(throttled.starts_with("throttled=0x600"), "{throttled}");
        for _ in 0..1200 {
            world.tick(TICK).expect("a tick");
        }
        assert!((temperature() - cold).abs() < 500.0, "{}", temperature());
        assert_eq!(root.gencmd("get_throttled").expect("answered"), "throttled=0x60000", "it is remembered");
    }

    #[test]
    fn a_started_board_feels_a_runner_and_stops_with_its_owner() {
        let directory = tempfile::tempdir().expect("a directory");
        let board = Board::start(Profile::named("rpi5").expect("a board"), directory.path()).expect("started");
        let Simulated { board: name, tree, pace } = board.simulated();
        assert_eq!(name, "rpi5");
        assert_eq!(board.facts().simulated.as_deref(), Some("rpi5"));
        let attribute = DirectoryRoot::tree(tree).open("/sys/class/thermal/thermal_zone0/temp").expect("opened");
        let temperature = || attribute.read().expect("read").parse::<f64>().expect("a number");
        let cold = temperature();
        let pace = Pace::open(&pace).expect("opened");
        let began = stopwatch::now();
        // Two degrees take a tenth of a second at full load; a machine that is busy gets a minute.
        while temperature() < cold + 2_000.0 {
            pace.stretch(Duration::from_millis(5));
            assert!(stopwatch::now() - began < Duration::from_mins(1), "it stays cold: {}", temperature());
        }
        pace.finish().expect("the board spoke");
        drop(board);
    }
}

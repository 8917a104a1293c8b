//! The runner's side of a simulated board: every inference is done for real, and then lasts as long as it would there.
//!
//! Stands around the model that the measured loops call, so that the loops of a real device are compiled without it. What the
//! board's time is made of: the shortest inference of this process so far, times the board's slowdown at this moment.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::load::LoadFile;
use crate::runner::{CallError, Callable, wait_until};
use crate::stopwatch;

/// How fast the board is now, and how long it has worked.
#[derive(Debug)]
pub(crate) struct Pace {
    load: LoadFile,
    busy_ns: Cell<u64>,
    /// Of this process, on this machine.
    fastest: Cell<Duration>,
    /// As last told.
    slowdown: Cell<f64>,
    /// The first error of a call that has no way to tell of it.
    problem: RefCell<Option<io::Error>>,
}

impl Pace {
    /// An error if there is no board that writes this file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let load = LoadFile::open(path)?;
        let (busy_ns, slowdown) = (load.busy_ns()?, load.slowdown()?);
        Ok(Self {
            load,
            busy_ns: Cell::new(busy_ns),
            fastest: Cell::new(Duration::MAX),
            slowdown: Cell::new(slowdown),
            problem: RefCell::new(None),
        })
    }

    /// The model at the board's pace.
    pub(crate) fn around<'a, C: Callable>(&'a self, model: &'a C) -> Paced<'a, C> {
        Paced { model, pace: self }
    }

    /// Waits for as long as an inference that just took so long here would take longer there, and returns how long it would
    /// have taken there.
    pub(crate) fn stretch(&self, took: Duration) -> Duration {
        let begin = stopwatch::now().checked_sub(took).unwrap_or_else(stopwatch::now);
        self.hold(begin, took)
    }

    /// An error if the board fell silent.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.problem.into_inner().map_or(Ok(()), Err)
    }

    /// Waits until an inference that began then and took so long here would have ended there.
    fn hold(&self, begin: Instant, took: Duration) -> Duration {
        self.fastest.set(self.fastest.get().min(took));
        match self.load.slowdown() {
            Ok(slowdown) => self.slowdown.set(slowdown),
            Err(error) => self.complain(error),
        }
        wait_until(begin + self.fastest.get().mul_f64(self.slowdown.get()));
        let lasted = stopwatch::now() - begin;
        let busy_ns = self.busy_ns.get().saturating_add(u64::try_from(lasted.as_nanos()).unwrap_or(u64::MAX));
        self.busy_ns.set(busy_ns);
        if let Err(error) = self.load.tell_busy_ns(busy_ns) {
            self.complain(error);
        }
        lasted
    }

    fn complain(&self, error: io::Error) {
        self.problem.borrow_mut().get_or_insert(error);
    }
}

/// A model at a board's pace.
#[derive(Debug)]
pub(crate) struct Paced<'a, C> {
    model: &'a C,
    pace: &'a Pace,
}

impl<C: Callable> Callable for Paced<'_, C> {
    fn run(&self, query: usize) -> Result<(), CallError> {
        let begin = stopwatch::now();
        self.model.run(query)?;
        self.pace.hold(begin, stopwatch::now() - begin);
        Ok(())
    }

    fn first_inference(&self) -> Duration {
        self.model.first_inference().mul_f64(self.pace.slowdown.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so long, by spinning.
    struct Spinner(Duration);

    impl Callable for Spinner {
        fn run(&self, _query: usize) -> Result<(), CallError> {
            let end = stopwatch::now() + self.0;
            while stopwatch::now() < end {
                std::hint::spin_loop();
            }
            Ok(())
        }

        fn first_inference(&self) -> Duration {
            self.0
        }
    }

    fn board(slowdown: f64) -> (tempfile::TempDir, LoadFile, Pace) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pace");
        let board = LoadFile::create(&path, slowdown).expect("created");
        let pace = Pace::open(&path).expect("opened");
        (directory, board, pace)
    }

    #[test]
    fn a_call_lasts_as_long_as_on_the_board_and_counts_as_its_load() {
        let (_directory, board, pace) = board(4.0);
        let spinner = Spinner(Duration::from_millis(1));
        let paced = pace.around(&spinner);
        let (outcome, took) = stopwatch::timed(|| (0..5).try_for_each(|query| paced.run(query)));
        outcome.expect("nothing fails");
        assert!(took >= Duration::from_millis(20), "{took:?}");
        let busy_ns = board.busy_ns().expect("told");
        assert!((20_000_000..=u64::try_from(took.as_nanos()).expect("short")).contains(&busy_ns), "{busy_ns}");
        assert_eq!(paced.first_inference(), Duration::from_millis(4));
        pace.finish().expect("the board spoke");
    }

    #[test]
    fn a_board_that_throttles_is_slower_from_the_next_call_on() {
        let (_directory, board, pace) = board(1.0);
        let spinner = Spinner(Duration::from_millis(1));
        let paced = pace.around(&spinner);
        paced.run(0).expect("nothing fails");
        board.tell_slowdown(10.0).expect("told");
        let (_, took) = stopwatch::timed(|| paced.run(0));
        assert!(took >= Duration::from_millis(10), "{took:?}");
    }

    #[test]
    fn what_was_timed_already_is_stretched() {
        let (_directory, _board, pace) = board(3.0);
        let lasted = pace.stretch(Duration::from_millis(2));
        assert!(lasted >= Duration::from_millis(6), "{lasted:?}");
    }

    #[test]
    fn a_board_that_fell_silent_is_told_at_the_end() {
        let (_directory, board, pace) = board(2.0);
        board.tell_slowdown(f64::NAN).expect("told");
        pace.stretch(Duration::from_micros(1));
        assert!(pace.finish().is_err());
    }

    #[test]
    fn a_second_runner_goes_on_counting() {
        let (directory, board, pace) = board(1.0);
        pace.stretch(Duration::from_millis(1));
        let first = board.busy_ns().expect("told");
        let second = Pace::open(&directory.path().join("pace")).expect("opened");
        second.stretch(Duration::from_millis(1));
        assert!(board.busy_ns().expect("told") >= first + 1_000_000);
    }
}

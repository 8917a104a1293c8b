//! Readings on their way from a meter's own thread to the sampler: a bounded queue, so that a plug that takes three seconds to
//! answer delays nothing else.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Rail;

use super::super::{Fault, PowerSource, ReadError, Reading, SourceInfo};
use crate::stopwatch;

/// Three seconds of a program that prints 5000 lines a second; 40 bytes each.
const CAPACITY: usize = 16_384;
/// Nobody asks for readings between two runs: then a meter is left alone, and what it said is of no use.
const WANTED_NS: i64 = 10_000_000_000;
/// What was read just before somebody asked again is still good.
const RECENT_NS: i64 = 2_000_000_000;

/// The queue between the two threads.
#[derive(Debug, Default)]
pub(super) struct Feed {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Reading>,
    /// Readings that found no room.
    lost: u64,
    asked_ns: Option<i64>,
    stopped: bool,
    /// Why nothing more will come.
    ended: Option<String>,
    clock_offset_ns: Option<u64>,
}

impl Feed {
    pub(super) fn push(&self, reading: Reading) {
        let mut state = self.lock();
        if state.queue.len() == CAPACITY {
            state.queue.pop_front();
            state.lost += 1;
        }
        state.queue.push_back(reading);
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn tell_offset(&self, offset_ns: Option<u64>) {
        self.lock().clock_offset_ns = offset_ns;
    }

    /// Says why nothing more will come.
    pub(super) fn end(&self, why: String) {
        self.lock().ended.get_or_insert(why);
        self.changed.notify_all();
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Blocks until `due_ns` is over and somebody wants readings. False: stop.
    pub(super) fn wait(&self, due_ns: i64) -> bool {
        let mut state = self.lock();
        loop {
            let now_ns = stopwatch::monotonic_ns();
            let wanted = state.asked_ns.is_some_and(|asked_ns| now_ns - asked_ns < WANTED_NS);
            if state.stopped {
                return false;
            }
            if wanted && due_ns <= now_ns {
                return true;
            }
            let pause =
                if wanted { Duration::from_nanos(u64::try_from(due_ns - now_ns).unwrap_or(0)) } else { Duration::MAX };
            state = if pause == Duration::MAX {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    /// Blocks until the first reading is there or nothing will come, for at most `patience`. False: in vain.
    pub(super) fn first(&self, patience: Duration) -> Result<bool, String> {
        let waiting = |state: &mut State| state.queue.is_empty() && state.ended.is_none();
        let (state, _) =
            self.changed.wait_timeout_while(self.lock(), patience, waiting).unwrap_or_else(PoisonError::into_inner);
        match &state.ended {
            Some(why) if state.queue.is_empty() => Err(why.clone()),
            _ => Ok(!state.queue.is_empty()),
        }
    }

    /// Moves everything that is good over. What is left of the time before anybody asked is thrown away.
    fn drain(&self, readings: &mut Vec<Reading>) -> Option<String> {
        let mut state = self.lock();
        let now_ns = stopwatch::monotonic_ns();
        let resumed = state.asked_ns.replace(now_ns).is_none_or(|asked_ns| now_ns - asked_ns >= WANTED_NS);
        if resumed {
            state.queue.retain(|reading| now_ns - reading.end_ns < RECENT_NS);
            state.lost = 0;
            self.changed.notify_all();
        }
        if std::mem::take(&mut state.lost) > 0 {
            readings.push(Reading { rail: 0, begin_ns: now_ns, end_ns: now_ns, value: Err(Fault::Broken) });
        }
        readings.extend(state.queue.drain(..));
        state.ended.clone()
    }

    fn clock_offset_ns(&self) -> Option<u64> {
        self.lock().clock_offset_ns
    }

    /// Every change is one assignment: a thread that panicked left nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A meter that is read by a thread of its own.
pub(super) struct Fed {
    pub(super) info: SourceInfo,
    pub(super) rails: Vec<Rail>,
    pub(super) feed: Arc<Feed>,
}

impl PowerSource for Fed {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    /// The first rail is the device; a counter beside it counts the same.
    fn total(&self) -> Option<&[usize]> {
        Some(&[0])
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        let before = readings.len();
        match self.feed.drain(readings) {
            Some(why) if readings.len() == before => Err(ReadError::Failed(why)),
            _ => Ok(()),
        }
    }

    fn clock_offset_ns(&self) -> Option<u64> {
        self.feed.clock_offset_ns()
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        // Not joined: it may sit in a request that takes three seconds, and holds nothing that anybody needs.
        self.feed.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at_ns: i64) -> Reading {
        Reading { rail: 0, begin_ns: at_ns, end_ns: at_ns, value: Ok(1.0) }
    }

    #[test]
    fn a_flood_costs_the_oldest_readings_and_is_told_once() {
        let feed = Feed::default();
        let mut readings = Vec::new();
        feed.drain(&mut readings);
        let now_ns = stopwatch::monotonic_ns();
        for _ in 0..CAPACITY + 5 {
            feed.push(reading(now_ns));
        }
        feed.drain(&mut readings);
        assert_eq!(readings.len(), CAPACITY + 1);
        assert_eq!(readings[0].value, Err(Fault::Broken));
        readings.clear();
        feed.drain(&mut readings);
        assert!(readings.is_empty());
    }

    #[test]
    fn what_was_read_while_nobody_asked_is_thrown_away() {
        let feed = Feed::default();
        let now_ns = stopwatch::monotonic_ns();
        feed.push(reading(now_ns - 60_000_000_000));
        feed.push(reading(now_ns));
        let mut readings = Vec::new();
        feed.drain(&mut readings);
        assert_eq!(readings, [reading(now_ns)]);
    }

    #[test]
    fn a_thread_that_waits_ends_when_it_is_told() {
        let feed = Arc::new(Feed::default());
        let waiter = Arc::clone(&feed);
        let thread = std::thread::spawn(move || (waiter.wait(0), waiter.wait(i64::MAX)));
        feed.drain(&mut Vec::new());
        feed.stop();
        // Whether the first wait saw the question before it was told to stop is a race; that both end is none.
        let (_, second) = thread.join().expect("ended");
        assert!(!second);
    }
}

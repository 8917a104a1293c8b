//! The monotonic clock, which agent and runner share: the one file beside `domain::clock` that reads it.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Now. Costs about 30 ns where the clock source is the time stamp counter.
#[inline]
#[expect(clippy::disallowed_methods, reason = "the stopwatch is what the others are told to take")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, in nanoseconds that every process of this boot counts alike.
#[inline]
pub(crate) fn monotonic_ns() -> i64 {
    clock_ns(ClockId::CLOCK_MONOTONIC)
}

/// Processor time of the calling thread in nanoseconds.
pub(crate) fn thread_cpu_ns() -> i64 {
    clock_ns(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Ties this process's instants to the nanoseconds that every process counts alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    instant: Instant,
    ns: i64,
}

impl Base {
    /// The two readings lie some 50 ns apart.
    pub(crate) fn take() -> Self {
        Self { instant: now(), ns: monotonic_ns() }
    }

    pub(crate) fn begin_ns(&self) -> i64 {
        self.ns
    }

    /// Of a moment after this base was taken.
    pub(crate) fn ns(&self, moment: Instant) -> i64 {
        // 292 years fit.
        self.ns.saturating_add(
            i64::try_from(moment.saturating_duration_since(self.instant).as_nanos()).unwrap_or(i64::MAX),
        )
    }
}

/// Tells how long `work` took, beside its result.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = now();
    let result = work();
    (result, now() - begin)
}

fn clock_ns(clock: ClockId) -> i64 {
    // These clocks exist on every system this builds for; a reading never fails.
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_its_place_on_the_clock_that_all_share() {
        let base = Base::take();
        let (before, moment, after) = (monotonic_ns(), now(), monotonic_ns());
        // A thread may be put aside between two readings, never turned back.
        assert!((before - 1_000_000..=after + 1_000_000).contains(&base.ns(moment)));
        assert!(thread_cpu_ns() > 0);
    }
}

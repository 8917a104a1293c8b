//! The greatest rate at which a server still holds its latency.

use domain::Rate;

/// Doubling from 1/512 of the answer takes ten trials, bisecting 2 to 2 % six more.
const MAX_TRIALS: u32 = 16;
/// The search ends when the failing rate exceeds the passing one by at most 1/50.
const WIDTH_DIVISOR: u64 = 50;

/// Finds the greatest passing rate in at most 16 trials, to 2 % or to the resolution of [`Rate`], a thousandth per second.
///
/// As `LoadGen`'s `FindPeakPerformance` (loadgen.cc) does: double the rate until it fails, then bisect. Unlike there, a start
/// that fails is halved until it passes, where `LoadGen` gives up; the width is relative, for rates differ between devices
/// by orders of magnitude; and the number of trials is bounded. A trial passes if the whole measurement is valid, early
/// stopping included, where `LoadGen` looks at the latency only.
///
/// The next trial follows from the earlier outcomes alone, so that a search can be repeated.
#[derive(Debug, Clone, Copy)]
pub struct RateSearch {
    start: Rate,
    passed: Option<Rate>,
    failed: Option<Rate>,
    trials: u32,
}

impl RateSearch {
    pub const fn new(start: Rate) -> Self {
        Self { start, passed: None, failed: None, trials: 0 }
    }

    /// The rate to try; `None` when the search is over.
    pub fn next(&self) -> Option<Rate> {
        if self.trials >= MAX_TRIALS {
            return None;
        }
        match (self.passed.map(Rate::millis), self.failed.map(Rate::millis)) {
            (None, None) => Some(self.start),
            (Some(passed), None) => passed.checked_mul(2).and_then(Rate::from_millis),
            (None, Some(failed)) => Rate::from_millis(failed / 2),
            (Some(passed), Some(failed)) => {
                let width = failed - passed;
                if width <= (passed / WIDTH_DIVISOR).max(1) { None } else { Rate::from_millis(passed + width / 2) }
            }
        }
    }

    /// Notes the outcome at the rate that [`RateSearch::next`] gave; nothing if the search is over.
    pub fn record(&mut self, passed: bool) {
        let Some(rate) = self.next() else { return };
        self.trials += 1;
        *(if passed { &mut self.passed } else { &mut self.failed }) = Some(rate);
    }

    /// The greatest rate that has passed.
    pub const fn best(&self) -> Option<Rate> {
        self.passed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Passes at and below the threshold; returns what was found and in how many trials.
    fn search(start: u64, threshold: u64) -> (Option<u64>, u32) {
        let mut search = RateSearch::new(Rate::from_millis(start).unwrap());
        while let Some(rate) = search.next() {
            search.record(rate.millis() <= threshold);
        }
        (search.best().map(Rate::millis), search.trials)
    }

    #[test]
    fn a_start_that_passes_is_doubled_and_then_bisected() {
        assert_eq!(search(100_000, 555_000), (Some(550_000), 10));
    }

    #[test]
    fn a_start_that_fails_is_halved() {
        assert_eq!(search(100_000, 30_000).0, Some(29_687));
    }

    #[test]
    fn slow_devices_are_found_to_the_resolution_of_rates() {
        for threshold in 1..100 {
            assert_eq!(search(1_000, threshold).0, Some(threshold));
        }
    }

    #[test]
    fn no_rate_at_all_may_pass() {
        assert_eq!(search(100_000, 0).0, None);
        assert_eq!(search(1, 0), (None, 1));
    }

    #[test]
    fn a_server_that_always_passes_ends_after_16_doublings() {
        assert_eq!(search(1_000, u64::MAX), (Some(1_000 << 15), 16));
        assert_eq!(search(u64::MAX, u64::MAX), (Some(u64::MAX), 1));
    }

    proptest! {
        /// From 0.01/s to 100 000/s, with a start that is up to 400 times off.
        #[test]
        fn any_threshold_is_found_within_two_percent(exponent in 1.0..8.0, off in -2.6..2.6) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
            let (threshold, start) = (10_f64.powf(exponent) as u64, 10_f64.powf(exponent + off).max(1.0) as u64);
            let (best, trials) = search(start, threshold);
            let best = best.unwrap();
            prop_assert!(best <= threshold && threshold - best <= (best / 50).max(1), "{best} instead of {threshold} from {start}");
            prop_assert!(trials <= 16);
        }
    }
}

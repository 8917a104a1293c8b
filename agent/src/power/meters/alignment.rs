//! Puts readings that carry the meter's own time on the device's clock. Reads no clock itself.
//!
//! A reading can't arrive before it was taken, so that the least (arrival - meter's time) of many is nearest to the offset
//! between the two clocks: Cristian's rule (1989) with one way only. What is left is the shortest delivery that was seen.

use super::super::Fault;

/// Readings that the first estimate is made of; the time over which they must have come, since a buffer hands out many at once;
/// and the time after which fewer must do.
const FIRST_READINGS: usize = 8;
const BURST_NS: i64 = 200_000_000;
const FIRST_NS: i64 = 2_000_000_000;
/// Readings after which the estimate is made anew, so that two clocks that drift stay together.
const BLOCK_READINGS: usize = 64;
/// An arrival earlier than the estimate allows by more than this says that the meter's clock was set forward.
const JUMP_NS: i64 = 1_000_000_000;

/// A reading by the device's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    pub(super) at_ns: i64,
    pub(super) value: Result<f64, Fault>,
}

/// One reading by the meter's clock, and when it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived {
    /// By the meter's clock, from whatever origin.
    pub(super) meter_ns: i64,
    pub(super) arrival_ns: i64,
    pub(super) value: Result<f64, Fault>,
}

/// What is known of the offset between the clocks.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    offset_ns: Option<i64>,
    /// Kept back until there is a first estimate.
    held: Vec<Arrived>,
    last_meter_ns: Option<i64>,
    /// Of the block that is being read: its length and its least offset.
    block: (usize, i64),
    greatest_ns: u64,
}

impl Alignment {
    /// Takes one reading and appends what can be placed now: nothing at first, then several.
    pub(super) fn take(&mut self, arrived: Arrived, placed: &mut Vec<Placed>) {
        let Arrived { meter_ns, arrival_ns, value: _ } = arrived;
        let seen_ns = arrival_ns.saturating_sub(meter_ns);
        let backwards = self.last_meter_ns.replace(meter_ns).is_some_and(|last| meter_ns < last);
        if let Some(offset_ns) = self.offset_ns
            && (backwards || seen_ns < offset_ns - JUMP_NS)
        {
            self.greatest_ns = self.greatest_ns.max(seen_ns.abs_diff(offset_ns));
            self.offset_ns = None;
        }
        match self.offset_ns {
            Some(offset_ns) => {
                placed.push(put(arrived, offset_ns));
                self.count(seen_ns, offset_ns);
            }
            None => self.hold(arrived, backwards, placed),
        }
    }

    /// Greatest amount by which a reading turned out to be misplaced so far: drift, and jumps of the meter's clock.
    /// `None` until the clocks were compared.
    pub(super) fn greatest_ns(&self) -> Option<u64> {
        self.offset_ns.map(|_| self.greatest_ns)
    }

    fn hold(&mut self, arrived: Arrived, backwards: bool, placed: &mut Vec<Placed>) {
        if backwards {
            // Readings of before the jump have no offset in common with those after it, and too few of their own.
            self.held.clear();
        }
        self.held.push(arrived);
        self.ripen(arrived.arrival_ns, placed);
    }

    /// Places what was kept back, if there is enough of it by now.
    pub(super) fn ripen(&mut self, now_ns: i64, placed: &mut Vec<Placed>) {
        let age_ns = self.held.first().map_or(0, |first| now_ns - first.arrival_ns);
        if age_ns >= FIRST_NS || (age_ns >= BURST_NS && self.held.len() >= FIRST_READINGS) {
            self.finish(placed);
        }
    }

    /// Places what was kept back by the best estimate that it allows.
    pub(super) fn finish(&mut self, placed: &mut Vec<Placed>) {
        let least_ns = self.held.iter().map(|held| held.arrival_ns.saturating_sub(held.meter_ns)).min();
        let Some(offset_ns) = least_ns else { return };
        self.offset_ns = Some(offset_ns);
        self.block = (0, i64::MAX);
        placed.extend(self.held.drain(..).map(|held| put(held, offset_ns)));
    }

    /// A lesser offset is better at once; that all have become greater is only known after a block of them.
    fn count(&mut self, seen_ns: i64, offset_ns: i64) {
        let (length, least_ns) = self.block;
        self.block = (length + 1, least_ns.min(seen_ns));
        let full = self.block.0 == BLOCK_READINGS;
        if full || seen_ns < offset_ns {
            let least_ns = self.block.1;
            self.greatest_ns = self.greatest_ns.max(least_ns.abs_diff(offset_ns));
            self.offset_ns = Some(least_ns);
        }
        if full {
            self.block = (0, i64::MAX);
        }
    }
}

/// Never later than it arrived, whatever the estimate says.
fn put(arrived: Arrived, offset_ns: i64) -> Placed {
    let Arrived { meter_ns, arrival_ns, value } = arrived;
    Placed { at_ns: meter_ns.saturating_add(offset_ns).min(arrival_ns), value }
}

/// Seconds as a meter prints them; `None` if they are not of this world.
pub(super) fn nanoseconds(seconds: f64) -> Option<i64> {
    // 2^53 ns are 104 days, but Unix time in seconds must fit too: then a double resolves a quarter of a microsecond.
    let wanted = seconds * 1e9;
    #[expect(clippy::cast_possible_truncation, reason = "held against the range of i64 just before")]
    (wanted.abs() < 9e18).then_some(wanted as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn feed(alignment: &mut Alignment, pairs: impl IntoIterator<Item = (i64, i64)>) -> Vec<i64> {
        let mut placed = Vec::new();
        for (meter_ns, arrival_ns) in pairs {
            alignment.take(Arrived { meter_ns, arrival_ns, value: Ok(1.0) }, &mut placed);
        }
        placed.iter().map(|placed| placed.at_ns).collect()
    }

    #[test]
    fn lines_that_were_held_back_by_a_buffer_are_placed_when_they_were_taken() {
        // Lines a tenth of a second apart, of which 20 are printed together 2 ms after the last of them was taken.
        let flushed = |line: i64| (line / 20 * 20 + 19) * SECOND / 10 + 100 * SECOND + 2_000_000;
        let placed = feed(&mut Alignment::default(), (0..60).map(|line| (line * SECOND / 10, flushed(line))));
        let expected: Vec<i64> = (0..60).map(|line| 100 * SECOND + line * SECOND / 10 + 2_000_000).collect();
        assert_eq!(placed, expected);
    }

    #[test]
    fn what_was_kept_back_comes_with_time_or_at_the_end() {
        let lines = || (0..8).map(|line| (line * SECOND, 50 * SECOND));
        let (mut alignment, mut placed) = (Alignment::default(), Vec::new());
        assert!(feed(&mut alignment, lines()).is_empty());
        alignment.ripen(50 * SECOND + BURST_NS, &mut placed);
        assert_eq!((placed.len(), placed[7].at_ns), (8, 50 * SECOND));
        let (mut alignment, mut placed) = (Alignment::default(), Vec::new());
        feed(&mut alignment, lines().take(2));
        alignment.finish(&mut placed);
        assert_eq!((placed.len(), placed[0].at_ns), (2, 49 * SECOND));
    }

    #[test]
    fn a_slow_meter_is_not_waited_for_in_vain() {
        let placed = feed(&mut Alignment::default(), [(0, 50 * SECOND), (5 * SECOND, 55 * SECOND)]);
        assert_eq!(placed, [50 * SECOND, 55 * SECOND]);
    }

    #[test]
    fn drift_is_followed_and_told() {
        let mut alignment = Alignment::default();
        // The meter's clock loses a millisecond a second.
        let lines = (0..200).map(|line| (line * (SECOND - 1_000_000), line * SECOND));
        let placed = feed(&mut alignment, lines);
        let error = 199 * SECOND - placed.last().expect("placed");
        assert!((0..=136_000_000).contains(&error), "{error}");
        assert!((60_000_000..70_000_000).contains(&alignment.greatest_ns().expect("aligned")), "{alignment:?}");
    }

    #[test]
    fn a_clock_that_is_set_is_found_again_and_the_jump_is_told() {
        for shift in [-3600 * SECOND, 3600 * SECOND] {
            let mut alignment = Alignment::default();
            let line = |line: i64, shift: i64| (10_000 * SECOND + line * SECOND + shift, line * SECOND);
            feed(&mut alignment, (0..10).map(|number| line(number, 0)));
            let after = feed(&mut alignment, (10..20).map(|number| line(number, shift)));
            assert_eq!(after.last(), Some(&(19 * SECOND)), "{shift}");
            assert_eq!(alignment.greatest_ns(), Some(3_600_000_000_000), "{shift}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_placed_after_it_arrived_or_before_it_was_taken(
            delays in proptest::collection::vec(0_i64..300_000_000, 3..150),
            offset in -1_000_000_000_000_i64..1_000_000_000_000,
        ) {
            let mut alignment = Alignment::default();
            let mut placed = Vec::new();
            for (line, delay) in (0_i64..).zip(&delays) {
                let taken_ns = line * SECOND;
                let arrived = Arrived { meter_ns: taken_ns - offset, arrival_ns: taken_ns + delay, value: Ok(1.0) };
                alignment.take(arrived, &mut placed);
            }
            for (line, placed) in (0_i64..).zip(&placed) {
                let late_ns = placed.at_ns - line * SECOND;
                prop_assert!((0..300_000_000).contains(&late_ns), "line {line} is {late_ns} ns late");
            }
        }
    }

    #[test]
    fn seconds_become_nanoseconds_or_nothing() {
        assert_eq!(nanoseconds(1.5), Some(1_500_000_000));
        assert_eq!(nanoseconds(1e30), None);
        assert_eq!(nanoseconds(f64::NAN), None);
    }
}

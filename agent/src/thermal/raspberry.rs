//! What a Raspberry Pi's firmware says of throttling, clock and heat. It lowers the clock without telling the kernel.

use std::sync::Arc;
use std::time::Duration;

use domain::{Quantity, ThrottleCause};

use super::board::{Paced, Question, Survey};
use super::{Role, StateSeries, zones};

/// Between two questions for clock and heat: each may block on the firmware for some milliseconds.
const PACE: Duration = Duration::from_millis(900);

/// The bits of `get_throttled` that hold now; 16 above each is whether it held since boot or since somebody cleared it.
const BITS: [(&str, ThrottleCause); 4] = [
    ("throttle/pi/under-voltage", ThrottleCause::Supply),
    ("throttle/pi/frequency-capped", ThrottleCause::Thermal),
    ("throttle/pi/throttled", ThrottleCause::Thermal),
    ("throttle/pi/soft-limit", ThrottleCause::Thermal),
];
const NOW: u32 = 0xf;
const SINCE_BOOT: u32 = 16;

/// Shown by old kernels, without a prefix.
const OLD_PATH: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";

/// Asked at every look: the kernel's driver clears the lasting bits every 2 s.
pub(super) fn throttling(survey: &mut Survey) {
    let root = Arc::clone(&survey.root);
    let ask = move || {
        let text = root.gencmd("get_throttled").or_else(|_absent| root.read(OLD_PATH)).ok()?;
        throttled(&text)
    };
    if ask().is_none() {
        return;
    }
    let mut seen = Seen::default();
    let series = BITS.map(|(name, cause)| StateSeries::state(name, cause));
    let question = move |values: &mut Vec<Option<f64>>| {
        let held = ask().map(|word| seen.held(word));
        values.extend((0..BITS.len()).map(|bit| held.map(|held| f64::from(held >> bit & 1))));
    };
    survey.add(series.into(), Question(question));
}

/// The processors' real clock.
pub(super) fn clock(survey: &mut Survey) -> bool {
    let series = StateSeries::new("clock/arm", Quantity::Frequency, Role::ProcessorClock);
    asked(survey, series, "measure_clock arm", clock_mhz)
}

/// The chip's heat, where the kernel has no zone for it.
pub(super) fn temperature(survey: &mut Survey) -> bool {
    asked(survey, zones::series("firmware", Role::Zone), "measure_temp", degrees)
}

fn asked(survey: &mut Survey, series: StateSeries, command: &'static str, parse: fn(&str) -> Option<f64>) -> bool {
    let root = Arc::clone(&survey.root);
    let ask = move || root.gencmd(command).ok().as_deref().and_then(parse);
    let answered = ask().is_some();
    if answered {
        let question = Question(move |values: &mut Vec<Option<f64>>| values.push(ask()));
        survey.add(vec![series], Paced::new(question, survey.pace(PACE)));
    }
    answered
}

/// The bits that are to be remembered between two looks.
#[derive(Debug, Default)]
struct Seen {
    word: Option<u32>,
}

impl Seen {
    /// What held at this look or since the one before: bits of now, and lasting bits that were newly set. A lasting bit that
    /// fell was cleared by somebody, and may be set anew.
    fn held(&mut self, word: u32) -> u32 {
        let before = self.word.replace(word).unwrap_or(word);
        (word | (word & !before) >> SINCE_BOOT) & NOW
    }
}

/// `throttled=0x50005`, or `50005` of an old kernel.
fn throttled(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = text.strip_prefix("throttled=0x").unwrap_or(text);
    u32::from_str_radix(digits, 16).ok()
}

/// `frequency(48)=1000212864`; the number in brackets differs from board to board.
fn clock_mhz(text: &str) -> Option<f64> {
    let (_, hertz) = text.trim().strip_prefix("frequency(")?.split_once(")=")?;
    let hertz: f64 = hertz.parse().ok()?;
    (hertz.is_finite() && hertz > 0.0).then_some(hertz / 1e6)
}

/// `temp=80.8'C`
fn degrees(text: &str) -> Option<f64> {
    zones::plausible(text.trim().strip_prefix("temp=")?.strip_suffix("'C")?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firmwares_answers_are_read_or_refused() {
        assert_eq!(throttled("throttled=0x50005\n"), Some(0x5_0005));
        assert_eq!(throttled("throttled=0x0"), Some(0));
        assert_eq!(throttled("50000"), Some(0x5_0000));
        assert_eq!(throttled("error=1 error_msg=\"Command not registered\""), None);
        assert_eq!(throttled("throttled="), None);
        assert_eq!(clock_mhz("frequency(48)=1000212864"), Some(1_000.212_864));
        assert_eq!(clock_mhz("frequency(0)=0"), None);
        assert_eq!(clock_mhz("frequency(48"), None);
        assert_eq!(degrees("temp=80.8'C"), Some(80.8));
        assert_eq!(degrees("temp=-256.0'C"), None);
    }

    fn check(words: &[u32], expected: &[u32]) {
        let mut seen = Seen::default();
        assert_eq!(words.iter().map(|word| seen.held(*word)).collect::<Vec<_>>(), expected, "{words:x?}");
    }

    #[test]
    fn what_held_between_two_looks_counts_and_what_held_since_boot_does_not() {
        check(&[0x5_0005, 0x5_0000], &[0x5, 0]);
        // The soft limit holds now; capped clock, throttling and soft limit were since boot.
        check(&[0xe_0008], &[0x8]);
        check(&[0, 0x4_0000, 0x4_0000], &[0, 0x4, 0]);
        // Somebody cleared the lasting bits, and it happened again.
        check(&[0x1_0000, 0, 0x1_0000], &[0, 0, 0x1]);
    }
}

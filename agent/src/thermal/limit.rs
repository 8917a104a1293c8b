//! The kernel's limit of the processors' clock (`scaling_max_freq`), and whether something lowered it that is no setting.
//!
//! Heat, a limit of power and a person write to the same limit. A person changes the governor, the least clock or the power
//! mode with it, or lets it stand.

use std::sync::Arc;

use domain::ThrottleCause;

use super::StateSeries;
use super::attribute::Number;
use super::board::{Sensor, Survey};
use super::clocks::policies;
use crate::power::Root;

/// A Jetson's power mode as it was last set.
const POWER_MODE: &str = "/var/lib/nvpmodel/status";
/// A limit that stood as long as this was set by somebody: what holds back a device moves with its heat.
const STANDING_NS: i64 = 600_000_000_000;

pub(super) fn survey(survey: &mut Survey) {
    for (directory, name) in policies(survey) {
        let Ok(number) = Number::open(&survey.root, format!("{directory}/scaling_max_freq")) else { continue };
        let files =
            ["scaling_governor", "scaling_min_freq", "cpuinfo_max_freq"].map(|file| format!("{directory}/{file}"));
        let settings = Settings { root: Arc::clone(&survey.root), files };
        let series = StateSeries::state(format!("throttle/cpufreq/{name}"), ThrottleCause::PowerLimit);
        survey.add(vec![series], Limit { number, settings, judge: Judge::default() });
    }
}

struct Limit {
    number: Number,
    settings: Settings,
    judge: Judge,
}

impl Sensor for Limit {
    fn poll(&mut self, now_ns: i64, values: &mut Vec<Option<f64>>) {
        let Self { number, settings, judge } = self;
        let lowered = number.read().map(|khz| judge.lowered(now_ns, khz, || settings.text()));
        values.push(lowered.map(|lowered| f64::from(u8::from(lowered))));
    }

    fn gone(&self) -> bool {
        self.number.gone()
    }
}

/// What a person changes.
struct Settings {
    root: Arc<dyn Root>,
    files: [String; 3],
}

impl Settings {
    fn text(&self) -> String {
        let files = self.files.iter().map(String::as_str).chain([POWER_MODE]);
        files.map(|path| self.root.read(path).unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }
}

/// Whether a limit is below what it was under the same settings.
#[derive(Debug, Default)]
struct Judge {
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    settings: String,
    greatest_khz: f64,
    standing_khz: f64,
    since_ns: i64,
}

impl Judge {
    /// Asks for the settings only when the limit moved, or is low.
    fn lowered(&mut self, now_ns: i64, khz: f64, settings: impl FnOnce() -> String) -> bool {
        let Some(known) = &mut self.known else {
            self.known = Some(Known { settings: settings(), greatest_khz: khz, standing_khz: khz, since_ns: now_ns });
            return false;
        };
        // Whole numbers of kHz.
        if (known.standing_khz - khz).abs() > 0.5 {
            (known.standing_khz, known.since_ns) = (khz, now_ns);
        }
        if khz < known.greatest_khz {
            let now = settings();
            if known.settings != now || now_ns - known.since_ns >= STANDING_NS {
                (known.settings, known.greatest_khz) = (now, khz);
            }
        } else if khz > known.greatest_khz {
            (known.settings, known.greatest_khz) = (settings(), khz);
        }
        khz < known.greatest_khz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(looks: &[(i64, f64, &str)], expected: &[bool]) {
        let mut judge = Judge::default();
        let judged: Vec<_> = looks
            .iter()
            .map(|&(second, khz, settings)| judge.lowered(second * 1_000_000_000, khz, || settings.to_owned()))
            .collect();
        assert_eq!(judged, expected, "{looks:?}");
    }

    #[test]
    fn a_limit_that_falls_under_the_same_settings_holds_back() {
        check(&[(0, 2e6, "a"), (1, 1.5e6, "a"), (2, 1.8e6, "a"), (3, 2e6, "a")], &[false, true, true, false]);
    }

    #[test]
    fn a_limit_that_is_set_does_not() {
        check(&[(0, 2e6, "a"), (1, 1.5e6, "b"), (2, 1.5e6, "b"), (3, 1e6, "b")], &[false, false, false, true]);
        // The governor is changed at another moment than the limit.
        check(&[(0, 2e6, "a"), (1, 1.5e6, "a"), (2, 1.5e6, "b")], &[false, true, false]);
    }

    #[test]
    fn a_limit_that_stands_is_a_setting_in_the_end() {
        check(
            &[(0, 2e6, "a"), (1, 1e6, "a"), (600, 1e6, "a"), (601, 1e6, "a"), (602, 2e6, "a")],
            &[false, true, true, false, false],
        );
    }
}

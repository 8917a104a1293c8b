//! Single values: numbers, periods, words, paths and selectors.

use std::{fmt, ops::RangeInclusive, time::Duration};

use super::Check;
use crate::{
    Selector,
    campaign::{Diagnostic, Located, Position, diagnostic::did_you_mean},
};

const BATCH: RangeInclusive<u32> = 1..=4096;
const INTRA_THREADS: RangeInclusive<u32> = 1..=1024;
/// Of a sequence, and of any other axis.
pub(super) const LENGTH: RangeInclusive<u32> = 1..=1_000_000;
/// A run that may take longer than a day belongs in several.
pub(super) const LONGEST_PERIOD: Duration = Duration::from_hours(24);

impl Check {
    pub(super) fn batch(&mut self, raw: &Located<u32>) -> Option<u32> {
        self.length("batch", raw, BATCH)
    }

    pub(super) fn sequence_length(&mut self, raw: &Located<u32>) -> Option<u32> {
        self.length("sequence_length", raw, LENGTH)
    }

    pub(super) fn intra_threads(&mut self, raw: &Located<u32>) -> Option<u32> {
        self.number("intra_threads", raw, INTRA_THREADS)
    }

    pub(super) fn number(&mut self, key: &str, raw: &Located<u32>, range: RangeInclusive<u32>) -> Option<u32> {
        self.within(key, &raw.value, raw.at, &range).then_some(raw.value)
    }

    /// A number of elements along an axis.
    pub(super) fn length(&mut self, key: &str, raw: &Located<u32>, range: RangeInclusive<u32>) -> Option<u32> {
        let length = self.number(key, raw, range);
        if raw.value == 0
            && let Some(problem) = self.problems.last_mut()
        {
            problem.hint = Some("an axis of size zero measures nothing".to_owned());
        }
        length
    }

    /// `value` in units of `1 / scale`. Digits beyond those are refused: to round them would measure something else.
    pub(super) fn decimal(
        &mut self,
        key: &str,
        value: f64,
        at: Position,
        range: &RangeInclusive<f64>,
        scale: u32,
    ) -> Option<u64> {
        /// Far above the error of multiplying, far below a digit.
        const TOLERANCE: f64 = 1e-5;
        if !self.within(key, &value, at, range) {
            return None;
        }
        let scaled = value * f64::from(scale);
        if (scaled - scaled.round()).abs() > TOLERANCE {
            let message = format!("{key} is {value}, it may have at most {} decimals", scale.ilog10());
            self.problems.push(Diagnostic::new(at, message));
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, positive, and at most 1e9")]
        Some(scaled.round() as u64)
    }

    pub(super) fn period(
        &mut self,
        key: &str,
        raw: &Located<String>,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let Located { value, at } = raw;
        let Ok(duration) = humantime::parse_duration(value) else {
            let problem = Diagnostic::new(*at, format!("{key} is `{value}`, which is not a duration"));
            self.problems.push(problem.hint("give a number with its unit, such as `500ms` or `2s`"));
            return None;
        };
        if !range.contains(&duration) {
            let message = format!("{key} is {duration:?}, it must be {:?} to {:?}", range.start(), range.end());
            self.problems.push(Diagnostic::new(*at, message));
            return None;
        }
        Some(duration)
    }

    fn within<T: PartialOrd + fmt::Display>(
        &mut self,
        key: &str,
        value: &T,
        at: Position,
        range: &RangeInclusive<T>,
    ) -> bool {
        let within = range.contains(value);
        if !within {
            let message = format!("{key} is {value}, it must be {} to {}", range.start(), range.end());
            self.problems.push(Diagnostic::new(at, message));
        }
        within
    }

    /// One of the words in `known`.
    pub(super) fn word<T: Clone>(&mut self, key: &str, raw: &Located<String>, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == raw.value).map(|(_, item)| item.clone());
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            self.unknown(key, raw, &names);
        }
        found
    }

    pub(super) fn unknown(&mut self, key: &str, raw: &Located<String>, known: &[&str]) {
        let hint = did_you_mean(&raw.value, known.iter().copied())
            .unwrap_or_else(|| format!("this version knows {}", known.join(", ")));
        self.problems.push(Diagnostic::new(raw.at, format!("unknown {key} `{}`", raw.value)).hint(hint));
    }

    /// A file that comes with the campaign.
    pub(super) fn attachment(&mut self, key: &str, path: &Located<String>) {
        let escapes = path.value.split(['/', '\\']).any(|part| part == "..");
        if path.value.is_empty() || path.value.starts_with('/') || escapes {
            let message = format!("{key} must name a file beside or below the campaign file, not `{}`", path.value);
            self.problems.push(Diagnostic::new(path.at, message));
        }
    }

    pub(super) fn selector(&mut self, text: &Located<String>) -> Option<Selector> {
        match text.value.parse() {
            Ok(selector) => Some(selector),
            Err(error) => {
                let problem = Diagnostic::new(text.at, format!("{error}"));
                self.problems.push(problem.hint("write `any`, a device's name, or `class=orin,os=linux`"));
                None
            }
        }
    }
}

//! Warm-up and when a measurement may stop.

use std::time::Duration;

use super::{Check, scalar::LONGEST_PERIOD};
use crate::{
    Tier, Warmup,
    campaign::{
        Diagnostic,
        axes::Matrix,
        measure::Measure,
        raw::{RawMeasure, RawWarmup},
    },
};

const TIERS: [(&str, Tier); 5] = [
    (Tier::Smoke.name(), Tier::Smoke),
    (Tier::Quick.name(), Tier::Quick),
    (Tier::Standard.name(), Tier::Standard),
    (Tier::Official.name(), Tier::Official),
    (Tier::Custom.name(), Tier::Custom),
];

impl Check {
    pub(super) fn warmup(&mut self, raw: &RawWarmup) -> Warmup {
        let RawWarmup { min_iterations, min_duration } = raw;
        let default = Warmup::default();
        Warmup {
            min_iterations: min_iterations
                .as_ref()
                .and_then(|raw| self.number("warmup.min_iterations", raw, 0..=1_000_000))
                .unwrap_or(default.min_iterations),
            min_duration: min_duration
                .as_ref()
                .and_then(|raw| self.period("warmup.min_duration", raw, Duration::ZERO..=LONGEST_PERIOD))
                .unwrap_or(default.min_duration),
        }
    }

    pub(super) fn measure(&mut self, raw: &RawMeasure) -> Measure {
        // How often and in which order is the campaign's question and not the cell's.
        let RawMeasure { tier, min_queries, min_duration, max_duration, repetitions: _, order: _ } = raw;
        Measure {
            tier: tier.as_ref().and_then(|raw| self.word("tier", raw, &TIERS)).unwrap_or_default(),
            min_queries: min_queries.as_ref().and_then(|raw| self.number("measure.min_queries", raw, 1..=10_000_000)),
            min_duration: min_duration
                .as_ref()
                .and_then(|raw| self.period("measure.min_duration", raw, Duration::ZERO..=LONGEST_PERIOD)),
            max_duration: max_duration
                .as_ref()
                .and_then(|raw| self.period("measure.max_duration", raw, Duration::from_millis(1)..=LONGEST_PERIOD)),
        }
    }

    /// The greatest duration must leave room for the least, which the tier may give.
    pub(super) fn room_to_measure(&mut self, raw: &RawMeasure, measure: &Measure, matrix: &Matrix) {
        let Some(max) = &raw.max_duration else { return };
        let rules = matrix.scenarios().into_iter().map(|scenario| measure.rule(scenario));
        let Some(rule) = rules.into_iter().find(|rule| rule.max_duration < rule.min_duration) else { return };
        let message = format!(
            "measure.max_duration ({:?}) is shorter than measure.min_duration ({:?})",
            rule.max_duration, rule.min_duration
        );
        let problem = Diagnostic::new(max.at, message);
        self.problems.push(match &raw.min_duration {
            Some(_) => problem,
            None => problem.hint(format!("that least is the one of the tier `{}`", measure.tier.name())),
        });
    }
}

//! How thoroughly a campaign measures: a tier, numbers of its own, or a tier with numbers of its own.

use std::time::Duration;

use crate::{MeasureRule, Scenario, Tier};

/// What the file says; the numbers of a tier depend on each cell's scenario.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    pub(super) tier: Tier,
    pub(super) min_queries: Option<u32>,
    pub(super) min_duration: Option<Duration>,
    pub(super) max_duration: Option<Duration>,
}

impl Measure {
    /// The rule in that scenario. It carries the tier's name only with the tier's own numbers, so that the name is true.
    pub(super) fn rule(&self, scenario: &Scenario) -> MeasureRule {
        let tier = MeasureRule::of_tier(self.tier, scenario);
        let min_duration = self.min_duration.unwrap_or(tier.min_duration);
        let rule = MeasureRule {
            tier: self.tier,
            min_queries: self.min_queries.unwrap_or(tier.min_queries),
            min_duration,
            // A longer minimum than the usual maximum says that the author wants time.
            max_duration: self.max_duration.unwrap_or(tier.max_duration.max(min_duration * 2)),
        };
        if rule == tier { tier } else { MeasureRule { tier: Tier::Custom, ..rule } }
    }
}

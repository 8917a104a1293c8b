//! Warm-up: inferences that are executed and discarded before measuring.

use std::time::Duration;

use domain::Warmup;

/// Decides when a warm-up is enough: as many iterations and as much time as the rule asks for.
#[derive(Debug, Clone, Copy)]
pub struct WarmUp {
    rule: Warmup,
}

impl WarmUp {
    pub const fn new(rule: Warmup) -> Self {
        Self { rule }
    }

    /// True if one more iteration is due after `done` of them and `elapsed` time.
    pub fn goes_on(&self, done: u32, elapsed: Duration) -> bool {
        done < self.rule.min_iterations || elapsed < self.rule.min_duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_needs_both_iterations_and_time() {
        let warm_up = WarmUp::new(Warmup { min_iterations: 10, min_duration: Duration::from_millis(500) });
        assert!(warm_up.goes_on(9, Duration::from_secs(5)));
        assert!(warm_up.goes_on(5_000, Duration::from_millis(499)));
        assert!(!warm_up.goes_on(10, Duration::from_millis(500)));
    }

    #[test]
    fn no_warm_up_may_be_asked_for() {
        assert!(!WarmUp::new(Warmup { min_iterations: 0, min_duration: Duration::ZERO }).goes_on(0, Duration::ZERO));
    }
}

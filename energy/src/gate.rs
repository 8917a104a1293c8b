//! When a device is cool enough for a run to start: a state machine that is shown one temperature a second.

use std::time::Duration;

use domain::{Cooldown, CooldownOutcome};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Least rest, whatever the temperature.
    pub rest: Duration,
    /// Temperature of rest; `None` = not known.
    pub reference_c: Option<f64>,
    /// Degrees above the reference that still count as cool: 2.
    pub margin_c: f64,
    /// Degrees that nothing may exceed, if the campaign names some.
    pub max_start_c: Option<f64>,
    /// Time over which the temperature must be steady, and by how much it may move: 10 s, 1 degree.
    pub settle: Duration,
    pub settle_c: f64,
    /// Then it is given up: 600 s.
    pub timeout: Duration,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// Look again in a second.
    Wait,
    Start(Cooldown),
}

/// One wait.
#[derive(Debug, Clone)]
pub struct Gate {
    rule: Rule,
    /// When, and how hot: the last `settle` of it, and the look before.
    seen: Vec<(Duration, f64)>,
}

impl Gate {
    pub fn new(rule: Rule) -> Self {
        Self { rule, seen: Vec::new() }
    }

    /// Shows the hottest zone's temperature (`None`: nothing tells it now) at `waited` since the wait began.
    pub fn look(&mut self, waited: Duration, temperature_c: Option<f64>) -> Decision {
        if let Some(temperature) = temperature_c {
            self.seen.push((waited, temperature));
        }
        let older =
            waited.checked_sub(self.rule.settle).and_then(|begin| self.seen.iter().rposition(|(at, _)| *at <= begin));
        self.seen.drain(..older.unwrap_or(0));
        let start = |outcome| {
            let reference_c = self.rule.reference_c;
            Decision::Start(Cooldown { reference_c, start_c: temperature_c, waited, outcome })
        };
        // A campaign may ask for more rest than the wait for a cool board would last.
        if waited < self.rule.rest {
            return Decision::Wait;
        }
        let cool = self.is_cool(temperature_c);
        let outcome = match self.rule.reference_c {
            None if cool && self.seen.is_empty() => Some(CooldownOutcome::NoSensor),
            None if cool => Some(CooldownOutcome::NoReference),
            Some(_) if cool && older.is_some() && self.is_settled() => Some(CooldownOutcome::Cool),
            _ => (waited >= self.rule.timeout).then_some(CooldownOutcome::Timeout),
        };
        outcome.map_or(Decision::Wait, start)
    }

    fn is_cool(&self, temperature_c: Option<f64>) -> bool {
        let Rule { reference_c, margin_c, max_start_c, .. } = self.rule;
        let limits = [reference_c.map(|reference| reference + margin_c), max_start_c];
        let Some(limit) = limits.into_iter().flatten().reduce(f64::min) else { return true };
        // A thermometer that is silent for a second says nothing: look again.
        temperature_c.is_some_and(|temperature| temperature <= limit)
    }

    fn is_settled(&self) -> bool {
        let (lowest, highest) = self
            .seen
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| (low.min(*value), high.max(*value)));
        highest - lowest <= self.rule.settle_c
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: Rule = Rule {
        rest: Duration::from_secs(30),
        reference_c: Some(40.0),
        margin_c: 2.0,
        max_start_c: None,
        settle: Duration::from_secs(10),
        settle_c: 1.0,
        timeout: Duration::from_mins(10),
    };

    /// Looks once a second; how long it took, and how it ended.
    fn wait(rule: Rule, temperature: impl Fn(f64) -> Option<f64>) -> (u64, CooldownOutcome) {
        let mut gate = Gate::new(rule);
        for second in 0..=700_u32 {
            if let Decision::Start(cooldown) =
                gate.look(Duration::from_secs(second.into()), temperature(f64::from(second)))
            {
                return (second.into(), cooldown.outcome);
            }
        }
        panic!("it waits for ever");
    }

    #[test]
    fn a_cool_board_rests_and_starts() {
        assert_eq!(wait(RULE, |_| Some(41.0)), (30, CooldownOutcome::Cool));
        assert_eq!(wait(Rule { rest: Duration::ZERO, ..RULE }, |_| Some(41.0)), (10, CooldownOutcome::Cool));
    }

    #[test]
    fn a_hot_board_starts_when_it_has_cooled_and_settled() {
        let cooling = |second: f64| Some(40.0 + 30.0 * (-second / 30.0).exp());
        let (waited, outcome) = wait(RULE, cooling);
        // 30 K fall to 2 K in 81 s; within 10 s it then still moves by less than a degree.
        assert!((81..=90).contains(&waited) && outcome == CooldownOutcome::Cool, "{waited} s, {outcome:?}");
    }

    #[test]
    fn a_board_that_stays_hot_is_given_up() {
        assert_eq!(wait(RULE, |_| Some(60.0)), (600, CooldownOutcome::Timeout));
        assert_eq!(wait(RULE, |_| None), (600, CooldownOutcome::Timeout), "a thermometer that fell silent");
    }

    #[test]
    fn a_rest_longer_than_the_timeout_is_kept() {
        let patient = Rule { rest: Duration::from_mins(11), ..RULE };
        assert_eq!(wait(patient, |_| Some(41.0)), (660, CooldownOutcome::Cool));
        assert_eq!(wait(patient, |_| Some(60.0)), (660, CooldownOutcome::Timeout));
    }

    #[test]
    fn without_a_reference_only_the_campaigns_own_limit_counts() {
        let blind = Rule { reference_c: None, ..RULE };
        assert_eq!(wait(blind, |_| Some(90.0)), (30, CooldownOutcome::NoReference));
        assert_eq!(wait(blind, |_| None), (30, CooldownOutcome::NoSensor));
        let limited = Rule { max_start_c: Some(50.0), ..blind };
        let (waited, outcome) = wait(limited, |second| Some(90.0 - second / 2.0));
        assert_eq!((waited, outcome), (80, CooldownOutcome::NoReference));
    }

    #[test]
    fn a_trembling_board_is_not_settled() {
        let trembling = |second: f64| Some(if second.rem_euclid(4.0) < 2.0 { 39.0 } else { 41.5 });
        assert_eq!(wait(RULE, trembling), (600, CooldownOutcome::Timeout));
    }

    proptest! {
        #[test]
        fn it_never_starts_before_its_rest_nor_hot_nor_after_its_timeout(
            rest in 0_u64..690, start in 30.0_f64..90.0, constant in 1.0_f64..300.0,
        ) {
            let rule = Rule { rest: Duration::from_secs(rest), ..RULE };
            let temperature = |second: f64| 38.0 + (start - 38.0) * (-second / constant).exp();
            let (waited, outcome) = wait(rule, |second| Some(temperature(second)));
            prop_assert!(waited >= rest && waited <= rest.max(600));
            #[expect(clippy::cast_precision_loss, reason = "seconds")]
            let at_start = temperature(waited as f64);
            if outcome == CooldownOutcome::Cool {
                prop_assert!(at_start <= 42.0);
            } else {
                prop_assert_eq!(waited, rest.max(600));
            }
        }

        #[test]
        fn a_board_that_is_steady_below_its_limit_is_always_cool(
            rest in 0_u64..600, below in 0.0_f64..10.0, tremble in 0.0_f64..1.0,
        ) {
            let rule = Rule { rest: Duration::from_secs(rest), ..RULE };
            let steady = |second: f64| Some(42.0 - below - if second.rem_euclid(2.0) < 1.0 { tremble } else { 0.0 });
            prop_assert_eq!(wait(rule, steady), (rest.max(10), CooldownOutcome::Cool));
        }
    }
}

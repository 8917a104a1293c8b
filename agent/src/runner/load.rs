//! Puts one cell's load on a model: the loop its scenario asks for, once, or as often as a search for the greatest rate
//! needs.

use std::time::Duration;

use domain::{CellSpec, MeasureRule, Percentile, Rate, Scenario, ServerLoad, Trial};
use loadgen::{Choice, ClosedLoop, Offline, RateSearch, SCHEDULE_SEED, Server, early_stopping};

use super::measure::{self, Recording};
use super::runtime::{Callable, RuntimeError};

/// What a cell's load came to.
pub(super) struct Load {
    pub(super) recording: Recording,
    /// Server: the offered rate.
    pub(super) rate: Option<Rate>,
    /// Of a search, in order.
    pub(super) trials: Vec<Trial>,
}

impl Load {
    fn of(recording: Recording) -> Self {
        Self { recording, rate: None, trials: Vec::new() }
    }
}

/// Measures. `shortest` is the shortest inference so far, from which the room for latencies and the first rate of a search
/// are guessed.
pub(super) fn carry(
    cell: &CellSpec,
    model: &impl Callable,
    choice: &mut Choice,
    shortest: Duration,
) -> Result<Load, RuntimeError> {
    let rule = cell.measure;
    let expected = expected_queries(rule, shortest);
    match cell.scenario {
        Scenario::SingleStream | Scenario::MultiStream { .. } => {
            let pattern = ClosedLoop::new(rule);
            let decide = |issued, issue, now| pattern.next(issued, issue, now);
            measure::closed_loop(model, decide, choice, expected).map(Load::of)
        }
        Scenario::Offline => {
            let pattern = Offline::new(rule, cell.samples_per_query());
            let decide = |issued, _, now| pattern.next(issued, now);
            measure::closed_loop(model, decide, choice, expected).map(Load::of)
        }
        Scenario::Server { load, target_latency, percentile } => {
            let target = Target { rule, latency: target_latency, percentile };
            match load {
                ServerLoad::Fixed(rate) => {
                    let recording = target.serve(rule, model, rate, choice)?;
                    Ok(Load { rate: Some(rate), ..Load::of(recording) })
                }
                ServerLoad::Search => target.search(model, choice, shortest),
            }
        }
    }
}

/// What a server is held to.
struct Target {
    rule: MeasureRule,
    latency: Duration,
    percentile: Percentile,
}

impl Target {
    fn serve(
        &self,
        rule: MeasureRule,
        model: &impl Callable,
        rate: Rate,
        choice: &mut Choice,
    ) -> Result<Recording, RuntimeError> {
        let pattern = Server::new(rule, rate, self.latency, self.percentile, SCHEDULE_SEED);
        let arrivals = rule.min_duration.as_secs_f64() * rate.per_second();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "room, and it saturates")]
        measure::server(model, pattern, choice, arrivals.ceil() as usize)
    }

    /// The rule of one trial of a search: near the limit early stopping needs ever longer, and a search need not know on
    /// which side a rate lies that nothing but patience decides. Undecided counts as failed.
    fn of_trial(&self, rate: Rate) -> MeasureRule {
        let enough = MeasureRule::time_to_decide(rate, self.percentile).max(self.rule.min_duration * 2);
        MeasureRule { max_duration: self.rule.max_duration.min(enough), ..self.rule }
    }

    /// The greatest rate that holds the latency. What is reported is its own measurement, or, if none held it, that of
    /// the least rate tried, which then is invalid by its own reasons.
    fn search(&self, model: &impl Callable, choice: &mut Choice, shortest: Duration) -> Result<Load, RuntimeError> {
        let first = half_of_capacity(shortest);
        let mut search = RateSearch::new(first);
        let mut trials = Vec::new();
        let mut kept: Option<(Trial, Recording)> = None;
        while let Some(rate) = search.next() {
            let recording = self.serve(self.of_trial(rate), model, rate, choice)?;
            let trial = self.trial(rate, &recording);
            search.record(trial.passed);
            trials.push(trial);
            if kept.as_ref().is_none_or(|(kept, _)| is_better(trial, *kept)) {
                kept = Some((trial, recording));
            }
        }
        let (rate, recording) = match kept {
            Some((trial, recording)) => (trial.rate, recording),
            // A search that tries nothing: its first rate is what remains to be told.
            None => (first, self.serve(self.of_trial(first), model, first, choice)?),
        };
        Ok(Load { recording, rate: Some(rate), trials })
    }

    /// A rate passes if early stopping says so, which is stricter than the percentile of the samples alone.
    fn trial(&self, rate: Rate, recording: &Recording) -> Trial {
        let target = u64::try_from(self.latency.as_nanos()).unwrap_or(u64::MAX);
        let count = |latencies: usize| u32::try_from(latencies).unwrap_or(u32::MAX);
        let queries = count(recording.latencies_ns.len());
        let over = count(recording.latencies_ns.iter().filter(|&&latency| latency > target).count());
        let decided = early_stopping::decide(self.percentile, queries.into(), over.into());
        Trial { rate, queries, over_latency: over, passed: decided.met }
    }
}

/// A rate that held is better than one that failed; of two that held the greater, of two that failed the lesser.
fn is_better(trial: Trial, kept: Trial) -> bool {
    match (trial.passed, kept.passed) {
        (true, true) => trial.rate > kept.rate,
        (false, false) => trial.rate < kept.rate,
        (passed, _) => passed,
    }
}

/// Half of what the model could serve if queries came in step: random arrivals at this rate wait little.
fn half_of_capacity(shortest: Duration) -> Rate {
    let shortest = shortest.max(Duration::from_nanos(100)).as_nanos();
    let millis = u64::try_from(500_000_000_000_u128 / shortest).unwrap_or(u64::MAX).max(1);
    Rate::from_millis(millis).unwrap_or(Rate::LEAST)
}

/// How many latencies to make room for: what the rule asks for at the warm-up's fastest.
fn expected_queries(rule: MeasureRule, shortest: Duration) -> usize {
    let by_time = rule.min_duration.as_nanos() / shortest.as_nanos().max(1);
    usize::try_from(by_time).unwrap_or(usize::MAX).max(rule.min_queries as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_begins_at_half_of_what_could_be_served() {
        assert_eq!(half_of_capacity(Duration::from_millis(10)), Rate::from_millis(50_000).expect("a rate"));
    }

    #[test]
    fn room_is_made_for_the_time_and_for_the_count() {
        let rule = MeasureRule { min_queries: 64, min_duration: Duration::from_secs(2), ..MeasureRule::default() };
        assert_eq!(expected_queries(rule, Duration::from_millis(10)), 200);
        assert_eq!(expected_queries(rule, Duration::from_millis(500)), 64);
    }
}

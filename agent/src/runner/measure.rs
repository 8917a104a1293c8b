//! The measured loop, and what leads up to it. Between two readings of the clock lies the runtime's call and nothing else.

use std::time::Duration;

use loadgen::{Decision, SingleStream, WarmUp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::runtime::{Bound, RuntimeError};
use super::stopwatch;

/// Chooses the order of queries, alike in every run: `LoadGen`'s first v6 seed. The order itself is not `LoadGen`'s, whose
/// generator is C++'s.
const ORDER_SEED: u64 = 2_085_463_073_848_966_840;
/// Room made beforehand for latencies; more may come.
const LATENCIES: std::ops::RangeInclusive<usize> = 1024..=1 << 20;

/// Which query is next: uniform with replacement, as `LoadGen` chooses for a single stream.
pub(super) struct Choice {
    rng: ChaCha8Rng,
    queries: usize,
}

impl Choice {
    /// Among this many queries; at least one.
    pub(super) fn among(queries: usize) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(ORDER_SEED), queries }
    }

    #[inline]
    fn next(&mut self) -> usize {
        self.rng.random_range(0..self.queries)
    }
}

/// Runs and discards; returns how many inferences, and the shortest one.
pub(super) fn warm_up(model: &Bound, rule: WarmUp, choice: &mut Choice) -> Result<(u32, Duration), RuntimeError> {
    let origin = stopwatch::now();
    let mut begin = origin;
    let (mut done, mut shortest) = (0, model.first_inference());
    while rule.goes_on(done, begin - origin) {
        let query = choice.next();
        run(model, done, query)?;
        let end = stopwatch::now();
        shortest = shortest.min(end - begin);
        (begin, done) = (end, done + 1);
    }
    Ok((done, shortest))
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Recording {
    /// In issue order; at least one.
    pub(super) latencies_ns: Vec<u64>,
    /// From the first issue to the last completion.
    pub(super) measured: Duration,
}

/// Measures one query after the other until `pattern` says stop.
pub(super) fn single_stream(
    model: &Bound,
    pattern: SingleStream,
    choice: &mut Choice,
    expected: usize,
) -> Result<Recording, RuntimeError> {
    let mut latencies_ns = Vec::with_capacity(expected.clamp(*LATENCIES.start(), *LATENCIES.end()));
    let (mut issued, mut last_issue, mut now) = (0, Duration::ZERO, Duration::ZERO);
    let origin = stopwatch::now();
    while pattern.next(issued, last_issue, now) == Decision::Issue {
        let query = choice.next();
        let begin = stopwatch::now();
        let outcome = model.run(query);
        let end = stopwatch::now();
        if let Err(source) = outcome {
            return Err(RuntimeError::Run { number: issued, query, source });
        }
        latencies_ns.push(u64::try_from((end - begin).as_nanos()).unwrap_or(u64::MAX));
        issued += 1;
        (last_issue, now) = (begin - origin, end - origin);
    }
    Ok(Recording { latencies_ns, measured: now })
}

fn run(model: &Bound, number: u32, query: usize) -> Result<(), RuntimeError> {
    model.run(query).map_err(|source| RuntimeError::Run { number, query, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_queries_is_the_same_every_time_and_reaches_all() {
        let order = || {
            let mut choice = Choice::among(10);
            (0..200).map(|_| choice.next()).collect::<Vec<_>>()
        };
        assert_eq!(order(), order());
        assert!((0..10).all(|query| order().contains(&query)));
    }
}

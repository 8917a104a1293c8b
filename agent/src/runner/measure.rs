//! The measured loops, and what leads up to them. Between two readings of the clock lies the runtime's call and nothing
//! else.
//!
//! A server has no issuing thread of its own here, unlike `LoadGen`: one session serves one query at a time, first come,
//! first served, so that a query begins at the later of its scheduled arrival and its predecessor's completion. The
//! measuring thread itself waits for an arrival (it sleeps, then spins) when it has nothing to do, and goes on at once
//! when it is late. No second thread takes a core from the model, and no hand-over between threads adds to a latency.

use std::thread;
use std::time::{Duration, Instant};

use domain::StopReason;
use loadgen::{Arrival, Choice, Decision, Server, WarmUp};

use super::runtime::{Bound, RuntimeError};
use super::stopwatch;

/// Room made beforehand for latencies; more may come.
const LATENCIES: std::ops::RangeInclusive<usize> = 1024..=1 << 20;
/// A sleeping thread wakes up to some 70 us late; the rest of the way to an arrival it spins.
const SPIN: Duration = Duration::from_micros(200);

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
    /// Server only: of each query, how late it began although nothing was before it.
    pub(super) slips_ns: Option<Vec<u64>>,
    /// From the first issue to the last issue, and to the last completion.
    pub(super) issuing: Duration,
    pub(super) measured: Duration,
    pub(super) stop: StopReason,
}

/// Measures one query after the other until `decide` says stop: it is asked with the number of queries issued, the time of
/// the last issue and that of its completion, both since the first issue.
pub(super) fn closed_loop(
    model: &Bound,
    decide: impl Fn(u32, Duration, Duration) -> Decision,
    choice: &mut Choice,
    expected: usize,
) -> Result<Recording, RuntimeError> {
    let mut latencies_ns = room(expected);
    let (mut issued, mut issuing, mut measured) = (0, Duration::ZERO, Duration::ZERO);
    let origin = stopwatch::now();
    let stop = loop {
        if let Decision::Stop(reason) = decide(issued, issuing, measured) {
            break reason;
        }
        let query = choice.next();
        let begin = stopwatch::now();
        let outcome = model.run(query);
        let end = stopwatch::now();
        if let Err(source) = outcome {
            return Err(RuntimeError::Run { number: issued, query, source });
        }
        latencies_ns.push(nanoseconds(end - begin));
        issued += 1;
        (issuing, measured) = (begin - origin, end - origin);
    };
    Ok(Recording { latencies_ns, slips_ns: None, issuing, measured, stop })
}

/// Serves queries as they arrive. Latency counts from the scheduled arrival, so that waiting behind others is in it.
pub(super) fn server(
    model: &Bound,
    mut pattern: Server,
    choice: &mut Choice,
    expected: usize,
) -> Result<Recording, RuntimeError> {
    let (mut latencies_ns, mut slips_ns) = (room(expected), room(expected));
    let (mut issued, mut issuing) = (0, Duration::ZERO);
    let origin = stopwatch::now();
    let mut free = origin;
    let stop = loop {
        let scheduled = match pattern.next(free - origin) {
            Arrival::Stop(reason) => break reason,
            Arrival::Issue { scheduled } => scheduled,
        };
        let query = choice.next();
        let arrival = origin + scheduled;
        wait_until(arrival);
        let begin = stopwatch::now();
        let outcome = model.run(query);
        let end = stopwatch::now();
        if let Err(source) = outcome {
            return Err(RuntimeError::Run { number: issued, query, source });
        }
        let latency = end - arrival;
        latencies_ns.push(nanoseconds(latency));
        slips_ns.push(nanoseconds(begin - arrival.max(free)));
        pattern.complete(latency);
        issued += 1;
        (issuing, free) = (scheduled, end);
    };
    Ok(Recording { latencies_ns, slips_ns: Some(slips_ns), issuing, measured: free - origin, stop })
}

/// Sleeps most of the way, and spins the rest; returns at once if the moment has passed.
fn wait_until(moment: Instant) {
    let ahead = moment.saturating_duration_since(stopwatch::now());
    if let Some(sleep) = ahead.checked_sub(SPIN) {
        thread::sleep(sleep);
    }
    while stopwatch::now() < moment {
        std::hint::spin_loop();
    }
}

fn room(expected: usize) -> Vec<u64> {
    Vec::with_capacity(expected.clamp(*LATENCIES.start(), *LATENCIES.end()))
}

fn nanoseconds(duration: Duration) -> u64 {
    // 584 years fit.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn run(model: &Bound, number: u32, query: usize) -> Result<(), RuntimeError> {
    model.run(query).map_err(|source| RuntimeError::Run { number, query, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_not_before_its_moment() {
        for ahead in [Duration::ZERO, Duration::from_micros(50), Duration::from_millis(2)] {
            let moment = stopwatch::now() + ahead;
            wait_until(moment);
            assert!(stopwatch::now() >= moment);
        }
    }
}

//! The measured loops, and what leads up to them. Between two readings of the clock lies the runtime's call and nothing
//! else.
//!
//! A server has no issuing thread of its own here, unlike `LoadGen`: one session serves one query at a time, first come,
//! first served, so that a query begins at the later of its scheduled arrival and its predecessor's completion. The
//! measuring thread itself waits for an arrival (it sleeps, then spins) when it has nothing to do, and goes on at once
//! when it is late. No second thread takes a core from the model, and no hand-over between threads adds to a latency.

use std::thread;
use std::time::{Duration, Instant};

use domain::{CellSpec, StopReason};
use loadgen::{Arrival, Choice, Decision, Server, WarmUp};

use super::runtime::{Callable, RuntimeError};
use crate::stopwatch;

/// Room made beforehand for latencies; more may come.
const LATENCIES: std::ops::RangeInclusive<usize> = 1024..=1 << 20;
/// A sleeping thread wakes up to some 70 us late; the rest of the way to an arrival it spins.
const SPIN: Duration = Duration::from_micros(200);

/// Between two looks at the temperature while a sustained regime warms up.
const LOOK: Duration = Duration::from_secs(1);
/// Degrees by which a settled temperature may move.
const SETTLED_C: f64 = 1.0;
/// Even a big heat sink has settled by then.
const SETTLE_MOST: Duration = CellSpec::SETTLE_MOST;

/// Runs and discards; returns how many inferences, and the shortest one.
pub(super) fn warm_up(
    model: &impl Callable,
    rule: WarmUp,
    choice: &mut Choice,
) -> Result<(u32, Duration), RuntimeError> {
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

/// Runs and discards until the temperature has stopped rising: by no more than [`SETTLED_C`] over `plateau`, looked at once
/// a second between two inferences. Without a thermometer, for twice that time. Returns how many inferences.
pub(super) fn settle(
    model: &impl Callable,
    plateau: Duration,
    temperature_c: impl Fn() -> Option<f64>,
    choice: &mut Choice,
) -> Result<u32, RuntimeError> {
    let origin = stopwatch::now();
    let (mut done, mut looked) = (0, Duration::ZERO);
    let mut seen: Vec<(Duration, f64)> = Vec::new();
    loop {
        let query = choice.next();
        run(model, done, query)?;
        done += 1;
        let elapsed = stopwatch::now() - origin;
        if elapsed < looked {
            continue;
        }
        looked = elapsed + LOOK;
        seen.extend(temperature_c().map(|temperature| (elapsed, temperature)));
        let blind = seen.is_empty() && elapsed >= plateau * 2;
        if blind || settled(&seen, elapsed, plateau) || elapsed >= SETTLE_MOST {
            return Ok(done);
        }
    }
}

fn settled(seen: &[(Duration, f64)], elapsed: Duration, plateau: Duration) -> bool {
    let Some(begin) = elapsed.checked_sub(plateau) else { return false };
    let within = seen.iter().filter(|(at, _)| *at >= begin).map(|(_, temperature)| *temperature);
    let range = within.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    range.1 - range.0 <= SETTLED_C
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Recording {
    /// When measuring began.
    pub(super) begun: Instant,
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
    model: &impl Callable,
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
    Ok(Recording { begun: origin, latencies_ns, slips_ns: None, issuing, measured, stop })
}

/// Serves queries as they arrive. Latency counts from the scheduled arrival, so that waiting behind others is in it.
pub(super) fn server(
    model: &impl Callable,
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
    Ok(Recording { begun: origin, latencies_ns, slips_ns: Some(slips_ns), issuing, measured: free - origin, stop })
}

/// Sleeps most of the way, and spins the rest; returns at once if the moment has passed.
pub(crate) fn wait_until(moment: Instant) {
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

fn run(model: &impl Callable, number: u32, query: usize) -> Result<(), RuntimeError> {
    model.run(query).map_err(|source| RuntimeError::Run { number, query, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_has_settled_when_it_stopped_rising() {
        let rising = |degrees_a_second: f64| -> Vec<(Duration, f64)> {
            (0..60_u32)
                .map(|second| (Duration::from_secs(second.into()), 40.0 + degrees_a_second * f64::from(second)))
                .collect()
        };
        let (elapsed, plateau) = (Duration::from_secs(59), Duration::from_secs(30));
        assert!(settled(&rising(0.01), elapsed, plateau));
        assert!(!settled(&rising(0.1), elapsed, plateau));
        assert!(!settled(&rising(0.0), Duration::from_secs(20), plateau), "too early to tell");
    }

    #[test]
    fn a_wait_ends_not_before_its_moment() {
        for ahead in [Duration::ZERO, Duration::from_micros(50), Duration::from_millis(2)] {
            let moment = stopwatch::now() + ahead;
            wait_until(moment);
            assert!(stopwatch::now() >= moment);
        }
    }
}

//! What the harness costs: the measured loop against the bare call, in one process, turn by turn.

use std::path::Path;
use std::time::Duration;

use domain::{CellSpec, MeasureRule, ModelRef};
use loadgen::{Choice, ClosedLoop, ORDER_SEED};

use super::job::explain;
use super::measure;
use super::runtime::{Bound, Engine, EngineError, RuntimeError, SessionSetup, Source};
use super::{input, process};
use crate::stopwatch;

/// Calls before the first round, so that caches and clock rates have settled.
const WARM_UP_CALLS: u32 = 20_000;

/// Costs of one call in nanoseconds; each the median over the rounds.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OverheadReport {
    pub runtime_version: String,
    /// Calls in each round, of either kind.
    pub calls: u32,
    /// The runtime's call in a tight loop, timed as one block.
    pub raw_ns: f64,
    /// The loop a run is measured with: its wall time by the number of calls.
    pub harness_ns: f64,
    /// What the loop adds to a call, compared within each round.
    pub added_ns: f64,
    /// `harness_ns` over `raw_ns`, compared within each round.
    pub ratio: f64,
    /// The median latency the loop records: the call, and about one reading of the clock.
    pub recorded_p50_ns: f64,
    pub rounds: Vec<Round>,
    /// The own scheduling group could be raised.
    pub autogroup_raised: bool,
}

/// One round, in nanoseconds a call.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Round {
    pub raw_ns: f64,
    pub harness_ns: f64,
    pub recorded_p50_ns: u64,
}

/// No overhead was measured.
#[derive(Debug, thiserror::Error)]
pub enum OverheadError {
    #[error("calls and rounds must be at least 1")]
    Nothing,
    /// The whole chain of causes.
    #[error("{0}")]
    Failed(String),
}

/// Measures on the bytes of an ONNX model with fixed shapes: a trivial graph shows most. **Only in a process of its own**:
/// it loads the runtime, and leaves the caller's session.
pub fn overhead(library: &Path, model: &[u8], calls: u32, rounds: u32) -> Result<OverheadReport, OverheadError> {
    if calls == 0 || rounds == 0 {
        return Err(OverheadError::Nothing);
    }
    let autogroup_raised = process::stand_apart();
    let failed = |error: &dyn std::error::Error| OverheadError::Failed(explain(error));
    let engine = Engine::load(library).map_err(|error: EngineError| failed(&error))?;
    let cell = CellSpec::new(ModelRef::nameless());
    let model = engine.open(Source::Bytes(model), &SessionSetup::of(&cell)).map_err(|error| failed(&error))?;
    let queries = input::random(0, model.inputs()).map_err(|error| failed(&error))?;
    let model = model.bind(&queries, &cell.state).map_err(|error| failed(&error))?;
    let measured: Result<Vec<Round>, RuntimeError> = raw(&model, WARM_UP_CALLS)
        .and_then(|_| (0..rounds).map(|_| Ok(round(raw(&model, calls)?, harness(&model, calls)?, calls))).collect());
    let rounds = measured.map_err(|error| failed(&error))?;
    let over_rounds =
        |value: fn(&Round) -> f64| stats::median(&rounds.iter().map(value).collect::<Vec<_>>()).unwrap_or(0.0);
    Ok(OverheadReport {
        runtime_version: engine.version().to_owned(),
        calls,
        raw_ns: over_rounds(|round| round.raw_ns),
        harness_ns: over_rounds(|round| round.harness_ns),
        added_ns: over_rounds(|round| round.harness_ns - round.raw_ns),
        ratio: over_rounds(|round| round.harness_ns / round.raw_ns),
        #[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^52 ns")]
        recorded_p50_ns: over_rounds(|round| round.recorded_p50_ns as f64),
        rounds,
        autogroup_raised,
    })
}

fn round(raw: Duration, (harness, recorded_p50_ns): (Duration, u64), calls: u32) -> Round {
    let per_call_ns = |total: Duration| total.as_secs_f64() * 1e9 / f64::from(calls);
    Round { raw_ns: per_call_ns(raw), harness_ns: per_call_ns(harness), recorded_p50_ns }
}

/// The floor: the same call on the same memory, and nothing beside it.
fn raw(model: &Bound, calls: u32) -> Result<Duration, RuntimeError> {
    let (outcome, total) = stopwatch::timed(|| {
        (0..calls).try_for_each(|number| {
            // As many queries in turn as the loop draws from, so that both touch the same memory.
            let query = number as usize % model.queries();
            model.run(query).map_err(|source| RuntimeError::Run { number, query, source })
        })
    });
    outcome.map(|()| total)
}

/// The loop of a run, asked for exactly so many calls; also the median latency it records.
fn harness(model: &Bound, calls: u32) -> Result<(Duration, u64), RuntimeError> {
    let rule = MeasureRule {
        min_queries: calls,
        min_duration: Duration::ZERO,
        max_duration: Duration::MAX,
        ..MeasureRule::default()
    };
    let pattern = ClosedLoop::new(rule);
    let mut choice = Choice::uniform(model.queries(), ORDER_SEED);
    let (recording, total) = stopwatch::timed(|| {
        let decide = |issued, issue, now| pattern.next(issued, issue, now);
        measure::closed_loop(model, decide, &mut choice, calls as usize)
    });
    let mut latencies_ns = recording?.latencies_ns;
    latencies_ns.sort_unstable();
    Ok((total, stats::percentile(&latencies_ns, 0.5).unwrap_or(0)))
}

//! From what one run recorded to its statistics and its verdict: one pure function, so that coordinator, command line and
//! a replay years later agree to the last byte.
//!
//! It sees the samples as they are stored, never finer ones: what can't be replayed is not published. It must not know
//! where a run comes from, and reads no clock.

mod hearing;
pub mod outputs;
pub mod samples;
mod statistics;
#[cfg(test)]
mod tests;
mod verdict;

use domain::{CellSpec, Measurement, Statistics, Verdict};

pub use samples::InvalidSamples;

/// What follows from one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    pub statistics: Statistics,
    pub verdict: Verdict,
}

/// A measurement from which nothing follows: its samples are not what it says.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    #[error("its latencies can't be used: {0}")]
    Latencies(InvalidSamples),
    #[error("its schedule slips can't be used: {0}")]
    Slip(InvalidSamples),
    #[error("it has {slips} schedule slips for {latencies} latencies")]
    Unlike { slips: usize, latencies: usize },
    #[error("it has no samples")]
    Empty,
}

/// Computes statistics and verdict of a measurement of this cell. Takes up to seconds for millions of samples.
pub fn analyse(cell: &CellSpec, measurement: &Measurement) -> Result<Analysis, Flaw> {
    let latencies = samples::decode(&measurement.samples).map_err(Flaw::Latencies)?;
    let slip = measurement.slip.as_ref().map(samples::decode).transpose().map_err(Flaw::Slip)?;
    replay(cell, measurement, &latencies, slip.as_deref())
}

/// As [`analyse`], from samples in nanoseconds that were decoded before; the blobs of the measurement are not looked at.
pub fn replay(
    cell: &CellSpec,
    measurement: &Measurement,
    latencies: &[u64],
    slip: Option<&[u64]>,
) -> Result<Analysis, Flaw> {
    if let Some(slip) = slip
        && slip.len() != latencies.len()
    {
        return Err(Flaw::Unlike { slips: slip.len(), latencies: latencies.len() });
    }
    let hearing = hearing::hear(cell, measurement);
    let statistics = statistics::compute(cell, measurement, latencies, slip, &hearing).ok_or(Flaw::Empty)?;
    let verdict = verdict::judge(cell, measurement, &statistics, hearing.problem.as_ref());
    Ok(Analysis { statistics, verdict })
}

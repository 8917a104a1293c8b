//! What an agent delivers: judged, stored once, and always acknowledged if it can be attributed at all.
//!
//! A report that is malformed is stored as a failed attempt: refused, it would be offered for ever.

use std::sync::Arc;

use analysis::Analysis;
use domain::{AttemptPhase, Failure, FailureKind, Measurement, Timestamp};
use tracing::{info, warn};

use super::{
    Engine,
    accuracy::{self, AccuracyError},
    telemetry,
};
use crate::store::{Accepted, AttemptContext, NextState, ReportKey, StoreError};

/// Greatest length of a failure's message in bytes: one sentence.
const MESSAGE_LIMIT_BYTES: usize = 4 * 1024;
/// Greatest size of a histogram in bytes; one over the whole range with three digits takes half of that uncompressed.
const HISTOGRAM_LIMIT_BYTES: usize = 1024 * 1024;
/// 9999-12-31: later than this PostgreSQL and people agree on nothing.
const LATEST: Timestamp = Timestamp(253_402_214_400_000_000);

/// A report that could not be stored now. Its agent keeps it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the predictions of a run could not be kept")]
    Predictions(#[source] AccuracyError),
}

/// The outcome of an attempt as its agent tells it.
#[derive(Debug)]
pub(crate) enum Reported {
    Measurement(Box<Measurement>),
    Failure(Failure),
    /// Nothing one could store; says what was wrong with it.
    Malformed(String),
}

impl Engine {
    /// Stores an outcome. `report` is its encoding, kept if the outcome is stale.
    pub(crate) async fn accept(
        &self,
        key: ReportKey,
        reported: Reported,
        report: Arc<[u8]>,
    ) -> Result<Accepted, AcceptError> {
        let now = self.clock().now();
        let Some(attempt) = self.store().attempt_context(key.attempt).await? else {
            warn!(attempt.id = %key.attempt, result.uid = %key.result_uid, "a report names an attempt that does not exist");
            return Ok(self.store().keep_orphan(key, "no such attempt", &report, now).await?);
        };
        let accepted = match judged(reported, &attempt).await {
            Judged::Measurement(measurement, mut analysis) => {
                self.judge_outputs(&attempt, &measurement, &mut analysis).await;
                self.accept_measurement(key, &attempt, (&measurement, &analysis), &report).await
            }
            Judged::Failure(failure) => Ok(self.accept_failure(key, &attempt, failure, &report).await?),
            Judged::Malformed(why) => Ok(self.accept_malformed(key, &attempt, &why, &report).await?),
        }?;
        info!(
            attempt.id = %attempt.id,
            run.id = %attempt.run,
            device = %attempt.device_name,
            outcome = ?accepted,
            "report received"
        );
        self.wake();
        Ok(accepted)
    }

    async fn accept_measurement(
        &self,
        key: ReportKey,
        attempt: &AttemptContext,
        (measurement, analysis): (&Measurement, &Analysis),
        report: &[u8],
    ) -> Result<Accepted, AcceptError> {
        if let Some(record) = &measurement.accuracy
            && let Err(error) = self.keep_predictions(record).await
        {
            // The agent keeps the report, and delivers it again.
            return Err(AcceptError::Predictions(error));
        }
        let now = self.clock().now();
        let stored = self.store().accept_measurement(key, attempt, measurement, analysis, report, now).await;
        match stored {
            Ok(accepted) => {
                self.inner.sessions.note_device_success(attempt.device);
                Ok(accepted)
            }
            Err(error @ StoreError::OutOfRange(_)) => {
                Ok(self.accept_malformed(key, attempt, &error.to_string(), report).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn accept_malformed(
        &self,
        key: ReportKey,
        attempt: &AttemptContext,
        why: &str,
        report: &[u8],
    ) -> Result<Accepted, StoreError> {
        warn!(attempt.id = %attempt.id, device = %attempt.device_name, why, "a report is malformed");
        let message = format!("the agent's report is malformed: {why}");
        let failure = Failure::without_runner(FailureKind::Infra, AttemptPhase::Reporting, message);
        self.accept_failure(key, attempt, failure, report).await
    }

    async fn accept_failure(
        &self,
        key: ReportKey,
        attempt: &AttemptContext,
        mut failure: Failure,
        report: &[u8],
    ) -> Result<Accepted, StoreError> {
        keep_tail(&mut failure.stderr_tail, Failure::STDERR_LIMIT_BYTES);
        failure.message.truncate(failure.message.floor_char_boundary(MESSAGE_LIMIT_BYTES));
        let now = self.clock().now();
        let (accepted, next) = self.store().accept_failure(key, attempt, &failure, report, now).await?;
        if accepted == Accepted::Stored && failure.kind == FailureKind::Infra {
            self.inner.sessions.note_device_failure(attempt.device, self.clock().monotonic());
        }
        if next == Some(NextState::Failed) {
            info!(run.id = %attempt.run, kind = %failure.kind, reason = %failure.message, "run failed");
        }
        Ok(accepted)
    }
}

/// An outcome after a look at what it says.
enum Judged {
    Measurement(Box<Measurement>, Box<Analysis>),
    Failure(Failure),
    Malformed(String),
}

/// Analysing takes up to seconds for the greatest blob: off the loop.
async fn judged(reported: Reported, attempt: &AttemptContext) -> Judged {
    let mut measurement = match reported {
        Reported::Measurement(measurement) => measurement,
        Reported::Failure(failure) => return Judged::Failure(failure),
        Reported::Malformed(why) => return Judged::Malformed(why),
    };
    if !accuracy::is_expected(attempt, &measurement) {
        return Judged::Malformed(format!("it is not the outcome of a run for {}", attempt.mode.name()));
    }
    if let Some(telemetry) = &measurement.telemetry
        && let Some(why) = telemetry::flaw(telemetry, attempt.simulated.as_deref())
    {
        return Judged::Malformed(why);
    }
    let cell = attempt.spec.clone();
    let task = tokio::task::spawn_blocking(move || {
        if let Some(why) = flaw(&measurement) {
            return Judged::Malformed(why);
        }
        let checked = measurement.accuracy.as_mut().map(|record| accuracy::check(&cell, record)).transpose();
        let objection = match checked {
            Ok(objection) => objection.flatten(),
            Err(why) => return Judged::Malformed(why),
        };
        match analysis::analyse(&cell, &measurement) {
            Ok(analysis) if !telemetry::is_storable(&analysis.statistics) => {
                Judged::Malformed("its energy or heat is no finite number".to_owned())
            }
            Ok(mut analysis) => {
                analysis.verdict.object(objection);
                Judged::Measurement(measurement, Box::new(analysis))
            }
            Err(flaw) => Judged::Malformed(flaw.to_string()),
        }
    });
    task.await.unwrap_or_else(|error| Judged::Malformed(format!("analysing it failed: {error}")))
}

/// What no analysis would mind, and no later reader could live with.
fn flaw(measurement: &Measurement) -> Option<String> {
    if measurement.histogram.len() > HISTOGRAM_LIMIT_BYTES {
        return Some(format!("a histogram of {} bytes", measurement.histogram.len()));
    }
    if !(Timestamp(0)..LATEST).contains(&measurement.started_at) {
        return Some("started_at lies outside of the years 1970 to 9999".to_owned());
    }
    None
}

fn keep_tail(text: &mut String, limit: usize) {
    if text.len() > limit {
        let start = text.ceil_char_boundary(text.len() - limit);
        text.drain(..start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_standard_error_is_what_is_kept() {
        let mut text = "ééé the end".to_owned();
        keep_tail(&mut text, 9);
        assert_eq!(text, " the end", "and no character is cut in half");
    }
}

//! Storing what an attempt came to: exactly once, under the live fence, or as an orphan kept for audit.

use std::collections::BTreeSet;

use analysis::Analysis;
use domain::{
    AttemptId, Failure, Fence, Measurement, ResultUid, RunId, RunMode, Scenario, Statistics, Timestamp, Verdict,
    VerdictLevel, units,
};
use sqlx::PgConnection;

use super::{
    AttemptContext, NextState, Store, StoreError,
    attempts::{end_without_measurement, mark_failed},
    campaigns::complete_campaign,
    events::{NewEvent, append, lock_campaign},
    measurements::insert_measurement,
    row::at,
};

/// What identifies a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReportKey {
    pub(crate) attempt: AttemptId,
    pub(crate) fence: Fence,
    pub(crate) result_uid: ResultUid,
}

/// What became of a report. Each is final: a repeated delivery gets the same answer, or [`Accepted::Already`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    Stored,
    /// This `result_uid` was stored before.
    Already,
    /// Its lease was lost.
    Stale,
}

impl Store {
    /// Stores the one result of a run, if the attempt's fence is still the run's. `report` is kept if it is not.
    pub(crate) async fn accept_measurement(
        &self,
        key: ReportKey,
        attempt: &AttemptContext,
        measurement: &Measurement,
        analysis: &Analysis,
        report: &[u8],
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_campaign(&mut tx, attempt.campaign).await?;
        if let Some(earlier) = earlier_outcome(&mut tx, key.result_uid).await? {
            return Ok(earlier);
        }
        if !take_run(&mut tx, key, attempt, now).await? {
            return orphan(tx, key, "the lease was lost", report, now).await;
        }
        insert_measurement(&mut tx, (attempt, key.result_uid), measurement, analysis, now).await?;
        let event = NewEvent {
            kind: "run.done",
            campaign: attempt.campaign,
            run: Some(attempt.run),
            attempt: Some(attempt.id),
            device: Some(&attempt.device_name),
            message: format!(
                "run {} is done on {}: {}, {}",
                attempt.run,
                attempt.device_name,
                headline(attempt.spec.scenario, measurement, &analysis.statistics),
                analysis.verdict.level,
            ),
        };
        append(&mut tx, event, now).await?;
        repeat_if_suspect(&mut tx, attempt, &analysis.verdict, now).await?;
        complete_campaign(&mut tx, attempt.campaign, now).await?;
        tx.commit().await?;
        Ok(Accepted::Stored)
    }

    /// Stores a failure under the same guards, and moves the run on.
    pub(crate) async fn accept_failure(
        &self,
        key: ReportKey,
        attempt: &AttemptContext,
        failure: &Failure,
        report: &[u8],
        now: Timestamp,
    ) -> Result<(Accepted, Option<NextState>), StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_campaign(&mut tx, attempt.campaign).await?;
        if let Some(earlier) = earlier_outcome(&mut tx, key.result_uid).await? {
            return Ok((earlier, None));
        }
        let stored = key.fence == attempt.fence && mark_failed(&mut tx, attempt, key.result_uid, failure, now).await?;
        let next = if stored {
            let why = format!(
                "attempt {} on {} failed ({}): {}",
                attempt.number, attempt.device_name, failure.kind, failure.message
            );
            end_without_measurement(&mut tx, attempt, failure.kind, &why, now).await?
        } else {
            None
        };
        let Some(next) = next else {
            tx.rollback().await?;
            return Ok((self.keep_orphan(key, "the lease was lost", report, now).await?, None));
        };
        tx.commit().await?;
        Ok((Accepted::Stored, Some(next)))
    }

    /// Keeps a report that belongs nowhere.
    pub(crate) async fn keep_orphan(
        &self,
        key: ReportKey,
        reason: &str,
        report: &[u8],
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        orphan(self.pool.begin().await?, key, reason, report, now).await
    }
}

/// The figures that matter most in this scenario, in a few words.
fn headline(scenario: Scenario, measurement: &Measurement, statistics: &Statistics) -> String {
    if let Some(record) = &measurement.accuracy {
        let metrics = record.metrics.iter().map(|metric| format!("{} {:.4}", metric.name, metric.value));
        return format!("{} over {} examples", metrics.collect::<Vec<_>>().join(", "), record.counts.scored);
    }
    let mut figures = vec![format!("p50 {}", units::duration_ns(statistics.latency.p50_ns))];
    match scenario.headline().and_then(|percentile| statistics.estimate(percentile)) {
        Some(estimate) if estimate.is_quotable(measurement.samples.count.into()) => {
            figures.push(format!("{} {}", estimate.percentile, units::duration_ns(estimate.value_ns)));
        }
        Some(_) => {}
        None => figures.push(units::per_second(statistics.throughput_per_s)),
    }
    if let Some(rate) = measurement.rate {
        figures.push(format!("at {rate}"));
    }
    figures.join(", ")
}

async fn earlier_outcome(tx: &mut PgConnection, uid: ResultUid) -> Result<Option<Accepted>, StoreError> {
    let known = sqlx::query!(
        r#"select exists (select 1 from attempt where result_uid = $1) as "stored!",
               exists (select 1 from orphan_result where result_uid = $1) as "orphaned!""#,
        uid.0,
    )
    .fetch_one(tx)
    .await?;
    Ok(if known.stored {
        Some(Accepted::Already)
    } else if known.orphaned {
        Some(Accepted::Stale)
    } else {
        None
    })
}

/// The guard: key, fence and from-state, of run and attempt alike.
async fn take_run(
    tx: &mut PgConnection,
    key: ReportKey,
    attempt: &AttemptContext,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let taken = sqlx::query!(
        "update run r set state = 'done', ended_at = $4 from attempt a
         where r.id = $1 and r.fence = $2 and r.state = 'active'
           and a.id = $3 and a.run_id = r.id and a.fence = r.fence and a.state in ('leased', 'running')",
        attempt.run.0,
        key.fence.0,
        key.attempt.0,
        at(now),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if taken == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "update attempt set state = 'done', ended_at = $3, result_uid = $4 where id = $1 and fence = $2",
        key.attempt.0,
        key.fence.0,
        at(now),
        key.result_uid.0,
    )
    .execute(tx)
    .await?;
    Ok(true)
}

/// Orders one more run of a suspect run's cell, unless it is a repeat itself. The caller holds the campaign's lock.
async fn repeat_if_suspect(
    tx: &mut PgConnection,
    attempt: &AttemptContext,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<(), StoreError> {
    // A data set gives the same answers again.
    if verdict.level != VerdictLevel::Suspect || attempt.mode == RunMode::Accuracy {
        return Ok(());
    }
    // At the end of the campaign: by then what disturbed it may be over.
    let repeat = sqlx::query_scalar!(
        "insert into run (campaign_id, cell_id, selector_class_id, position, repetition, repeats)
         select r.campaign_id, r.cell_id, r.selector_class_id,
             (select max(position) + 1 from run where campaign_id = r.campaign_id),
             (select max(repetition) + 1 from run where cell_id = r.cell_id),
             r.id
         from run r join campaign c on c.id = r.campaign_id
         where r.id = $1 and r.repeats is null and c.state = 'running'
         returning id",
        attempt.run.0,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(repeat) = repeat.map(RunId) else { return Ok(()) };
    let reasons: BTreeSet<_> = verdict.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let reasons: Vec<_> = reasons.into_iter().collect();
    let event = NewEvent {
        kind: "run.repeat",
        campaign: attempt.campaign,
        run: Some(repeat),
        attempt: None,
        device: None,
        message: format!("run {repeat} repeats {}, which is suspect: {}", attempt.run, reasons.join(", ")),
    };
    append(tx, event, now).await
}

async fn orphan(
    mut tx: sqlx::Transaction<'_, sqlx::Postgres>,
    key: ReportKey,
    reason: &str,
    report: &[u8],
    now: Timestamp,
) -> Result<Accepted, StoreError> {
    sqlx::query!(
        "insert into orphan_result (result_uid, attempt_id, fence, received_at, reason, report)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        key.result_uid.0,
        key.attempt.0,
        key.fence.0,
        at(now),
        reason,
        report,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Accepted::Stale)
}

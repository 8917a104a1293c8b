//! Storing what an attempt came to: exactly once, under the live fence, or as an orphan kept for audit.

use domain::{AttemptId, Failure, Fence, Measurement, ResultUid, Timestamp, Verdict, units};
use sqlx::PgConnection;

use super::{
    AttemptContext, NextState, Store, StoreError,
    attempts::{end_without_measurement, mark_failed},
    campaigns::complete_campaign,
    events::{NewEvent, append, lock_campaign},
    row::{at, bigint, nanoseconds, to_json},
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
        verdict: &Verdict,
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
        insert_measurement(&mut tx, key, attempt, measurement, verdict, now).await?;
        let event = NewEvent {
            kind: "run.done",
            campaign: attempt.campaign,
            run: Some(attempt.run),
            attempt: Some(attempt.id),
            device: Some(&attempt.device_name),
            message: format!(
                "run {} is done on {}: p50 {}, p99 {}, {}",
                attempt.run,
                attempt.device_name,
                units::duration_ns(measurement.latency.p50_ns),
                units::duration_ns(measurement.latency.p99_ns),
                verdict.level,
            ),
        };
        append(&mut tx, event, now).await?;
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

    /// The compressed samples of a run: pco bytes and the quantum in nanoseconds.
    pub(crate) async fn samples(&self, run: domain::RunId) -> Result<Option<(Vec<u8>, u64)>, StoreError> {
        let row = sqlx::query!("select data, quantum_ns from sample_blob where run_id = $1", run.0)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| {
            let place = super::row::Place { table: "sample_blob", id: run.0 };
            Ok((row.data, place.number("quantum_ns", row.quantum_ns)?))
        })
        .transpose()
    }
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

async fn insert_measurement(
    tx: &mut PgConnection,
    key: ReportKey,
    attempt: &AttemptContext,
    measurement: &Measurement,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Measurement {
        started_at,
        measured,
        samples,
        latency,
        histogram,
        runtime_load,
        session_load,
        first_inference,
        warmup_iterations,
        peak_rss_bytes,
        end_rss_bytes,
        batch,
        environment,
        inputs,
        outputs,
    } = measurement;
    sqlx::query!(
        "insert into measurement (run_id, attempt_id, result_uid, device_id, cell_key, stored_at, started_at,
             measured_ns, sample_count, min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns,
             runtime_load_ns, session_load_ns, first_inference_ns, warmup_iterations, peak_rss_bytes, end_rss_bytes,
             batch, environment, inputs, outputs, verdict, verdict_reasons)
         select $1, $2, $3, $4, c.key, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
             $22, $23, $24, $25, $26, $27, $28, $29
         from run r join cell c on c.id = r.cell_id where r.id = $1",
        attempt.run.0,
        key.attempt.0,
        key.result_uid.0,
        attempt.device.0,
        at(now),
        at(*started_at),
        nanoseconds("measured_ns", *measured)?,
        i64::from(samples.count),
        bigint("min_ns", latency.min_ns)?,
        bigint("p50_ns", latency.p50_ns)?,
        bigint("p90_ns", latency.p90_ns)?,
        bigint("p95_ns", latency.p95_ns)?,
        bigint("p99_ns", latency.p99_ns)?,
        bigint("p999_ns", latency.p999_ns)?,
        bigint("max_ns", latency.max_ns)?,
        latency.mean_ns,
        bigint("mad_ns", latency.mad_ns)?,
        nanoseconds("runtime_load_ns", *runtime_load)?,
        nanoseconds("session_load_ns", *session_load)?,
        nanoseconds("first_inference_ns", *first_inference)?,
        i64::from(*warmup_iterations),
        bigint("peak_rss_bytes", *peak_rss_bytes)?,
        bigint("end_rss_bytes", *end_rss_bytes)?,
        i64::from(*batch),
        to_json("environment", environment)?,
        to_json("inputs", inputs)?,
        to_json("outputs", outputs)?,
        verdict.level.name(),
        to_json("verdict_reasons", &verdict.reasons)?,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("insert into latency_histogram (run_id, data) values ($1, $2)", attempt.run.0, histogram)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "insert into sample_blob (run_id, codec, quantum_ns, data) values ($1, 'pco-u64', $2, $3)",
        attempt.run.0,
        i64::from(samples.quantum_ns),
        samples.pco,
    )
    .execute(tx)
    .await?;
    Ok(())
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

//! Attempts and their leases. A lease lives by PostgreSQL's clock alone.

use std::time::Duration;

use domain::{
    AttemptId, AttemptPhase, AttemptState, CampaignId, CellSpec, DeviceId, Failure, FailureKind, Fence, RunId, RunMode,
    Timestamp,
    run::{AfterFailure, after_failure},
};
use sqlx::{PgConnection, types::time::OffsetDateTime};

use super::{
    Store, StoreError,
    campaigns::complete_campaign,
    events::{NewEvent, append, lock_campaign},
    grants::{release_cells, release_cells_of},
    row::{Place, at, name_of},
};

#[derive(Debug, Clone)]
pub(crate) struct AttemptRecord {
    pub(crate) id: AttemptId,
    pub(crate) number: u32,
    pub(crate) fence: Fence,
    pub(crate) device_name: String,
    pub(crate) state: AttemptState,
    pub(crate) leased_at: Timestamp,
}

/// What surrounds an attempt.
#[derive(Debug, Clone)]
pub(crate) struct AttemptContext {
    pub(crate) id: AttemptId,
    pub(crate) fence: Fence,
    /// From 1, within the run.
    pub(crate) number: u32,
    pub(crate) run: RunId,
    pub(crate) campaign: CampaignId,
    pub(crate) device: DeviceId,
    pub(crate) device_name: String,
    pub(crate) mode: RunMode,
    pub(crate) spec: CellSpec,
    /// The board that the device pretends to be; `None` = it is real.
    pub(crate) simulated: Option<String>,
}

/// A lease that was renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Renewed {
    pub(crate) attempt: AttemptId,
    pub(crate) fence: Fence,
}

/// Why an attempt is given up without a word from its agent about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Its lease ran out.
    Expired,
    /// Its agent said hello without it: it never arrived, or the agent was restarted.
    NotHeld,
    /// The assignment could not be handed to the session.
    Undeliverable,
}

impl Loss {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Expired => "its lease ran out without a word from the agent",
            Self::NotHeld => "the agent came back without it",
            Self::Undeliverable => "the agent's session ended before the assignment reached it",
        }
    }
}

/// What became of a run whose attempt ended without a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextState {
    Ready,
    Failed,
}

impl Store {
    pub(crate) async fn attempt_context(&self, id: AttemptId) -> Result<Option<AttemptContext>, StoreError> {
        context(&mut *self.pool.acquire().await?, id).await
    }

    /// Renews the leases of those `held` attempts that are live and belong to the device, and notes their phases.
    pub(crate) async fn renew(
        &self,
        device: DeviceId,
        held: &[(AttemptId, Fence, AttemptPhase)],
        lease: Duration,
    ) -> Result<Vec<Renewed>, StoreError> {
        let ids: Vec<_> = held.iter().map(|(id, _, _)| id.0).collect();
        let fences: Vec<_> = held.iter().map(|(_, fence, _)| fence.0).collect();
        let phases: Vec<_> = held.iter().map(|(_, _, phase)| name_of("phase", phase)).collect::<Result<_, _>>()?;
        let rows = sqlx::query!(
            "update attempt a set state = 'running', phase = h.phase,
                 lease_until = clock_timestamp() + make_interval(secs => $5)
             from unnest($2::bigint[], $3::bigint[], $4::text[]) as h (id, fence, phase)
             where a.id = h.id and a.fence = h.fence and a.device_id = $1 and a.state in ('leased', 'running')
             returning a.id, a.fence",
            device.0,
            &ids,
            &fences,
            &phases,
            lease.as_secs_f64(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| Renewed { attempt: AttemptId(row.id), fence: Fence(row.fence) }).collect())
    }

    /// Gives every live attempt at least this much more time: when *we* were away, nobody could renew.
    pub(crate) async fn extend_all_leases(&self, grace: Duration) -> Result<u64, StoreError> {
        let extended = sqlx::query!(
            "update attempt set lease_until = greatest(lease_until, clock_timestamp() + make_interval(secs => $1))
             where state in ('leased', 'running')",
            grace.as_secs_f64(),
        )
        .execute(&self.pool)
        .await?;
        Ok(extended.rows_affected())
    }

    /// Attempts whose lease is over, oldest first.
    pub(crate) async fn expired_attempts(&self, limit: u32) -> Result<Vec<AttemptId>, StoreError> {
        let ids = sqlx::query_scalar!(
            "select id from attempt where state in ('leased', 'running') and lease_until < clock_timestamp()
             order by lease_until limit $1",
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(AttemptId).collect())
    }

    /// Live attempts of a device.
    pub(crate) async fn live_attempts(&self, device: DeviceId) -> Result<Vec<AttemptId>, StoreError> {
        let ids = sqlx::query_scalar!(
            "select id from attempt where device_id = $1 and state in ('leased', 'running')",
            device.0,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(AttemptId).collect())
    }

    /// Ends a lease as lost; the run becomes ready again or fails for good. `None`: the attempt had ended, or (if
    /// it was to expire) its lease was renewed meanwhile.
    pub(crate) async fn lose(
        &self,
        id: AttemptId,
        loss: Loss,
        now: Timestamp,
    ) -> Result<Option<NextState>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let Some(attempt) = context(&mut tx, id).await? else { return Ok(None) };
        lock_campaign(&mut tx, attempt.campaign).await?;
        let ended = sqlx::query!(
            "update attempt set state = 'lost', ended_at = $3 where id = $1 and fence = $2
             and state in ('leased', 'running') and ($4 or lease_until < clock_timestamp())",
            id.0,
            attempt.fence.0,
            at(now),
            loss != Loss::Expired,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if ended == 0 {
            return Ok(None);
        }
        let why = format!("attempt {} on {} was lost: {}", attempt.number, attempt.device_name, loss.sentence());
        let next = end_without_measurement(&mut tx, &attempt, FailureKind::Lost, &why, now).await?;
        if loss == Loss::Expired {
            release_cells_of(&mut tx, attempt.device).await?;
        }
        tx.commit().await?;
        Ok(next)
    }

    /// In order of number.
    pub(crate) async fn attempts(&self, run: RunId) -> Result<Vec<AttemptRecord>, StoreError> {
        let rows = sqlx::query!(
            "select a.id, a.number, a.fence, a.device_id, d.name, a.state, a.phase, a.leased_at, a.lease_until,
                 a.ended_at, a.failure
             from attempt a join device d on d.id = a.device_id where a.run_id = $1 order by a.number",
            run.0,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "attempt", id: row.id };
                let device = DeviceId(row.device_id);
                let ended_at = || place.required("ended_at", row.ended_at).map(Timestamp::from);
                let until = row.lease_until.into();
                let state = match row.state.as_str() {
                    "leased" => AttemptState::Leased { device, until },
                    "running" => {
                        let phase = place.named("phase", place.required("phase", row.phase)?)?;
                        AttemptState::Running { device, until, phase }
                    }
                    "done" => AttemptState::Done { device, ended_at: ended_at()? },
                    "failed" => {
                        let failure = place.json("failure", place.required("failure", row.failure)?)?;
                        AttemptState::Failed { device, ended_at: ended_at()?, failure }
                    }
                    "lost" => AttemptState::Lost { device, ended_at: ended_at()? },
                    "cancelled" => AttemptState::Cancelled { device, ended_at: ended_at()? },
                    _ => return Err(place.inconsistent("state")),
                };
                Ok(AttemptRecord {
                    id: AttemptId(row.id),
                    number: place.number("number", row.number.into())?,
                    fence: Fence(row.fence),
                    device_name: row.name,
                    state,
                    leased_at: row.leased_at.into(),
                })
            })
            .collect()
    }
}

pub(super) async fn context(
    connection: &mut PgConnection,
    id: AttemptId,
) -> Result<Option<AttemptContext>, StoreError> {
    let row = sqlx::query!(
        "select a.fence, a.number, a.run_id, r.campaign_id, r.mode, a.device_id, d.name, d.facts ->> 'simulated' as simulated,
             c.id as cell_id, c.spec
         from attempt a join run r on r.id = a.run_id join cell c on c.id = r.cell_id join device d on d.id = a.device_id
         where a.id = $1",
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(AttemptContext {
            id,
            fence: Fence(row.fence),
            number: Place { table: "attempt", id: id.0 }.number("number", row.number.into())?,
            run: RunId(row.run_id),
            campaign: CampaignId(row.campaign_id),
            device: DeviceId(row.device_id),
            device_name: row.name,
            mode: Place { table: "run", id: row.run_id }.named("mode", row.mode)?,
            spec: Place { table: "cell", id: row.cell_id }.json("spec", row.spec)?,
            simulated: row.simulated,
        })
    })
    .transpose()
}

/// Moves the run of an attempt that just failed or was lost, and notes it. The caller holds the campaign's lock.
/// `None`: the run is no longer under this attempt's fence.
pub(super) async fn end_without_measurement(
    tx: &mut PgConnection,
    attempt: &AttemptContext,
    kind: FailureKind,
    why: &str,
    now: Timestamp,
) -> Result<Option<NextState>, StoreError> {
    let (next, wait) = match after_failure(kind, attempt.number) {
        AfterFailure::Retry { after } => (NextState::Ready, after),
        AfterFailure::GiveUp => (NextState::Failed, Duration::ZERO),
    };
    let ended_at: Option<OffsetDateTime> = (next == NextState::Failed).then(|| at(now));
    let moved = sqlx::query!(
        "update run set
             state = case when $3::timestamptz is null then 'ready' else 'failed' end, ended_at = $3,
             not_before = case when $3::timestamptz is null then clock_timestamp() + make_interval(secs => $4) end
         where id = $1 and fence = $2 and state = 'active'",
        attempt.run.0,
        attempt.fence.0,
        ended_at,
        wait.as_secs_f64(),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if moved == 0 {
        return Ok(None);
    }
    release_cells(tx, &[attempt.run.0]).await?;
    let (event_kind, outlook) = match next {
        NextState::Ready => ("run.retry", format!("tried again in {} s", wait.as_secs())),
        NextState::Failed => ("run.failed", "the run has failed".to_owned()),
    };
    let event = NewEvent {
        kind: event_kind,
        campaign: attempt.campaign,
        run: Some(attempt.run),
        attempt: Some(attempt.id),
        device: Some(&attempt.device_name),
        message: format!("run {}: {why}; {outlook}", attempt.run),
    };
    append(tx, event, now).await?;
    complete_campaign(tx, attempt.campaign, now).await?;
    Ok(Some(next))
}

/// Ends an attempt with the failure its agent reported. False: the attempt had ended.
pub(super) async fn mark_failed(
    tx: &mut PgConnection,
    attempt: &AttemptContext,
    result_uid: domain::ResultUid,
    failure: &Failure,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let failed = sqlx::query!(
        "update attempt set state = 'failed', ended_at = $3, result_uid = $4, failure = $5
         where id = $1 and fence = $2 and state in ('leased', 'running')",
        attempt.id.0,
        attempt.fence.0,
        at(now),
        result_uid.0,
        super::row::to_json("failure", failure)?,
    )
    .execute(tx)
    .await?;
    Ok(failed.rows_affected() == 1)
}

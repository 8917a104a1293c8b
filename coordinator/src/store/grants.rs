//! Grants: the committed right of a device to execute a run.

use std::time::Duration;

use domain::{AttemptId, CampaignId, CellSpec, DeviceId, Fence, RunId, RunMode, Timestamp};

use sqlx::PgConnection;

use super::{
    Store, StoreError,
    row::{Place, at},
};

/// A decision to give a run to a device, as of the device's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) run: RunId,
    pub(crate) device: DeviceId,
    pub(crate) epoch: i64,
}

/// A grant that is committed.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) attempt: AttemptId,
    pub(crate) run: RunId,
    pub(crate) campaign: CampaignId,
    pub(crate) device: DeviceId,
    pub(crate) fence: Fence,
    pub(crate) mode: RunMode,
    pub(crate) repetition: u32,
    pub(crate) spec: CellSpec,
}

impl Store {
    /// Commits these grants in one transaction and answers those that came true. A run that is no longer ready, a
    /// device that is busy or whose session was superseded, a campaign that ended: lost races, and no errors.
    pub(crate) async fn grant(
        &self,
        grants: &[Grant],
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Granted>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let devices: Vec<_> = grants.iter().map(|grant| grant.device.0).collect();
        let epochs: Vec<_> = grants.iter().map(|grant| grant.epoch).collect();
        // The share lock makes a concurrent Hello wait, and this wait for it: after it the epoch no longer matches.
        let live = sqlx::query_scalar!(
            "select d.id from device d join unnest($1::uuid[], $2::bigint[]) as w (id, epoch)
                 on d.id = w.id and d.session_epoch = w.epoch order by d.id for share of d",
            &devices,
            &epochs,
        )
        .fetch_all(&mut *tx)
        .await?;
        let live: Vec<_> = grants.iter().filter(|grant| live.contains(&grant.device.0)).collect();
        let runs: Vec<_> = live.iter().map(|grant| grant.run.0).collect();
        let devices: Vec<_> = live.iter().map(|grant| grant.device.0).collect();
        sqlx::query_scalar!(
            "select id from campaign where id in (select campaign_id from run where id = any($1))
             order by id for no key update",
            &runs,
        )
        .fetch_all(&mut *tx)
        .await?;
        // The first grant of a cell binds it to the device; a second coordinator's then finds it bound, and loses.
        sqlx::query!(
            "update cell c set device_id = w.device_id
             from unnest($1::bigint[], $2::uuid[]) as w (run_id, device_id) join run r on r.id = w.run_id
             where c.id = r.cell_id and c.device_id is null and r.state = 'ready'",
            &runs,
            &devices,
        )
        .execute(&mut *tx)
        .await?;
        let attempts = sqlx::query_scalar!(
            "with granted as (
                 update run r set state = 'active', fence = r.fence + 1, attempts = r.attempts + 1, not_before = null
                 from unnest($1::bigint[], $2::uuid[]) as w (run_id, device_id), campaign c, cell
                 where r.id = w.run_id and r.state = 'ready' and c.id = r.campaign_id and c.state = 'running'
                   and cell.id = r.cell_id and cell.device_id = w.device_id
                   and not exists (select 1 from attempt a
                       where a.device_id = w.device_id and a.state in ('leased', 'running'))
                 returning r.id, r.fence, r.attempts, w.device_id)
             insert into attempt (run_id, device_id, number, fence, state, leased_at, lease_until)
             select id, device_id, attempts, fence, 'leased', $3, clock_timestamp() + make_interval(secs => $4)
             from granted returning id",
            &runs,
            &devices,
            at(now),
            lease.as_secs_f64(),
        )
        .fetch_all(&mut *tx)
        .await?;
        release_cells(&mut tx, &runs).await?;
        sqlx::query!(
            "insert into event (at, kind, campaign_id, run_id, attempt_id, device, message)
             select $2, 'attempt.leased', r.campaign_id, r.id, a.id, d.name,
                 format('run r-%s goes to %s (attempt %s)', r.id, d.name, a.number)
             from attempt a join run r on r.id = a.run_id join device d on d.id = a.device_id
             where a.id = any($1) order by a.id",
            &attempts,
            at(now),
        )
        .execute(&mut *tx)
        .await?;
        let rows = sqlx::query!(
            "select a.id, a.run_id, a.device_id, a.fence, r.campaign_id, r.mode, r.repetition, c.id as cell_id, c.spec
             from attempt a join run r on r.id = a.run_id join cell c on c.id = r.cell_id
             where a.id = any($1) order by a.id",
            &attempts,
        )
        .fetch_all(&mut *tx)
        .await?;
        let granted = rows
            .into_iter()
            .map(|row| {
                Ok(Granted {
                    attempt: AttemptId(row.id),
                    run: RunId(row.run_id),
                    campaign: CampaignId(row.campaign_id),
                    device: DeviceId(row.device_id),
                    fence: Fence(row.fence),
                    mode: Place { table: "run", id: row.run_id }.named("mode", row.mode)?,
                    repetition: Place { table: "run", id: row.run_id }.number("repetition", row.repetition.into())?,
                    spec: Place { table: "cell", id: row.cell_id }.json("spec", row.spec)?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        tx.commit().await?;
        Ok(granted)
    }
}

/// Lets go of the devices of these runs' cells where no run of a cell is measured or being measured: another device may
/// have better luck.
pub(super) async fn release_cells(tx: &mut PgConnection, runs: &[i64]) -> Result<(), StoreError> {
    sqlx::query!(
        "update cell set device_id = null
         where id in (select cell_id from run where id = any($1)) and device_id is not null
           and not exists (select 1 from run r where r.cell_id = cell.id and r.state in ('active', 'done'))",
        runs,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets go of a device that fell silent, which may never come back: what is left of its cells goes on elsewhere, and their
/// summaries name every device that measured.
pub(super) async fn release_cells_of(tx: &mut PgConnection, device: DeviceId) -> Result<(), StoreError> {
    sqlx::query!(
        "update cell set device_id = null from campaign c
         where cell.device_id = $1 and c.id = cell.campaign_id and c.state = 'running'
           and not exists (select 1 from run r where r.cell_id = cell.id and r.state = 'active')",
        device.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}

//! Campaigns: submitted once with all their cells and runs, completed or cancelled once.

use std::collections::BTreeMap;

use domain::{AttemptId, CampaignId, CampaignState, DeviceId, Digest, Order, Selector, Timestamp, campaign::Plan};
use sqlx::{PgConnection, types::time::OffsetDateTime};

use super::{
    Store, StoreError, artifacts,
    events::{NewEvent, append, lock_campaign},
    row::{Place, at, bytes_of, to_json},
};

/// A planned campaign, ready to be stored.
#[derive(Debug)]
pub(crate) struct NewCampaign<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) file_name: &'a str,
    /// Verbatim.
    pub(crate) yaml: &'a str,
    /// Text of the included files by path, verbatim.
    pub(crate) includes: &'a BTreeMap<String, String>,
    /// Empty: none.
    pub(crate) idempotency_key: &'a str,
    pub(crate) attachments: &'a [(String, Digest)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Submitted {
    pub(crate) id: CampaignId,
    /// The idempotency key had been used before.
    pub(crate) existed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CampaignRecord {
    pub(crate) id: CampaignId,
    pub(crate) name: String,
    pub(crate) state: CampaignState,
    pub(crate) created_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) cells: u32,
    pub(crate) runs: RunCounts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RunCounts {
    pub(crate) total: u32,
    pub(crate) ready: u32,
    pub(crate) active: u32,
    pub(crate) done: u32,
    pub(crate) failed: u32,
    pub(crate) cancelled: u32,
}

struct CampaignRow {
    id: i64,
    name: String,
    state: String,
    created_at: OffsetDateTime,
    finished_at: Option<OffsetDateTime>,
    cells: i64,
    ready: i64,
    active: i64,
    done: i64,
    failed: i64,
    cancelled: i64,
}

impl TryFrom<CampaignRow> for CampaignRecord {
    type Error = StoreError;

    fn try_from(row: CampaignRow) -> Result<Self, StoreError> {
        let CampaignRow { id, name, state, created_at, finished_at, cells, ready, active, done, failed, cancelled } =
            row;
        let place = Place { table: "campaign", id };
        let count = |value| place.number("id", value);
        Ok(Self {
            id: CampaignId(id),
            name,
            state: place.named("state", state)?,
            created_at: created_at.into(),
            finished_at: finished_at.map(Timestamp::from),
            cells: count(cells)?,
            runs: RunCounts {
                total: count(ready + active + done + failed + cancelled)?,
                ready: count(ready)?,
                active: count(active)?,
                done: count(done)?,
                failed: count(failed)?,
                cancelled: count(cancelled)?,
            },
        })
    }
}

impl Store {
    /// Stores the campaign with its cells and runs, all or nothing. A used idempotency key answers the first campaign.
    pub(crate) async fn submit(&self, new: &NewCampaign<'_>, now: Timestamp) -> Result<Submitted, StoreError> {
        let mut tx = self.pool.begin().await?;
        let seed = new.plan.seed.filter(|_| new.plan.order == Order::Random).map(|seed| seed.to_string());
        let inserted = sqlx::query_scalar!(
            "insert into campaign (name, file_name, yaml, idempotency_key, created_at, order_seed)
             values ($1, $2, $3, nullif($4, ''), $5, $6) on conflict (idempotency_key) do nothing returning id",
            new.plan.name,
            new.file_name,
            new.yaml,
            new.idempotency_key,
            at(now),
            seed,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = inserted else {
            let id = sqlx::query_scalar!("select id from campaign where idempotency_key = $1", new.idempotency_key)
                .fetch_one(&mut *tx)
                .await?;
            return Ok(Submitted { id: CampaignId(id), existed: true });
        };
        let id = CampaignId(id);
        insert_includes(&mut tx, id, new.includes).await?;
        insert_attachments(&mut tx, id, new.attachments).await?;
        insert_cells(&mut tx, id, new.plan).await?;
        artifacts::need(&mut tx, id, new.plan.cells.iter().map(|cell| &cell.spec)).await?;
        insert_runs(&mut tx, id, new.plan).await?;
        let message = format!(
            "campaign {id} ({}) has {} cells, {} repetitions each",
            new.plan.name,
            new.plan.cells.len(),
            new.plan.repetitions,
        );
        let event =
            NewEvent { kind: "campaign.submitted", campaign: id, run: None, attempt: None, device: None, message };
        append(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(Submitted { id, existed: false })
    }

    /// Newest first, below `before` if given.
    pub(crate) async fn campaigns(
        &self,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<CampaignRecord>, StoreError> {
        let ids = sqlx::query_scalar!(
            "select id from campaign where $1::bigint is null or id < $1 order by id desc limit $2",
            before.map(|id| id.0),
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        self.campaigns_by_id(&ids).await
    }

    pub(crate) async fn campaign(&self, id: CampaignId) -> Result<Option<CampaignRecord>, StoreError> {
        Ok(self.campaigns_by_id(&[id.0]).await?.pop())
    }

    async fn campaigns_by_id(&self, ids: &[i64]) -> Result<Vec<CampaignRecord>, StoreError> {
        sqlx::query_as!(
            CampaignRow,
            r#"select c.id, c.name, c.state, c.created_at, c.finished_at,
                   (select count(*) from cell where cell.campaign_id = c.id) as "cells!",
                   count(r.id) filter (where r.state = 'ready') as "ready!",
                   count(r.id) filter (where r.state = 'active') as "active!",
                   count(r.id) filter (where r.state = 'done') as "done!",
                   count(r.id) filter (where r.state = 'failed') as "failed!",
                   count(r.id) filter (where r.state = 'cancelled') as "cancelled!"
               from campaign c left join run r on r.campaign_id = c.id
               where c.id = any($1) group by c.id order by c.id desc"#,
            ids,
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(CampaignRecord::try_from)
        .collect()
    }

    pub(crate) async fn campaign_yaml(&self, id: CampaignId) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar!("select yaml from campaign where id = $1", id.0).fetch_optional(&self.pool).await?)
    }

    /// Text of the files it includes, by path.
    pub(crate) async fn campaign_includes(&self, id: CampaignId) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = sqlx::query!("select path, text from campaign_include where campaign_id = $1", id.0)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|row| (row.path, row.text)).collect())
    }

    /// Selectors of the runs that are ready, of each of these campaigns.
    pub(crate) async fn ready_selectors(
        &self,
        campaigns: &[CampaignId],
    ) -> Result<BTreeMap<CampaignId, Vec<Selector>>, StoreError> {
        let ids: Vec<_> = campaigns.iter().map(|id| id.0).collect();
        let rows = sqlx::query!(
            "select distinct r.campaign_id, s.id, s.selector
             from run r join selector_class s on s.id = r.selector_class_id
             where r.campaign_id = any($1) and r.state = 'ready' order by r.campaign_id, s.id",
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut selectors = BTreeMap::<_, Vec<_>>::new();
        for row in rows {
            let place = Place { table: "selector_class", id: row.id };
            selectors.entry(CampaignId(row.campaign_id)).or_default().push(place.named("selector", row.selector)?);
        }
        Ok(selectors)
    }

    /// Cancels a running campaign: no run of it starts or is stored any more. Answers the attempts to be stopped.
    /// An ended campaign is left alone.
    pub(crate) async fn cancel(
        &self,
        id: CampaignId,
        now: Timestamp,
    ) -> Result<Vec<(AttemptId, DeviceId)>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let cancelled = sqlx::query!(
            "update campaign set state = 'cancelled', finished_at = $2 where id = $1 and state = 'running'",
            id.0,
            at(now),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if cancelled == 0 {
            return Ok(Vec::new());
        }
        // The fence moves, so that a result that is already under way is stale.
        sqlx::query!(
            "update run set state = 'cancelled', fence = fence + 1, ended_at = $2, not_before = null
             where campaign_id = $1 and state in ('ready', 'active')",
            id.0,
            at(now),
        )
        .execute(&mut *tx)
        .await?;
        let attempts = sqlx::query!(
            "update attempt a set state = 'cancelled', ended_at = $2 from run r
             where r.id = a.run_id and r.campaign_id = $1 and a.state in ('leased', 'running')
             returning a.id, a.device_id",
            id.0,
            at(now),
        )
        .fetch_all(&mut *tx)
        .await?;
        let message = format!("campaign {id} was cancelled");
        let event =
            NewEvent { kind: "campaign.cancelled", campaign: id, run: None, attempt: None, device: None, message };
        append(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(attempts.into_iter().map(|row| (AttemptId(row.id), DeviceId(row.device_id))).collect())
    }

    /// Ends every running campaign whose runs have all ended: what the ends of runs do, once more, for what they missed.
    pub(crate) async fn complete_campaigns(&self, now: Timestamp) -> Result<Vec<CampaignId>, StoreError> {
        let candidates = sqlx::query_scalar!(
            "select id from campaign c where state = 'running' and not exists
                 (select 1 from run r where r.campaign_id = c.id and r.state in ('ready', 'active'))",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut completed = Vec::new();
        for id in candidates.into_iter().map(CampaignId) {
            let mut tx = self.pool.begin().await?;
            lock_campaign(&mut tx, id).await?;
            if complete_campaign(&mut tx, id, now).await? {
                completed.push(id);
            }
            tx.commit().await?;
        }
        Ok(completed)
    }
}

/// Ends the campaign if its last run has ended. The caller holds its lock.
pub(super) async fn complete_campaign(
    tx: &mut PgConnection,
    id: CampaignId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update campaign c set state = 'done', finished_at = $2 where id = $1 and state = 'running' and not exists
             (select 1 from run r where r.campaign_id = c.id and r.state in ('ready', 'active'))",
        id.0,
        at(now),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if done == 0 {
        return Ok(false);
    }
    let message = format!("campaign {id} is done");
    let event = NewEvent { kind: "campaign.done", campaign: id, run: None, attempt: None, device: None, message };
    append(tx, event, now).await?;
    Ok(true)
}

async fn insert_includes(
    tx: &mut PgConnection,
    id: CampaignId,
    includes: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let (paths, texts): (Vec<_>, Vec<_>) = includes.iter().map(|(path, text)| (path.clone(), text.clone())).unzip();
    sqlx::query!(
        "insert into campaign_include (campaign_id, path, text)
         select $1, i.path, i.text from unnest($2::text[], $3::text[]) as i (path, text)",
        id.0,
        &paths,
        &texts,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_attachments(
    tx: &mut PgConnection,
    id: CampaignId,
    attachments: &[(String, Digest)],
) -> Result<(), StoreError> {
    let paths: Vec<_> = attachments.iter().map(|(path, _)| path.clone()).collect();
    let digests: Vec<_> = attachments.iter().map(|(_, digest)| bytes_of(digest)).collect();
    sqlx::query!(
        "insert into campaign_attachment (campaign_id, path, sha256)
         select $1, a.path, a.sha256 from unnest($2::text[], $3::bytea[]) as a (path, sha256)",
        id.0,
        &paths,
        &digests,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_cells(tx: &mut PgConnection, id: CampaignId, plan: &Plan) -> Result<(), StoreError> {
    let selectors: Vec<_> = plan.cells.iter().map(|cell| cell.device.to_string()).collect();
    // In order, so that two submissions which intern the same selectors can't deadlock.
    sqlx::query!(
        "insert into selector_class (selector) select distinct s from unnest($1::text[]) as s order by s
         on conflict do nothing",
        &selectors,
    )
    .execute(&mut *tx)
    .await?;
    let numbers: Vec<_> = plan.cells.iter().map(|cell| int("cell", cell.number)).collect::<Result<_, _>>()?;
    let keys: Vec<_> = plan.cells.iter().map(|cell| bytes_of(&cell.key)).collect();
    let specs: Vec<_> = plan.cells.iter().map(|cell| to_json("spec", &cell.spec)).collect::<Result<_, _>>()?;
    let tags: Vec<Option<String>> = plan.cells.iter().map(|cell| cell.tag.clone()).collect();
    let evaluations = plan.cells.iter().map(|cell| cell.spec.evaluation_key().as_ref().map(bytes_of));
    let evaluations: Vec<Option<Vec<u8>>> = evaluations.collect();
    sqlx::query!(
        "insert into cell (campaign_id, number, key, selector_class_id, spec, tag, evaluation_key)
         select $1, c.number, c.key, s.id, c.spec, c.tag, c.evaluation_key
         from unnest($2::integer[], $3::bytea[], $4::text[], $5::jsonb[], $6::text[], $7::bytea[])
             as c (number, key, selector, spec, tag, evaluation_key)
         join selector_class s on s.selector = c.selector order by c.number",
        id.0,
        &numbers,
        &keys,
        &selectors,
        &specs,
        &tags as &[Option<String>],
        &evaluations as &[Option<Vec<u8>>],
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_runs(tx: &mut PgConnection, id: CampaignId, plan: &Plan) -> Result<(), StoreError> {
    let runs = plan.runs();
    let cells: Vec<_> = runs.iter().map(|run| int("cell", run.cell)).collect::<Result<_, _>>()?;
    let repetitions: Vec<_> = runs.iter().map(|run| int("repetition", run.repetition)).collect::<Result<_, _>>()?;
    let modes: Vec<_> = runs.iter().map(|run| run.mode.name().to_owned()).collect();
    // Ids ascend in plan order (cell, repetition), whatever the order of execution.
    sqlx::query!(
        "insert into run (campaign_id, cell_id, selector_class_id, position, repetition, mode)
         select $1, c.id, c.selector_class_id, r.position::integer - 1, r.repetition, r.mode
         from unnest($2::integer[], $3::integer[], $4::text[]) with ordinality as r (cell, repetition, mode, position)
         join cell c on c.campaign_id = $1 and c.number = r.cell order by c.number, r.repetition",
        id.0,
        &cells,
        &repetitions,
        &modes,
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn int(column: &'static str, value: u32) -> Result<i32, StoreError> {
    i32::try_from(value).map_err(|_why| StoreError::OutOfRange(column))
}

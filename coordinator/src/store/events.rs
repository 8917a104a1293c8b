//! The event feed of a campaign.
//!
//! Ids are handed out under the campaign row's lock, which every writer takes before it touches runs: within one
//! campaign a smaller id is never committed later, so a reader of `id > n` misses nothing.

use domain::{AttemptId, CampaignId, RunId, Timestamp};
use sqlx::PgConnection;

use super::{Store, StoreError, row::at};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventRecord {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) campaign: CampaignId,
    pub(crate) run: Option<RunId>,
    pub(crate) attempt: Option<AttemptId>,
    pub(crate) device: Option<String>,
    pub(crate) message: String,
}

/// One line to append.
#[derive(Debug)]
pub(super) struct NewEvent<'a> {
    pub(super) kind: &'static str,
    pub(super) campaign: CampaignId,
    pub(super) run: Option<RunId>,
    pub(super) attempt: Option<AttemptId>,
    pub(super) device: Option<&'a str>,
    pub(super) message: String,
}

/// Takes the campaign's lock until the transaction ends.
pub(super) async fn lock_campaign(tx: &mut PgConnection, id: CampaignId) -> Result<(), StoreError> {
    sqlx::query_scalar!("select id from campaign where id = $1 for no key update", id.0).fetch_optional(tx).await?;
    Ok(())
}

/// Appends one event. The caller holds the campaign's lock.
pub(super) async fn append(tx: &mut PgConnection, event: NewEvent<'_>, now: Timestamp) -> Result<(), StoreError> {
    let NewEvent { kind, campaign, run, attempt, device, message } = event;
    sqlx::query!(
        "insert into event (at, kind, campaign_id, run_id, attempt_id, device, message)
         values ($1, $2, $3, $4, $5, $6, $7)",
        at(now),
        kind,
        campaign.0,
        run.map(|id| id.0),
        attempt.map(|id| id.0),
        device,
        message.replace('\0', "\u{fffd}"),
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// The events of a campaign after `after`, oldest first, at most `limit`.
    pub(crate) async fn events(
        &self,
        campaign: CampaignId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let rows = sqlx::query!(
            "select id, at, kind, run_id, attempt_id, device, message from event
             where campaign_id = $1 and id > $2 order by id limit $3",
            campaign.0,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| EventRecord {
                id: row.id,
                at: row.at.into(),
                kind: row.kind,
                campaign,
                run: row.run_id.map(RunId),
                attempt: row.attempt_id.map(AttemptId),
                device: row.device,
                message: row.message,
            })
            .collect())
    }
}

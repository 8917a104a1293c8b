//! Which artifacts there are, and who needs them. Their bytes are the business of [`crate::artifacts`].
//!
//! Every reference to an artifact is a foreign key, so that the DELETE of [`Store::forget_artifact`] loses against a model or
//! campaign that was faster, and one that is slower finds nothing to refer to.

use domain::{CampaignId, CellSpec, Digest, ModelFile, ModelRef, Runtime, Timestamp};
use sqlx::{PgConnection, types::time::OffsetDateTime};

use super::{
    Store, StoreError,
    row::{Place, at, bigint, bytes_of},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArtifactRecord {
    pub(crate) sha256: Digest,
    pub(crate) size_bytes: u64,
}

/// An artifact with what is known of its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArtifactUse {
    pub(crate) record: ArtifactRecord,
    pub(crate) stored_at: Timestamp,
    /// By a client.
    pub(crate) asked_at: Timestamp,
    /// By name.
    pub(crate) models: Vec<String>,
    /// Whose attachment or predictions it is, or whose cells need it and have not ended.
    pub(crate) campaigns: Vec<CampaignId>,
}

struct UseRow {
    sha256: Vec<u8>,
    size_bytes: i64,
    stored_at: OffsetDateTime,
    asked_at: OffsetDateTime,
    models: Vec<String>,
    campaigns: Vec<i64>,
}

impl TryFrom<UseRow> for ArtifactUse {
    type Error = StoreError;

    fn try_from(row: UseRow) -> Result<Self, StoreError> {
        let UseRow { sha256, size_bytes, stored_at, asked_at, models, campaigns } = row;
        Ok(Self {
            record: record(&sha256, size_bytes)?,
            stored_at: stored_at.into(),
            asked_at: asked_at.into(),
            models,
            campaigns: campaigns.into_iter().map(CampaignId).collect(),
        })
    }
}

impl Store {
    /// Says that the artifact is whole and asked for. Idempotent: content-addressed bytes can't differ.
    pub(crate) async fn record_artifact(&self, artifact: ArtifactRecord, now: Timestamp) -> Result<(), StoreError> {
        let ArtifactRecord { sha256, size_bytes } = artifact;
        sqlx::query!(
            "insert into artifact (sha256, size_bytes, stored_at, asked_at) values ($1, $2, $3, $3)
             on conflict (sha256) do update set asked_at = excluded.asked_at
             -- Asked again and again, it is written once in a while.
             where artifact.asked_at < excluded.asked_at - interval '10 minutes'",
            &bytes_of(&sha256),
            bigint("size_bytes", size_bytes)?,
            at(now),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Those of `digests` that there are.
    pub(crate) async fn artifacts(&self, digests: &[Digest]) -> Result<Vec<ArtifactRecord>, StoreError> {
        let wanted: Vec<Vec<u8>> = digests.iter().map(bytes_of).collect();
        let rows = sqlx::query!("select sha256, size_bytes from artifact where sha256 = any($1)", &wanted)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(|row| record(&row.sha256, row.size_bytes)).collect()
    }

    /// At most `limit` of those after `after`, by digest.
    pub(crate) async fn artifact_uses(
        &self,
        after: Option<Digest>,
        limit: u32,
    ) -> Result<Vec<ArtifactUse>, StoreError> {
        sqlx::query_as!(
            UseRow,
            r#"select a.sha256, a.size_bytes, a.stored_at, a.asked_at,
                   array(select m.name from model m where a.sha256 in (m.sha256, m.tokenizer_sha256)
                       union select v.model from model_variant v where v.sha256 = a.sha256
                       union select f.model from model_file f where f.sha256 = a.sha256 order by 1) as "models!",
                   array(select t.campaign_id from campaign_attachment t where t.sha256 = a.sha256
                       union select r.campaign_id from accuracy y join run r on r.id = y.run_id
                       where y.predictions_sha256 = a.sha256
                       union select n.campaign_id from campaign_artifact n join campaign c on c.id = n.campaign_id
                       where n.sha256 = a.sha256 and c.state = 'running' order by 1) as "campaigns!"
               from artifact a where $1::bytea is null or a.sha256 > $1 order by a.sha256 limit $2"#,
            after.as_ref().map(bytes_of),
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(ArtifactUse::try_from)
        .collect()
    }

    /// At most `limit` of those that nothing refers to and nobody asked for since `before`.
    pub(crate) async fn unneeded_artifacts(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<ArtifactRecord>, StoreError> {
        let rows = sqlx::query!(
            "select a.sha256, a.size_bytes from artifact a
             where a.asked_at < $1
               and not exists (select from model m where m.sha256 = a.sha256)
               and not exists (select from model m where m.tokenizer_sha256 = a.sha256)
               and not exists (select from model_variant v where v.sha256 = a.sha256)
               and not exists (select from model_file f where f.sha256 = a.sha256)
               and not exists (select from campaign_attachment t where t.sha256 = a.sha256)
               and not exists (select from accuracy y where y.predictions_sha256 = a.sha256)
               and not exists (select from campaign_artifact n join campaign c on c.id = n.campaign_id
                   where n.sha256 = a.sha256 and c.state = 'running')
             order by a.asked_at limit $2",
            at(before),
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(|row| record(&row.sha256, row.size_bytes)).collect()
    }

    /// Forgets what the cells of ended campaigns needed.
    pub(crate) async fn release_artifacts_of_ended(&self) -> Result<u64, StoreError> {
        let released = sqlx::query!(
            "delete from campaign_artifact n using campaign c where c.id = n.campaign_id and c.state <> 'running'"
        )
        .execute(&self.pool)
        .await?;
        Ok(released.rows_affected())
    }

    /// Deletes the record, unless the artifact is needed or was asked for since `before`: the foreign keys say so, and they
    /// see what was committed while this waited.
    pub(crate) async fn forget_artifact(&self, sha256: &Digest, before: Timestamp) -> Result<bool, StoreError> {
        let deleted =
            sqlx::query!("delete from artifact where sha256 = $1 and asked_at < $2", &bytes_of(sha256), at(before))
                .execute(&self.pool)
                .await;
        match deleted {
            Ok(deleted) => Ok(deleted.rows_affected() == 1),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Notes what the cells need, so that it stays until the campaign has ended. Raced if something of it is gone: its model was
/// replaced and its bytes collected since the campaign was planned.
pub(super) async fn need(
    tx: &mut PgConnection,
    campaign: CampaignId,
    cells: impl Iterator<Item = &CellSpec>,
) -> Result<(), StoreError> {
    let mut needed: Vec<Vec<u8>> = cells.flat_map(needed_by).map(|digest| bytes_of(&digest)).collect();
    // In one order, so that two submissions do not wait for each other.
    needed.sort_unstable();
    needed.dedup();
    let inserted = sqlx::query!(
        "insert into campaign_artifact (campaign_id, sha256) select $1, unnest($2::bytea[])",
        campaign.0,
        &needed,
    )
    .execute(tx)
    .await;
    match inserted {
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
            Err(StoreError::Raced(sqlx::Error::Database(error)))
        }
        inserted => inserted.map(drop).map_err(StoreError::from),
    }
}

/// Every artifact a device fetches to measure the cell.
fn needed_by(cell: &CellSpec) -> Vec<Digest> {
    let ModelRef { name: _, precision: _, sha256, size_bytes: _, tokenizer_sha256, files } = &cell.model;
    let library = match &cell.runtime {
        Runtime::Managed | Runtime::Release(_) => None,
        Runtime::File(file) => Some(file.sha256),
    };
    let beside = files.iter().map(|ModelFile { path: _, sha256, size_bytes: _ }| *sha256);
    let input = cell.input.file().map(|file| file.sha256);
    let evaluation = cell.accuracy.as_ref().and_then(|rule| rule.evaluation.as_ref());
    let dataset = evaluation.map(|evaluation| evaluation.dataset.sha256);
    std::iter::once(*sha256).chain(*tokenizer_sha256).chain(beside).chain(library).chain(input).chain(dataset).collect()
}

fn record(sha256: &[u8], size_bytes: i64) -> Result<ArtifactRecord, StoreError> {
    let sha256 = Place { table: "artifact", id: "?" }.digest("sha256", sha256)?;
    let size_bytes = Place { table: "artifact", id: sha256 }.number("size_bytes", size_bytes)?;
    Ok(ArtifactRecord { sha256, size_bytes })
}

//! Which artifacts are whole. Their bytes are the business of [`crate::artifacts`].

use domain::{Digest, Timestamp};

use super::{
    Store, StoreError,
    row::{Place, at, bigint, bytes_of},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArtifactRecord {
    pub(crate) sha256: Digest,
    pub(crate) size_bytes: u64,
}

impl Store {
    /// Idempotent: content-addressed bytes can't differ.
    pub(crate) async fn record_artifact(&self, artifact: ArtifactRecord, now: Timestamp) -> Result<(), StoreError> {
        let ArtifactRecord { sha256, size_bytes } = artifact;
        sqlx::query!(
            "insert into artifact (sha256, size_bytes, stored_at) values ($1, $2, $3) on conflict do nothing",
            &bytes_of(&sha256),
            bigint("size_bytes", size_bytes)?,
            at(now),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Those of `digests` that are stored.
    pub(crate) async fn artifacts(&self, digests: &[Digest]) -> Result<Vec<ArtifactRecord>, StoreError> {
        let wanted: Vec<Vec<u8>> = digests.iter().map(bytes_of).collect();
        let rows = sqlx::query!("select sha256, size_bytes from artifact where sha256 = any($1)", &wanted)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "artifact", id: "?" };
                Ok(ArtifactRecord {
                    sha256: place.digest("sha256", &row.sha256)?,
                    size_bytes: place.number("size_bytes", row.size_bytes)?,
                })
            })
            .collect()
    }
}

//! Bytes and their records together: what is whole gets its record, and what nobody needs goes.
//!
//! The record goes first. Deleting it is the decision, for the database knows who refers to it; a kill before the bytes
//! follow leaves bytes without a record, which a client may have back, and else the next collection finds by listing. Were
//! the bytes first, the kill would leave a record that promises what is gone. Under the claim on an artifact its bytes get no
//! record while they are removed.

#[cfg(test)]
mod tests;

use std::{collections::HashSet, time::Duration};

use domain::{Digest, Timestamp};
use tracing::{info, warn};

use super::Engine;
use crate::{
    artifacts::{ArtifactError, Held, Kept},
    store::{ArtifactRecord, StoreError},
};

/// Between the last upload or question and the model or campaign that refers to it: hours, for whoever is called away.
const GRACE: Duration = Duration::from_hours(24);
/// An upload that nobody resumes in a week has been forgotten.
const PARTS_KEPT: Duration = Duration::from_hours(7 * 24);
/// Damaged bytes are evidence of a bad disk, for as long as somebody may look for one.
const QUARANTINE_KEPT: Duration = Duration::from_hours(30 * 24);
/// Removed in one collection; the next one goes on.
const COLLECT_LIMIT: u32 = 10_000;
/// Looked up in one statement.
const LOOKUP: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was collected, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Collected {
    pub(crate) artifacts: u64,
    /// With unfinished uploads and what was in quarantine.
    pub(crate) bytes: u64,
}

impl Collected {
    fn add(&mut self, size_bytes: u64) {
        self.artifacts += 1;
        self.bytes += size_bytes;
    }
}

impl Engine {
    /// What is held. A whole artifact is recorded as asked for; also one whose record a crash prevented.
    pub(crate) async fn artifact_held(&self, digest: &Digest) -> Result<Held, KeepError> {
        let held = self.artifacts().held(digest).await?;
        if let Held::Part { .. } = held {
            return Ok(held);
        }
        let claim = self.artifacts().claim(digest).await;
        // It may have been collected while we waited.
        let held = self.artifacts().held(digest).await?;
        if let Held::Whole { size_bytes } = held {
            self.keep(Kept { digest: *digest, size_bytes, claim }).await?;
        }
        Ok(held)
    }

    /// Records what is whole.
    pub(crate) async fn keep(&self, kept: Kept) -> Result<(), StoreError> {
        let Kept { digest, size_bytes, claim } = kept;
        let record = ArtifactRecord { sha256: digest, size_bytes };
        let recorded = self.store().record_artifact(record, self.clock().now()).await;
        drop(claim);
        recorded
    }

    /// Finishes what a crash left, then collects. Logs what went wrong: the next time it is tried again.
    pub(super) async fn tend_artifacts(self) {
        let tended = async {
            for kept in self.artifacts().finish_staged().await? {
                info!(artifact = %kept.digest, size_bytes = kept.size_bytes, "an upload that a crash interrupted is whole");
                self.keep(kept).await?;
            }
            self.collect_garbage(GRACE, false).await
        };
        match tended.await {
            Ok(Collected { artifacts: 0, bytes: 0 }) => {}
            Ok(Collected { artifacts, bytes }) => info!(artifacts, bytes, "artifacts that nobody needs were removed"),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "artifacts that nobody needs could not be removed");
            }
        }
    }

    /// By the grace of the daily collection.
    pub(crate) async fn collect_daily(&self, dry_run: bool) -> Result<Collected, KeepError> {
        self.collect_garbage(GRACE, dry_run).await
    }

    /// Removes artifacts that no model and no campaign refers to and nobody asked for since `grace`, bytes without a record
    /// that are as old, and what was left over for longer.
    pub(crate) async fn collect_garbage(&self, grace: Duration, dry_run: bool) -> Result<Collected, KeepError> {
        let now = self.clock().now();
        let before = minus(now, grace);
        let mut collected = Collected::default();
        if !dry_run {
            self.store().release_artifacts_of_ended().await?;
        }
        for ArtifactRecord { sha256, size_bytes } in self.store().unneeded_artifacts(before, COLLECT_LIMIT).await? {
            if !dry_run {
                let claim = self.artifacts().claim(&sha256).await;
                if !self.store().forget_artifact(&sha256, before).await? {
                    continue;
                }
                self.artifacts().remove(&sha256, &claim).await?;
            }
            collected.add(size_bytes);
        }
        self.collect_unrecorded(before, dry_run, &mut collected).await?;
        if !dry_run {
            let leftovers = self.artifacts().remove_leftovers(minus(now, PARTS_KEPT), minus(now, QUARANTINE_KEPT));
            collected.bytes += leftovers.await?;
        }
        Ok(collected)
    }

    async fn collect_unrecorded(
        &self,
        before: Timestamp,
        dry_run: bool,
        collected: &mut Collected,
    ) -> Result<(), KeepError> {
        let mut old = self.artifacts().stored().await?;
        old.retain(|stored| stored.modified < before);
        for batch in old.chunks(LOOKUP) {
            let digests: Vec<Digest> = batch.iter().map(|stored| stored.digest).collect();
            let recorded: HashSet<_> =
                self.store().artifacts(&digests).await?.into_iter().map(|record| record.sha256).collect();
            for stored in batch.iter().filter(|stored| !recorded.contains(&stored.digest)) {
                if !dry_run {
                    let claim = self.artifacts().claim(&stored.digest).await;
                    // It may have got its record while we waited.
                    if !self.store().artifacts(&[stored.digest]).await?.is_empty() {
                        continue;
                    }
                    self.artifacts().remove(&stored.digest, &claim).await?;
                }
                collected.add(stored.size_bytes);
            }
        }
        Ok(())
    }
}

fn minus(now: Timestamp, age: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
}

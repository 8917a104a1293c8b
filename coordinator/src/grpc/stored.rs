//! Answers about everything that is stored, an artifact at a time.

use std::collections::HashSet;

use domain::Digest;
use proto::pb;
use tokio::sync::mpsc;
use tonic::Status;

use crate::{
    artifacts::Condition,
    engine::{Engine, KeepError},
    store::{ArtifactRecord, ArtifactUse},
};

/// Records read at once.
const PAGE: u32 = 500;

pub(super) async fn list(engine: Engine, answers: mpsc::Sender<Result<pb::StoredArtifact, Status>>) {
    let listed = async {
        let stored = engine.artifacts().stored().await?;
        let held: HashSet<Digest> = stored.into_iter().map(|stored| stored.digest).collect();
        let mut after = None;
        loop {
            let page = engine.store().artifact_uses(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.record.sha256);
            for artifact in page {
                let held = held.contains(&artifact.record.sha256);
                if answers.send(Ok(wire(artifact, held))).await.is_err() {
                    return Ok(());
                }
            }
        }
    };
    end(listed.await, &answers).await;
}

/// `wanted`, or every artifact if that is empty.
pub(super) async fn verify(
    engine: Engine,
    wanted: Vec<Digest>,
    answers: mpsc::Sender<Result<pb::VerifiedArtifact, Status>>,
) {
    let verified = async {
        let wanted = if wanted.is_empty() { everything(&engine).await? } else { wanted };
        for digest in wanted {
            let condition = match engine.artifacts().verify(&digest).await? {
                Condition::Sound => pb::ArtifactCondition::Sound,
                Condition::Damaged => pb::ArtifactCondition::Damaged,
                Condition::Missing => pb::ArtifactCondition::Missing,
            };
            let sha256 = digest.as_bytes().to_vec();
            if answers.send(Ok(pb::VerifiedArtifact { sha256, condition: condition.into() })).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    };
    end(verified.await, &answers).await;
}

async fn everything(engine: &Engine) -> Result<Vec<Digest>, KeepError> {
    let mut digests: Vec<Digest> = Vec::new();
    loop {
        let page = engine.store().artifact_uses(digests.last().copied(), PAGE).await?;
        if page.is_empty() {
            return Ok(digests);
        }
        digests.extend(page.into_iter().map(|artifact| artifact.record.sha256));
    }
}

async fn end<T>(outcome: Result<(), KeepError>, answers: &mpsc::Sender<Result<T, Status>>) {
    if let Err(error) = outcome {
        // Whoever has gone needs no error.
        answers.send(Err(error.into())).await.unwrap_or_default();
    }
}

fn wire(artifact: ArtifactUse, held: bool) -> pb::StoredArtifact {
    let ArtifactUse { record, stored_at, asked_at, models, campaigns } = artifact;
    let ArtifactRecord { sha256, size_bytes } = record;
    pb::StoredArtifact {
        sha256: sha256.as_bytes().to_vec(),
        size_bytes,
        stored_at_us: stored_at.0,
        asked_at_us: asked_at.0,
        held,
        models,
        campaign_ids: campaigns.into_iter().map(|campaign| campaign.0).collect(),
    }
}

//! Bytes up, down, and looked after, over the wire.

use std::{os::unix::fs::FileExt as _, path::PathBuf};

use super::*;

/// More than a chunk, and no multiple of one.
fn content() -> Vec<u8> {
    (0..1_000_003_u32).map(|at| u8::try_from(at.wrapping_mul(2_654_435_761) >> 24).expect("a byte")).collect()
}

impl Lab {
    fn artifacts(&self) -> ArtifactServiceClient<Channel> {
        ArtifactServiceClient::new(self.channel.clone())
    }

    async fn fetch(&self, digest: &Digest, offset: u64) -> Result<Vec<u8>, tonic::Status> {
        let request = pb::FetchArtifactRequest { sha256: digest.as_bytes().to_vec(), offset };
        let mut chunks = self.artifacts().fetch_artifact(request).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(chunk) = soon("a chunk", chunks.message()).await? {
            assert!(chunk.data.len() <= proto::CHUNK_BYTES);
            bytes.extend(chunk.data);
        }
        Ok(bytes)
    }

    async fn stat(&self, digest: &Digest) -> (bool, u64) {
        let request = pb::StatArtifactsRequest { sha256: vec![digest.as_bytes().to_vec()] };
        let stat = self.artifacts().stat_artifacts(request).await.expect("answers").into_inner().artifacts.remove(0);
        (stat.complete, stat.held_bytes)
    }

    async fn list(&self) -> Vec<pb::StoredArtifact> {
        let mut answers =
            self.artifacts().list_artifacts(pb::ListArtifactsRequest {}).await.expect("answers").into_inner();
        let mut listed = Vec::new();
        while let Some(artifact) = answers.message().await.expect("no error") {
            listed.push(artifact);
        }
        listed
    }

    async fn verify(&self) -> Vec<pb::ArtifactCondition> {
        let request = pb::VerifyArtifactsRequest::default();
        let mut answers = self.artifacts().verify_artifacts(request).await.expect("answers").into_inner();
        let mut conditions = Vec::new();
        while let Some(verified) = answers.message().await.expect("no error") {
            conditions.push(verified.condition());
        }
        conditions
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.files.path().join("artifacts").join(&name[..2]).join(name)
    }

    fn flip(&self, digest: &Digest) {
        let file = std::fs::File::options().read(true).write(true).open(self.file(digest)).expect("there");
        let mut byte = [0];
        file.read_exact_at(&mut byte, 5).expect("read");
        file.write_all_at(&[byte[0] ^ 1], 5).expect("written");
    }
}

#[tokio::test]
async fn an_artifact_goes_up_in_pieces_and_down_from_anywhere() {
    let lab = Lab::new().await;
    let content = content();
    let digest = Digest::of(&content);
    let cut = lab.upload_part(&content, 0, 400_000).await.expect_err("cut");
    assert_eq!(cut.code(), Code::Aborted);
    assert_eq!(lab.stat(&digest).await, (false, 400_000));
    lab.upload_part(&content, 400_000, content.len()).await.expect("uploads");
    for offset in [0, 262_144, 999_999, content.len()] {
        assert!(lab.fetch(&digest, offset as u64).await.expect("fetches") == content[offset..]);
    }
    assert_eq!(lab.fetch(&digest, 1_000_004).await.expect_err("behind the end").code(), Code::OutOfRange);
    assert_eq!(lab.fetch(&Digest::of(b"other"), 0).await.expect_err("not held").code(), Code::NotFound);
    lab.stop().await;
}

#[tokio::test]
async fn damaged_bytes_are_never_served_and_can_be_uploaded_again() {
    let lab = Lab::new().await;
    lab.submit(&yaml("class=desk", 1)).await.expect("submits");
    let digest = Digest::of(MODEL);
    lab.flip(&digest);
    let damaged = lab.fetch(&digest, 0).await.expect_err("damaged");
    assert_eq!(damaged.code(), Code::DataLoss);
    assert!(damaged.message().contains("upload it again"), "{damaged}");
    assert_eq!(lab.stat(&digest).await, (false, 0));
    assert!(!lab.list().await[0].held);
    assert_eq!(lab.verify().await, [pb::ArtifactCondition::Missing]);
    // The model still has its name, and its bytes again.
    lab.upload(MODEL, 0).await.expect("uploads");
    assert_eq!(lab.fetch(&digest, 0).await.expect("fetches"), MODEL);
    lab.stop().await;
}

#[tokio::test]
async fn what_is_stored_is_listed_with_who_needs_it_verified_and_kept() {
    let lab = Lab::new().await;
    let campaign = lab.submit(&yaml("class=desk", 1)).await.expect("submits");
    lab.upload(b"nobody's", 0).await.expect("uploads");
    let mut listed = lab.list().await;
    listed.sort_by_key(|artifact| artifact.size_bytes);
    let facts = |artifact: &pb::StoredArtifact| (artifact.size_bytes, artifact.held, artifact.models.clone());
    assert_eq!(facts(&listed[0]), (8, true, vec![]));
    assert_eq!(facts(&listed[1]), (MODEL.len() as u64, true, vec!["m".to_owned()]));
    assert_eq!(listed[1].campaign_ids, [campaign.id]);
    assert!(listed[0].asked_at_us >= listed[0].stored_at_us);

    assert_eq!(lab.verify().await, [pb::ArtifactCondition::Sound; 2]);
    lab.flip(&Digest::of(b"nobody's"));
    let mut conditions = lab.verify().await;
    conditions.sort();
    assert_eq!(conditions, [pb::ArtifactCondition::Sound, pb::ArtifactCondition::Damaged]);
    // Somebody asked for all of it a moment ago.
    let collect = lab.artifacts().collect_garbage(pb::CollectGarbageRequest { dry_run: false }).await;
    assert_eq!(collect.expect("collects").into_inner(), pb::CollectGarbageReply::default());
    lab.stop().await;
}

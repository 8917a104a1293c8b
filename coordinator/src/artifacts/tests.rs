//! Uploads, reads and sweeps, in a folder and behind the trait that a bucket is.

use std::{fs, os::unix::fs::FileExt as _};

use domain::Timestamp;
use object_store::memory::InMemory;

use super::*;

const CONTENT: &[u8] = b"the bytes of a model";
const EVERYTHING: Timestamp = Timestamp(i64::MAX);

struct Bench {
    directory: tempfile::TempDir,
    artifacts: Artifacts,
}

impl Bench {
    async fn folder() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let artifacts = Artifacts::in_folder(directory.path().join("artifacts")).await.expect("opens");
        Self { directory, artifacts }
    }

    async fn bucket() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let incoming = directory.path().join("artifacts/incoming");
        let artifacts = Artifacts::in_bucket(Arc::new(InMemory::new()), incoming).await.expect("opens");
        Self { directory, artifacts }
    }

    async fn both() -> [Self; 2] {
        [Self::folder().await, Self::bucket().await]
    }

    async fn begin(&self, content: &[u8], offset: u64) -> Box<upload::Upload> {
        let begun = self.artifacts.begin_upload(Digest::of(content), content.len() as u64, offset).await;
        match begun.expect("begins") {
            Begun::Wanted(upload) => upload,
            Begun::Whole(_) => panic!("nothing was uploaded yet"),
        }
    }

    async fn upload(&self, content: &[u8]) -> Digest {
        let mut upload = self.begin(content, 0).await;
        upload.write(content).await.expect("written");
        upload.finish().await.expect("whole").digest
    }

    async fn held(&self, content: &[u8]) -> Held {
        self.artifacts.held(&Digest::of(content)).await.expect("held")
    }

    async fn read(&self, digest: &Digest, offset: u64) -> Result<Option<Vec<u8>>, ArtifactError> {
        let Some(mut reader) = self.artifacts.read(digest, offset).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        while let Some(window) = reader.next().await? {
            bytes.extend_from_slice(window.as_ref());
        }
        Ok(Some(bytes))
    }

    /// Changes one bit on the disk, behind everybody's back: the file's times stay as they were.
    fn flip(&self, digest: &Digest) {
        let path = self.artifacts.file(digest).expect("a folder");
        let times = fs::FileTimes::new().set_modified(path.metadata().expect("there").modified().expect("known"));
        let file = fs::File::options().read(true).write(true).open(path).expect("there");
        let mut byte = [0];
        file.read_exact_at(&mut byte, 7).expect("read");
        file.write_all_at(&[byte[0] ^ 1], 7).expect("written");
        file.set_times(times).expect("set");
    }

    /// The same files in a new process.
    async fn restarted(&self) -> Artifacts {
        Artifacts::in_folder(self.directory.path().join("artifacts")).await.expect("opens")
    }
}

#[tokio::test]
async fn an_interrupted_upload_resumes_where_it_stopped() {
    for bench in Bench::both().await {
        let mut upload = bench.begin(CONTENT, 0).await;
        upload.write(&CONTENT[..7]).await.expect("written");
        assert!(matches!(upload.finish().await, Err(UploadError::Unfinished { arrived: 7, .. })));

        assert_eq!(bench.held(CONTENT).await, Held::Part { bytes: 7 });
        let mismatch = bench.artifacts.begin_upload(Digest::of(CONTENT), CONTENT.len() as u64, 3).await;
        assert!(matches!(mismatch, Err(UploadError::WrongOffset { held: 7, .. })));
        let mut upload = bench.begin(CONTENT, 7).await;
        upload.write(&CONTENT[7..]).await.expect("written");
        upload.finish().await.expect("whole");
        assert_eq!(bench.held(CONTENT).await, Held::Whole { size_bytes: CONTENT.len() as u64 });
        assert_eq!(fs::read_dir(&bench.artifacts.inner.incoming).expect("there").count(), 0);
    }
}

#[tokio::test]
async fn wrong_bytes_are_dropped_and_never_visible() {
    for bench in Bench::both().await {
        let mut upload = bench.begin(b"right", 0).await;
        upload.write(b"wrong").await.expect("written");
        assert!(matches!(upload.finish().await, Err(UploadError::WrongDigest { .. })));
        assert_eq!(bench.held(b"right").await, Held::Part { bytes: 0 });

        let mut upload = bench.begin(b"short", 0).await;
        assert!(matches!(upload.write(b"much longer").await, Err(UploadError::TooMuch(5))));
    }
}

#[tokio::test]
async fn a_second_upload_of_the_same_bytes_waits_and_finds_them_whole() {
    let bench = Bench::folder().await;
    let mut first = bench.begin(CONTENT, 0).await;
    let second = bench.artifacts.begin_upload(Digest::of(CONTENT), CONTENT.len() as u64, 0);
    let first = async {
        first.write(CONTENT).await.expect("written");
        first.finish().await.expect("whole").size_bytes
    };
    let (_size_bytes, second) = tokio::join!(first, second);
    assert!(matches!(second.expect("begins"), Begun::Whole(_)));
}

#[tokio::test]
async fn too_large_is_refused_before_a_byte_is_taken() {
    let bench = Bench::folder().await;
    let refused = bench.artifacts.begin_upload(Digest::of(b""), SIZE_LIMIT_BYTES + 1, 0).await;
    assert!(matches!(refused, Err(UploadError::TooLarge(_))));
}

#[tokio::test]
async fn what_was_uploaded_is_read_from_any_offset() {
    // More than one window of a bucket, more than one part of its upload, and no multiple of either.
    let content: Vec<u8> = (0..20_000_003_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bench in Bench::both().await {
        let digest = bench.upload(&content).await;
        for offset in [0, 1, 19_999_999, content.len()] {
            let read = bench.read(&digest, offset as u64).await.expect("read").expect("held");
            assert_eq!(Digest::of(&read), Digest::of(&content[offset..]));
        }
        let behind = bench.read(&digest, content.len() as u64 + 1).await;
        assert!(matches!(behind, Err(ArtifactError::BehindEnd { .. })));
        assert_eq!(bench.read(&Digest::of(b"other"), 0).await.expect("read"), None);
        let empty = bench.upload(b"").await;
        assert_eq!(bench.read(&empty, 0).await.expect("read"), Some(Vec::new()));
    }
}

#[tokio::test]
async fn damaged_bytes_are_put_aside_before_a_new_process_serves_them() {
    let bench = Bench::folder().await;
    let digest = bench.upload(CONTENT).await;
    bench.flip(&digest);
    let restarted = bench.restarted().await;
    assert!(matches!(restarted.read(&digest, 3).await, Err(ArtifactError::Damaged(_))));
    assert_eq!(restarted.held(&digest).await.expect("held"), Held::Part { bytes: 0 });
    assert!(bench.directory.path().join(format!("artifacts/quarantine/{digest}")).exists());
    // The same bytes can be uploaded again.
    bench.upload(CONTENT).await;
    assert_eq!(bench.read(&digest, 0).await.expect("read").as_deref(), Some(CONTENT));
}

#[tokio::test]
async fn bytes_that_rot_while_they_are_served_never_arrive_whole() {
    let bench = Bench::folder().await;
    let digest = bench.upload(CONTENT).await;
    bench.flip(&digest);
    // Nothing about the file changed that could be seen without reading it.
    assert!(matches!(bench.read(&digest, 0).await, Err(ArtifactError::Damaged(_))));
    assert_eq!(bench.read(&digest, 0).await.expect("read"), None);
}

#[tokio::test]
async fn a_verification_tells_sound_damaged_and_missing_apart() {
    for bench in Bench::both().await {
        let digest = bench.upload(CONTENT).await;
        assert_eq!(bench.artifacts.verify(&digest).await.expect("verified"), Condition::Sound);
        assert_eq!(bench.artifacts.verify(&Digest::of(b"other")).await.expect("verified"), Condition::Missing);
        bench.artifacts.inner.store.put(&key(&digest), "other bytes".into()).await.expect("put");
        assert_eq!(bench.artifacts.verify(&digest).await.expect("verified"), Condition::Damaged);
        assert_eq!(bench.artifacts.verify(&digest).await.expect("verified"), Condition::Missing);
        let evidence = bench.artifacts.inner.store.head(&quarantine_key(&digest)).await.expect("put aside");
        assert_eq!(evidence.size, 11);
    }
}

#[tokio::test]
async fn a_whole_part_that_a_crash_left_is_finished_and_others_stay() {
    for bench in Bench::both().await {
        fs::write(bench.artifacts.part(&Digest::of(CONTENT)), CONTENT).expect("written");
        fs::write(bench.artifacts.part(&Digest::of(b"longer")), b"long").expect("written");
        fs::write(bench.artifacts.part(&Digest::of(b"going on")), b"going on").expect("written");
        let _going_on = bench.artifacts.claim(&Digest::of(b"going on")).await;
        let finished = bench.artifacts.finish_staged().await.expect("finished");
        let finished: Vec<_> = finished.iter().map(|kept| (kept.digest, kept.size_bytes)).collect();
        assert_eq!(finished, [(Digest::of(CONTENT), CONTENT.len() as u64)]);
        assert_eq!(bench.held(CONTENT).await, Held::Whole { size_bytes: CONTENT.len() as u64 });
        assert_eq!(bench.held(b"longer").await, Held::Part { bytes: 4 });
        assert_eq!(bench.held(b"going on").await, Held::Part { bytes: 8 });
    }
}

#[tokio::test]
async fn only_whole_artifacts_are_listed_and_only_old_leftovers_removed() {
    for bench in Bench::both().await {
        let digest = bench.upload(CONTENT).await;
        let damaged = bench.upload(b"to be damaged").await;
        bench.artifacts.inner.store.put(&key(&damaged), "x".into()).await.expect("put");
        assert_eq!(bench.artifacts.verify(&damaged).await.expect("verified"), Condition::Damaged);
        bench.artifacts.inner.store.put(&Key::from("ab/readme"), "x".into()).await.expect("put");
        fs::write(bench.artifacts.part(&Digest::of(b"part")), b"pa").expect("written");

        let stored = bench.artifacts.stored().await.expect("listed");
        assert_eq!(stored.iter().map(|stored| (stored.digest, stored.size_bytes)).collect::<Vec<_>>(), [(digest, 20)]);
        let leftovers = async |before| bench.artifacts.remove_leftovers(before, before).await.expect("removed");
        assert_eq!(leftovers(Timestamp(0)).await, 0);
        assert_eq!(leftovers(EVERYTHING).await, 3);
        assert_eq!(bench.held(b"part").await, Held::Part { bytes: 0 });
        let claim = bench.artifacts.claim(&digest).await;
        bench.artifacts.remove(&digest, &claim).await.expect("removed");
        bench.artifacts.remove(&digest, &claim).await.expect("removed already");
        assert_eq!(bench.held(CONTENT).await, Held::Part { bytes: 0 });
    }
}

#[tokio::test]
async fn parts_of_an_earlier_version_are_resumed() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("artifacts");
    fs::create_dir_all(root.join("staging")).expect("made");
    fs::write(root.join(format!("staging/{}.part", Digest::of(CONTENT))), &CONTENT[..5]).expect("written");
    let artifacts = Artifacts::in_folder(root).await.expect("opens");
    assert_eq!(artifacts.held(&Digest::of(CONTENT)).await.expect("held"), Held::Part { bytes: 5 });
}

#[tokio::test]
async fn a_full_disk_is_said_and_recovers() {
    const MIB: usize = 1 << 20;
    let Some(disk) = SmallDisk::mount() else { return };
    let artifacts = Artifacts::in_folder(disk.path().join("artifacts")).await.expect("opens");
    let bench = Bench { directory: tempfile::tempdir().expect("a directory"), artifacts };

    // Refused before a byte is written.
    let refused = bench.artifacts.begin_upload(Digest::of(b"9 MiB"), 9 * MIB as u64, 0).await;
    assert!(matches!(refused, Err(UploadError::Artifact(ArtifactError::Full { .. }))), "{refused:?}");

    // Filled by somebody else in the middle.
    let content = vec![7; 4 * MIB];
    let mut upload = bench.begin(&content, 0).await;
    upload.write(&content[..MIB]).await.expect("written");
    let other = disk.path().join("other");
    drop(fs::write(&other, vec![0; 8 * MIB]).expect_err("the disk is full"));
    let rest = async {
        upload.write(&content[MIB..]).await?;
        upload.finish().await
    };
    let error = rest.await.expect_err("the disk is full");
    assert!(error.to_string().contains("disk of the artifact store is full"), "{error}");
    assert_eq!(fs::read_dir(&bench.artifacts.inner.incoming).expect("there").count(), 0);

    fs::remove_file(other).expect("removed");
    let digest = bench.upload(&content).await;
    assert_eq!(bench.read(&digest, 0).await.expect("read"), Some(content));
}

/// A file system of 8 MiB, for whoever may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "none"])
            .arg(directory.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(directory));
        }
        eprintln!("skipped: only who may mount a file system can fill one");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("--lazy").arg(self.path()).status());
    }
}

//! The cache against a real server that cuts, flips and lacks.

use tempfile::TempDir;

use super::*;
use crate::fake_coordinator::{FakeCoordinator, Fault};
use crate::link::Address;

struct Bench {
    root: TempDir,
    fake: FakeCoordinator,
    channel: Channel,
    bytes: Vec<u8>,
    wanted: Wanted,
}

impl Bench {
    fn new() -> Self {
        let fake = FakeCoordinator::start();
        let bytes: Vec<u8> = (0..=255).cycle().take(10_500).collect();
        let sha256 = fake.hold(&bytes);
        let channel = Address::parse(&fake.address.to_string()).unwrap().channel();
        let wanted = Wanted { what: "model `m`".to_owned(), sha256, size_bytes: Some(10_500) };
        Self { root: tempfile::tempdir().unwrap(), fake, channel, bytes, wanted }
    }

    fn faults(&self, faults: &[Fault]) {
        self.fake.state().faults.extend(faults);
    }

    /// Asks a cache of a new process.
    async fn obtain(&self) -> Result<PathBuf, CacheError> {
        Cache::new(self.root.path().to_owned()).obtain(&self.channel, &self.wanted).await
    }

    async fn arrives(&self) -> PathBuf {
        let path = self.obtain().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), self.bytes);
        assert!(!part_path(&path).exists());
        path
    }

    fn fetches(&self) -> Vec<u64> {
        std::mem::take(&mut self.fake.state().fetches)
    }
}

#[tokio::test]
async fn an_artifact_is_fetched_once() {
    let bench = Bench::new();
    let path = bench.arrives().await;
    assert!(path.ends_with(format!("{}/{}", &bench.wanted.sha256.to_string()[..2], bench.wanted.sha256)));
    bench.arrives().await;
    assert_eq!(bench.fetches(), [0]);
}

#[tokio::test]
async fn a_cut_transfer_resumes_where_it_stopped() {
    let bench = Bench::new();
    bench.faults(&[Fault::CutAfter(2000), Fault::CutAfter(3000)]);
    bench.arrives().await;
    assert_eq!(bench.fetches(), [0, 2000, 5000]);
}

#[tokio::test]
async fn a_transfer_that_another_life_began_resumes() {
    let bench = Bench::new();
    let path = bench.arrives().await;
    fs::rename(&path, part_path(&path)).unwrap();
    File::options().write(true).open(part_path(&path)).unwrap().set_len(7000).unwrap();
    bench.fetches();
    bench.arrives().await;
    assert_eq!(bench.fetches(), [7000]);
}

#[tokio::test]
async fn flipped_bytes_are_noticed_and_fetched_from_the_start() {
    let bench = Bench::new();
    bench.faults(&[Fault::CutAfter(2000), Fault::FlipByte]);
    bench.arrives().await;
    assert_eq!(bench.fetches(), [0, 2000, 0]);
}

#[tokio::test]
async fn three_wrong_downloads_are_enough() {
    let bench = Bench::new();
    bench.faults(&[Fault::FlipByte, Fault::FlipByte, Fault::FlipByte]);
    let error = bench.obtain().await.unwrap_err();
    assert!(matches!(error, CacheError::Mismatch { .. }), "{error}");
    assert!(error.to_string().contains("model `m`"), "{error}");
    assert_eq!(bench.fetches(), [0, 0, 0]);
    bench.arrives().await;
}

#[tokio::test]
async fn an_artifact_nobody_has_is_said_at_once() {
    let bench = Bench::new();
    bench.fake.state().artifacts.clear();
    assert!(matches!(bench.obtain().await, Err(CacheError::NotFound { .. })));
    assert_eq!(bench.fetches(), [0]);
}

#[tokio::test]
async fn a_damaged_file_is_never_handed_out() {
    let bench = Bench::new();
    let path = bench.arrives().await;
    let mut bytes = bench.bytes.clone();
    bytes[7] ^= 1;
    fs::write(&path, &bytes).unwrap();
    bench.arrives().await;
    fs::write(&path, &bytes[..9000]).unwrap();
    bench.arrives().await;
    assert_eq!(bench.fetches(), [0, 0, 0]);
}

#[tokio::test]
async fn a_size_the_cell_does_not_say_comes_from_the_coordinator() {
    let mut bench = Bench::new();
    bench.wanted.size_bytes = None;
    bench.faults(&[Fault::CutAfter(2000)]);
    bench.arrives().await;
    assert_eq!(bench.fetches(), [0, 2000]);
}

#[tokio::test]
async fn a_part_longer_than_the_artifact_is_thrown_away() {
    let bench = Bench::new();
    let path = bench.arrives().await;
    fs::rename(&path, part_path(&path)).unwrap();
    File::options().write(true).open(part_path(&path)).unwrap().set_len(20_000).unwrap();
    bench.arrives().await;
}

#[tokio::test]
async fn an_empty_artifact_is_an_artifact() {
    let mut bench = Bench::new();
    bench.bytes.clear();
    bench.wanted.sha256 = bench.fake.hold(b"");
    bench.wanted.size_bytes = None;
    bench.arrives().await;
}

#[test]
fn a_full_disk_is_told_apart() {
    let wanted = Wanted { what: "m".to_owned(), sha256: Digest::of(b""), size_bytes: None };
    let error = io_error(&wanted, "writing", Path::new("p"), io::ErrorKind::StorageFull.into());
    assert!(matches!(error, CacheError::DiskFull { .. }));
}

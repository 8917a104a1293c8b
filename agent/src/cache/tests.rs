//! The cache against a real server that cuts, flips and lacks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::UNIX_EPOCH;

use domain::{Clock as _, SystemClock};
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
    async fn obtain(&self) -> Result<Pinned, CacheError> {
        self.cache(None).obtain(&self.channel, &self.wanted).await
    }

    fn cache(&self, limit_bytes: Option<u64>) -> Cache {
        Cache::open(self.root.path().to_owned(), limit_bytes, SystemClock::new().now()).unwrap()
    }

    async fn arrives(&self) -> PathBuf {
        let path = self.obtain().await.unwrap().path().to_owned();
        assert_eq!(fs::read(&path).unwrap(), self.bytes);
        assert!(!part_path(&path).exists());
        path
    }

    /// Another artifact of so many bytes.
    fn another(&self, bytes: usize, fill: u8) -> Wanted {
        let sha256 = self.fake.hold(&vec![fill; bytes]);
        Wanted { what: format!("model `{fill}`"), sha256, size_bytes: Some(bytes as u64) }
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

/// The same file to look at, with one bit changed: what a bad disk does.
fn flip(path: &Path) {
    let times = fs::FileTimes::new().set_modified(path.metadata().unwrap().modified().unwrap());
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 7).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 7).unwrap();
    file.set_times(times).unwrap();
}

#[tokio::test]
async fn a_bit_that_flips_between_two_attempts_is_noticed() {
    let bench = Bench::new();
    let cache = bench.cache(None);
    let path = cache.obtain(&bench.channel, &bench.wanted).await.unwrap().path().to_owned();
    flip(&path);
    cache.obtain(&bench.channel, &bench.wanted).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), bench.bytes);
    assert_eq!(bench.fetches(), [0, 0]);
}

#[tokio::test]
async fn what_was_used_least_recently_makes_room_and_what_is_held_stays() {
    let bench = Bench::new();
    let cache = bench.cache(Some(35_000));
    let wanted: Vec<Wanted> = (1..=4).map(|fill| bench.another(10_000, fill)).collect();
    let obtain = async |index: usize| cache.obtain(&bench.channel, &wanted[index]).await.unwrap();
    let used = |pinned: &Pinned, seconds| {
        let at = UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(pinned.path()).unwrap().set_times(fs::FileTimes::new().set_accessed(at)).unwrap();
    };
    let oldest = obtain(0).await;
    used(&oldest, 1_000);
    let older = obtain(1).await;
    used(&older, 2_000);
    let old = obtain(2).await;
    used(&old, 3_000);
    let paths = [oldest.path().to_owned(), older.path().to_owned(), old.path().to_owned()];
    drop((older, old));
    obtain(3).await;
    assert_eq!(paths.map(|path| path.exists()), [true, false, true], "the oldest is held, the next one has to go");
}

#[tokio::test]
async fn a_transfer_that_nobody_goes_on_with_leaves_first() {
    let bench = Bench::new();
    let cache = bench.cache(Some(25_000));
    let whole = cache.obtain(&bench.channel, &bench.another(10_000, 1)).await.unwrap().path().to_owned();
    let forgotten = part_path(&whole.with_file_name(Digest::of(b"forgotten").to_string()));
    fs::write(&forgotten, [0; 10_000]).unwrap();
    // Its own part is not in its way.
    bench.faults(&[Fault::CutAfter(2000)]);
    cache.obtain(&bench.channel, &bench.another(10_000, 2)).await.unwrap();
    assert_eq!((whole.exists(), forgotten.exists()), (true, false));
    assert_eq!(bench.fetches(), [0, 0, 2000]);
}

#[tokio::test]
async fn a_use_is_remembered_over_a_restart() {
    let bench = Bench::new();
    let first = bench.another(10_000, 1);
    let second = bench.another(10_000, 2);
    let mut paths = Vec::new();
    for wanted in [&first, &second] {
        let pinned = bench.cache(None).obtain(&bench.channel, wanted).await.unwrap();
        let long_ago = fs::FileTimes::new().set_accessed(UNIX_EPOCH + Duration::from_secs(1_000));
        File::open(pinned.path()).unwrap().set_times(long_ago).unwrap();
        paths.push(pinned.path().to_owned());
    }
    bench.cache(None).obtain(&bench.channel, &first).await.unwrap();
    bench.cache(Some(25_000)).obtain(&bench.channel, &bench.another(10_000, 3)).await.unwrap();
    assert_eq!((paths[0].exists(), paths[1].exists()), (true, false));
}

#[tokio::test]
async fn what_can_never_fit_is_said_with_the_way_out() {
    let bench = Bench::new();
    let cache = bench.cache(Some(15_000));
    let _held = cache.obtain(&bench.channel, &bench.another(10_000, 1)).await.unwrap();
    let error = cache.obtain(&bench.channel, &bench.wanted).await.unwrap_err();
    assert!(matches!(error, CacheError::OverLimit { held_bytes: 10_000, needed_bytes: 10_500, .. }), "{error}");
    assert!(error.to_string().contains("--cache-limit"), "{error}");
}

#[tokio::test]
async fn transfers_of_last_week_are_forgotten_at_the_start() {
    let bench = Bench::new();
    let directory = bench.root.path().join("aa");
    fs::create_dir_all(&directory).unwrap();
    let part = |name: &[u8]| directory.join(format!("{}.part", Digest::of(name)));
    for path in [part(b"old"), part(b"new")] {
        fs::write(path, "x").unwrap();
    }
    let long_ago = fs::FileTimes::new().set_modified(UNIX_EPOCH);
    File::options().write(true).open(part(b"old")).unwrap().set_times(long_ago).unwrap();
    bench.cache(None);
    assert_eq!((part(b"old").exists(), part(b"new").exists()), (false, true));
}

#[tokio::test]
async fn a_full_disk_is_said_and_holds_nothing_half_written() {
    const MIB: usize = 1 << 20;
    let Some(disk) = SmallDisk::mount() else { return };
    let bench = Bench::new();
    let cache = Cache::open(disk.path().to_owned(), Some(1 << 40), SystemClock::new().now()).unwrap();
    let small = bench.another(MIB, 1);
    let small = cache.obtain(&bench.channel, &small).await.unwrap().path().to_owned();

    // Known before a byte is fetched, and nothing is given up for it in vain.
    bench.fetches();
    let large = bench.another(9 * MIB, 2);
    let error = cache.obtain(&bench.channel, &large).await.unwrap_err().to_string();
    assert!(error.contains("disk is full") && error.contains("needs 9.00 MiB"), "{error}");
    assert!(error.contains(disk.path().to_str().unwrap()), "{error}");
    assert_eq!((small.exists(), bench.fetches().len()), (true, 0));

    // Filled by somebody else meanwhile.
    fs::write(disk.path().join("other"), vec![0; 5 * MIB]).unwrap();
    let medium = bench.another(4 * MIB, 3);
    let error = cache.obtain(&bench.channel, &medium).await.unwrap_err();
    assert!(matches!(error, CacheError::DiskFull { .. }), "{error}");
    let parts = room::entries(disk.path()).unwrap();
    assert!(parts.iter().all(|entry| entry.path == small), "{parts:?}");
    fs::remove_file(disk.path().join("other")).unwrap();
    cache.obtain(&bench.channel, &medium).await.unwrap();
}

/// A file system of 8 MiB, for whoever may mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
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

#[tokio::test]
async fn a_disk_that_fills_while_bytes_come_is_told_apart() {
    let bench = Bench::new();
    let wanted = Wanted { what: "m".to_owned(), sha256: Digest::of(b""), size_bytes: None };
    let error = bench.cache(None).io_error(&wanted, "writing", Path::new("p"), io::ErrorKind::StorageFull.into());
    assert!(matches!(error, CacheError::DiskFull { .. }));
}

use domain::{IdSource as _, RandomIds, Timestamp};
use tempfile::TempDir;

use super::*;

struct Bench {
    root: TempDir,
    spool: Spool,
}

fn uid(at: i64) -> ResultUid {
    ResultUid(RandomIds.uuid(Timestamp(at * 1_000_000)))
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (spool, entries) = Spool::open(root.path().to_owned()).unwrap();
        assert_eq!(entries, []);
        Self { root, spool }
    }

    fn put(&self, attempt: i64) -> Entry {
        self.spool.put(AttemptId(attempt), Fence(attempt), uid(attempt), &attempt.to_le_bytes()).unwrap()
    }

    fn file(&self, entry: &Entry, name: &str) -> PathBuf {
        self.root.path().join(entry.result_uid.to_string()).join(name)
    }

    /// What the next life of the agent finds.
    fn reopen(&self) -> Vec<Entry> {
        Spool::open(self.root.path().to_owned()).unwrap().1
    }

    fn set_aside(&self) -> usize {
        fs::read_dir(self.root.path().join(CORRUPT)).unwrap().count()
    }
}

#[test]
fn a_report_outlives_the_agent_until_it_is_acknowledged() {
    let bench = Bench::new();
    let (second, first) = (bench.put(2), bench.put(1));
    assert_eq!(bench.reopen(), [first, second], "oldest first");
    assert_eq!(bench.spool.read(first.result_uid).unwrap(), (first, 1_i64.to_le_bytes().to_vec()));
    bench.spool.remove(first.result_uid).unwrap();
    assert_eq!(bench.reopen(), [second]);
}

#[test]
fn writing_a_report_twice_keeps_one() {
    let bench = Bench::new();
    let entry = bench.put(1);
    let again = bench.spool.put(entry.attempt, entry.fence, entry.result_uid, b"other").unwrap();
    assert_eq!(again, entry);
    assert_eq!(bench.reopen(), [entry]);
}

#[test]
fn a_torn_write_leaves_nothing_behind() {
    let bench = Bench::new();
    let draft = bench.root.path().join(TMP).join(uid(1).to_string());
    fs::create_dir_all(&draft).unwrap();
    fs::write(draft.join(REPORT), b"half").unwrap();
    assert_eq!(bench.reopen(), []);
    assert!(!draft.exists());
    assert_eq!(bench.set_aside(), 0);
}

#[test]
fn a_crash_while_deleting_is_finished_at_the_next_start() {
    let bench = Bench::new();
    let entry = bench.put(1);
    let name = entry.result_uid.to_string();
    fs::rename(bench.root.path().join(&name), bench.root.path().join(TMP).join(&name)).unwrap();
    assert_eq!(bench.reopen(), []);
}

#[test]
fn a_report_with_other_bytes_is_never_handed_out() {
    let bench = Bench::new();
    let entry = bench.put(1);
    fs::write(bench.file(&entry, REPORT), 2_i64.to_le_bytes()).unwrap();
    assert_eq!(bench.reopen(), [entry], "the same size");
    assert!(matches!(bench.spool.read(entry.result_uid), Err(SpoolError::Corrupt { .. })));
    let aside = bench.spool.set_aside(entry.result_uid).unwrap();
    assert!(aside.join(REPORT).exists(), "kept for a person to look at");
    assert_eq!(bench.reopen(), []);
}

#[test]
fn damaged_entries_are_set_aside_and_the_others_live() {
    let bench = Bench::new();
    let (whole, short, torn, missing) = (bench.put(1), bench.put(2), bench.put(3), bench.put(4));
    fs::write(bench.file(&short, REPORT), b"x").unwrap();
    fs::write(bench.file(&torn, MANIFEST), b"{").unwrap();
    fs::remove_file(bench.file(&missing, MANIFEST)).unwrap();
    assert_eq!(bench.reopen(), [whole]);
    assert_eq!(bench.set_aside(), 3);
}

//! Settings of boards of files, made and put back, whatever is killed when.

mod jetson;
mod killed;

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::power::DirectoryRoot;

/// A board of two frequency domains.
struct Board {
    directory: TempDir,
    root: Arc<dyn Root>,
}

impl Board {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for policy in ["policy0", "policy4"] {
            let path = directory.path().join("root/sys/devices/system/cpu/cpufreq").join(policy);
            fs::create_dir_all(&path).expect("created");
            fs::write(path.join("scaling_governor"), "schedutil\n").expect("written");
        }
        let root: Arc<dyn Root> = Arc::new(DirectoryRoot::tree(directory.path().join("root")));
        Self { directory, root }
    }

    fn journal(&self) -> PathBuf {
        self.directory.path().join("pins.json")
    }

    fn set(&self, policy: &str, governor: &str) {
        let path = format!("root/sys/devices/system/cpu/cpufreq/{policy}/scaling_governor");
        fs::write(self.directory.path().join(path), format!("{governor}\n")).expect("written");
    }

    /// Reading and writing it fails so.
    fn refuse(&self, policy: &str, errno: &str) {
        let path = format!("root/sys/devices/system/cpu/cpufreq/{policy}/scaling_governor@errno");
        fs::write(self.directory.path().join(path), errno).expect("written");
    }

    fn allow(&self, policy: &str) {
        let path = format!("root/sys/devices/system/cpu/cpufreq/{policy}/scaling_governor@errno");
        fs::remove_file(self.directory.path().join(path)).expect("it was refused");
    }

    fn governors(&self) -> String {
        read_all(&self.root, &governors(self.root.as_ref()))
    }

    fn make(&self) -> Result<Pinned, PinError> {
        Pinned::make(&self.root, &self.journal(), &[performance()])
    }
}

fn performance() -> Wanted {
    Wanted { subject: Subject::Governor, value: "performance".to_owned() }
}

#[test]
fn a_setting_holds_for_the_run_and_is_put_back() {
    let board = Board::new();
    board.set("policy4", "powersave");
    let pinned = board.make().expect("made");
    assert_eq!(board.governors(), "performance");
    let pins = pinned.read_back();
    assert_eq!((pins[0].found.as_str(), pins[0].wanted.as_str()), ("powersave, schedutil", "performance"));
    assert!(pins[0].held(), "{pins:?}");
    drop(pinned);
    assert_eq!(board.governors(), "powersave, schedutil");
    assert!(!board.journal().exists());
}

#[test]
fn a_setting_that_did_not_last_is_told() {
    let board = Board::new();
    let pinned = board.make().expect("made");
    board.set("policy0", "ondemand");
    let pins = pinned.read_back();
    assert!(!pins[0].held(), "{pins:?}");
    drop(pinned);
    // What somebody else made of it is theirs.
    assert_eq!(board.governors(), "ondemand, schedutil");
}

#[test]
fn what_is_as_asked_for_is_not_touched() {
    let board = Board::new();
    board.set("policy0", "performance");
    board.set("policy4", "performance");
    let pinned = board.make().expect("made");
    assert!(!board.journal().exists());
    assert!(pinned.read_back()[0].held());
}

/// An agent that is killed never drops what it holds.
#[test]
fn a_killed_agents_settings_are_put_back_by_the_next_one() {
    let board = Board::new();
    std::mem::forget(board.make().expect("made"));
    assert_eq!(board.governors(), "performance");
    recover(&board.root, &board.journal()).expect("put back");
    assert_eq!(board.governors(), "schedutil");
    recover(&board.root, &board.journal()).expect("nothing is left to do");
    assert_eq!(board.governors(), "schedutil");
}

#[test]
fn a_kill_between_two_settings_is_put_back_too() {
    for made in [vec![], vec!["policy0"], vec!["policy0", "policy4"]] {
        let board = Board::new();
        let changes: Vec<Change> = governors(board.root.as_ref())
            .into_iter()
            .map(|setting| Change { setting, found: "schedutil".to_owned(), made: "performance".to_owned() })
            .collect();
        journal::write(&board.journal(), &changes).expect("written");
        for policy in &made {
            board.set(policy, "performance");
        }
        recover(&board.root, &board.journal()).expect("put back");
        assert_eq!(board.governors(), "schedutil", "killed after {made:?}");
    }
}

#[test]
fn the_next_run_first_puts_back_what_a_killed_one_left() {
    let board = Board::new();
    std::mem::forget(board.make().expect("made"));
    let pinned = board.make().expect("made");
    assert_eq!(pinned.read_back()[0].found, "schedutil", "not what the killed run made");
    drop(pinned);
    assert_eq!(board.governors(), "schedutil");
}

#[test]
fn a_setting_that_is_refused_leaves_everything_as_it_was() {
    let board = Board::new();
    let path = board.directory.path().join("root/sys/devices/system/cpu/cpufreq/policy4/scaling_governor");
    let mut permissions = fs::metadata(&path).expect("there").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).expect("our own");
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        println!("skipped: root writes what is read-only");
        return;
    }
    let refused = Pinned::make(&board.root, &board.journal(), &[performance()]).expect_err("refused");
    assert!(matches!(&refused, PinError::Refused { what, .. } if what.contains("policy4")), "{refused}");
    assert_eq!(board.governors(), "schedutil");
    assert!(!board.journal().exists());
}

#[test]
fn a_policy_that_is_gone_does_not_keep_the_others_from_being_put_back() {
    let board = Board::new();
    std::mem::forget(board.make().expect("made"));
    board.refuse("policy0", "ENODEV");
    recover(&board.root, &board.journal()).expect("put back as far as possible");
    assert_eq!(board.governors(), "schedutil");
    assert!(!board.journal().exists());
}

#[test]
fn a_torn_journal_is_an_error_and_changes_nothing() {
    let board = Board::new();
    fs::write(board.journal(), "[{\"setting\":").expect("written");
    assert!(matches!(board.make(), Err(PinError::Journal(_))));
    assert_eq!(board.governors(), "schedutil");
}

#[test]
fn a_setting_that_can_not_be_put_back_keeps_no_other_from_it() {
    let board = Board::new();
    std::mem::forget(board.make().expect("made"));
    board.refuse("policy4", "EIO");
    assert!(matches!(recover(&board.root, &board.journal()), Err(PinError::Unread { .. })));
    board.allow("policy4");
    assert_eq!(board.governors(), "performance, schedutil", "the other one");
    recover(&board.root, &board.journal()).expect("put back now");
    assert_eq!(board.governors(), "schedutil");
}

#[test]
fn a_setting_that_can_not_be_read_is_not_taken_for_made() {
    let board = Board::new();
    let wanted = [Wanted { subject: Subject::JetsonPowerMode, value: "MAXN".to_owned() }];
    let refused = Pinned::make(&board.root, &board.journal(), &wanted).expect_err("there is no such tool");
    assert!(matches!(refused, PinError::Unread { .. }), "{refused}");
}

#[test]
fn a_phones_fixed_performance_is_ordered_and_taken_back() {
    let board = Board::new();
    let answer = |on: &str, text: &str| {
        let path = board.directory.path().join(format!("root/tool/cmd_power_set-fixed-performance-mode-enabled_{on}"));
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, text).expect("written");
    };
    let wanted = [Wanted { subject: Subject::FixedPerformance, value: FIXED_PERFORMANCE.to_owned() }];
    answer("true", "");
    let pinned = Pinned::make(&board.root, &board.journal(), &wanted).expect("taken");
    let pins = pinned.read_back();
    assert!(pins[0].held() && pins[0].found == "not told", "{pins:?}");
    drop(pinned);
    assert!(board.journal().exists(), "the order to end it has no answer here: it is tried again");
    answer("false", "");
    recover(&board.root, &board.journal()).expect("taken back");
    assert!(!board.journal().exists());
    answer("true", "Failed to set FIXED_PERFORMANCE mode");
    let refused = Pinned::make(&board.root, &board.journal(), &wanted).expect_err("the phone lacks it");
    assert!(matches!(refused, PinError::Refused { .. }), "{refused}");
}

#[test]
fn clocks_that_stand_still_must_do_so_until_the_end() {
    let board = Board::new();
    board.set("policy0", "performance");
    board.set("policy4", "performance");
    let put = |path: &str, text: &str| {
        let path = board.directory.path().join("root").join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, text).expect("written");
    };
    let limits = |least: &str| {
        for policy in ["policy0", "policy4"] {
            put(&format!("sys/devices/system/cpu/cpufreq/{policy}/scaling_min_freq"), least);
            put(&format!("sys/devices/system/cpu/cpufreq/{policy}/scaling_max_freq"), "2000000");
        }
    };
    let names = |pins: &[Pin]| pins.iter().map(|pin| (pin.what.clone(), pin.held())).collect::<Vec<_>>();
    limits("1000000");
    let governor = ("governor".to_owned(), true);
    assert_eq!(names(&board.make().expect("made").read_back()), std::slice::from_ref(&governor), "free all the time");
    limits("2000000");
    put("sys/class/devfreq/1d84000.ufs/min_freq", "1");
    put("sys/class/devfreq/1d84000.ufs/max_freq", "2");
    let pinned = board.make().expect("made");
    assert_eq!(names(&pinned.read_back()), [governor.clone(), ("clocks".to_owned(), true)]);
    put("sys/class/devfreq/17000000.gpu/min_freq", "306000000");
    put("sys/class/devfreq/17000000.gpu/max_freq", "918000000");
    assert_eq!(names(&pinned.read_back()), [governor, ("clocks".to_owned(), false)]);
}

//! A process that holds settings and is killed for good.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use super::*;

/// Lies beside the board that the victim is to set.
const MARK: &str = "victim";
const HELD: &str = "it holds its settings";

#[test]
fn settings_of_a_process_that_was_killed_are_put_back() {
    let board = Board::new();
    fs::write(board.directory.path().join(MARK), "").expect("written");
    let mut victim = Command::new(std::env::current_exe().expect("this program"))
        .args(["pinning::tests::killed::victim", "--exact", "--ignored", "--nocapture"])
        .current_dir(board.directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(victim.stdout.take().expect("piped")).lines();
    assert!(lines.any(|line| line.expect("text").contains(HELD)), "it ended before it held anything");
    victim.kill().expect("killed");
    victim.wait().expect("ended");
    assert_eq!(board.governors(), "performance", "nobody could put it back");
    recover(&board.root, &board.journal()).expect("put back");
    assert_eq!(board.governors(), "schedutil");
    assert!(!board.journal().exists());
}

#[test]
#[ignore = "is started, and killed, by the test beside it"]
fn victim() {
    if !Path::new(MARK).exists() {
        return;
    }
    let root: Arc<dyn Root> = Arc::new(DirectoryRoot::tree("root"));
    let _pinned = Pinned::make(&root, Path::new("./pins.json"), &[performance()]).expect("made");
    println!("{HELD}");
    // Until it is killed, or whoever would kill it is gone.
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the end");
}

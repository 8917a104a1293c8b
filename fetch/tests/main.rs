//! Fetches from servers on this machine that behave well, badly and maliciously. One binary, so that it links once.

mod certificates;
mod disk;
mod files;
mod hub;
mod impostors;
mod limits;
mod patience;
mod resuming;
mod server;
mod wheels;

use std::path::Path;
use std::time::Duration;

use furlong_fetch::{FetchError, Fetched, HubSettings, Patience, Progress, Request, Source};
use tempfile::TempDir;

/// Far beyond what any fetch here takes.
const DEADLINE: Duration = Duration::from_mins(1);

/// Short, so that a test of giving up takes no longer than it must, and long enough for a busy machine.
fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(10),
        answer: Duration::from_secs(10),
        stall_window: Duration::from_secs(10),
        stall_bytes: 1,
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(10),
        longest_asked_pause: Duration::from_secs(2),
        tries: 4,
        unreachable_tries: 2,
    }
}

/// A folder for downloads and one source.
struct Fixture {
    folder: TempDir,
    source: Source,
    expected: Option<domain::Digest>,
    limit_bytes: u64,
    patience: Patience,
    hub: HubSettings,
    progress: Vec<Progress>,
}

impl Fixture {
    fn new(source: &str) -> Self {
        Self {
            folder: TempDir::new().expect("a temporary directory"),
            source: source.parse().expect("a source"),
            expected: None,
            limit_bytes: 64 << 20,
            patience: patience(),
            hub: HubSettings::none(),
            progress: Vec::new(),
        }
    }

    async fn fetch(&mut self) -> Result<Fetched, FetchError> {
        let request = Request {
            expected_sha256: self.expected,
            limit_bytes: self.limit_bytes,
            patience: self.patience.clone(),
            python: self.folder.path().join("../python-is-not-needed"),
            ..Request::new(self.source.clone(), self.folder.path())
        };
        let fetching = furlong_fetch::fetch(&request, &self.hub, |progress| self.progress.push(progress));
        tokio::time::timeout(DEADLINE, fetching).await.expect("a fetch always ends")
    }

    /// Fetches, and compares the file with these bytes.
    async fn check(&mut self, expected: &[u8]) -> Fetched {
        let fetched = self.fetch().await.unwrap_or_else(|error| panic!("{}", in_full(&error)));
        let bytes = std::fs::read(&fetched.path).expect("the fetched file");
        assert!(bytes == expected, "other bytes: {} instead of {}", bytes.len(), expected.len());
        assert_eq!((fetched.sha256, fetched.size_bytes), (domain::Digest::of(expected), expected.len() as u64));
        assert_eq!(self.left().len(), 1, "only the file itself is left: {:?}", self.left());
        fetched
    }

    /// The names in the folder.
    fn left(&self) -> Vec<String> {
        names(self.folder.path())
    }

    /// The name of the file that is not whole.
    fn part(&self) -> std::path::PathBuf {
        let left = self.left();
        let name = left
            .iter()
            .find(|name| Path::new(name).extension().is_some_and(|extension| extension == "part"))
            .unwrap_or_else(|| panic!("a part in {left:?}"));
        self.folder.path().join(name)
    }

    fn retries(&self) -> Vec<&str> {
        self.progress
            .iter()
            .filter_map(|progress| match progress {
                Progress::Retrying { why, .. } => Some(why.as_str()),
                _ => None,
            })
            .collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// The error as a person sees it: with its chain. It must never repeat itself.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}\ncaused by: {cause}");
        next = cause.source();
    }
    text
}

/// Bytes that are no file format's and differ everywhere.
fn content(length: u32) -> Vec<u8> {
    (0..length).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

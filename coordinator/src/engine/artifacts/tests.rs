//! Collections against a real database and a real folder: what stays, what goes, and what a kill or a race leaves.

use std::sync::Arc;

use domain::SystemClock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    artifacts::{Artifacts, Begun},
    cluster::test_cluster,
    engine::Settings,
    store::{NewModel, Store},
};

const LEASE: Duration = Duration::from_secs(30);

struct Bench {
    engine: Engine,
    files: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let store = Store::over(test_cluster::database().await);
        let artifacts = Artifacts::in_folder(files.path().join("artifacts")).await.expect("opens");
        let settings = Settings { heartbeat: LEASE / 3, lease: LEASE };
        let clock = Arc::new(SystemClock::new());
        let engine = Engine::new(store, artifacts, clock, settings, CancellationToken::new());
        Self { engine, files }
    }

    async fn holds_bytes(&self, digest: &Digest) -> bool {
        matches!(self.engine.artifacts().held(digest).await.expect("held"), Held::Whole { .. })
    }

    async fn has_record(&self, digest: &Digest) -> bool {
        !self.engine.store().artifacts(&[*digest]).await.expect("reads").is_empty()
    }

    async fn collect(&self, dry_run: bool) -> Collected {
        self.engine.collect_garbage(Duration::ZERO, dry_run).await.expect("collects")
    }
}

async fn upload(engine: &Engine, content: &[u8]) -> Digest {
    let digest = Digest::of(content);
    let begun = engine.artifacts().begin_upload(digest, content.len() as u64, 0).await.expect("begins");
    let kept = match begun {
        Begun::Whole(kept) => kept,
        Begun::Wanted(mut upload) => {
            upload.write(content).await.expect("written");
            upload.finish().await.expect("whole")
        }
    };
    engine.keep(kept).await.expect("recorded");
    digest
}

/// Whether the model could be added: what it names may be gone.
async fn add_model(engine: &Engine, name: &str, sha256: Digest) -> bool {
    let new = NewModel {
        name: name.to_owned(),
        sha256,
        tokenizer_sha256: None,
        files: Vec::new(),
        source: String::new(),
        licence: String::new(),
        card: None,
        replace: true,
    };
    engine.store().add_model(&new, engine.clock().now()).await.is_ok()
}

#[tokio::test]
async fn what_a_model_names_stays_and_the_rest_goes() {
    let bench = Bench::new().await;
    let named = upload(&bench.engine, b"named").await;
    let unnamed = upload(&bench.engine, b"unnamed").await;
    assert!(add_model(&bench.engine, "m", named).await);
    let garbage = Collected { artifacts: 1, bytes: 7 };
    assert_eq!(bench.collect(true).await, garbage, "a dry run counts");
    assert!(bench.holds_bytes(&unnamed).await && bench.has_record(&unnamed).await, "and removes nothing");
    assert_eq!(bench.collect(false).await, garbage);
    assert_eq!((bench.holds_bytes(&unnamed).await, bench.has_record(&unnamed).await), (false, false));
    assert!(bench.holds_bytes(&named).await);
    assert_eq!(bench.collect(false).await, Collected::default());
    assert_eq!(bench.engine.collect_daily(false).await.expect("collects"), Collected::default());
}

#[tokio::test]
async fn a_kill_between_record_and_bytes_loses_nothing_and_leaves_nothing() {
    let bench = Bench::new().await;
    let digest = upload(&bench.engine, b"killed in between").await;
    let later = bench.engine.clock().now().plus(LEASE);
    let gone = async || bench.engine.store().forget_artifact(&digest, later).await.expect("answers");
    assert!(gone().await, "and then the coordinator is killed");
    // A client that asks gets it back ..
    assert!(matches!(bench.engine.artifact_held(&digest).await.expect("held"), Held::Whole { .. }));
    assert!(bench.has_record(&digest).await);
    // .. and if none does, the next collection finds it.
    assert!(gone().await);
    assert_eq!(bench.collect(false).await, Collected { artifacts: 1, bytes: 17 });
    assert!(!bench.holds_bytes(&digest).await);
}

#[tokio::test]
async fn a_whole_upload_that_a_kill_interrupted_is_finished_at_the_start() {
    let bench = Bench::new().await;
    let digest = Digest::of(b"whole");
    let part = bench.files.path().join(format!("artifacts/incoming/{digest}.part"));
    std::fs::write(part, b"whole").expect("written");
    bench.engine.clone().tend_artifacts().await;
    assert!(bench.holds_bytes(&digest).await && bench.has_record(&digest).await);
}

/// Without any grace, uploads and names race the collection: a model that could be added has its bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_model_ever_loses_its_bytes_to_a_race() {
    let bench = Bench::new().await;
    let mut clients = JoinSet::new();
    for client in 0..2 {
        let engine = bench.engine.clone();
        clients.spawn(async move {
            let mut added = 0;
            for turn in 0..60 {
                // Few contents, so that the clients meet each other too.
                let content = format!("content {}", (turn * 7 + client) % 5);
                let digest = upload(&engine, content.as_bytes()).await;
                added += u32::from(add_model(&engine, &format!("model {}", turn % 3), digest).await);
                if turn % 4 == 0 {
                    engine.artifact_held(&digest).await.expect("held");
                }
            }
            added
        });
    }
    let (mut added, mut collected) = (0, 0);
    while !clients.is_empty() {
        collected += bench.collect(false).await.artifacts;
        while let Some(ended) = clients.try_join_next() {
            added += ended.expect("no panic");
        }
        for model in bench.engine.store().models().await.expect("lists") {
            assert!(bench.holds_bytes(&model.model.sha256).await, "{} has no bytes", model.model.name);
        }
    }
    assert!(added > 0 && collected > 0, "{added} added, {collected} collected: nothing raced");
}

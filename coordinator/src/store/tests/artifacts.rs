//! Who needs an artifact, and that none goes which somebody needs.

use super::*;

const LATER: Timestamp = Timestamp(NOW.0 + 1);

impl Fixture {
    async fn artifact(&self, content: &[u8]) -> Digest {
        let record = ArtifactRecord { sha256: Digest::of(content), size_bytes: content.len() as u64 };
        self.store.record_artifact(record, NOW).await.expect("records");
        record.sha256
    }

    async fn unneeded(&self, before: Timestamp) -> Vec<Digest> {
        let unneeded = self.store.unneeded_artifacts(before, 10).await.expect("reads");
        unneeded.into_iter().map(|record| record.sha256).collect()
    }

    async fn forgets(&self, digest: &Digest) -> bool {
        self.store.forget_artifact(digest, LATER).await.expect("answers")
    }
}

/// Every file a cell may name, each by its own content.
fn greedy_cell() -> CellSpec {
    let file = |content: &[u8]| domain::FileRef { path: "f".to_owned(), sha256: Digest::of(content), size_bytes: 1 };
    let side = domain::ModelFile { path: "w".to_owned(), sha256: Digest::of(b"weights"), size_bytes: 1 };
    let model = ModelRef { tokenizer_sha256: Some(Digest::of(b"tokenizer")), files: vec![side], ..spec().model };
    CellSpec {
        runtime: domain::Runtime::File(file(b"library")),
        input: InputSource::Tensors(file(b"input")),
        ..CellSpec::new(model)
    }
}

#[tokio::test]
async fn everything_a_cell_names_stays_until_its_campaign_has_ended() {
    let fixture = Fixture::new().await;
    let mut files = vec![Digest::of(b"m")];
    for content in [&b"weights"[..], b"tokenizer", b"library", b"input"] {
        files.push(fixture.artifact(content).await);
    }
    let mut plan = plan(1);
    plan.cells[0].spec = greedy_cell();
    let new = NewCampaign {
        plan: &plan,
        file_name: "t.yaml",
        yaml: "x",
        includes: &BTreeMap::new(),
        idempotency_key: "",
        attachments: &[],
    };
    let id = fixture.store.submit(&new, NOW).await.expect("submits").id;
    assert_eq!(fixture.unneeded(LATER).await, []);
    for file in &files {
        assert!(!fixture.forgets(file).await, "{file}");
    }
    let uses = fixture.store.artifact_uses(None, 10).await.expect("reads");
    assert!(uses.len() == files.len() && uses.iter().all(|artifact| artifact.campaigns == [id]), "{uses:?}");

    fixture.store.cancel(id, NOW).await.expect("cancels");
    assert_eq!(fixture.unneeded(LATER).await.len(), files.len());
    assert_eq!(fixture.store.release_artifacts_of_ended().await.expect("releases"), files.len() as u64);
    for file in &files {
        assert!(fixture.forgets(file).await, "{file}");
    }
}

#[tokio::test]
async fn attachments_stay_for_ever_and_models_while_they_have_a_name() {
    let fixture = Fixture::new().await;
    let attachment = fixture.artifact(b"attachment").await;
    let attachments = [("a.npz".to_owned(), attachment)];
    let plan = plan(1);
    let new = NewCampaign {
        plan: &plan,
        file_name: "t.yaml",
        yaml: "x",
        includes: &BTreeMap::new(),
        idempotency_key: "",
        attachments: &attachments,
    };
    let id = fixture.store.submit(&new, NOW).await.expect("submits").id;
    fixture.store.cancel(id, NOW).await.expect("cancels");
    fixture.store.release_artifacts_of_ended().await.expect("releases");
    assert_eq!(fixture.unneeded(LATER).await, [Digest::of(b"m")], "its campaign has ended, and no model has it");
    assert!(!fixture.forgets(&attachment).await);
}

#[tokio::test]
async fn what_was_asked_for_lately_stays() {
    let fixture = Fixture::new().await;
    let digest = fixture.artifact(b"asked for").await;
    assert_eq!(fixture.unneeded(NOW).await, []);
    let next_day = NOW.plus(Duration::from_hours(24));
    let record = ArtifactRecord { sha256: digest, size_bytes: 9 };
    fixture.store.record_artifact(record, next_day).await.expect("records");
    assert_eq!(fixture.unneeded(next_day).await, [Digest::of(b"m")]);
    assert!(!fixture.store.forget_artifact(&digest, next_day).await.expect("answers"));
    let uses = fixture.store.artifact_uses(None, 10).await.expect("reads");
    let kept = uses.iter().find(|artifact| artifact.record == record).expect("kept");
    assert_eq!((kept.stored_at, kept.asked_at), (NOW, next_day));
}

/// The database is asked who may refer to an artifact, so that a new table is not forgotten.
#[tokio::test]
async fn every_table_that_refers_to_an_artifact_is_looked_at() {
    let fixture = Fixture::new().await;
    let references = sqlx::query_scalar!(
        r#"select c.conrelid::regclass || '.' || a.attname as "column!"
           from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
           where c.contype = 'f' and c.confrelid = 'artifact'::regclass order by 1"#
    )
    .fetch_all(&fixture.store.pool)
    .await
    .expect("reads");
    // One more? `unneeded_artifacts` and `artifact_uses` must know it.
    assert_eq!(
        references,
        [
            "accuracy.predictions_sha256",
            "campaign_artifact.sha256",
            "campaign_attachment.sha256",
            "model.sha256",
            "model.tokenizer_sha256",
            "model_file.sha256",
            "model_variant.sha256",
        ]
    );
}

#[tokio::test]
async fn a_campaign_whose_model_went_meanwhile_is_planned_anew() {
    let fixture = Fixture::new().await;
    let plan = plan(1);
    assert!(fixture.forgets(&Digest::of(b"m")).await, "collected after the plan was made");
    let new = NewCampaign {
        plan: &plan,
        file_name: "t.yaml",
        yaml: "x",
        includes: &BTreeMap::new(),
        idempotency_key: "",
        attachments: &[],
    };
    let refused = fixture.store.submit(&new, NOW).await.expect_err("its model is gone");
    assert!(matches!(refused, StoreError::Raced(_)), "{refused}");
    assert!(fixture.store.campaigns(None, 10).await.expect("lists").is_empty());
}

/// A collection that waits for a submission sees what it refers to.
#[tokio::test]
async fn a_reference_that_is_not_committed_yet_wins() {
    let fixture = Fixture::new().await;
    let digest = fixture.artifact(b"contested").await;
    let mut adding = fixture.store.pool.begin().await.expect("begins");
    let sha256 = row::bytes_of(&digest);
    sqlx::query!(
        "insert into model (name, sha256, source, licence, added_at) values ('n', $1, '', '', now())",
        &sha256
    )
    .execute(&mut *adding)
    .await
    .expect("inserts");
    let collecting = fixture.store.forget_artifact(&digest, LATER);
    tokio::pin!(collecting);
    // It is sent, and waits for the lock.
    let waits = wait_until_blocked(&fixture);
    tokio::select! {
        forgotten = &mut collecting => panic!("{forgotten:?} before the other transaction has ended"),
        () = waits => {}
    }
    adding.commit().await.expect("commits");
    assert!(!collecting.await.expect("answers"));
    assert_eq!(fixture.store.artifacts(&[digest]).await.expect("reads").len(), 1);
}

async fn wait_until_blocked(fixture: &Fixture) {
    loop {
        let blocked = sqlx::query_scalar!(
            r#"select count(*) as "count!" from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'"#
        );
        if blocked.fetch_one(&fixture.store.pool).await.expect("counts") > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Of a campaign that runs while this version is installed, and of one that had ended.
const EARLIER: &str = r"
    insert into artifact (sha256, size_bytes, stored_at)
        select sha256(name::bytea), 1, now() from unnest('{model,tokenizer,input,other}'::text[]) as name;
    insert into selector_class (selector) values ('any');
    insert into campaign (name, file_name, yaml, state, created_at, finished_at)
        values ('runs', 'o.yaml', '', 'running', now(), null), ('ended', 'o.yaml', '', 'done', now(), now());
    insert into cell (campaign_id, number, key, selector_class_id, spec) select id, 1, sha256(''), 1, jsonb_build_object(
        'model', jsonb_build_object('name', 'm', 'sha256', encode(sha256('model'), 'hex'),
            'tokenizer_sha256', encode(sha256('tokenizer'), 'hex')),
        'input', jsonb_build_object('text', jsonb_build_object('path', 'f', 'sha256', encode(sha256('input'), 'hex'))))
        from campaign;
";

#[tokio::test]
async fn what_a_running_campaign_of_an_earlier_version_needs_stays() {
    let pool = test_cluster::empty_database().await;
    let migrations = sqlx::migrate!("../migrations");
    migrations.run_to(3, &pool).await.expect("before there was garbage");
    sqlx::raw_sql(EARLIER).execute(&pool).await.expect("earlier rows");
    migrations.run(&pool).await.expect("migrates");
    let store = Store { pool };
    let uses = store.artifact_uses(None, 10).await.expect("reads");
    let needed = |content: &[u8]| {
        uses.iter()
            .any(|artifact| artifact.record.sha256 == Digest::of(content) && artifact.campaigns == [CampaignId(1)])
    };
    assert_eq!([&b"model"[..], b"tokenizer", b"input", b"other"].map(needed), [true, true, true, false]);
    let in_a_year = Timestamp(i64::from(u32::MAX) * 1_000_000);
    let unneeded = store.unneeded_artifacts(in_a_year, 10).await.expect("reads");
    assert_eq!(unneeded, [ArtifactRecord { sha256: Digest::of(b"other"), size_bytes: 1 }]);
}

//! Names, variants and side files.

use domain::{GraphFacts, ModelCard, ModelFile, ModelRef, Precision, Provenance, Recipe};

use super::{super::row::bytes_of, *};

fn new(content: &[u8]) -> NewModel {
    NewModel {
        name: "m".to_owned(),
        sha256: Digest::of(content),
        tokenizer_sha256: None,
        files: Vec::new(),
        source: String::new(),
        licence: String::new(),
        card: None,
        replace: false,
    }
}

fn fp16(original: &[u8], content: &[u8]) -> NewVariant {
    NewVariant {
        model: "m".to_owned(),
        precision: Recipe::Fp16.into(),
        sha256: Digest::of(content),
        files: Vec::new(),
        provenance: Provenance {
            agreement: None,
            original: Digest::of(original),
            tool: "convert".to_owned(),
            versions: BTreeMap::from([("onnxruntime".to_owned(), "1.32.0".to_owned())]),
            options: BTreeMap::new(),
        },
        replace: false,
    }
}

fn file(path: &str, content: &[u8]) -> ModelFile {
    ModelFile { path: path.to_owned(), sha256: Digest::of(content), size_bytes: 1 }
}

fn fp32_card() -> ModelCard {
    let graph = GraphFacts { parameters: BTreeMap::from([("float32".to_owned(), 7)]), ..GraphFacts::default() };
    ModelCard { precision: Some(Precision::FP32), graph: Some(graph), ..ModelCard::default() }
}

/// With the artifacts `a` to `d`, of one byte each.
async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    for content in [b"a", b"b", b"c", b"d"] {
        let artifact = ArtifactRecord { sha256: Digest::of(content), size_bytes: 1 };
        fixture.store.record_artifact(artifact, NOW).await.expect("records");
    }
    fixture
}

#[tokio::test]
async fn what_was_added_comes_back_in_full() {
    let store = fixture().await.store;
    let files = vec![file("w/2.bin", b"c"), file("w/1.bin", b"b")];
    let added = NewModel { files, card: Some(fp32_card()), ..new(b"a") };
    store.add_model(&added, NOW).await.expect("adds");
    let variant = NewVariant { files: vec![file("w.bin", b"c")], ..fp16(b"a", b"d") };
    let record = store.add_variant(&variant, NOW).await.expect("adds");
    assert_eq!(record.card, fp32_card());
    assert_eq!(record.model.files, [file("w/1.bin", b"b"), file("w/2.bin", b"c")], "by path");
    assert_eq!(record.variants[0].provenance, variant.provenance);
    assert_eq!(store.models().await.expect("lists"), [record]);

    let known = store.known_models(&["m".to_owned(), "other".to_owned()]).await.expect("reads");
    assert_eq!(known.len(), 1);
    let half = known["m"].in_precision(Some(&Recipe::Fp16.into())).expect("it was added");
    let expected = ModelRef {
        name: "m".to_owned(),
        precision: Some(Recipe::Fp16.into()),
        sha256: Digest::of(b"d"),
        size_bytes: 1,
        tokenizer_sha256: None,
        files: vec![file("w.bin", b"c")],
    };
    assert_eq!(half, expected);
    assert!(known["m"].can_be_made(&Recipe::Int8Dynamic.into()));
}

#[tokio::test]
async fn the_same_content_again_keeps_its_variants_and_other_content_loses_them() {
    let store = fixture().await.store;
    store.add_model(&NewModel { card: Some(fp32_card()), ..new(b"a") }, NOW).await.expect("adds");
    store.add_variant(&fp16(b"a", b"d"), NOW).await.expect("adds");
    let described = NewModel { licence: "MIT".to_owned(), replace: true, ..new(b"a") };
    let record = store.add_model(&described, NOW).await.expect("describes");
    assert_eq!((record.licence.as_str(), record.variants.len()), ("MIT", 1));
    assert_eq!(record.card, fp32_card(), "who sends no card knows no better one");
    let error = store.add_model(&new(b"b"), NOW).await.expect_err("nobody asked for that");
    assert!(matches!(error, AddModelError::Exists { held, .. } if held == Digest::of(b"a")), "{error}");
    let record = store.add_model(&NewModel { replace: true, ..new(b"b") }, NOW).await.expect("replaces");
    assert_eq!(record.variants, []);
    assert_eq!(record.card, ModelCard::default(), "the old content's card says nothing of the new");
}

#[tokio::test]
async fn side_files_are_content_too() {
    let store = fixture().await.store;
    let with = |content: &[u8]| NewModel { files: vec![file("w.bin", content)], ..new(b"a") };
    store.add_model(&with(b"b"), NOW).await.expect("adds");
    store.add_model(&with(b"b"), NOW).await.expect("no change");
    for other in [with(b"c"), new(b"a")] {
        let error = store.add_model(&other, NOW).await.expect_err("other content");
        assert!(matches!(error, AddModelError::Exists { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_variant_needs_the_original_it_was_made_from() {
    let store = fixture().await.store;
    let error = store.add_variant(&fp16(b"a", b"d"), NOW).await.expect_err("no model");
    assert!(matches!(error, AddVariantError::NoModel(_)), "{error}");
    store.add_model(&new(b"a"), NOW).await.expect("adds");
    store.add_model(&NewModel { replace: true, ..new(b"b") }, NOW).await.expect("replaces");
    let error = store.add_variant(&fp16(b"a", b"d"), NOW).await.expect_err("made from the former content");
    assert!(matches!(error, AddVariantError::OtherOriginal { .. }), "{error}");
}

#[tokio::test]
async fn a_variant_is_replaced_only_when_asked_to() {
    let store = fixture().await.store;
    store.add_model(&new(b"a"), NOW).await.expect("adds");
    store.add_variant(&fp16(b"a", b"c"), NOW).await.expect("adds");
    store.add_variant(&fp16(b"a", b"c"), NOW).await.expect("no change");
    let error = store.add_variant(&fp16(b"a", b"d"), NOW).await.expect_err("another one");
    assert!(matches!(error, AddVariantError::Exists { .. }), "{error}");
    let asked = NewVariant { replace: true, ..fp16(b"a", b"d") };
    let record = store.add_variant(&asked, NOW).await.expect("replaces");
    assert_eq!(record.variants[0].model.sha256, Digest::of(b"d"));
}

#[tokio::test]
async fn a_file_that_is_not_stored_can_not_be_named() {
    let store = fixture().await.store;
    let error = store.add_model(&new(b"x"), NOW).await.expect_err("not stored");
    assert!(matches!(error, AddModelError::MissingArtifact(_)), "{error}");
    let side = NewModel { files: vec![file("w.bin", b"x")], ..new(b"a") };
    let error = store.add_model(&side, NOW).await.expect_err("not stored");
    assert!(matches!(error, AddModelError::MissingArtifact(_)), "{error}");
    assert_eq!(store.models().await.expect("lists"), [], "all of it or nothing");
    store.add_model(&new(b"a"), NOW).await.expect("adds");
    let error = store.add_variant(&fp16(b"a", b"x"), NOW).await.expect_err("not stored");
    assert!(matches!(error, AddVariantError::MissingArtifact { .. }), "{error}");
}

#[tokio::test]
async fn two_clients_may_add_the_same_model_at_once() {
    let store = fixture().await.store;
    let (new, now) = (new(b"a"), NOW);
    let (one, other) = tokio::join!(store.add_model(&new, now), store.add_model(&new, now));
    assert_eq!(one.expect("adds"), other.expect("finds it there"));
}

#[tokio::test]
async fn what_is_removed_is_gone_with_everything_below_it() {
    let store = fixture().await.store;
    store.add_model(&NewModel { files: vec![file("w.bin", b"b")], ..new(b"a") }, NOW).await.expect("adds");
    store.add_variant(&fp16(b"a", b"c"), NOW).await.expect("adds");
    let fp16 = Precision::from(Recipe::Fp16);
    assert!(store.remove_variant("m", &fp16).await.expect("removes"));
    assert!(!store.remove_variant("m", &fp16).await.expect("nothing is left"));
    assert!(store.remove_model("m").await.expect("removes"));
    assert!(!store.remove_model("m").await.expect("nothing is left"));
    let files = sqlx::query_scalar!(r#"select count(*) as "count!" from model_file"#).fetch_one(&store.pool).await;
    assert_eq!(files.expect("counts"), 0);
}

#[tokio::test]
async fn an_unreadable_card_is_named_and_a_model_from_before_cards_is_read() {
    let store = fixture().await.store;
    let sha256 = bytes_of(&Digest::of(b"a"));
    sqlx::query!(
        "insert into model (name, sha256, source, licence, added_at) values ('old', $1, '', '', now())",
        &sha256,
    )
    .execute(&store.pool)
    .await
    .expect("inserts");
    assert_eq!(store.model("old").await.expect("reads").expect("is there").card, ModelCard::default());
    sqlx::query!(r#"update model set card = '{"task": 1}'"#).execute(&store.pool).await.expect("spoils it");
    let error = store.models().await.expect_err("spoiled");
    assert!(matches!(error, StoreError::Inconsistent { table: "model", column: "card", .. }), "{error}");
}

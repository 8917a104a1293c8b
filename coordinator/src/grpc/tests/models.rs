//! The door for models: what is refused there, and what comes back.

use super::*;

const SIDE: &[u8] = b"weights";
const HALF: &[u8] = b"the same in 16 bits";

fn sha256(content: &[u8]) -> Vec<u8> {
    Digest::of(content).as_bytes().to_vec()
}

fn file(path: &str) -> pb::ModelFile {
    pb::ModelFile { path: path.to_owned(), sha256: sha256(SIDE), size_bytes: 0 }
}

fn model() -> pb::AddModelRequest {
    pb::AddModelRequest {
        name: "m".to_owned(),
        sha256: sha256(MODEL),
        files: vec![file("w/1.bin")],
        card: Some(pb::ModelCard {
            precision: "fp32".to_owned(),
            graph: Some(pb::GraphFacts { parameters: [("float32".to_owned(), 7)].into(), ..pb::GraphFacts::default() }),
            ..pb::ModelCard::default()
        }),
        ..pb::AddModelRequest::default()
    }
}

fn half() -> pb::AddVariantRequest {
    pb::AddVariantRequest {
        model: "m".to_owned(),
        precision: "fp16".to_owned(),
        sha256: sha256(HALF),
        provenance: Some(pb::Provenance {
            agreement: None,
            original_sha256: sha256(MODEL),
            tool: "attached".to_owned(),
            ..pb::Provenance::default()
        }),
        ..pb::AddVariantRequest::default()
    }
}

async fn lab() -> (Lab, ArtifactServiceClient<Channel>) {
    let lab = Lab::new().await;
    for content in [MODEL, SIDE, HALF] {
        lab.upload(content, 0).await.expect("uploads");
    }
    let client = ArtifactServiceClient::new(lab.channel.clone());
    (lab, client)
}

#[tokio::test]
async fn a_model_with_side_files_variants_and_card_is_told_in_full() {
    let (lab, mut client) = lab().await;
    client.add_model(model()).await.expect("adds");
    client.add_variant(half()).await.expect("adds");
    let whole = client.get_model(pb::GetModelRequest { name: "m".to_owned() }).await.expect("is there").into_inner();
    assert_eq!(whole.card, model().card);
    assert_eq!(whole.files[0].size_bytes, SIDE.len() as u64, "the artifact's size, whatever was sent");
    assert_eq!(whole.variants[0].provenance, half().provenance);
    let list =
        client.list_models(pb::ListModelsRequest { with_graph: false }).await.expect("lists").into_inner().models;
    assert_eq!(list[0].card.as_ref().expect("a card").graph, None, "lists are light");
    assert_eq!(list[0].parameters, Some(7));
    let list = client.list_models(pb::ListModelsRequest { with_graph: true }).await.expect("lists").into_inner().models;
    assert_eq!(list, [whole]);
    lab.stop().await;
}

#[tokio::test]
async fn what_a_device_could_not_be_given_is_refused_at_the_door() {
    let (lab, mut client) = lab().await;
    let long = "x".repeat(101);
    let cases = [
        pb::AddModelRequest { name: String::new(), ..model() },
        pb::AddModelRequest { name: long, ..model() },
        pb::AddModelRequest { name: "a\0b".to_owned(), ..model() },
        pb::AddModelRequest { name: "a/b".to_owned(), ..model() },
        pb::AddModelRequest { name: " a".to_owned(), ..model() },
        pb::AddModelRequest { sha256: vec![1; 31], ..model() },
        pb::AddModelRequest { files: vec![file("../w.bin")], ..model() },
        pb::AddModelRequest { files: vec![file("/w.bin")], ..model() },
        pb::AddModelRequest { files: vec![file("w.bin"), file("./w.bin")], ..model() },
        pb::AddModelRequest {
            card: Some(pb::ModelCard { precision: "no such thing".to_owned(), ..pb::ModelCard::default() }),
            ..model()
        },
        pb::AddModelRequest {
            card: Some(pb::ModelCard { task: "x".repeat(300_000), ..pb::ModelCard::default() }),
            ..model()
        },
    ];
    for case in cases {
        let error = client.add_model(case.clone()).await.expect_err(&case.name);
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
    client.add_model(model()).await.expect("adds");
    for case in [
        pb::AddVariantRequest { precision: String::new(), ..half() },
        pb::AddVariantRequest { precision: "Int 8".to_owned(), ..half() },
        pb::AddVariantRequest { provenance: None, ..half() },
    ] {
        let error = client.add_variant(case).await.expect_err("malformed");
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn what_is_missing_or_in_the_way_has_its_own_code() {
    let (lab, mut client) = lab().await;
    let missing = vec![pb::ModelFile { sha256: sha256(b"never uploaded"), ..file("w.bin") }];
    let error = client.add_model(pb::AddModelRequest { files: missing, ..model() }).await.expect_err("no side file");
    assert_eq!(error.code(), Code::FailedPrecondition, "{error}");
    assert!(error.message().contains("w.bin"), "{error}");
    let error = client.add_variant(half()).await.expect_err("no model");
    assert_eq!(error.code(), Code::NotFound, "{error}");
    client.add_model(model()).await.expect("adds");
    client.add_variant(half()).await.expect("adds");
    client.add_variant(half()).await.expect("no change");
    let other = pb::AddVariantRequest { sha256: sha256(SIDE), ..half() };
    assert_eq!(client.add_variant(other).await.expect_err("in the way").code(), Code::AlreadyExists);
    let renamed = pb::AddModelRequest { sha256: sha256(HALF), replace: true, ..model() };
    client.add_model(renamed).await.expect("replaces");
    let error = client.add_variant(half()).await.expect_err("made from the former content");
    assert_eq!(error.code(), Code::FailedPrecondition, "{error}");
    lab.stop().await;
}

#[tokio::test]
async fn removing_twice_changes_nothing() {
    let (lab, mut client) = lab().await;
    client.add_model(model()).await.expect("adds");
    client.add_variant(half()).await.expect("adds");
    for (precision, removed) in [("fp16", true), ("fp16", false), ("", true), ("", false)] {
        let request = pb::RemoveModelRequest { name: "m".to_owned(), precision: precision.to_owned() };
        assert_eq!(client.remove_model(request).await.expect("answers").into_inner().removed, removed);
    }
    let error = client.get_model(pb::GetModelRequest { name: "m".to_owned() }).await.expect_err("it is gone");
    assert_eq!(error.code(), Code::NotFound);
    lab.stop().await;
}

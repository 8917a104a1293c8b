//! Accuracy over the wire: what a device says is computed again, and a device that is fast and wrong is found out.

use domain::{ExampleCounts, Fingerprint, OutputCheck, Task};
use score::{Output, Prediction, Truth, predictions};

use super::*;

const DATA: &[u8] = b"a data set that nobody here reads";

fn right(right: usize, of: usize) -> Vec<Prediction> {
    let prediction = |index: usize| Prediction {
        index: index as u64,
        id: format!("row {index}"),
        output: Output::Labels(vec![if index < right { 3 } else { 4 }]),
        truth: Truth::Label(3),
    };
    (0..of).map(prediction).collect()
}

fn stored(predictions: &[Prediction]) -> Vec<u8> {
    predictions::write(Task::TensorClassification, predictions).expect("encodes")
}

/// What a run over the data set reports, with its metrics as computed, or others.
fn evaluated(found: &[Prediction], told: Option<f64>) -> pb::attempt_report::Outcome {
    let mut metrics = score::metrics(Task::TensorClassification, found).expect("scores");
    if let Some(told) = told {
        metrics[0].value = told;
    }
    let count = found.len() as u64;
    let record = domain::AccuracyRecord {
        task: Task::TensorClassification,
        dataset: Digest::of(DATA),
        counts: ExampleCounts { total: count, seen: count, scored: count, skipped: 0 },
        problems: Vec::new(),
        metrics,
        predictions: stored(found),
        preprocessing: "as given".to_owned(),
        elapsed: Duration::from_secs(2),
        inference: Duration::from_secs(1),
    };
    pb::attempt_report::Outcome::Measurement(pb::Measurement { accuracy: Some(record.into()), ..measurement() })
}

fn checked(inputs: Option<&[u8]>, sketch: &[f64], found: &[Prediction]) -> pb::attempt_report::Outcome {
    let check = OutputCheck {
        inputs: inputs.map(Digest::of),
        fingerprints: vec![Fingerprint { output: "y".to_owned(), elements: 8, sketch: sketch.to_vec() }],
        predictions: stored(found),
    };
    pb::attempt_report::Outcome::Measurement(pb::Measurement { check: Some(check.into()), ..measurement() })
}

async fn submit(lab: &Lab, precisions: &[&str]) -> pb::Campaign {
    submit_on(lab, precisions, "class=desk").await
}

async fn submit_on(lab: &Lab, precisions: &[&str], devices: &str) -> pb::Campaign {
    // So that the model is known.
    lab.submit(&yaml("class=none", 1)).await.expect("submits");
    let mut models = ArtifactServiceClient::new(lab.channel.clone());
    for precision in precisions {
        let content = precision.as_bytes();
        lab.upload(content, 0).await.expect("uploads");
        let provenance = pb::Provenance {
            original_sha256: Digest::of(MODEL).as_bytes().to_vec(),
            tool: "attached".to_owned(),
            ..Default::default()
        };
        let variant = pb::AddVariantRequest {
            model: "m".to_owned(),
            precision: (*precision).to_owned(),
            sha256: Digest::of(content).as_bytes().to_vec(),
            provenance: Some(provenance),
            ..Default::default()
        };
        models.add_variant(variant).await.expect("adds");
    }
    lab.upload(DATA, 0).await.expect("uploads");
    let accuracy = "accuracy: { task: tensor-classification, dataset: d.csv, min_ratio: 0.9 }\n";
    let matrix = format!("matrix:\n  precision: [{}]\n", precisions.join(", "));
    let request = pb::SubmitCampaignRequest {
        yaml: yaml(devices, 1).replace("matrix:\n", &format!("  {accuracy}{matrix}")),
        file_name: "t.yaml".to_owned(),
        attachments: vec![pb::Attachment {
            path: "d.csv".to_owned(),
            sha256: Digest::of(DATA).as_bytes().to_vec(),
            size_bytes: DATA.len() as u64,
        }],
        ..Default::default()
    };
    let submitted = lab.campaigns().submit_campaign(request).await.expect("submits").into_inner();
    submitted.campaign.expect("a campaign")
}

async fn verdicts(lab: &Lab, campaign: i64) -> Vec<(pb::RunMode, pb::Verdict)> {
    let request = pb::QueryRunsRequest { campaign_id: campaign, ..Default::default() };
    let runs = lab.results().query_runs(request).await.expect("lists").into_inner().runs;
    runs.into_iter().filter_map(|run| Some((run.mode(), run.verdict?))).collect()
}

fn codes(verdict: &pb::Verdict) -> Vec<&str> {
    verdict.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

#[tokio::test]
async fn accuracy_comes_first_is_computed_again_and_compared_on_the_same_examples() {
    let lab = Lab::new().await;
    let campaign = submit(&lab, &["fp32", "int8-mine"]).await;
    assert_eq!((campaign.cells, campaign.runs.map(|runs| runs.total)), (2, Some(4)));
    let mut agent = Agent::connect(&lab, 1).await;
    for (uid, count) in [(1, 30), (2, 24)] {
        let assignment = agent.assignment().await;
        assert_eq!(assignment.mode(), pb::RunMode::Accuracy);
        let dataset = assignment.cell.clone().and_then(|cell| cell.accuracy?.evaluation?.dataset);
        assert_eq!(dataset.expect("a data set").sha256, Digest::of(DATA).as_bytes());
        let outcome = evaluated(&right(count, 32), None);
        assert_eq!(agent.report(&assignment, uid, outcome).await, pb::ReportOutcome::Stored);
    }
    for (uid, count) in [(3, 30), (4, 24)] {
        let assignment = agent.assignment().await;
        assert_eq!(assignment.mode(), pb::RunMode::Performance);
        let outcome = checked(None, &[1.0], &right(count, 32)[..8]);
        assert_eq!(agent.report(&assignment, uid, outcome).await, pb::ReportOutcome::Stored);
    }
    let (ended, _) = lab.watch_to_the_end(campaign.id).await;
    assert_eq!(ended.runs.map(|runs| (runs.done, runs.total)), Some((4, 4)));
    for (mode, verdict) in verdicts(&lab, campaign.id).await {
        assert_eq!(verdict.level(), pb::VerdictLevel::Valid, "{mode:?} {verdict:?}");
    }
    let request = pb::SummarizeCampaignRequest { campaign_id: campaign.id };
    let summary = lab.results().summarize_campaign(request).await.expect("summarizes").into_inner();
    let [full, eight] = summary.cells.as_slice() else { panic!("{summary:?}") };
    assert_eq!((full.valid, full.p50_ns), (1, 100_000), "the run over the data set is in no figure");
    let accuracy = full.accuracy.as_ref().expect("evaluated");
    let top_1 = &accuracy.metrics[0];
    assert_eq!((top_1.right, top_1.of, accuracy.scored), (Some(30), Some(32), 32));
    assert!(top_1.low.expect("an interval") < top_1.value && accuracy.comparison.is_none(), "{accuracy:?}");
    let compared = eight.accuracy.as_ref().and_then(|accuracy| accuracy.comparison.as_ref()).expect("compared");
    assert_eq!((compared.only_this, compared.only_reference, compared.test.as_str()), (Some(0), Some(6), "McNemar"));
    // Exact, two-sided: 2 * 0.5^6.
    assert!((compared.p_value.expect("tested") - 0.031_25).abs() < 1e-12, "{compared:?}");
    assert_eq!((compared.verdict.as_str(), compared.reached), ("worse", Some(false)), "24/30 is below 0.9");
    let (status, page) = lab.page(&format!("/c/{}", campaign.id)).await;
    assert!(status == 200 && page.contains("30/32") && page.contains("worse than fp32"), "{page}");
    lab.stop().await;
}

#[tokio::test]
async fn each_device_has_its_own_accuracy() {
    let lab = Lab::new().await;
    let mut agents = [Agent::connect(&lab, 1).await, Agent::connect(&lab, 2).await];
    let campaign = submit_on(&lab, &["fp32"], "{ match: class=desk, count: all }").await;
    assert_eq!((campaign.cells, campaign.runs.map(|runs| runs.total)), (2, Some(4)));
    for (uid, (agent, count)) in (1..).zip(agents.iter_mut().zip([30, 20])) {
        let assignment = agent.assignment().await;
        assert_eq!(assignment.mode(), pb::RunMode::Accuracy);
        agent.report(&assignment, uid, evaluated(&right(count, 32), None)).await;
    }
    let request = pb::SummarizeCampaignRequest { campaign_id: campaign.id };
    let summary = lab.results().summarize_campaign(request).await.expect("summarizes").into_inner();
    let found = summary.cells.iter().map(|cell| {
        let right = cell.accuracy.as_ref().and_then(|accuracy| accuracy.metrics[0].right);
        (cell.devices.join(","), right)
    });
    let expected = [("desk-1".to_owned(), Some(30)), ("desk-2".to_owned(), Some(20))];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    lab.stop().await;
}

#[tokio::test]
async fn runs_over_other_examples_are_shown_and_not_compared() {
    let lab = Lab::new().await;
    let campaign = submit(&lab, &["fp32", "int8-mine"]).await;
    let mut agent = Agent::connect(&lab, 1).await;
    for (uid, examples) in [(1, 32), (2, 31)] {
        let assignment = agent.assignment().await;
        agent.report(&assignment, uid, evaluated(&right(30, examples), None)).await;
    }
    let request = pb::SummarizeCampaignRequest { campaign_id: campaign.id };
    let summary = lab.results().summarize_campaign(request).await.expect("summarizes").into_inner();
    let accuracies: Vec<_> = summary.cells.iter().filter_map(|cell| cell.accuracy.as_ref()).collect();
    assert_eq!(accuracies.iter().map(|accuracy| accuracy.scored).collect::<Vec<_>>(), [32, 31]);
    assert!(accuracies.iter().all(|accuracy| accuracy.comparison.is_none()), "{accuracies:?}");
    lab.stop().await;
}

#[tokio::test]
async fn figures_that_do_not_follow_from_the_predictions_make_a_run_invalid() {
    let lab = Lab::new().await;
    let campaign = submit(&lab, &["fp32"]).await;
    let mut agent = Agent::connect(&lab, 1).await;
    let assignment = agent.assignment().await;
    let outcome = evaluated(&right(30, 32), Some(1.0));
    assert_eq!(agent.report(&assignment, 1, outcome).await, pb::ReportOutcome::Stored);
    let (mode, verdict) = verdicts(&lab, campaign.id).await.remove(0);
    assert_eq!((mode, codes(&verdict)), (pb::RunMode::Accuracy, vec!["accuracy-mismatch"]));
    let request = pb::SummarizeCampaignRequest { campaign_id: campaign.id };
    let cell = lab.results().summarize_campaign(request).await.expect("summarizes").into_inner().cells.remove(0);
    assert!(cell.accuracy.is_none() && cell.invalid == 1, "its figures must not be used: {cell:?}");
    assert!(cell.no_accuracy_reason.contains("no valid run"), "{}", cell.no_accuracy_reason);
    // What is not a run over a data set at all is no outcome of this one.
    let assignment = agent.assignment().await;
    assert_eq!(agent.report(&assignment, 2, evaluated(&right(3, 4), None)).await, pb::ReportOutcome::Stored);
    let again = agent.assignment().await;
    assert_eq!((again.run_id, again.mode()), (assignment.run_id, pb::RunMode::Performance), "tried again");
    lab.stop().await;
}

#[tokio::test]
async fn a_device_that_computes_something_else_is_found_out() {
    let lab = Lab::new().await;
    let campaign = submit(&lab, &["fp32"]).await;
    let mut agent = Agent::connect(&lab, 1).await;
    let assignment = agent.assignment().await;
    agent.report(&assignment, 1, evaluated(&right(30, 32), None)).await;
    let assignment = agent.assignment().await;
    agent.report(&assignment, 2, checked(Some(b"x"), &[1.0, -2.0, 3.0], &right(4, 8))).await;
    lab.watch_to_the_end(campaign.id).await;
    let (_, verdict) = verdicts(&lab, campaign.id).await.remove(0);
    assert_eq!(codes(&verdict), ["predictions-differ"], "half of the checked labels are others");

    // The first one was found wrong, and is nobody's measure; the second is.
    for (uid, sketch, expected) in [
        (3, [1.0, -2.0, 3.0], &[][..]),
        (5, [1.01, -2.0, 3.0], &[][..]),
        (7, [-1.0, 2.0, 3.0], &["outputs-differ"][..]),
    ] {
        let campaign = submit(&lab, &["fp32"]).await;
        let assignment = agent.assignment().await;
        agent.report(&assignment, uid, evaluated(&right(30, 32), None)).await;
        let assignment = agent.assignment().await;
        agent.report(&assignment, uid + 1, checked(Some(b"x"), &sketch, &right(30, 32)[..8])).await;
        let found = verdicts(&lab, campaign.id).await;
        let (_, verdict) = found.iter().find(|(mode, _)| *mode == pb::RunMode::Performance).expect("measured");
        assert_eq!(codes(verdict), expected, "{verdict:?}");
    }
    lab.stop().await;
}

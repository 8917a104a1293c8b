//! Power and heat over the wire: a hot device is left alone, and what is simulated says so wherever it is shown.

use domain::{PowerRecord, Quantity, Rail, RailKind, Scope, Series, Telemetry, Window, Windows};

use super::*;

fn with_gate(device: &str, gate: &str) -> String {
    let settings = format!("  environment: {{ thermal_gate: \"{gate}\" }}\nmatrix:");
    yaml(device, 1).replace("matrix:", &settings)
}

async fn devices(lab: &Lab) -> Vec<pb::Device> {
    let mut client = DeviceServiceClient::new(lab.channel.clone());
    client.list_devices(pb::ListDevicesRequest {}).await.expect("lists").into_inner().devices
}

/// Tells of heat, and waits until the coordinator knows.
async fn tell(lab: &Lab, agent: &Agent, heat: pb::Heat) {
    let message = pb::agent_message::Message::Heartbeat(pb::Heartbeat { held: Vec::new(), heat: Some(heat) });
    agent.outbox.send(pb::AgentMessage { message: Some(message) }).await.expect("open");
    soon("the heat", async {
        while devices(lab).await[0].heat != Some(heat) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_hot_device_gets_only_what_does_not_wait_until_it_is_cool() {
    let lab = Lab::new().await;
    let mut agent = Agent::connect(&lab, 1).await;
    let hot = pb::Heat { temperature_c: 61.5, reference_c: Some(40.0), cool: false, wait_ms: Some(540_000) };
    tell(&lab, &agent, hot).await;
    let gated = lab.submit(&with_gate("any", "auto")).await.expect("submits");
    let hasty = lab.submit(&with_gate("any", "off")).await.expect("submits");
    let (_, page) = lab.page("/devices").await;
    assert!(page.contains("61.5 °C") && page.contains("ready in ~540 s") && page.contains("at rest 40.0 °C"), "{page}");

    let assignment = agent.assignment().await;
    assert_eq!(agent.report(&assignment, 1, measured()).await, pb::ReportOutcome::Stored);
    let (ended, _) = lab.watch_to_the_end(hasty.id).await;
    assert_eq!(ended.state(), pb::CampaignState::Done, "the later campaign went first");
    tell(&lab, &agent, pb::Heat { temperature_c: 41.0, cool: true, wait_ms: None, ..hot }).await;
    let assignment = agent.assignment().await;
    assert_eq!(agent.report(&assignment, 2, measured()).await, pb::ReportOutcome::Stored);
    lab.watch_to_the_end(gated.id).await;
    lab.stop().await;
}

/// Three seconds at 5 W, and a chip that warms up.
fn telemetry(simulated: &str) -> Telemetry {
    let times_ns: Vec<i64> = (-50..=350).map(|reading| reading * 10_000_000).collect();
    let series = |name: &str, quantity, value: fn(usize) -> f64| Series {
        name: name.to_owned(),
        quantity,
        times_ns: times_ns.clone(),
        values: (0..times_ns.len()).map(value).collect(),
    };
    let power = series("VDD_IN", Quantity::Power, |_| 5.0);
    let heat = series("cpu-thermal", Quantity::Temperature, |reading| if reading < 200 { 41.0 } else { 42.5 });
    let record = PowerRecord {
        source: "ina3221".to_owned(),
        rails: vec![Rail::new("VDD_IN", Scope::DcInput, RailKind::Gauge { window: None })],
        total: vec!["VDD_IN".to_owned()],
        poll: Duration::from_millis(10),
        polls: 401,
        overruns: 0,
        skipped: 0,
        cost: Duration::from_millis(3),
        faults: std::collections::BTreeMap::new(),
        facts: std::collections::BTreeMap::new(),
        clock_offset_ns: None,
    };
    Telemetry {
        power: Some(record),
        trace: ::energy::trace::encode(&[power, heat]).expect("encodes"),
        windows: Windows { measuring: Some(Window { begin_ns: 0, end_ns: 3_000_000_000 }), ..Windows::default() },
        simulated: Some(simulated.to_owned()),
        ..Telemetry::default()
    }
}

fn read_beside(telemetry: Telemetry) -> pb::attempt_report::Outcome {
    pb::attempt_report::Outcome::Measurement(pb::Measurement { telemetry: Some(telemetry.into()), ..measurement() })
}

async fn simulated_agent(lab: &Lab) -> Agent {
    let mut hello = hello(1, Vec::new());
    hello.facts.as_mut().expect("set").simulated = "rpi5".to_owned();
    Agent::say(lab, hello).await.expect("welcome")
}

#[tokio::test]
async fn a_simulated_board_is_named_wherever_its_figures_are() {
    let lab = Lab::new().await;
    let campaign = lab.submit(&yaml("simulated=rpi5", 1)).await.expect("submits");
    let mut agent = simulated_agent(&lab).await;
    let assignment = agent.assignment().await;
    let sent = telemetry("rpi5");
    assert_eq!(agent.report(&assignment, 1, read_beside(sent.clone())).await, pb::ReportOutcome::Stored);
    lab.watch_to_the_end(campaign.id).await;

    let request = pb::GetRunRequest { id: assignment.run_id, with_samples: false };
    let run = lab.results().get_run(request).await.expect("reads").into_inner().run.expect("a run");
    let kept = run.measurement.expect("measured").telemetry.expect("kept");
    assert_eq!(kept, Telemetry { trace: Vec::new(), ..sent.clone() }.into(), "all but the trace");
    let request = pb::SummarizeCampaignRequest { campaign_id: campaign.id };
    let cell = lab.results().summarize_campaign(request).await.expect("summarizes").into_inner().cells.remove(0);
    assert_eq!(cell.simulated, "rpi5");
    assert_ne!(cell.energy_per_inference_j.is_some(), !cell.energy_reason.is_empty(), "one of them");

    let run_page = format!("/r/{}", assignment.run_id);
    let drawn = ["Power over time, 5.00 W to 5.00 W", "Temperature over time, 41.0 °C to 42.5 °C", "measuring"];
    for (path, words) in [
        (format!("/c/{}", campaign.id), &["badge simulated"][..]),
        ("/devices".to_owned(), &["badge simulated", "rpi5"]),
        (run_page.clone(), &["badge simulated", "Energy and heat", "a simulated rpi5"]),
        (run_page, &drawn),
    ] {
        let (_, text) = lab.page(&path).await;
        for words in words {
            assert!(text.contains(words), "{path}: no `{words}` in {text}");
        }
    }
    lab.stop().await;
}

#[tokio::test]
async fn the_readings_of_a_run_are_answered_as_they_were_sent() {
    use pb::trace_chunk::Chunk;
    let lab = Lab::new().await;
    let campaign = lab.submit(&yaml("simulated=rpi5", 2)).await.expect("submits");
    let mut agent = simulated_agent(&lab).await;
    let with = agent.assignment().await;
    let sent = telemetry("rpi5");
    assert_eq!(agent.report(&with, 1, read_beside(sent.clone())).await, pb::ReportOutcome::Stored);
    let without = agent.assignment().await;
    assert_eq!(agent.report(&without, 2, measured()).await, pb::ReportOutcome::Stored);
    lab.watch_to_the_end(campaign.id).await;

    let trace = |run_id| {
        let mut results = lab.results();
        async move { results.get_trace(pb::GetTraceRequest { run_id }).await }
    };
    let mut chunks = trace(with.run_id).await.expect("it has one").into_inner();
    let mut parts = Vec::new();
    while let Some(chunk) = soon("a chunk", chunks.message()).await.expect("no error") {
        parts.push(chunk.chunk.expect("a known part"));
    }
    assert_eq!(parts, [Chunk::Windows(sent.windows.into()), Chunk::Data(sent.trace)]);
    for run in [without.run_id, 4711] {
        assert_eq!(trace(run).await.expect_err("it has none").code(), Code::NotFound);
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_real_device_has_no_readings_of_a_simulated_one() {
    let lab = Lab::new().await;
    let campaign = lab.submit(&yaml("any", 1)).await.expect("submits");
    let mut agent = Agent::connect(&lab, 1).await;
    let assignment = agent.assignment().await;
    assert_eq!(agent.report(&assignment, 1, read_beside(telemetry("rpi5"))).await, pb::ReportOutcome::Stored);
    let request = pb::GetRunRequest { id: assignment.run_id, with_samples: false };
    let run = lab.results().get_run(request).await.expect("reads").into_inner().run.expect("a run");
    assert_eq!(run.measurement, None, "campaign {} has no result", campaign.id);
    let why = run.failure.expect("told").message;
    assert!(why.contains("malformed") && why.contains("`rpi5`"), "{why}");
    lab.stop().await;
}

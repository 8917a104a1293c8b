//! The doors over loopback, with a started coordinator on a real PostgreSQL and a fake agent.

mod accuracy;
mod artifacts;
mod energy;
mod models;

use std::{future::Future, sync::Arc, time::Duration};

use domain::{Digest, SystemClock};
use pb::{
    agent_service_client::AgentServiceClient, artifact_service_client::ArtifactServiceClient,
    campaign_service_client::CampaignServiceClient, coordinator_message::Message,
    device_service_client::DeviceServiceClient, result_service_client::ResultServiceClient,
};
use prost::Message as _;
use proto::pb;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Streaming, transport::Channel};

use crate::{
    Config, Coordinator, Database, ServeError,
    artifacts::Artifacts,
    cluster::test_cluster,
    engine::{Engine, Settings},
    store::Store,
};

/// Longer than anything here takes on a loaded machine; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(20);
const MODEL: &[u8] = b"not a network, but nobody here runs it";

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

struct Lab {
    channel: Channel,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    served: JoinSet<Result<(), ServeError>>,
    files: tempfile::TempDir,
}

impl Lab {
    async fn new() -> Self {
        Self::with_lease(Duration::from_secs(30)).await
    }

    async fn with_lease(lease: Duration) -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let store = Store::over(test_cluster::database().await);
        let artifacts = Artifacts::in_folder(files.path().join("artifacts")).await.expect("opens");
        let settings = Settings { heartbeat: lease / 3, lease };
        let engine = Engine::new(store, artifacts, Arc::new(SystemClock::new()), settings, CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        Self::serve(Coordinator { listener, address, engine, cluster: None }, files).await
    }

    /// With a private PostgreSQL of its own, for tests that harm it.
    async fn with_private_database() -> Self {
        let files = test_cluster::data_directory();
        let database = Database::Private { bin_dir: test_cluster::bin_dir() };
        let mut config = Config::new(files.path().to_owned(), database);
        config.listen.set_port(0);
        let coordinator = Coordinator::start(config, Arc::new(SystemClock::new())).await.expect("starts");
        Self::serve(coordinator, files).await
    }

    async fn serve(coordinator: Coordinator, files: tempfile::TempDir) -> Self {
        let address = coordinator.local_addr();
        let shutdown = CancellationToken::new();
        let mut served = JoinSet::new();
        served.spawn(coordinator.serve(shutdown.clone()));
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("a URI");
        let channel = soon("a connection", endpoint.connect()).await.expect("connects");
        Self { channel, address, shutdown, served, files }
    }

    fn kill_postmaster(&self) {
        let pid_file = self.files.path().join("postgres/data/postmaster.pid");
        let text = std::fs::read_to_string(pid_file).expect("it runs");
        let pid = text.lines().next().and_then(|line| line.parse().ok()).expect("a process id");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).expect("killed");
    }

    async fn stop(mut self) {
        self.shutdown.cancel();
        let served = soon("the end", self.served.join_next()).await.expect("it was started");
        served.expect("no panic").expect("in order");
    }

    fn campaigns(&self) -> CampaignServiceClient<Channel> {
        CampaignServiceClient::new(self.channel.clone())
    }

    fn results(&self) -> ResultServiceClient<Channel> {
        ResultServiceClient::new(self.channel.clone())
    }

    async fn upload(&self, content: &[u8], offset: usize) -> Result<u64, tonic::Status> {
        self.upload_part(content, offset, content.len()).await
    }

    async fn upload_part(&self, content: &[u8], from: usize, to: usize) -> Result<u64, tonic::Status> {
        let header = pb::UploadHeader {
            sha256: Digest::of(content).as_bytes().to_vec(),
            size_bytes: content.len() as u64,
            offset: from as u64,
        };
        let chunks =
            [pb::upload_chunk::Chunk::Header(header), pb::upload_chunk::Chunk::Data(content[from..to].to_vec())];
        let chunks = chunks.map(|chunk| pb::UploadChunk { chunk: Some(chunk) });
        let mut client = ArtifactServiceClient::new(self.channel.clone());
        client.upload_artifact(tokio_stream::iter(chunks)).await.map(|reply| reply.into_inner().size_bytes)
    }

    /// With the model `m` known.
    async fn submit(&self, yaml: &str) -> Result<pb::Campaign, tonic::Status> {
        self.upload(MODEL, 0).await.expect("uploads");
        let model = pb::AddModelRequest {
            name: "m".to_owned(),
            sha256: Digest::of(MODEL).as_bytes().to_vec(),
            ..Default::default()
        };
        ArtifactServiceClient::new(self.channel.clone()).add_model(model).await.expect("adds");
        let request =
            pb::SubmitCampaignRequest { yaml: yaml.to_owned(), file_name: "t.yaml".to_owned(), ..Default::default() };
        let response = self.campaigns().submit_campaign(request).await?.into_inner();
        Ok(response.campaign.expect("a campaign"))
    }

    /// Follows a campaign to its end and answers the kinds of its events.
    async fn watch_to_the_end(&self, id: i64) -> (pb::Campaign, Vec<String>) {
        let mut updates =
            self.campaigns().watch_campaign(pb::WatchCampaignRequest { id }).await.expect("watches").into_inner();
        let mut kinds = Vec::new();
        let mut last = None;
        while let Some(update) = soon("an update", updates.message()).await.expect("no error") {
            kinds.extend(update.events.into_iter().map(|event| event.kind));
            last = update.campaign;
        }
        (last.expect("at least one update"), kinds)
    }

    async fn watch_until(&self, id: i64, what: &str, wanted: impl Fn(&pb::Campaign) -> bool) {
        let mut updates =
            self.campaigns().watch_campaign(pb::WatchCampaignRequest { id }).await.expect("watches").into_inner();
        loop {
            let update = soon(what, updates.message()).await.expect("no error").expect("still running");
            if wanted(&update.campaign.expect("a campaign")) {
                return;
            }
        }
    }

    async fn page(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(self.address).await.expect("connects");
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("asks");
        let mut answer = String::new();
        soon("the page", stream.read_to_string(&mut answer)).await.expect("answers");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, answer)
    }
}

/// One session of a device.
struct Agent {
    client: AgentServiceClient<Channel>,
    outbox: mpsc::Sender<pb::AgentMessage>,
    inbox: Streaming<pb::CoordinatorMessage>,
    welcome: pb::Welcome,
}

fn hello(device: u8, held: Vec<pb::HeldAttempt>) -> pb::Hello {
    pb::Hello {
        protocol_min: 1,
        protocol_max: 7,
        agent_version: "0.1.0".to_owned(),
        device_id: vec![device; 16],
        device_name: format!("desk-{device}"),
        labels: [("class".to_owned(), "desk".to_owned())].into(),
        facts: Some(pb::DeviceFacts { arch: "x86_64".to_owned(), os: "linux".to_owned(), ..Default::default() }),
        boot_id: String::new(),
        held,
    }
}

impl Agent {
    async fn connect(lab: &Lab, device: u8) -> Self {
        Self::say(lab, hello(device, Vec::new())).await.expect("welcome")
    }

    async fn say(lab: &Lab, hello: pb::Hello) -> Result<Self, tonic::Status> {
        let mut client = AgentServiceClient::new(lab.channel.clone());
        let (outbox, messages) = mpsc::channel(8);
        let message = pb::AgentMessage { message: Some(pb::agent_message::Message::Hello(hello)) };
        outbox.send(message).await.expect("open");
        let mut inbox = soon("a session", client.session(ReceiverStream::new(messages))).await?.into_inner();
        let Message::Welcome(welcome) = next(&mut inbox).await.expect("an answer") else { panic!("no welcome") };
        Ok(Self { client, outbox, inbox, welcome })
    }

    async fn heartbeat(&self, held: Vec<pb::HeldAttempt>) {
        let message = pb::agent_message::Message::Heartbeat(pb::Heartbeat { held, heat: None });
        self.outbox.send(pb::AgentMessage { message: Some(message) }).await.expect("open");
    }

    async fn assignment(&mut self) -> pb::Assignment {
        loop {
            if let Message::Assignment(assignment) = next(&mut self.inbox).await.expect("an assignment") {
                return assignment;
            }
        }
    }

    async fn report(
        &mut self,
        assignment: &pb::Assignment,
        uid: u8,
        outcome: pb::attempt_report::Outcome,
    ) -> pb::ReportOutcome {
        let report = pb::AttemptReport { outcome: Some(outcome) }.encode_to_vec();
        self.report_bytes(assignment, uid, report, None).await.expect("acknowledged")
    }

    async fn report_bytes(
        &mut self,
        assignment: &pb::Assignment,
        uid: u8,
        report: Vec<u8>,
        total_bytes: Option<u64>,
    ) -> Result<pb::ReportOutcome, tonic::Status> {
        let header = pb::ReportHeader {
            attempt_id: assignment.attempt_id,
            fence: assignment.fence,
            result_uid: vec![uid; 16],
            total_bytes: total_bytes.unwrap_or(report.len() as u64),
            sha256: Digest::of(&report).as_bytes().to_vec(),
        };
        let chunks = [pb::report_chunk::Chunk::Header(header), pb::report_chunk::Chunk::Data(report)];
        let chunks = chunks.map(|chunk| pb::ReportChunk { chunk: Some(chunk) });
        let reply = soon("the reply", self.client.report_attempt(tokio_stream::iter(chunks))).await?;
        Ok(reply.into_inner().outcome())
    }
}

async fn next(inbox: &mut Streaming<pb::CoordinatorMessage>) -> Option<Message> {
    let message = soon("a message", inbox.message()).await.expect("no error");
    message.map(|message| message.message.expect("a known message"))
}

fn held(assignment: &pb::Assignment, phase: pb::AttemptPhase) -> pb::HeldAttempt {
    pb::HeldAttempt { attempt_id: assignment.attempt_id, fence: assignment.fence, phase: phase.into() }
}

const LATENCIES: [u64; 100] = [100_000; 100];

fn samples(durations_ns: &[u64]) -> pb::Samples {
    analysis::samples::encode(durations_ns).expect("encodes").into()
}

fn measurement() -> pb::Measurement {
    let (provider, operator) = ("CPUExecutionProvider".to_owned(), "MatMul".to_owned());
    let placement = pb::Placement {
        calls: 1,
        nodes: vec![pb::PlacedNode {
            name: "n0".to_owned(),
            operator: operator.clone(),
            provider: provider.clone(),
            time_ns: 9,
        }],
        nodes_left_out: 0,
        providers: vec![pb::ProviderShare { provider: provider.clone(), nodes: 1, time_ns: 9 }],
        operators: vec![pb::OperatorTime { operator, provider, nodes: 1, time_ns: 9 }],
    };
    pb::Measurement {
        started_at_us: 1_700_000_000_000_000,
        measured_ns: 3_000_000_000,
        issuing_ns: 2_999_900_000,
        stop: pb::StopReason::Satisfied.into(),
        samples: Some(samples(&LATENCIES)),
        samples_per_query: 1,
        environment: Some(pb::Environment {
            stable: Some(pb::StableEnvironment { kernel: "6.1".to_owned(), ..Default::default() }),
            volatile: Some(pb::VolatileEnvironment::default()),
        }),
        placement: Some(placement),
        ..Default::default()
    }
}

/// Others were busy, and it shows.
fn disturbed() -> pb::attempt_report::Outcome {
    let mut latencies = LATENCIES;
    latencies[50] *= 2;
    let mut measurement = pb::Measurement { samples: Some(samples(&latencies)), ..measurement() };
    let environment = measurement.environment.as_mut().expect("set");
    environment.volatile.as_mut().expect("set").foreign_cpu_share = Some(0.5);
    pb::attempt_report::Outcome::Measurement(measurement)
}

fn measured() -> pb::attempt_report::Outcome {
    pb::attempt_report::Outcome::Measurement(measurement())
}

fn yaml(device: &str, repetitions: u32) -> String {
    format!(
        "apiVersion: furlong/v1\nkind: Campaign\nname: test\ndefaults:\n  device: {device}\n  input: {{ random: {{ seed: 1 }} }}\n  \
         measure: {{ min_queries: 64, min_duration: 1s, repetitions: {repetitions} }}\nmatrix:\n  model: [m]\n"
    )
}

#[tokio::test]
async fn a_campaign_goes_from_submission_to_summary() {
    let lab = Lab::new().await;
    let campaign = lab.submit(&yaml("class=desk", 2)).await.expect("submits");
    assert_eq!((campaign.cells, campaign.waiting_reason.as_str()), (1, "no device is connected"));

    let mut agent = Agent::connect(&lab, 1).await;
    assert_eq!((agent.welcome.protocol, agent.welcome.heartbeat_ms), (1, 10_000));
    for uid in 1..=2 {
        let assignment = agent.assignment().await;
        assert_eq!(assignment.repetition, u32::from(uid));
        assert_eq!(assignment.cell.as_ref().expect("a cell").model.as_ref().expect("a model").name, "m");
        assert_eq!(agent.report(&assignment, uid, measured()).await, pb::ReportOutcome::Stored);
        assert_eq!(agent.report(&assignment, uid, measured()).await, pb::ReportOutcome::AlreadyStored);
    }
    let (ended, kinds) = lab.watch_to_the_end(campaign.id).await;
    assert_eq!(ended.state(), pb::CampaignState::Done);
    let expected = "campaign.submitted attempt.leased run.done attempt.leased run.done campaign.done";
    assert_eq!(kinds.join(" "), expected);

    let request = pb::SummarizeCampaignRequest { campaign_id: campaign.id };
    let summary = lab.results().summarize_campaign(request).await.expect("summarizes").into_inner();
    let cell = &summary.cells[0];
    assert_eq!((cell.p50_ns, cell.valid, cell.spread_p50), (100_000, 2, Some(0.0)));
    assert_eq!((cell.p90_ns, cell.p99_ns), (Some(100_000), None), "100 samples are too few for a p99");
    let request = pb::QueryRunsRequest { campaign_id: campaign.id, ..Default::default() };
    let runs = lab.results().query_runs(request).await.expect("lists").into_inner().runs;
    let request = pb::GetRunRequest { id: runs[1].id, with_samples: true };
    let detail = lab.results().get_run(request).await.expect("reads").into_inner();
    assert_eq!(detail.latency_ns, LATENCIES);
    let run = detail.run.expect("a run");
    assert_eq!((run.env_id.len(), run.repeats_run_id), (64, 0));
    assert_eq!(run.statistics.expect("computed").latency.expect("summed up").p99_ns, 100_000);
    assert_eq!(run.measurement.expect("measured").placement.expect("in the detail").nodes[0].name, "n0");
    assert_eq!(runs[1].measurement.as_ref().expect("measured").placement, None, "lists stay light");
    assert_eq!((detail.attempts[0].state.as_str(), detail.attempts[0].device.as_str()), ("done", "desk-1"));

    let run =
        ["Latency of 100 queries", "n = 100, ", "nothing speaks against it", "MatMul", "n0", "6.1", &run.env_id[..12]];
    for (path, words) in [
        ("/".to_owned(), &["desk-1"][..]),
        (format!("/c/{}", campaign.id), &["2 valid"]),
        (format!("/r/{}", runs[0].id), &run),
        ("/devices".to_owned(), &["Providers"]),
        ("/style.css".to_owned(), &["prefers-color-scheme"]),
    ] {
        let (status, text) = lab.page(&path).await;
        for words in words {
            assert!(status == 200 && text.contains(words), "{path}: {status}, no `{words}` in {text}");
        }
    }
    for path in ["/nowhere", "/c/999999", "/r/x"] {
        assert_eq!(lab.page(path).await.0, 404, "{path}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_suspect_run_is_repeated_before_the_campaign_ends() {
    let lab = Lab::new().await;
    let campaign = lab.submit(&yaml("any", 1)).await.expect("submits");
    let mut agent = Agent::connect(&lab, 1).await;
    let suspect = agent.assignment().await;
    assert_eq!(agent.report(&suspect, 1, disturbed()).await, pb::ReportOutcome::Stored);
    assert_eq!(agent.report(&suspect, 1, disturbed()).await, pb::ReportOutcome::AlreadyStored);
    let repeat = agent.assignment().await;
    assert_eq!((repeat.repetition, &repeat.cell), (2, &suspect.cell));
    assert_eq!(agent.report(&repeat, 2, disturbed()).await, pb::ReportOutcome::Stored);

    let (ended, kinds) = lab.watch_to_the_end(campaign.id).await;
    assert_eq!((ended.state(), ended.runs.expect("counts").done), (pb::CampaignState::Done, 2));
    let expected = "campaign.submitted attempt.leased run.done run.repeat attempt.leased run.done campaign.done";
    assert_eq!(kinds.join(" "), expected);
    let request = pb::QueryRunsRequest { campaign_id: campaign.id, ..Default::default() };
    let runs = lab.results().query_runs(request).await.expect("lists").into_inner().runs;
    assert_eq!((runs[0].repeats_run_id, runs[1].repeats_run_id), (0, suspect.run_id));
    let verdict = runs[0].verdict.as_ref().expect("judged");
    assert_eq!((verdict.level(), verdict.reasons[0].code.as_str()), (pb::VerdictLevel::Suspect, "foreign-cpu"));
    for (path, words) in [
        (format!("/c/{}", campaign.id), "repeats <a"),
        (format!("/r/{}", suspect.run_id), "It is suspect, and <a"),
        (format!("/r/{}", suspect.run_id), "<td class=\"number\">50.0 %</td>"),
        (format!("/r/{}", repeat.run_id), "It repeats <a"),
    ] {
        let (_, text) = lab.page(&path).await;
        assert!(text.contains(words), "{path}: no `{words}` in {text}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_new_session_supersedes_the_old_one_and_keeps_what_it_holds() {
    let lab = Lab::new().await;
    lab.submit(&yaml("any", 1)).await.expect("submits");
    let mut old = Agent::connect(&lab, 1).await;
    let assignment = old.assignment().await;
    let unknown = pb::HeldAttempt { attempt_id: 4711, fence: 1, phase: pb::AttemptPhase::Measuring.into() };
    let both = vec![held(&assignment, pb::AttemptPhase::Measuring), unknown];
    let mut new = Agent::say(&lab, hello(1, both)).await.expect("welcome");
    assert_eq!(new.welcome.session_epoch, old.welcome.session_epoch + 1);
    assert_eq!(new.welcome.abandon, [4711]);
    let goodbye = next(&mut old.inbox).await;
    assert!(matches!(goodbye, Some(Message::Goodbye(pb::Goodbye { superseded: true, reconnect_after_ms: 0, .. }))));
    assert_eq!(next(&mut old.inbox).await, None, "the old stream ends");
    new.heartbeat(vec![held(&assignment, pb::AttemptPhase::Measuring)]).await;
    let renewal = next(&mut new.inbox).await;
    assert!(matches!(renewal, Some(Message::Renewal(renewal)) if renewal.attempt_id == assignment.attempt_id));
    assert_eq!(new.report(&assignment, 1, measured()).await, pb::ReportOutcome::Stored);
    lab.stop().await;
}

#[tokio::test]
async fn an_agent_that_comes_back_without_its_attempt_gets_the_run_anew() {
    let lab = Lab::new().await;
    lab.submit(&yaml("any", 1)).await.expect("submits");
    let mut agent = Agent::connect(&lab, 1).await;
    let lost = agent.assignment().await;
    let mut restarted = Agent::connect(&lab, 1).await;
    let again = restarted.assignment().await;
    assert_eq!(again.run_id, lost.run_id);
    assert!(again.fence > lost.fence);
    assert_eq!(restarted.report(&lost, 1, measured()).await, pb::ReportOutcome::Stale);
    assert_eq!(restarted.report(&again, 2, measured()).await, pb::ReportOutcome::Stored);
    lab.stop().await;
}

#[tokio::test]
async fn a_silent_agent_loses_its_lease_and_another_takes_over() {
    let lab = Lab::with_lease(Duration::from_secs(2)).await;
    lab.submit(&yaml("any", 1)).await.expect("submits");
    let mut silent = Agent::connect(&lab, 1).await;
    let lost = silent.assignment().await;
    let mut other = Agent::connect(&lab, 2).await;
    let mut heart = JoinSet::new();
    heart.spawn(beat(other.outbox.clone()));
    let again = other.assignment().await;
    assert_eq!((again.run_id, again.fence), (lost.run_id, lost.fence + 1));
    lab.stop().await;
}

async fn beat(outbox: mpsc::Sender<pb::AgentMessage>) {
    let message = pb::agent_message::Message::Heartbeat(pb::Heartbeat::default());
    while outbox.send(pb::AgentMessage { message: Some(message.clone()) }).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_cancelled_campaign_stops_its_runner_and_refuses_its_result() {
    let lab = Lab::new().await;
    let campaign = lab.submit(&yaml("any", 2)).await.expect("submits");
    let mut agent = Agent::connect(&lab, 1).await;
    let assignment = agent.assignment().await;
    for _ in 0..2 {
        let request = pb::CancelCampaignRequest { id: campaign.id };
        let cancelled = lab.campaigns().cancel_campaign(request).await.expect("cancels").into_inner();
        assert_eq!(cancelled.state(), pb::CampaignState::Cancelled);
    }
    let cancel = next(&mut agent.inbox).await;
    assert!(matches!(cancel, Some(Message::Cancel(cancel)) if cancel.attempt_id == assignment.attempt_id));
    assert_eq!(agent.report(&assignment, 1, measured()).await, pb::ReportOutcome::Stale);
    assert_eq!(lab.watch_to_the_end(campaign.id).await.0.state(), pb::CampaignState::Cancelled);
    lab.stop().await;
}

#[tokio::test]
async fn malformed_reports_are_acknowledged_as_failures_and_spoiled_ones_are_not() {
    let lab = Lab::new().await;
    let campaign = lab.submit(&yaml("any", 1)).await.expect("submits");
    let mut agent = Agent::connect(&lab, 1).await;
    let assignment = agent.assignment().await;
    let spoiled = agent.report_bytes(&assignment, 9, b"half".to_vec(), Some(8)).await;
    assert_eq!(spoiled.expect_err("to be sent again").code(), Code::DataLoss);

    let samples = pb::Samples { count: 101, ..samples(&LATENCIES) };
    let wrong_count = pb::Measurement { samples: Some(samples), ..measurement() };
    let wrong_count = pb::attempt_report::Outcome::Measurement(wrong_count);
    assert_eq!(agent.report(&assignment, 1, wrong_count).await, pb::ReportOutcome::Stored);
    let assignment = agent.assignment().await;
    let garbage = agent.report_bytes(&assignment, 2, b"garbage".to_vec(), None).await;
    assert_eq!(garbage.expect("acknowledged"), pb::ReportOutcome::Stored);
    let assignment = agent.assignment().await;
    let bomb = agent.report_bytes(&assignment, 3, b"huge".to_vec(), Some(u64::MAX)).await;
    assert_eq!(bomb.expect("acknowledged"), pb::ReportOutcome::Stored);

    let (ended, _) = lab.watch_to_the_end(campaign.id).await;
    assert_eq!(ended.runs.expect("counts").failed, 1);
    let request = pb::SummarizeCampaignRequest { campaign_id: campaign.id };
    let summary = lab.results().summarize_campaign(request).await.expect("summarizes").into_inner();
    assert!(summary.cells[0].failure.contains("malformed"), "{}", summary.cells[0].failure);
    lab.stop().await;
}

#[tokio::test]
async fn waiting_runs_say_which_label_is_missing() {
    let lab = Lab::new().await;
    let _agent = Agent::connect(&lab, 1).await;
    let campaign = lab.submit(&yaml("class=orin", 1)).await.expect("submits");
    let reason = "no connected device matches class=orin (nearest: desk-1 lacks class=orin)";
    lab.watch_until(campaign.id, "the reason", |campaign| campaign.waiting_reason == reason).await;
    lab.stop().await;
}

#[tokio::test]
async fn a_hello_that_cannot_be_welcomed_says_why() {
    let lab = Lab::new().await;
    let _first = Agent::connect(&lab, 1).await;
    let too_new = pb::Hello { protocol_min: 2, protocol_max: 3, ..hello(2, Vec::new()) };
    let namesake = pb::Hello { device_name: "desk-1".to_owned(), ..hello(2, Vec::new()) };
    let nameless = pb::Hello { device_name: String::new(), ..hello(2, Vec::new()) };
    for (hello, code, words) in [
        (too_new, Code::FailedPrecondition, "protocol 2 to 3"),
        (namesake, Code::AlreadyExists, "`desk-1`"),
        (nameless, Code::InvalidArgument, "device_name"),
    ] {
        let refused = Agent::say(&lab, hello).await.err().expect("refused");
        assert!(refused.code() == code && refused.message().contains(words), "{refused:?}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_campaign_that_cannot_be_planned_is_refused_with_the_position() {
    let lab = Lab::new().await;
    let refused = lab.submit(&yaml("any", 1).replace("[m]", "[mm]")).await.expect_err("unknown model");
    assert!(refused.code() == Code::InvalidArgument && refused.message().contains("t.yaml:"), "{refused:?}");
    let request = pb::SubmitCampaignRequest {
        yaml: yaml("any", 1).replace("random: { seed: 1 }", "text: s.txt"),
        file_name: "t.yaml".to_owned(),
        attachments: vec![pb::Attachment {
            path: "s.txt".to_owned(),
            sha256: Digest::of(b"never uploaded").as_bytes().to_vec(),
            size_bytes: 1,
        }],
        ..Default::default()
    };
    let refused = lab.campaigns().submit_campaign(request).await.expect_err("missing attachment");
    assert!(refused.code() == Code::FailedPrecondition && refused.message().contains("s.txt"), "{refused:?}");
    lab.stop().await;
}

#[tokio::test]
async fn files_of_a_campaign_reach_the_agent_by_their_hash() {
    let lab = Lab::new().await;
    // So that the model is known.
    lab.submit(&yaml("class=none", 1)).await.expect("submits");
    let attachment = |path: &str, content: &[u8]| pb::Attachment {
        path: path.to_owned(),
        sha256: Digest::of(content).as_bytes().to_vec(),
        size_bytes: content.len() as u64,
    };
    let (library, tensors) = (attachment("lib/ort.so", b"a library"), attachment("x.npz", b"tensors"));
    let request = pb::SubmitCampaignRequest {
        yaml: yaml("any", 1).replace("{ random: { seed: 1 } }", "{ tensors: x.npz }\n  runtime: { file: lib/ort.so }"),
        file_name: "t.yaml".to_owned(),
        attachments: vec![library.clone(), tensors.clone()],
        ..Default::default()
    };
    lab.upload(b"tensors", 0).await.expect("uploads");
    let refused = lab.campaigns().submit_campaign(request.clone()).await.expect_err("missing attachment");
    assert!(refused.code() == Code::FailedPrecondition && refused.message().contains("lib/ort.so"), "{refused:?}");
    lab.upload(b"a library", 0).await.expect("uploads");
    lab.campaigns().submit_campaign(request).await.expect("submits");

    let cell = Agent::connect(&lab, 1).await.assignment().await.cell.expect("a cell");
    let file = |pb::Attachment { path, sha256, size_bytes }| pb::FileRef { path, sha256, size_bytes };
    let runtime = cell.runtime.and_then(|runtime| runtime.source);
    assert_eq!(runtime, Some(pb::runtime::Source::File(file(library))));
    let input = cell.input.and_then(|input| input.source);
    assert_eq!(input, Some(pb::input_source::Source::Tensors(file(tensors))));
    lab.stop().await;
}

#[tokio::test]
async fn artifacts_resume_both_ways() {
    let lab = Lab::new().await;
    let content: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
    let interrupted = lab.upload_part(&content, 0, 1_000).await.expect_err("unfinished");
    assert_eq!(interrupted.code(), Code::Aborted);
    let mut client = ArtifactServiceClient::new(lab.channel.clone());
    let sha256 = Digest::of(&content).as_bytes().to_vec();
    let stat = |sha256: &Vec<u8>| pb::StatArtifactsRequest { sha256: vec![sha256.clone()] };
    let held = client.stat_artifacts(stat(&sha256)).await.expect("answers").into_inner().artifacts.remove(0);
    assert_eq!((held.complete, held.held_bytes), (false, 1_000));
    assert_eq!(lab.upload(&content, 7).await.expect_err("wrong offset").code(), Code::OutOfRange);
    assert_eq!(lab.upload(&content, 1_000).await.expect("resumes"), content.len() as u64);
    let held = client.stat_artifacts(stat(&sha256)).await.expect("answers").into_inner().artifacts.remove(0);
    assert!(held.complete);

    let request = pb::FetchArtifactRequest { sha256: sha256.clone(), offset: 5 };
    let mut chunks = client.fetch_artifact(request).await.expect("fetches").into_inner();
    let mut fetched = Vec::new();
    while let Some(chunk) = soon("a chunk", chunks.message()).await.expect("no error") {
        assert!(chunk.size_bytes == content.len() as u64 && chunk.data.len() <= proto::CHUNK_BYTES);
        fetched.extend(chunk.data);
    }
    assert!(fetched == content[5..], "the bytes from the offset on");
    let beyond = pb::FetchArtifactRequest { sha256, offset: u64::from(u32::MAX) };
    assert_eq!(client.fetch_artifact(beyond).await.expect_err("beyond").code(), Code::OutOfRange);
    lab.stop().await;
}

#[tokio::test]
async fn devices_are_idle_busy_and_offline() {
    let lab = Lab::new().await;
    let state = async || {
        let request = pb::GetDeviceRequest { name: "desk-1".to_owned() };
        let device = DeviceServiceClient::new(lab.channel.clone()).get_device(request).await;
        device.expect("known").into_inner().state()
    };
    let mut agent = Agent::connect(&lab, 1).await;
    assert_eq!(state().await, pb::DeviceState::Idle);
    lab.submit(&yaml("any", 1)).await.expect("submits");
    agent.assignment().await;
    assert_eq!(state().await, pb::DeviceState::Busy);
    drop(agent);
    soon("the device to be offline", async {
        while state().await != pb::DeviceState::Offline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    lab.stop().await;
}

#[tokio::test]
async fn agents_are_told_goodbye_at_the_end() {
    let lab = Lab::new().await;
    let mut agent = Agent::connect(&lab, 1).await;
    lab.shutdown.cancel();
    let goodbye = next(&mut agent.inbox).await;
    assert!(
        matches!(goodbye, Some(Message::Goodbye(goodbye)) if !goodbye.superseded && goodbye.reconnect_after_ms > 0)
    );
    lab.stop().await;
}

#[tokio::test]
async fn a_killed_database_costs_no_measurement() {
    let lab = Lab::with_private_database().await;
    let campaign = lab.submit(&yaml("any", 2)).await.expect("submits");
    let mut agent = Agent::connect(&lab, 1).await;
    let assignment = agent.assignment().await;
    lab.kill_postmaster();
    let report = pb::AttemptReport { outcome: Some(measured()) }.encode_to_vec();
    let outcome = soon("the database", async {
        loop {
            match agent.report_bytes(&assignment, 1, report.clone(), None).await {
                Ok(outcome) => return outcome,
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(outcome.await, pb::ReportOutcome::Stored);
    let second = agent.assignment().await;
    assert_eq!(agent.report(&second, 2, measured()).await, pb::ReportOutcome::Stored);
    let (ended, kinds) = lab.watch_to_the_end(campaign.id).await;
    assert_eq!((ended.state(), ended.runs.expect("counts").done), (pb::CampaignState::Done, 2));
    assert!(!kinds.contains(&"run.retry".to_owned()), "no lease was lost: {kinds:?}");
    lab.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_a_clear_error() {
    let lab = Lab::new().await;
    let database = Database::Url("postgres://nobody@localhost/none".to_owned());
    let mut config = Config::new(lab.files.path().to_owned(), database);
    config.listen = lab.address;
    let error = Coordinator::start(config, Arc::new(SystemClock::new())).await.err().expect("refused");
    assert!(matches!(error, crate::StartError::AddressInUse(address) if address == lab.address));
    lab.stop().await;
}

#[tokio::test]
async fn health_and_unknown_services_are_answered() {
    let lab = Lab::new().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(lab.channel.clone());
    let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
    let status = health.check(request).await.expect("answers").into_inner().status();
    assert_eq!(status, tonic_health::pb::health_check_response::ServingStatus::Serving);
    let mut reflection =
        tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(lab.channel.clone());
    let request = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(tonic_reflection::pb::v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let answer = reflection.server_reflection_info(tokio_stream::once(request)).await.expect("answers");
    let answer = answer.into_inner().message().await.expect("no error").expect("one answer");
    assert!(format!("{answer:?}").contains("furlong.v1.CampaignService"));
    lab.stop().await;
}

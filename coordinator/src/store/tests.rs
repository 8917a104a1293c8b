//! The store's guards, against a real PostgreSQL.

mod artifacts;
mod energy;
mod models;
mod repeats;
mod upgrade;

use std::{collections::BTreeMap, time::Duration};

use analysis::{Analysis, analyse};
use domain::{
    AttemptId, AttemptPhase, AttemptState, CampaignId, CampaignState, CellSpec, DeviceFacts, DeviceId, Digest,
    Environment, Failure, FailureKind, Fence, InputSource, Measurement, ModelRef, OperatorTime, Order, PlacedNode,
    Placement, ProviderShare, Rate, Reason, ResultUid, RunId, RunState, StableEnvironment, StopReason, Timestamp,
    Trial, Verdict, VerdictLevel, VolatileEnvironment,
    campaign::{Plan, PlannedCell},
};
use uuid::Uuid;

use super::*;
use crate::cluster::test_cluster;

const LEASE: Duration = Duration::from_secs(30);
const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

struct Fixture {
    store: Store,
}

impl Fixture {
    async fn new() -> Self {
        let store = Store::over(test_cluster::database().await);
        // The model of every cell here.
        store.record_artifact(ArtifactRecord { sha256: Digest::of(b"m"), size_bytes: 1 }, NOW).await.expect("records");
        Self { store }
    }

    async fn device(&self, number: u128) -> DeviceSession {
        let identity = DeviceIdentity {
            id: DeviceId(Uuid::from_u128(number)),
            name: format!("desk-{number}"),
            labels: BTreeMap::from([("class".to_owned(), "desk".to_owned())]),
            facts: DeviceFacts { arch: "x86_64".to_owned(), cores: 2, ..DeviceFacts::default() },
            agent_version: "0.1.0".to_owned(),
            boot_id: String::new(),
        };
        let epoch = self.store.open_session(&identity, NOW).await.expect("opens");
        DeviceSession { id: identity.id, epoch, identity }
    }

    /// One cell; its runs.
    async fn campaign(&self, repetitions: u32) -> (CampaignId, Vec<RunId>) {
        let plan = plan(repetitions);
        let new = NewCampaign {
            plan: &plan,
            file_name: "t.yaml",
            yaml: "x",
            includes: &BTreeMap::new(),
            idempotency_key: "",
            attachments: &[],
        };
        let id = self.store.submit(&new, NOW).await.expect("submits").id;
        let page = RunPage::Campaign { id, after: 0 };
        (id, self.store.runs(page, 100).await.expect("lists").into_iter().map(|run| run.id).collect())
    }

    async fn grant(&self, run: RunId, to: &DeviceSession) -> Option<Granted> {
        self.grant_for(run, to, LEASE).await
    }

    async fn grant_for(&self, run: RunId, to: &DeviceSession, lease: Duration) -> Option<Granted> {
        let grant = Grant { run, device: to.id, epoch: to.epoch };
        self.store.grant(&[grant], lease, NOW).await.expect("grants").pop()
    }

    async fn measured(&self, granted: &Granted, uid: u128) -> Accepted {
        self.judged(granted, uid, VerdictLevel::Valid).await
    }

    /// Stores a measurement with this verdict, whatever it deserves.
    async fn judged(&self, granted: &Granted, uid: u128, level: VerdictLevel) -> Accepted {
        let measurement = measurement();
        let mut analysis = analyse(&granted.spec, &measurement).expect("sound");
        analysis.verdict = verdict(level);
        self.stored(granted, uid, &measurement, &analysis).await
    }

    async fn stored(&self, granted: &Granted, uid: u128, measurement: &Measurement, analysis: &Analysis) -> Accepted {
        let context = self.context(granted.attempt).await;
        let accept = self.store.accept_measurement(key(granted, uid), &context, measurement, analysis, b"raw", NOW);
        accept.await.expect("answers")
    }

    async fn failed(&self, granted: &Granted, uid: u128, kind: FailureKind) -> (Accepted, Option<NextState>) {
        let failure = Failure::without_runner(kind, AttemptPhase::Loading, "it \0broke");
        let context = self.context(granted.attempt).await;
        self.store.accept_failure(key(granted, uid), &context, &failure, b"raw", NOW).await.expect("answers")
    }

    async fn context(&self, attempt: AttemptId) -> AttemptContext {
        self.store.attempt_context(attempt).await.expect("reads").expect("exists")
    }

    async fn run(&self, id: RunId) -> RunRecord {
        self.store.runs(RunPage::One(id), 1).await.expect("reads").pop().expect("exists")
    }

    async fn campaign_state(&self, id: CampaignId) -> CampaignState {
        self.store.campaign(id).await.expect("reads").expect("exists").state
    }

    async fn event_kinds(&self, id: CampaignId) -> Vec<String> {
        let events = self.store.events(id, 0, 100).await.expect("reads");
        events.into_iter().map(|event| event.kind).collect()
    }

    async fn orphans(&self) -> i64 {
        sqlx::query_scalar!(r#"select count(*) as "count!" from orphan_result"#)
            .fetch_one(&self.store.pool)
            .await
            .expect("counts")
    }

    /// What ties the tables together, after whatever happened.
    async fn check_invariants(&self) {
        let broken = sqlx::query_scalar!(
            r#"select count(*) as "count!" from run r left join measurement m on m.run_id = r.id
               left join attempt a on a.id = m.attempt_id
               where (r.state = 'done') <> (m.run_id is not null)
                  or (m.run_id is not null and (a.fence <> r.fence or a.state <> 'done'))
                  or (r.state = 'active') <> exists (select 1 from attempt l
                      where l.run_id = r.id and l.fence = r.fence and l.state in ('leased', 'running'))"#
        )
        .fetch_one(&self.store.pool)
        .await
        .expect("counts");
        assert_eq!(broken, 0, "runs whose tables disagree");
    }
}

struct DeviceSession {
    id: DeviceId,
    epoch: i64,
    identity: DeviceIdentity,
}

fn spec() -> CellSpec {
    let model = ModelRef { name: "m".to_owned(), sha256: Digest::of(b"m"), size_bytes: 1, ..ModelRef::nameless() };
    CellSpec { input: InputSource::random(u64::MAX), ..CellSpec::new(model) }
}

fn plan(repetitions: u32) -> Plan {
    let device = "class=desk".parse().expect("a selector");
    let key = spec().key(&device);
    Plan {
        name: "test".to_owned(),
        labels: BTreeMap::new(),
        cells: vec![PlannedCell {
            number: 1,
            spec: spec(),
            device,
            key,
            tag: None,
            evaluates: false,
            origins: BTreeMap::new(),
        }],
        repetitions,
        order: Order::Blocked,
        seed: None,
        gates: Vec::new(),
        notify: Vec::new(),
        product: 1,
        rules: Vec::new(),
        notes: Vec::new(),
    }
}

/// 100 queries of some 30 ms.
fn measurement() -> Measurement {
    let latencies: Vec<u64> = (0..100).map(|query| 30_000_000 + query * 7_919_000 % 1_000_000).collect();
    Measurement {
        started_at: NOW,
        measured: Duration::from_secs(3),
        issuing: Duration::from_millis(2_970),
        stop: StopReason::Satisfied,
        samples: analysis::samples::encode(&latencies).expect("encodes"),
        slip: None,
        rate: None,
        trials: Vec::new(),
        histogram: vec![9],
        runtime_load: Duration::from_millis(1),
        session_load: Duration::from_millis(2),
        first_inference: Duration::from_millis(3),
        warmup_iterations: 10,
        peak_rss_bytes: 1 << 40,
        end_rss_bytes: 1 << 20,
        samples_per_query: 1,
        environment: environment("6.1"),
        placement: None,
        placement_problem: Some("no \0profile".to_owned()),
        inputs: vec!["x: float32[1]".to_owned()],
        outputs: vec!["y: float32[1]".to_owned()],
        accuracy: None,
        check: domain::OutputCheck::default(),
        telemetry: None,
    }
}

fn environment(kernel: &str) -> Environment {
    Environment {
        stable: StableEnvironment { kernel: kernel.to_owned(), memory_bytes: Some(u64::MAX), ..Default::default() },
        // A number that a careless reader of JSON takes for its neighbour.
        volatile: VolatileEnvironment { load_average: Some(0.900_764_045_839_581_1), ..Default::default() },
    }
}

fn placement() -> Placement {
    let (provider, operator) = ("CPUExecutionProvider".to_owned(), "MatMul".to_owned());
    Placement {
        calls: 3,
        nodes: vec![PlacedNode {
            name: "/layer/MatMul".to_owned(),
            operator: operator.clone(),
            provider: provider.clone(),
            time_ns: 5,
        }],
        nodes_left_out: 0,
        providers: vec![ProviderShare { provider: provider.clone(), nodes: 1, time_ns: 5 }],
        operators: vec![OperatorTime { operator, provider, nodes: 1, time_ns: 5 }],
    }
}

fn verdict(level: VerdictLevel) -> Verdict {
    let reason = |code: &str| Reason {
        code: code.to_owned(),
        message: "others were busy".to_owned(),
        level,
        value: 0.3,
        threshold: 0.05,
        unit: "share".to_owned(),
    };
    let reasons = if level == VerdictLevel::Valid { Vec::new() } else { vec![reason("foreign-cpu")] };
    Verdict { level, tier: domain::Tier::Quick, reasons }
}

fn key(granted: &Granted, uid: u128) -> ReportKey {
    ReportKey { attempt: granted.attempt, fence: granted.fence, result_uid: ResultUid(Uuid::from_u128(uid)) }
}

#[tokio::test]
async fn a_measurement_is_stored_whole_and_ends_the_campaign() {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(1).await;
    let granted = fixture.grant(runs[0], &fixture.device(1).await).await.expect("granted");
    assert_eq!(granted.spec, spec());
    assert_eq!(fixture.measured(&granted, 1).await, Accepted::Stored);

    let measured = fixture.run(runs[0]).await.measured.expect("measured");
    let mut expected = measurement();
    let latencies = std::mem::take(&mut expected.samples.pco);
    expected.histogram.clear();
    expected.placement_problem = Some("no \u{fffd}profile".to_owned());
    assert_eq!(measured.measurement, expected);
    assert_eq!(measured.verdict, verdict(VerdictLevel::Valid));
    let statistics = analyse(&spec(), &measurement()).expect("sound").statistics;
    assert_eq!(measured.latency, statistics.latency);
    let mut figures = fixture.store.run_figures(campaign).await.expect("reads");
    let figures = figures.remove(0).measured.expect("measured");
    assert_eq!(figures.p90_ns, Some(statistics.latency.p90_ns));
    assert_eq!(figures.p99_ns, None, "100 samples are too few");
    assert_eq!(measured.statistics, Some(statistics));
    assert_eq!(measured.env_id, Some(environment("6.1").stable.id()));
    let samples = fixture.store.samples(runs[0]).await.expect("reads").expect("kept");
    assert_eq!((samples.pco, samples.count), (latencies, 100));
    assert_eq!(fixture.store.slip(runs[0]).await.expect("reads"), None);
    assert_eq!(fixture.store.placement(runs[0]).await.expect("reads"), None);
    assert_eq!(fixture.campaign_state(campaign).await, CampaignState::Done);
    let kinds = fixture.event_kinds(campaign).await;
    assert_eq!(kinds, ["campaign.submitted", "attempt.leased", "run.done", "campaign.done"]);
    fixture.check_invariants().await;
}

#[tokio::test]
async fn a_search_is_stored_with_its_trials_its_slips_and_its_placement() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    let granted = fixture.grant(runs[0], &fixture.device(1).await).await.expect("granted");
    let rate = Rate::from_millis(20_500).expect("a rate");
    let slips: Vec<u64> = (0..100).map(|query| query * 1_000).collect();
    let sent = Measurement {
        stop: StopReason::MaxDuration,
        slip: Some(analysis::samples::encode(&slips).expect("encodes")),
        rate: Some(rate),
        trials: vec![Trial { rate, queries: 100, over_latency: 1, passed: true }],
        environment: environment("6.1\0"),
        placement: Some(placement()),
        placement_problem: None,
        ..measurement()
    };
    let analysis = analyse(&spec(), &sent).expect("sound");
    assert!(analysis.statistics.slip.is_some());
    assert_eq!(fixture.stored(&granted, 1, &sent, &analysis).await, Accepted::Stored);

    let measured = fixture.run(runs[0]).await.measured.expect("measured");
    let read = Measurement {
        samples: fixture.store.samples(runs[0]).await.expect("reads").expect("kept"),
        slip: fixture.store.slip(runs[0]).await.expect("reads"),
        placement: fixture.store.placement(runs[0]).await.expect("reads"),
        histogram: sent.histogram.clone(),
        ..measured.measurement
    };
    assert_eq!(read, Measurement { environment: environment("6.1\u{fffd}"), ..sent });
    assert_eq!(measured.statistics, Some(analysis.statistics));
}

#[tokio::test]
async fn duplicated_report_is_already_stored() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(2).await;
    let desk = fixture.device(1).await;
    let granted = fixture.grant(runs[0], &desk).await.expect("granted");
    assert_eq!(fixture.measured(&granted, 1).await, Accepted::Stored);
    assert_eq!(fixture.measured(&granted, 1).await, Accepted::Already);
    assert_eq!(fixture.measured(&granted, 2).await, Accepted::Stale, "another result of the same attempt");

    let granted = fixture.grant(runs[1], &desk).await.expect("granted");
    assert_eq!(fixture.failed(&granted, 3, FailureKind::Model).await, (Accepted::Stored, Some(NextState::Failed)));
    assert_eq!(fixture.failed(&granted, 3, FailureKind::Model).await, (Accepted::Already, None));
    let failure = fixture.run(runs[1]).await.failure.expect("kept");
    assert_eq!(failure.message, "it \u{fffd}broke");
    fixture.check_invariants().await;
}

#[tokio::test]
async fn late_result_is_rejected_after_lease_expiry() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    let desk = fixture.device(1).await;
    let late = fixture.grant_for(runs[0], &desk, Duration::ZERO).await.expect("granted");
    assert_eq!(fixture.store.expired_attempts(10).await.expect("reads"), [late.attempt]);
    assert_eq!(fixture.store.lose(late.attempt, Loss::Expired, NOW).await.expect("loses"), Some(NextState::Ready));
    assert_eq!(fixture.store.lose(late.attempt, Loss::Expired, NOW).await.expect("answers"), None, "once");

    assert_eq!(fixture.measured(&late, 1).await, Accepted::Stale);
    assert_eq!(fixture.measured(&late, 1).await, Accepted::Stale, "and again");
    assert_eq!(fixture.failed(&late, 2, FailureKind::Infra).await, (Accepted::Stale, None));
    assert_eq!(fixture.orphans().await, 2);
    assert_eq!(fixture.run(runs[0]).await.state, RunState::Ready);

    let again = fixture.grant(runs[0], &desk).await.expect("granted again");
    assert!(again.fence > late.fence);
    assert_eq!(fixture.measured(&late, 3).await, Accepted::Stale, "the old fence does not hold");
    assert_eq!(fixture.measured(&again, 4).await, Accepted::Stored);
    fixture.check_invariants().await;
}

#[tokio::test]
async fn a_renewed_lease_does_not_expire() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    let (desk, other) = (fixture.device(1).await, fixture.device(2).await);
    let granted = fixture.grant_for(runs[0], &desk, Duration::ZERO).await.expect("granted");
    let held = [(granted.attempt, granted.fence, AttemptPhase::Measuring)];
    assert_eq!(fixture.store.renew(other.id, &held, LEASE).await.expect("answers"), [], "not its attempt");
    let wrong = [(granted.attempt, Fence(99), AttemptPhase::Measuring)];
    assert_eq!(fixture.store.renew(desk.id, &wrong, LEASE).await.expect("answers"), []);
    assert_eq!(fixture.store.renew(desk.id, &held, LEASE).await.expect("renews").len(), 1);
    assert_eq!(fixture.store.expired_attempts(10).await.expect("reads"), []);
    assert_eq!(fixture.store.lose(granted.attempt, Loss::Expired, NOW).await.expect("answers"), None);
    let attempts = fixture.store.attempts(runs[0]).await.expect("reads");
    assert!(matches!(attempts[0].state, AttemptState::Running { phase: AttemptPhase::Measuring, .. }));
}

#[tokio::test]
async fn leases_get_their_time_again_after_an_absence() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    fixture.grant_for(runs[0], &fixture.device(1).await, Duration::ZERO).await.expect("granted");
    assert_eq!(fixture.store.extend_all_leases(LEASE).await.expect("extends"), 1);
    assert_eq!(fixture.store.expired_attempts(10).await.expect("reads"), []);
}

#[tokio::test]
async fn lost_attempts_are_retried_up_to_three() {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(1).await;
    let desk = fixture.device(1).await;
    let mut outcomes = Vec::new();
    while let Some(granted) = fixture.grant(runs[0], &desk).await {
        outcomes.push(fixture.store.lose(granted.attempt, Loss::NotHeld, NOW).await.expect("loses"));
    }
    assert_eq!(outcomes, [Some(NextState::Ready), Some(NextState::Ready), Some(NextState::Failed)]);
    assert_eq!(fixture.run(runs[0]).await.attempts, 3);
    assert_eq!(fixture.campaign_state(campaign).await, CampaignState::Done);
    fixture.check_invariants().await;
}

#[tokio::test]
async fn a_retry_waits_its_turn() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    let desk = fixture.device(1).await;
    let classes = fixture.store.ready_classes().await.expect("reads");
    let granted = fixture.grant(runs[0], &desk).await.expect("granted");
    fixture.failed(&granted, 1, FailureKind::Infra).await;
    assert!(fixture.store.ready_classes().await.expect("reads").is_empty(), "not before a second has passed");
    assert!(fixture.store.ready_runs(&[classes[0].id], &[desk.id], &[], 10).await.expect("reads").is_empty());
}

#[tokio::test]
async fn two_grants_of_one_run_have_one_winner() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    let (one, two) = (fixture.device(1).await, fixture.device(2).await);
    let (first, second) = tokio::join!(fixture.grant(runs[0], &one), fixture.grant(runs[0], &two));
    assert_eq!(usize::from(first.is_some()) + usize::from(second.is_some()), 1);
    fixture.check_invariants().await;
}

#[tokio::test]
async fn a_device_executes_one_attempt_at_a_time() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(3).await;
    let desk = fixture.device(1).await;
    assert!(fixture.grant(runs[0], &desk).await.is_some());
    assert!(fixture.grant(runs[1], &desk).await.is_none(), "it is busy");
    assert_eq!(fixture.store.busy_devices(&[desk.id]).await.expect("reads"), [desk.id]);

    // Two grants in one batch meet the unique index: the whole batch is a lost race, and nothing of it stays.
    let free = fixture.device(2).await;
    let (_, others) = fixture.campaign(2).await;
    let batch = [others[0], others[1]].map(|run| Grant { run, device: free.id, epoch: free.epoch });
    assert!(matches!(fixture.store.grant(&batch, LEASE, NOW).await, Err(StoreError::Raced(_))));
    fixture.check_invariants().await;
}

#[tokio::test]
async fn a_superseded_session_is_granted_nothing() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    let old = fixture.device(1).await;
    let new = fixture.device(1).await;
    assert_eq!(new.epoch, old.epoch + 1);
    assert!(fixture.grant(runs[0], &old).await.is_none());
    assert!(fixture.grant(runs[0], &new).await.is_some());
}

#[tokio::test]
async fn a_name_belongs_to_one_device() {
    let fixture = Fixture::new().await;
    let mut impostor = fixture.device(1).await.identity;
    impostor.id = DeviceId(Uuid::from_u128(99));
    let refused = fixture.store.open_session(&impostor, NOW).await;
    assert!(matches!(refused, Err(OpenSessionError::NameTaken(name)) if name == "desk-1"));
}

#[tokio::test]
async fn after_a_cancellation_a_late_result_is_stale() {
    let fixture = Fixture::new().await;
    let (campaign, runs) = fixture.campaign(3).await;
    let desk = fixture.device(1).await;
    let first = fixture.grant(runs[0], &desk).await.expect("granted");
    assert_eq!(fixture.measured(&first, 1).await, Accepted::Stored);
    let active = fixture.grant(runs[1], &desk).await.expect("granted");
    assert_eq!(fixture.store.cancel(campaign, NOW).await.expect("cancels"), [(active.attempt, desk.id)]);
    assert_eq!(fixture.store.cancel(campaign, NOW).await.expect("answers"), [], "idempotent");
    assert_eq!(fixture.measured(&active, 2).await, Accepted::Stale);
    assert!(fixture.grant(runs[2], &desk).await.is_none());
    let record = fixture.store.campaign(campaign).await.expect("reads").expect("exists");
    assert_eq!((record.state, record.runs.done, record.runs.cancelled), (CampaignState::Cancelled, 1, 2));
    fixture.check_invariants().await;
}

#[tokio::test]
async fn a_repeated_submission_is_one_campaign() {
    let fixture = Fixture::new().await;
    let plan = plan(2);
    let new = NewCampaign {
        plan: &plan,
        file_name: "t.yaml",
        yaml: "x",
        includes: &BTreeMap::new(),
        idempotency_key: "k",
        attachments: &[],
    };
    let first = fixture.store.submit(&new, NOW).await.expect("submits");
    let second = fixture.store.submit(&new, NOW).await.expect("answers");
    assert_eq!((first.id, false, true), (second.id, first.existed, second.existed));
    assert_eq!(fixture.store.campaigns(None, 10).await.expect("lists").len(), 1);
}

#[tokio::test]
async fn runs_have_ids_in_plan_order_and_positions_in_execution_order() {
    let fixture = Fixture::new().await;
    let mut plan = plan(2);
    plan.order = Order::Interleaved;
    plan.cells.push(PlannedCell { number: 2, ..plan.cells[0].clone() });
    let new = NewCampaign {
        plan: &plan,
        file_name: "t.yaml",
        yaml: "x",
        includes: &BTreeMap::new(),
        idempotency_key: "",
        attachments: &[],
    };
    let id = fixture.store.submit(&new, NOW).await.expect("submits").id;
    let runs = fixture.store.runs(RunPage::Campaign { id, after: 0 }, 10).await.expect("lists");
    let listed: Vec<_> = runs.iter().map(|run| (run.cell, run.repetition)).collect();
    assert_eq!(listed, [(1, 1), (1, 2), (2, 1), (2, 2)]);
    let order = sqlx::query_scalar!("select id from run order by position").fetch_all(&fixture.store.pool).await;
    let order = order.expect("reads").into_iter();
    let order: Vec<_> = order.map(|id| runs.iter().position(|run| run.id.0 == id)).collect();
    assert_eq!(order, [Some(0), Some(2), Some(1), Some(3)]);
}

#[tokio::test]
async fn the_runs_of_a_cell_stay_with_the_device_that_measured_one() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(3).await;
    let (one, two) = (fixture.device(1).await, fixture.device(2).await);
    let class = fixture.store.ready_classes().await.expect("reads")[0].id;
    let ready = async |devices: &[DeviceId]| fixture.store.ready_runs(&[class], devices, &[], 10).await.expect("reads");
    assert_eq!(ready(&[one.id, two.id]).await.len(), 1, "a cell has one device, which takes one run at a time");

    let lost = fixture.grant(runs[0], &one).await.expect("granted");
    assert!(fixture.grant(runs[1], &two).await.is_none(), "the cell belongs to the first device");
    fixture.store.lose(lost.attempt, Loss::NotHeld, NOW).await.expect("loses");
    assert!(ready(&[two.id]).await[0].bound_to.is_none(), "it measured nothing, so another device may try");

    let granted = fixture.grant(runs[1], &two).await.expect("granted");
    fixture.judged(&granted, 1, VerdictLevel::Valid).await;
    assert!(ready(&[one.id]).await.is_empty(), "the second device measured one");
    assert_eq!(ready(&[one.id, two.id]).await[0].bound_to, Some(two.id));
    assert!(fixture.grant(runs[2], &one).await.is_none());
    let silent = fixture.grant_for(runs[2], &two, Duration::ZERO).await.expect("granted");
    assert!(fixture.store.lose(silent.attempt, Loss::Expired, NOW).await.expect("loses").is_some());
    let bound = sqlx::query_scalar!("select device_id from cell").fetch_one(&fixture.store.pool).await.expect("reads");
    assert_eq!(bound, None, "its device fell silent, and the cell goes on elsewhere");
    fixture.check_invariants().await;
}

#[tokio::test]
async fn a_row_that_does_not_convert_is_named() {
    let fixture = Fixture::new().await;
    let (_, runs) = fixture.campaign(1).await;
    sqlx::query!("update cell set spec = '{}'").execute(&fixture.store.pool).await.expect("spoils it");
    let error = fixture.store.runs(RunPage::One(runs[0]), 1).await.expect_err("it is inconsistent");
    assert!(matches!(error, StoreError::Inconsistent { table: "cell", column: "spec", .. }), "{error}");
}

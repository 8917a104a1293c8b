//! The session's rules, one by one. What they have in common is in [`Desk`].

use domain::{Digest, ModelRef, RunMode};
use rand::SeedableRng as _;
use uuid::Uuid;

use super::*;

pub(crate) fn cell() -> CellSpec {
    CellSpec::new(ModelRef {
        name: "m".to_owned(),
        sha256: Digest::of(b"model"),
        size_bytes: 5,
        ..ModelRef::nameless()
    })
}

pub(super) fn assignment(attempt: i64, lease: Duration) -> Box<Assignment> {
    Box::new(Assignment {
        attempt: AttemptId(attempt),
        run: RunId(attempt),
        fence: Fence(attempt),
        lease,
        cell: cell(),
        mode: RunMode::Performance,
        repetition: 1,
        max_runtime: Duration::from_mins(5),
    })
}

pub(super) fn entry(attempt: i64) -> Entry {
    Entry {
        attempt: AttemptId(attempt),
        fence: Fence(attempt),
        result_uid: uid(attempt),
        sha256: Digest::of(b""),
        size_bytes: 100,
    }
}

pub(super) fn uid(attempt: i64) -> ResultUid {
    ResultUid(Uuid::from_u128(u128::from(attempt.unsigned_abs())))
}

pub(super) fn welcome(abandon: &[i64]) -> Input {
    Input::Received(Order::Welcome {
        protocol: 1,
        heartbeat: Duration::from_secs(10),
        abandon: abandon.iter().copied().map(AttemptId).collect(),
    })
}

const LEASE: Duration = Duration::from_secs(30);

struct Desk {
    session: Session,
    now: Duration,
}

impl Desk {
    fn with_spool(spool: Vec<Entry>) -> Self {
        let session = Session::new(ChaCha8Rng::seed_from_u64(1), true, spool, Duration::ZERO);
        Self { session, now: Duration::ZERO }
    }

    /// A session that was welcomed.
    fn connected() -> Self {
        let mut desk = Self::with_spool(vec![]);
        assert_eq!(desk.step(Input::Tick), [Effect::Dial { held: vec![] }]);
        assert_eq!(desk.step(welcome(&[])), []);
        desk
    }

    /// A session that measures attempt 1.
    fn measuring() -> Self {
        let mut desk = Self::connected();
        assert!(starts(&desk.assign(1), 1));
        desk.phase(1, AttemptPhase::Measuring);
        desk
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        self.session.step(self.now, input)
    }

    fn order(&mut self, order: Order) -> Vec<Effect> {
        self.step(Input::Received(order))
    }

    fn assign(&mut self, attempt: i64) -> Vec<Effect> {
        self.order(Order::Assign(assignment(attempt, LEASE)))
    }

    fn phase(&mut self, attempt: i64, phase: AttemptPhase) -> Vec<Effect> {
        self.step(Input::Phase { attempt: AttemptId(attempt), phase })
    }

    fn cancel(&mut self, attempt: i64) -> Vec<Effect> {
        self.order(Order::Cancel { attempt: AttemptId(attempt), reason: "why not".to_owned() })
    }

    fn renew(&mut self, attempt: i64) -> Vec<Effect> {
        self.order(Order::Renew { attempt: AttemptId(attempt), fence: Fence(attempt), lease: LEASE })
    }

    fn goodbye(&mut self, superseded: bool) -> Vec<Effect> {
        let reconnect_after = Duration::from_secs(3);
        self.order(Order::Goodbye { reason: "bye".to_owned(), reconnect_after, superseded })
    }
}

fn starts(effects: &[Effect], attempt: i64) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Start(started) if started.attempt == AttemptId(attempt)))
}

fn ignores(effects: &[Effect]) -> bool {
    matches!(effects[0], Effect::Ignored { .. })
}

fn kill(attempt: i64, why: KillReason) -> Effect {
    Effect::Kill { attempt: AttemptId(attempt), why }
}

fn held(attempt: i64, phase: AttemptPhase) -> Held {
    Held { attempt: AttemptId(attempt), fence: Fence(attempt), phase }
}

#[test]
fn an_assignment_starts_and_is_told() {
    let mut desk = Desk::connected();
    let told = Effect::Send(Outgoing::Update(held(1, AttemptPhase::Preparing)));
    assert_eq!(desk.assign(1), [Effect::Start(assignment(1, LEASE)), told]);
}

#[test]
fn an_assignment_delivered_twice_is_ignored() {
    let mut desk = Desk::measuring();
    assert!(ignores(&desk.assign(1)));
}

#[test]
fn a_measurement_under_its_lease_is_not_given_up_for_another() {
    let mut desk = Desk::measuring();
    desk.now += LEASE * 9 / 10;
    assert!(ignores(&desk.assign(2)));
    desk.renew(1);
    desk.now += LEASE * 9 / 10;
    assert!(ignores(&desk.assign(3)), "renewed");
}

#[test]
fn after_its_lease_a_runner_goes_on_until_the_device_is_wanted() {
    let mut desk = Desk::measuring();
    desk.now += LEASE * 2;
    assert!(!desk.step(Input::Tick).iter().any(|effect| matches!(effect, Effect::Kill { .. })));
    assert_eq!(desk.assign(2), [kill(1, KillReason::LeaseLost)]);
    assert!(ignores(&desk.assign(3)), "one waits already");
    assert!(starts(&desk.step(Input::Spooled(entry(1))), 2), "only when the old one is dead");
}

#[test]
fn an_assignment_whose_lease_ends_while_it_waits_never_starts() {
    let mut desk = Desk::measuring();
    desk.cancel(1);
    assert_eq!(desk.assign(2), []);
    desk.now += LEASE;
    let effects = desk.step(Input::Spooled(entry(1)));
    assert!(!starts(&effects, 2), "{effects:?}");
    assert!(starts(&desk.assign(3), 3), "the device is free");
}

#[test]
fn what_the_coordinator_abandons_is_killed() {
    let mut desk = Desk::measuring();
    desk.step(Input::Disconnected { refused: None });
    desk.now += DIAL_CAP_LOOPBACK;
    let dial = Effect::Dial { held: vec![held(1, AttemptPhase::Measuring)] };
    assert_eq!(desk.step(Input::Tick), [dial]);
    assert_eq!(desk.step(welcome(&[1])), [kill(1, KillReason::LeaseLost)]);
}

#[test]
fn what_it_does_not_abandon_goes_on() {
    let mut desk = Desk::measuring();
    desk.step(Input::Disconnected { refused: None });
    desk.now += DIAL_CAP_LOOPBACK;
    desk.step(Input::Tick);
    assert_eq!(desk.step(welcome(&[])), []);
}

#[test]
fn a_cancelled_attempt_is_killed_once() {
    let mut desk = Desk::measuring();
    assert_eq!(desk.cancel(1), [kill(1, KillReason::Cancelled("why not".to_owned()))]);
    assert_eq!(desk.cancel(1), []);
    assert_eq!(desk.cancel(7), [], "never heard of");
}

#[test]
fn a_report_is_offered_until_it_is_acknowledged() {
    let mut desk = Desk::measuring();
    assert_eq!(desk.step(Input::Spooled(entry(1))), [Effect::Deliver(uid(1))]);
    assert_eq!(desk.step(Input::DeliveryFailed { result: uid(1) }), []);
    desk.now += DELIVERY_FIRST;
    assert_eq!(desk.step(Input::Tick), [Effect::Deliver(uid(1))]);
    assert_eq!(desk.step(Input::Acknowledged { result: uid(1) }), [Effect::Forget(uid(1))]);
    assert_eq!(desk.step(Input::Tick), []);
}

#[test]
fn an_undeliverable_report_is_set_aside_and_the_next_one_goes() {
    let mut desk = Desk::with_spool(vec![entry(1), entry(2)]);
    desk.step(Input::Tick);
    assert_eq!(desk.step(welcome(&[])), [Effect::Deliver(uid(1))]);
    let effects = desk.step(Input::Undeliverable { result: uid(1) });
    assert_eq!(effects, [Effect::SetAside(uid(1)), Effect::Deliver(uid(2))]);
}

#[test]
fn nothing_is_delivered_while_something_is_measured() {
    let mut desk = Desk::with_spool(vec![entry(9)]);
    desk.step(Input::Tick);
    desk.step(welcome(&[]));
    desk.step(Input::DeliveryFailed { result: uid(9) });
    desk.assign(1);
    desk.phase(1, AttemptPhase::Measuring);
    desk.now += DELIVERY_CAP;
    let effects = desk.step(Input::Tick);
    assert!(!effects.contains(&Effect::Deliver(uid(9))));
    assert!(desk.step(Input::Spooled(entry(1))).contains(&Effect::Deliver(uid(9))), "the oldest goes first");
}

#[test]
fn hello_names_what_an_earlier_life_left() {
    let mut desk = Desk::with_spool(vec![entry(1)]);
    assert_eq!(desk.step(Input::Tick), [Effect::Dial { held: vec![held(1, AttemptPhase::Reporting)] }]);
}

#[test]
fn heartbeats_name_what_is_held() {
    let mut desk = Desk::measuring();
    desk.now += Duration::from_secs(10);
    let heartbeat = Outgoing::Heartbeat(vec![held(1, AttemptPhase::Measuring)]);
    assert_eq!(desk.step(Input::Tick), [Effect::Send(heartbeat)]);
}

#[test]
fn a_nearly_full_spool_takes_no_more_work() {
    let full = Entry { size_bytes: SPOOL_STOP_BYTES, ..entry(9) };
    let mut desk = Desk::with_spool(vec![full]);
    desk.step(Input::Tick);
    desk.step(welcome(&[]));
    assert!(ignores(&desk.assign(1)));
    desk.step(Input::Acknowledged { result: uid(9) });
    assert!(starts(&desk.assign(1), 1));
}

#[test]
fn a_superseded_agent_kills_its_runner_and_ends() {
    let mut desk = Desk::measuring();
    assert_eq!(desk.goodbye(true), [Effect::HangUp, kill(1, KillReason::Stopped)]);
    let exit = Effect::Exit(Exit::Superseded("bye".to_owned()));
    assert_eq!(desk.step(Input::Spooled(entry(1))), [exit]);
    assert_eq!(desk.session.wake_at(), None, "it never dials again");
}

#[test]
fn a_draining_coordinator_is_dialled_again_when_it_said() {
    let mut desk = Desk::measuring();
    assert_eq!(desk.goodbye(false), [Effect::HangUp]);
    let wake = desk.session.wake_at().unwrap();
    assert!((3.0..3.6).contains(&wake.as_secs_f64()), "{wake:?}");
}

#[test]
fn a_coordinator_that_never_welcomes_is_dialled_anew() {
    let mut desk = Desk::with_spool(vec![]);
    desk.step(Input::Tick);
    desk.now += WELCOME_TIMEOUT;
    assert_eq!(desk.step(Input::Tick), [Effect::HangUp]);
    desk.now += DIAL_CAP_LOOPBACK;
    assert_eq!(desk.step(Input::Tick), [Effect::Dial { held: vec![] }]);
}

#[test]
fn waits_between_dials_grow_to_the_cap_and_no_further() {
    for (loopback, cap) in [(true, DIAL_CAP_LOOPBACK), (false, DIAL_CAP)] {
        let mut session = Session::new(ChaCha8Rng::seed_from_u64(1), loopback, vec![], Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            session.step(now, Input::Tick);
            session.step(now, Input::Disconnected { refused: None });
            let wake = session.wake_at().unwrap();
            assert!(wake > now);
            longest = longest.max(wake.abs_diff(now));
            now = wake;
        }
        assert!(longest > cap / 2 && longest <= cap, "{longest:?}");
    }
}

#[test]
fn an_agent_that_is_refused_ends_with_the_reason() {
    let mut desk = Desk::with_spool(vec![entry(1)]);
    desk.step(Input::Tick);
    let effects = desk.step(Input::Disconnected { refused: Some("name taken".to_owned()) });
    assert_eq!(effects, [Effect::Exit(Exit::Refused("name taken".to_owned()))]);
}

#[test]
fn a_protocol_it_does_not_speak_ends_it() {
    let mut desk = Desk::with_spool(vec![]);
    desk.step(Input::Tick);
    let welcome = Order::Welcome { protocol: 99, heartbeat: LEASE, abandon: vec![] };
    assert_eq!(desk.order(welcome), [Effect::HangUp, Effect::Exit(Exit::Protocol(99))]);
}

#[test]
fn stopping_hands_over_what_is_left_and_waits_for_no_one_else() {
    let mut desk = Desk::measuring();
    assert_eq!(desk.step(Input::Shutdown), [kill(1, KillReason::Stopped)]);
    assert!(ignores(&desk.assign(2)));
    assert_eq!(desk.step(Input::Spooled(entry(1))), [Effect::Deliver(uid(1))]);
    let effects = desk.step(Input::Acknowledged { result: uid(1) });
    assert_eq!(effects, [Effect::Forget(uid(1)), Effect::Exit(Exit::Stopped)]);

    let mut desk = Desk::measuring();
    desk.step(Input::Shutdown);
    desk.step(Input::Spooled(entry(1)));
    desk.now += STOP_TIMEOUT;
    assert_eq!(desk.step(Input::Tick), [Effect::Exit(Exit::Stopped)], "bounded");

    let mut desk = Desk::measuring();
    desk.step(Input::Disconnected { refused: None });
    desk.step(Input::Shutdown);
    assert_eq!(desk.step(Input::Spooled(entry(1))), [Effect::Exit(Exit::Stopped)], "nobody is there to take it");
}

#[test]
fn an_assignment_it_can_t_read_is_refused_with_the_reason() {
    let mut desk = Desk::connected();
    let (attempt, fence) = (AttemptId(1), Fence(1));
    let effects = desk.order(Order::Unreadable { attempt, fence, why: "field `cell.provider` holds npu".to_owned() });
    assert!(matches!(&effects[..], [Effect::Refuse { failure, .. }] if failure.message.contains("npu")), "{effects:?}");
}

//! A seeded random walk: a fake world does what the session says, and after every input the rules must hold.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng as _;

use super::tests::{assignment, entry, uid, welcome};
use super::*;

const WALKS: u64 = 300;
const STEPS: u32 = 400;

/// What a driver would have done.
struct World {
    session: Session,
    random: ChaCha8Rng,
    now: Duration,
    /// The one runner, and whether it was told to die.
    runner: Option<(AttemptId, bool)>,
    started: BTreeSet<AttemptId>,
    /// How often each attempt came to the spool.
    spooled: BTreeMap<AttemptId, u32>,
    /// In the spool now.
    on_disk: BTreeSet<ResultUid>,
    delivering: BTreeSet<ResultUid>,
    connected: bool,
    exited: bool,
    next_attempt: i64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            session: Session::new(ChaCha8Rng::seed_from_u64(seed), true, vec![], Duration::ZERO),
            random: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
            now: Duration::ZERO,
            runner: None,
            started: BTreeSet::new(),
            spooled: BTreeMap::new(),
            on_disk: BTreeSet::new(),
            delivering: BTreeSet::new(),
            connected: false,
            exited: false,
            next_attempt: 1,
        }
    }

    fn input(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let ticked = input == Input::Tick;
            for effect in self.session.step(self.now, input) {
                assert!(!self.exited, "an effect after Exit: {effect:?}");
                inputs.extend(self.perform(effect));
            }
            if inputs.is_empty() {
                self.check_invariants(ticked);
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Dial { .. } => {
                assert!(!self.connected, "dialled while connected");
                self.connected = true;
            }
            Effect::HangUp => self.connected = false,
            Effect::Send(_) => assert!(self.connected, "sent without a connection"),
            Effect::Start(assignment) => {
                assert_eq!(self.runner, None, "two runners at once");
                assert!(self.started.insert(assignment.attempt), "started twice");
                self.runner = Some((assignment.attempt, false));
            }
            Effect::Kill { attempt, .. } => {
                assert_eq!(self.runner, Some((attempt, false)), "killed what does not run, or twice");
                self.runner = Some((attempt, true));
            }
            Effect::Refuse { attempt, .. } => {
                assert!(!self.started.contains(&attempt), "refused what was started");
                return Some(self.write(attempt));
            }
            Effect::Deliver(result) => {
                assert!(self.on_disk.contains(&result), "delivers what is not in the spool");
                assert!(self.delivering.is_empty(), "two deliveries at once");
                self.delivering.insert(result);
            }
            Effect::Forget(result) | Effect::SetAside(result) => {
                assert!(self.on_disk.remove(&result), "deletes what is not there");
            }
            Effect::Ignored { .. } => {}
            Effect::Exit(_) => self.exited = true,
        }
        None
    }

    fn write(&mut self, attempt: AttemptId) -> Input {
        *self.spooled.entry(attempt).or_default() += 1;
        self.on_disk.insert(uid(attempt.0));
        Input::Spooled(entry(attempt.0))
    }

    fn check_invariants(&self, ticked: bool) {
        let executing = self.session.executing.as_ref().map(|executing| executing.held.attempt);
        assert_eq!(executing, self.runner.map(|(attempt, _)| attempt), "the session and the world disagree");
        assert!(self.spooled.values().all(|&times| times == 1), "an attempt was spooled twice");
        let ended = self.started.iter().filter(|attempt| Some(**attempt) != executing);
        assert!(ended.clone().all(|attempt| self.spooled.contains_key(attempt)), "an ended attempt left no report");
        let known: BTreeSet<_> = self.session.spooled.keys().copied().collect();
        assert_eq!(known, self.on_disk, "the session and the disk disagree");
        let mut seen = BTreeSet::new();
        assert!(self.session.held().all(|held| seen.insert(held.attempt)), "an attempt is held twice");
        assert!(self.session.waiting.is_none() || executing.is_some(), "an attempt waits for a free device");
        if ticked && !self.exited {
            let wake = self.session.wake_at();
            assert!(wake.is_none_or(|at| at > self.now), "a tick left something due: the driver would spin");
            let waits = wake.is_some() || self.runner.is_some() || !self.delivering.is_empty();
            assert!(waits, "nothing will ever happen again");
        }
    }

    /// Something that can happen now.
    fn happening(&mut self) -> Option<Input> {
        let attempt = AttemptId(self.random.random_range(1..self.next_attempt.max(2)));
        let lease = Duration::from_secs(self.random.random_range(1..30));
        Some(match self.random.random_range(0..100_u32) {
            0..15 => {
                self.now += Duration::from_millis(self.random.random_range(0..20_000));
                Input::Tick
            }
            15..25 => {
                self.now = self.session.wake_at()?.max(self.now);
                Input::Tick
            }
            25..40 if self.connected => {
                // Now and then one that was there before.
                let fresh = self.next_attempt == 1 || self.random.random_bool(0.8);
                let number = if fresh { self.next_attempt } else { attempt.0 };
                if !fresh && self.spooled.contains_key(&attempt) {
                    return None;
                }
                self.next_attempt += i64::from(fresh);
                Input::Received(Order::Assign(assignment(number, lease)))
            }
            40..50 if self.connected => welcome(if self.random.random_bool(0.3) { &[1, 2, 3, 4, 5] } else { &[] }),
            50..58 if self.connected => {
                let fence = Fence(attempt.0);
                Input::Received(Order::Renew { attempt, fence, lease })
            }
            58..63 if self.connected => Input::Received(Order::Cancel { attempt, reason: String::new() }),
            63..66 if self.connected => {
                let reason = String::new();
                Input::Received(Order::Goodbye { reason, reconnect_after: lease, superseded: false })
            }
            66..72 if self.connected => {
                self.connected = false;
                Input::Disconnected { refused: None }
            }
            72..80 => {
                let (attempt, _) = self.runner?;
                let phases = [AttemptPhase::Loading, AttemptPhase::WarmingUp, AttemptPhase::Measuring];
                Input::Phase { attempt, phase: phases[self.random.random_range(0..3)] }
            }
            80..90 => {
                let (attempt, _) = self.runner.take()?;
                self.write(attempt)
            }
            90..99 => {
                let result = self.delivering.pop_first()?;
                match self.random.random_range(0..10) {
                    0..6 => Input::Acknowledged { result },
                    6..9 => Input::DeliveryFailed { result },
                    _ => Input::Undeliverable { result },
                }
            }
            99 if self.random.random_bool(0.02) => match self.random.random_range(0..3) {
                0 => Input::Shutdown,
                1 if self.connected => {
                    self.connected = false;
                    Input::Disconnected { refused: Some(String::new()) }
                }
                _ if self.connected => {
                    let reason = String::new();
                    Input::Received(Order::Goodbye { reason, reconnect_after: lease, superseded: true })
                }
                _ => return None,
            },
            _ => return None,
        })
    }
}

#[test]
fn the_rules_hold_on_random_walks() {
    let (mut started, mut exited) = (0, 0);
    for seed in 0..WALKS {
        println!("seed {seed}");
        let mut world = World::new(seed);
        world.input(Input::Tick);
        for _ in 0..STEPS {
            if world.exited {
                break;
            }
            if let Some(input) = world.happening() {
                world.input(input);
            }
        }
        started += world.started.len();
        exited += usize::from(world.exited);
    }
    assert!(started > 1000 && exited > 5, "the walks went somewhere: {started} started, {exited} exited");
}

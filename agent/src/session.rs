//! Decides what the agent does next: which attempt executes, what is said to the coordinator, what is delivered when.
//!
//! Pure: time, randomness and every happening come in as arguments of [`Session::step`], and what should be done goes
//! out as [`Effect`]s. Performs no I/O: see [`driver`](crate::driver) for effects. It never sees the wire's types either:
//! [`wire`](crate::wire) converts at the door.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{AttemptId, AttemptPhase, CellSpec, Failure, FailureKind, Fence, ResultUid, RunId, RunMode};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::spool::Entry;

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod walk;

/// The first wait before dialling again has at most this length; each failure doubles it.
const DIAL_FIRST: Duration = Duration::from_millis(500);
/// No wait is shorter, so that a coordinator that refuses at once is not hammered.
const DIAL_LEAST: Duration = Duration::from_millis(50);
/// With full jitter over 60 s, 10,000 agents come back at under 200 connections a second.
const DIAL_CAP: Duration = Duration::from_mins(1);
/// A coordinator on loopback serves few agents and restarts in seconds: its agents should be back as fast.
const DIAL_CAP_LOOPBACK: Duration = Duration::from_secs(5);
/// Longer than a database's crash recovery usually takes; a coordinator without its database can't welcome anybody.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(30);
/// Bounds on what a coordinator may ask for: no flood, and no lease that is never renewed.
const HEARTBEAT_LEAST: Duration = Duration::from_millis(100);
const HEARTBEAT_MOST: Duration = Duration::from_mins(5);
/// A failed delivery is tried again after up to this long, doubling with each failure.
const DELIVERY_FIRST: Duration = Duration::from_secs(1);
const DELIVERY_CAP: Duration = Duration::from_mins(1);
/// A stopping agent hands over what it has if the coordinator takes it at once; the spool keeps the rest.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Greatest size of the spool in bytes: weeks of reports of a few hundred kilobytes.
pub(crate) const SPOOL_CAP_BYTES: u64 = 1 << 30;
/// From here on no assignment is accepted: what is in the spool is never dropped to make room.
const SPOOL_STOP_BYTES: u64 = SPOOL_CAP_BYTES / 10 * 9;

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    Received(Order),
    /// The session's stream ended or never opened. `refused`: the coordinator said why it will never take this agent.
    Disconnected {
        refused: Option<String>,
    },
    Phase {
        attempt: AttemptId,
        phase: AttemptPhase,
    },
    /// The runner is dead (or never was) and the attempt's report lies in the spool.
    Spooled(Entry),
    /// The coordinator has the report, in whatever way.
    Acknowledged {
        result: ResultUid,
    },
    DeliveryFailed {
        result: ResultUid,
    },
    /// It will never be taken: unreadable here, or refused for its content there.
    Undeliverable {
        result: ResultUid,
    },
    /// The board is cool again, or has learnt when it is: the coordinator should know before the next heartbeat.
    Cooled,
    /// Time passed: see [`Session::wake_at`].
    Tick,
    /// Somebody stops the agent.
    Shutdown,
}

/// What the coordinator says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    Welcome {
        protocol: u32,
        heartbeat: Duration,
        abandon: Vec<AttemptId>,
    },
    Assign(Box<Assignment>),
    /// An assignment that this version can't read.
    Unreadable {
        attempt: AttemptId,
        fence: Fence,
        why: String,
    },
    Cancel {
        attempt: AttemptId,
        reason: String,
    },
    Renew {
        attempt: AttemptId,
        fence: Fence,
        lease: Duration,
    },
    Goodbye {
        reason: String,
        reconnect_after: Duration,
        superseded: bool,
    },
}

/// The right to execute one attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) attempt: AttemptId,
    pub(crate) run: RunId,
    pub(crate) fence: Fence,
    /// From receipt.
    pub(crate) lease: Duration,
    pub(crate) cell: CellSpec,
    pub(crate) mode: RunMode,
    pub(crate) repetition: u32,
    pub(crate) max_runtime: Duration,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Open a session and say Hello with these attempts held.
    Dial {
        held: Vec<Held>,
    },
    HangUp,
    Send(Outgoing),
    Start(Box<Assignment>),
    Kill {
        attempt: AttemptId,
        why: KillReason,
    },
    /// Write this failure of an attempt that was never started to the spool.
    Refuse {
        attempt: AttemptId,
        fence: Fence,
        failure: Failure,
    },
    Deliver(ResultUid),
    /// Delete an acknowledged report.
    Forget(ResultUid),
    /// Move a report that can't be delivered out of the way, and keep it.
    SetAside(ResultUid),
    /// Tell whoever reads the log.
    Ignored {
        attempt: AttemptId,
        why: &'static str,
    },
    /// Nothing comes after this.
    Exit(Exit),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outgoing {
    Heartbeat(Vec<Held>),
    Update(Held),
}

/// An attempt this agent holds: executing, waiting for its turn, or in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) attempt: AttemptId,
    pub(crate) fence: Fence,
    pub(crate) phase: AttemptPhase,
}

/// Why the agent ends a runner before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KillReason {
    /// A person cancelled the attempt.
    Cancelled(String),
    /// The lease is gone, and the coordinator or a new assignment wants the device.
    LeaseLost,
    /// The agent stops.
    Stopped,
}

/// Why the session is over for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exit {
    Stopped,
    /// Another agent with the same device id took over.
    Superseded(String),
    /// The coordinator does not take this agent.
    Refused(String),
    Protocol(u32),
}

#[derive(Debug)]
pub(crate) struct Session {
    random: ChaCha8Rng,
    dial_cap: Duration,
    link: Link,
    /// Failed dials since the last Welcome.
    dials_failed: u32,
    executing: Option<Executing>,
    /// Starts as soon as the runner before it is dead.
    waiting: Option<Waiting>,
    spooled: BTreeMap<ResultUid, Spooled>,
    delivering: Option<ResultUid>,
    stopping: Option<Stopping>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down {
        dial_at: Duration,
    },
    /// Dialled, Hello sent.
    Greeting {
        until: Duration,
    },
    Up {
        heartbeat: Duration,
        next: Duration,
    },
    /// Never dialled again.
    Closed,
}

#[derive(Debug)]
struct Executing {
    held: Held,
    lease_until: Duration,
    dying: bool,
}

#[derive(Debug)]
struct Waiting {
    assignment: Box<Assignment>,
    lease_until: Duration,
}

#[derive(Debug)]
struct Spooled {
    entry: Entry,
    failures: u32,
    deliver_at: Duration,
}

#[derive(Debug)]
struct Stopping {
    exit: Exit,
    until: Duration,
    said: bool,
}

impl Session {
    /// A session that has not dialled yet. `spool`: what an earlier life of this agent left behind.
    pub(crate) fn new(random: ChaCha8Rng, loopback: bool, spool: Vec<Entry>, now: Duration) -> Self {
        let spooled =
            spool.into_iter().map(|entry| (entry.result_uid, Spooled { entry, failures: 0, deliver_at: now }));
        Self {
            random,
            dial_cap: if loopback { DIAL_CAP_LOOPBACK } else { DIAL_CAP },
            link: Link::Down { dial_at: now },
            dials_failed: 0,
            executing: None,
            waiting: None,
            spooled: spooled.collect(),
            delivering: None,
            stopping: None,
        }
    }

    /// Takes note of `input` at the monotonic time `now` and says what to do, in order.
    pub(crate) fn step(&mut self, now: Duration, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Received(order) => self.receive(now, order, &mut effects),
            Input::Disconnected { refused: Some(why) } => {
                self.link = Link::Closed;
                self.stop(now, Exit::Refused(why), &mut effects);
            }
            Input::Disconnected { refused: None } => self.lose_link(now),
            Input::Phase { attempt, phase } => self.advance(attempt, phase, &mut effects),
            Input::Spooled(entry) => self.spool(now, entry, &mut effects),
            Input::Acknowledged { result } => {
                self.end_delivery(result);
                if self.spooled.remove(&result).is_some() {
                    effects.push(Effect::Forget(result));
                }
            }
            Input::DeliveryFailed { result } => self.put_off(now, result),
            Input::Undeliverable { result } => {
                self.end_delivery(result);
                if self.spooled.remove(&result).is_some() {
                    effects.push(Effect::SetAside(result));
                }
            }
            Input::Cooled if matches!(self.link, Link::Up { .. }) => {
                effects.push(Effect::Send(Outgoing::Heartbeat(self.held().collect())));
            }
            Input::Cooled | Input::Tick => {}
            Input::Shutdown => self.stop(now, Exit::Stopped, &mut effects),
        }
        // Level-triggered: whatever came in, everything that is due now is done now.
        self.keep_link(now, &mut effects);
        self.deliver_next(now, &mut effects);
        self.exit_when_done(now, &mut effects);
        effects
    }

    /// When [`Input::Tick`] is wanted next, unless something else happens before. `None`: never.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        let link = match self.link {
            Link::Down { dial_at } => Some(dial_at),
            Link::Greeting { until } => Some(until),
            Link::Up { next, .. } => Some(next),
            Link::Closed => None,
        };
        let next = || self.spooled.values().map(|spooled| spooled.deliver_at).min();
        let delivery = if self.may_deliver() { next() } else { None };
        let stop = self.stopping.as_ref().filter(|stopping| !stopping.said).map(|stopping| stopping.until);
        [link, delivery, stop].into_iter().flatten().min()
    }

    fn receive(&mut self, now: Duration, order: Order, effects: &mut Vec<Effect>) {
        match order {
            Order::Welcome { protocol, heartbeat, abandon } => {
                self.welcome(now, protocol, heartbeat, &abandon, effects);
            }
            Order::Assign(assignment) => self.assign(now, assignment, effects),
            Order::Unreadable { attempt, fence, why } => {
                let message =
                    format!("this agent (version {}) can't read the assignment: {why}", env!("CARGO_PKG_VERSION"));
                effects.push(refuse(attempt, fence, FailureKind::Infra, message));
            }
            Order::Cancel { attempt, reason } => {
                if let Some(waiting) = self.waiting.take_if(|waiting| waiting.assignment.attempt == attempt) {
                    effects.push(refuse(attempt, waiting.assignment.fence, FailureKind::Cancelled, reason));
                } else if self.executing.as_ref().is_some_and(|executing| executing.held.attempt == attempt) {
                    self.kill(KillReason::Cancelled(reason), effects);
                }
            }
            Order::Renew { attempt, fence, lease } => self.renew(attempt, fence, now + lease),
            Order::Goodbye { reason, superseded: true, .. } => {
                self.link = Link::Closed;
                effects.push(Effect::HangUp);
                self.stop(now, Exit::Superseded(reason), effects);
            }
            Order::Goodbye { reconnect_after, superseded: false, .. } => {
                effects.push(Effect::HangUp);
                // Up to a fifth later than asked, so that a fleet does not come back at one instant.
                let after = reconnect_after.mul_f64(self.random.random_range(1.0..1.2)).max(DIAL_LEAST);
                self.link = Link::Down { dial_at: now + after };
            }
        }
    }

    fn welcome(
        &mut self,
        now: Duration,
        protocol: u32,
        heartbeat: Duration,
        abandon: &[AttemptId],
        effects: &mut Vec<Effect>,
    ) {
        if !(proto::PROTOCOL_MIN..=proto::PROTOCOL_MAX).contains(&protocol) {
            self.link = Link::Closed;
            effects.push(Effect::HangUp);
            self.stop(now, Exit::Protocol(protocol), effects);
            return;
        }
        if !matches!(self.link, Link::Greeting { .. }) {
            return;
        }
        let heartbeat = heartbeat.clamp(HEARTBEAT_LEAST, HEARTBEAT_MOST);
        self.link = Link::Up { heartbeat, next: now + heartbeat };
        self.dials_failed = 0;
        for spooled in self.spooled.values_mut() {
            *spooled = Spooled { entry: spooled.entry, failures: 0, deliver_at: now };
        }
        // Never started, and its lease is gone: nobody waits for a word about it.
        self.waiting.take_if(|waiting| abandon.contains(&waiting.assignment.attempt));
        if self.executing.as_ref().is_some_and(|executing| abandon.contains(&executing.held.attempt)) {
            self.kill(KillReason::LeaseLost, effects);
        }
    }

    /// At most one attempt executes. A second assignment is accepted only if the first has no claim to the device any
    /// more (its lease is over, or it is being killed); it then waits until that runner is dead. While the first holds its
    /// lease, the second is ignored and its own lease expires: a coordinator that lost count must not cost a measurement.
    fn assign(&mut self, now: Duration, assignment: Box<Assignment>, effects: &mut Vec<Effect>) {
        let attempt = assignment.attempt;
        let mut ignore = |why| effects.push(Effect::Ignored { attempt, why });
        if !matches!(self.link, Link::Up { .. }) {
            return ignore("it came outside a session");
        }
        if self.stopping.is_some() {
            return ignore("the agent is stopping");
        }
        if self.held().any(|held| held.attempt == attempt) {
            return ignore("it is held already");
        }
        if self.spool_bytes() >= SPOOL_STOP_BYTES {
            return ignore("the spool of undelivered reports is nine tenths full");
        }
        let lease_until = now + assignment.lease;
        match &self.executing {
            None => self.start(assignment, lease_until, effects),
            Some(executing) if !executing.dying && now < executing.lease_until => {
                ignore("another attempt executes under its lease");
            }
            Some(_) if self.waiting.as_ref().is_some_and(|waiting| now < waiting.lease_until) => {
                ignore("another attempt waits for the device under its lease");
            }
            Some(_) => {
                self.waiting = Some(Waiting { assignment, lease_until });
                self.kill(KillReason::LeaseLost, effects);
            }
        }
    }

    fn start(&mut self, assignment: Box<Assignment>, lease_until: Duration, effects: &mut Vec<Effect>) {
        let held = Held { attempt: assignment.attempt, fence: assignment.fence, phase: AttemptPhase::Preparing };
        self.executing = Some(Executing { held, lease_until, dying: false });
        effects.push(Effect::Start(assignment));
        self.tell(held, effects);
    }

    fn renew(&mut self, attempt: AttemptId, fence: Fence, until: Duration) {
        if let Some(executing) = &mut self.executing
            && (executing.held.attempt, executing.held.fence) == (attempt, fence)
        {
            executing.lease_until = executing.lease_until.max(until);
        }
        if let Some(Waiting { assignment, lease_until }) = &mut self.waiting
            && (assignment.attempt, assignment.fence) == (attempt, fence)
        {
            *lease_until = until.max(*lease_until);
        }
    }

    fn kill(&mut self, why: KillReason, effects: &mut Vec<Effect>) {
        if let Some(executing) = &mut self.executing
            && !executing.dying
        {
            executing.dying = true;
            effects.push(Effect::Kill { attempt: executing.held.attempt, why });
        }
    }

    fn advance(&mut self, attempt: AttemptId, phase: AttemptPhase, effects: &mut Vec<Effect>) {
        if let Some(executing) = &mut self.executing
            && executing.held.attempt == attempt
        {
            executing.held.phase = phase;
            let held = executing.held;
            self.tell(held, effects);
        }
    }

    fn spool(&mut self, now: Duration, entry: Entry, effects: &mut Vec<Effect>) {
        self.spooled.insert(entry.result_uid, Spooled { entry, failures: 0, deliver_at: now });
        if self.executing.take_if(|executing| executing.held.attempt == entry.attempt).is_none() {
            return;
        }
        if let Some(Waiting { assignment, lease_until }) = self.waiting.take() {
            if now < lease_until {
                self.start(assignment, lease_until, effects);
            } else {
                effects.push(Effect::Ignored {
                    attempt: assignment.attempt,
                    why: "its lease ended before the device was free",
                });
            }
        }
    }

    /// Not while something is being measured: sending a backlog would disturb it, and heartbeats keep the leases.
    fn may_deliver(&self) -> bool {
        let measuring = self
            .executing
            .as_ref()
            .is_some_and(|executing| matches!(executing.held.phase, AttemptPhase::WarmingUp | AttemptPhase::Measuring));
        self.delivering.is_none() && !measuring && matches!(self.link, Link::Up { .. })
    }

    fn end_delivery(&mut self, result: ResultUid) {
        self.delivering.take_if(|delivering| *delivering == result);
    }

    fn put_off(&mut self, now: Duration, result: ResultUid) {
        self.end_delivery(result);
        if let Some(spooled) = self.spooled.get_mut(&result) {
            spooled.deliver_at = now + backoff(&mut self.random, DELIVERY_FIRST, DELIVERY_CAP, spooled.failures);
            spooled.failures = spooled.failures.saturating_add(1);
        }
    }

    fn lose_link(&mut self, now: Duration) {
        if matches!(self.link, Link::Greeting { .. } | Link::Up { .. }) {
            let after = backoff(&mut self.random, DIAL_FIRST, self.dial_cap, self.dials_failed);
            self.dials_failed = self.dials_failed.saturating_add(1);
            self.link = Link::Down { dial_at: now + after };
        }
    }

    /// Dials, gives up on a silent coordinator, sends the heartbeat: whatever is due.
    fn keep_link(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Link::Greeting { until } = self.link
            && until <= now
        {
            effects.push(Effect::HangUp);
            self.lose_link(now);
        }
        match self.link {
            Link::Down { dial_at } if dial_at <= now && self.stopping.is_none() => {
                self.link = Link::Greeting { until: now + WELCOME_TIMEOUT };
                effects.push(Effect::Dial { held: self.held().collect() });
            }
            // A stopping agent does not dial again; the spool keeps what it has.
            Link::Down { .. } if self.stopping.is_some() => self.link = Link::Closed,
            Link::Up { heartbeat, next } if next <= now => {
                // Up to a tenth early, so that a fleet's heartbeats spread out and none is ever late.
                let after = heartbeat.mul_f64(self.random.random_range(0.9..1.0));
                self.link = Link::Up { heartbeat, next: now + after };
                effects.push(Effect::Send(Outgoing::Heartbeat(self.held().collect())));
            }
            Link::Down { .. } | Link::Greeting { .. } | Link::Up { .. } | Link::Closed => {}
        }
    }

    /// One delivery at a time; the one that is due longest goes first, so that none starves behind one that fails.
    fn deliver_next(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if !self.may_deliver() {
            return;
        }
        let due = self.spooled.iter().filter(|(_, spooled)| spooled.deliver_at <= now);
        if let Some((&result, _)) = due.min_by_key(|(_, spooled)| spooled.deliver_at) {
            self.delivering = Some(result);
            effects.push(Effect::Deliver(result));
        }
    }

    fn stop(&mut self, now: Duration, exit: Exit, effects: &mut Vec<Effect>) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(Stopping { exit, until: now + STOP_TIMEOUT, said: false });
        if let Some(Waiting { assignment, .. }) = self.waiting.take() {
            let message = "the agent was stopped before the attempt began";
            effects.push(refuse(assignment.attempt, assignment.fence, FailureKind::Infra, message));
        }
        self.kill(KillReason::Stopped, effects);
    }

    fn exit_when_done(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        // A refusal that is among these effects is not in the spool yet.
        let writing = effects.iter().any(|effect| matches!(effect, Effect::Refuse { .. }));
        let delivered = self.spooled.is_empty() || !matches!(self.link, Link::Up { .. });
        let done = self.executing.is_none() && delivered && !writing;
        if let Some(stopping) = &mut self.stopping
            && !stopping.said
            && (done || stopping.until <= now)
        {
            stopping.said = true;
            effects.push(Effect::Exit(stopping.exit.clone()));
        }
    }

    fn tell(&self, held: Held, effects: &mut Vec<Effect>) {
        if matches!(self.link, Link::Up { .. }) {
            effects.push(Effect::Send(Outgoing::Update(held)));
        }
    }

    fn held(&self) -> impl Iterator<Item = Held> {
        let waiting = self.waiting.iter().map(|waiting| Held {
            attempt: waiting.assignment.attempt,
            fence: waiting.assignment.fence,
            phase: AttemptPhase::Preparing,
        });
        let spooled = self.spooled.values().map(|spooled| Held {
            attempt: spooled.entry.attempt,
            fence: spooled.entry.fence,
            phase: AttemptPhase::Reporting,
        });
        self.executing.iter().map(|executing| executing.held).chain(waiting).chain(spooled)
    }

    fn spool_bytes(&self) -> u64 {
        self.spooled.values().map(|spooled| spooled.entry.size_bytes).sum()
    }
}

fn refuse(attempt: AttemptId, fence: Fence, kind: FailureKind, message: impl Into<String>) -> Effect {
    Effect::Refuse { attempt, fence, failure: Failure::without_runner(kind, AttemptPhase::Preparing, message) }
}

/// Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
fn backoff(random: &mut ChaCha8Rng, first: Duration, cap: Duration, failures: u32) -> Duration {
    let ceiling = first.saturating_mul(1 << failures.min(16)).min(cap);
    ceiling.mul_f64(random.random_range(0.0..1.0)).max(DIAL_LEAST)
}

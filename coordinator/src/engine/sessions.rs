//! The registry of connected agents: the one thing that PostgreSQL does not know.
//!
//! A session is named by device and epoch everywhere, so that nothing meant for an older one reaches a newer one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{AttemptId, DeviceId, Heat, Labels, Timestamp};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    scheduler::IdleDevice,
    store::{Granted, Renewed, Seen},
};

/// Messages an agent may be behind: an assignment, and renewals of a few heartbeats. One that reads no more than this
/// is not working.
const OUTBOX: usize = 64;
/// Longest rest of a device after failures in a row: it then costs the queue two runs a minute.
const REST_DOUBLINGS: u32 = 5;
/// How long a hot device is left alone that can't tell when it will be cool: it tells again with the next heartbeat.
const COOLING_UNKNOWN: Duration = Duration::from_mins(1);
/// Longest time in which an idle device is left alone because it is hot, whatever it foretells. Then its agent waits as long
/// once more, runs, says so, and learns anew at which temperature the device rests.
const COOLING_LIMIT: Duration = Duration::from_mins(10);

/// What the coordinator says to an agent.
#[derive(Debug, Clone)]
pub(crate) enum ToAgent {
    Assign { granted: Box<Granted>, lease: Duration },
    Cancel { attempt: AttemptId, reason: String },
    Renew { renewed: Renewed, lease: Duration },
    Goodbye { reason: &'static str, reconnect_after: Duration, superseded: bool },
}

/// Names a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionRef {
    pub(crate) device: DeviceId,
    pub(crate) epoch: i64,
}

#[derive(Debug)]
struct Session {
    epoch: i64,
    name: String,
    /// Effective.
    labels: Labels,
    outbox: mpsc::Sender<ToAgent>,
    ended: CancellationToken,
    heard: Timestamp,
    /// `heard` is newer than what PostgreSQL knows.
    unsaved: bool,
    /// As it told last, and when.
    heat: Option<(Heat, Timestamp)>,
    cooling: Option<Cooling>,
}

/// A device that is too hot, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
struct Cooling {
    /// When it became idle, or hot.
    since: Duration,
    until: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    failures_in_a_row: u32,
    until: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<DeviceId, Session>,
    rests: HashMap<DeviceId, Rest>,
}

impl Sessions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a session in place of any older one, which is told goodbye. `None` if a newer one is registered.
    pub(super) fn open(
        &self,
        session: SessionRef,
        name: String,
        labels: Labels,
        now: Timestamp,
    ) -> Option<(mpsc::Receiver<ToAgent>, CancellationToken)> {
        let mut state = self.state();
        if state.sessions.get(&session.device).is_some_and(|held| held.epoch > session.epoch) {
            return None;
        }
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        let ended = CancellationToken::new();
        let fresh = Session {
            epoch: session.epoch,
            name,
            labels,
            outbox,
            ended: ended.clone(),
            heard: now,
            unsaved: false,
            heat: None,
            cooling: None,
        };
        if let Some(old) = state.sessions.insert(session.device, fresh) {
            old.close("another session of this device took over", Duration::ZERO, true);
        }
        Some((inbox, ended))
    }

    /// Removes the session, unless a newer one took its place.
    pub(super) fn close(&self, session: SessionRef) -> bool {
        let mut state = self.state();
        let held = state.sessions.get(&session.device).is_some_and(|held| held.epoch == session.epoch);
        if held {
            state.sessions.remove(&session.device);
        }
        held
    }

    /// Says goodbye to all. Agents come back spread over a few seconds.
    pub(super) fn close_all(&self, reason: &'static str) {
        for (device, session) in self.state().sessions.drain() {
            let spread = u64::from(device.0.as_bytes()[15]) * 8;
            session.close(reason, Duration::from_millis(500 + spread), false);
        }
    }

    /// Hands a message to the session's stream. False if the session is gone or reads no more.
    pub(super) fn send(&self, session: SessionRef, message: ToAgent) -> bool {
        let state = self.state();
        let held = state.sessions.get(&session.device).filter(|held| held.epoch == session.epoch);
        held.is_some_and(|held| held.outbox.try_send(message).is_ok())
    }

    /// To whatever session the device has now.
    pub(super) fn send_to_device(&self, device: DeviceId, message: ToAgent) -> bool {
        self.state().sessions.get(&device).is_some_and(|held| held.outbox.try_send(message).is_ok())
    }

    pub(super) fn heard(&self, session: SessionRef, now: Timestamp) {
        if let Some(held) = self.state().sessions.get_mut(&session.device)
            && held.epoch == session.epoch
        {
            held.heard = now;
            held.unsaved = true;
        }
    }

    /// Notes how hot the device is, `busy` with a run or not; `now` is the monotonic clock. True if it has become cool.
    pub(super) fn told_heat(&self, session: SessionRef, heat: Heat, busy: bool, now: Duration) -> bool {
        let mut state = self.state();
        let Some(held) = state.sessions.get_mut(&session.device).filter(|held| held.epoch == session.epoch) else {
            return false;
        };
        let before = held.cooling;
        held.heat = Some((heat, held.heard));
        held.cooling = (!heat.cool).then(|| {
            let since = before.filter(|_| !busy).map_or(now, |cooling| cooling.since);
            let until = now + heat.wait.unwrap_or(COOLING_UNKNOWN).min(COOLING_LIMIT);
            Cooling { since, until: until.min(since + COOLING_LIMIT) }
        });
        before.is_some() && heat.cool
    }

    /// How hot the device is, as its session told last, and when; `None` if it did not.
    pub(super) fn heat(&self, device: DeviceId) -> Option<(Heat, Timestamp)> {
        self.state().sessions.get(&device).and_then(|session| session.heat)
    }

    /// When the device's session was last heard; `None` if it has none.
    pub(super) fn last_heard(&self, device: DeviceId) -> Option<Timestamp> {
        self.state().sessions.get(&device).map(|session| session.heard)
    }

    /// What to save of when devices were heard, and of their heat.
    pub(super) fn take_unsaved(&self) -> Vec<Seen> {
        let mut state = self.state();
        let unsaved = state.sessions.iter_mut().filter(|(_, session)| session.unsaved);
        unsaved
            .map(|(device, session)| {
                session.unsaved = false;
                Seen { device: *device, at: session.heard, heat: session.heat }
            })
            .collect()
    }

    /// Every connected device as a candidate, in order of id.
    pub(super) fn candidates(&self) -> Vec<IdleDevice> {
        let state = self.state();
        let mut devices: Vec<_> = state
            .sessions
            .iter()
            .map(|(id, session)| IdleDevice {
                id: *id,
                epoch: session.epoch,
                labels: session.labels.clone(),
                rests_until: state.rests.get(id).map_or(Duration::ZERO, |rest| rest.until),
                cools_until: session.cooling.map_or(Duration::ZERO, |cooling| cooling.until),
                rest_unknown: session.heat.is_some_and(|(heat, _)| heat.reference_c.is_none()),
            })
            .collect();
        devices.sort_by_key(|device| device.id);
        devices
    }

    /// Name and effective labels of every connected device, by name.
    pub(super) fn connected(&self) -> Vec<(String, Labels)> {
        let state = self.state();
        let mut connected: Vec<_> =
            state.sessions.values().map(|session| (session.name.clone(), session.labels.clone())).collect();
        connected.sort();
        connected
    }

    /// The device failed, by its own fault as far as one can tell: it rests for 1 s, 2 s, 4 s, .. up to 32 s, so that a
    /// sick device can't eat the queue.
    pub(super) fn note_device_failure(&self, device: DeviceId, now: Duration) {
        let mut state = self.state();
        let rest = state.rests.entry(device).or_default();
        rest.until = now + Duration::from_secs(1 << rest.failures_in_a_row.min(REST_DOUBLINGS));
        rest.failures_in_a_row = rest.failures_in_a_row.saturating_add(1);
    }

    pub(super) fn note_device_success(&self, device: DeviceId) {
        self.state().rests.remove(&device);
    }
}

impl Session {
    fn close(self, reason: &'static str, reconnect_after: Duration, superseded: bool) {
        // A full outbox means that nobody reads: then the end of the stream has to do.
        let _unread = self.outbox.try_send(ToAgent::Goodbye { reason, reconnect_after, superseded });
        self.ended.cancel();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const DEVICE: DeviceId = DeviceId(Uuid::from_u128(7));

    fn session(epoch: i64) -> SessionRef {
        SessionRef { device: DEVICE, epoch }
    }

    fn open(sessions: &Sessions, epoch: i64) -> Option<(mpsc::Receiver<ToAgent>, CancellationToken)> {
        sessions.open(session(epoch), "desk".to_owned(), Labels::new(), Timestamp(0))
    }

    #[test]
    fn a_newer_session_supersedes_and_an_older_one_is_refused() {
        let sessions = Sessions::default();
        let (mut old, ended) = open(&sessions, 1).expect("first");
        let _new = open(&sessions, 2).expect("newer");
        assert!(matches!(old.try_recv(), Ok(ToAgent::Goodbye { superseded: true, .. })));
        assert!(ended.is_cancelled());
        assert!(open(&sessions, 1).is_none(), "a straggler can't take over");
        assert!(!sessions.close(session(1)), "the end of the old stream leaves the new session alone");
        assert!(sessions.last_heard(DEVICE).is_some());
    }

    #[test]
    fn nothing_for_an_older_session_reaches_a_newer_one() {
        let sessions = Sessions::default();
        let _old = open(&sessions, 1);
        let _new = open(&sessions, 2).expect("newer");
        let message = ToAgent::Cancel { attempt: AttemptId(1), reason: String::new() };
        assert!(!sessions.send(session(1), message.clone()));
        assert!(sessions.send(session(2), message));
    }

    #[test]
    fn a_failing_device_rests_ever_longer_until_it_succeeds() {
        let sessions = Sessions::default();
        let _inbox = open(&sessions, 1).expect("opens");
        let rest = || sessions.candidates()[0].rests_until.as_secs();
        let rests: Vec<_> = (0..8)
            .map(|_| {
                sessions.note_device_failure(DEVICE, Duration::ZERO);
                rest()
            })
            .collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 32, 32]);
        sessions.note_device_success(DEVICE);
        assert_eq!(rest(), 0);
    }

    /// Tells of heat at a time in seconds, and answers when the device is cool.
    fn told(sessions: &Sessions, at: u64, wait: Option<u64>, busy: bool) -> u64 {
        let heat =
            Heat { temperature_c: 60.0, reference_c: Some(40.0), cool: false, wait: wait.map(Duration::from_secs) };
        assert!(!sessions.told_heat(session(1), heat, busy, Duration::from_secs(at)));
        sessions.candidates()[0].cools_until.as_secs()
    }

    #[test]
    fn a_hot_device_is_left_alone_as_long_as_it_foretells_but_not_for_ever() {
        let sessions = Sessions::default();
        let _inbox = open(&sessions, 1).expect("opens");
        assert_eq!(told(&sessions, 100, Some(20), false), 120);
        assert_eq!(told(&sessions, 110, None, false), 170, "a minute if it can't tell");
        assert_eq!(told(&sessions, 650, Some(9_999), false), 700, "ten minutes from when it became hot");
        assert_eq!(told(&sessions, 660, Some(20), true), 680, "a run makes it hot anew");
        assert_eq!(told(&sessions, 1_250, Some(20), false), 1_260);
        let cool = Heat { temperature_c: 41.0, reference_c: None, cool: true, wait: None };
        assert!(sessions.told_heat(session(1), cool, false, Duration::from_secs(1_255)), "it has become cool");
        let device = &sessions.candidates()[0];
        assert_eq!((device.cools_until, device.rest_unknown), (Duration::ZERO, true));
        assert!(!sessions.told_heat(session(1), cool, false, Duration::from_secs(1_256)), "it was cool before");
    }

    #[test]
    fn heat_of_an_older_session_is_not_that_of_a_newer_one() {
        let sessions = Sessions::default();
        let _old = open(&sessions, 1);
        let _new = open(&sessions, 2).expect("newer");
        let hot = Heat { temperature_c: 60.0, reference_c: None, cool: false, wait: None };
        sessions.told_heat(session(1), hot, false, Duration::ZERO);
        assert_eq!((sessions.heat(DEVICE), sessions.candidates()[0].cools_until), (None, Duration::ZERO));
    }
}

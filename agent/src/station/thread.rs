//! The one thread that touches the sensors. Between runs it looks at the board's heat once a second; while a run is recorded
//! it polls power at the source's rate and the state twice a second, and tells nobody anything, so that nobody wakes.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use domain::Heat;
use tokio::sync::{oneshot, watch};
use tracing::{info, warn};

use super::keeper::{Keeper, Pace};
use super::recording::{Recording, hottest};
use crate::power::{PowerSource, ReadError, Reading};
use crate::stopwatch;
use crate::thermal::StateProbe;

/// Between two looks at temperatures, clocks and throttling.
const LOOK_RECORDING: Duration = Duration::from_millis(500);
const LOOK_IDLE: Duration = Duration::from_secs(1);
/// No source is polled more often: a reading costs some 100 us.
const POLL_LEAST: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) enum Command {
    /// A run begins (true) or has ended.
    Attend(bool),
    /// A wait for a cool board is over.
    Waited { in_vain: bool },
    /// Begin to record, with the source of this position.
    Record { source: Option<usize>, poll: Option<Duration> },
    /// End it and hand it over. The board's heat is told anew before.
    Finish(oneshot::Sender<Recording>),
}

pub(super) struct Sensors {
    pub(super) sources: Vec<Box<dyn PowerSource>>,
    pub(super) probe: Box<dyn StateProbe>,
    pub(super) keeper: Keeper,
    /// Where what was learnt is kept; `None` = nowhere.
    pub(super) memory: Option<PathBuf>,
    pub(super) heat: watch::Sender<Option<Heat>>,
    pub(super) commands: Receiver<Command>,
}

/// What is recorded now.
struct Active {
    recording: Recording,
    source: Option<usize>,
    poll: Duration,
    next_ns: i64,
    began_cpu_ns: i64,
    complained: bool,
}

impl Sensors {
    /// Until the last holder of the other end is gone.
    pub(super) fn run(mut self) {
        come_first();
        let mut jitter = Jitter(1);
        let mut active: Option<Active> = None;
        let mut next_look_ns = stopwatch::monotonic_ns();
        let mut readings = Vec::new();
        loop {
            let now_ns = stopwatch::monotonic_ns();
            let next_poll_ns = active.as_ref().filter(|active| active.source.is_some()).map(|active| active.next_ns);
            let due_ns = next_poll_ns.map_or(next_look_ns, |poll| poll.min(next_look_ns));
            let wait = Duration::from_nanos(u64::try_from(due_ns - now_ns).unwrap_or(0));
            match self.commands.recv_timeout(wait) {
                Ok(Command::Finish(receiver)) => {
                    if let Some(ended) = active.take() {
                        self.finish(ended, receiver);
                    }
                    next_look_ns = stopwatch::monotonic_ns() + nanoseconds(LOOK_IDLE);
                    continue;
                }
                Ok(Command::Record { source, poll }) => {
                    active = Some(self.begin(source, poll));
                    next_look_ns = stopwatch::monotonic_ns();
                    continue;
                }
                Ok(Command::Attend(busy)) => {
                    self.keeper.attend(busy, now());
                    self.save();
                    continue;
                }
                Ok(Command::Waited { in_vain }) => {
                    self.keeper.waited(in_vain);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(active) = &mut active
                && let Some(source) = active.source
                && active.next_ns <= stopwatch::monotonic_ns()
            {
                active.poll(self.sources[source].as_mut(), &mut readings, &mut jitter);
            }
            if next_look_ns <= stopwatch::monotonic_ns() {
                let pause = if active.is_some() { LOOK_RECORDING } else { LOOK_IDLE };
                next_look_ns = stopwatch::monotonic_ns() + nanoseconds(pause);
                self.look(active.as_mut());
            }
        }
    }

    fn begin(&self, source: Option<usize>, poll: Option<Duration>) -> Active {
        let source = source.filter(|&index| index < self.sources.len());
        let described = source.map(|index| {
            let source = &self.sources[index];
            let poll = poll.unwrap_or(source.info().poll).max(POLL_LEAST);
            let total = source.total().map(<[usize]>::to_vec).unwrap_or_default();
            (source.info().clone(), source.rails().to_vec(), total, poll)
        });
        let poll = described.as_ref().map_or(LOOK_RECORDING, |(_, _, _, poll)| *poll);
        Active {
            recording: Recording::new(described, self.probe.series().to_vec()),
            source,
            poll,
            next_ns: stopwatch::monotonic_ns(),
            began_cpu_ns: stopwatch::thread_cpu_ns(),
            complained: false,
        }
    }

    fn finish(&mut self, mut ended: Active, receiver: oneshot::Sender<Recording>) {
        self.look(Some(&mut ended));
        let cost_ns = stopwatch::thread_cpu_ns() - ended.began_cpu_ns;
        let offset_ns = ended.source.and_then(|source| self.sources[source].clock_offset_ns());
        ended.recording.spent(Duration::from_nanos(u64::try_from(cost_ns).unwrap_or(0)), offset_ns);
        self.publish();
        // Whoever asked may be gone: then nobody wants it.
        receiver.send(ended.recording).unwrap_or_default();
    }

    fn look(&mut self, active: Option<&mut Active>) {
        let mut values = Vec::with_capacity(self.probe.series().len());
        let begin_ns = stopwatch::monotonic_ns();
        self.probe.poll(&mut values);
        let middle_ns = begin_ns + (stopwatch::monotonic_ns() - begin_ns) / 2;
        let temperature = hottest(self.probe.series(), &values);
        let learnt = self.keeper.look(now(), temperature);
        if learnt {
            info!(reference_c = self.keeper.memory().reference_c, "the board's temperature of rest is learnt");
            self.save();
        }
        match active {
            Some(active) => active.recording.look(middle_ns, values),
            None => self.publish(),
        }
    }

    fn publish(&self) {
        self.heat.send_replace(self.keeper.heat());
    }

    /// Best effort: what is lost is learnt again.
    fn save(&self) {
        let Some(path) = &self.memory else { return };
        let saved = serde_json::to_vec(&self.keeper.memory()).map_err(std::io::Error::other).and_then(|text| {
            let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
            file.write_all(&text)?;
            file.persist(path).map_err(|error| error.error)
        });
        if let Err(error) = saved {
            warn!(path = %path.display(), %error, "what was learnt of the board's heat can't be kept");
        }
    }
}

impl Active {
    fn poll(&mut self, source: &mut dyn PowerSource, readings: &mut Vec<Reading>, jitter: &mut Jitter) {
        readings.clear();
        let begin_ns = stopwatch::monotonic_ns();
        let outcome = source.read(readings);
        let took = Duration::from_nanos(u64::try_from(stopwatch::monotonic_ns() - begin_ns).unwrap_or(0));
        // A period that is no divisor of the inference's sees every part of it in turn.
        let period_ns = nanoseconds(self.poll.mul_f64(1.0 + jitter.tenth()));
        self.next_ns += period_ns;
        let late_ns = stopwatch::monotonic_ns() - self.next_ns;
        let skipped = if late_ns > period_ns { u64::try_from(late_ns / period_ns).unwrap_or(0) } else { 0 };
        if skipped > 0 {
            self.next_ns = stopwatch::monotonic_ns();
        }
        match outcome {
            Ok(()) => self.recording.take(readings, took, skipped),
            Err(error) => {
                self.recording.miss();
                if !self.complained {
                    warn!(
                        source = source.info().name,
                        error = &error as &dyn std::error::Error,
                        "a power source can't be read"
                    );
                    self.complained = true;
                }
                if matches!(error, ReadError::Gone(_)) && source.recheck().is_ok() {
                    info!(source = source.info().name, "the power source was found again");
                    self.complained = false;
                }
            }
        }
    }
}

/// What was learnt before; nothing if that can't be read.
pub(super) fn keeper(pace: Pace, memory: Option<&std::path::Path>) -> Keeper {
    let known = memory.and_then(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok());
    Keeper::new(pace, known.unwrap_or_default(), now())
}

/// A reading takes a fraction of a millisecond and must not wait: the runner raises its own group above all others, and a
/// thread of the usual kind would come late by as much as it leaves over. What this thread starts is of the usual kind again.
/// Needs `CAP_SYS_NICE`, as raising the runner does; without it both are as everybody.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call without a safe wrapper")]
fn come_first() {
    // SAFETY: the structure is plain, fully made, and read during the call only; 0 names the calling thread.
    let _refused = unsafe {
        let lowest = nix::libc::sched_param { sched_priority: 1 };
        nix::libc::sched_setscheduler(0, nix::libc::SCHED_RR | nix::libc::SCHED_RESET_ON_FORK, &raw const lowest)
    };
}

#[cfg(not(target_os = "linux"))]
fn come_first() {}

fn now() -> Duration {
    Duration::from_nanos(u64::try_from(stopwatch::monotonic_ns()).unwrap_or(0))
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// splitmix64 (Steele, Lea, Flood 2014): jitter needs no better randomness.
struct Jitter(u64);

impl Jitter {
    /// Uniform in -0.1..0.1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn tenth(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let unit = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        (unit - 0.5) * 0.2
    }
}

//! The circumstances of a measurement: what the machine is, and what else happened on it meanwhile.

use std::fs;
use std::path::Path;
use std::time::Duration;

use domain::Environment;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::probe;

/// `USER_HZ`, the unit of `/proc/stat`: 100 on every architecture Linux still runs inference on.
const TICKS_PER_S: f64 = 100.0;

/// Counters as they stood when measuring began.
#[derive(Debug)]
pub(super) struct Watch {
    busy: Option<Busy>,
    own_cpu: Option<Duration>,
    involuntary_switches: Option<u64>,
    load_average: Option<f64>,
}

impl Watch {
    pub(super) fn start() -> Self {
        Self {
            busy: busy(),
            own_cpu: own_cpu(),
            involuntary_switches: involuntary_switches(),
            load_average: load_average(),
        }
    }

    /// Completes `environment` with what happened since, over `elapsed` time.
    pub(super) fn finish(self, elapsed: Duration, environment: Environment) -> Environment {
        Environment {
            foreign_cpu_share: self.foreign_cpu_share(elapsed),
            involuntary_switches: self
                .involuntary_switches
                .zip(involuntary_switches())
                .map(|(before, after)| after.saturating_sub(before)),
            load_average: self.load_average,
            ..environment
        }
    }

    fn foreign_cpu_share(&self, elapsed: Duration) -> Option<f64> {
        let (before, after) = (self.busy?, busy()?);
        let own = own_cpu()?.checked_sub(self.own_cpu?)?;
        foreign_share(before, after, own, elapsed)
    }
}

/// What is known before measuring: machine, runtime and provider.
pub(super) fn describe(
    runtime_version: &str,
    runtime_build: &str,
    provider: &str,
    autogroup_raised: bool,
) -> Environment {
    let root = Path::new("/");
    Environment {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        runtime_version: runtime_version.to_owned(),
        runtime_build: runtime_build.to_owned(),
        provider: provider.to_owned(),
        cpu_model: probe::cpu_model(root),
        isa: probe::isa(root),
        cores: probe::cores(),
        kernel: probe::kernel(root),
        governor: probe::governor(root),
        foreign_cpu_share: None,
        involuntary_switches: None,
        load_average: None,
        autogroup_raised,
    }
}

/// Time all processors together were not idle, in ticks, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Busy {
    ticks: u64,
    processors: u32,
}

/// Share (0..1) of all processors' time that others used; `None` if no time passed.
#[expect(clippy::cast_precision_loss, reason = "ticks since boot are far below 2^52")]
fn foreign_share(before: Busy, after: Busy, own: Duration, elapsed: Duration) -> Option<f64> {
    let available = elapsed.as_secs_f64() * f64::from(after.processors);
    if available <= 0.0 {
        return None;
    }
    let busy = after.ticks.saturating_sub(before.ticks) as f64 / TICKS_PER_S;
    // A tick is 10 ms: over a short time the own share may come out a little larger than the whole.
    Some(((busy - own.as_secs_f64()) / available).clamp(0.0, 1.0))
}

fn busy() -> Option<Busy> {
    parse_stat(&fs::read_to_string("/proc/stat").ok()?)
}

/// Reads `/proc/stat` (proc(5)): user, nice, system, irq, softirq and steal; guest time is part of user's.
fn parse_stat(text: &str) -> Option<Busy> {
    const BUSY: [usize; 6] = [0, 1, 2, 5, 6, 7];
    let all = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> = all.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let ticks = BUSY.iter().filter_map(|&index| fields.get(index)).sum();
    let is_processor =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let processors = u32::try_from(text.lines().filter(is_processor).count()).ok()?;
    Some(Busy { ticks, processors })
}

fn own_cpu() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    u64::try_from(microseconds).ok().map(Duration::from_micros)
}

/// Of the calling thread, which is the measuring one; of the whole process where threads are not told apart.
fn involuntary_switches() -> Option<u64> {
    #[cfg(target_os = "linux")]
    const WHO: UsageWho = UsageWho::RUSAGE_THREAD;
    #[cfg(not(target_os = "linux"))]
    const WHO: UsageWho = UsageWho::RUSAGE_SELF;
    getrusage(WHO).ok().and_then(|usage: Usage| u64::try_from(usage.involuntary_context_switches()).ok())
}

/// Of the last minute.
fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 10 50 9000 40 5 6 7 100 0\ncpu0 50 5 25 4500 20 2 3 3 0 0\ncpu1 50 5 25 4500 20 3 3 4 0 0\nintr 1 2\n";

    #[test]
    fn idle_waiting_and_guest_time_are_not_busy() {
        assert_eq!(parse_stat(STAT), Some(Busy { ticks: 178, processors: 2 }));
        assert_eq!(parse_stat("intr 1"), None);
    }

    #[test]
    fn foreign_share_is_what_others_used_of_all_processors() {
        let busy = |ticks| Busy { ticks, processors: 2 };
        let check = |ticks: u64, own_ms, expected: Option<f64>| {
            let share =
                foreign_share(busy(1000), busy(1000 + ticks), Duration::from_millis(own_ms), Duration::from_secs(2));
            assert!(share.zip(expected).is_some_and(|(a, b)| (a - b).abs() < 1e-9), "{share:?} {expected:?}");
        };
        check(300, 2_000, Some(0.25));
        check(200, 2_000, Some(0.0));
        check(199, 2_000, Some(0.0));
        assert_eq!(foreign_share(busy(1), busy(2), Duration::ZERO, Duration::ZERO), None);
    }

    #[test]
    fn own_time_is_not_foreign() {
        let environment = Watch::start().finish(Duration::from_secs(1), Environment::default());
        assert_eq!(environment.foreign_cpu_share.is_some(), cfg!(target_os = "linux"));
    }
}

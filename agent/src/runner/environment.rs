//! The circumstances of a measurement: what the machine is, and what else happened on it meanwhile.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::{CellSpec, Digest, Drift, Environment, StableEnvironment, VolatileEnvironment};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

use crate::probe::{self, Activity, Busy};

/// `USER_HZ`, the unit of `/proc/stat`: 100 on every architecture Linux still runs inference on.
const TICKS_PER_S: f64 = 100.0;
/// Variables of the process that change how memory and threads behave, wherever they were set.
const NOTED_VARIABLES: [&str; 8] = [
    "GLIBC_TUNABLES",
    "MALLOC_ARENA_MAX",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "KMP_AFFINITY",
    "GOMP_CPU_AFFINITY",
];

/// Where readings come from: this machine or the tree of a simulated one, or, for tests of what follows from them, a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Probe {
    Machine {
        root: PathBuf,
    },
    /// The reading before measuring, and the one after.
    Recorded(Box<(Readings, Readings)>),
}

impl Probe {
    /// From a file of JSON with two [`Readings`]; the machine below `root` if none is named.
    pub(super) fn open(recorded: Option<&Path>, root: &Path) -> io::Result<Self> {
        let Some(path) = recorded else { return Ok(Self::Machine { root: root.to_owned() }) };
        Ok(Self::Recorded(Box::new(serde_json::from_slice(&std::fs::read(path)?)?)))
    }

    fn before(&self) -> Readings {
        match self {
            Self::Machine { root } => Readings::take(root),
            Self::Recorded(readings) => readings.0.clone(),
        }
    }

    fn after(&self) -> Readings {
        match self {
            Self::Machine { root } => Readings::take(root),
            Self::Recorded(readings) => readings.1.clone(),
        }
    }
}

/// One look at the machine and at this process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Readings {
    machine: Activity,
    own_cpu_us: Option<u64>,
    involuntary_switches: Option<u64>,
    /// Nanoseconds for which each thread, ready to run, has waited for a processor, by its id.
    processor_waits_ns: BTreeMap<u32, u64>,
}

impl Readings {
    fn take(root: &Path) -> Self {
        let machine = probe::activity(root);
        if root != Path::new("/") {
            // What this machine's scheduler does to the process is no circumstance of the board that it stands for.
            return Self { machine, ..Self::default() };
        }
        Self {
            machine,
            own_cpu_us: own_cpu_us(),
            involuntary_switches: involuntary_switches(),
            processor_waits_ns: processor_waits_ns(),
        }
    }
}

/// Readings as they were when measuring began.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    probe: &'a Probe,
    before: Readings,
}

impl<'a> Watch<'a> {
    pub(super) fn start(probe: &'a Probe) -> Self {
        Self { probe, before: probe.before() }
    }

    /// What happened since, over `elapsed` time.
    pub(super) fn finish(self, elapsed: Duration, autogroup_raised: bool) -> VolatileEnvironment {
        let after = self.probe.after();
        between(&self.before, &after, elapsed, autogroup_raised)
    }
}

fn between(before: &Readings, after: &Readings, elapsed: Duration, autogroup_raised: bool) -> VolatileEnvironment {
    let (then, now) = (&before.machine, &after.machine);
    let waited = |before: Option<u64>, after: Option<u64>| {
        let waited = Duration::from_micros(since(before, after)?);
        (!elapsed.is_zero()).then(|| (waited.as_secs_f64() / elapsed.as_secs_f64()).min(1.0))
    };
    VolatileEnvironment {
        foreign_cpu_share: foreign_share(before, after, elapsed),
        processor_wait_share: processor_wait_share(before, after, elapsed),
        involuntary_switches: since(before.involuntary_switches, after.involuntary_switches),
        load_average: then.load_average,
        autogroup_raised,
        cpu_pressure: waited(then.cpu_pressure_us, now.cpu_pressure_us),
        memory_pressure: waited(then.memory_pressure_us, now.memory_pressure_us),
        io_pressure: waited(then.io_pressure_us, now.io_pressure_us),
        frequency_start_mhz: then.frequency_mhz,
        frequency_end_mhz: now.frequency_mhz,
        temperature_start_c: then.temperature_c,
        temperature_end_c: now.temperature_c,
        throttle_events: since(then.throttle_events, now.throttle_events),
        available_bytes: then.available_bytes,
        drift: drift(then, now),
    }
}

fn since(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    Some(after?.saturating_sub(before?))
}

/// Settings that were not the same at the end.
fn drift(before: &Activity, after: &Activity) -> Vec<Drift> {
    let text = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    let on = |boost: Option<bool>| boost.map(|on| if on { "on" } else { "off" }.to_owned());
    [
        ("the frequency governor", before.governor.clone(), after.governor.clone()),
        ("frequency boost", on(before.boost), on(after.boost)),
        ("the set of online processors", before.online.clone(), after.online.clone()),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(what, before, after)| Drift { what: what.to_owned(), before: text(before), after: text(after) })
    .collect()
}

/// Share (0..1) of all processors' time that others used; `None` if no time passed or it can't be read.
#[expect(clippy::cast_precision_loss, reason = "ticks since boot are far below 2^52")]
fn foreign_share(before: &Readings, after: &Readings, elapsed: Duration) -> Option<f64> {
    let (then, now): (Busy, Busy) = (before.machine.busy?, after.machine.busy?);
    let own = Duration::from_micros(since(before.own_cpu_us, after.own_cpu_us)?);
    let available = elapsed.as_secs_f64() * f64::from(now.processors);
    if available <= 0.0 {
        return None;
    }
    let busy = now.ticks.saturating_sub(then.ticks) as f64 / TICKS_PER_S;
    // A tick is 10 ms: over a short time the own share may come out a little larger than the whole.
    Some(((busy - own.as_secs_f64()) / available).clamp(0.0, 1.0))
}

/// Of the thread that waited longest; `None` if no time passed or it can't be read.
fn processor_wait_share(before: &Readings, after: &Readings, elapsed: Duration) -> Option<f64> {
    let waits = after.processor_waits_ns.iter();
    let longest =
        waits.map(|(id, wait)| wait.saturating_sub(before.processor_waits_ns.get(id).copied().unwrap_or(0))).max()?;
    (!elapsed.is_zero()).then(|| (Duration::from_nanos(longest).as_secs_f64() / elapsed.as_secs_f64()).min(1.0))
}

/// What the runner knows of the runtime and of itself.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) cell: &'a CellSpec,
    /// What stands for `/`.
    pub(super) root: &'a Path,
    pub(super) library: &'a Path,
    pub(super) runtime_version: &'a str,
    pub(super) runtime_build: &'a str,
    pub(super) provider: &'a str,
    /// Processors this process was confined to.
    pub(super) affinity: Option<String>,
}

/// What is known before measuring: machine, runtime and provider.
pub(super) fn describe(known: &Known<'_>) -> io::Result<Environment> {
    let root = known.root;
    let facts = probe::facts_below(root);
    let stable = StableEnvironment {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        runtime_version: known.runtime_version.to_owned(),
        runtime_build: known.runtime_build.to_owned(),
        runtime_sha256: sha256(known.library)?.to_string(),
        provider: known.provider.to_owned(),
        provider_options: known.cell.provider_options.clone(),
        cpu_model: facts.cpu_model,
        isa: facts.isa,
        cores: facts.cores,
        memory_bytes: Some(facts.memory_bytes).filter(|&bytes| bytes > 0),
        kernel: facts.kernel,
        governor: probe::governor(root),
        boost: probe::boost(root),
        huge_pages: probe::huge_pages(root),
        affinity: known.affinity.clone(),
        variables: noted_variables(&known.cell.settings.variables),
    };
    Ok(Environment { stable, volatile: VolatileEnvironment::default() })
}

/// The cell's variables, and those of the process that matter.
fn noted_variables(of_cell: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let inherited = NOTED_VARIABLES.iter().filter_map(|&name| {
        let value = std::env::var_os(name)?;
        Some((name.to_owned(), value.to_string_lossy().into_owned()))
    });
    inherited.chain(of_cell.clone()).collect()
}

fn sha256(path: &Path) -> io::Result<Digest> {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            let digest: [u8; 32] = hasher.finalize().into();
            return Digest::try_from(digest.as_slice()).map_err(io::Error::other);
        }
        hasher.update(&buffer[..count]);
    }
}

fn own_cpu_us() -> Option<u64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    u64::try_from(usage.user_time().num_microseconds() + usage.system_time().num_microseconds()).ok()
}

/// Second field of each thread's `schedstat` (Documentation/scheduler/sched-stats.rst); empty where there is none.
fn processor_waits_ns() -> BTreeMap<u32, u64> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return BTreeMap::new() };
    let wait = |thread: std::fs::DirEntry| {
        let schedstat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let wait_ns = schedstat.split_whitespace().nth(1)?.parse().ok()?;
        Some((thread.file_name().to_str()?.parse().ok()?, wait_ns))
    };
    threads.filter_map(|thread| wait(thread.ok()?)).collect()
}

/// Of the calling thread, which is the measuring one; of the whole process where threads are not told apart.
fn involuntary_switches() -> Option<u64> {
    #[cfg(target_os = "linux")]
    const WHO: UsageWho = UsageWho::RUSAGE_THREAD;
    #[cfg(not(target_os = "linux"))]
    const WHO: UsageWho = UsageWho::RUSAGE_SELF;
    getrusage(WHO).ok().and_then(|usage: Usage| u64::try_from(usage.involuntary_context_switches()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(ticks: u64, own_ms: u64) -> Readings {
        let machine = Activity { busy: Some(Busy { ticks, processors: 2 }), ..Activity::default() };
        let own_cpu_us = Some(own_ms * 1000);
        Readings { machine, own_cpu_us, involuntary_switches: Some(ticks), ..Readings::default() }
    }

    fn over_two_seconds(before: &Readings, after: &Readings) -> VolatileEnvironment {
        between(before, after, Duration::from_secs(2), false)
    }

    #[test]
    fn foreign_share_is_what_others_used_of_all_processors() {
        for (ticks, own_ms, expected) in [(300, 2_000, 0.25), (200, 2_000, 0.0), (199, 2_000, 0.0)] {
            let found = over_two_seconds(&readings(1000, 0), &readings(1000 + ticks, own_ms));
            assert!(found.foreign_cpu_share.is_some_and(|share| (share - expected).abs() < 1e-9), "{found:?}");
            assert_eq!(found.involuntary_switches, Some(ticks));
        }
        let no_time = between(&readings(1, 0), &readings(2, 0), Duration::ZERO, false);
        assert_eq!(no_time.foreign_cpu_share, None);
    }

    #[test]
    fn the_thread_that_waited_longest_is_told() {
        let waits = |waits: &[(u32, u64)]| Readings {
            processor_waits_ns: waits.iter().copied().collect(),
            ..Readings::default()
        };
        let (before, after) = (waits(&[(1, 500), (2, 0)]), waits(&[(1, 500), (2, 500_000_000), (3, 7)]));
        let share = over_two_seconds(&before, &after).processor_wait_share;
        assert!(share.is_some_and(|share| (share - 0.25).abs() < 1e-9), "{share:?}");
    }

    #[test]
    fn what_is_not_told_is_not_zero() {
        let found = over_two_seconds(&Readings::default(), &Readings::default());
        assert_eq!(found, VolatileEnvironment::default());
    }

    #[test]
    fn a_setting_that_changed_is_drift() {
        let governed = |governor: &str| {
            let machine = Activity { governor: Some(governor.to_owned()), ..Activity::default() };
            Readings { machine, ..Readings::default() }
        };
        let found = over_two_seconds(&governed("performance"), &governed("powersave"));
        assert_eq!(found.drift.len(), 1);
        assert_eq!((found.drift[0].before.as_str(), found.drift[0].after.as_str()), ("performance", "powersave"));
        assert_eq!(over_two_seconds(&governed("performance"), &governed("performance")).drift, Vec::new());
    }

    #[test]
    fn this_machine_tells_its_own_share() {
        let found = Watch::start(&Probe::Machine { root: PathBuf::from("/") }).finish(Duration::from_secs(1), false);
        assert_eq!(found.foreign_cpu_share.is_some(), cfg!(target_os = "linux"));
    }
}

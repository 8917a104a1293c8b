//! The runner as a process: its own session, its place before the scheduler and the out-of-memory killer, its limits, its
//! pipes, and its end when the agent is gone.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;

use domain::Affinity;

use crate::probe;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{dup, dup2_stdout, getpid, getsid, setsid};

/// Leaves the agent's session and takes a place of its own before the scheduler. True if the own scheduling group was
/// raised.
pub(super) fn stand_apart() -> bool {
    // Fails with EPERM for a leader of a group, which keeps its session; whether it is its own is asked below.
    let _own_session = setsid();
    // A crash is explained by its signal and standard error; a core file would fill a board's disk.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).unwrap_or_default();
    platform::die_with_agent();
    platform::prefer_as_victim();
    platform::wake_up_exactly();
    raise_own_session()
}

/// Raises the scheduling group of this process, if that is its own: nice counts within a session's group only, and one that is
/// shared with others would raise them, too. Returns whether it did.
pub(crate) fn raise_own_session() -> bool {
    getsid(None).is_ok_and(|session| session == getpid()) && platform::raise_autogroup()
}

/// Confines the process, and every thread it will start, to processors; returns which, `None` for all.
pub(super) fn confine(affinity: &Affinity) -> Result<Option<String>, ConfineError> {
    let capacities = capacities(Path::new("/"));
    let Some(cpus) = chosen(affinity, &capacities)? else { return Ok(None) };
    platform::confine(&cpus)?;
    Ok(Some(Affinity::Cpus(cpus).to_string()))
}

/// Processors that can't be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfineError {
    #[error(
        "affinity `{0}` names a cluster of cores, and this machine's {1} cores are all alike\nhint: `affinity: any`, or name the cores, such as `0-1`"
    )]
    Alike(Affinity, usize),
    #[error("the runner can't be confined to processors {cpus}: {source}\nhint: this machine has {count} processors")]
    Refused { cpus: Affinity, count: usize, source: io::Error },
}

/// Number and relative speed of each processor: the kernel's capacity, else its greatest frequency.
fn capacities(root: &Path) -> Vec<(u32, u64)> {
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix("cpu")?.parse().ok();
    let value = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let processors = probe::processors(root);
    let capacity =
        |path: &Path| value(&path.join("cpu_capacity")).or_else(|| value(&path.join("cpufreq/cpuinfo_max_freq")));
    processors.iter().filter_map(|path| Some((number(path)?, capacity(path).unwrap_or(0)))).collect()
}

/// The processors an affinity means; `None` = all.
fn chosen(affinity: &Affinity, capacities: &[(u32, u64)]) -> Result<Option<Vec<u32>>, ConfineError> {
    let speeds = || capacities.iter().map(|(_, speed)| *speed);
    let (least, greatest) = (speeds().min(), speeds().max());
    let of_speed = |wanted: Option<u64>| {
        if least == greatest {
            return Err(ConfineError::Alike(affinity.clone(), capacities.len()));
        }
        let cpus = capacities.iter().filter(|(_, speed)| Some(*speed) == wanted);
        Ok(Some(cpus.map(|(number, _)| *number).collect()))
    };
    match affinity {
        Affinity::Any => Ok(None),
        Affinity::Big => of_speed(greatest),
        Affinity::Little => of_speed(least),
        Affinity::Cpus(cpus) => Ok(Some(cpus.clone())),
    }
}

/// Bounds the private memory, so that a model too big for the device ends in an error and not in the death of others.
/// 0 = no bound.
pub(super) fn limit_memory(bytes: u64) -> io::Result<()> {
    if bytes > 0 && cfg!(target_os = "linux") {
        // Since Linux 4.7 this counts private writable mappings too, which is where every allocator's memory lies.
        setrlimit(Resource::RLIMIT_DATA, bytes, bytes)?;
    }
    Ok(())
}

/// Takes standard output for reports. What libraries print there goes to standard error from now on.
pub(super) fn take_stdout() -> io::Result<File> {
    let private = dup(io::stdout())?;
    dup2_stdout(io::stderr())?;
    Ok(private.into())
}

/// Ends the process as soon as standard input ends: the agent is gone, and nobody wants the result. Costs nothing while it
/// waits.
pub(super) fn end_with_stdin() -> io::Result<()> {
    let watch = || {
        // Whatever more is written is not for this version.
        let _end = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // Not `exit`: it would run the destructors of a library that is at work on another thread.
        let _end = kill(getpid(), Signal::SIGKILL);
    };
    thread::Builder::new().name("agent-watch".to_owned()).spawn(watch).map(drop)
}

/// Greatest resident set of this process's life, and the resident set now, in bytes; 0 where the platform does not tell.
pub(super) fn resident_bytes() -> (u64, u64) {
    platform::resident_bytes()
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::Duration;

    use nix::errno::Errno;
    use nix::sched::{CpuSet, sched_setaffinity};
    use nix::sys::prctl::{set_pdeathsig, set_timerslack};
    use nix::unistd::Pid;

    use super::{Affinity, ConfineError, Signal, fs, io, thread};

    /// Timers fire when they are due; by default the kernel may group them within 50 us.
    pub(super) fn wake_up_exactly() {
        set_timerslack(1).unwrap_or_default();
    }

    pub(super) fn confine(cpus: &[u32]) -> Result<(), ConfineError> {
        let confine = || {
            let mut set = CpuSet::new();
            cpus.iter().try_for_each(|&cpu| set.set(cpu as usize))?;
            sched_setaffinity(Pid::from_raw(0), &set)
        };
        confine().map_err(|errno| ConfineError::Refused {
            cpus: Affinity::Cpus(cpus.to_vec()),
            count: thread::available_parallelism().map_or(0, std::num::NonZero::get),
            source: io::Error::from(errno),
        })
    }

    /// For a runner that is stopped or too young to watch its input. It fires when the *thread* that started the runner
    /// ends: the agent starts runners from its main thread.
    pub(super) fn die_with_agent() {
        set_pdeathsig(Signal::SIGKILL).unwrap_or_default();
    }

    /// When memory runs out the kernel kills the runner first, not the agent and its reports.
    pub(super) fn prefer_as_victim() {
        fs::write("/proc/self/oom_score_adj", "1000").unwrap_or_default();
    }

    /// Gives the session's scheduling group the highest nice value. Needs `CAP_SYS_NICE` and `CONFIG_SCHED_AUTOGROUP`.
    pub(super) fn raise_autogroup() -> bool {
        /// The kernel takes one change in 100 ms from a process without privilege, and says EAGAIN to the next.
        const RATE_LIMIT: Duration = Duration::from_millis(110);
        let raise = || fs::write("/proc/self/autogroup", "-20");
        match raise() {
            Err(error) if error.raw_os_error() == Some(Errno::EAGAIN as i32) => {
                thread::sleep(RATE_LIMIT);
                raise().is_ok()
            }
            outcome => outcome.is_ok(),
        }
    }

    /// From `/proc/self/status` and not from `getrusage`, whose maximum begins with the resident set of the agent that
    /// started this process.
    pub(super) fn resident_bytes() -> (u64, u64) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        (kibibytes(&status, "VmHWM:"), kibibytes(&status, "VmRSS:"))
    }

    fn kibibytes(status: &str, key: &str) -> u64 {
        let value = status.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix("kB"));
        value.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use nix::sys::resource::{UsageWho, getrusage};

    use super::{Affinity, ConfineError, io, thread};

    pub(super) fn die_with_agent() {}

    pub(super) fn prefer_as_victim() {}

    pub(super) fn wake_up_exactly() {}

    /// macOS gives no way to choose cores.
    pub(super) fn confine(cpus: &[u32]) -> Result<(), ConfineError> {
        Err(ConfineError::Refused {
            cpus: Affinity::Cpus(cpus.to_vec()),
            count: thread::available_parallelism().map_or(0, std::num::NonZero::get),
            source: io::Error::from(io::ErrorKind::Unsupported),
        })
    }

    pub(super) fn raise_autogroup() -> bool {
        false
    }

    pub(super) fn resident_bytes() -> (u64, u64) {
        // macOS counts bytes; other systems are not served.
        (getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| u64::try_from(usage.max_rss()).unwrap_or(0)), 0)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_told_apart_by_speed() {
        let board = [(0, 446), (1, 446), (2, 871), (3, 1024)];
        assert_eq!(chosen(&Affinity::Big, &board).expect("a cluster"), Some(vec![3]));
        assert_eq!(chosen(&Affinity::Little, &board).expect("a cluster"), Some(vec![0, 1]));
        assert_eq!(chosen(&Affinity::Any, &board).expect("all"), None);
        assert_eq!(chosen(&Affinity::Cpus(vec![1, 2]), &board).expect("these"), Some(vec![1, 2]));
        let error = chosen(&Affinity::Big, &[(0, 0), (1, 0)]).expect_err("alike").to_string();
        assert!(error.contains("2 cores are all alike"), "{error}");
    }

    #[test]
    fn a_process_has_a_resident_set_and_a_greater_peak() {
        let (peak, now) = resident_bytes();
        assert!(now > 1 << 20 && peak >= now, "{peak} {now}");
    }
}

//! What can be known of a runner's memory from outside, without polling it. Linux tells; elsewhere everything is unknown.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};

/// Share of the available memory a runner may take: the rest keeps the agent, the kernel and the page cache alive.
const LIMIT_PERCENT: u64 = 90;
/// A runner killed at this share of its limit or beyond was killed for it.
const NEAR_LIMIT_PERCENT: u64 = 90;

/// Bytes a runner that starts now may allocate; 0 where the platform does not say.
pub(crate) fn limit_bytes() -> u64 {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kibibytes(&text, "MemAvailable:"));
    available.map_or(0, |bytes| bytes / 100 * LIMIT_PERCENT)
}

/// Watches the memory of one runner.
pub(super) struct Watch {
    pid: u32,
    limit_bytes: u64,
    peak_bytes: u64,
    /// The greatest resident set of any child that ended before.
    children_before_bytes: Option<u64>,
    kills_before: Option<u64>,
}

impl Watch {
    pub(super) fn new(pid: u32, limit_bytes: u64) -> Self {
        Self {
            pid,
            limit_bytes,
            peak_bytes: 0,
            children_before_bytes: children_peak_bytes(),
            kills_before: out_of_memory_kills(),
        }
    }

    /// Reads the high-water mark while the runner lives: about 30 us of one core.
    pub(super) fn sample(&mut self) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid));
        let peak = status.ok().and_then(|text| kibibytes(&text, "VmHWM:")).unwrap_or(0);
        self.peak_bytes = self.peak_bytes.max(peak);
    }

    /// The runner was waited for. If it was the largest child so far, the kernel now knows its exact peak.
    pub(super) fn ended(&mut self) {
        if let (Some(before), Some(after)) = (self.children_before_bytes, children_peak_bytes())
            && after > before
        {
            self.peak_bytes = self.peak_bytes.max(after);
        }
    }

    /// At least this much was resident at once; `None` if nothing is known.
    pub(super) fn peak_bytes(&self) -> Option<u64> {
        (self.peak_bytes > 0).then_some(self.peak_bytes)
    }

    /// Why a SIGKILL from nowhere was the kernel's for lack of memory, if there is evidence.
    pub(super) fn ran_out(&self) -> bool {
        let killed =
            matches!((self.kills_before, out_of_memory_kills()), (Some(before), Some(after)) if after > before);
        let near = self.limit_bytes > 0 && self.peak_bytes >= self.limit_bytes / 100 * NEAR_LIMIT_PERCENT;
        killed || near
    }
}

/// Processes the kernel killed for memory since boot, in whatever cgroup.
fn out_of_memory_kills() -> Option<u64> {
    let text = fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

fn children_peak_bytes() -> Option<u64> {
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?.max_rss();
    // macOS counts bytes, everybody else kibibytes.
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    u64::try_from(peak).ok().map(|peak| peak * unit)
}

fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_has_a_peak_and_the_machine_a_limit() {
        let mut watch = Watch::new(std::process::id(), 0);
        watch.sample();
        assert!(watch.peak_bytes().is_some_and(|bytes| bytes > 1 << 20));
        assert!(limit_bytes() > 1 << 20);
    }
}

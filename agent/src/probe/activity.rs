//! What is going on on this device right now: how busy, how hot, how fast. Counters are as the kernel keeps them, since
//! boot; the difference of two readings is what happened in between.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{entries, governor, read};

/// One look at the machine. What a platform does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Activity {
    pub(crate) busy: Option<Busy>,
    pub(crate) load_average: Option<f64>,
    /// Microseconds in which some task waited, since boot.
    pub(crate) cpu_pressure_us: Option<u64>,
    pub(crate) memory_pressure_us: Option<u64>,
    pub(crate) io_pressure_us: Option<u64>,
    /// Mean over all processors that tell.
    pub(crate) frequency_mhz: Option<u32>,
    /// Of the hottest zone.
    pub(crate) temperature_c: Option<f64>,
    /// Since boot.
    pub(crate) throttle_events: Option<u64>,
    pub(crate) available_bytes: Option<u64>,
    /// Settings that somebody may change while a run is measured.
    pub(crate) governor: Option<String>,
    pub(crate) boost: Option<bool>,
    pub(crate) online: Option<String>,
}

/// Time all processors together were not idle, in ticks, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Busy {
    pub(crate) ticks: u64,
    pub(crate) processors: u32,
}

/// Reads `proc` and `sys` below `root`.
pub(crate) fn activity(root: &Path) -> Activity {
    Activity {
        busy: read(&root.join("proc/stat")).and_then(|text| parse_stat(&text)),
        load_average: read(&root.join("proc/loadavg")).and_then(|text| text.split_whitespace().next()?.parse().ok()),
        cpu_pressure_us: pressure(root, "cpu"),
        memory_pressure_us: pressure(root, "memory"),
        io_pressure_us: pressure(root, "io"),
        frequency_mhz: frequency_mhz(root),
        temperature_c: temperature_c(root),
        throttle_events: throttle_events(root),
        available_bytes: available_bytes(root),
        governor: governor(root),
        boost: boost(root),
        online: read(&root.join("sys/devices/system/cpu/online")),
    }
}

/// Frequency boost, where it can be switched: the generic driver's switch, or Intel's inverted one.
pub(crate) fn boost(root: &Path) -> Option<bool> {
    let cpu = root.join("sys/devices/system/cpu");
    let switch = |path: &str| read(&cpu.join(path)).map(|text| text != "0");
    switch("cpufreq/boost").or_else(|| switch("intel_pstate/no_turbo").map(|off| !off))
}

/// The kernel's mode of transparent huge pages, e.g. `madvise`.
pub(crate) fn huge_pages(root: &Path) -> Option<String> {
    let modes = read(&root.join("sys/kernel/mm/transparent_hugepage/enabled"))?;
    let (_, chosen) = modes.split_once('[')?;
    Some(chosen.split_once(']')?.0.to_owned())
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

/// `some .. total=N` of a resource's pressure stall information, in microseconds.
fn pressure(root: &Path, resource: &str) -> Option<u64> {
    let text = read(&root.join("proc/pressure").join(resource))?;
    let some = text.lines().find(|line| line.starts_with("some "))?;
    some.split_whitespace().find_map(|field| field.strip_prefix("total="))?.parse().ok()
}

/// From each processor's driver, else from `/proc/cpuinfo`, where virtual machines tell it.
fn frequency_mhz(root: &Path) -> Option<u32> {
    let driver = processors(root).into_iter().filter_map(|cpu| {
        let khz: u32 = read(&cpu.join("cpufreq/scaling_cur_freq"))?.parse().ok()?;
        Some(khz / 1000)
    });
    let mut found: Vec<u32> = driver.collect();
    if found.is_empty() {
        let cpuinfo = read(&root.join("proc/cpuinfo"))?;
        let megahertz = cpuinfo.lines().filter_map(|line| line.strip_prefix("cpu MHz")?.split_once(':'));
        // A whole number of MHz is what can be told.
        found = megahertz.filter_map(|(_, value)| value.trim().split('.').next()?.parse().ok()).collect();
    }
    let count = u32::try_from(found.len()).ok().filter(|&count| count > 0)?;
    Some(found.iter().fold(0_u32, |sum, value| sum.saturating_add(*value)) / count)
}

/// Zones report thousandths of a degree; absurd ones are sensors that are switched off.
pub(crate) fn temperature_c(root: &Path) -> Option<f64> {
    let thermal = root.join("sys/class/thermal");
    let zones = entries(&thermal).into_iter().filter(|name| name.starts_with("thermal_zone"));
    let degrees = zones.filter_map(|zone| {
        let thousandths: f64 = read(&thermal.join(zone).join("temp"))?.parse().ok()?;
        Some(thousandths / 1e3).filter(|degrees| (-40.0..150.0).contains(degrees))
    });
    degrees.reduce(f64::max)
}

/// Counters of x86 cores and packages; the sum of cores and the greatest package count, which every core repeats.
fn throttle_events(root: &Path) -> Option<u64> {
    let counter =
        |cpu: &PathBuf, name: &str| -> Option<u64> { read(&cpu.join("thermal_throttle").join(name))?.parse().ok() };
    let cpus = processors(root);
    let cores: Vec<u64> = cpus.iter().filter_map(|cpu| counter(cpu, "core_throttle_count")).collect();
    let package = cpus.iter().filter_map(|cpu| counter(cpu, "package_throttle_count")).max();
    (!cores.is_empty() || package.is_some()).then(|| cores.iter().sum::<u64>() + package.unwrap_or(0))
}

fn available_bytes(root: &Path) -> Option<u64> {
    let text = read(&root.join("proc/meminfo"))?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    kilobytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Directories of the processors, by number.
pub(crate) fn processors(root: &Path) -> Vec<PathBuf> {
    let directory = root.join("sys/devices/system/cpu");
    let names: BTreeSet<u32> =
        entries(&directory).iter().filter_map(|name| name.strip_prefix("cpu")?.parse().ok()).collect();
    names.into_iter().map(|number| directory.join(format!("cpu{number}"))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const STAT: &str = "cpu  100 10 50 9000 40 5 6 7 100 0\ncpu0 50 5 25 4500 20 2 3 3 0 0\ncpu1 50 5 25 4500 20 3 3 4 0 0\nintr 1 2\n";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        root
    }

    #[test]
    fn idle_waiting_and_guest_time_are_not_busy() {
        assert_eq!(parse_stat(STAT), Some(Busy { ticks: 178, processors: 2 }));
        assert_eq!(parse_stat("intr 1"), None);
    }

    #[test]
    fn a_board_tells_frequency_heat_pressure_and_throttling() {
        let root = tree(&[
            ("proc/stat", STAT),
            ("proc/loadavg", "0.42 0.30 0.20 1/200 1234\n"),
            ("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=120034\n"),
            ("proc/meminfo", "MemTotal: 16384 kB\nMemAvailable:    8192 kB\n"),
            ("sys/devices/system/cpu/online", "0-1\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n"),
            ("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1700000\n"),
            ("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n"),
            ("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "4\n"),
            ("sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "9\n"),
            ("sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count", "9\n"),
            ("sys/class/thermal/thermal_zone0/temp", "41500\n"),
            ("sys/class/thermal/thermal_zone1/temp", "-274000\n"),
            ("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ]);
        let found = activity(root.path());
        assert_eq!(found.busy, Some(Busy { ticks: 178, processors: 2 }));
        assert_eq!((found.load_average, found.temperature_c), (Some(0.42), Some(41.5)));
        assert_eq!((found.frequency_mhz, found.throttle_events), (Some(1600), Some(16)));
        assert_eq!((found.cpu_pressure_us, found.memory_pressure_us), (Some(120_034), None));
        assert_eq!(
            (found.available_bytes, found.boost, found.online.as_deref()),
            (Some(8 << 20), Some(false), Some("0-1"))
        );
        assert_eq!(huge_pages(root.path()).as_deref(), Some("madvise"));
    }

    #[test]
    fn an_empty_tree_tells_nothing() {
        assert_eq!(activity(tree(&[]).path()), Activity::default());
    }
}

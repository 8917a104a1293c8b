//! What can be told about this device by reading files: processor, memory, kernel. Its sensors: [`power`](crate::power).
//!
//! Every probe takes the root directory it reads below, so that a test can hand it the tree of another board. Nothing here
//! writes, needs a privilege, or loads the runtime: its version and providers are asked of a child process.

mod activity;
mod processor;
mod system;

use std::path::Path;

use domain::DeviceFacts;

pub(crate) use activity::{Activity, Busy, activity, boost, huge_pages, processors, temperature_c};
pub(crate) use processor::{cpu_model, governor, isa};
use system::kernel;

/// The facts of this device but for its sensors. What can't be found out is left empty.
pub fn facts() -> DeviceFacts {
    facts_below(Path::new("/"))
}

/// As [`facts`], with `proc` and `sys` read below `root`; architecture and core count are always this process's own.
pub fn facts_below(root: &Path) -> DeviceFacts {
    DeviceFacts {
        arch: std::env::consts::ARCH.to_owned(),
        os: std::env::consts::OS.to_owned(),
        kernel: kernel(root),
        cpu_model: cpu_model(root),
        cores: cores(),
        memory_bytes: system::memory_bytes(root),
        isa: isa(root),
        runtime_version: None,
        providers: Vec::new(),
        power_sensors: Vec::new(),
        no_power_reason: None,
        simulated: None,
    }
}

/// Logical processors this process may use, by affinity and cgroup quota; 0 if unknown.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(0, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// A small text file without the white space and NUL bytes around it; `None` if there is none or it is empty.
fn read(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Names of the entries of a directory in order; none if it can't be read.
fn entries(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_processor_and_memory() {
        let facts = facts();
        assert!(facts.cores > 0 && facts.memory_bytes > 1 << 20 && !facts.kernel.is_empty(), "{facts:?}");
    }

    #[test]
    fn an_empty_tree_gives_empty_facts() {
        let root = tempfile::tempdir().expect("a directory");
        let facts = facts_below(root.path());
        #[cfg(target_os = "linux")]
        assert_eq!((facts.kernel.as_str(), facts.memory_bytes, facts.isa.len()), ("", 0, 0));
    }
}

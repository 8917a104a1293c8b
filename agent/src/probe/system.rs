//! Kernel and memory.

use std::path::Path;

use super::read;

/// Release of the running kernel, e.g. `6.8.0-45-generic`; empty if unknown.
#[cfg(target_os = "linux")]
pub(crate) fn kernel(root: &Path) -> String {
    read(&root.join("proc/sys/kernel/osrelease")).unwrap_or_default()
}

/// Release of the running kernel, e.g. `23.6.0`; empty if unknown.
#[cfg(not(target_os = "linux"))]
pub(crate) fn kernel(_root: &Path) -> String {
    nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default()
}

/// Physical memory in bytes; 0 if unknown.
#[cfg(target_os = "linux")]
pub(super) fn memory_bytes(root: &Path) -> u64 {
    read(&root.join("proc/meminfo")).and_then(|text| kibibytes(&text, "MemTotal:")).unwrap_or(0)
}

/// Physical memory in bytes; 0 if unknown.
#[cfg(not(target_os = "linux"))]
pub(super) fn memory_bytes(_root: &Path) -> u64 {
    sysctl("hw.memsize").and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A kernel variable by name; `None` where there is none.
#[cfg(not(target_os = "linux"))]
pub(super) fn sysctl(name: &str) -> Option<String> {
    let output = std::process::Command::new("sysctl").args(["-n", name]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// The value of a line such as `MemTotal:  16384 kB`, in bytes.
#[cfg(target_os = "linux")]
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kibibytes() {
        let text = "MemTotal:        7834624 kB\nMemFree:  12 kB\nHugePages_Total: 3\n";
        assert_eq!(kibibytes(text, "MemTotal:"), Some(7_834_624 * 1024));
        assert_eq!(kibibytes(text, "HugePages_Total:"), None);
    }
}

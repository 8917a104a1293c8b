//! One thing on a board that can be set: how it is read, and how it is written.

use std::fmt;
use std::io;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::power_mode::{self, query};
use crate::power::Root;

pub(super) const POLICIES: &str = "/sys/devices/system/cpu/cpufreq";
/// What Android's fixed performance is called as a power mode, and what the system is in without it.
pub(crate) const FIXED_PERFORMANCE: &str = "fixed-performance";
pub(super) const DEFAULT: &str = "default";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Setting {
    /// A file of sysfs.
    File(String),
    /// A Jetson's power mode, by its name.
    JetsonPowerMode,
    /// Android's mode of fixed performance. It takes an order, and tells nobody whether it holds.
    FixedPerformance,
}

impl Setting {
    pub(super) fn read(&self, root: &dyn Root) -> io::Result<String> {
        match self {
            Self::File(path) => root.read(path),
            Self::JetsonPowerMode => {
                let told = root.tool("nvpmodel", &["-q"])?;
                let (name, _) = query(&told)
                    .ok_or_else(|| io::Error::other(format!("`nvpmodel -q` told no power mode: {}", told.trim())))?;
                Ok(name.to_owned())
            }
            Self::FixedPerformance => Ok("not told".to_owned()),
        }
    }

    /// Needs root's rights on most boards.
    pub(super) fn write(&self, root: &dyn Root, value: &str) -> io::Result<()> {
        match self {
            Self::File(path) => root.write(path, value),
            Self::JetsonPowerMode => {
                let (_, id) = power_mode::find(root, value)?;
                root.tool("nvpmodel", &["-m", &id]).map(drop)
            }
            Self::FixedPerformance => {
                let on = if value == FIXED_PERFORMANCE { "true" } else { "false" };
                let answer = root.tool("cmd", &["power", "set-fixed-performance-mode-enabled", on])?;
                // Silence is consent; a phone that lacks the mode says so and ends well all the same.
                if answer.trim().is_empty() { Ok(()) } else { Err(io::Error::other(answer.trim().to_owned())) }
            }
        }
    }

    /// Whether it can't be read back.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::FixedPerformance)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::JetsonPowerMode => f.write_str("the power mode"),
            Self::FixedPerformance => f.write_str("fixed performance"),
        }
    }
}

/// The governor of every frequency domain that is on; none where the kernel sets no frequency.
pub(crate) fn governors(root: &dyn Root) -> Vec<Setting> {
    let policies = root.list(POLICIES).unwrap_or_default().into_iter().filter(|name| name.starts_with("policy"));
    let files = policies.map(|policy| format!("{POLICIES}/{policy}/scaling_governor"));
    // One that can't be read for another reason is there, and whoever is to set it must hear of it.
    files
        .filter(|file| root.read(file).map_or_else(|error| !is_gone(&error), |_governor| true))
        .map(Setting::File)
        .collect()
}

/// Governors that the kernel has; `None` where it does not tell.
pub(crate) fn offered_governors(root: &dyn Root) -> Option<Vec<String>> {
    let first = root.list(POLICIES).ok()?.into_iter().find(|name| name.starts_with("policy"))?;
    let text = root.read(&format!("{POLICIES}/{first}/scaling_available_governors")).ok()?;
    Some(text.split_whitespace().map(str::to_owned).collect())
}

/// Whether the setting went with its device: a processor that was taken offline has no policy, or one that is busy for ever.
pub(super) fn is_gone(error: &io::Error) -> bool {
    let gone = [Errno::ENOENT, Errno::ENODEV, Errno::ENXIO, Errno::EBUSY].map(|errno| errno as i32);
    error.raw_os_error().is_some_and(|raw| gone.contains(&raw))
}

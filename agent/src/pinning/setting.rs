//! One thing on a board that can be set: how it is read, and how it is written.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::power::Root;

const POLICIES: &str = "/sys/devices/system/cpu/cpufreq";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Setting {
    /// A file of sysfs.
    File(String),
    /// A Jetson's power mode, by its name.
    JetsonPowerMode,
}

impl Setting {
    pub(super) fn read(&self, root: &dyn Root) -> io::Result<String> {
        match self {
            Self::File(path) => root.read(path),
            Self::JetsonPowerMode => {
                let told = root.tool("nvpmodel", &["-q"])?;
                let (name, _) = power_mode(&told)
                    .ok_or_else(|| io::Error::other(format!("`nvpmodel -q` told no power mode: {}", told.trim())))?;
                Ok(name.to_owned())
            }
        }
    }

    /// Needs root's rights on most boards.
    pub(super) fn write(&self, root: &dyn Root, value: &str) -> io::Result<()> {
        match self {
            Self::File(path) => root.write(path, value),
            Self::JetsonPowerMode => {
                let configured = root.read("/etc/nvpmodel.conf")?;
                let id = power_mode_id(&configured, value).ok_or_else(|| {
                    let names: Vec<&str> = power_modes(&configured).map(|(name, _)| name).collect();
                    io::Error::other(format!("this board has the power modes {}", names.join(", ")))
                })?;
                root.tool("nvpmodel", &["-m", id]).map(drop)
            }
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::JetsonPowerMode => f.write_str("the power mode"),
        }
    }
}

/// The governor of every frequency domain; none where the kernel sets no frequency.
pub(crate) fn governors(root: &dyn Root) -> Vec<Setting> {
    let policies = root.list(POLICIES).unwrap_or_default().into_iter().filter(|name| name.starts_with("policy"));
    let files = policies.map(|policy| format!("{POLICIES}/{policy}/scaling_governor"));
    files.filter(|file| root.read(file).is_ok()).map(Setting::File).collect()
}

/// Name and number in what `nvpmodel -q` prints, warnings before it left out.
fn power_mode(text: &str) -> Option<(&str, &str)> {
    let name = text.lines().find_map(|line| line.trim().strip_prefix("NV Power Mode:"))?.trim();
    let id =
        text.lines().map(str::trim).rfind(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))?;
    (!name.is_empty()).then_some((name, id))
}

/// Names and numbers of `< POWER_MODEL ID=0 NAME=15W >`.
fn power_modes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('<') && line.contains("POWER_MODEL"));
    lines.filter_map(|line| {
        let of = |key: &str| line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        Some((of("NAME")?, of("ID")?))
    })
}

/// By name, or by the number itself.
fn power_mode_id<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    power_modes(text).find(|(name, id)| *name == wanted || *id == wanted).map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_mode_is_told_with_or_without_warnings() {
        assert_eq!(power_mode("NV Power Mode: MAXN\n0\n"), Some(("MAXN", "0")));
        assert_eq!(
            power_mode("NVPM WARN: fan mode is not set!\nNV Power Mode: MODE_15W_6CORE\n2\n"),
            Some(("MODE_15W_6CORE", "2"))
        );
        assert_eq!(power_mode("NVPM ERROR: failed\n"), None);
    }

    #[test]
    fn power_modes_have_names_and_numbers() {
        let text = "# comment\n< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=1 NAME=7W >\n< PM_CONFIG DEFAULT=0 >\n";
        assert_eq!(power_mode_id(text, "7W"), Some("1"));
        assert_eq!(power_mode_id(text, "0"), Some("0"));
        assert_eq!(power_mode_id(text, "30W"), None);
    }

    #[test]
    fn real_answers_are_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/jetson-nvpmodel");
        let Ok(files) = std::fs::read_dir(folder) else {
            println!("skipped: no shared fixtures");
            return;
        };
        let mut read = 0;
        for file in files {
            let path = file.expect("listed").path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if path.file_name().is_some_and(|name| name != "SOURCE.txt") && text.contains("NV Power Mode:") {
                assert!(power_mode(&text).is_some(), "{}: {text}", path.display());
                read += 1;
            }
        }
        assert!(read > 0, "no answer of nvpmodel in {folder}");
    }
}

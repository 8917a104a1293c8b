//! The processor: model, instruction set extensions, frequency governor.

use std::collections::BTreeSet;
use std::path::Path;

#[cfg(not(target_os = "linux"))]
use super::system::sysctl;
use super::{entries, read};

/// Extensions that decide which kernels an inference runtime picks, in the kernel's spelling (x86, then Arm).
#[cfg(target_os = "linux")]
const EXTENSIONS: [&str; 24] = [
    "sse4_2",
    "avx",
    "f16c",
    "fma",
    "avx2",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "avx_vnni",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "fphp",
    "asimdhp",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
    "sve2",
    "sme",
];

/// Name of the processor, or of the board where only that is known; empty if neither is.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_model(root: &Path) -> String {
    let cpuinfo = read(&root.join("proc/cpuinfo")).unwrap_or_default();
    value(&cpuinfo, "model name")
        .map(str::to_owned)
        .or_else(|| read(&root.join("proc/device-tree/model")))
        .or_else(|| value(&cpuinfo, "Hardware").map(str::to_owned))
        .or_else(|| {
            let (implementer, part) = (value(&cpuinfo, "CPU implementer")?, value(&cpuinfo, "CPU part")?);
            Some(format!("Arm implementer {implementer} part {part}"))
        })
        .unwrap_or_default()
}

/// Name of the processor; empty if unknown.
#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu_model(_root: &Path) -> String {
    sysctl("machdep.cpu.brand_string").unwrap_or_default()
}

/// Instruction set extensions that matter to inference, as the kernel spells them.
#[cfg(target_os = "linux")]
pub(crate) fn isa(root: &Path) -> Vec<String> {
    let cpuinfo = read(&root.join("proc/cpuinfo")).unwrap_or_default();
    let flags: BTreeSet<&str> = value(&cpuinfo, "flags")
        .or_else(|| value(&cpuinfo, "Features"))
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    EXTENSIONS.iter().filter(|&name| flags.contains(name)).map(|&name| name.to_owned()).collect()
}

/// Instruction set extensions that matter to inference, under Linux's names.
#[cfg(not(target_os = "linux"))]
pub(crate) fn isa(_root: &Path) -> Vec<String> {
    const NAMES: [(&str, &str); 6] = [
        ("hw.optional.AdvSIMD", "asimd"),
        ("hw.optional.arm.FEAT_FP16", "asimdhp"),
        ("hw.optional.arm.FEAT_DotProd", "asimddp"),
        ("hw.optional.arm.FEAT_I8MM", "i8mm"),
        ("hw.optional.arm.FEAT_BF16", "bf16"),
        ("hw.optional.arm.FEAT_SME", "sme"),
    ];
    let present = |variable: &str| sysctl(variable).is_some_and(|value| value == "1");
    NAMES.iter().filter(|(variable, _)| present(variable)).map(|&(_, name)| name.to_owned()).collect()
}

/// The frequency governor; several joined by `+` where clusters differ; `None` where the kernel sets no frequency.
pub(crate) fn governor(root: &Path) -> Option<String> {
    let policies = root.join("sys/devices/system/cpu/cpufreq");
    let governors: BTreeSet<String> = entries(&policies)
        .iter()
        .filter(|name| name.starts_with("policy"))
        .filter_map(|name| read(&policies.join(name).join("scaling_governor")))
        .collect();
    (!governors.is_empty()).then(|| governors.into_iter().collect::<Vec<_>>().join("+"))
}

/// The first value of a key in `/proc/cpuinfo`.
#[cfg(target_os = "linux")]
fn value<'a>(cpuinfo: &'a str, key: &str) -> Option<&'a str> {
    cpuinfo.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == key && !value.trim().is_empty()).then(|| value.trim())
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, text).expect("written");
        }
        root
    }

    #[test]
    fn an_x86_processor_names_itself() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu avx avx2 fma rdrand\n";
        let root = tree(&[("proc/cpuinfo", cpuinfo)]);
        assert_eq!(cpu_model(root.path()), "AMD EPYC 7763");
        assert_eq!(isa(root.path()), ["avx", "fma", "avx2"]);
    }

    #[test]
    fn an_arm_board_is_named_by_its_device_tree() {
        let cpuinfo =
            "processor\t: 0\nFeatures\t: fp asimd fphp asimdhp asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n";
        let root = tree(&[("proc/cpuinfo", cpuinfo), ("proc/device-tree/model", "Raspberry Pi 5 Model B\0")]);
        assert_eq!(cpu_model(root.path()), "Raspberry Pi 5 Model B");
        assert_eq!(isa(root.path()), ["asimd", "fphp", "asimdhp", "asimddp"]);
        let root = tree(&[("proc/cpuinfo", cpuinfo)]);
        assert_eq!(cpu_model(root.path()), "Arm implementer 0x41 part 0xd0b");
    }

    #[test]
    fn governors_of_unlike_clusters_are_both_named() {
        let policy = |number: u32| format!("sys/devices/system/cpu/cpufreq/policy{number}/scaling_governor");
        let root = tree(&[(&policy(0), "schedutil\n"), (&policy(4), "performance\n"), (&policy(7), "schedutil\n")]);
        assert_eq!(governor(root.path()).as_deref(), Some("performance+schedutil"));
        assert_eq!(governor(tree(&[]).path()), None);
    }
}

//! What kind of machine a shared library is for, and whether it is whole, from its first bytes. Asked before the system
//! loads it: its words for the wrong machine are "cannot open shared object file", and a file that was cut off ends the
//! process with a bus error.

use std::env::consts::ARCH;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Enough for the headers below.
const HEAD_BYTES: u64 = 4096;
/// ELF: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>, `e_machine`.
const ELF_MAGIC: [u8; 4] = [0x7f, b'E', b'L', b'F'];
const ELF_MACHINES: [(u16, &str); 8] = [
    (3, "x86"),
    (21, "powerpc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
    (258, "loongarch64"),
];
/// Mach-O: `mach-o/loader.h` and `mach-o/fat.h`, `cputype`.
const MACH_MAGIC: [u8; 4] = [0xcf, 0xfa, 0xed, 0xfe];
const MACH_FAT_MAGIC: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];
const MACH_PROCESSORS: [(u32, &str); 2] = [(0x0100_0007, "x86_64"), (0x0100_000c, "aarch64")];

/// Why the library at `path` can't be loaded here; `None` if nothing speaks against it.
pub(super) fn mismatch(path: &Path) -> io::Result<Option<String>> {
    let (file, mut head) = (File::open(path)?, Vec::new());
    let size_bytes = file.metadata()?.len();
    file.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(judge(&head, cfg!(target_os = "macos")).or_else(|| cut_off(&head, size_bytes)))
}

fn judge(head: &[u8], on_mac: bool) -> Option<String> {
    let (mac_library, machines) = if head.starts_with(&ELF_MAGIC) {
        (false, elf(head).into_iter().collect())
    } else if head.starts_with(&MACH_MAGIC) {
        (true, vec![processor(head.get(4..8).and_then(|bytes| Some(u32::from_le_bytes(bytes.try_into().ok()?))))])
    } else if head.starts_with(&MACH_FAT_MAGIC) {
        (true, fat(head))
    } else if head.starts_with(b"MZ") {
        return Some("it is for Windows".to_owned());
    } else {
        return Some("it is no shared library".to_owned());
    };
    if mac_library != on_mac {
        return Some(format!("it is for {}", if mac_library { "macOS" } else { "Linux" }));
    }
    if machines.iter().any(|machine| machine == ARCH) {
        return None;
    }
    Some(format!("it is for {}, and this machine is {ARCH}", machines.join(" and ")))
}

fn elf(head: &[u8]) -> Option<String> {
    const BIG_ENDIAN: u8 = 2;
    let machine: [u8; 2] = head.get(18..20)?.try_into().ok()?;
    let number = if head[5] == BIG_ENDIAN { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) };
    let known = ELF_MACHINES.iter().find(|(known, _)| *known == number);
    Some(known.map_or_else(|| format!("machine {number}"), |(_, name)| (*name).to_owned()))
}

/// Linkers put the table of sections at the end of a file.
fn cut_off(head: &[u8], size_bytes: u64) -> Option<String> {
    const LITTLE_ENDIAN_64: [u8; 2] = [2, 1];
    if !head.starts_with(&ELF_MAGIC) || head.get(4..6)? != LITTLE_ENDIAN_64 {
        return None;
    }
    let short = |place: usize| Some(u64::from(u16::from_le_bytes(head.get(place..place + 2)?.try_into().ok()?)));
    let begin = u64::from_le_bytes(head.get(40..48)?.try_into().ok()?);
    let end = begin.saturating_add(short(58)? * short(60)?);
    (end > size_bytes).then(|| format!("it is cut off: it has {size_bytes} bytes of at least {end}"))
}

/// A file for several processors: their number, then 20 bytes for each.
fn fat(head: &[u8]) -> Vec<String> {
    let entries = head.get(8..).unwrap_or_default().chunks_exact(20);
    let count = head.get(4..8).map_or(0, |bytes| usize::from(bytes[3]));
    entries.take(count).map(|entry| processor(entry.first_chunk().copied().map(u32::from_be_bytes))).collect()
}

fn processor(number: Option<u32>) -> String {
    let known = MACH_PROCESSORS.iter().find(|(known, _)| Some(*known) == number);
    known.map_or_else(|| "another processor".to_owned(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf_for(machine: u16) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..4].copy_from_slice(&ELF_MAGIC);
        (head[4], head[5]) = (2, 1);
        head[18..20].copy_from_slice(&machine.to_le_bytes());
        head
    }

    fn here() -> u16 {
        ELF_MACHINES.iter().find(|(_, name)| *name == ARCH).expect("a known machine").0
    }

    #[test]
    fn a_library_for_this_machine_is_let_through() {
        assert_eq!(judge(&elf_for(here()), false), None);
        if cfg!(target_os = "linux") {
            let own = std::env::current_exe().expect("a path");
            assert_eq!(mismatch(&own).expect("readable"), None);
        }
    }

    #[test]
    fn another_machine_is_named_beside_this_one() {
        let (other, name) = if ARCH == "aarch64" { (62, "x86_64") } else { (183, "aarch64") };
        let message = judge(&elf_for(other), false).expect("a mismatch");
        assert_eq!(message, format!("it is for {name}, and this machine is {ARCH}"));
    }

    #[test]
    fn a_file_that_was_cut_off_is_not_loaded() {
        let mut head = elf_for(here());
        head[40..48].copy_from_slice(&1000_u64.to_le_bytes());
        (head[58], head[60]) = (64, 3);
        assert_eq!(cut_off(&head, 1192), None);
        let message = cut_off(&head, 1191).expect("cut off");
        assert!(message.contains("1191") && message.contains("1192"), "{message}");
        assert_eq!(cut_off(&elf_for(here()), 64), None, "sections may be stripped");
    }

    #[test]
    fn other_systems_and_other_files_are_told_apart() {
        let mut mac = vec![0; 64];
        mac[..4].copy_from_slice(&MACH_MAGIC);
        mac[4..8].copy_from_slice(&0x0100_000c_u32.to_le_bytes());
        assert_eq!(judge(&mac, false).as_deref(), Some("it is for macOS"));
        assert_eq!(judge(&mac, true).is_none(), ARCH == "aarch64");
        assert_eq!(judge(&elf_for(here()), true).as_deref(), Some("it is for Linux"));
        assert_eq!(judge(b"MZ\x90\0", false).as_deref(), Some("it is for Windows"));
        for no_library in [&b"#!/bin/sh"[..], b"", b"\x08\x08"] {
            assert_eq!(judge(no_library, false).as_deref(), Some("it is no shared library"));
        }
    }

    #[test]
    fn a_file_for_several_processors_has_them_all() {
        let mut head = [MACH_FAT_MAGIC.as_slice(), &2_u32.to_be_bytes()].concat();
        for processor in [0x0100_0007_u32, 0x0100_000c] {
            head.extend(processor.to_be_bytes());
            head.extend([0; 16]);
        }
        assert_eq!(fat(&head), ["x86_64", "aarch64"]);
    }
}

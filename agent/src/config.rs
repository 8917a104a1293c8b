//! What an agent is told at its start, and where its things lie by default. The only file of this crate that reads the
//! environment.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

pub use crate::power::meters::MeterSpec;
pub use crate::supervise::RunnerCommand;

/// Everything an agent needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `http://host:port`.
    pub coordinator: String,
    /// Unique in the fleet.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// This agent's own: identity, spool, cache.
    pub data_dir: PathBuf,
    /// The ONNX Runtime library; `None` = the managed toolchain's.
    pub onnxruntime: Option<PathBuf>,
    pub toolchain_root: PathBuf,
    /// In bytes; `None` = 20 GiB, or less on a small disk.
    pub cache_limit: Option<u64>,
    /// Recorded readings of the environment in place of the machine's, for tests of what follows from them.
    pub readings: Option<PathBuf>,
    pub runner_command: RunnerCommand,
    /// Meters outside of the board.
    pub meters: Vec<MeterSpec>,
    /// Whether runs may change settings of the board, such as the governor; they are put back.
    pub may_pin: bool,
    /// The board to simulate; `None` = this machine as it is.
    pub simulate: Option<String>,
}

/// Where Furlong keeps its data unless told otherwise: `/var/lib/furlong` for root, else the user's own data directory.
pub fn default_data_dir() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/lib/furlong");
    }
    let home = env::home_dir().unwrap_or_else(|| PathBuf::from("."));
    if cfg!(target_os = "macos") {
        return home.join("Library/Application Support/furlong");
    }
    // An empty or relative value counts as unset (XDG Base Directory Specification 0.8).
    let data_home = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    data_home.unwrap_or_else(|| home.join(".local/share")).join("furlong")
}

/// The agent's directory below Furlong's: one for each name, so that several agents can share a machine.
pub fn agent_data_dir(data_dir: &std::path::Path, name: &str) -> PathBuf {
    data_dir.join("agent").join(name)
}

/// The managed toolchain's directory below Furlong's.
pub fn toolchain_root(data_dir: &std::path::Path) -> PathBuf {
    data_dir.join("toolchain")
}

/// This very program with the argument `runner`: both binaries understand it.
pub fn own_runner() -> io::Result<RunnerCommand> {
    Ok(RunnerCommand { program: env::current_exe()?, arguments: vec![OsString::from("runner")] })
}

/// The machine's name, as far as a device may bear it.
pub(crate) fn host_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    let first = name.split('.').next().unwrap_or_default();
    (!first.is_empty()).then(|| first.to_owned())
}

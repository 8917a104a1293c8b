//! Asks the runtime library about itself, in a child process: a library that crashes must not take the agent with it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;
use toolchain::{Package, Toolchain};

use crate::config::Config;
use crate::error::AgentError;
use crate::supervise::RunnerCommand;

/// Loading takes 30 ms from a warm page cache; a slow SD card reads 35 MB in seconds.
const PROBE_TIMEOUT: Duration = Duration::from_mins(1);

/// What a runtime library says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RuntimeFacts {
    pub(crate) version: String,
    pub(crate) providers: Vec<String>,
}

/// The configured library, else the managed toolchain's.
pub(crate) fn find_library(config: &Config) -> Result<PathBuf, AgentError> {
    if let Some(library) = &config.onnxruntime {
        return std::path::absolute(library)
            .map_err(|error| AgentError::Runtime { library: library.clone(), why: error.to_string() });
    }
    let missing = || AgentError::NoRuntime { toolchain_root: config.toolchain_root.clone() };
    let installed = Toolchain::new(config.toolchain_root.clone()).installed(Package::OnnxRuntime)?;
    Ok(installed.ok_or_else(missing)?.library()?)
}

/// Runs `runner probe LIBRARY`, which prints one JSON object.
pub(crate) async fn probe(runner: &RunnerCommand, library: &Path) -> Result<RuntimeFacts, AgentError> {
    let unusable = |why: String| AgentError::Runtime { library: library.to_owned(), why };
    let child = Command::new(&runner.program)
        .args(&runner.arguments)
        .arg("probe")
        .arg(library)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PROBE_TIMEOUT, child)
        .await
        .map_err(|_elapsed| unusable(format!("loading it did not end within {PROBE_TIMEOUT:?}")))?
        .map_err(|error| unusable(format!("cannot start `{}`: {error}", runner.program.display())))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        // Its hint says the same as ours.
        let why = stderr.split("\nhint:").next().unwrap_or_default().trim();
        return Err(unusable(format!("{why} ({})", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| unusable(format!("its probe printed no facts: {error}")))
}

//! `toolchain install|ls|verify` of a board: the managed ONNX Runtime, and nothing else of the toolchain.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;
use toolchain::{Package, Progress, Source, Toolchain, ToolchainError};

#[derive(Debug, Clone, Subcommand)]
pub enum ToolchainCommand {
    /// Fetch the pinned ONNX Runtime with pip, or take it from a directory of wheels
    Install {
        /// Take the wheel from this directory instead of downloading it
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Say what is installed, and where
    Ls,
    /// Hash every installed file again
    Verify,
}

#[derive(Debug, thiserror::Error)]
pub enum ToolchainCommandError {
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    #[error("cannot write the answer")]
    Output(#[from] io::Error),
    #[error("{0} of the installed packages are damaged\nhint: remove their directories and run `toolchain install`")]
    Damaged(usize),
}

impl ToolchainCommand {
    /// Does it, and writes the answer to `out`.
    pub fn run(self, toolchain: &Toolchain, out: &mut dyn Write) -> Result<(), ToolchainCommandError> {
        match self {
            Self::Install { from } => install(toolchain, from, out),
            Self::Ls => list(toolchain, out),
            Self::Verify => verify(toolchain, out),
        }
    }
}

fn install(toolchain: &Toolchain, from: Option<PathBuf>, out: &mut dyn Write) -> Result<(), ToolchainCommandError> {
    let source = from.map_or_else(Source::pip, Source::Directory);
    // Progress is news; that nobody reads it is no reason to stop.
    let mut progress = |progress: Progress| writeln!(out, "{progress}").unwrap_or_default();
    let installed = toolchain.install(Package::OnnxRuntime, &source, &mut progress)?;
    writeln!(out, "{}", installed.library()?.display())?;
    Ok(())
}

fn list(toolchain: &Toolchain, out: &mut dyn Write) -> Result<(), ToolchainCommandError> {
    let package = Package::OnnxRuntime;
    match toolchain.installed(package)? {
        Some(installed) => writeln!(out, "{package} {}  {}", installed.version, installed.directory.display())?,
        None => writeln!(out, "{package} {}  not installed", package.version())?,
    }
    Ok(())
}

fn verify(toolchain: &Toolchain, out: &mut dyn Write) -> Result<(), ToolchainCommandError> {
    let verified = toolchain.verify()?;
    verified.iter().try_for_each(|package| writeln!(out, "{package}"))?;
    let damaged = verified.iter().filter(|package| package.is_damaged()).count();
    if damaged > 0 { Err(ToolchainCommandError::Damaged(damaged)) } else { Ok(()) }
}

//! The command line of `furlong artifacts`.

use clap::{Args, Subcommand};
use domain::Digest;

use super::{Connection, ListArgs, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactsCommand {
    /// List the stored files with who needs them
    Ls(ListArgs),
    /// Remove what no model and no campaign needs and nobody asked for within a day, as the coordinator does daily by itself
    Gc(CollectArgs),
    /// Read stored files again and compare them with their hash; damaged ones are put aside
    Verify(VerifyArtifactsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CollectArgs {
    /// Only count
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArtifactsArgs {
    /// SHA-256 of the files to read [default: all]
    pub(crate) sha256: Vec<Digest>,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) output: Output,
}

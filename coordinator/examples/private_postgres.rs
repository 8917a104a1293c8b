//! Runs a private PostgreSQL for tools that need one, such as `cargo sqlx prepare`: see `.ci/sqlx-check`.
//!
//! usage: `private_postgres DATA_DIR URL_FILE`: writes the server's URL to the file, says `ready`, and stops when its
//! standard input ends.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use furlong_coordinator::cluster::{Cluster, ClusterConfig};
use sqlx::ConnectOptions as _;
use toolchain::{Package, Source, Toolchain};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let data_dir = arguments.next().context("usage: private_postgres DATA_DIR URL_FILE")?;
    let url_file = arguments.next().context("usage: private_postgres DATA_DIR URL_FILE")?;
    let toolchain = Toolchain::new(data_dir.join("toolchain"));
    let bin_dir = toolchain.install(Package::PostgreSql, &Source::pip(), &mut |_| {})?.bin_dir()?;
    let cluster = Cluster::start(ClusterConfig { data_dir, bin_dir }).await?;
    std::fs::write(url_file, cluster.connect_options().to_url_lossy().as_str())?;
    writeln!(std::io::stdout(), "ready")?;
    // Blocks this thread only; the server runs in a process of its own.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    cluster.stop().await?;
    Ok(())
}

//! The handle: start or adopt, watch, restart, stop.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;
use tracing::info;

use super::binaries::major_version;
use super::error::ClusterError;
use super::initdb;
use super::lock::DirectoryLock;
use super::log::ServerLog;
use super::place::Place;
use super::postmaster::{Postmaster, PostmasterGone};
use super::server::{Address, DATABASE, create_database};
use super::startup::Startup;

#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// The coordinator's own data directory; the cluster goes into `postgres` below it.
    pub data_dir: PathBuf,
    /// Of `postgres` and `initdb`.
    pub bin_dir: PathBuf,
}

/// A running PostgreSQL that belongs to this process. Dropped without [`Cluster::stop`], it asks the server to shut down and
/// does not wait; after a `kill -9` the server runs on, and the next [`Cluster::start`] adopts it.
#[derive(Debug)]
pub struct Cluster {
    place: Place,
    log: ServerLog,
    password: String,
    /// Of the server now or, while there is none, of the last one.
    address: Address,
    /// `None` after a restart that failed.
    pub(super) postmaster: Option<Postmaster>,
    /// Last, so that it is released last.
    _lock: DirectoryLock,
}

impl Cluster {
    /// Creates the cluster on first use, starts its server or adopts the one that runs, and waits until it answers: crash
    /// recovery may take up to two minutes. Blocks the thread for a moment where PostgreSQL's programs must be copied.
    pub async fn start(config: ClusterConfig) -> Result<Self, ClusterError> {
        let ClusterConfig { data_dir, bin_dir } = config;
        fs::create_dir_all(&data_dir).map_err(ClusterError::io("create", &data_dir))?;
        let data_dir = fs::canonicalize(&data_dir).map_err(ClusterError::io("find", &data_dir))?;
        let lock = DirectoryLock::acquire(&data_dir)?;
        let place = Place::prepare(&data_dir, &bin_dir)?;
        let ours = major_version(&place.bin_dir, place.owner).await?;
        initdb::ensure(&place, ours).await?;
        let password = place.password()?.ok_or_else(|| ClusterError::Stranger {
            directory: place.data(),
            evidence: "the file `furlong.password` is not there".to_owned(),
        })?;
        let log = ServerLog::new(&data_dir);
        log.rotate()?;

        let postmaster = Startup { place: &place, log: &log, password: &password }.run(None).await?;
        create_database(&postmaster.address, &password).await?;
        info!(pid = postmaster.pid(), version = ours, directory = %place.home.display(), "PostgreSQL is ready");
        let address = postmaster.address.clone();
        Ok(Self { place, log, password, address, postmaster: Some(postmaster), _lock: lock })
    }

    /// For the database `furlong`. Ask again after a [`Cluster::restart`]: a loopback port may have changed.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.address.options(&self.password, DATABASE)
    }

    /// Where the cluster's files are: below the data directory, unless its user cannot reach that.
    pub fn directory(&self) -> &Path {
        &self.place.home
    }

    /// Resolves when the server has ended, at once if it has already. May be dropped and called again.
    pub async fn watch(&mut self) -> PostmasterGone {
        match &mut self.postmaster {
            Some(postmaster) => postmaster.watch().await,
            None => PostmasterGone::Vanished,
        }
    }

    /// Starts the server again after it ended, with all it had committed. Does nothing while it runs.
    pub async fn restart(&mut self) -> Result<(), ClusterError> {
        if self.postmaster.as_mut().is_some_and(|postmaster| postmaster.ended().is_none()) {
            return Ok(());
        }
        self.postmaster = None;
        let port = match self.address {
            Address::Loopback { port } => Some(port),
            Address::Socket { .. } => None,
        };
        let startup = Startup { place: &self.place, log: &self.log, password: &self.password };
        let postmaster = startup.run(port).await?;
        info!(pid = postmaster.pid(), "PostgreSQL is ready again");
        self.address = postmaster.address.clone();
        self.postmaster = Some(postmaster);
        Ok(())
    }

    /// Shuts the server down in order, or after half a minute without order; nothing committed is lost either way.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        match self.postmaster.take() {
            Some(postmaster) => postmaster.stop().await,
            None => Ok(()),
        }
    }
}

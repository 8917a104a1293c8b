//! The database the coordinator runs on: somebody's server, or a private one that is kept alive here.

use std::{path::Path, time::Duration};

use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    Database,
    cluster::{Cluster, ClusterConfig, ClusterError},
    start::StartError,
    store::Store,
};

/// Pause between attempts to bring a dead server back: a full disk or a wrong file takes a person, not a busy loop.
const RESTART_PAUSE: Duration = Duration::from_secs(2);

/// Starts the private cluster if there is to be one, and says where to connect.
pub(crate) async fn open(
    database: &Database,
    data_dir: &Path,
) -> Result<(Option<Cluster>, PgConnectOptions), StartError> {
    match database {
        Database::Url(url) => Ok((None, url.parse().map_err(StartError::DatabaseUrl)?)),
        Database::Private { bin_dir } => {
            let config = ClusterConfig { data_dir: data_dir.to_owned(), bin_dir: bin_dir.clone() };
            let cluster = Cluster::start(config).await?;
            let options = cluster.connect_options();
            Ok((Some(cluster), options))
        }
    }
}

/// Restarts the cluster whenever its server ends, until `stop`; then shuts it down.
pub(crate) async fn keep_alive(
    mut cluster: Cluster,
    store: Store,
    stop: CancellationToken,
) -> Result<(), ClusterError> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return cluster.stop().await,
            gone = cluster.watch() => warn!(?gone, "PostgreSQL ended; it is started again"),
        }
        match cluster.restart().await {
            Ok(()) => store.reconnect_to(cluster.connect_options()),
            Err(restart_error) => {
                error!(error = &restart_error as &dyn std::error::Error, "PostgreSQL does not start; trying again");
                tokio::select! {
                    () = stop.cancelled() => return cluster.stop().await,
                    () = tokio::time::sleep(RESTART_PAUSE) => {}
                }
            }
        }
    }
}

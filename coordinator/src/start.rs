//! Brings everything up in order: address, database, schema, artifacts; then the engine can run.

use std::{fs, io, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use domain::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    ArtifactPlace, Config,
    artifacts::{ArtifactError, Artifacts, bucket},
    cluster::{Cluster, ClusterError},
    config::bucket_settings,
    database,
    engine::{Engine, Settings},
    store::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "refusing to listen on {0}: everybody who reaches it could run benchmarks and read results; \
         listen on 127.0.0.1, or pass --insecure on a private network"
    )]
    NotLoopback(SocketAddr),
    #[error("{0} is in use: is another coordinator running? Choose another address with --listen")]
    AddressInUse(SocketAddr),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot prepare the data directory {path}")]
    DataDir { path: String, source: io::Error },
    #[error("the database URL cannot be read")]
    DatabaseUrl(#[source] sqlx::Error),
    #[error("cannot start the private PostgreSQL")]
    Cluster(#[from] ClusterError),
    #[error("cannot use the database")]
    Database(#[source] sqlx::Error),
    #[error("cannot use the artifact store {place}{hint}")]
    Artifacts { place: ArtifactPlace, hint: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("cannot describe the services")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A coordinator that is ready to [`serve`](Coordinator::serve).
pub struct Coordinator {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) engine: Engine,
    pub(crate) cluster: Option<Cluster>,
}

impl Coordinator {
    /// Binds the address, starts or connects to the database, and brings its schema up to date.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let Config { listen, insecure, data_dir, artifacts, database, heartbeat, lease } = config;
        check_address(listen, insecure)?;
        create_data_dir(&data_dir)?;
        // First, since it is the cheapest thing that two coordinators can collide over.
        let listener = TcpListener::bind(listen).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::AddressInUse(listen),
            _ => StartError::Listen { address: listen, source },
        })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address: listen, source })?;
        let (cluster, options) = database::open(&database, &data_dir).await?;
        let store = Store::open(options).await.map_err(StartError::Database)?;
        let artifacts = open_artifacts(artifacts, &data_dir).await?;
        let settings = Settings { heartbeat, lease };
        let engine = Engine::new(store, artifacts, clock, settings, CancellationToken::new());
        info!(%address, "the coordinator is ready");
        Ok(Self { listener, address, engine, cluster })
    }

    /// Where it listens, with the port it was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

async fn open_artifacts(place: ArtifactPlace, data_dir: &Path) -> Result<Artifacts, StartError> {
    const HINT: &str = "\nhint: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say where it is and who we are";
    let opened = match &place {
        ArtifactPlace::Folder(folder) => Artifacts::in_folder(folder.clone()).await,
        ArtifactPlace::Bucket { name, prefix } => match bucket(bucket_settings(), name, prefix) {
            Ok(store) => Artifacts::in_bucket(store, data_dir.join("artifacts").join("incoming")).await,
            Err(error) => Err(ArtifactError::store(error)),
        },
    };
    let hint = if matches!(place, ArtifactPlace::Bucket { .. }) { HINT } else { "" };
    opened.map_err(|error| StartError::Artifacts { place, hint, source: Box::new(error) })
}

fn check_address(listen: SocketAddr, insecure: bool) -> Result<(), StartError> {
    match (listen.ip().is_loopback(), insecure) {
        (true, _) => Ok(()),
        (false, false) => Err(StartError::NotLoopback(listen)),
        (false, true) => {
            warn!(
                %listen,
                "INSECURE: no encryption and no authentication; everybody who reaches this address controls the fleet"
            );
            Ok(())
        }
    }
}

fn create_data_dir(path: &Path) -> Result<(), StartError> {
    if path.is_dir() {
        return Ok(());
    }
    // The private database may run as another user, who must be able to pass through.
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .map_err(|source| data_dir_error(path, source))
}

fn data_dir_error(path: &Path, source: io::Error) -> StartError {
    StartError::DataDir { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_needs_consent() {
        let check = |text: &str, insecure| check_address(text.parse().expect("an address"), insecure);
        assert!(check("127.0.0.1:0", false).is_ok());
        assert!(check("[::1]:0", false).is_ok());
        assert!(check("0.0.0.0:0", true).is_ok());
        let refused = check("0.0.0.0:7717", false).expect_err("refused").to_string();
        assert!(refused.contains("--insecure"), "{refused}");
    }
}

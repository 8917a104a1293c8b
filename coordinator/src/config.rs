//! How a coordinator is configured.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// Everything a coordinator needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port 0 takes any free one: see [`crate::Coordinator::local_addr`].
    pub listen: SocketAddr,
    /// Allows an address that others can reach, without encryption and without asking who they are.
    pub insecure: bool,
    /// Artifacts and the private database; created with mode 0755.
    pub data_dir: PathBuf,
    pub database: Database,
    /// How often agents say that they are alive.
    pub heartbeat: Duration,
    /// How long an attempt stays with a silent agent.
    pub lease: Duration,
}

impl Config {
    pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7717);
    /// A dead board is noticed within half a minute, and ten thousand agents send only a thousand messages a second.
    pub const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(10);
    /// Three missed heartbeats.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(30);

    /// The defaults, for a data directory and a database.
    pub fn new(data_dir: PathBuf, database: Database) -> Self {
        Self {
            listen: Self::DEFAULT_LISTEN,
            insecure: false,
            data_dir,
            database,
            heartbeat: Self::DEFAULT_HEARTBEAT,
            lease: Self::DEFAULT_LEASE,
        }
    }
}

/// Where the data is.
#[derive(Clone)]
pub enum Database {
    /// A PostgreSQL server that somebody else runs, as a `postgres://` URL. May hold a password.
    Url(String),
    /// A cluster of our own in the data directory, run by the programs in this directory.
    Private { bin_dir: PathBuf },
}

impl fmt::Debug for Database {
    /// Without the URL, for it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_) => f.write_str("Url(..)"),
            Self::Private { bin_dir } => f.debug_struct("Private").field("bin_dir", bin_dir).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let config = Config::new("data".into(), Database::Url("postgres://me:hunter2@db/furlong".to_owned()));
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}

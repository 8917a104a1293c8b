//! How a coordinator is configured.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use object_store::aws::AmazonS3Builder;

/// Everything a coordinator needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port 0 takes any free one: see [`crate::Coordinator::local_addr`].
    pub listen: SocketAddr,
    /// Allows an address that others can reach, without encryption and without asking who they are.
    pub insecure: bool,
    /// Artifacts and the private database; created with mode 0755.
    pub data_dir: PathBuf,
    pub artifacts: ArtifactPlace,
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
            artifacts: ArtifactPlace::Folder(data_dir.join("artifacts")),
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

/// Where whole artifacts are kept. Uploads arrive on this machine's disk in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactPlace {
    Folder(PathBuf),
    /// Of S3 or anything that speaks its protocol; where that is and who we are say the usual variables `AWS_*`.
    Bucket {
        name: String,
        /// Empty: none.
        prefix: String,
    },
}

/// Text that names no place for artifacts.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no place for artifacts\nhint: a folder, or s3://BUCKET/PREFIX")]
pub struct InvalidPlace(String);

impl FromStr for ArtifactPlace {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let invalid = || InvalidPlace(text.to_owned());
        match text.split_once("://") {
            None if text.is_empty() => Err(invalid()),
            None => Ok(Self::Folder(PathBuf::from(text))),
            Some(("s3", rest)) => {
                let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if name.is_empty() {
                    return Err(invalid());
                }
                Ok(Self::Bucket { name: name.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
            }
            Some(_) => Err(invalid()),
        }
    }
}

impl fmt::Display for ArtifactPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

/// Credentials, region and endpoint from the environment, by the names that every tool for S3 knows.
pub(crate) fn bucket_settings() -> AmazonS3Builder {
    AmazonS3Builder::from_env()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let config = Config::new("data".into(), Database::Url("postgres://me:hunter2@db/furlong".to_owned()));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_place_for_artifacts_is_a_folder_or_a_bucket() {
        let bucket =
            |name: &str, prefix: &str| ArtifactPlace::Bucket { name: name.to_owned(), prefix: prefix.to_owned() };
        let parse = |text: &str| text.parse::<ArtifactPlace>();
        assert_eq!(parse("/srv/artifacts").expect("a folder"), ArtifactPlace::Folder("/srv/artifacts".into()));
        assert_eq!(parse("s3://farm").expect("a bucket"), bucket("farm", ""));
        assert_eq!(parse("s3://farm/a/b/").expect("a bucket"), bucket("farm", "a/b"));
        for bad in ["", "s3://", "s3:///x", "ftp://host/x"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}

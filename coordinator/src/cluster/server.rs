//! How the server is addressed, and what it answers.

use std::borrow::Cow;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection, Row};

use super::error::ClusterError;

/// The cluster's only role and only database of its own.
pub(super) const ROLE: &str = "furlong";
pub(super) const DATABASE: &str = "furlong";

/// Part of the socket's file name; nothing else uses a private directory, so that the port need not vary.
const SOCKET_PORT: u16 = 5432;
/// `sun_path` without its closing NUL.
const SOCKET_PATH_BYTES: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
/// For one connection attempt to a server on this machine.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the server listens: one of the two, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Socket { directory: PathBuf, port: u16 },
    Loopback { port: u16 },
}

impl Address {
    /// A socket in this directory; `None` if its path would be too long for the system.
    pub(super) fn socket(directory: &Path) -> Option<Self> {
        let file = directory.join(format!(".s.PGSQL.{SOCKET_PORT}"));
        let fits = file.as_os_str().as_bytes().len() <= SOCKET_PATH_BYTES;
        fits.then(|| Self::Socket { directory: directory.to_owned(), port: SOCKET_PORT })
    }

    /// Every option is set here, so that no `PG*` variable of the environment leads elsewhere.
    pub(super) fn options(&self, password: &str, database: &str) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass();
        let options = match self {
            Self::Socket { directory, port } => options.socket(directory).port(*port),
            Self::Loopback { port } => options.host("127.0.0.1").port(*port),
        };
        options
            .username(ROLE)
            .password(password)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .application_name("furlong")
    }
}

/// What a server says when it is asked for a connection.
#[derive(Debug)]
pub(super) enum Answer {
    Ready,
    /// It starts, recovers or shuts down (SQLSTATE 57P03), or has no connection left (53300).
    NotNow,
    /// It answers, but is not ours.
    Stranger(String),
    Nothing,
}

/// Asks the server at this address whether it is ready and whether this is its data directory.
pub(super) async fn probe(address: &Address, password: &str, data: &Path) -> Answer {
    let attempt = async {
        let mut connection = address.options(password, "postgres").connect().await?;
        let directory: String = sqlx::query("show data_directory").fetch_one(&mut connection).await?.try_get(0)?;
        connection.close().await?;
        Ok(directory)
    };
    match tokio::time::timeout(PROBE_TIMEOUT, attempt).await {
        Ok(Ok(directory)) if is_same(Path::new(&directory), data) => Answer::Ready,
        Ok(Ok(directory)) => Answer::Stranger(format!("its data directory is `{directory}`")),
        Ok(Err(error)) => explain(&error),
        Err(_) => Answer::Nothing,
    }
}

fn explain(error: &sqlx::Error) -> Answer {
    let code = error.as_database_error().and_then(|error| error.code().map(Cow::into_owned));
    match code.as_deref() {
        Some("57P03" | "53300" | "57P01" | "57P02") => Answer::NotNow,
        Some("28P01" | "28000") => Answer::Stranger(error.to_string()),
        _ => Answer::Nothing,
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || fs::canonicalize(one).is_ok_and(|one| one == other)
}

/// Creates our database in a new cluster. An interrupted earlier attempt left nothing or all of it.
pub(super) async fn create_database(address: &Address, password: &str) -> Result<(), ClusterError> {
    let error = |source| ClusterError::CreateDatabase { database: DATABASE, source };
    let mut connection: PgConnection = address.options(password, "postgres").connect().await.map_err(error)?;
    let exists = sqlx::query("select 1 from pg_database where datname = $1")
        .bind(DATABASE)
        .fetch_optional(&mut connection)
        .await
        .map_err(error)?;
    if exists.is_none() {
        sqlx::query("create database furlong").execute(&mut connection).await.map_err(error)?;
    }
    connection.close().await.map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_that_does_not_fit_is_refused() {
        // The file name in the directory is 14 bytes with its slash.
        let longest = format!("/{}", "d".repeat(SOCKET_PATH_BYTES - 14 - 1));
        assert!(Address::socket(Path::new(&longest)).is_some());
        assert_eq!(Address::socket(Path::new(&format!("{longest}d"))), None);
    }
}

//! What can go wrong in the store, typed by what the caller does about it.

use sqlx::error::DatabaseError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// PostgreSQL is away, restarting or overloaded: try again later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Another transaction was faster (deadlock or unique violation): derive the situation anew.
    #[error("another transaction was faster")]
    Raced(#[source] sqlx::Error),
    /// PostgreSQL refused a statement: a defect of ours.
    #[error("the database refused a statement")]
    Refused(#[source] sqlx::Error),
    /// A row that does not convert.
    #[error("table `{table}`, row {id}: column `{column}` holds what it must not")]
    Inconsistent { table: &'static str, column: &'static str, id: String },
    /// A value that no column can hold.
    #[error("`{0}` is out of range")]
    OutOfRange(&'static str),
}

impl StoreError {
    /// Whether trying again may help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Raced(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) => match sqlstate_class(database.as_ref()).as_str() {
                // Connection exceptions, resources (disk full, too many connections), operator intervention (shutdown,
                // crash recovery, cancelled statement), system errors.
                "08" | "53" | "57" | "58" => Self::Unavailable(error),
                // Serialization failures and deadlocks.
                "40" => Self::Raced(error),
                // Our unique indexes are guards against a faster transaction.
                _ if database.is_unique_violation() => Self::Raced(error),
                _ => Self::Refused(error),
            },
            _ => Self::Refused(error),
        }
    }
}

fn sqlstate_class(error: &dyn DatabaseError) -> String {
    error.code().map(|code| code.chars().take(2).collect()).unwrap_or_default()
}

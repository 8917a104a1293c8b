//! The runner: the agent's child process, one per attempt. Loads the runtime and the model, measures, reports, ends.
//!
//! It holds no tokio and no logging, so that nothing runs beside the measured thread. Only [`runtime`] knows ONNX Runtime,
//! and only [`stopwatch`](crate::stopwatch) reads the monotonic clock. What the runner finds wrong it reports; what kills it, its supervisor
//! explains.

pub mod bench;
mod environment;
mod evaluate;
mod fault;
mod fingerprint;
mod input;
mod job;
mod load;
mod measure;
mod model_file;
mod pipe;
mod process;
mod report;
mod runtime;
mod tasks;

pub use job::main;
pub(crate) use measure::wait_until;
pub(crate) use process::raise_own_session;
pub(crate) use runtime::{CallError, Callable};
pub use runtime::{LibraryError, LibraryFacts, probe_library};

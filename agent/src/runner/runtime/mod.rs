//! ONNX Runtime, behind names of our own: the only place that knows `ort` and the library's C interface.
//!
//! One process loads one library and makes one environment, ever; that is why every attempt has a process of its own. No
//! `ort` item may be touched before [`Engine::load`] succeeded: it would look for a library by itself, and panic.

mod answer;
mod architecture;
mod bound;
mod callable;
mod element;
mod engine;
mod failure;
mod library;
mod nan;
mod output;
mod profile;
mod provider;
mod setup;
mod state;
mod tensor;
mod trace;

pub(super) use bound::Bound;
pub(crate) use callable::{CallError, Callable};
pub(super) use engine::{Engine, EngineError, Model, Source};
pub(super) use failure::RuntimeError;
pub use library::{LibraryError, LibraryFacts, probe_library};
pub(super) use setup::SessionSetup;

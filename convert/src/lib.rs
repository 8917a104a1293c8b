//! Precision variants of models, made by the field's own converters: onnxruntime's, in a Python environment that Furlong
//! installs by name from a lock with hashes.
//!
//! Owns `<data_dir>/toolchain/python-<hash>`, the scripts in `python/` that call the converters, and what they are asked for
//! ([`Options`]). It converts nothing itself, names no registry, and knows neither campaigns nor stores: a variant's
//! [key](Job::key) says when it need not be made again.

mod agreement;
mod answer;
mod converter;
mod environment;
mod error;
mod isa;
mod job;
mod lock;
mod options;
mod pip;
mod process;
mod scratch;
mod scripts;
mod sensitivity;

pub use agreement::{Agreement, Inputs};
pub use answer::RefusalKind;
pub use converter::{Converted, Converter};
pub use error::ConvertError;
pub use isa::Isa;
pub use job::Job;
pub use options::{Activation, Calibration, Method, Options, host_defaults};
pub use sensitivity::{InvalidSensitivities, Sensitivities};

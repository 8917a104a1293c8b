//! Why a model can't be built, in words for whoever asked for it.

use std::path::PathBuf;

/// No model was built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("unknown architecture `{name}`\nhint: {hint}")]
    UnknownArchitecture { name: String, hint: String },
    #[error("can't read the weights {}", file.display())]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{} is not a safetensors file: {why}\nhint: weights are the `model.safetensors` of a trained model", file.display())]
    NotSafetensors { file: PathBuf, why: &'static str },
    #[error("{} has no header of a safetensors file\nhint: weights are the `model.safetensors` of a trained model", file.display())]
    Header { file: PathBuf, source: serde_json::Error },
    #[error(
        "`{architecture}` needs a weight `{weight}`, and {} has none\nhint: the file must hold this architecture with its head; without a file, weights are random, which is all that latency needs",
        file.display()
    )]
    MissingWeight { architecture: String, weight: String, file: PathBuf },
    #[error(
        "the weight `{weight}` of {} has the shape {found:?}, and `{architecture}` needs {expected:?}\nhint: the file holds another architecture, or another size of it",
        file.display()
    )]
    WrongShape { architecture: String, weight: String, file: PathBuf, found: Vec<usize>, expected: Vec<usize> },
    #[error(
        "the weight `{weight}` of {} has elements of type {found}\nhint: F32, F16 and BF16 are read; convert the file to one of them",
        file.display()
    )]
    WrongElement { weight: String, file: PathBuf, found: String },
}

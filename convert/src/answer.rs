//! What `variant.py` answers: the contract between it and Rust.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// One line of JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer<T> {
    Ok(T),
    Error(Refusal),
}

/// A reason that the script tells, and no crash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    pub(crate) message: String,
}

/// Why a variant could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// A package is not in the environment.
    ModuleMissing,
    /// The script and this program disagree on what a job is.
    BadJob,
    UnreadableModel,
    /// A node to exclude is not in the model.
    UnknownNode,
    Calibration,
    /// Given inputs do not fit the model.
    Inputs,
    /// The recipe finds nothing in the model that it could change.
    NothingToConvert,
    /// The converter cannot do it with this model.
    Unsupported,
    /// The converter's result is no model that ONNX Runtime loads.
    NotLoadable,
    DiskFull,
    OutOfMemory,
    /// Anything else: the converter raised an exception.
    #[serde(other)]
    Failed,
}

impl RefusalKind {
    /// What to do next.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::ModuleMissing => {
                "remove the environment's directory (`python-..` in the toolchain's); it is then built anew"
            }
            Self::BadJob => "this is a defect of Furlong; please report it with the job",
            Self::UnreadableModel => {
                "check that the file is a complete ONNX model and that its side files lie beside it"
            }
            Self::UnknownNode => "`exclude` takes exact node names; one without a name goes by `<operator>_<position>`",
            Self::Calibration | Self::Inputs => {
                "give an .npz file with an array for each input of the model, samples along the first axis"
            }
            Self::NothingToConvert => "leave this precision out for this model",
            Self::Unsupported | Self::NotLoadable | Self::Failed => {
                "leave this precision out for this model, exclude the nodes that are named, or attach a variant of your own"
            }
            Self::DiskFull => {
                "free some space beside the file that is written; a conversion needs about four times the model's size"
            }
            Self::OutOfMemory => "a conversion needs about four times the model's size in memory",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.message, self.kind.hint())
    }
}

/// What `convert` answers.
#[derive(Debug, Deserialize)]
pub(crate) struct ConvertedAnswer {
    pub(crate) tool: String,
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) options: BTreeMap<String, String>,
    /// Nodes by operator.
    pub(crate) converted: BTreeMap<String, u32>,
    /// From the folder of the ONNX file.
    pub(crate) side_files: Vec<String>,
    pub(crate) duration_ms: u64,
}

/// Reads an answer; the outer error is for bytes that are none.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Result<T, Refusal>, serde_json::Error> {
    Ok(match serde_json::from_slice(bytes)? {
        Answer::Ok(answer) => Ok(answer),
        Answer::Error(refusal) => Err(refusal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_a_failure_and_not_garbage() {
        let text = br#"{"error": {"kind": "of-tomorrow", "message": "m"}}"#;
        let refusal = parse::<u32>(text).expect("an answer").expect_err("a refusal");
        assert_eq!(refusal, Refusal { kind: RefusalKind::Failed, message: "m".to_owned() });
        assert_eq!(parse::<u32>(br#"{"ok": 3}"#).expect("an answer"), Ok(3));
        assert!(parse::<u32>(b"").is_err());
    }
}

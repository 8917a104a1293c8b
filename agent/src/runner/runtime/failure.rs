//! ONNX Runtime's errors, with what was being done, and whose fault they are.

use domain::FailureKind;

use super::profile::ProfileError;

/// What C++ and ONNX Runtime say when memory ran out.
const OUT_OF_MEMORY_WORDS: [&str; 7] = [
    "bad allocation",
    "bad_alloc",
    "failed to allocate",
    "failed allocation",
    "not enough memory",
    "out of memory",
    "cannot allocate memory",
];

/// An error of the runtime, or of a model that the runtime runs without complaint. Its text is the runtime's own.
#[derive(Debug, thiserror::Error)]
pub(in crate::runner) enum RuntimeError {
    #[error("the runtime can't make its environment")]
    Environment(#[source] ort::Error),
    #[error("the runtime refuses the session's settings")]
    Settings(#[source] ort::Error),
    #[error(
        "the provider {provider} can't be used: {why}\nhint: this device's runtime has {available}; other providers need another runtime or the provider's own library, and what a provider prints is kept with the attempt"
    )]
    Provider { provider: String, why: String, available: String },
    #[error("the runtime can't load the model for {provider}")]
    Load { provider: String, source: ort::Error },
    #[error("input `{name}` is {found}, which can't be fed yet")]
    Input { name: String, found: String },
    #[error("the state `{output}` -> `{input}` can't be carried from call to call: {why}")]
    State { output: String, input: String, why: String },
    #[error("the runtime can't bind inputs and outputs")]
    Bind(#[source] ort::Error),
    #[error("the first inference of query {query} failed")]
    FirstRun { query: usize, source: ort::Error },
    #[error("inference {number} (query {query}) failed")]
    Run { number: u32, query: usize, source: ort::Error },
    #[error("an inference outside of measuring failed")]
    Answer { source: ort::Error },
    #[error("an inference of query {query} failed after measuring")]
    LastRun { query: usize, source: ort::Error },
    #[error(
        "output `{output}` is not a number (NaN) in {count} of {of} values {}\nhint: check the model with real inputs; what is measured on NaN says nothing about it",
        when(*query)
    )]
    NotANumber {
        output: String,
        count: usize,
        of: usize,
        /// `None`: whatever ran last in the measurement.
        query: Option<usize>,
    },
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

fn when(query: Option<usize>) -> String {
    query.map_or_else(|| "after measuring".to_owned(), |query| format!("for query {query}"))
}

impl RuntimeError {
    pub(in crate::runner) fn kind(&self) -> FailureKind {
        match self {
            Self::Environment(error) if classify(error.message()) == FailureKind::Model => FailureKind::Infra,
            Self::Environment(error)
            | Self::Settings(error)
            | Self::Load { source: error, .. }
            | Self::Bind(error)
            | Self::FirstRun { source: error, .. }
            | Self::Run { source: error, .. }
            | Self::Answer { source: error }
            | Self::LastRun { source: error, .. } => classify(error.message()),
            // Not the model's fault, but a second try on the same device would end the same.
            Self::Provider { why, .. } => classify(why),
            Self::Input { .. } | Self::State { .. } | Self::NotANumber { .. } => FailureKind::Model,
            Self::Profile(_) => FailureKind::Infra,
        }
    }
}

/// Memory or the model: a runtime that could be loaded has no other reason to refuse.
fn classify(message: &str) -> FailureKind {
    let message = message.to_lowercase();
    if OUT_OF_MEMORY_WORDS.iter().any(|words| message.contains(words)) {
        FailureKind::OutOfMemory
    } else {
        FailureKind::Model
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocation_failures_are_out_of_memory() {
        for message in [
            "std::bad_alloc",
            "bad allocation",
            "Non-zero status code returned while running Expand node: bfc_arena.cc Failed to allocate memory for requested buffer of size 4503599627370496",
            "Exception during initialization: std::bad_alloc",
        ] {
            assert_eq!(classify(message), FailureKind::OutOfMemory, "{message}");
        }
    }

    #[test]
    fn everything_else_is_the_model() {
        for message in ["No Op registered for FurlongUnknown with domain_version of 17", "Protobuf parsing failed."] {
            assert_eq!(classify(message), FailureKind::Model, "{message}");
        }
    }
}

//! One example, as its data set has it.

use score::Truth;

/// One example.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Within the data set, from 0, bad ones counted.
    pub index: u64,
    /// The data set's name of it: a line, a question's id, an image file.
    pub id: String,
    pub input: Input,
    pub truth: Truth,
}

/// What a model is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// One sentence, or two.
    Text {
        first: String,
        second: Option<String>,
    },
    Question {
        question: String,
        context: String,
    },
    /// An encoded image file.
    Image(Vec<u8>),
    /// Values in row-major order, to be shaped by the model's input.
    Values(Vec<f64>),
}

/// An example that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadExample {
    pub index: u64,
    pub id: String,
    pub why: String,
}

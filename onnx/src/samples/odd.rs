//! Models that are unusual in one way each, and that a device should nevertheless measure.
//!
//! Each runs on ONNX Runtime's CPU provider (checked on 1.23 and 1.32) for every input of the declared type and shape: floats in
//! [-1, 1), whole numbers of any size. Their operators are no workload; only their form matters.

mod axes;
mod forms;
mod types;

/// A model that is unusual and runs.
#[derive(Debug, Clone)]
pub struct Odd {
    /// Unique, of lower-case letters, digits and hyphens.
    pub name: &'static str,
    pub model: Vec<u8>,
    /// Path from the model's folder, and bytes.
    pub side_files: Vec<(String, Vec<u8>)>,
    /// What is unusual.
    pub note: &'static str,
    /// A length for each named free axis of the inputs but `batch`.
    pub dims: Vec<(&'static str, u32)>,
    /// A whole shape for each input with free axes that have no name.
    pub shapes: Vec<(&'static str, Vec<u32>)>,
    /// Output and the input that it becomes in the next call; zeros in the first.
    pub state: Vec<(&'static str, &'static str)>,
}

impl Odd {
    fn new(name: &'static str, note: &'static str, model: Vec<u8>) -> Self {
        Self { name, model, side_files: Vec::new(), note, dims: Vec::new(), shapes: Vec::new(), state: Vec::new() }
    }
}

/// All unusual models that run.
pub fn odd() -> Vec<Odd> {
    [axes::odd(), types::odd(), forms::odd()].concat()
}

#[cfg(test)]
mod tests;

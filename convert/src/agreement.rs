//! How far a variant agrees with its original.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// What both models are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inputs {
    /// Random values by type and name, as the agent makes them: masks of ones, token ids below 1000. Good for finding what
    /// is broken; how good a variant is, real inputs tell.
    Seeded {
        samples: u32,
        seed: u64,
        /// Length of free axes by name; others are 1 (the batch), 224 (of images) or 32.
        dims: BTreeMap<String, u32>,
    },
    /// An .npz file with an array for each input, samples along the first axis.
    File(PathBuf),
}

/// Of the first float output, over all samples. Positions that a mask among the inputs leaves out do not count.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Agreement {
    /// The output that was compared.
    pub output: String,
    /// Cosine of the angle between both outputs, flattened; of a sample that is not finite, 0.
    pub cosine_mean: f64,
    pub cosine_min: f64,
    /// Greatest difference between two values.
    pub max_abs: f64,
    pub samples: u32,
    /// Samples for which the variant answers infinities or NaN.
    pub non_finite: u32,
}

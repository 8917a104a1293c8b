//! One prediction for each example, with what would have been right, so that any metric can be computed from it alone.

mod stored;

use serde::{Deserialize, Serialize};

pub use stored::{MAX_BYTES, MAX_LINE_BYTES, MAX_PREDICTIONS, ReadError, Reader, Writer, read, write};

/// What a model made of one example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// Of the example within its data set, from 0.
    pub index: u64,
    /// The data set's name of the example.
    pub id: String,
    pub output: Output,
    pub truth: Truth,
}

impl Prediction {
    /// Whether all its numbers are finite: others can be neither scored nor stored.
    pub fn is_finite(&self) -> bool {
        let Self { index: _, id: _, output, truth } = self;
        let output = match output {
            Output::Labels(_) | Output::Answer(_) => true,
            Output::Value(value) => value.is_finite(),
            Output::Boxes(boxes) => boxes.iter().all(|scored| {
                let ScoredBox { category: _, bbox, score } = scored;
                score.is_finite() && bbox.iter().all(|side| side.is_finite())
            }),
        };
        let truth = match truth {
            Truth::Label(_) | Truth::Answers(_) => true,
            Truth::Value(value) => value.is_finite(),
            Truth::Boxes(boxes) => boxes.iter().all(|object| {
                let TruthBox { category: _, bbox, area, crowd: _ } = object;
                area.is_finite() && bbox.iter().all(|side| side.is_finite())
            }),
        };
        output && truth
    }
}

/// A prediction, in the data set's terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// Labels, the most likely first, equal ones by the lower class of the model; five, or all if there are fewer.
    Labels(Vec<u32>),
    /// A similarity, or a grade.
    Value(f64),
    /// An answer's text.
    Answer(String),
    /// Boxes, the best first.
    Boxes(Vec<ScoredBox>),
}

/// What would have been right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    Label(u32),
    Value(f64),
    /// Any of these.
    Answers(Vec<String>),
    Boxes(Vec<TruthBox>),
}

/// x, y of the upper left corner, width and height, in pixels of the image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScoredBox {
    pub category: u32,
    pub bbox: [f64; 4],
    pub score: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TruthBox {
    pub category: u32,
    pub bbox: [f64; 4],
    /// Pixels of the object itself, as annotated: not width times height.
    pub area: f64,
    /// A region with many objects, which are not told apart.
    #[serde(default)]
    pub crowd: bool,
}

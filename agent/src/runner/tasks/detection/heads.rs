//! From a detector's outputs to candidates, for each kind of outputs a card can name. Chooses none: see [`super::choice`].
//!
//! Candidates are in pixels of the model's input. A number that is none is the model's fault and an error, since no box can
//! be made of it.

mod maps;
mod sets;

use domain::{BoxForm, BoxUnit, Head};

use super::super::{Placed, RowOutputs};

/// A box that may be an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) class: u32,
    pub(super) score: f64,
    /// Left, top, right and bottom.
    pub(super) corners: [f64; 4],
}

/// All candidates of a photo whose score is the threshold at least.
pub(super) fn candidates(
    head: &Head,
    score_threshold: f64,
    placed: &Placed,
    outputs: &RowOutputs,
) -> Result<Vec<Candidate>, String> {
    let mut found = Found { score_threshold, candidates: Vec::new() };
    match head {
        Head::Distribution { levels, bins, activation } => {
            for level in levels {
                maps::distribution(level, *bins as usize, *activation, placed, outputs, &mut found)?;
            }
        }
        Head::Centres { heatmap, sizes, offsets, stride, activation } => {
            let names = maps::Centres { heatmap, sizes, offsets };
            maps::centres(&names, f64::from(*stride), *activation, outputs, &mut found)?;
        }
        Head::Queries { logits, boxes, form, unit } => {
            sets::queries(logits, boxes, Geometry::new(*form, *unit, placed), outputs, &mut found)?;
        }
        Head::Candidates { scores, boxes, form, unit, activation } => {
            let geometry = Geometry::new(*form, *unit, placed);
            sets::scored(scores, boxes, geometry, *activation, outputs, &mut found)?;
        }
        Head::Chosen { boxes, scores, classes, count, form, unit } => {
            let names = sets::Chosen { boxes, scores, classes, count: count.as_deref() };
            sets::chosen(&names, Geometry::new(*form, *unit, placed), outputs, &mut found)?;
        }
        Head::Rows { output, form, unit } => {
            sets::rows_with_classes(output, Geometry::new(*form, *unit, placed), outputs, &mut found)?;
        }
    }
    Ok(found.candidates)
}

/// Candidates that have been found.
#[derive(Debug)]
struct Found {
    score_threshold: f64,
    candidates: Vec<Candidate>,
}

impl Found {
    /// Whether a candidate of this score is wanted.
    fn wants(&self, score: f64) -> Result<bool, String> {
        if score.is_nan() {
            return Err("a score of the model is not a number".to_owned());
        }
        Ok(score >= self.score_threshold)
    }

    fn add(&mut self, class: u32, score: f64, corners: [f64; 4]) -> Result<(), String> {
        if corners.iter().any(|corner| corner.is_nan()) {
            return Err("a box of the model has a side that is not a number".to_owned());
        }
        self.candidates.push(Candidate { class, score, corners });
        Ok(())
    }
}

/// What the four numbers of a box are.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    form: BoxForm,
    /// Pixels of the input by which x and y are multiplied.
    scale: (f64, f64),
}

impl Geometry {
    fn new(form: BoxForm, unit: BoxUnit, placed: &Placed) -> Self {
        let scale = match unit {
            BoxUnit::Pixels => (1.0, 1.0),
            BoxUnit::Shares => (f64::from(placed.input_width), f64::from(placed.input_height)),
        };
        Self { form, scale }
    }

    fn corners(self, numbers: [f32; 4]) -> [f64; 4] {
        let [a, b, c, d] = numbers.map(f64::from);
        let [left, top, right, bottom] = match self.form {
            BoxForm::Xyxy => [a, b, c, d],
            BoxForm::Yxyx => [b, a, d, c],
            BoxForm::Xywh => [a, b, a + c, b + d],
            BoxForm::CxcyWh => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
        };
        let (across, down) = self.scale;
        [left * across, top * down, right * across, bottom * down]
    }
}

/// A count of things as a class, which is small.
fn class(index: usize) -> Result<u32, String> {
    u32::try_from(index).map_err(|_beyond| format!("the model has a class {index}, which is beyond all bounds"))
}

//! Detection of objects: a photo is one row, and the model's outputs for it become boxes in pixels of the photo.
//!
//! Knows no metric. How a photo becomes a tensor: [`super::image`]; what each kind of output means: [`heads`].

mod choice;
mod classes;
mod heads;
mod views;

use dataset::{Example, Input};
use domain::{Detector, Evaluation};
use score::{Output, ScoredBox};

use super::super::input::{InputSpec, Query};
use super::image::ImagePipeline;
use super::{Evaluator, Placed, Row, RowOutputs, TaskError, only_input, stack};
use classes::Classes;

/// [`domain::Task::ObjectDetection`] with one model.
#[derive(Debug)]
pub(super) struct DetectionTask {
    pipeline: ImagePipeline,
    detector: Detector,
    classes: Classes,
}

impl DetectionTask {
    /// `categories`: of the data set, ascending.
    pub(super) fn new(evaluation: &Evaluation, inputs: &[InputSpec], categories: &[u32]) -> Result<Self, TaskError> {
        let task = evaluation.task;
        let undeclared = |missing| TaskError::Undeclared { task, missing };
        let image = evaluation.preprocessing.image.as_ref().ok_or_else(|| undeclared("preprocessing.image"))?;
        let postprocessing = &evaluation.postprocessing;
        let detector = postprocessing.detector.clone().ok_or_else(|| undeclared("postprocessing.detector"))?;
        let input = only_input(task, "images, through one input", inputs)?;
        let classes = Classes::new(postprocessing, detector.categories, categories);
        Ok(Self { pipeline: ImagePipeline::new(image, input)?, detector, classes })
    }
}

impl Evaluator for DetectionTask {
    fn rows(&self, example: &Example) -> Result<Vec<Row>, String> {
        match &example.input {
            Input::Image(encoded) => Ok(vec![self.pipeline.row(encoded)?]),
            Input::Text { .. } | Input::Question { .. } | Input::Values(_) => Err("it is no image".to_owned()),
        }
    }

    fn query(&self, rows: &[&Row], _: Option<u32>) -> Result<Query, String> {
        stack::query(rows)
    }

    fn read(&self, _: &Example, rows: &[Row], outputs: &[RowOutputs]) -> Result<Output, String> {
        match (rows, outputs) {
            ([Row::Tensors { placed: Some(placed), .. }], [outputs]) => {
                Ok(Output::Boxes(read(&self.detector, &self.classes, placed, outputs)?))
            }
            _ => Err("a photo is one row whose place in the model's input is known".to_owned()),
        }
    }
}

/// The boxes that a detector's outputs for one photo stand for, the best first, in pixels of the photo and inside it.
fn read(
    detector: &Detector,
    classes: &Classes,
    placed: &Placed,
    outputs: &RowOutputs,
) -> Result<Vec<ScoredBox>, String> {
    let Detector { head, score_threshold, nms_iou, max_boxes, categories: _ } = detector;
    let mut known = Vec::new();
    for candidate in heads::candidates(head, *score_threshold, placed, outputs)? {
        // Before the choice, so that what is never predicted takes no place from others.
        known.extend(classes.category(candidate.class)?.map(|category| (category, candidate)));
    }
    let chosen = choice::best(known, *nms_iou, *max_boxes as usize);
    let scored = |(category, candidate): (u32, heads::Candidate)| ScoredBox {
        category,
        bbox: choice::in_image(placed, candidate.corners),
        score: candidate.score,
    };
    Ok(chosen.into_iter().map(scored).collect())
}

#[cfg(test)]
mod tests;

//! One label of many, for an image or for a tensor: the classes with the greatest numbers in the model's output.

mod ranked;

pub(super) use ranked::Labels;

use dataset::{Example, Input};
use domain::{Evaluation, Postprocessing, Preprocessing, Takes};
use score::Output;

use super::super::input::{InputSpec, Query};
use super::image::ImagePipeline;
use super::values::ValueInput;
use super::{Evaluator, Row, RowOutputs, TaskError, only_input, stack};

/// Images or tensors with one model.
#[derive(Debug)]
pub(super) struct LabelTask {
    feed: Feed,
    /// The output that is read; `None` = the first.
    output: Option<String>,
    labels: Labels,
}

/// What the model's one input is fed.
#[derive(Debug)]
enum Feed {
    Image(ImagePipeline),
    Values(ValueInput),
}

impl LabelTask {
    /// [`domain::Task::ImageClassification`] or [`domain::Task::TensorClassification`], for a model of one input.
    pub(super) fn new(evaluation: &Evaluation, inputs: &[InputSpec]) -> Result<Self, TaskError> {
        let Evaluation { task, preprocessing, postprocessing, .. } = evaluation;
        let Preprocessing { text: _, image, tensor } = preprocessing;
        let Postprocessing { output, labels, label_offset, pooling: _, spans: _, detector: _ } = postprocessing;
        let feed = match task.takes() {
            Takes::Images => {
                let input = only_input(*task, "images, through one input", inputs)?;
                let missing = TaskError::Undeclared { task: *task, missing: "preprocessing.image" };
                Feed::Image(ImagePipeline::new(image.as_ref().ok_or(missing)?, input)?)
            }
            Takes::Tensors | Takes::Text => {
                let input = only_input(*task, "values, through one input", inputs)?;
                Feed::Values(ValueInput::new(&tensor.clone().unwrap_or_default(), input)?)
            }
        };
        Ok(Self { feed, output: output.clone(), labels: Labels::new(labels, *label_offset) })
    }
}

impl Evaluator for LabelTask {
    fn rows(&self, example: &Example) -> Result<Vec<Row>, String> {
        let row = match (&self.feed, &example.input) {
            (Feed::Image(pipeline), Input::Image(encoded)) => pipeline.row(encoded)?,
            (Feed::Values(input), Input::Values(values)) => input.row(values)?,
            (Feed::Image(_), _) => return Err("it is no image".to_owned()),
            (Feed::Values(_), _) => return Err("it is not of values".to_owned()),
        };
        Ok(vec![row])
    }

    fn query(&self, rows: &[&Row], _: Option<u32>) -> Result<Query, String> {
        stack::query(rows)
    }

    fn read(&self, _: &Example, _: &[Row], outputs: &[RowOutputs]) -> Result<Output, String> {
        let [outputs] = outputs else { return Err(format!("{} rows of one example", outputs.len())) };
        let tensor = outputs.get(self.output.as_deref())?;
        // One number for each class may lie in any one axis: `[1, classes]`, `[1, classes, 1, 1]`, `[1, 1, 1, classes]`.
        if tensor.shape.iter().filter(|&&length| length != 1).count() > 1 {
            return Err(format!(
                "the output `{}` has the shape {:?}, and labels need one number for each class",
                tensor.name, tensor.shape
            ));
        }
        Ok(Output::Labels(self.labels.best(&tensor.values)?))
    }
}

#[cfg(test)]
mod tests;

//! `COCO`'s twelve numbers for boxes, exactly as pycocotools 2.0.11 counts them (`cocoeval.py` for `bbox`, with all
//! parameters as they come).
//!
//! Here predictions become categories, and the categories' curves become means. Which box is which object is decided in
//! [`matching`], what follows for one category in [`curve`]. Each prediction is one image; a category of which no image has
//! an object is left out of the means, and a mean of nothing is -1, as in the script.

mod curve;
mod matching;

use std::collections::BTreeMap;

use domain::{Metric, Task};

use crate::{Output, Prediction, ScoreError, ScoredBox, Truth, TruthBox};
use curve::Curve;
use matching::{Area, Image, Outcome};

/// Boxes of one category in one image that count, the best ones: the three rules of `ar1`, `ar10` and `ar100`. All else
/// follows the last.
const MAX_BOXES: [usize; 3] = [1, 10, 100];

/// Overlaps from which on a box is an object: `numpy.linspace(0.5, 0.95, 10)`, to the last bit.
fn thresholds() -> [f64; 10] {
    let step = (0.95 - 0.5) / 9.0;
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0].map(|number| number * step + 0.5)
}

/// Where [`thresholds`] has 0.5 and 0.75.
const HALF: usize = 0;
const THREE_QUARTERS: usize = 5;

/// The metrics of [`Task::ObjectDetection`], in its order. Images are taken in the order of their indices, which decides
/// between equal scores.
pub(crate) fn metrics(predictions: &[Prediction]) -> Result<Vec<Metric>, ScoreError> {
    let curves: Vec<Curves> = categories(predictions)?.values().map(Curves::of).collect();
    let metric = |(&name, value)| Metric { name: String::from(name), value, interval: None, count: None };
    Ok(Task::ObjectDetection.metrics().iter().zip(summary(&curves)).map(metric).collect())
}

/// All of one category, with the positions of their images, ascending.
#[derive(Debug, Default)]
struct Category<'a> {
    boxes: Vec<(usize, &'a ScoredBox)>,
    objects: Vec<(usize, &'a TruthBox)>,
}

/// What a category contributes; `None` where it has no objects that count.
#[derive(Debug)]
struct Curves {
    /// Objects of any size, by [`MAX_BOXES`].
    all: [Option<Curve>; 3],
    small: Option<Curve>,
    medium: Option<Curve>,
    large: Option<Curve>,
}

fn categories(predictions: &[Prediction]) -> Result<BTreeMap<u32, Category<'_>>, ScoreError> {
    let mut images: Vec<&Prediction> = predictions.iter().collect();
    images.sort_by_key(|prediction| prediction.index);
    let mut categories: BTreeMap<u32, Category<'_>> = BTreeMap::new();
    for (image, prediction) in images.into_iter().enumerate() {
        let (Output::Boxes(boxes), Truth::Boxes(objects)) = (&prediction.output, &prediction.truth) else {
            return Err(ScoreError::unfit(Task::ObjectDetection, prediction));
        };
        for scored in boxes {
            if !scored.bbox.iter().chain([&scored.score]).all(|number| number.is_finite()) {
                return Err(ScoreError::not_finite(prediction));
            }
            categories.entry(scored.category).or_default().boxes.push((image, scored));
        }
        for truth in objects {
            categories.entry(truth.category).or_default().objects.push((image, truth));
        }
    }
    Ok(categories)
}

impl<'a> Category<'a> {
    /// Images that have anything of this category, in order.
    fn images(&self) -> Vec<Image<'a>> {
        let mut images = Vec::new();
        let (mut boxes, mut objects) = (self.boxes.as_slice(), self.objects.as_slice());
        let first = |boxes: &[(usize, &ScoredBox)], objects: &[(usize, &TruthBox)]| {
            let of_boxes = boxes.first().map(|&(image, _)| image);
            let of_objects = objects.first().map(|&(image, _)| image);
            of_boxes.into_iter().chain(of_objects).min()
        };
        while let Some(image) = first(boxes, objects) {
            let (boxes_here, other_boxes) = boxes.split_at(boxes.partition_point(|&(other, _)| other <= image));
            let (objects_here, other_objects) = objects.split_at(objects.partition_point(|&(other, _)| other <= image));
            images.push(Image::new(
                boxes_here.iter().map(|&(_, scored)| scored).collect(),
                objects_here.iter().map(|&(_, truth)| truth).collect(),
            ));
            (boxes, objects) = (other_boxes, other_objects);
        }
        images
    }
}

impl Curves {
    fn of(category: &Category<'_>) -> Self {
        let images = category.images();
        let judged = |area| {
            let mut outcomes = Vec::new();
            let objects = images.iter().map(|image| image.judge(area, &mut outcomes)).sum();
            // Stable, so that equal scores stay in the order of images.
            outcomes.sort_by(|a, b| matching::best_first(a.score, b.score));
            (outcomes, objects)
        };
        let curve = |(outcomes, objects): (Vec<Outcome>, u32)| Curve::of(&outcomes.iter(), objects);
        let (outcomes, objects) = judged(Area::ALL);
        Self {
            all: MAX_BOXES.map(|most| Curve::of(&outcomes.iter().filter(|outcome| outcome.rank < most), objects)),
            small: curve(judged(Area::SMALL)),
            medium: curve(judged(Area::MEDIUM)),
            large: curve(judged(Area::LARGE)),
        }
    }
}

/// The twelve, in the order of the script's own summary.
fn summary(curves: &[Curves]) -> [f64; 12] {
    let precision = |of: &dyn Fn(&Curves) -> Option<&Curve>| mean(curves.iter().filter_map(of).map(Curve::precision));
    let recall = |of: &dyn Fn(&Curves) -> Option<&Curve>| mean(curves.iter().filter_map(of).map(Curve::recall));
    let precision_at =
        |threshold: usize| mean(curves.iter().filter_map(|of| of.all[2].as_ref()).map(|of| of.precisions[threshold]));
    [
        precision(&|of| of.all[2].as_ref()),
        precision_at(HALF),
        precision_at(THREE_QUARTERS),
        precision(&|of| of.small.as_ref()),
        precision(&|of| of.medium.as_ref()),
        precision(&|of| of.large.as_ref()),
        recall(&|of| of.all[0].as_ref()),
        recall(&|of| of.all[1].as_ref()),
        recall(&|of| of.all[2].as_ref()),
        recall(&|of| of.small.as_ref()),
        recall(&|of| of.medium.as_ref()),
        recall(&|of| of.large.as_ref()),
    ]
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count == 0.0 { -1.0 } else { sum / count }
}

#[cfg(test)]
mod tests;

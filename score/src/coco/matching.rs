//! Which of an image's boxes are which of its objects, at every threshold of overlap. One category at a time.
//!
//! Follows `COCOeval.computeIoU` and `COCOeval.evaluateImg` line by line, since every rule shows in the figures: the better
//! box chooses first, the last of equally good objects wins, and what is ignored is neither right nor wrong.

use std::cmp::Ordering;

use super::{MAX_BOXES, thresholds};
use crate::{ScoredBox, TruthBox};

/// Just less than all, so that an exact box counts at a threshold of 1 as well.
const NEARLY_ONE: f64 = 1.0 - 1e-10;

/// Pixels of objects that count, both ends included; others are ignored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    least: f64,
    most: f64,
}

/// One category in one image.
#[derive(Debug)]
pub(super) struct Image<'a> {
    /// The best first, no more than ever count.
    boxes: Vec<&'a ScoredBox>,
    objects: Vec<&'a TruthBox>,
    /// Of each box with each object, box by box.
    overlaps: Vec<f64>,
}

/// What became of one box. A bit stands for a threshold; where neither is set, the box is ignored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) score: f64,
    /// Boxes of its category and image that are better.
    pub(super) rank: usize,
    pub(super) right: u16,
    pub(super) wrong: u16,
}

impl Area {
    pub(super) const ALL: Self = Self { least: 0.0, most: 1e10 };
    pub(super) const SMALL: Self = Self { least: 0.0, most: 1024.0 };
    pub(super) const MEDIUM: Self = Self { least: 1024.0, most: 9216.0 };
    pub(super) const LARGE: Self = Self { least: 9216.0, most: 1e10 };

    fn holds(self, pixels: f64) -> bool {
        !(pixels < self.least || pixels > self.most)
    }
}

impl<'a> Image<'a> {
    pub(super) fn new(mut boxes: Vec<&'a ScoredBox>, objects: Vec<&'a TruthBox>) -> Self {
        boxes.sort_by(|a, b| best_first(a.score, b.score));
        boxes.truncate(MAX_BOXES[2]);
        let pairs = boxes.iter().flat_map(|scored| objects.iter().map(move |truth| overlap(scored, truth)));
        let overlaps = pairs.collect();
        Self { boxes, objects, overlaps }
    }

    /// Adds an outcome for every box, and tells how many objects count.
    pub(super) fn judge(&self, area: Area, outcomes: &mut Vec<Outcome>) -> u32 {
        // Objects that count come first, else in the order of the annotations.
        let counts = |&object: &usize| !self.objects[object].crowd && area.holds(self.objects[object].area);
        let (mut order, ignored): (Vec<usize>, Vec<usize>) = (0..self.objects.len()).partition(counts);
        let counted = order.len();
        order.extend(ignored);

        let start = outcomes.len();
        let new = |(rank, scored): (usize, &&ScoredBox)| Outcome { score: scored.score, rank, right: 0, wrong: 0 };
        outcomes.extend(self.boxes.iter().enumerate().map(new));
        let outcomes = &mut outcomes[start..];
        let mut taken = vec![false; order.len()];
        for (bit, threshold) in thresholds().into_iter().enumerate() {
            taken.fill(false);
            for (index, outcome) in outcomes.iter_mut().enumerate() {
                match self.object_of(index, threshold, &order, counted, &taken) {
                    Some(place) => {
                        taken[place] = true;
                        outcome.right |= u16::from(place < counted) << bit;
                    }
                    None => outcome.wrong |= u16::from(area.holds(pixels(self.boxes[index].bbox))) << bit,
                }
            }
        }
        u32::try_from(counted).expect("an image has less than 2^32 objects")
    }

    /// The place within `order` of the object that a box is taken for. `counted`: places before it are of objects that count.
    fn object_of(
        &self,
        index: usize,
        threshold: f64,
        order: &[usize],
        counted: usize,
        taken: &[bool],
    ) -> Option<usize> {
        let overlaps = &self.overlaps[index * self.objects.len()..];
        let mut least = threshold.min(NEARLY_ONE);
        let mut best = None;
        for (place, &object) in order.iter().enumerate() {
            // Any number of boxes may lie in a crowd.
            if taken[place] && !self.objects[object].crowd {
                continue;
            }
            if best.is_some_and(|best| best < counted) && place >= counted {
                break;
            }
            if overlaps[object] < least {
                continue;
            }
            least = overlaps[object];
            best = Some(place);
        }
        best
    }
}

/// Descending. To be used with a stable sort, as `numpy.argsort` of the negated scores is one.
pub(super) fn best_first(a: f64, b: f64) -> Ordering {
    // Not `total_cmp`: a score of -0 is one of 0.
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// Intersection over union; of a crowd, over the box alone (`bbIou` of pycocotools' `maskApi.c`).
fn overlap(scored: &ScoredBox, truth: &TruthBox) -> f64 {
    let ([x, y, width, height], [of_x, of_y, of_width, of_height]) = (scored.bbox, truth.bbox);
    let common_width = (width + x).min(of_width + of_x) - x.max(of_x);
    let common_height = (height + y).min(of_height + of_y) - y.max(of_y);
    if common_width <= 0.0 || common_height <= 0.0 {
        return 0.0;
    }
    let common = common_width * common_height;
    let all = if truth.crowd { pixels(scored.bbox) } else { pixels(scored.bbox) + pixels(truth.bbox) - common };
    common / all
}

fn pixels([_, _, width, height]: [f64; 4]) -> f64 {
    width * height
}

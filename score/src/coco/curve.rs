//! Precision over recall, and the greatest recall, of one category at every threshold of overlap (`COCOeval.accumulate`).

use super::matching::Outcome;

/// By the position of a threshold.
#[derive(Debug)]
pub(super) struct Curve {
    /// Means over 101 recalls; a recall that is not reached has a precision of 0.
    pub(super) precisions: [f64; 10],
    recalls: [f64; 10],
}

impl Curve {
    /// Of the outcomes of all images, the best first. `None` if no object counts.
    pub(super) fn of<'a>(outcomes: &(impl Iterator<Item = &'a Outcome> + Clone), objects: u32) -> Option<Self> {
        let mut curve = Self { precisions: [0.0; 10], recalls: [0.0; 10] };
        for (bit, (precision, recall)) in curve.precisions.iter_mut().zip(&mut curve.recalls).enumerate() {
            let points = points(outcomes.clone(), bit, objects);
            *recall = points.last().map_or(0.0, |point| point.recall);
            *precision = sampled(&points);
        }
        (objects > 0).then_some(curve)
    }

    /// The mean over the thresholds.
    pub(super) fn precision(&self) -> f64 {
        self.precisions.iter().sum::<f64>() / 10.0
    }

    /// The mean over the thresholds.
    pub(super) fn recall(&self) -> f64 {
        self.recalls.iter().sum::<f64>() / 10.0
    }
}

#[derive(Debug, Clone, Copy)]
struct Point {
    recall: f64,
    precision: f64,
}

/// A point for each object that was found: between them recall stays and precision only falls, so that no other point is
/// ever sampled. Precision is the best of this recall or any greater one.
fn points<'a>(outcomes: impl Iterator<Item = &'a Outcome>, bit: usize, objects: u32) -> Vec<Point> {
    let (mut right, mut wrong) = (0.0, 0.0);
    let mut points = Vec::new();
    for outcome in outcomes {
        wrong += f64::from((outcome.wrong >> bit) & 1);
        if (outcome.right >> bit) & 1 == 1 {
            right += 1.0;
            // The script guards against a division by zero with numpy.spacing(1); here it is only kept for the last bit.
            points
                .push(Point { recall: right / f64::from(objects), precision: right / (wrong + right + f64::EPSILON) });
        }
    }
    let mut best = 0.0_f64;
    for point in points.iter_mut().rev() {
        best = best.max(point.precision);
        point.precision = best;
    }
    points
}

/// The mean of the precisions at the recalls 0, 0.01 .. 1: at each that of the first point that reaches it.
fn sampled(points: &[Point]) -> f64 {
    // `numpy.linspace(0, 1, 101)` multiplies, and 0.01 times 35 is not 0.35.
    let recalls = (0_u8..=100).map(|hundredths| f64::from(hundredths) * 0.01);
    let mut points = points.iter().peekable();
    let reached = recalls.map_while(|recall| {
        while points.next_if(|point| point.recall < recall).is_some() {}
        points.peek().map(|point| point.precision)
    });
    reached.sum::<f64>() / 101.0
}

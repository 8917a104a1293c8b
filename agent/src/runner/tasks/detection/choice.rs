//! Which of a photo's candidates are kept, and where they are in the photo.

use super::super::Placed;
use super::heads::Candidate;

/// The best candidates, the best first, no more than `most`. Of two of one category whose overlap is above `nms_iou` only the
/// better one is kept (greedy non-maximum suppression). Equal scores stay in the order they came in.
///
/// Overlaps are those in the model's input, before anything is cut off at the photo's sides.
pub(super) fn best(mut candidates: Vec<(u32, Candidate)>, nms_iou: Option<f64>, most: usize) -> Vec<(u32, Candidate)> {
    candidates.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
    let mut kept: Vec<(u32, Candidate)> = Vec::new();
    for (category, candidate) in candidates {
        if kept.len() >= most {
            break;
        }
        let doubles = |limit: f64| {
            let rivals = kept.iter().filter(|(other, _)| *other == category);
            rivals.map(|(_, rival)| overlap(rival.corners, candidate.corners)).any(|overlap| overlap > limit)
        };
        if !nms_iou.is_some_and(doubles) {
            kept.push((category, candidate));
        }
    }
    kept
}

/// Corner, width and height in pixels of the photo, cut off at its sides.
pub(super) fn in_image(placed: &Placed, [left, top, right, bottom]: [f64; 4]) -> [f64; 4] {
    let Placed { image_width, image_height, input_width: _, input_height: _, scale, offset } = *placed;
    let x = |input: f64| ((input - offset.0) / scale.0).clamp(0.0, f64::from(image_width));
    let y = |input: f64| ((input - offset.1) / scale.1).clamp(0.0, f64::from(image_height));
    [x(left), y(top), (x(right) - x(left)).max(0.0), (y(bottom) - y(top)).max(0.0)]
}

/// Intersection over union of two boxes given by their corners; 0 where they do not meet.
fn overlap(a: [f64; 4], b: [f64; 4]) -> f64 {
    let area = |[left, top, right, bottom]: [f64; 4]| (right - left) * (bottom - top);
    let (width, height) = (a[2].min(b[2]) - a[0].max(b[0]), a[3].min(b[3]) - a[1].max(b[1]));
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    width * height / (area(a) + area(b) - width * height)
}

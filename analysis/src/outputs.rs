//! Whether a run's outputs are what others computed for the same inputs: a device that is fast and wrong is found out here.
//!
//! These reasons follow from other runs, not from the run's own samples: a replay keeps them as they are.

use std::collections::BTreeMap;

use domain::{Fingerprint, Precision, Reason, VerdictLevel};
use score::{Output, Prediction, ScoredBox};

/// Relative difference of outputs above which they are not the same computation. Float arithmetic in another order, and
/// fp16 inside a provider, stay below a hundredth.
const DIFFERENCE_LIMIT: f64 = 0.1;
/// The same for models of integers, whose saturation differs between processors.
const INTEGER_DIFFERENCE_LIMIT: f64 = 0.3;
/// Share of checked examples that may come out otherwise: a label on the brink flips with the last bit.
const DISAGREEMENT_LIMIT: f64 = 0.1;
/// Relative difference of two similarities or grades that are the same.
const VALUE_TOLERANCE: f64 = 0.05;
/// Scores of boxes that matter, and the overlap of two boxes that are the same.
const BOX_SCORE: f64 = 0.3;
const BOX_OVERLAP: f64 = 0.7;

/// Codes of reasons that come from other runs.
pub const CODES: [&str; 3] = ["outputs-differ", "predictions-differ", "accuracy-mismatch"];

/// Whose outputs are the measure.
#[derive(Debug, Clone, Copy)]
pub struct Reference<'a> {
    /// For people, e.g. `r-12 on desk (CPUExecutionProvider)`.
    pub name: &'a str,
    /// The runtime's processor, whose arithmetic is the plainest; else nobody knows which of the two is right.
    pub is_cpu: bool,
}

/// A reason if a run's outputs on fixed inputs differ from the reference's.
pub fn against_outputs(
    precision: Option<&Precision>,
    found: &[Fingerprint],
    expected: &[Fingerprint],
    reference: Reference<'_>,
) -> Option<Reason> {
    let integer = precision.is_some_and(|precision| precision.as_str().starts_with("int"));
    let limit = if integer { INTEGER_DIFFERENCE_LIMIT } else { DIFFERENCE_LIMIT };
    let by_name: BTreeMap<&str, &Fingerprint> = expected.iter().map(|print| (print.output.as_str(), print)).collect();
    let differences = found.iter().map(|print| {
        let other = by_name.get(print.output.as_str());
        (print.output.as_str(), other.map_or(f64::INFINITY, |other| print.difference(other)))
    });
    let (output, difference) = differences.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    if difference <= limit {
        return None;
    }
    let how = if difference.is_finite() {
        format!("by {:.0} % of its size (limit {:.0} %)", difference * 100.0, limit * 100.0)
    } else {
        "in its size".to_owned()
    };
    Some(Reason {
        code: "outputs-differ".to_owned(),
        message: format!("output `{output}` differs {how} from that of {} on the same inputs", reference.name),
        level: if reference.is_cpu { VerdictLevel::Invalid } else { VerdictLevel::Suspect },
        // JSON has no infinity.
        value: difference.min(f64::MAX),
        threshold: limit,
        unit: "share".to_owned(),
    })
}

/// A reason if too many of the checked examples come out otherwise than in the run over the whole data set.
pub fn against_predictions(found: &[Prediction], whole: &[Prediction], reference: &str) -> Option<Reason> {
    let by_index: BTreeMap<u64, &Prediction> = whole.iter().map(|prediction| (prediction.index, prediction)).collect();
    let pairs: Vec<(&Prediction, &Prediction)> =
        found.iter().filter_map(|one| by_index.get(&one.index).map(|other| (one, *other))).collect();
    let differing: Vec<&str> = pairs
        .iter()
        .filter(|(one, other)| !agree(&one.output, &other.output))
        .map(|(one, _)| one.id.as_str())
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "a thousand examples at most")]
    let share = differing.len() as f64 / pairs.len().max(1) as f64;
    // One of a few may stand on the brink.
    if differing.len() < 2 || share <= DISAGREEMENT_LIMIT {
        return None;
    }
    Some(Reason {
        code: "predictions-differ".to_owned(),
        message: format!(
            "{} of {} checked examples come out otherwise than in {reference}, the first of them {}",
            differing.len(),
            pairs.len(),
            differing[0]
        ),
        level: VerdictLevel::Invalid,
        value: share,
        threshold: DISAGREEMENT_LIMIT,
        unit: "share".to_owned(),
    })
}

fn agree(one: &Output, other: &Output) -> bool {
    match (one, other) {
        (Output::Labels(one), Output::Labels(other)) => one.first() == other.first(),
        (Output::Value(one), Output::Value(other)) => (one - other).abs() <= VALUE_TOLERANCE * one.abs().max(1.0),
        (Output::Answer(one), Output::Answer(other)) => one == other,
        (Output::Boxes(one), Output::Boxes(other)) => {
            let of = |boxes: &[ScoredBox]| -> Vec<ScoredBox> {
                boxes.iter().filter(|found| found.score >= BOX_SCORE).copied().collect()
            };
            let (one, other) = (of(one), of(other));
            let met = one.iter().filter(|found| {
                other.iter().any(|known| known.category == found.category && overlap(found, known) >= BOX_OVERLAP)
            });
            // A box whose score is on the brink may be missing on either side.
            met.count() + 1 >= one.len().max(other.len())
        }
        _ => false,
    }
}

/// Intersection over union.
fn overlap(one: &ScoredBox, other: &ScoredBox) -> f64 {
    let ([ax, ay, aw, ah], [bx, by, bw, bh]) = (one.bbox, other.bbox);
    let width = (ax + aw).min(bx + bw) - ax.max(bx);
    let height = (ay + ah).min(by + bh) - ay.max(by);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let shared = width * height;
    shared / (aw * ah + bw * bh - shared)
}

#[cfg(test)]
mod tests {
    use score::Truth;

    use super::*;

    const CPU: Reference<'_> = Reference { name: "r-1 on desk", is_cpu: true };

    fn print(sketch: &[f64]) -> Vec<Fingerprint> {
        vec![Fingerprint { output: "y".to_owned(), elements: 10, sketch: sketch.to_vec() }]
    }

    #[test]
    fn rounding_passes_and_another_computation_does_not() {
        let expected = print(&[1.0, -2.0, 3.0]);
        assert_eq!(against_outputs(None, &print(&[1.01, -2.0, 3.0]), &expected, CPU), None);
        let reason = against_outputs(None, &print(&[1.0, 2.0, 3.0]), &expected, CPU).expect("differs");
        assert_eq!((reason.code.as_str(), reason.level), ("outputs-differ", VerdictLevel::Invalid));
        assert!(reason.message.contains("r-1 on desk"), "{}", reason.message);
        let unsure = Reference { is_cpu: false, ..CPU };
        let reason = against_outputs(None, &print(&[1.0, 2.0, 3.0]), &expected, unsure).expect("differs");
        assert_eq!(reason.level, VerdictLevel::Suspect);
    }

    #[test]
    fn models_of_integers_may_differ_more() {
        let (found, expected) = (print(&[1.0, -2.0, 3.7]), print(&[1.0, -2.0, 3.0]));
        assert!(against_outputs(None, &found, &expected, CPU).is_some());
        let int8 = Precision::parse("int8-dynamic").expect("a precision");
        assert_eq!(against_outputs(Some(&int8), &found, &expected, CPU), None);
    }

    fn labels(labels: &[u32]) -> Vec<Prediction> {
        let prediction = |(index, label): (usize, &u32)| Prediction {
            index: index as u64,
            id: index.to_string(),
            output: Output::Labels(vec![*label]),
            truth: Truth::Label(0),
        };
        labels.iter().enumerate().map(prediction).collect()
    }

    #[test]
    fn one_label_on_the_brink_passes_and_a_wrong_device_does_not() {
        let whole = labels(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(against_predictions(&labels(&[0, 1, 2, 3, 9]), &whole, "r-1"), None);
        let reason = against_predictions(&labels(&[1, 0, 2, 3, 4]), &whole, "r-1").expect("differs");
        assert_eq!((reason.level, reason.value), (VerdictLevel::Invalid, 0.4));
    }
}

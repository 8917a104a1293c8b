//! Heads that answer with sets of boxes: a row of numbers for each candidate.

use domain::Activation;

use super::super::super::RowOutputs;
use super::super::views::{list, rows, rows_of, same_count, unlike};
use super::maps::activated;
use super::{Found, Geometry, class};

/// DETR's: a softmax over the classes and "nothing", which is last; each candidate is of its most likely class, as in
/// `PostProcess` of its repository.
pub(super) fn queries(
    logits: &str,
    boxes: &str,
    geometry: Geometry,
    outputs: &RowOutputs,
    found: &mut Found,
) -> Result<(), String> {
    let (logits, boxes) = (outputs.get(Some(logits))?, outputs.get(Some(boxes))?);
    let (logit_rows, box_rows) = (rows(logits)?, rows_of(boxes)?);
    same_count((&logits.name, logit_rows.len()), (&boxes.name, box_rows.len()))?;
    for (logits, numbers) in logit_rows.zip(box_rows) {
        let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: f32| (f64::from(logit) - f64::from(greatest)).exp();
        let sum: f64 = logits.iter().map(|&logit| weight(logit)).sum();
        let Some((_nothing, classes)) = logits.split_last() else { continue };
        let mut best = None;
        for (index, &logit) in classes.iter().enumerate() {
            // Of equal ones the first.
            if best.is_none_or(|(_, of_best)| logit > of_best) {
                best = Some((index, logit));
            }
        }
        let Some((index, logit)) = best else { continue };
        let score = weight(logit) / sum;
        if found.wants(score)? {
            found.add(class(index)?, score, geometry.corners(*numbers))?;
        }
    }
    Ok(())
}

/// YOLO's: each class of each row is a candidate of its own, as in evaluations of such models.
pub(super) fn scored(
    scores: &str,
    boxes: &str,
    geometry: Geometry,
    activation: Activation,
    outputs: &RowOutputs,
    found: &mut Found,
) -> Result<(), String> {
    let (scores, boxes) = (outputs.get(Some(scores))?, outputs.get(Some(boxes))?);
    let (score_rows, box_rows) = (rows(scores)?, rows_of(boxes)?);
    same_count((&scores.name, score_rows.len()), (&boxes.name, box_rows.len()))?;
    for (scores, numbers) in score_rows.zip(box_rows) {
        for (index, &score) in scores.iter().enumerate() {
            let score = activated(activation, f64::from(score));
            if found.wants(score)? {
                found.add(class(index)?, score, geometry.corners(*numbers))?;
            }
        }
    }
    Ok(())
}

/// The outputs of a model that chooses by itself, by name.
pub(super) struct Chosen<'a> {
    pub(super) boxes: &'a str,
    pub(super) scores: &'a str,
    pub(super) classes: &'a str,
    pub(super) count: Option<&'a str>,
}

/// TensorFlow's detectors, and others that end with a suppression of their own: what is beyond the count is padding.
pub(super) fn chosen(
    names: &Chosen<'_>,
    geometry: Geometry,
    outputs: &RowOutputs,
    found: &mut Found,
) -> Result<(), String> {
    let Chosen { boxes, scores, classes, count } = names;
    let (boxes, scores, classes) = (outputs.get(Some(boxes))?, outputs.get(Some(scores))?, outputs.get(Some(classes))?);
    let (box_rows, score_list, class_list) = (rows_of(boxes)?, list(scores)?, list(classes)?);
    same_count((&boxes.name, box_rows.len()), (&scores.name, score_list.len()))?;
    same_count((&boxes.name, box_rows.len()), (&classes.name, class_list.len()))?;
    let counted = match count {
        None => box_rows.len(),
        Some(count) => {
            let output = outputs.get(Some(count))?;
            let [count] = output.values[..] else { return Err(unlike(output, "one number")) };
            whole(count).ok_or_else(|| format!("the output `{}` says that {count} boxes count", output.name))? as usize
        }
    };
    for ((numbers, &score), &of_class) in box_rows.iter().zip(score_list).zip(class_list).take(counted) {
        let score = f64::from(score);
        if found.wants(score)? {
            found.add(predicted(of_class)?, score, geometry.corners(*numbers))?;
        }
    }
    Ok(())
}

/// Rows of four numbers for the box, score and class.
pub(super) fn rows_with_classes(
    output: &str,
    geometry: Geometry,
    outputs: &RowOutputs,
    found: &mut Found,
) -> Result<(), String> {
    for &[a, b, c, d, score, of_class] in rows_of(outputs.get(Some(output))?)? {
        let score = f64::from(score);
        if found.wants(score)? {
            found.add(predicted(of_class)?, score, geometry.corners([a, b, c, d]))?;
        }
    }
    Ok(())
}

fn predicted(class: f32) -> Result<u32, String> {
    whole(class).ok_or_else(|| format!("the model predicts the class {class}, which is no number of a class"))
}

/// A whole number that a float holds exactly.
fn whole(value: f32) -> Option<u32> {
    const EXACT: f32 = 16_777_216.0;
    let is_whole = value.fract() == 0.0 && (0.0..=EXACT).contains(&value);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and within 0 to 2^24")]
    is_whole.then_some(value as u32)
}

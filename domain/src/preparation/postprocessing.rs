//! What becomes of a model's outputs, in words. Says what a card declares, and not what a task adds of its own.

use std::fmt;

use super::{Categories, Detector, Head, Pooling, Postprocessing, Spans};

impl fmt::Display for Postprocessing {
    /// For reports, e.g. `boxes: distributions of 11 bins on 3 levels, score from 0.05, one of a class above IoU 0.6, best 100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { output, labels, label_offset, pooling, spans, detector } = self;
        let parts = [
            output.as_ref().map(|output| format!("output `{output}`")),
            describe_labels(labels, *label_offset),
            pooling.map(|pooling| {
                match pooling {
                    Pooling::Mean => "mean over the tokens",
                    Pooling::First => "the first token's vector",
                    Pooling::None => "a vector for each text",
                }
                .to_owned()
            }),
            spans.as_ref().map(describe_spans),
            detector.as_ref().map(|detector| format!("boxes: {}", detector.describe())),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "as the task has it" } else { "" })?;
        f.write_str(&parts.join("; "))
    }
}

fn describe_labels(labels: &[Option<u32>], offset: i32) -> Option<String> {
    match (labels.len(), labels.iter().filter(|label| label.is_none()).count(), offset) {
        (0, _, 0) => None,
        (0, _, offset) => {
            Some(format!("label = class {} {}", if offset < 0 { '-' } else { '+' }, offset.unsigned_abs()))
        }
        (classes, 0, _) => Some(format!("labels of {classes} classes")),
        (classes, never, _) => Some(format!("labels of {classes} classes, {never} of them never predicted")),
    }
}

fn describe_spans(spans: &Spans) -> String {
    let Spans { start, end, n_best, max_answer_length } = spans;
    format!("answers from `{start}` and `{end}`, the {n_best} best of each, {max_answer_length} tokens at most")
}

impl Detector {
    fn describe(&self) -> String {
        let Self { head, score_threshold, nms_iou, max_boxes, categories } = self;
        let head = match head {
            Head::Distribution { levels, bins, activation: _ } => {
                format!("distributions of {bins} bins on {} levels", levels.len())
            }
            Head::Centres { stride, .. } => format!("centres on a map of stride {stride}"),
            Head::Queries { .. } => "queries".to_owned(),
            Head::Candidates { .. } => "candidates".to_owned(),
            Head::Chosen { .. } => "as the model chose them".to_owned(),
            Head::Rows { output, .. } => format!("rows of `{output}`"),
        };
        let mut parts = vec![head, format!("score from {score_threshold}")];
        parts.extend(nms_iou.map(|iou| format!("one of a class above IoU {iou}")));
        parts.push(format!("best {max_boxes}"));
        if *categories == Categories::Ids {
            parts.push("classes are ids".to_owned());
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoxForm, BoxUnit};

    fn check(section: &Postprocessing, words: &str) {
        assert_eq!(section.to_string(), words);
    }

    #[test]
    fn a_declaration_reads_in_one_line() {
        let none = Postprocessing::default;
        check(&none(), "as the task has it");
        check(
            &Postprocessing { output: Some("461".to_owned()), label_offset: -1, ..none() },
            "output `461`; label = class - 1",
        );
        check(
            &Postprocessing { labels: vec![Some(2), None], ..none() },
            "labels of 2 classes, 1 of them never predicted",
        );
        check(
            &Postprocessing { spans: Some(Spans::default()), ..none() },
            "answers from `start_logits` and `end_logits`, the 20 best of each, 30 tokens at most",
        );
        let detector = Detector {
            head: Head::Rows { output: "out".to_owned(), form: BoxForm::Xyxy, unit: BoxUnit::Pixels },
            score_threshold: 0.05,
            nms_iou: Some(0.6),
            max_boxes: 100,
            categories: Categories::Ids,
        };
        check(
            &Postprocessing { detector: Some(detector), ..none() },
            "boxes: rows of `out`, score from 0.05, one of a class above IoU 0.6, best 100, classes are ids",
        );
    }
}

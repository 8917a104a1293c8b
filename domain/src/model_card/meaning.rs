//! What a section of a card can say in the right form and still not mean. Knows neither YAML nor JSON, so that both doors
//! ask it: the file of a user, and the wire.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::{
    Detector, Head, ImagePreprocessing, Level, Postprocessing, Preprocessing, Resize, Spans, TensorPreprocessing,
    TextPreprocessing,
};

/// A section of a card: its form is serde's to read, its meaning is asked for.
pub trait Section: DeserializeOwned {
    /// Everything that is in the right form and makes no sense.
    fn objections(&self) -> Vec<Objection>;
}

/// A value that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Where in its section: keys, and indices in lists, with dots between them, e.g. `image.std.1`.
    pub path: String,
    pub why: &'static str,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, why } = self;
        write!(f, "`{path}` {why}")
    }
}

#[derive(Default)]
struct Objections(Vec<Objection>);

impl Objections {
    fn when(&mut self, wrong: bool, path: impl Into<String>, why: &'static str) {
        self.0.extend(wrong.then(|| Objection { path: path.into(), why }));
    }

    fn not_positive(&mut self, number: u32, path: impl Into<String>) {
        self.when(number == 0, path, "is 0, it must be at least 1");
    }

    fn no_share(&mut self, number: f64, path: &str) {
        self.when(!(0.0..=1.0).contains(&number), path, "is a share, 0 to 1");
    }

    fn nameless(&mut self, output: &str, path: impl Into<String>) {
        self.when(output.trim().is_empty(), path, "is empty, it must be the name of an output");
    }
}

impl Section for Preprocessing {
    fn objections(&self) -> Vec<Objection> {
        let Self { text, image, tensor } = self;
        let mut objections = Objections::default();
        if let Some(TextPreprocessing { max_length, stride: _ }) = text {
            objections.not_positive(*max_length, "text.max-length");
        }
        if let Some(image) = image {
            object_to_image(image, &mut objections);
        }
        if let Some(TensorPreprocessing { zero: _, scale }) = tensor {
            objections.when(*scale == 0.0, "tensor.scale", "is 0, all values would be the same");
        }
        objections.0
    }
}

fn object_to_image(image: &ImagePreprocessing, objections: &mut Objections) {
    let ImagePreprocessing { resize, interpolation: _, crop, colours: _, mean: _, std, layout: _ } = image;
    let shortest = match *resize {
        Resize::ShortSide(side) => Some(side),
        Resize::Stretch { width, height } | Resize::Letterbox { width, height, fill: _ } => Some(width.min(height)),
        Resize::None => None,
    };
    objections.when(shortest == Some(0), "image.resize", "leaves no pixels");
    objections.when(*crop == Some(0), "image.crop", "leaves no pixels");
    let beyond = crop.zip(shortest).is_some_and(|(crop, shortest)| crop > shortest);
    objections.when(beyond, "image.crop", "is larger than what `resize` leaves");
    for (index, divisor) in std.iter().enumerate() {
        objections.when(*divisor <= 0.0, format!("image.std.{index}"), "divides, it must be above 0");
    }
}

impl Section for Postprocessing {
    fn objections(&self) -> Vec<Objection> {
        let Self { output, labels, label_offset, pooling: _, spans, detector } = self;
        let mut objections = Objections::default();
        if let Some(output) = output {
            objections.nameless(output, "output");
        }
        let twice = !labels.is_empty() && *label_offset != 0;
        objections.when(twice, "label-offset", "says what `labels` says: only one of the two can hold");
        let never = !labels.is_empty() && labels.iter().all(Option::is_none);
        objections.when(never, "labels", "are all `null`, nothing would ever be predicted");
        if let Some(Spans { start, end, n_best, max_answer_length }) = spans {
            objections.nameless(start, "spans.start");
            objections.nameless(end, "spans.end");
            objections.when(start == end, "spans.end", "is the output that `start` is");
            objections.not_positive(*n_best, "spans.n-best");
            objections.not_positive(*max_answer_length, "spans.max-answer-length");
        }
        if let Some(Detector { head, score_threshold, nms_iou, max_boxes, categories: _ }) = detector {
            object_to_head(head, &mut objections);
            objections.no_share(*score_threshold, "detector.score-threshold");
            objections.no_share(nms_iou.unwrap_or_default(), "detector.nms-iou");
            objections.not_positive(*max_boxes, "detector.max-boxes");
        }
        objections.0
    }
}

fn object_to_head(head: &Head, objections: &mut Objections) {
    let outputs: &[(&str, &String)] = match head {
        Head::Distribution { levels, bins, activation: _ } => {
            objections.when(levels.is_empty(), "detector.head.distribution.levels", "is empty");
            for (index, Level { classes, sides, stride }) in levels.iter().enumerate() {
                let path = |key| format!("detector.head.distribution.levels.{index}.{key}");
                objections.nameless(classes, path("classes"));
                objections.nameless(sides, path("sides"));
                objections.not_positive(*stride, path("stride"));
            }
            let path = "detector.head.distribution.bins";
            objections.when(*bins < 2, path, "must be at least 2: with fewer, every box is a point");
            &[]
        }
        Head::Centres { heatmap, sizes, offsets, stride, activation: _ } => {
            objections.not_positive(*stride, "detector.head.centres.stride");
            &[("centres.heatmap", heatmap), ("centres.sizes", sizes), ("centres.offsets", offsets)]
        }
        Head::Queries { logits, boxes, form: _, unit: _ } => &[("queries.logits", logits), ("queries.boxes", boxes)],
        Head::Candidates { scores, boxes, form: _, unit: _, activation: _ } => {
            &[("candidates.scores", scores), ("candidates.boxes", boxes)]
        }
        Head::Chosen { boxes, scores, classes, count, form: _, unit: _ } => {
            if let Some(count) = count {
                objections.nameless(count, "detector.head.chosen.count");
            }
            &[("chosen.boxes", boxes), ("chosen.scores", scores), ("chosen.classes", classes)]
        }
        Head::Rows { output, form: _, unit: _ } => &[("rows.output", output)],
    };
    for (path, output) in outputs {
        objections.nameless(output, format!("detector.head.{path}"));
    }
}

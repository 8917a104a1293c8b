//! How an example becomes a model's inputs, and how its outputs become a prediction. Declared on a model's card, executed on
//! the device. Describes and does nothing itself.

mod postprocessing;

use std::fmt;

use serde::{Deserialize, Serialize};

/// From an example to the model's inputs; what is left out is at its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Preprocessing {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextPreprocessing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImagePreprocessing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensor: Option<TensorPreprocessing>,
}

/// Through the model's tokenizer, whose own padding and truncation are overridden: a text is cut to `max-length` and padded
/// to the longest of its batch, or to the cell's sequence length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct TextPreprocessing {
    /// Tokens, special ones included.
    pub max_length: u32,
    /// Question answering: tokens that two windows over one context share.
    pub stride: u32,
}

impl TextPreprocessing {
    /// Of BERT's `SQuAD` script.
    pub const ANSWERS_MAX_LENGTH: u32 = 384;
}

impl Default for TextPreprocessing {
    /// Those of the GLUE and `SQuAD` scripts: 128 tokens, and 128 shared.
    fn default() -> Self {
        Self { max_length: 128, stride: 128 }
    }
}

/// From an image file to an input tensor, in the order of the fields. Values are 0 to 255 until `mean` and `std`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImagePreprocessing {
    pub resize: Resize,
    #[serde(default)]
    pub interpolation: Interpolation,
    /// Pixels of the sides of the centre crop; `None` = nothing is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<u32>,
    #[serde(default)]
    pub colours: Colours,
    /// Subtracted, in the order of `colours`.
    #[serde(default)]
    pub mean: [f64; 3],
    /// Divides what is left, in the order of `colours`.
    #[serde(default = "ones")]
    pub std: [f64; 3],
    #[serde(default)]
    pub layout: Layout,
}

const fn ones() -> [f64; 3] {
    [1.0; 3]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Resize {
    /// The short side to so many pixels, the long one in proportion, rounded down as torchvision does.
    ShortSide(u32),
    /// Both sides, out of proportion if need be.
    Stretch { width: u32, height: u32 },
    /// In proportion, as large as fits, in the middle; the rest has this colour, in the order red, green, blue.
    Letterbox {
        width: u32,
        height: u32,
        #[serde(default)]
        fill: [u8; 3],
    },
    /// Images have the model's size already.
    None,
}

/// PIL's filters, which widen with the scale when an image becomes smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    Nearest,
    #[default]
    Bilinear,
    Bicubic,
    /// `OpenCV`'s `INTER_LINEAR`: four neighbours, whatever the scale.
    BilinearNoAntialias,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colours {
    #[default]
    Rgb,
    Bgr,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    #[default]
    Nchw,
    Nhwc,
}

/// From the values of a data set to those of the input: `(value - zero) * scale`, for inputs of floats. An input of whole
/// numbers takes the values as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct TensorPreprocessing {
    pub zero: f64,
    pub scale: f64,
}

impl Default for TensorPreprocessing {
    fn default() -> Self {
        Self { zero: 0.0, scale: 1.0 }
    }
}

/// From the model's outputs to a prediction; what is left out is at its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Postprocessing {
    /// The output that is read, where a task needs one; `None` = the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The data set's label for each of the model's classes, in order; a label of `null` is never predicted. Empty = they
    /// are the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Option<u32>>,
    /// Added to the index of a class to get the data set's label: -1 where the model's first class is "background".
    #[serde(skip_serializing_if = "is_zero")]
    pub label_offset: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spans: Option<Spans>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector: Option<Detector>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(offset: &i32) -> bool {
    *offset == 0
}

/// From the vectors of a text's tokens to that of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Over the tokens of the attention mask.
    Mean,
    /// The first token's.
    First,
    /// The output is the text's vector already.
    None,
}

/// How an answer is chosen, as BERT's `SQuAD` script does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spans {
    /// Outputs with a number for each token.
    pub start: String,
    pub end: String,
    /// Best starts and best ends that are combined.
    pub n_best: u32,
    /// Tokens.
    pub max_answer_length: u32,
}

impl Default for Spans {
    fn default() -> Self {
        Self { start: "start_logits".to_owned(), end: "end_logits".to_owned(), n_best: 20, max_answer_length: 30 }
    }
}

/// How boxes are read from a detector's outputs. Coordinates are pixels of the model's input until they are scaled back to
/// the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Detector {
    pub head: Head,
    /// Boxes of less are dropped.
    #[serde(default = "score_threshold")]
    pub score_threshold: f64,
    /// Overlap (intersection over union) of two boxes of one class above which the lesser is dropped; `None` = none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nms_iou: Option<f64>,
    /// Boxes of an image, at most, the best ones.
    #[serde(default = "max_boxes")]
    pub max_boxes: u32,
    #[serde(default)]
    pub categories: Categories,
}

const fn score_threshold() -> f64 {
    0.05
}

const fn max_boxes() -> u32 {
    100
}

/// What the outputs are. Names are those of outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Head {
    /// Anchor-free, sides as distributions (generalized focal loss, `NanoDet`): per level a map of classes
    /// `[1, classes, h, w]` or `[1, h*w, classes]`, and one of `4 * bins` numbers alike, in the order left, top, right, bottom.
    Distribution { levels: Vec<Level>, bins: u32, activation: Activation },
    /// Centres of objects as peaks of a map (`CenterNet`): `[1, classes, h, w]`, sizes and offsets `[1, 2, h, w]` in cells.
    Centres { heatmap: String, sizes: String, offsets: String, stride: u32, activation: Activation },
    /// A set of candidates (DETR): `[1, n, classes + 1]`, the last being "nothing", softmax; boxes `[1, n, 4]`.
    Queries { logits: String, boxes: String, form: BoxForm, unit: BoxUnit },
    /// Candidates for each anchor point (YOLO): scores `[1, n, classes]`, boxes `[1, n, 4]`.
    Candidates { scores: String, boxes: String, form: BoxForm, unit: BoxUnit, activation: Activation },
    /// Boxes as the model has chosen them: boxes `[1, n, 4]`, scores `[1, n]`, classes `[1, n]`, and how many count.
    Chosen {
        boxes: String,
        scores: String,
        classes: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<String>,
        form: BoxForm,
        unit: BoxUnit,
    },
    /// The same in one output: rows of four numbers for the box, score, class; `[n, 6]` or `[1, n, 6]`.
    Rows { output: String, form: BoxForm, unit: BoxUnit },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Level {
    pub classes: String,
    pub sides: String,
    /// Pixels between two cells.
    pub stride: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// The outputs are shares already.
    None,
    Sigmoid,
}

/// What the four numbers of a box are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxForm {
    /// x and y of two corners.
    Xyxy,
    /// y and x of two corners.
    Yxyx,
    /// Corner, width and height.
    Xywh,
    /// Centre, width and height.
    CxcyWh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxUnit {
    /// Of the model's input.
    Pixels,
    /// Shares of the input's width and height.
    Shares,
}

/// From a detector's class to the data set's category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Categories {
    /// Class i is the i-th category, by ascending id.
    #[default]
    Sorted,
    /// The class is the category's id.
    Ids,
}

impl fmt::Display for Preprocessing {
    /// For reports: everything that was done, e.g. `image: short side 256, bilinear, centre crop 224, RGB, (x - 127) / 128, NCHW`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, image, tensor } = self;
        let text = text.as_ref().map(|TextPreprocessing { max_length, stride: _ }| {
            format!("text: cut to {max_length} tokens, padded to the longest of a batch")
        });
        let image = image.as_ref().map(|image| format!("image: {}", image.describe()));
        let tensor =
            tensor.as_ref().map(|TensorPreprocessing { zero, scale }| format!("tensor: (x - {zero}) * {scale}"));
        let parts: Vec<String> = [text, image, tensor].into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "as given" } else { "" })?;
        f.write_str(&parts.join("; "))
    }
}

impl ImagePreprocessing {
    #[expect(clippy::float_cmp, reason = "what a card leaves out is the default to the last bit")]
    fn describe(&self) -> String {
        let Self { resize, interpolation, crop, colours, mean, std, layout } = self;
        let filter = match interpolation {
            Interpolation::Nearest => "nearest",
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic",
            Interpolation::BilinearNoAntialias => "bilinear without antialiasing",
        };
        let mut parts = match resize {
            Resize::ShortSide(pixels) => vec![format!("short side {pixels}"), filter.to_owned()],
            Resize::Stretch { width, height } => vec![format!("stretched to {width}x{height}"), filter.to_owned()],
            Resize::Letterbox { width, height, fill: _ } => {
                vec![format!("letterbox {width}x{height}"), filter.to_owned()]
            }
            Resize::None => Vec::new(),
        };
        parts.extend(crop.map(|side| format!("centre crop {side}")));
        parts.push(if *colours == Colours::Rgb { "RGB" } else { "BGR" }.to_owned());
        if *mean != [0.0; 3] || *std != ones() {
            parts.push(format!("(x - {mean:?}) / {std:?}"));
        }
        parts.push(if *layout == Layout::Nchw { "NCHW" } else { "NHWC" }.to_owned());
        parts.join(", ")
    }
}

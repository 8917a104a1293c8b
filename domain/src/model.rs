//! Models: the files a cell measures, the precisions a model comes in, and what is known of one before it runs.
//!
//! A *variant* is a model in another precision than its original, made by a converter or attached by its user. What a
//! model is for and how its graph looks stands on its [`ModelCard`]; the card describes and never decides what is measured.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, Postprocessing, Preprocessing};

/// A model as a cell names it: every byte by its hash.
///
/// What is left at its default is left out of the JSON, so that cells keep their keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    pub name: String,
    /// As the campaign asks for it; `None` = it asks for the model as it was added, whatever that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// SHA-256 of the ONNX file.
    pub sha256: Digest,
    pub size_bytes: u64,
    /// SHA-256 of tokenizer.json; `None` if the model takes no text.
    pub tokenizer_sha256: Option<Digest>,
    /// Files that hold weights of the model (ONNX external data), by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ModelFile>,
}

/// One file that belongs to an ONNX file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelFile {
    /// From the ONNX file's folder, as the ONNX file names it.
    pub path: String,
    pub sha256: Digest,
    pub size_bytes: u64,
}

impl ModelRef {
    /// A model that is only known by the file it is read from: for measuring without a coordinator.
    pub fn nameless() -> Self {
        Self {
            name: String::new(),
            precision: None,
            sha256: Digest::of(b""),
            size_bytes: 0,
            tokenizer_sha256: None,
            files: Vec::new(),
        }
    }

    /// Bytes of the ONNX file and of those beside it.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().fold(self.size_bytes, |total, file| total.saturating_add(file.size_bytes))
    }
}

impl fmt::Display for ModelRef {
    /// For people: the name, and the precision where one was asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.precision.as_ref().map_or(Ok(()), |precision| write!(f, " {precision}"))
    }
}

/// The number format of a model's weights and arithmetic: one for which Furlong has a recipe (`fp16`, `int8-dynamic`), or
/// a label under which a user attached a variant of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Precision(Cow<'static, str>);

/// How a variant is made from an fp32 original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipe {
    /// Weights and arithmetic in 16 bits; inputs and outputs stay in 32.
    Fp16,
    /// Weights in 8 bits; the range of activations is taken at run time, per tensor.
    Int8Dynamic,
    /// Weights in 8 bits, arithmetic in 32.
    Int8WeightOnly,
    /// Weights and activations in 8 bits; ranges come from calibration data.
    Int8Static,
    /// Weights in blocks of 4 bits, arithmetic in 32.
    Int4Weight,
}

impl Recipe {
    pub const ALL: [Self; 5] =
        [Self::Fp16, Self::Int8Dynamic, Self::Int8WeightOnly, Self::Int8Static, Self::Int4Weight];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Fp16 => "fp16",
            Self::Int8Dynamic => "int8-dynamic",
            Self::Int8WeightOnly => "int8-weight-only",
            Self::Int8Static => "int8-static",
            Self::Int4Weight => "int4-weight",
        }
    }
}

/// Text that is no precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no precision: a label has 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, and begins with a letter"
)]
pub struct InvalidPrecision(String);

impl Precision {
    pub const FP32: Self = Self(Cow::Borrowed("fp32"));

    /// Takes a recipe's name, `fp32`, or a label that a user chose.
    pub fn parse(text: &str) -> Result<Self, InvalidPrecision> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if begins && text.len() <= 64 && text.bytes().all(plain) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(InvalidPrecision(text.to_owned()))
        }
    }

    /// How to make it; `None` for `fp32`, from which all are made, and for a user's label.
    pub fn recipe(&self) -> Option<Recipe> {
        Recipe::ALL.into_iter().find(|recipe| recipe.name() == self.0)
    }

    /// The precisions that need no attaching.
    pub fn known() -> impl Iterator<Item = &'static str> {
        std::iter::once("fp32").chain(Recipe::ALL.into_iter().map(Recipe::name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Recipe> for Precision {
    fn from(recipe: Recipe) -> Self {
        Self(Cow::Borrowed(recipe.name()))
    }
}

impl TryFrom<String> for Precision {
    type Error = InvalidPrecision;

    fn try_from(text: String) -> Result<Self, InvalidPrecision> {
        Self::parse(&text)
    }
}

impl From<Precision> for String {
    fn from(precision: Precision) -> Self {
        precision.0.into_owned()
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a variant came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// SHA-256 of the ONNX file it was made from.
    pub original: Digest,
    /// The function that made it, e.g. `onnxruntime.quantization.quantize_dynamic`; `attached` for a user's own.
    pub tool: String,
    /// Version by package, e.g. `onnxruntime` and `1.32.0`.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Every option by name, in the converter's own words.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// With the original, measured when it was made; `None` = not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
}

/// How far a variant's first float output points the way of its original's, on the same inputs. It tells what is broken; how
/// good a variant is, only its accuracy on real data tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Inputs that were compared, each one sample.
    pub samples: u32,
    /// Cosine of the angle between both outputs, from -1 to 1, the mean over the inputs.
    pub cosine_mean: f64,
    /// Of the worst input.
    pub cosine_min: f64,
}

/// What a campaign's model names can stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownModel {
    /// As it was added; its `precision` is `None`.
    pub original: ModelRef,
    /// Of the original; `None` if its graph tells none.
    pub precision: Option<Precision>,
    /// By precision; their `precision` is set.
    pub variants: BTreeMap<Precision, ModelRef>,
    pub evaluable: Evaluable,
}

/// What a model's card says that decides how the model is evaluated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluable {
    pub task: Option<String>,
    pub weights: Weights,
    pub preprocessing: Option<Preprocessing>,
    pub postprocessing: Option<Postprocessing>,
}

impl From<ModelCard> for Evaluable {
    fn from(card: ModelCard) -> Self {
        let ModelCard { precision: _, weights, task, preprocessing, postprocessing, expected_accuracy: _, graph: _ } =
            card;
        Self { task, weights, preprocessing, postprocessing }
    }
}

impl KnownModel {
    /// A model without variants.
    pub fn new(original: ModelRef, precision: Option<Precision>) -> Self {
        Self { original, precision, variants: BTreeMap::new(), evaluable: Evaluable::default() }
    }

    /// The files for that precision; `None` = nobody has made it yet.
    pub fn in_precision(&self, precision: Option<&Precision>) -> Option<ModelRef> {
        match precision {
            None => Some(self.original.clone()),
            // A variant that somebody attached under the original's own precision is what they want measured.
            Some(wanted) => self.variants.get(wanted).cloned().or_else(|| {
                (self.precision.as_ref() == Some(wanted))
                    .then(|| ModelRef { precision: Some(wanted.clone()), ..self.original.clone() })
            }),
        }
    }

    /// Whether [`KnownModel::in_precision`] can be answered by a converter.
    pub fn can_be_made(&self, precision: &Precision) -> bool {
        precision.recipe().is_some() && self.precision.as_ref() == Some(&Precision::FP32)
    }
}

/// What is known of a model before it runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Of most of its weights; `None` if it has none, or none of a type with a name here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    #[serde(default)]
    pub weights: Weights,
    /// What it is for, e.g. `sentence-similarity` or `image-classification`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// How an example becomes its inputs, and its outputs a prediction; `None` = the task's own way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Preprocessing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postprocessing: Option<Postprocessing>,
    /// As its authors publish it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected_accuracy: Vec<ExpectedAccuracy>,
    /// From inspecting the file; `None` if that could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphFacts>,
}

/// Where the weights come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// From a training, as far as is known.
    #[default]
    Trained,
    /// Drawn with this seed: for latency, memory and energy only. Accuracy is not applicable.
    Random { seed: u64 },
}

/// One published figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedAccuracy {
    /// e.g. `sts-b/dev`.
    pub dataset: String,
    /// e.g. `spearman`.
    pub metric: String,
    /// In the metric's own unit; shares are 0 to 1.
    pub value: f64,
    /// Who says so.
    #[serde(default)]
    pub source: String,
}

/// What the graph of an ONNX file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphFacts {
    pub producer: String,
    /// Version of each operator set; the standard one is `ai.onnx`.
    pub opsets: BTreeMap<String, i64>,
    /// e.g. `input_ids: int64[batch,sequence]`.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// Names of axes whose length is free.
    pub free_axes: Vec<String>,
    /// How often each operator occurs.
    pub operators: BTreeMap<String, u32>,
    pub nodes: u64,
    /// Number of weights by element type.
    pub parameters: BTreeMap<String, u64>,
    pub weight_bytes: u64,
    /// `None` if no shape of it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostFacts>,
}

impl GraphFacts {
    /// Weights of every type.
    pub fn parameter_count(&self) -> u64 {
        self.parameters.values().sum()
    }
}

/// What one inference costs, by arithmetic on the shapes; see `onnx::cost` for the formulas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostFacts {
    /// Lengths that were taken for the free axes.
    pub lengths: BTreeMap<String, u64>,
    /// Multiply-accumulates of floating point; each is two of `flops`.
    pub macs: u64,
    pub flops: u64,
    /// Operations on integers.
    pub integer_ops: u64,
    /// Bytes moved at least: weights once, inputs and outputs of the graph.
    pub bytes_lower: u64,
    /// Bytes moved if no operators are fused: all inputs and outputs of every node.
    pub bytes_upper: u64,
    /// Nodes that were counted.
    pub covered_nodes: u64,
    /// Operators that count as nothing because their cost is not known, and how often they occur.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uncovered: BTreeMap<String, u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precisions_are_recipes_or_labels() {
        let precision = |text| Precision::parse(text).expect(text);
        assert_eq!(precision("int8-dynamic").recipe(), Some(Recipe::Int8Dynamic));
        assert_eq!(precision("fp32"), Precision::FP32);
        assert_eq!(precision("fp32").recipe(), None);
        assert_eq!(precision("int8-awq.v2").recipe(), None);
        for bad in ["", "Int8", "8bit", "a b", &"x".repeat(65)] {
            assert!(Precision::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_variant_is_answered_and_a_missing_one_is_not() {
        let original = ModelRef { name: "m".to_owned(), ..ModelRef::nameless() };
        let mut model = KnownModel::new(original.clone(), Some(Precision::FP32));
        let fp16 = Precision::from(Recipe::Fp16);
        assert_eq!(model.in_precision(None), Some(original.clone()));
        let stated = ModelRef { precision: Some(Precision::FP32), ..original.clone() };
        assert_eq!(model.in_precision(Some(&Precision::FP32)), Some(stated));
        assert_eq!(model.in_precision(Some(&fp16)), None);
        assert!(model.can_be_made(&fp16));
        let variant = ModelRef { precision: Some(fp16.clone()), sha256: Digest::of(b"half"), ..original };
        model.variants.insert(fp16.clone(), variant.clone());
        assert_eq!(model.in_precision(Some(&fp16)), Some(variant));
        model.precision = Some(Precision::parse("int8").expect("a label"));
        assert!(!model.can_be_made(&Precision::from(Recipe::Int4Weight)), "variants are made from fp32 only");
    }

    #[test]
    fn a_model_without_precision_and_side_files_keeps_its_json() {
        let json = serde_json::to_value(ModelRef::nameless()).expect("encodes");
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["name", "sha256", "size_bytes", "tokenizer_sha256"]);
    }
}

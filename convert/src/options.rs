//! What a converter is asked for, and which of it matters to which recipe. Pure, but for [`Calibration::of_file`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use domain::Digest;
use domain::model::Recipe;
use serde::Serialize;
use serde_json::{Value, json};

use crate::isa::Isa;
use crate::scripts::hash_file;

/// Options of all recipes; each takes its own, see [`Options::fingerprint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// One scale for each output channel of a weight, and not one for the whole.
    pub per_channel: bool,
    /// Weights in 7 of the 8 bits, for processors on which 8 saturate.
    pub reduce_range: bool,
    /// Names of nodes that stay as they are: mixed precision. A node without a name goes by `<operator>_<position>`.
    pub exclude: Vec<String>,
    /// Operators to quantise; empty = those that the recipe takes.
    pub operators: Vec<String>,
    /// For `int8-static`, which needs it.
    pub calibration: Option<Calibration>,
    pub method: Method,
    pub activation: Activation,
    /// Weights that share a scale, in `int4-weight`: a power of two, at least 16.
    pub block_size: u32,
    /// Fuse before quantising what the runtime would fuse at load, such as Conv and `BatchNormalization`.
    pub preprocess: bool,
    /// With more weights than this, they go into a side file.
    pub side_file_bytes: u64,
}

/// Tensors to calibrate with: an .npz file with an array for each input, samples along the first axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calibration {
    pub path: PathBuf,
    pub sha256: Digest,
}

/// How the range of an activation is taken from the calibration's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    MinMax,
    /// The range whose distribution is nearest to that of all values (Kullback-Leibler).
    Entropy,
    /// All but the outermost 0.001 %.
    Percentile,
}

/// Signs of activations in `int8-static`; weights are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// U8S8: the form of the x86 kernels.
    Unsigned,
    /// S8S8: the form of the Arm kernels.
    Signed,
}

/// A protobuf message ends at 2 GiB; what is no weight needs room too.
const SIDE_FILE_BYTES: u64 = 1_900_000_000;
const BLOCK_SIZE: u32 = 32;

impl Calibration {
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), sha256: hash_file(path)?.0 })
    }
}

impl Options {
    /// Fit for every one of the targets; variants are for devices, and not for the machine that converts. Without any
    /// target, the most careful ones.
    ///
    /// Weights have a scale for each channel whatever the targets are: it costs no time that could be measured, and MiniLM's
    /// embeddings keep a cosine of 0.99 with the original's, where one scale leaves 0.97.
    pub fn for_targets<'a>(targets: impl IntoIterator<Item = &'a Isa>) -> Self {
        let targets: Vec<&Isa> = targets.into_iter().collect();
        let all = |has: fn(&Isa) -> bool| !targets.is_empty() && targets.iter().all(|isa| has(isa));
        Self {
            per_channel: true,
            reduce_range: !all(Isa::has_dot_product),
            exclude: Vec::new(),
            operators: Vec::new(),
            calibration: None,
            method: Method::MinMax,
            activation: if all(|isa| !isa.is_x86()) { Activation::Signed } else { Activation::Unsigned },
            block_size: BLOCK_SIZE,
            preprocess: true,
            side_file_bytes: SIDE_FILE_BYTES,
        }
    }

    /// What of the options matters to that recipe, in one form only: options with equal fingerprints make equal variants.
    pub fn fingerprint(&self, recipe: Recipe) -> String {
        let Self {
            per_channel,
            reduce_range,
            exclude,
            operators,
            calibration,
            method,
            activation,
            block_size,
            preprocess,
            side_file_bytes,
        } = self;
        let mut values: BTreeMap<&str, Value> = BTreeMap::new();
        values.insert("exclude", json!(sorted(exclude)));
        values.insert("side_file_bytes", json!(side_file_bytes));
        let is_int8 = matches!(recipe, Recipe::Int8Dynamic | Recipe::Int8WeightOnly | Recipe::Int8Static);
        if is_int8 {
            values.insert("per_channel", json!(per_channel));
            values.insert("operators", json!(sorted(operators)));
            values.insert("preprocess", json!(preprocess));
        }
        if matches!(recipe, Recipe::Int8Dynamic | Recipe::Int8Static) {
            // Of weights only, the arithmetic is in floats and cannot saturate.
            values.insert("reduce_range", json!(reduce_range));
        }
        if recipe == Recipe::Int8Static {
            values.insert("calibration", json!(calibration.as_ref().map(|calibration| calibration.sha256)));
            values.insert("method", json!(method));
            values.insert("activation", json!(activation));
        }
        if recipe == Recipe::Int4Weight {
            values.insert("block_size", json!(block_size));
        }
        // A map sorted by key of plain values: there is nothing in it that could fail to encode.
        format!("{}:{}", recipe.name(), json!(values))
    }

    /// As the script takes them, with the absolute path of the calibration's file.
    pub(crate) fn to_json(&self, calibration_path: Option<&str>) -> Value {
        let Self {
            per_channel,
            reduce_range,
            exclude,
            operators,
            calibration: _,
            method,
            activation,
            block_size,
            preprocess,
            // Part of the job, because it is about files.
            side_file_bytes: _,
        } = self;
        json!({
            "per_channel": per_channel,
            "reduce_range": reduce_range,
            "exclude": sorted(exclude),
            "operators": sorted(operators),
            "calibration": calibration_path,
            "method": method,
            "activation": activation,
            "block_size": block_size,
            "preprocess": preprocess,
        })
    }
}

/// For this machine alone.
pub fn host_defaults() -> Options {
    Options::for_targets([&Isa::host()])
}

fn sorted(names: &[String]) -> Vec<&str> {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn avx2() -> Isa {
        Isa::new("x86_64", ["avx2"])
    }

    fn vnni() -> Isa {
        Isa::new("x86_64", ["avx2", "avx512_vnni"])
    }

    fn pi5() -> Isa {
        Isa::new("aarch64", ["asimd", "asimddp"])
    }

    fn pi4() -> Isa {
        Isa::new("aarch64", ["asimd"])
    }

    #[test]
    fn one_target_without_a_dot_product_reduces_the_range_for_all() {
        let check = |targets: &[Isa], reduce_range: bool, activation: Activation| {
            let options = Options::for_targets(targets);
            assert_eq!((options.reduce_range, options.activation), (reduce_range, activation), "{targets:?}");
            assert!(options.per_channel);
        };
        check(&[vnni()], false, Activation::Unsigned);
        check(&[vnni(), avx2()], true, Activation::Unsigned);
        check(&[pi5()], false, Activation::Signed);
        check(&[pi5(), pi4()], true, Activation::Signed);
        check(&[pi5(), vnni()], false, Activation::Unsigned);
        check(&[], true, Activation::Unsigned);
    }

    #[test]
    fn a_fingerprint_has_what_the_recipe_takes_and_nothing_else() {
        let options = Options::for_targets([&vnni()]);
        let other = Options { method: Method::Entropy, block_size: 64, ..options.clone() };
        assert_eq!(options.fingerprint(Recipe::Fp16), r#"fp16:{"exclude":[],"side_file_bytes":1900000000}"#);
        for recipe in [Recipe::Fp16, Recipe::Int8Dynamic, Recipe::Int8WeightOnly] {
            assert_eq!(options.fingerprint(recipe), other.fingerprint(recipe));
        }
        for recipe in [Recipe::Int8Static, Recipe::Int4Weight] {
            assert_ne!(options.fingerprint(recipe), other.fingerprint(recipe));
        }
    }

    #[test]
    fn a_fingerprint_knows_no_order_and_no_paths() {
        let calibration = |path: &str| Some(Calibration { path: path.into(), sha256: Digest::of(b"data") });
        let with = |exclude: &[&str], path| Options {
            exclude: exclude.iter().map(|&name| name.to_owned()).collect(),
            calibration: calibration(path),
            ..Options::for_targets([])
        };
        let recipe = Recipe::Int8Static;
        assert_eq!(with(&["b", "a", "b"], "x").fingerprint(recipe), with(&["a", "b"], "y").fingerprint(recipe));
        assert_ne!(with(&["a,b"], "x").fingerprint(recipe), with(&["a", "b"], "x").fingerprint(recipe));
    }
}

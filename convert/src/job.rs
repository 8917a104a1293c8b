//! One variant to make.

use std::path::PathBuf;

use domain::Digest;
use domain::model::{Precision, Recipe};

use crate::error::ConvertError;
use crate::lock::{LOCK, short_hash};
use crate::options::Options;

/// Raised by hand when the scripts make other bytes of the same job than before.
const REVISION: u32 = 1;

/// What to make of which file, and where to put it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// An fp32 model; its side files lie beside it.
    pub original: PathBuf,
    /// Compared with the file before anything is made of it.
    pub original_sha256: Digest,
    pub precision: Precision,
    pub options: Options,
    /// The ONNX file to write. Its folder must exist; side files and, for a while, temporary files go there too.
    pub out: PathBuf,
}

impl Job {
    /// The variant's address before it is made: jobs with equal keys make equal variants, but for the last bits of what
    /// `int8-static` measures, which depend on the machine.
    pub fn key(&self) -> Result<Digest, ConvertError> {
        let Self { original: _, original_sha256, precision: _, options, out: _ } = self;
        let recipe = self.recipe()?;
        let text = format!("{original_sha256}\n{}\n{}\n{REVISION}", options.fingerprint(recipe), short_hash(LOCK));
        Ok(Digest::of(text.as_bytes()))
    }

    pub(crate) fn recipe(&self) -> Result<Recipe, ConvertError> {
        self.precision.recipe().ok_or_else(|| ConvertError::NoRecipe { precision: self.precision.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(recipe: Recipe) -> Job {
        Job {
            original: "a.onnx".into(),
            original_sha256: Digest::of(b"a model"),
            precision: recipe.into(),
            options: Options::for_targets([]),
            out: "b.onnx".into(),
        }
    }

    fn key(job: &Job) -> Digest {
        job.key().expect("a recipe")
    }

    #[test]
    fn a_key_depends_on_contents_and_not_on_places() {
        let original = job(Recipe::Int8Dynamic);
        assert_eq!(key(&original), key(&Job { original: "c.onnx".into(), out: "d.onnx".into(), ..original.clone() }));
        assert_ne!(key(&original), key(&job(Recipe::Int8WeightOnly)));
        assert_ne!(key(&original), key(&Job { original_sha256: Digest::of(b"another"), ..original.clone() }));
        let options = Options { per_channel: false, ..original.options.clone() };
        assert_ne!(key(&original), key(&Job { options, ..original }));
    }

    #[test]
    fn a_label_has_no_recipe() {
        let error = Job { precision: Precision::parse("int8-awq").expect("a label"), ..job(Recipe::Fp16) }.key();
        let error = error.expect_err("no recipe").to_string();
        assert!(error.contains("int8-awq") && error.contains("int8-weight-only"), "{error}");
    }
}

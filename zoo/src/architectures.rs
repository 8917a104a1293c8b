//! The catalogue of architectures, and building one by its name.
//!
//! What each is made of stands in [text](crate::text) and [vision](crate::vision).

use std::fmt;

use onnx::{DataType, Dim};

use crate::error::BuildError;
use crate::net::{Built, Net};
use crate::text;
use crate::vision;
use crate::weights::Weights;

/// An architecture that can be built.
#[derive(Debug, Clone, Copy)]
pub struct Architecture {
    pub name: &'static str,
    /// Other names under which it is known.
    pub aliases: &'static [&'static str],
    pub task: Task,
    /// What it is, in a line.
    pub summary: &'static str,
    /// What [`build`] counts, head included.
    pub parameters: u64,
    pub published: Published,
    pub inputs: &'static [Input],
    /// What may stand before its weights' names in a file.
    pub(crate) prefixes: &'static [&'static str],
    /// Adds all but the inputs.
    pub(crate) construct: fn(&mut Net<'_>) -> Result<(), BuildError>,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    TextClassification,
    SentenceEmbedding,
    ImageClassification,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TextClassification => "text classification",
            Self::SentenceEmbedding => "sentence embedding",
            Self::ImageClassification => "image classification",
        })
    }
}

/// What its authors, or the reference implementation, say of an architecture.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// As precise as the source is.
    pub parameters: u64,
    pub source: &'static str,
}

/// An input of a model.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    pub name: &'static str,
    pub data_type: DataType,
    pub axes: &'static [Axis],
}

impl Input {
    pub(crate) fn dims(&self) -> Vec<Dim> {
        self.axes.iter().map(Axis::dim).collect()
    }
}

/// One axis of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    Fixed(i64),
    /// Chosen when the model runs; `usual` is the length that the literature measures with.
    Free {
        name: &'static str,
        usual: i64,
    },
}

impl Axis {
    fn dim(&self) -> Dim {
        match *self {
            Self::Fixed(length) => Dim::Fixed(length),
            Self::Free { name, .. } => Dim::from(name),
        }
    }
}

/// Every architecture, text before vision, the largest of a family first.
static ARCHITECTURES: &[Architecture] = &[
    text::BERT_BASE,
    text::DISTILBERT,
    text::TINYBERT_6,
    text::TINYBERT_4,
    text::MOBILEBERT,
    text::MOBILEBERT_TINY,
    text::MINILM_L6,
    vision::EFFICIENTFORMER_L3,
    vision::EFFICIENTFORMER_L1,
    vision::MOBILEVIT_S,
    vision::MOBILEVIT_XS,
    vision::MOBILEVIT_XXS,
    vision::EDGEFORMER_S,
];

/// All that [`build`] knows.
pub fn architectures() -> &'static [Architecture] {
    ARCHITECTURES
}

/// The architecture of this name or alias, in upper or lower case.
pub fn architecture(name: &str) -> Result<&'static Architecture, BuildError> {
    let called = |known: &&str| known.eq_ignore_ascii_case(name);
    ARCHITECTURES
        .iter()
        .find(|architecture| called(&architecture.name) || architecture.aliases.iter().any(called))
        .ok_or_else(|| BuildError::UnknownArchitecture { name: name.to_owned(), hint: hint(name) })
}

/// The model of this architecture with these weights, as the bytes of an ONNX file: the same for the same arguments, on
/// every machine. Needs about as much memory as the model has bytes.
pub fn build(name: &str, weights: &Weights) -> Result<Built, BuildError> {
    let architecture = architecture(name)?;
    let mut net = Net::new(architecture.name, weights, architecture.prefixes);
    for input in architecture.inputs {
        net.input(input.name, input.data_type, &input.dims());
    }
    (architecture.construct)(&mut net)?;
    Ok(net.finish())
}

/// The nearest name, or all of them.
fn hint(name: &str) -> String {
    /// Jaro-Winkler similarity below which a guess annoys more than it helps.
    const NEAR: f64 = 0.8;
    let lower = name.to_ascii_lowercase();
    let nearest = ARCHITECTURES
        .iter()
        .flat_map(|known| known.aliases.iter().chain([&known.name]))
        .map(|known| (strsim::jaro_winkler(&lower, known), known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((similarity, known)) if similarity >= NEAR => format!("did you mean `{known}`?"),
        _ => format!("there are {}", ARCHITECTURES.iter().map(|known| known.name).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests;

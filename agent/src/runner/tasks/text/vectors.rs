//! From the vectors of tokens to that of a text, and the cosine of two.

use std::ops::Range;

use domain::Pooling;

use super::super::OutputTensor;

/// The least length a vector is divided by, as torch's `normalize` has it.
const LEAST_LENGTH: f64 = 1e-12;

/// The vector of a text. `own` tells where its tokens are among so many of the output. Without a pooling, an output with a
/// vector for each token is averaged, and any other one is the vector.
pub(super) fn pooled(
    tensor: &OutputTensor,
    own: impl FnOnce(usize) -> Result<Range<usize>, String>,
    pooling: Option<Pooling>,
) -> Result<Vec<f64>, String> {
    let OutputTensor { name, shape, values } = tensor;
    let unfit = |needed: &str| Err(format!("the output `{name}` has the shape {shape:?}; {needed}"));
    let (taken, width) = match (&shape[..], pooling) {
        (&[_, tokens, width], None | Some(Pooling::Mean | Pooling::First)) => (own(tokens)?, width),
        (&[_, width], None | Some(Pooling::None)) => (0..1, width),
        (_, Some(Pooling::Mean | Pooling::First)) => return unfit("pooling takes a vector of each token"),
        (_, None | Some(Pooling::None)) => return unfit("it is no vector of a text"),
    };
    let taken = if pooling == Some(Pooling::First) { taken.start..taken.start + 1 } else { taken };
    let vectors = values.get(taken.start * width..taken.end * width).unwrap_or_default();
    if vectors.is_empty() {
        return unfit("it has no numbers for the text");
    }
    let mut sums = vec![0.0; width];
    for vector in vectors.chunks_exact(width) {
        for (sum, &value) in sums.iter_mut().zip(vector) {
            *sum += f64::from(value);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^53 tokens")]
    let count = taken.len() as f64;
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

/// The cosine of the angle between two vectors; 0 where one of them has no length.
pub(super) fn cosine(a: &[f64], b: &[f64]) -> Result<f64, String> {
    if a.len() != b.len() {
        return Err(format!("the sentences' vectors have {} and {} numbers", a.len(), b.len()));
    }
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let length = |vector: &[f64]| product(vector, vector).sqrt().max(LEAST_LENGTH);
    Ok(product(a, b) / (length(a) * length(b)))
}

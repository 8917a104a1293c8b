//! Sketches of what a model answers to the cell's first query, so that a device that computes something else is found out.

use domain::{Digest, Fingerprint};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::input::Query;
use super::tasks::OutputTensor;

/// Of the random directions, the same for ever: sketches of different versions are compared.
const SEED: u64 = 0x6675_726c_6f6e_6701;

/// Projections of each output on fixed random directions of -1 and 1.
pub(super) fn of(outputs: &[OutputTensor]) -> Vec<Fingerprint> {
    outputs.iter().map(sketch).collect()
}

fn sketch(output: &OutputTensor) -> Fingerprint {
    let mut directions = ChaCha8Rng::seed_from_u64(SEED);
    let mut sketch = vec![0.0_f64; Fingerprint::PROJECTIONS];
    for &value in &output.values {
        // An infinity, which is allowed, would leave nothing to compare.
        let value = f64::from(value).clamp(f64::from(f32::MIN), f64::from(f32::MAX));
        let mut signs = directions.next_u32();
        for sum in &mut sketch {
            *sum += if signs & 1 == 0 { value } else { -value };
            signs >>= 1;
        }
    }
    Fingerprint { output: output.name.clone(), elements: output.values.len() as u64, sketch }
}

/// Identifies the inputs of a query, shapes included.
pub(super) fn inputs(query: &Query) -> Digest {
    let mut bytes = Vec::new();
    for tensor in &query.tensors {
        bytes.extend((tensor.shape.len() as u64).to_le_bytes());
        bytes.extend(tensor.shape.iter().flat_map(|length| length.to_le_bytes()));
        bytes.extend(&tensor.bytes);
    }
    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(values: Vec<f32>) -> OutputTensor {
        OutputTensor { name: "y".to_owned(), shape: vec![1, values.len()], values }
    }

    #[test]
    fn the_difference_of_sketches_tells_the_difference_of_outputs() {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let values: Vec<f32> = (0..10_000).map(|index| (index as f32 * 0.37).sin()).collect();
        let whole = sketch(&output(values.clone()));
        assert!(whole.difference(&whole).abs() < 1e-12);
        for error in [1e-4_f32, 1e-2, 0.3] {
            let off: Vec<f32> =
                values.iter().enumerate().map(|(i, v)| if i % 2 == 0 { v + error } else { v - error }).collect();
            // Of a sine the root mean square is 0.707.
            let expected = f64::from(error) / std::f64::consts::FRAC_1_SQRT_2;
            let told = whole.difference(&sketch(&output(off)));
            assert!((0.5..2.0).contains(&(told / expected)), "{error}: {told} for {expected}");
        }
        let other: Vec<f32> = values.iter().rev().copied().collect();
        assert!(whole.difference(&sketch(&output(other))) > 0.5);
        assert!(whole.difference(&sketch(&output(vec![1.0]))).is_infinite());
    }
}
